//! A file as the commands that write it: `resp`, for `redis-cli --pipe`.

use redwire_rdb::{Event, KeyHeader, Kind, Version};
use redwire_resp::{Encoder, Protocol, encode_request};
use redwire_tools::{Failure, payload, text};

use crate::{
    output::Output,
    walk::{KeyEnd, Visitor},
};

/// Writes a file as requests, a batch of elements to a command.
pub(crate) struct RespWriter {
    output: Output,
    out: Vec<u8>,
    version: Version,
    /// The database that the commands so far are for.
    selected: Option<u32>,
    hold: bool,
    functions: bool,
    /// Where the key's commands begin in `out`, and the database selected before.
    mark: (usize, Option<u32>),
    key: Vec<u8>,
    kind: Kind,
    type_byte: u8,
    expire_ms: Option<u64>,
    /// Arguments of the command under way, encoded, and how many they are.
    arguments: Vec<u8>,
    count: usize,
    /// `HPEXPIREAT`s that follow.
    field_expiries: Vec<(Vec<u8>, u64)>,
    /// RESTORE has the key's expiry already.
    expiry_done: bool,
    /// A string comes in pieces, and its command has begun.
    in_string: bool,
}

/// Arguments of one command, at most.
const BATCH: usize = 128;
/// Bytes of one command's arguments, about.
const BATCH_BYTES: usize = 64 << 10;
const FLUSH: usize = 128 << 10;

impl RespWriter {
    /// `hold`: whether filters need a key's size. `functions`: whether to write function libraries.
    pub(crate) fn new(output: Output, hold: bool, functions: bool) -> Self {
        Self {
            output,
            out: Vec::new(),
            version: Version::REDIS_6_0,
            selected: None,
            hold,
            functions,
            mark: (0, None),
            key: Vec::new(),
            kind: Kind::String,
            type_byte: 0,
            expire_ms: None,
            arguments: Vec::new(),
            count: 0,
            field_expiries: Vec::new(),
            expiry_done: false,
            in_string: false,
        }
    }

    /// Commands from elsewhere, which `append` writes; what is wrong with them is refused.
    pub(crate) fn tail<E: std::fmt::Display>(
        &mut self,
        append: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), Failure> {
        append(&mut self.out).map_err(|error| Failure::Refused(error.to_string()))?;
        self.flush()
    }

    /// All is written.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.output.write(&self.out)?;
        self.output.finish()
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.out.len() >= FLUSH {
            self.output.write(&self.out)?;
            self.out.clear();
        }
        Ok(())
    }

    fn argument(&mut self, bytes: &[u8]) {
        Encoder::new(&mut self.arguments, Protocol::Resp2).bulk(bytes);
        self.count += 1;
    }

    /// Writes the command under way, if it has arguments.
    fn send(&mut self) -> Result<(), Failure> {
        if self.count == 0 {
            return Ok(());
        }
        let name: &[u8] = match self.kind {
            Kind::List => b"RPUSH",
            Kind::Set => b"SADD",
            Kind::Zset => b"ZADD",
            _ => b"HSET",
        };
        let mut command = Encoder::new(&mut self.out, Protocol::Resp2);
        command.array(self.count + 2);
        command.bulk(name);
        command.bulk(&self.key);
        self.out.append(&mut self.arguments);
        self.count = 0;
        if self.hold { Ok(()) } else { self.flush() }
    }

    fn send_if_full(&mut self) -> Result<(), Failure> {
        if self.count >= BATCH || self.arguments.len() >= BATCH_BYTES {
            self.send()
        } else {
            Ok(())
        }
    }

    /// RESTORE, since no other commands give all that a stream or a module's value has.
    fn opaque(&mut self, body: &[u8]) {
        self.expiry_done = true;
        let payload = payload(self.version, self.type_byte, body);
        let at = self.expire_ms.unwrap_or(0).to_string();
        let arguments: &[&[u8]] =
            &[b"RESTORE", &self.key, at.as_bytes(), &payload, b"REPLACE", b"ABSTTL"];
        encode_request(&mut self.out, arguments);
    }

    /// A piece of a string, behind which `left` bytes follow.
    fn string_part(&mut self, bytes: &[u8], left: u64) -> Result<(), Failure> {
        if !self.in_string {
            let mut command = Encoder::new(&mut self.out, Protocol::Resp2);
            command.array(3);
            command.bulk(b"SET");
            command.bulk(&self.key);
            let len = bytes.len() as u64 + left;
            self.out.extend_from_slice(format!("${len}\r\n").as_bytes());
        }
        self.in_string = left > 0;
        self.out.extend_from_slice(bytes);
        if !self.in_string {
            self.out.extend_from_slice(b"\r\n");
        }
        if self.hold { Ok(()) } else { self.flush() }
    }

    fn expiries(&mut self) {
        for (field, at) in self.field_expiries.drain(..) {
            let at = at.to_string();
            let arguments: &[&[u8]] =
                &[b"HPEXPIREAT", &self.key, at.as_bytes(), b"FIELDS", b"1", &field];
            encode_request(&mut self.out, arguments);
        }
        if let (Some(at), false) = (self.expire_ms, self.expiry_done) {
            encode_request(&mut self.out, [b"PEXPIREAT", &self.key[..], at.to_string().as_bytes()]);
        }
    }
}

impl Visitor for RespWriter {
    const PIECES: Option<u64> = Some(1 << 20);

    fn start(&mut self, version: Version) -> Result<(), Failure> {
        self.version = version;
        Ok(())
    }

    fn file(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        if let (Event::Function(code), true) = (event, self.functions) {
            encode_request(&mut self.out, [b"FUNCTION", &b"LOAD"[..], b"REPLACE", code]);
        }
        Ok(())
    }

    fn key(&mut self, db: u32, header: &KeyHeader<'_>) -> Result<(), Failure> {
        self.mark = (self.out.len(), self.selected);
        if self.selected != Some(db) {
            encode_request(&mut self.out, [b"SELECT", db.to_string().as_bytes()]);
            self.selected = Some(db);
        }
        self.key.clear();
        self.key.extend_from_slice(header.key);
        self.kind = header.kind;
        self.type_byte = header.type_byte;
        self.expire_ms = header.expire_ms;
        self.expiry_done = false;
        Ok(())
    }

    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match *event {
            Event::String(bytes) => encode_request(&mut self.out, [b"SET", &self.key[..], bytes]),
            Event::StringPart { bytes, left } => self.string_part(bytes, left)?,
            Event::Element(bytes) => self.argument(bytes),
            Event::Scored(member, score) => {
                self.argument(text::score(score).as_bytes());
                self.argument(member);
            }
            Event::Field { field, value, expires_ms } => {
                self.argument(field);
                self.argument(value);
                self.field_expiries.extend(expires_ms.map(|at| (field.to_vec(), at)));
            }
            Event::Opaque { body, .. } => self.opaque(body),
            _ => {}
        }
        self.send_if_full()
    }

    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure> {
        if !end.admitted {
            self.out.truncate(self.mark.0);
            self.selected = self.mark.1;
            self.arguments.clear();
            self.count = 0;
            self.field_expiries.clear();
            return Ok(());
        }
        self.send()?;
        if !end.empty {
            self.expiries();
        }
        self.flush()
    }
}
