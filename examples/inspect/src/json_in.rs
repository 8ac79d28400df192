//! What `json` wrote, back into an RDB file.

use redwire_rdb::{DecodeOptions, Decoder, Encoder, Event, Kind, Version, dump};
use redwire_tools::{Failure, text};
use serde_json::Value as Json;

use crate::{
    output::Output,
    value::{self, Head, Value},
};

/// Writes the RDB file that JSON lines describe, a line at a time.
pub(crate) struct JsonReader {
    output: Output,
    out: Vec<u8>,
    target: Option<Version>,
    encoder: Option<Encoder>,
    db: Option<u64>,
}

/// What is wrong with a line.
type Wrong = String;

impl JsonReader {
    /// Without a `target`, the version that the first line names, or else the oldest.
    pub(crate) fn new(output: Output, target: Option<Version>) -> Self {
        Self { output, out: Vec::new(), target, encoder: None, db: None }
    }

    /// Takes a line.
    pub(crate) fn line(&mut self, number: u64, line: &[u8]) -> Result<(), Failure> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        let wrong = |what: String| Failure::Refused(format!("line {number}: {what}"));
        let json: Json = serde_json::from_slice(line).map_err(|error| wrong(error.to_string()))?;
        self.object(&json).map_err(wrong)?;
        if self.out.len() >= 1 << 17 {
            self.output.write(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    /// The last line was read.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.begin(None);
        if let Some(encoder) = &mut self.encoder {
            encoder.end(&mut self.out);
        }
        self.output.write(&self.out)?;
        self.output.finish()
    }

    fn begin(&mut self, named: Option<Version>) -> (&mut Encoder, &mut Vec<u8>) {
        let target = self.target.or(named).unwrap_or(Version::REDIS_6_0);
        let out = &mut self.out;
        let encoder = self.encoder.get_or_insert_with(|| {
            let mut encoder = Encoder::new(value::options(target));
            encoder.start(out);
            encoder
        });
        (encoder, out)
    }

    fn object(&mut self, json: &Json) -> Result<(), Wrong> {
        if let Some(name) = json.get("rdb") {
            let magic = name.as_str().and_then(|name| name.as_bytes().try_into().ok());
            let version = magic.and_then(Version::from_magic).ok_or("unknown version")?;
            self.begin(Some(version));
            return Ok(());
        }
        let (encoder, out) = self.begin(None);
        if let Some([name, value]) = json.get("aux").and_then(Json::as_array).map(Vec::as_slice) {
            encoder.aux(out, &bytes(name)?, &bytes(value)?);
        } else if let Some(code) = json.get("function") {
            encoder.function(out, &bytes(code)?).map_err(|error| error.to_string())?;
        } else if let Some(body) = json.get("module_aux") {
            encoder.module_aux(out, &from_base64(body)?);
        } else if json.get("key").is_some() {
            self.key(json)?;
        } else if json.get("key_meta").is_some() || json.get("slot_import").is_some() {
            return Err("module metadata and slot imports cannot be written".into());
        } else {
            return Err("neither a key nor a note".into());
        }
        Ok(())
    }

    fn key(&mut self, json: &Json) -> Result<(), Wrong> {
        let db = number(json, "db")?.unwrap_or(0);
        let head = Head {
            key: bytes(&json["key"])?,
            expire_ms: number(json, "expire_ms")?,
            idle: number(json, "idle")?,
            freq: number(json, "freq")?
                .map(u8::try_from)
                .transpose()
                .map_err(|_| "freq over 255")?,
        };
        let mut value = value_of(json)?;
        if value.remove_duplicates() > 0 {
            return Err("an element comes twice".into());
        }
        value.sort_scores();
        if self.db != Some(db) {
            self.db = Some(db);
            let db = u32::try_from(db).map_err(|_| "no such database")?;
            let (encoder, out) = self.begin(None);
            encoder.select_db(out, db, 0, 0);
        }
        let (encoder, out) = self.begin(None);
        value.encode(encoder, out, &head.meta()).map_err(|error| error.to_string())
    }
}

fn number(json: &Json, name: &str) -> Result<Option<u64>, Wrong> {
    let Some(number) = json.get(name) else { return Ok(None) };
    number.as_u64().map(Some).ok_or_else(|| format!("{name} is no whole number"))
}

fn from_base64(json: &Json) -> Result<Vec<u8>, Wrong> {
    let text = json.as_str().ok_or("base64 must be a string")?;
    text::from_base64(text.as_bytes()).ok_or_else(|| "damaged base64".into())
}

fn bytes(json: &Json) -> Result<Vec<u8>, Wrong> {
    match json {
        Json::String(text) => Ok(text.clone().into_bytes()),
        Json::Object(_) => from_base64(json.get("b64").ok_or("expected a string or b64")?),
        _ => Err("expected a string or b64".into()),
    }
}

fn score(json: &Json) -> Result<f64, Wrong> {
    let score = match json.as_str() {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        _ => json.as_f64(),
    };
    score.ok_or_else(|| "a score is a number, \"inf\" or \"-inf\"".into())
}

fn items<T>(json: &Json, item: impl Fn(&Json) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
    json.as_array().ok_or("value must be an array")?.iter().map(item).collect()
}

fn value_of(json: &Json) -> Result<Value, Wrong> {
    let value = &json["value"];
    match json["type"].as_str() {
        Some("string") => Ok(Value::String(bytes(value)?)),
        Some("list") => Ok(Value::List(items(value, bytes)?)),
        Some("set") => Ok(Value::Set(items(value, bytes)?)),
        Some("zset") => {
            items(value, |item| Ok((bytes(&item[0])?, score(&item[1])?))).map(Value::Zset)
        }
        Some("hash") => items(value, field).map(Value::Hash),
        Some("stream" | "module" | "array" | "gcra") => opaque(&from_base64(&json["dump"])?),
        _ => Err("unknown type".into()),
    }
}

fn field(item: &Json) -> Result<value::Field, Wrong> {
    let expires_ms = match item.get(2) {
        Some(at) => Some(at.as_u64().ok_or("a field's expiry is a whole number")?),
        None => None,
    };
    Ok((bytes(&item[0])?, bytes(&item[1])?, expires_ms))
}

/// A value that only its payload tells; what stands in `value` beside it is for reading.
fn opaque(payload: &[u8]) -> Result<Value, Wrong> {
    let opened = dump::open(payload).map_err(|error| format!("dump: {error}"))?;
    let (kind, len) = check(opened).map_err(|error| format!("dump: {error}"))?;
    if !matches!(kind, Some(Kind::Stream | Kind::Opaque)) {
        return Err("dump: a value that is written out, not given by its payload".into());
    }
    // What stands behind the value is left out, as RESTORE does not look at it.
    let (type_byte, body) = opened.value[..len].split_first().ok_or("dump: no value")?;
    Ok(Value::Opaque { type_byte: *type_byte, body: body.to_vec() })
}

/// Walks through the value: a checksum tells nothing of what is below it. Answers its kind, and of
/// how many bytes it is.
fn check(payload: dump::Payload<'_>) -> Result<(Option<Kind>, usize), redwire_rdb::Error> {
    let mut decoder = Decoder::for_value(payload.version, DecodeOptions::default());
    let (mut unread, mut kind) = (payload.value, None);
    loop {
        let decoded = decoder.decode(unread)?;
        if let Some(Event::Key(header)) = decoded.event {
            kind = Some(header.kind);
        }
        let (used, more) = (decoded.used, decoded.event.is_some());
        unread = &unread[used..];
        if !more {
            return decoder.finish().map(|()| (kind, payload.value.len() - unread.len()));
        }
    }
}
