//! The encoder: values in, bytes out.

mod list;
mod options;
mod pack;
mod stream;
mod sum;
mod value;
mod writer;

pub use self::{
    list::ListPlan,
    options::{EncodeOptions, KeyMeta, Thresholds},
};
use self::{
    sum::Sum,
    writer::{ExpiringForm, Writer},
};
use crate::{
    Dialect, Error, KeyName, length,
    stream::StreamPart,
    types::{self, StreamType, opcode, type_byte},
};

/// Writes an RDB file for a chosen version, appending to the caller's buffer.
///
/// The buffer may be drained between any two calls. Collections come whole
/// ([`list`](Self::list), [`set`](Self::set), [`zset`](Self::zset), [`hash`](Self::hash)) or, when
/// they are large, in pieces: `begin_*`, any number of `push_*`, [`finish`](Self::finish). In
/// pieces, sets, sorted sets and hashes are written in their large form, whatever their size.
///
/// An empty collection is not written: no server holds one. Nor are what a decoder delivers as
/// [`Event::KeyMeta`](crate::Event::KeyMeta) and [`Event::SlotImport`](crate::Event::SlotImport)
/// (opcode 243), which belong to a module or to an import under way, and
/// [`Event::SlotInfo`](crate::Event::SlotInfo) (opcode 244), a hint: who copies a file sees them and
/// decides.
#[derive(Debug)]
pub struct Encoder {
    writer: Writer,
    sum: Option<Sum>,
}

impl Encoder {
    /// An encoder that has written nothing. A target before
    /// [`Version::REDIS_6_0`](crate::Version::REDIS_6_0) is taken as that.
    #[must_use]
    pub fn new(options: EncodeOptions) -> Self {
        Self { sum: options.checksum.then(Sum::new), writer: Writer::new(options) }
    }

    /// An encoder of DUMP payloads: each is one value, whose key and further meta data are left out,
    /// and [`end`](Self::end), which writes version and checksum, whatever the options say of that.
    /// An empty collection is none.
    #[must_use]
    pub fn for_payloads(options: EncodeOptions) -> Self {
        let mut encoder = Self::new(EncodeOptions { checksum: true, ..options });
        encoder.writer.bare = true;
        encoder
    }

    /// What it writes.
    #[must_use]
    pub fn options(&self) -> &EncodeOptions {
        &self.writer.options
    }

    /// Writes the magic, nine bytes: the first call for a file.
    pub fn start(&mut self, out: &mut Vec<u8>) {
        self.summed(out, |writer, out| out.extend_from_slice(&writer.options.target.magic()));
    }

    /// Writes a note about the file (opcode 250).
    pub fn aux(&mut self, out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        self.summed(out, |writer, out| {
            out.push(opcode::AUX);
            writer.text(out, key);
            writer.text(out, value);
        });
    }

    /// Writes a function library (opcode 245).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a target before Redis 7.0, with the code's beginning as key.
    pub fn function(&mut self, out: &mut Vec<u8>, code: &[u8]) -> Result<(), Error> {
        if !self.options().target.holds_functions() {
            return Err(self.unsupported(code, Dialect::Redis, opcode::FUNCTION));
        }
        self.summed(out, |writer, out| {
            out.push(opcode::FUNCTION);
            writer.text(out, code);
        });
        Ok(())
    }

    /// Writes a module's data outside of keys (opcode 247) as
    /// [`Event::ModuleAux`](crate::Event::ModuleAux) delivered it.
    pub fn module_aux(&mut self, out: &mut Vec<u8>, body: &[u8]) {
        self.summed(out, |_, out| {
            out.push(opcode::MODULE_AUX);
            out.extend_from_slice(body);
        });
    }

    /// Begins a database (opcodes 254 and 251): the keys that follow are in it. `keys` and
    /// `expires` are hints to who loads the file: keys in all, and keys with an expiry.
    pub fn select_db(&mut self, out: &mut Vec<u8>, db: u32, keys: u64, expires: u64) {
        self.summed(out, |_, out| {
            out.push(opcode::SELECT_DB);
            length::encode(out, u64::from(db));
            out.push(opcode::RESIZE_DB);
            length::encode(out, keys);
            length::encode(out, expires);
        });
    }

    /// Writes a string key (type 0), what `meta` has of it in front (opcodes 252, 248 and 249), as for all
    /// keys.
    #[inline]
    pub fn string(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, value: &[u8]) {
        self.summed(out, |writer, out| {
            writer.head(out, meta, type_byte::STRING);
            writer.text(out, value);
        });
    }

