//! The memory of all clients, and who goes first when it is too much.

/// Sums the memory of clients and knows the largest. A client is a small number that its caller
/// chose, such as its index in a slab.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    clients: Vec<u64>,
    total: u64,
}

impl Ledger {
    /// An empty ledger.
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// The memory of `client` is `bytes` now; 0 takes it off the ledger.
    pub fn set(&mut self, client: usize, bytes: u64) {
        if client >= self.clients.len() {
            self.clients.resize(client + 1, 0);
        }
        self.total = self.total - self.clients[client] + bytes;
        self.clients[client] = bytes;
    }

    /// The memory of `client`.
    pub fn of(&self, client: usize) -> u64 {
        self.clients.get(client).copied().unwrap_or(0)
    }

    /// The memory of all clients.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The client to evict first, and its memory.
    pub fn largest(&self) -> Option<(usize, u64)> {
        let largest = self.clients.iter().enumerate().max_by_key(|(_, bytes)| **bytes)?;
        Some((largest.0, *largest.1)).filter(|(_, bytes)| *bytes > 0)
    }
}
