//! The memory of all clients, and who goes first when it is too much (`maxmemory-clients`).

use crate::Class;

/// Buckets for each power of two; so a bucket's clients differ by less than one part in this.
const STEPS: usize = 16;
/// The power of two of [`STEPS`].
const STEP_BITS: u32 = STEPS.ilog2();
/// One bucket for each number below [`STEPS`], then [`STEPS`] for each power of two.
const BUCKETS: usize = (u64::BITS - STEP_BITS + 1) as usize * STEPS;
const WORDS: usize = BUCKETS.div_ceil(u64::BITS as usize);

/// Sums the memory of all clients, and knows who has the most. Every operation takes the same few
/// steps, however many clients there are.
///
/// An account is for the ledger that opened it: another one panics, or takes it for an account of its
/// own.
///
/// ```
/// use redwire_outbuf::{Class, Ledger};
///
/// let mut ledger = Ledger::new();
/// let small = ledger.open(17, Class::Normal);
/// let large = ledger.open(18, Class::Normal);
/// ledger.set(&small, 4096);
/// ledger.set(&large, 1 << 20);
/// assert_eq!(ledger.total(Class::Normal), 4096 + (1 << 20));
/// assert_eq!(ledger.to_evict(1 << 20), Some(18), "too much: the largest goes first");
/// ledger.close(large);
/// assert_eq!(ledger.to_evict(1 << 20), None);
///
/// ledger.protect(&small, true); // CLIENT NO-EVICT on
/// assert_eq!(ledger.to_evict(4096), None, "it counts, but stays");
/// # ledger.close(small);
/// ```
#[derive(Debug)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// Entries of accounts that are closed.
    free: Vec<usize>,
    /// Numbers of the entries that may be evicted, by how much they have.
    buckets: Vec<Vec<usize>>,
    /// A bit for each bucket that is not empty.
    filled: [u64; WORDS],
    /// By class.
    totals: [u64; 3],
}

/// A client's account in a [`Ledger`].
#[must_use = "an account that is dropped instead of closed counts for ever"]
#[derive(Debug)]
pub struct Account {
    entry: usize,
}

#[derive(Debug)]
struct Entry {
    client: u64,
    class: Class,
    bytes: u64,
    /// `CLIENT NO-EVICT`.
    is_protected: bool,
    /// Where it stands in its bucket, if it is in one.
    place: usize,
}

impl Entry {
    /// Servers evict neither replicas nor those that asked to be spared.
    fn may_be_evicted(&self) -> bool {
        !self.is_protected && self.class != Class::Replica
    }
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger::new()
    }
}

impl Ledger {
    /// A ledger without clients.
    pub fn new() -> Ledger {
        Ledger {
            entries: Vec::new(),
            free: Vec::new(),
            buckets: vec![Vec::new(); BUCKETS],
            filled: [0; WORDS],
            totals: [0; 3],
        }
    }

    /// Opens an account at 0 bytes. `client` is the caller's own name for it.
    pub fn open(&mut self, client: u64, class: Class) -> Account {
        let entry = Entry { client, class, bytes: 0, is_protected: false, place: 0 };
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number] = entry;
                number
            }
            None => {
                self.entries.push(entry);
                self.entries.len() - 1
            }
        };
        self.enter(number);
        Account { entry: number }
    }

    /// The client's memory is `bytes` now.
    pub fn set(&mut self, account: &Account, bytes: u64) {
        let entry = &mut self.entries[account.entry];
        let old = entry.bytes;
        if old == bytes {
            return;
        }
        let total = &mut self.totals[entry.class as usize];
        *total = *total - old + bytes;
        if bucket(old) == bucket(bytes) {
            entry.bytes = bytes;
        } else {
            self.change(account, |entry| entry.bytes = bytes);
        }
    }

    /// The client is of `class` now: it subscribed, or became a replica.
    pub fn set_class(&mut self, account: &Account, class: Class) {
        let Entry { class: old, bytes, .. } = self.entries[account.entry];
        if old != class {
            self.totals[old as usize] -= bytes;
            self.totals[class as usize] += bytes;
            self.change(account, |entry| entry.class = class);
        }
    }

    /// Whether the client is spared from eviction (`CLIENT NO-EVICT`). What it has still counts.
    pub fn protect(&mut self, account: &Account, on: bool) {
        if self.entries[account.entry].is_protected != on {
            self.change(account, |entry| entry.is_protected = on);
        }
    }

    /// The client is gone.
    pub fn close(&mut self, account: Account) {
        let Entry { class, bytes, .. } = self.entries[account.entry];
        self.totals[class as usize] -= bytes;
        self.leave(account.entry);
        self.free.push(account.entry);
    }

    /// The client's memory.
    pub fn bytes(&self, account: &Account) -> u64 {
        self.entries[account.entry].bytes
    }

    /// The memory of all clients of a class.
    pub fn total(&self, class: Class) -> u64 {
        self.totals[class as usize]
    }

    /// The client to evict, by the name given at [`open`](Ledger::open), when all but replicas
    /// together reach `limit` (see [`ClientsLimit::bytes`](crate::ClientsLimit::bytes)): the one
    /// with the most memory, within one part in 16. Close its account and ask again until the
    /// answer is `None`; that it also is when nobody may be evicted.
    pub fn to_evict(&self, limit: u64) -> Option<u64> {
        let total = self.total(Class::Normal) + self.total(Class::PubSub);
        if total < limit {
            return None;
        }
        self.largest().map(|(client, _)| client)
    }

    /// The client that may be evicted and has the most memory, within one part in 16, and how much
    /// it has. `None` when there is none that has any.
    pub fn largest(&self) -> Option<(u64, u64)> {
        let (word, bits) = self.filled.iter().enumerate().rev().find(|(_, bits)| **bits != 0)?;
        let bucket = word * u64::BITS as usize + bits.ilog2() as usize;
        let entry = &self.entries[*self.buckets[bucket].last()?];
        (entry.bytes > 0).then_some((entry.client, entry.bytes))
    }

    fn change(&mut self, account: &Account, change: impl FnOnce(&mut Entry)) {
        self.leave(account.entry);
        change(&mut self.entries[account.entry]);
        self.enter(account.entry);
    }

    fn enter(&mut self, number: usize) {
        let entry = &mut self.entries[number];
        if !entry.may_be_evicted() {
            return;
        }
        let at = bucket(entry.bytes);
        entry.place = self.buckets[at].len();
        self.buckets[at].push(number);
        self.filled[at / u64::BITS as usize] |= 1 << (at % u64::BITS as usize);
    }

    fn leave(&mut self, number: usize) {
        let entry = &self.entries[number];
        if !entry.may_be_evicted() {
            return;
        }
        let (at, place) = (bucket(entry.bytes), entry.place);
        let bucket = &mut self.buckets[at];
        bucket.swap_remove(place);
        match bucket.get(place) {
            Some(moved) => self.entries[*moved].place = place,
            None if bucket.is_empty() => {
                // Ten thousand clients that once were alike are not to be paid for ever.
                *bucket = Vec::new();
                self.filled[at / u64::BITS as usize] &= !(1 << (at % u64::BITS as usize));
            }
            None => {}
        }
    }
}

/// The number of the bucket: as `bytes` grows it never falls, and it rises with each 16th of a
/// power of two.
fn bucket(bytes: u64) -> usize {
    let Some(power) = bytes.checked_ilog2().and_then(|power| power.checked_sub(STEP_BITS)) else {
        return bytes as usize;
    };
    (power as usize + 1) * STEPS + (bytes >> power) as usize - STEPS
}

#[cfg(test)]
mod tests;
