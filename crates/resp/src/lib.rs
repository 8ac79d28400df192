#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

extern crate alloc;
#[cfg(feature = "codec")]
extern crate std;

mod append;
#[cfg(feature = "codec")]
pub mod codec;
mod double;
mod encoder;
mod error;
mod inline;
mod limits;
mod number;
mod reply_decoder;
mod request;
mod request_batch;
mod request_decoder;
mod shape;
mod tape;
mod tape_decoder;
mod value;

pub use double::{DoubleBuffer, format_double, format_double_17g, format_double_digest};
pub use encoder::{Encoder, Protocol, encode_request};
pub use error::{ReplyError, RequestError};
pub use limits::{Limits, Mode, ReplyLimits};
pub use number::{parse_f64, parse_i64};
pub use reply_decoder::ReplyDecoder;
pub use request::{Args, Request, RequestBuf};
pub use request_batch::RequestBatch;
pub use request_decoder::{Decoded, RequestDecoder};
pub use tape::{Elements, Tape, Token, Tokens};
pub use tape_decoder::TapeDecoder;
pub use value::{Attributed, Pairs, Value, Values};
