#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
// This crate starts processes and waits for them: the rule against clocks and pauses is meant for
// the libraries.
#![allow(clippy::disallowed_methods)]

mod client;
mod compare;
mod peer;
mod redwire;
mod reply;
mod rng;
mod server;
pub mod shape;
mod wait;
pub mod wording;
pub mod workload;

use std::path::Path;

pub use client::{Client, Command, printable, request};
pub use compare::{
    assert_same_data, assert_same_fields, assert_same_groups, assert_same_values, wait_caught_up,
};
pub use peer::{Peer, Programs, skip};
pub use redwire::Redwire;
pub use reply::Reply;
pub use rng::Rng;
pub use rustix::process::Signal;
pub use server::{Server, StartFailure};
pub use wait::{wait_for, wait_until};

/// The root folder of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    let this = Path::new(env!("CARGO_MANIFEST_DIR"));
    this.ancestors().nth(2).expect("invariant: this crate is crates/testkit of the workspace")
}
