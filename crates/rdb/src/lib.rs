#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod decode;
mod encode;
mod error;
mod event;
mod limits;
mod version;

pub use decode::Decoder;
pub use encode::{EncodeOptions, Encoder, KeyMeta, ListPlan, Thresholds};
pub use error::{Error, Fault, KeyName};
pub use event::{Decoded, Event, KeyHeader, Kind};
pub use limits::{DecodeOptions, Limits};
pub use version::{Dialect, UnknownVersion, Version};
