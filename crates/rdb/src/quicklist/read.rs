//! The nodes of a list, one by one.

use crate::{
    Fault, length,
    listpack::{self, Listpack},
    lzf,
    packed::{Broken, Value},
    string::Header,
    types::{container, type_byte},
    ziplist::{self, Ziplist},
};

/// Reads the nodes of a value of type 14 or 18.
///
/// A node that is compressed is decompressed into memory that is used again for the next.
#[derive(Debug, Clone)]
pub struct Nodes<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u64,
    /// Nodes say what they contain: type 18.
    contained: bool,
    /// The node as it is, where it does not stand so in `bytes`.
    scratch: Vec<u8>,
}

/// A node of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node<'n> {
    /// One element as it stands, of any length; in type 18 only.
    Plain(&'n [u8]),
    /// The elements of a node of type 18.
    Listpack(Listpack<'n>),
    /// The elements of a node of type 14.
    Ziplist(Ziplist<'n>),
}

impl<'a> Nodes<'a> {
    /// Reads how many nodes the body of a value has.
    ///
    /// # Errors
    ///
    /// [`Broken`] for another type than 14 and 18 ([`Fault::Container`]), and a number that is none
    /// or cut.
    pub fn new(type_byte: u8, body: &'a [u8]) -> Result<Self, Broken> {
        let contained = match type_byte {
            type_byte::QUICKLIST => false,
            type_byte::QUICKLIST_2 => true,
            _ => return Err(Broken::new(0, Fault::Container)),
        };
        let mut nodes = Self { bytes: body, at: 0, left: 0, contained, scratch: Vec::new() };
        nodes.left = nodes.number()?;
        Ok(nodes)
    }

    /// How many nodes are still to be read, as the value says.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next node, checked as a whole; `None` when there are no more.
    ///
    /// # Errors
    ///
    /// [`Broken`] with an offset in the body for what is no node, and at the end for bytes behind;
    /// with an offset in the node for what is wrong with that. Nothing of use follows.
    #[allow(clippy::should_implement_trait, reason = "a node borrows from its reader")]
    pub fn next(&mut self) -> Result<Option<Node<'_>>, Broken> {
        let Some(left) = self.left.checked_sub(1) else {
            let behind = self.at != self.bytes.len();
            return if behind { Err(self.broken(Fault::Trailing)) } else { Ok(None) };
        };
        self.left = left;
        let container = if self.contained { self.number()? } else { container::PACKED };
        if !matches!(container, container::PLAIN | container::PACKED) {
            return Err(self.broken(Fault::Container));
        }
        let contained = self.contained;
        let node = self.string()?;
        Ok(Some(match (container, contained) {
            (container::PLAIN, _) => Node::Plain(node),
            (_, true) => Node::Listpack(Listpack::new(node)?),
            (_, false) => Node::Ziplist(Ziplist::new(node)?),
        }))
    }

    const fn broken(&self, fault: Fault) -> Broken {
        Broken::new(self.at, fault)
    }

    fn number(&mut self) -> Result<u64, Broken> {
        let rest = &self.bytes[self.at..];
        let found = length::decode_number(rest).map_err(|fault| self.broken(fault))?;
        let (number, size) = found.ok_or(self.broken(Fault::PackedShort))?;
        self.at += size;
        Ok(number)
    }

    /// The string at the current place, in whatever form.
    fn string(&mut self) -> Result<&[u8], Broken> {
        let rest = &self.bytes[self.at..];
        let found = Header::decode(rest).map_err(|fault| self.broken(fault))?;
        let (header, size) = found.ok_or(self.broken(Fault::PackedShort))?;
        let start = self.at + size;
        match header {
            Header::Raw { len } => self.take(start, len),
            Header::Int(int) => {
                self.at = start;
                self.scratch.clear();
                Value::Int(int.into()).write_to(&mut self.scratch);
                Ok(&self.scratch)
            }
            Header::Lzf { compressed, len } => {
                let compressed = self.take(start, compressed)?;
                let len = usize::try_from(len).map_err(|_| self.broken(Fault::LzfLength))?;
                lzf::decompress(compressed, len, &mut self.scratch)
                    .map_err(|broken| Broken::new(start + broken.at, broken.fault))?;
                Ok(&self.scratch)
            }
        }
    }

    /// So many bytes at `start`, and goes behind them.
    fn take(&mut self, start: usize, len: u64) -> Result<&'a [u8], Broken> {
        let end = usize::try_from(len).ok().and_then(|len| start.checked_add(len));
        let bytes = end.and_then(|end| self.bytes.get(start..end));
        let bytes = bytes.ok_or(self.broken(Fault::PackedOverrun))?;
        self.at = start + bytes.len();
        Ok(bytes)
    }
}

impl<'n> Node<'n> {
    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Plain(_) => 1,
            Self::Listpack(listpack) => listpack.len(),
            Self::Ziplist(ziplist) => ziplist.len(),
        }
    }

    /// Whether it has no elements, which no server writes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Listpack(listpack) => listpack.is_empty(),
            Self::Ziplist(ziplist) => ziplist.is_empty(),
        }
    }

    /// Its elements, from both ends.
    #[must_use]
    pub fn iter(&self) -> Iter<'n> {
        Iter(match self {
            Self::Plain(bytes) => Elements::Plain(Some(Value::Str(bytes)).into_iter()),
            Self::Listpack(listpack) => Elements::Listpack(listpack.iter()),
            Self::Ziplist(ziplist) => Elements::Ziplist(ziplist.iter()),
        })
    }
}

impl<'n> IntoIterator for Node<'n> {
    type Item = Value<'n>;
    type IntoIter = Iter<'n>;

    fn into_iter(self) -> Iter<'n> {
        self.iter()
    }
}

/// The elements of a [`Node`], from both ends.
#[derive(Debug, Clone)]
pub struct Iter<'n>(Elements<'n>);

#[derive(Debug, Clone)]
enum Elements<'n> {
    Plain(std::option::IntoIter<Value<'n>>),
    Listpack(listpack::Iter<'n>),
    Ziplist(ziplist::Iter<'n>),
}

impl<'n> Iterator for Iter<'n> {
    type Item = Value<'n>;

    fn next(&mut self) -> Option<Value<'n>> {
        match &mut self.0 {
            Elements::Plain(iter) => iter.next(),
            Elements::Listpack(iter) => iter.next(),
            Elements::Ziplist(iter) => iter.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match &self.0 {
            Elements::Plain(iter) => iter.size_hint(),
            Elements::Listpack(iter) => iter.size_hint(),
            Elements::Ziplist(iter) => iter.size_hint(),
        }
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Elements::Plain(iter) => iter.next_back(),
            Elements::Listpack(iter) => iter.next_back(),
            Elements::Ziplist(iter) => iter.next_back(),
        }
    }
}

impl std::iter::FusedIterator for Iter<'_> {}
