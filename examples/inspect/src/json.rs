//! One JSON object a line, nothing lost: `json`, and what `from-json` reads.

use redwire_rdb::{Event, KeyHeader, Kind, Version};
use redwire_tools::{Failure, TypeName, payload, text};

use crate::{
    output::Output,
    stream::StreamWriter,
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
    stream: StreamWriter,
    first: bool,
    /// The end of a piece of a string that is no whole group of base64; empty before the string.
    rest: Vec<u8>,
}

/// Bytes gathered for one write.
const FLUSH: usize = 128 << 10;
/// Bytes that base64 writes as four digits.
const GROUP: usize = 3;

impl JsonWriter {
    /// `hold`: whether filters need a key's size. `all`: whether to write notes and functions.
    pub(crate) fn new(output: Output, hold: bool, all: bool) -> Self {
        let out = Vec::with_capacity(2 * FLUSH);
        let kind = Kind::String;
        let (stream, rest) = (StreamWriter::default(), Vec::new());
        Self { output, out, version: None, line: 0, hold, all, kind, stream, first: true, rest }
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

    /// A piece of a string, always in base64: whether all of it is UTF-8 is not known yet.
    fn string_part(&mut self, bytes: &[u8], left: u64) {
        if std::mem::take(&mut self.first) {
            self.push("{\"b64\":\"");
            self.rest.clear();
        }
        let fill = (GROUP - self.rest.len() % GROUP) % GROUP;
        let (head, bytes) = bytes.split_at(fill.min(bytes.len()));
        self.rest.extend_from_slice(head);
        let whole = if left > 0 { bytes.len() / GROUP * GROUP } else { bytes.len() };
        if self.rest.len() == GROUP || left == 0 {
            text::base64(&mut self.out, &self.rest);
            self.rest.clear();
        }
        text::base64(&mut self.out, &bytes[..whole]);
        self.rest.extend_from_slice(&bytes[whole..]);
        if left == 0 {
            self.push("\"}");
        }
    }

    /// The bytes of a value: of a stream behind its parts; of other types, a module's say, there is
    /// nothing else that this could show.
    fn opaque(&mut self, type_byte: u8, body: &[u8]) {
        let version = self.version.unwrap_or(Version::REDIS_6_0);
        if self.kind == Kind::Stream {
            self.stream.end(&mut self.out);
        }
        self.push(",\"dump\":\"");
        text::base64(&mut self.out, &payload(version, type_byte, body));
        self.push("\"");
    }
}

impl Visitor for JsonWriter {
    const PIECES: Option<u64> = Some(64 << 20);
    const STREAM_PARTS: bool = true;

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
            Kind::String | Kind::Stream => ",\"value\":",
            Kind::Opaque => "",
            _ => ",\"value\":[",
        });
        if header.kind == Kind::Stream {
            self.stream.begin(&mut self.out);
        }
        Ok(())
    }

    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match *event {
            Event::String(bytes) => text::json(&mut self.out, bytes),
            Event::StringPart { bytes, left } => self.string_part(bytes, left),
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
            Event::Stream(ref part) => self.stream.part(&mut self.out, part),
            Event::Opaque { type_byte, body } => self.opaque(type_byte, body),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A string key as JSON, its value in pieces of these lengths.
    fn line(value: &[u8], lens: &[usize]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut writer = JsonWriter::new(Output::open(Some(&path)).unwrap(), false, false);
        let header = KeyHeader {
            key: b"k",
            expire_ms: None,
            idle: None,
            freq: None,
            kind: Kind::String,
            type_byte: 0,
        };
        writer.key(0, &header).unwrap();
        let mut rest = value;
        for len in lens.iter().copied().chain([usize::MAX]) {
            let (bytes, left) = rest.split_at(len.min(rest.len()));
            rest = left;
            if !bytes.is_empty() {
                writer.part(&Event::StringPart { bytes, left: left.len() as u64 }).unwrap();
            }
        }
        writer.key_end(KeyEnd { bytes: 0, admitted: true, empty: false }).unwrap();
        writer.finish().unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn pieces_of_any_length_make_one_string() {
        for len in 1..20u8 {
            let value: Vec<u8> = (0..len).map(|byte| byte.wrapping_mul(53)).collect();
            let mut expected =
                b"{\"db\":0,\"key\":\"k\",\"type\":\"string\",\"value\":{\"b64\":\"".to_vec();
            text::base64(&mut expected, &value);
            expected.extend_from_slice(b"\"}}\n");
            for (first, second) in (0..8).flat_map(|first| (0..8).map(move |next| (first, next))) {
                let found = line(&value, &[first, second, 1, 1, 2]);
                assert_eq!(found, expected, "{first} {second} of {len}");
            }
        }
    }
}
