//! The values of keys: one file for each of Redis' types.
//!
//! Every value clones in constant time: a small collection is a [pack](pack) of bytes, which is copied,
//! and what is larger, a [block](block) or a tree, shares its insides with the clone; a write then copies
//! the block, or the chunk of the tree that it touches.
//! That is what lets a snapshot take a value by reference.

use std::cmp::Ordering;

use crate::tree::{Element, Tree};

pub(crate) mod block;
mod forms;
mod gather;
mod hash;
pub(crate) mod hyperloglog;
mod list;
mod opaque;
pub(crate) mod pack;
mod set;
mod stream;
mod string;
mod view;
mod zset;

pub use hash::{Fields, Hash, HashField, HashIter};
pub(crate) use hash::{HashBuilder, Live};
pub(crate) use list::ListBuilder;
pub use list::{List, ListIter};
pub use opaque::Opaque;
pub(crate) use set::SetBuilder;
pub use set::{Set, SetIter};
pub(crate) use stream::{
    ACTIVE, COUNTED, ENTRY_BYTES, IDEMPOTENT, IdText, Keep, Kept, NodeLimits, Producers, Trim,
    id_of,
};
pub use stream::{Consumer, Group, Pair, Pending, Stream, StreamEntry, StreamFields, StreamId};
pub use string::{Str, StrRef};
pub(crate) use view::Kind;
pub use view::ValueRef;
pub use zset::{Scored, ScoredRef, Zset, ZsetIter};
pub(crate) use zset::{Update, ZsetBuilder, combine};

/// The RDB type of a hash whose fields expire, in Redis' dialect.
pub(crate) const EXPIRING: u8 = 24;

/// What a key holds.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Value {
    /// A string (`SET`, `APPEND`, `INCR` ...).
    String(Str),
    /// A list (`LPUSH`, `RPUSH` ...).
    List(List),
    /// A set (`SADD` ...).
    Set(Set),
    /// A hash (`HSET` ...).
    Hash(Hash),
    /// A sorted set (`ZADD` ...).
    Zset(Zset),
    /// A stream (`XADD` ...), whose head is large beside the others.
    Stream(Box<Stream>),
    /// A value of a type that has no commands here yet, kept as its RDB bytes and passed on whole.
    Opaque(Opaque),
}

impl Value {
    /// The name that the `TYPE` command answers.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.view().type_name()
    }

    /// How many elements it has; 1 for a string and for an opaque value.
    #[must_use]
    pub fn element_count(&self) -> usize {
        self.view().element_count()
    }
}

/// The order of members in sets and hashes: by a fixed hash, then by bytes.
///
/// A fixed hash is safe against chosen keys: members that collide cost a comparison of their bytes
/// in a tree of logarithmic depth, never a longer chain. `HSCAN` and `SSCAN` use it as the cursor,
/// so an element never moves while it lives.
pub(crate) fn member_hash(member: &[u8]) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = foldhash::quality::FixedState::with_seed(0x7265_6477_6972_6521).build_hasher();
    hasher.write(member);
    hasher.finish()
}

/// How many bits of a hash a cursor has: few enough that a client may hold it as a double.
const CURSOR_BITS: u32 = 53;

/// The elements of `tree`, sorted by hash, from `cursor` on, which is the upper bits of a hash: at
/// least `count` of them if as many are left, and all that share those bits with the last; with
/// the cursor to go on from, 0 at the end.
///
/// An element that is there from the first call to the last is answered at least once, whatever
/// is added or removed in between, because its hash is its place.
fn scan_by_hash<T: Element<Hint = u64>>(
    tree: &Tree<T>,
    cursor: u64,
    count: usize,
) -> (u64, Vec<&T>) {
    const SHIFT: u32 = u64::BITS - CURSOR_BITS;
    if cursor >> CURSOR_BITS != 0 {
        return (0, Vec::new());
    }
    let from = cursor << SHIFT;
    let start = tree.search_by(from, |element| {
        if element.hint() < from { Ordering::Less } else { Ordering::Greater }
    });
    let mut found: Vec<&T> = Vec::new();
    for element in tree.range(start.unwrap_or_else(|start| start)..) {
        let place = element.hint() >> SHIFT;
        let same_place = found.last().is_some_and(|last| last.hint() >> SHIFT == place);
        if found.len() >= count.max(1) && !same_place {
            return (place, found);
        }
        found.push(element);
    }
    (0, found)
}
