//! [`Usage`]: what a client's memory is made of.

/// What a client's memory is made of, in bytes: the memory fields of its line in `CLIENT LIST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The connection itself: its structures, its name.
    pub own: u64,
    /// The query buffer, filled or free (`qbuf` and `qbuf-free`).
    pub query: u64,
    /// Arguments of the command that runs or is incomplete, where they are kept apart from the
    /// query buffer (`argv-mem`).
    pub arguments: u64,
    /// Commands that wait for EXEC, and watched keys (`multi-mem`).
    pub transaction: u64,
    /// Channels and patterns that it is subscribed to.
    pub subscriptions: u64,
    /// Replies that wait ([`OutputBuffer::memory`](crate::OutputBuffer::memory)).
    pub output: u64,
}

impl Usage {
    /// All of it (`tot-mem`): what a [`Ledger`](crate::Ledger) sums.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Usage { own, query, arguments, transaction, subscriptions, output } = *self;
        own + query + arguments + transaction + subscriptions + output
    }
}
