#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod buffer;
mod ledger;
mod limits;

pub use buffer::OutputBuffer;
pub use ledger::{Account, Ledger};
pub use limits::{Class, ClassLimits, CloseReason, LimitState, Limits, Verdict};
