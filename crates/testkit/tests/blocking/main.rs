//! Commands that wait (`BLPOP`, `XREAD BLOCK` ...): scenes with several clients, played at real
//! servers and at redwire, which come to the same replies in the same order; and what else such
//! clients see of a server.

mod lists;
mod others;
mod server;
mod stage;
