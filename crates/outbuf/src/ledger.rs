//! The memory of all clients, and who goes first when it is too much (`maxmemory-clients`).

/// Buckets by magnitude: bucket `n` has the clients of `2^(n-1)` to `2^n - 1` bytes.
const BUCKETS: usize = u64::BITS as usize + 1;

/// Sums the memory of all clients, and knows who has the most. Each change takes O(1), however
/// many clients there are.
///
/// ```
/// use redwire_outbuf::Ledger;
///
/// let mut ledger = Ledger::new();
/// let (a, b) = (ledger.open(17), ledger.open(18));
/// ledger.set(&a, 4096);
/// ledger.set(&b, 1 << 20);
/// assert_eq!(ledger.total(), 4096 + (1 << 20));
/// assert_eq!(ledger.largest(), Some((18, 1 << 20)));
/// ledger.close(b);
/// assert_eq!(ledger.total(), 4096);
/// # ledger.close(a);
/// ```
#[derive(Debug)]
pub struct Ledger {
    entries: Vec<Entry>,
    free: Vec<usize>,
    /// Numbers of entries.
    buckets: [Vec<usize>; BUCKETS],
    total: u64,
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
    bytes: u64,
    /// Where it stands in its bucket.
    place: usize,
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
            buckets: [const { Vec::new() }; BUCKETS],
            total: 0,
        }
    }

    /// Opens an account at 0 bytes. `client` is the caller's own name for it.
    pub fn open(&mut self, client: u64) -> Account {
        let entry = Entry { client, bytes: 0, place: 0 };
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
        let old = self.entries[account.entry].bytes;
        self.total = self.total - old + bytes;
        if bucket(old) == bucket(bytes) {
            self.entries[account.entry].bytes = bytes;
        } else {
            self.leave(account.entry);
            self.entries[account.entry].bytes = bytes;
            self.enter(account.entry);
        }
    }

    /// The client is gone.
    pub fn close(&mut self, account: Account) {
        self.total -= self.entries[account.entry].bytes;
        self.leave(account.entry);
        self.free.push(account.entry);
    }

    /// The client's memory.
    pub fn bytes(&self, account: &Account) -> u64 {
        self.entries[account.entry].bytes
    }

    /// The memory of all clients.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The client to evict first, by the name that was given at [`open`](Ledger::open), and its
    /// memory. `None` when no client holds any. Looks through those of the largest one's magnitude.
    pub fn largest(&self) -> Option<(u64, u64)> {
        let top = self.buckets[1..].iter().rev().find(|bucket| !bucket.is_empty())?;
        let entries = top.iter().map(|number| &self.entries[*number]);
        entries.max_by_key(|entry| entry.bytes).map(|entry| (entry.client, entry.bytes))
    }

    fn enter(&mut self, number: usize) {
        let bucket = &mut self.buckets[bucket(self.entries[number].bytes)];
        self.entries[number].place = bucket.len();
        bucket.push(number);
    }

    fn leave(&mut self, number: usize) {
        let Entry { bytes, place, .. } = self.entries[number];
        let bucket = &mut self.buckets[bucket(bytes)];
        bucket.swap_remove(place);
        if let Some(moved) = bucket.get(place) {
            self.entries[*moved].place = place;
        }
    }
}

fn bucket(bytes: u64) -> usize {
    (u64::BITS - bytes.leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_plain_list(
            ops in prop::collection::vec((0..4u8, any::<usize>(), 0..40u32), 0..200),
        ) {
            let mut ledger = Ledger::new();
            let mut twin: Vec<(Account, u64, u64)> = Vec::new();
            for (n, (op, which, magnitude)) in ops.into_iter().enumerate() {
                if op == 0 || twin.is_empty() {
                    twin.push((ledger.open(n as u64), n as u64, 0));
                    continue;
                }
                let which = which % twin.len();
                if op == 1 {
                    ledger.close(twin.swap_remove(which).0);
                } else {
                    let bytes = (1 << magnitude) - u64::from(op == 2);
                    ledger.set(&twin[which].0, bytes);
                    twin[which].2 = bytes;
                }
                prop_assert_eq!(ledger.total(), twin.iter().map(|client| client.2).sum::<u64>());
                let most = twin.iter().map(|client| client.2).max().filter(|most| *most > 0);
                prop_assert_eq!(ledger.largest().map(|(_, bytes)| bytes), most);
                for (account, client, bytes) in &twin {
                    prop_assert_eq!(ledger.bytes(account), *bytes);
                    prop_assert_eq!(ledger.entries[account.entry].client, *client);
                }
            }
        }
    }
}
