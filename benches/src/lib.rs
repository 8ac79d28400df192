#![doc = include_str!("../README.md")]
#![cfg_attr(not(any(hiredis, librdb)), forbid(unsafe_code))]
// Benchmarks read the clock, start processes and wait for them: the rule against that is meant for
// the libraries.
#![allow(clippy::disallowed_methods)]

pub mod contender;
pub mod generator;
#[cfg(librdb)]
pub mod librdb;
pub mod machine;
mod options;
pub mod process;
mod random;
pub mod rdb;
pub mod resp;
mod rounds;
mod table;
pub mod throttle;

use std::error::Error;

pub use options::Options;
pub use random::Random;
pub use rounds::{Subject, interleave, lower_quartile, measure, median};
pub use table::{Table, ratio};

/// What a benchmark's part ends with: any failure ends the program with its text.
pub type Outcome<T> = Result<T, Box<dyn Error>>;
