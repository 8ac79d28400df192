//! A list cut into nodes as servers cut it.

use std::mem;
use std::ops::Range;

use crate::{
    Version, length, listpack, lzf, string,
    types::{container, type_byte},
    ziplist,
};

/// Bytes that a node may have whose elements are counted.
const COUNTED_BYTES: usize = 8192;
/// What servers take for the encoding of an element, beside its bytes, when they ask whether it fits.
const ESTIMATE: usize = 8;
/// An element of that many bytes is plain in Redis 7.0.
const PLAIN_BYTES: usize = 1 << 30;
/// A shorter node is never compressed by `list-compress-depth`, nor one that would not become this
/// much shorter.
const LEAST_COMPRESSED: usize = 48;
const LEAST_GAIN: usize = 8;

/// How a server is set that has a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The server's version: ziplists in nodes before Redis 7.0; in 7.0 only elements of 1 GiB are
    /// plain, later those that are longer than a node. Default the version of Redis 7.2, 8.0 and of
    /// Valkey cut lists the same.
    pub target: Version,
    /// `list-max-listpack-size`: from 1 to 32767 the number of elements of a node, which may have
    /// 8 KiB also; from -1 to -5 a node's bytes: 4, 8, 16, 32, 64 KiB. 0 is taken as 1, less than -5
    /// as -5. Default -2.
    pub fill: i32,
    /// `list-compress-depth`: how many nodes at each end stay as they are; those between are
    /// compressed. Default 0, which compresses none.
    pub compress: usize,
    /// `rdbcompression`: a node is compressed in the file where that makes it shorter, as any string
    /// is. Default false.
    pub compress_all: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { target: Version::REDIS_7_2, fill: -2, compress: 0, compress_all: false }
    }
}

impl Settings {
    /// The type of the values that a [`Builder`] makes: 14 or 18.
    #[must_use]
    pub fn type_byte(&self) -> u8 {
        if self.has_listpacks() { type_byte::QUICKLIST_2 } else { type_byte::QUICKLIST }
    }

    fn has_listpacks(&self) -> bool {
        self.target.number() >= Version::REDIS_7_0.number()
    }

    /// Most bytes of a node that are not asked for by number.
    fn node_bytes(&self) -> Option<usize> {
        (self.fill < 0).then(|| 2048 << (-self.fill).min(5))
    }

    fn is_plain(&self, item: &[u8]) -> bool {
        if !self.has_listpacks() {
            false
        } else if self.target.number() == Version::REDIS_7_0.number() {
            item.len() >= PLAIN_BYTES
        } else {
            item.len() > self.node_bytes().unwrap_or(COUNTED_BYTES)
        }
    }

    fn fits(&self, bytes: usize, count: u64) -> bool {
        match self.node_bytes() {
            Some(most) => bytes <= most,
            None => bytes <= COUNTED_BYTES && count <= self.fill.clamp(1, 32_767) as u64,
        }
    }
}

/// Builds the body of a list's value, element by element, in memory.
#[derive(Debug, Clone)]
pub struct Builder {
    settings: Settings,
    /// The nodes that are done, one behind the other, and where each is.
    bytes: Vec<u8>,
    nodes: Vec<(u64, Range<usize>)>,
    tail: Tail,
    compressor: Option<Box<lzf::Compressor>>,
}

/// The node that is being filled; empty when there is none.
#[derive(Debug, Clone)]
enum Tail {
    Listpack(listpack::Builder),
    Ziplist(ziplist::Builder),
}

impl Builder {
    /// A list without elements.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            tail: if settings.has_listpacks() {
                Tail::Listpack(listpack::Builder::new())
            } else {
                Tail::Ziplist(ziplist::Builder::new())
            },
            compressor: (settings.compress_all || settings.compress > 0).then(Box::default),
            settings,
            bytes: Vec::new(),
            nodes: Vec::new(),
        }
    }

    /// Appends an element, as `RPUSH` does. The caller keeps an element below 4 GiB, as servers do
    /// (`proto-max-bulk-len`).
    pub fn push(&mut self, item: &[u8]) {
        if self.settings.is_plain(item) {
            self.end_node();
            let start = self.bytes.len();
            self.bytes.extend_from_slice(item);
            self.nodes.push((container::PLAIN, start..self.bytes.len()));
            return;
        }
        if self.tail.count() > 0 && !self.fits_behind(item) {
            self.end_node();
        }
        match &mut self.tail {
            Tail::Listpack(builder) => builder.push_bytes(item),
            Tail::Ziplist(builder) => builder.push_bytes(item),
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len() + usize::from(self.tail.count() > 0)
    }

    /// Appends the body of the value, of type [`Settings::type_byte`], to `out`, and is empty again. A
    /// list without elements has none that a server would take.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.end_node();
        let (bytes, nodes) = (mem::take(&mut self.bytes), mem::take(&mut self.nodes));
        length::encode(out, nodes.len() as u64);
        let ends = self.settings.compress.min(nodes.len());
        for (index, (container, range)) in nodes.iter().enumerate() {
            if self.settings.has_listpacks() {
                length::encode(out, *container);
            }
            let between = self.settings.compress > 0 && (ends..nodes.len() - ends).contains(&index);
            self.write_node(out, &bytes[range.clone()], between);
        }
    }

    fn write_node(&mut self, out: &mut Vec<u8>, node: &[u8], between: bool) {
        let Some(compressor) = self.compressor.as_deref_mut() else {
            return string::encode(out, node, None);
        };
        if between && node.len() >= LEAST_COMPRESSED {
            // As servers have it, a byte more is gained than the least that is asked for.
            let most = node.len() - LEAST_GAIN - 1;
            if string::encode_lzf(out, node, compressor, most) {
                return;
            }
        }
        string::encode(out, node, self.settings.compress_all.then_some(compressor));
    }

    /// Whether a server puts the item into the node that is being filled.
    fn fits_behind(&self, item: &[u8]) -> bool {
        let target = self.settings.target.number();
        let estimate = if target < Version::REDIS_7_0.number() {
            ziplist_estimate(item)
        } else if target > Version::REDIS_7_0.number() && self.nodes.is_empty() {
            // A list is a listpack until that is full, and that takes no estimate.
            0
        } else {
            ESTIMATE
        };
        let bytes = self.tail.byte_len() + item.len() + estimate;
        self.settings.fits(bytes, self.tail.count() + 1)
    }

    fn end_node(&mut self) {
        if self.tail.count() == 0 {
            return;
        }
        let start = self.bytes.len();
        match &mut self.tail {
            Tail::Listpack(builder) => {
                self.bytes.extend_from_slice(builder.finish());
                builder.clear();
            }
            Tail::Ziplist(builder) => {
                self.bytes.extend_from_slice(builder.finish());
                builder.clear();
            }
        }
        self.nodes.push((container::PACKED, start..self.bytes.len()));
    }
}

impl Tail {
    fn count(&self) -> u64 {
        match self {
            Self::Listpack(builder) => builder.count(),
            Self::Ziplist(builder) => builder.count(),
        }
    }

    fn byte_len(&self) -> usize {
        match self {
            Self::Listpack(builder) => builder.byte_len(),
            Self::Ziplist(builder) => builder.byte_len(),
        }
    }
}

/// What servers before Redis 7.0 add to an element's bytes when they ask whether it fits.
fn ziplist_estimate(item: &[u8]) -> usize {
    let previous = if item.len() < 254 { 1 } else { 5 };
    let head = match item.len() {
        0..64 => 1,
        64..16_384 => 2,
        _ => 5,
    };
    previous + head
}
