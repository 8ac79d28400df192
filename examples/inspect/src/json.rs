//! One JSON object a line, nothing lost: `json`, and what `from-json` reads.

use redwire_rdb::{Event, KeyHeader, Kind, Version};

use crate::{
    failure::Failure,
    filter::TypeName,
    output::Output,
    stream, text, value,
    walk::{KeyEnd, Visitor},
};

/// Writes a file as JSON lines, element by element.
pub(crate) struct JsonWriter {
    output: Output,
    out: Vec<u8>,
    version: Option<Version>,
    /// Where the key's line begins in `out`, while it may have to go.
    line: usize,
    /// Keep a key in memory until its size is known.
    hold: bool,
    /// Write the lines of what is no key.
    all: bool,
    kind: Kind,
    first: bool,
}

/// Bytes gathered for one write.
const FLUSH: usize = 128 << 10;

impl JsonWriter {
    /// `hold`: whether filters need a key's size. `all`: whether to write notes and functions.
    pub(crate) fn new(output: Output, hold: bool, all: bool) -> Self {
        let out = Vec::with_capacity(2 * FLUSH);
        let kind = Kind::String;
        Self { output, out, version: None, line: 0, hold, all, kind, first: true }
    }

    /// The file is whole.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.output.write(&self.out)?;
        self.output.finish()
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.out.len() >= FLUSH {
            self.output.write(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn optional(&mut self, name: &str, number: Option<u64>) {
        if let Some(number) = number {
            self.push(name);
            text::integer(&mut self.out, number);
        }
    }

    /// A line of one pair, the bytes always in base64.
    fn span(&mut self, name: &str, bytes: &[u8]) {
        self.push(name);
        text::base64(&mut self.out, bytes);
        self.push("\"}\n");
    }

    fn opaque(&mut self, type_byte: u8, body: &[u8]) -> Result<(), Failure> {
        let version = self.version.unwrap_or(Version::REDIS_6_0);
        if type_byte != 7 {
            self.push(",\"value\":");
            stream::json(&mut self.out, type_byte, body)
                .map_err(|error| Failure::Refused(format!("a stream: {error}")))?;
        }
        self.push(",\"dump\":\"");
        text::base64(&mut self.out, &value::payload(version, type_byte, body));
        self.push("\"");
        Ok(())
    }
}

impl Visitor for JsonWriter {
    fn start(&mut self, version: Version) -> Result<(), Failure> {
        self.version = Some(version);
        if self.all {
            self.push(&format!("{{\"rdb\":\"{version}\"}}\n"));
        }
        Ok(())
    }

    fn file(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        if !self.all {
            return Ok(());
        }
        match event {
            Event::Aux { key, value } => {
                self.push("{\"aux\":[");
                text::json(&mut self.out, key);
                self.push(",");
                text::json(&mut self.out, value);
                self.push("]}\n");
            }
            Event::Function(code) => {
                self.push("{\"function\":");
                text::json(&mut self.out, code);
                self.push("}\n");
            }
            Event::ModuleAux(body) => self.span("{\"module_aux\":\"", body),
            Event::KeyMeta(body) => self.span("{\"key_meta\":\"", body),
            Event::SlotImport(body) => self.span("{\"slot_import\":\"", body),
            // Hints about sizes, which a writer finds anew.
            _ => {}
        }
        Ok(())
    }

    fn key(&mut self, db: u32, header: &KeyHeader<'_>) -> Result<(), Failure> {
        self.line = self.out.len();
        self.push("{\"db\":");
        text::integer(&mut self.out, u64::from(db));
        self.push(",\"key\":");
        text::json(&mut self.out, header.key);
        self.push(",\"type\":\"");
        self.push(TypeName::of(header).name());
        self.push("\"");
        self.optional(",\"expire_ms\":", header.expire_ms);
        self.optional(",\"idle\":", header.idle);
        self.optional(",\"freq\":", header.freq.map(u64::from));
        self.kind = header.kind;
        self.first = true;
        self.push(match header.kind {
            Kind::String => ",\"value\":",
            Kind::Stream | Kind::Opaque => "",
            _ => ",\"value\":[",
        });
        Ok(())
    }

    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match *event {
            Event::String(bytes) => text::json(&mut self.out, bytes),
            Event::Element(bytes) => {
                self.separate();
                text::json(&mut self.out, bytes);
            }
            Event::Scored(member, score) => {
                self.separate();
                self.out.push(b'[');
                text::json(&mut self.out, member);
                self.out.push(b',');
                text::json_score(&mut self.out, score);
                self.out.push(b']');
            }
            Event::Field { field, value, expires_ms } => {
                self.separate();
                self.out.push(b'[');
                text::json(&mut self.out, field);
                self.out.push(b',');
                text::json(&mut self.out, value);
                self.optional(",", expires_ms);
                self.out.push(b']');
            }
            Event::Opaque { type_byte, body } => self.opaque(type_byte, body)?,
            _ => {}
        }
        if self.hold { Ok(()) } else { self.flush() }
    }

    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure> {
        if !end.admitted {
            self.out.truncate(self.line);
            return Ok(());
        }
        self.push(match self.kind {
            Kind::String | Kind::Stream | Kind::Opaque => "}\n",
            _ => "]}\n",
        });
        self.flush()
    }
}
