#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod crc64;
pub mod dump;
pub mod entry;
pub mod intset;
pub mod length;
pub mod listpack;
pub mod lzf;
pub mod packed;
pub mod quicklist;
pub mod salvage;
pub mod stream;
pub mod string;
pub mod ziplist;
pub mod zipmap;

mod decode;
mod encode;
mod error;
mod event;
mod limits;
mod needs;
mod score;
mod types;
mod version;

pub use decode::{Checker, Decoder};
pub use encode::{EncodeOptions, Encoder, KeyMeta, ListPlan, Thresholds};
pub use error::{Error, Fault, KeyName};
pub use event::{Decoded, Event, KeyHeader, Kind};
pub use limits::{DecodeOptions, Limits};
pub use needs::Needs;
pub use version::{Dialect, UnknownVersion, Version};
