#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod buffer;
mod class;
mod error;
mod ledger;
mod limits;
mod memory;
mod usage;

pub use buffer::OutputBuffer;
pub use class::Class;
pub use error::Error;
pub use ledger::{Account, Ledger};
pub use limits::{ClassLimits, CloseReason, LimitState, Limits, Verdict};
pub use memory::{ClientsLimit, memory_size};
pub use usage::Usage;
