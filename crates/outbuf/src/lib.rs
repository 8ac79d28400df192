//! Output buffers of a Redis-like server: a client's queue of reply bytes, its class limits and the ledger of all.
