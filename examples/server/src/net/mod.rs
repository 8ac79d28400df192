//! Sockets: what listens and what talks, over TCP and Unix sockets alike.

mod client;
mod listen;
mod stream;

pub(crate) use client::{Blocked, Client, ClientId, Peak, ReplicaWait, Replies, Standing, Traffic};
pub(crate) use listen::{Listener, listen_added, listen_all};
pub(crate) use stream::Stream;
