//! [`HashBuilder`]: a hash from fields that come one by one.

use std::mem;

use super::tree::{Field, TreeHash};
use super::{Hash, NamesAndValues};
use crate::value::block::{Block, PACK_GROUPS};
use crate::value::forms::Forms;
use crate::value::gather::{Gathered, clear, in_order};
use crate::value::pack::Pack;
use crate::{Blob, UnixMs};

/// A hash whose fields come one by one, all before any is looked for. Its memory serves for one hash after
/// the other.
#[derive(Debug, Default)]
pub(crate) struct HashBuilder {
    /// All of them, as long as there is room.
    small: Gathered,
    /// All of them from then on.
    large: Vec<Field>,
    /// Of those among them that expire.
    expiries: Vec<(Blob, UnixMs)>,
}

impl HashBuilder {
    #[inline]
    pub(crate) fn push(&mut self, name: &[u8], value: &[u8], expires: Option<UnixMs>) {
        if let Some(at) = expires {
            self.expiries.push((Blob::from(name), at));
        }
        if self.large.is_empty() {
            if self.small.push(&[name, value]) {
                return;
            }
            self.outgrow();
        }
        self.large.push(Field::new(Blob::from(name), Blob::from(value)));
    }

    #[cold]
    fn outgrow(&mut self) {
        let small = &self.small;
        let field = |at| Field::new(Blob::from(small.item(at)), Blob::from(small.item(at + 1)));
        self.large.extend((0..2 * small.len()).step_by(2).map(field));
        self.small.clear();
    }

    /// The hash, and an empty builder; `None` if a field came twice.
    pub(crate) fn finish(&mut self) -> Option<Hash> {
        let hash = self.build();
        self.small.clear();
        clear(&mut self.large);
        clear(&mut self.expiries);
        hash
    }

    fn build(&mut self) -> Option<Hash> {
        if self.large.is_empty() {
            if !self.small.are_distinct(2) {
                return None;
            }
            if self.expiries.is_empty()
                && let Some(hash) = self.small_hash()
            {
                return Some(hash);
            }
            self.outgrow();
        }
        let hashes = self.large.iter().map(Field::hash);
        let order = in_order(hashes, |at| self.large[at].view().name)?;
        let fields = order.map(|at| mem::take(&mut self.large[at])).collect();
        Some(Hash(Forms::tree(TreeHash::of(fields, mem::take(&mut self.expiries)))))
    }

    /// The hash, unless its fields are too long for one piece of bytes.
    fn small_hash(&self) -> Option<Hash> {
        if self.small.len() <= PACK_GROUPS
            && let Some(pack) = Pack::of(self.small.items())
        {
            return Some(Hash(Forms::Packed(pack)));
        }
        let hashes = self.small.hashes().iter().copied();
        let block = Block::<NamesAndValues>::of_hashed(self.small.items(), hashes)?;
        Some(Hash(Forms::block(block)))
    }
}
