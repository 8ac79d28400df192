//! A thin Redis-compatible server over the redwire crates.

mod config;
mod daemon;
mod log;
mod signals;

fn main() {}
