//! A thin Redis-compatible server over the redwire crates.

mod config;

fn main() {}
