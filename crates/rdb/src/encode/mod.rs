//! The encoder: values in, bytes out.

mod options;

pub use self::options::{EncodeOptions, KeyMeta, Thresholds};
use crate::Error;

/// Writes an RDB file for a chosen version, appending to the caller's buffer.
///
/// The buffer may be drained between any two calls. Collections come whole
/// ([`list`](Self::list), [`set`](Self::set), [`zset`](Self::zset), [`hash`](Self::hash)) or, when
/// they are large, in pieces: `begin_*`, any number of `push_*`, [`finish`](Self::finish).
#[derive(Debug)]
pub struct Encoder {
    options: EncodeOptions,
}

impl Encoder {
    /// An encoder that has written nothing.
    #[must_use]
    pub fn new(options: EncodeOptions) -> Self {
        Self { options }
    }

    /// What it writes.
    #[must_use]
    pub fn options(&self) -> &EncodeOptions {
        &self.options
    }

    /// Writes the magic: the first call for a file.
    pub fn start(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.options.target.magic());
    }

    /// Writes a note about the file (opcode 250).
    pub fn aux(&mut self, out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        let _ = (out, key, value);
    }

    /// Writes a function library (opcode 245).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a target before Redis 7.0, with the code's beginning as key.
    pub fn function(&mut self, out: &mut Vec<u8>, code: &[u8]) -> Result<(), Error> {
        let _ = (out, code);
        Ok(())
    }

    /// Begins a database (opcodes 254 and 251): the keys that follow are in it.
    pub fn select_db(&mut self, out: &mut Vec<u8>, db: u32, keys: u64, expires: u64) {
        let _ = (out, db, keys, expires);
    }

    /// Writes a string key.
    pub fn string(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, value: &[u8]) {
        let _ = (out, meta, value);
    }

    /// Writes a list, head first.
    pub fn list<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, items: I)
    where
        I: ExactSizeIterator<Item = &'i [u8]> + Clone,
    {
        let _ = (out, meta, items);
    }

    /// Writes a set. The members must be distinct: servers refuse the file otherwise.
    pub fn set<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, members: I)
    where
        I: ExactSizeIterator<Item = &'i [u8]> + Clone,
    {
        let _ = (out, meta, members);
    }

    /// Writes a hash. The fields must be distinct: servers refuse the file otherwise.
    pub fn hash<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, pairs: I)
    where
        I: ExactSizeIterator<Item = (&'i [u8], &'i [u8])> + Clone,
    {
        let _ = (out, meta, pairs);
    }

    /// Writes a sorted set. The members must be distinct, no score NaN. Only what comes in
    /// ascending order of score and member can be written in the compact form.
    pub fn zset<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, members: I)
    where
        I: ExactSizeIterator<Item = (&'i [u8], f64)> + Clone,
    {
        let _ = (out, meta, members);
    }

    /// Writes a value as [`Event::Opaque`](crate::Event::Opaque) delivered it.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] when the target cannot hold the type; nothing was written then.
    pub fn opaque(
        &mut self,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        type_byte: u8,
        body: &[u8],
    ) -> Result<(), Error> {
        let _ = (out, meta, type_byte, body);
        Ok(())
    }

    /// Begins a list of which `plan` has seen each item; the same items must be pushed.
    pub fn begin_list(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, plan: &ListPlan) {
        let _ = (out, meta, plan);
    }

    /// Begins a set of `len` members, 1 or more.
    pub fn begin_set(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        let _ = (out, meta, len);
    }

    /// Begins a sorted set of `len` members, 1 or more.
    pub fn begin_zset(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        let _ = (out, meta, len);
    }

    /// Begins a hash of `len` fields, 1 or more.
    pub fn begin_hash(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        let _ = (out, meta, len);
    }

    /// The next item of the list or set begun.
    pub fn push(&mut self, out: &mut Vec<u8>, item: &[u8]) {
        let _ = (out, item);
    }

    /// The next member of the sorted set begun.
    pub fn push_scored(&mut self, out: &mut Vec<u8>, member: &[u8], score: f64) {
        let _ = (out, member, score);
    }

    /// The next field of the hash begun.
    pub fn push_field(&mut self, out: &mut Vec<u8>, field: &[u8], value: &[u8]) {
        let _ = (out, field, value);
    }

    /// Ends the collection begun.
    ///
    /// # Errors
    ///
    /// [`Error::Count`] when more or fewer elements were pushed than announced, or of another
    /// kind: what was written is broken then.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let _ = out;
        Ok(())
    }

    /// Ends the file (opcode 255 and the checksum).
    pub fn end(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }
}

/// Counts the nodes that a list will take, which its encoding begins with.
///
/// Give it each item once ([`item`](Self::item), in any number of sittings), then hand it to
/// [`Encoder::begin_list`].
#[derive(Debug, Clone)]
pub struct ListPlan {
    items: u64,
}

impl ListPlan {
    /// A plan for a list that will be written with these options.
    #[must_use]
    pub fn new(options: &EncodeOptions) -> Self {
        let _ = options;
        Self { items: 0 }
    }

    /// Takes note of the next item.
    pub fn item(&mut self, item: &[u8]) {
        let _ = item;
        self.items += 1;
    }
}
