//! Values to bytes, without the checksum.

use super::{
    EncodeOptions, KeyMeta, ListPlan,
    list::{MAX_NODE_BYTES, NodeFill, Place},
    pack::{Pack, has_listpacks},
    stream::StreamUnderWay,
};
use crate::{
    Dialect, Error, Version, intset, length, listpack, lzf,
    packed::{Value, parse_int},
    score, string,
    types::{container, opcode, type_byte},
};

/// Writes values, and remembers the collection that is begun.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) options: EncodeOptions,
    /// Values are written without their keys.
    pub(crate) bare: bool,
    compressor: Option<lzf::Compressor>,
    pack: Pack,
    open: Option<Open>,
    /// The stream that is begun.
    pub(super) stream: Option<Box<StreamUnderWay>>,
    /// A collection was left unfinished.
    broken: Option<Error>,
    digits: Vec<u8>,
}

/// A collection that is begun.
#[derive(Debug)]
struct Open {
    items: Items,
    announced: u64,
    written: u64,
}

#[derive(Debug)]
enum Items {
    /// A list in nodes, of which some are announced.
    Nodes {
        fill: NodeFill,
        announced: u64,
        written: u64,
    },
    /// List elements or members of a set.
    Elements,
    Scored,
    Fields,
    ExpiringFields(ExpiringForm),
}

/// How a hash says when its fields expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExpiringForm {
    /// After each value, in ms since the epoch or -1.
    Absolute,
    /// Before each field, in ms after the least of them and one more, or 0.
    Relative { least: u64 },
}

impl Writer {
    pub(crate) fn new(mut options: EncodeOptions) -> Self {
        if options.target < Version::REDIS_6_0 {
            options.target = Version::REDIS_6_0;
        }
        Self {
            compressor: options.compress.then(lzf::Compressor::new),
            pack: Pack::new(options.target),
            options,
            bare: false,
            open: None,
            stream: None,
            broken: None,
            digits: Vec::new(),
        }
    }

    /// A string as the value of a key, a name, a packed value.
    #[inline]
    pub(crate) fn text(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        string::encode(out, bytes, self.compressor.as_mut());
    }

    /// What stands in front of a value.
    #[inline]
    pub(crate) fn head(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, type_byte: u8) {
        if self.bare {
            return out.push(type_byte);
        }
        if let Some(expire_ms) = meta.expire_ms {
            out.push(opcode::EXPIRE_MS);
            out.extend_from_slice(&expire_ms.min(i64::MAX as u64).to_le_bytes());
        }
        if let Some(idle) = meta.idle {
            out.push(opcode::IDLE);
            length::encode(out, idle);
        }
        if let Some(freq) = meta.freq {
            out.extend_from_slice(&[opcode::FREQ, freq]);
        }
        out.push(type_byte);
        self.text(out, meta.key);
    }

    /// The packed value that was built.
    fn packed(&mut self, out: &mut Vec<u8>) {
        string::encode(out, self.pack.finish(), self.compressor.as_mut());
        self.pack.clear();
    }

