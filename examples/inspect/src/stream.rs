//! A stream's bytes as JSON. The decoder has walked and checked them.

use std::borrow::Cow;
use std::collections::HashMap;

use redwire_rdb::{
    length, listpack, lzf,
    packed::Value,
    string::{Header, NEVER_COMPRESSED},
};

use crate::text;

/// Bytes of a stream's body that are not read yet. All readers answer `None` past the end.
struct Reader<'a> {
    rest: &'a [u8],
}

/// Types 19 and later count what was added and deleted.
const COUNTED: u8 = 19;
/// Types 21 and later know when a consumer was active.
const ACTIVE: u8 = 21;
const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;
const _: () = assert!(NEVER_COMPRESSED == 20, "the format's constant");

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, size) = length::decode_number(self.rest).ok()??;
        self.bytes(size)?;
        Some(number)
    }

    fn text(&mut self) -> Option<Cow<'a, [u8]>> {
        let (header, size) = Header::decode(self.rest).ok()??;
        self.bytes(size)?;
        Some(match header {
            Header::Raw { len } => self.bytes(usize::try_from(len).ok()?)?.into(),
            Header::Int(int) => int.to_string().into_bytes().into(),
            Header::Lzf { compressed, len } => {
                let mut out = Vec::new();
                let input = self.bytes(usize::try_from(compressed).ok()?)?;
                lzf::decompress(input, usize::try_from(len).ok()?, &mut out).ok()?;
                out.into()
            }
        })
    }

    /// An id of 16 bytes, big-endian.
    fn raw_id(&mut self) -> Option<(u64, u64)> {
        let id = u128::from_be_bytes(self.bytes(16)?.try_into().ok()?);
        Some(((id >> 64) as u64, id as u64))
    }

    fn id(&mut self) -> Option<(u64, u64)> {
        Some((self.number()?, self.number()?))
    }

    /// A time of 8 bytes, little-endian.
    fn time(&mut self) -> Option<i64> {
        Some(i64::from_le_bytes(self.bytes(8)?.try_into().ok()?))
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn put_id(out: &mut Vec<u8>, name: &str, (ms, seq): (u64, u64)) {
    put(out, &format!("{name}\"{ms}-{seq}\""));
}

/// Appends the stream as a JSON object; `None` when the bytes are not what the decoder checked.
pub(crate) fn json(out: &mut Vec<u8>, type_byte: u8, body: &[u8]) -> Option<()> {
    let mut reader = Reader { rest: body };
    put(out, "{\"entries\":[");
    let mut first = true;
    for _ in 0..reader.number()? {
        let master = reader.text()?;
        let master = u128::from_be_bytes(master.as_ref().try_into().ok()?);
        let node = reader.text()?;
        entries(out, master, &node, &mut first)?;
    }
    put(out, "],\"length\":");
    text::integer(out, reader.number()?);
    put_id(out, ",\"last_id\":", reader.id()?);
    if type_byte >= COUNTED {
        put_id(out, ",\"first_id\":", reader.id()?);
        put_id(out, ",\"max_deleted_id\":", reader.id()?);
        put(out, ",\"entries_added\":");
        text::integer(out, reader.number()?);
    }
    put(out, ",\"groups\":[");
    for index in 0..reader.number()? {
        put(out, if index > 0 { "," } else { "" });
        group(out, type_byte, &mut reader)?;
    }
    put(out, "]}");
    Some(())
}

/// The live entries of a node.
fn entries(out: &mut Vec<u8>, master: u128, node: &[u8], first: &mut bool) -> Option<()> {
    let mut values = listpack::iter(node).ok()?;
    let mut next = || values.next()?.ok();
    let int = |value: Option<Value<'_>>| match value {
        Some(Value::Int(int)) => Some(int),
        _ => None,
    };
    let live = int(next())?;
    let total = live.checked_add(int(next())?)?;
    let mut fields = Vec::new();
    for _ in 0..int(next())? {
        fields.push(next()?.to_vec());
    }
    next()?;
    for _ in 0..total {
        let flags = int(next())?;
        let ms = ((master >> 64) as u64).wrapping_add_signed(int(next())?);
        let seq = (master as u64).wrapping_add_signed(int(next())?);
        let same = flags & SAME_FIELDS != 0;
        let count = if same { fields.len() as i64 } else { int(next())? };
        let start = out.len();
        put(out, if *first { "[" } else { ",[" });
        put_id(out, "", (ms, seq));
        put(out, ",[");
        for index in 0..count {
            put(out, if index > 0 { "," } else { "" });
            match fields.get(usize::try_from(index).ok()?).filter(|_| same) {
                Some(name) => text::json(out, name),
                None => text::json(out, &next()?.to_vec()),
            }
            out.push(b',');
            text::json(out, &next()?.to_vec());
        }
        put(out, "]]");
        next()?;
        if flags & DELETED != 0 {
            out.truncate(start);
        } else {
            *first = false;
        }
    }
    Some(())
}

/// A group: its consumers, and its pending entries with who has them.
fn group(out: &mut Vec<u8>, type_byte: u8, reader: &mut Reader<'_>) -> Option<()> {
    put(out, "{\"name\":");
    text::json(out, &reader.text()?);
    put_id(out, ",\"last_id\":", reader.id()?);
    if type_byte >= COUNTED {
        // All ones stand for "not known".
        put(out, &format!(",\"entries_read\":{}", reader.number()? as i64));
    }
    let mut pending = Vec::new();
    for _ in 0..reader.number()? {
        pending.push((reader.raw_id()?, reader.time()?, reader.number()?));
    }
    let mut owners = HashMap::new();
    put(out, ",\"consumers\":[");
    for index in 0..reader.number()? {
        let name = reader.text()?;
        put(out, if index > 0 { ",{\"name\":" } else { "{\"name\":" });
        text::json(out, &name);
        put(out, &format!(",\"seen_ms\":{}", reader.time()?));
        if type_byte >= ACTIVE {
            put(out, &format!(",\"active_ms\":{}", reader.time()?));
        }
        out.push(b'}');
        for _ in 0..reader.number()? {
            owners.insert(reader.raw_id()?, index);
        }
    }
    put(out, "],\"pending\":[");
    for (index, (id, ms, count)) in pending.iter().enumerate() {
        put(out, if index > 0 { ",[" } else { "[" });
        put_id(out, "", *id);
        put(out, &format!(",{},{ms},{count}]", owners.get(id)?));
    }
    put(out, "]}");
    Some(())
}