    /// Writes a list, head first: nodes of listpacks (type 18) or, before Redis 7.0, of ziplists (type 14).
    pub fn list<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, items: I)
    where
        I: ExactSizeIterator<Item = &'i [u8]> + Clone,
    {
        if items.len() > 0 {
            self.whole(out, |writer, out| writer.list(out, meta, items));
        }
    }

    /// Writes a set: an intset (type 11), a listpack (20, from Redis 7.2 on), or one member after the other
    /// (2). The members must be distinct: servers refuse the file otherwise.
    pub fn set<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, members: I)
    where
        I: ExactSizeIterator<Item = &'i [u8]> + Clone,
    {
        if members.len() > 0 {
            self.whole(out, |writer, out| writer.set(out, meta, members));
        }
    }

    /// Writes a hash: a listpack (type 16), before Redis 7.0 a ziplist (13), or one field after the other
    /// (4). The fields must be distinct: servers refuse the file otherwise.
    pub fn hash<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, pairs: I)
    where
        I: ExactSizeIterator<Item = (&'i [u8], &'i [u8])> + Clone,
    {
        if pairs.len() > 0 {
            self.whole(out, |writer, out| writer.hash(out, meta, pairs));
        }
    }

    /// Writes a hash of which some fields expire (type 24, for Valkey 22): field, value, and when the field
    /// expires in ms since the Unix epoch. The fields must be distinct: servers refuse the file otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] when a field expires and the target is before Redis 7.4, or a Valkey
    /// before 9.0; nothing was written then.
    pub fn hash_expiring<'i, I>(
        &mut self,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        fields: I,
    ) -> Result<(), Error>
    where
        I: ExactSizeIterator<Item = (&'i [u8], &'i [u8], Option<u64>)> + Clone,
    {
        let Some(least) = fields.clone().filter_map(|(_, _, expires_ms)| expires_ms).min() else {
            self.hash(out, meta, fields.map(|(field, value, _)| (field, value)));
            return Ok(());
        };
        let form = self.expiring_form(meta, least)?;
        self.whole(out, |writer, out| {
            writer.begin_expiring(out, meta, form, fields.len() as u64);
            fields.for_each(|(field, value, at)| writer.expiring_field(out, field, value, at));
        });
        Ok(())
    }

    /// Writes a sorted set: a listpack (type 17), before Redis 7.0 a ziplist (12), or one member after the
    /// other (5). The members must be distinct, no score NaN: servers refuse the file
    /// otherwise. Only what comes in ascending order of score and member can be written in the
    /// compact form.
    pub fn zset<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, members: I)
    where
        I: ExactSizeIterator<Item = (&'i [u8], f64)> + Clone,
    {
        if members.len() > 0 {
            self.whole(out, |writer, out| writer.zset(out, meta, members));
        }
    }

    /// Writes a value as [`Event::Opaque`](crate::Event::Opaque) delivered it, of a file of `dialect`,
    /// in which `type_byte` is to be understood ([`Decoder::version`](crate::Decoder::version) tells
    /// it). A stream of a type that the target does not have, or of the oldest, which can hold a wrong
    /// length, is converted, as by [`begin_stream`](Self::begin_stream).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] when the target cannot hold the type (see
    /// [`Version::holds_type`](crate::Version::holds_type)), or has another type of that number than
    /// `dialect`, and what a decoder says of a stream's body when that is damaged. Nothing was written
    /// then.
    pub fn opaque(
        &mut self,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        dialect: Dialect,
        type_byte: u8,
        body: &[u8],
    ) -> Result<(), Error> {
        let held = types::holds_of(self.options().target, dialect, type_byte);
        let is_stream = types::is_stream(dialect, type_byte);
        if !held && !is_stream {
            return Err(self.unsupported(meta.key, dialect, type_byte));
        }
        // Files of Redis 5 can say a wrong length, which Valkey refuses.
        if is_stream && (!held || type_byte == StreamType::First.type_byte()) {
            return self.summed(out, |writer, out| {
                let start = out.len();
                let converted = writer.converted_stream(out, meta, type_byte, body);
                if converted.is_err() {
                    writer.stream = None;
                    out.truncate(start);
                }
                converted
            });
        }
        self.summed(out, |writer, out| {
            writer.head(out, meta, type_byte);
            out.extend_from_slice(body);
        });
        Ok(())
    }

    /// Begins a stream (type 15, 19, 21 or 26, as the target has it): its parts follow by [`stream_part`](Self::stream_part), then
    /// [`finish`](Self::finish). Every target holds streams; what its form of them does not have is
    /// left out, none of which a client reads as data:
    ///
    /// - before Redis 8.6 and for Valkey, what is known of idempotent producers,
    /// - before Redis 7.2, when a consumer was last active,
    /// - before Redis 7.0, the first and the greatest deleted id, and how many entries were added, and
    ///   read by each group.
    ///
    /// What the parts do not have and the target does is what a server of the target makes of an
    /// older file: the first entry is the first live one, all entries were added, a consumer was
    /// active when it was last seen.
    pub fn begin_stream(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>) {
        self.summed(out, |writer, out| writer.begin_stream(out, meta));
    }

    /// The next part of the stream begun. In the place of the head's length, which old files can
    /// have wrong, the number of live entries in the nodes is written.
    ///
    /// A part out of its order is not written, and [`finish`](Self::finish) answers an error.
    pub fn stream_part(&mut self, out: &mut Vec<u8>, part: &StreamPart<'_>) {
        self.summed(out, |writer, out| writer.stream_part(out, part));
    }

    /// Begins a list (type 18 or 14) of which `plan` has seen each item, one at least; the same items must
    /// be pushed in the same order.
    pub fn begin_list(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, plan: &ListPlan) {
        self.summed(out, |writer, out| writer.begin_list(out, meta, plan));
    }

    /// Begins a set (type 2) of `len` members, 1 or more.
    pub fn begin_set(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        self.summed(out, |writer, out| writer.begin_set(out, meta, len));
    }

    /// Begins a sorted set (type 5) of `len` members, 1 or more.
    pub fn begin_zset(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        self.summed(out, |writer, out| writer.begin_zset(out, meta, len));
    }

    /// Begins a hash (type 4) of `len` fields, 1 or more.
    pub fn begin_hash(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        self.summed(out, |writer, out| writer.begin_hash(out, meta, len));
    }

    /// Begins a hash (type 24, for Valkey 22) of `len` fields, 1 or more, of which some expire, the first of them at
    /// `least_ms`, in ms since the Unix epoch. The fields follow by
    /// [`push_expiring`](Self::push_expiring).
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] when the target is before Redis 7.4, or a Valkey before 9.0; nothing
    /// was written then.
    pub fn begin_hash_expiring(
        &mut self,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        len: u64,
        least_ms: u64,
    ) -> Result<(), Error> {
        let form = self.expiring_form(meta, least_ms)?;
        self.summed(out, |writer, out| writer.begin_expiring(out, meta, form, len));
        Ok(())
    }

    /// The next field of the hash begun by [`begin_hash_expiring`](Self::begin_hash_expiring), and
    /// when it expires, in ms since the Unix epoch: not before what was announced as the least.
    pub fn push_expiring(
        &mut self,
        out: &mut Vec<u8>,
        field: &[u8],
        value: &[u8],
        expires_ms: Option<u64>,
    ) {
        self.summed(out, |writer, out| writer.expiring_field(out, field, value, expires_ms));
    }

    /// The next item of the list or set begun.
    pub fn push(&mut self, out: &mut Vec<u8>, item: &[u8]) {
        self.summed(out, |writer, out| writer.element(out, item));
    }

    /// The next member of the sorted set begun.
    pub fn push_scored(&mut self, out: &mut Vec<u8>, member: &[u8], score: f64) {
        self.summed(out, |writer, out| writer.scored(out, member, score));
    }

    /// The next field of the hash begun.
    pub fn push_field(&mut self, out: &mut Vec<u8>, field: &[u8], value: &[u8]) {
        self.summed(out, |writer, out| writer.field(out, field, value));
    }

    /// Ends the collection begun.
    ///
    /// # Errors
    ///
    /// [`Error::Count`] when more or fewer elements were pushed than announced, or of another
    /// kind, or a collection before was not finished: what was written is broken then.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.summed(out, Writer::finish)
    }

    /// Ends the file (opcode 255 and the checksum, 0 when that is off) or the payload.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        self.summed(out, |writer, out| {
            if writer.bare {
                out.extend_from_slice(&writer.options.target.number().to_le_bytes());
            } else {
                out.push(opcode::EOF);
            }
        });
        let checksum = self.sum.as_mut().map_or(0, Sum::take);
        out.extend_from_slice(&checksum.to_le_bytes());
    }

    /// Writes a collection of which all elements are at hand.
    fn whole(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Writer, &mut Vec<u8>)) {
        self.summed(out, |writer, out| {
            write(writer, out);
            let finished = writer.finish(out);
            debug_assert_eq!(finished, Ok(()), "the iterator's length or its clone is another");
        });
    }

    /// Writes, and takes what was written into the checksum.
    #[inline]
    fn summed<T>(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Writer, &mut Vec<u8>) -> T,
    ) -> T {
        let start = out.len();
        let result = write(&mut self.writer, out);
        if let Some(sum) = &mut self.sum {
            sum.update(&out[start..]);
        }
        result
    }

    fn expiring_form(&self, meta: &KeyMeta<'_>, least: u64) -> Result<ExpiringForm, Error> {
        let form = self.writer.expiring_form(least);
        form.ok_or_else(|| self.unsupported(meta.key, Dialect::Redis, type_byte::HASH_EXPIRING))
    }

    #[cold]
    fn unsupported(&self, key: &[u8], dialect: Dialect, type_byte: u8) -> Error {
        let target = self.options().target;
        Error::Unsupported { key: KeyName::new(key), dialect, type_byte, target }
    }
}