    /// A list, whose nodes are counted as they are written: a [`ListPlan`] would be another look at each
    /// item.
    pub(crate) fn list<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, items: I)
    where
        I: ExactSizeIterator<Item = &'i [u8]> + Clone,
    {
        let len = items.len() as u64;
        let nodes_take = |item: &[u8]| item.len() <= MAX_NODE_BYTES;
        if !has_listpacks(self.options.target) && !items.clone().all(nodes_take) {
            self.begin(out, meta, type_byte::LIST, Items::Elements, len);
            return items.for_each(|item| self.element(out, item));
        }
        self.begin_nodes(out, meta, 0, len);
        let counted = out.len();
        items.for_each(|item| self.element(out, item));
        self.end_node(out);
        let Some(Open { items: Items::Nodes { announced, written, .. }, .. }) = &mut self.open
        else {
            return;
        };
        *announced = *written;
        self.digits.clear();
        length::encode(&mut self.digits, *written);
        // Of most lists a byte for a byte; else what is behind it is moved.
        out.splice(counted - 1..counted, self.digits.iter().copied());
    }

    /// A set in the smallest form that the thresholds allow.
    pub(crate) fn set<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, members: I)
    where
        I: ExactSizeIterator<Item = &'i [u8]> + Clone,
    {
        let limits = &self.options.thresholds;
        let len = members.len();
        if len <= limits.set_max_intset_entries
            && let Some(members) = integers(members.clone())
        {
            self.head(out, meta, type_byte::INTSET);
            let mut packed = Vec::new();
            intset::encode(&mut packed, &members);
            return self.text(out, &packed);
        }
        let small = |member: &[u8]| member.len() <= limits.set_max_listpack_value;
        if self.options.target.holds_type(type_byte::SET_LISTPACK)
            && len <= limits.set_max_listpack_entries
            && packable(members.clone(), small)
        {
            self.head(out, meta, type_byte::SET_LISTPACK);
            members.for_each(|member| self.pack.push(Value::of(member)));
            return self.packed(out);
        }
        self.begin(out, meta, type_byte::SET, Items::Elements, len as u64);
        members.for_each(|member| self.element(out, member));
    }

    /// A hash in the smallest form that the thresholds allow.
    pub(crate) fn hash<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, pairs: I)
    where
        I: ExactSizeIterator<Item = (&'i [u8], &'i [u8])> + Clone,
    {
        let limits = &self.options.thresholds;
        let len = pairs.len();
        let small = |part: &[u8]| part.len() <= limits.hash_max_listpack_value;
        let parts = pairs.clone().flat_map(|(field, value)| [field, value]);
        if len <= limits.hash_max_listpack_entries && packable(parts.clone(), small) {
            let form = self.either(type_byte::HASH_ZIPLIST, type_byte::HASH_LISTPACK);
            self.head(out, meta, form);
            parts.for_each(|part| self.pack.push(Value::of(part)));
            return self.packed(out);
        }
        self.begin(out, meta, type_byte::HASH, Items::Fields, len as u64);
        pairs.for_each(|(field, value)| self.field(out, field, value));
    }

    /// How the target has hashes whose fields expire, the first of them at `least`.
    pub(crate) fn expiring_form(&self, least: u64) -> Option<ExpiringForm> {
        let target = self.options.target;
        if target.dialect() == Dialect::Valkey {
            Some(ExpiringForm::Absolute)
        } else {
            let held = target.holds_type(type_byte::HASH_EXPIRING);
            held.then_some(ExpiringForm::Relative { least })
        }
    }

    pub(crate) fn begin_expiring(
        &mut self,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        form: ExpiringForm,
        len: u64,
    ) {
        match form {
            ExpiringForm::Absolute => self.head(out, meta, type_byte::HASH_EXPIRING_VALKEY),
            ExpiringForm::Relative { least } => {
                self.head(out, meta, type_byte::HASH_EXPIRING);
                out.extend_from_slice(&least.to_le_bytes());
            }
        }
        length::encode(out, len);
        self.open(Items::ExpiringFields(form), len);
    }

    pub(crate) fn expiring_field(
        &mut self,
        out: &mut Vec<u8>,
        field: &[u8],
        value: &[u8],
        expires_ms: Option<u64>,
    ) {
        let Some(open) = &mut self.open else { return };
        let Items::ExpiringFields(form) = open.items else { return };
        open.written += 1;
        if let ExpiringForm::Relative { least } = form {
            length::encode(out, expires_ms.map_or(0, |at| at.saturating_sub(least) + 1));
        }
        self.text(out, field);
        self.text(out, value);
        if form == ExpiringForm::Absolute {
            let at = expires_ms.map_or(-1, |at| i64::try_from(at).unwrap_or(i64::MAX));
            out.extend_from_slice(&at.to_le_bytes());
        }
    }

    /// A sorted set in the smallest form that the thresholds and its order allow.
    pub(crate) fn zset<'i, I>(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, members: I)
    where
        I: ExactSizeIterator<Item = (&'i [u8], f64)> + Clone,
    {
        let limits = &self.options.thresholds;
        let len = members.len();
        let small = |member: &[u8]| member.len() <= limits.zset_max_listpack_value;
        if len <= limits.zset_max_listpack_entries
            && packable(members.clone().map(|(member, _)| member), small)
            && members.clone().is_sorted_by(|a, b| (a.1, a.0) <= (b.1, b.0))
        {
            let form = self.either(type_byte::ZSET_ZIPLIST, type_byte::ZSET_LISTPACK);
            self.head(out, meta, form);
            for (member, score) in members {
                self.pack.push(Value::of(member));
                self.digits.clear();
                score::write(&mut self.digits, score);
                self.pack.push(Value::of(&self.digits));
            }
            return self.packed(out);
        }
        self.begin(out, meta, type_byte::ZSET, Items::Scored, len as u64);
        members.for_each(|(member, score)| self.scored(out, member, score));
    }

    fn either(&self, ziplist: u8, listpack: u8) -> u8 {
        if has_listpacks(self.options.target) { listpack } else { ziplist }
    }

    /// Begins a collection that is a count and as many items.
    fn begin(
        &mut self,
        out: &mut Vec<u8>,
        meta: &KeyMeta<'_>,
        type_byte: u8,
        items: Items,
        len: u64,
    ) {
        self.head(out, meta, type_byte);
        length::encode(out, len);
        self.open(items, len);
    }

    fn open(&mut self, items: Items, announced: u64) {
        if let Some(left) = self.open.replace(Open { items, announced, written: 0 }) {
            self.broken = Some(left.mismatch());
        }
        self.pack.clear();
    }

    pub(crate) fn begin_set(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        self.begin(out, meta, type_byte::SET, Items::Elements, len);
    }

    pub(crate) fn begin_hash(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        self.begin(out, meta, type_byte::HASH, Items::Fields, len);
    }

    pub(crate) fn begin_zset(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, len: u64) {
        self.begin(out, meta, type_byte::ZSET, Items::Scored, len);
    }

    pub(crate) fn begin_list(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, plan: &ListPlan) {
        if plan.is_flat() {
            return self.begin(out, meta, type_byte::LIST, Items::Elements, plan.items());
        }
        self.begin_nodes(out, meta, plan.nodes(), plan.items());
    }

    fn begin_nodes(&mut self, out: &mut Vec<u8>, meta: &KeyMeta<'_>, announced: u64, len: u64) {
        self.head(out, meta, self.either(type_byte::QUICKLIST, type_byte::QUICKLIST_2));
        length::encode(out, announced);
        let fill = NodeFill::new(&self.options);
        self.open(Items::Nodes { fill, announced, written: 0 }, len);
    }

    /// The next element of a list or set.
    #[inline]
    pub(crate) fn element(&mut self, out: &mut Vec<u8>, item: &[u8]) {
        let Some(open) = &mut self.open else { return };
        match &mut open.items {
            Items::Elements => {
                open.written += 1;
                self.text(out, item);
            }
            Items::Nodes { fill, .. } => {
                open.written += 1;
                match fill.place(item) {
                    Place::Behind(value) => self.pack.push(value),
                    Place::First(value) => {
                        self.end_node(out);
                        self.pack.push(value);
                    }
                    Place::Alone => {
                        self.end_node(out);
                        self.count_node();
                        length::encode(out, container::PLAIN);
                        self.text(out, item);
                    }
                }
            }
            Items::Scored | Items::Fields | Items::ExpiringFields(_) => {}
        }
    }

    fn end_node(&mut self, out: &mut Vec<u8>) {
        if self.pack.is_empty() {
            return;
        }
        self.count_node();
        if has_listpacks(self.options.target) {
            length::encode(out, container::PACKED);
        }
        self.packed(out);
    }

    fn count_node(&mut self) {
        if let Some(Open { items: Items::Nodes { written, .. }, .. }) = &mut self.open {
            *written += 1;
        }
    }

    #[inline]
    pub(crate) fn scored(&mut self, out: &mut Vec<u8>, member: &[u8], score: f64) {
        let Some(open @ Open { items: Items::Scored, .. }) = &mut self.open else { return };
        open.written += 1;
        self.text(out, member);
        out.extend_from_slice(&score.to_le_bytes());
    }

    #[inline]
    pub(crate) fn field(&mut self, out: &mut Vec<u8>, field: &[u8], value: &[u8]) {
        let Some(open @ Open { items: Items::Fields, .. }) = &mut self.open else { return };
        open.written += 1;
        self.text(out, field);
        self.text(out, value);
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.end_node(out);
        self.finish_stream(out)?;
        let mismatch = self.open.take().filter(|open| !open.is_complete());
        match self.broken.take().or(mismatch.map(|open| open.mismatch())) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Open {
    fn is_complete(&self) -> bool {
        let nodes_written = match &self.items {
            Items::Nodes { announced, written, .. } => announced == written,
            _ => true,
        };
        nodes_written && self.announced == self.written
    }

    fn mismatch(&self) -> Error {
        Error::Count { announced: self.announced, written: self.written }
    }
}

/// The members as ascending integers, if all are integers and no two are equal.
fn integers<'i>(members: impl Iterator<Item = &'i [u8]>) -> Option<Vec<i64>> {
    let mut integers = members.map(parse_int).collect::<Option<Vec<_>>>()?;
    integers.sort_unstable();
    integers.windows(2).all(|pair| pair[0] < pair[1]).then_some(integers)
}

/// Whether all parts are small and fit into one packed value together.
fn packable<'i>(mut parts: impl Iterator<Item = &'i [u8]>, small: impl Fn(&[u8]) -> bool) -> bool {
    /// More than the encoding of an element takes beside its bytes.
    const OVERHEAD: usize = 16;
    let mut bytes = 0;
    parts.all(|part| {
        bytes += part.len() + OVERHEAD;
        small(part) && bytes <= MAX_NODE_BYTES && !listpack::is_edge_value(part)
    })
}
