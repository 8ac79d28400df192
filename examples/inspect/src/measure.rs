//! What a key weighs: in the file, in elements, and about how much in a server's memory.

use redwire_rdb::{Event, KeyHeader, Kind, Version};
use redwire_tools::{Failure, TypeName};

use crate::walk::{KeyEnd, Visitor};

/// What a command does with keys once they are weighed.
pub(crate) trait Weighed {
    /// The magic: the file's version.
    fn start(&mut self, _version: Version) {}
    /// Whatever is neither key, value nor database.
    fn file(&mut self, _event: &Event<'_>) {}
    /// A key that passed all filters.
    fn weight(&mut self, weight: Weight) -> Result<(), Failure>;
}

/// Weighs the keys of a walk for `to`.
pub(crate) struct Weighing<'a, W> {
    to: &'a mut W,
    measure: Measure,
}

impl<'a, W: Weighed> Weighing<'a, W> {
    pub(crate) fn new(to: &'a mut W) -> Self {
        Self { to, measure: Measure::default() }
    }
}

impl<W: Weighed> Visitor for Weighing<'_, W> {
    const PIECES: Option<u64> = Some(1 << 20);

    fn start(&mut self, version: Version) -> Result<(), Failure> {
        self.to.start(version);
        Ok(())
    }

    fn file(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        self.to.file(event);
        Ok(())
    }

    fn key(&mut self, db: u32, header: &KeyHeader<'_>) -> Result<(), Failure> {
        self.measure.begin(db, header);
        Ok(())
    }

    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        self.measure.part(event);
        Ok(())
    }

    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure> {
        if end.admitted { self.to.weight(self.measure.end(end.bytes)) } else { Ok(()) }
    }
}

/// Adds up a key while it passes.
#[derive(Debug, Default)]
struct Measure {
    key: Vec<u8>,
    db: u32,
    type_byte: u8,
    kind: Option<TypeName>,
    expire_ms: Option<u64>,
    elements: u64,
    largest: u64,
    memory: u64,
    payload: u64,
}

/// A key, weighed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Weight {
    pub(crate) key: Vec<u8>,
    pub(crate) db: u32,
    pub(crate) kind: TypeName,
    pub(crate) encoding: &'static str,
    /// Bytes in the file.
    pub(crate) bytes: u64,
    /// About how many bytes a server on 64 bits takes for it.
    pub(crate) memory: u64,
    /// 1 for a string.
    pub(crate) elements: u64,
    /// Bytes of the largest element.
    pub(crate) largest: u64,
    pub(crate) expire_ms: Option<u64>,
}

/// The size class of jemalloc that `bytes` fall in: steps of 16 up to 128, then four a doubling.
fn allocated(bytes: u64) -> u64 {
    if bytes <= 128 {
        return bytes.next_multiple_of(16).max(8);
    }
    let step = bytes.next_power_of_two() / 8;
    bytes.next_multiple_of(step.max(16))
}

/// A string with its header, as servers hold it.
fn sds(len: u64) -> u64 {
    let header = match len {
        0..32 => 1,
        32..256 => 3,
        256..65536 => 5,
        _ => 9,
    };
    allocated(len + header + 1)
}

const OBJECT: u64 = 16;
/// An entry of a hash table and its place in the table.
const ENTRY: u64 = 24 + 8;
/// An entry of the table of expiries.
const EXPIRY: u64 = ENTRY;
const SKIPLIST_NODE: u64 = 40;

/// How OBJECT ENCODING names what a server makes of a type.
fn encoding(type_byte: u8) -> &'static str {
    match type_byte {
        0 => "string",
        1 | 14 | 18 => "quicklist",
        2 | 4 | 22 | 24 => "hashtable",
        3 | 5 => "skiplist",
        7 => "module",
        9 => "zipmap",
        10 | 12 | 13 => "ziplist",
        11 => "intset",
        16 | 17 | 20 | 23 | 25 => "listpack",
        15 | 19 | 21 | 26 | 27 => "stream",
        28 => "array",
        33 => "gcra",
        _ => "unknown",
    }
}

impl Measure {
    /// A key begins.
    fn begin(&mut self, db: u32, header: &KeyHeader<'_>) {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        key.extend_from_slice(header.key);
        let memory = ENTRY + OBJECT + sds(key.len() as u64);
        *self = Self {
            key,
            db,
            type_byte: header.type_byte,
            kind: Some(TypeName::of(header)),
            expire_ms: header.expire_ms,
            memory: memory + if header.expire_ms.is_some() { EXPIRY } else { 0 },
            ..Self::default()
        };
        if header.kind == Kind::String {
            self.elements = 1;
        }
    }

    fn element(&mut self, len: u64, apart: u64) {
        self.elements += 1;
        self.largest = self.largest.max(len);
        self.payload += len;
        self.memory += if self.is_packed() { 0 } else { apart };
    }

    fn is_packed(&self) -> bool {
        matches!(
            encoding(self.type_byte),
            "listpack" | "ziplist" | "zipmap" | "intset" | "quicklist"
        )
    }

    /// A piece of its value.
    fn part(&mut self, event: &Event<'_>) {
        match *event {
            Event::String(bytes) => {
                self.largest = bytes.len() as u64;
                let is_int = redwire_rdb::packed::parse_int(bytes).is_some();
                self.memory += if is_int { 0 } else { sds(self.largest) };
            }
            // The first tells the length of all.
            Event::StringPart { bytes, left } if self.largest == 0 => {
                self.largest = bytes.len() as u64 + left;
                self.memory += sds(self.largest);
            }
            Event::Element(bytes) => {
                let len = bytes.len() as u64;
                self.element(len, ENTRY + sds(len));
            }
            Event::Scored(member, _) => {
                let len = member.len() as u64;
                self.element(len + 8, ENTRY + SKIPLIST_NODE + sds(len));
            }
            Event::Field { field, value, .. } => {
                let (field, value) = (field.len() as u64, value.len() as u64);
                self.element(field + value, ENTRY + sds(field) + sds(value));
            }
            Event::Opaque { type_byte, body } => {
                self.payload = body.len() as u64;
                self.memory += allocated(self.payload);
                self.elements = redwire_rdb::length::decode_number(body)
                    .ok()
                    .flatten()
                    .filter(|_| !matches!(type_byte, 7 | 33))
                    .map_or(1, |(nodes, _)| nodes);
            }
            _ => {}
        }
    }

    /// The key ends; it took `bytes` of the file.
    fn end(&mut self, bytes: u64) -> Weight {
        if self.is_packed() {
            // Two bytes of frame for an element, and each node's own.
            let packed = self.payload + 2 * self.elements;
            self.memory += allocated(packed + 7) + 32 * packed.div_ceil(8192);
        }
        Weight {
            key: self.key.clone(),
            db: self.db,
            kind: self.kind.unwrap_or(TypeName::String),
            encoding: encoding(self.type_byte),
            bytes,
            memory: self.memory,
            elements: self.elements,
            largest: self.largest,
            expire_ms: self.expire_ms,
        }
    }
}
