//! Both sides as codecs of tokio-util, for those whose connections are `Framed`.

use alloc::vec::Vec;

use std::io;

use bytes::{Buf, BytesMut};
use thiserror::Error;
use tokio_util::codec::{Decoder, Encoder as FrameEncoder};

use crate::encoder::{Encoder, Protocol, encode_request};
use crate::error::{ReplyError, RequestError};
use crate::limits::{Limits, Mode, ReplyLimits};
use crate::reply_decoder::ReplyDecoder;
use crate::request::RequestBuf;
use crate::request_decoder::RequestDecoder;
use crate::value::Value;

/// Most bytes reserved for what a peer has announced and not sent.
const RESERVED_AHEAD: usize = 64 * 1024;

/// What ends a framed connection: the transport, or the peer's bytes (`E`).
#[derive(Debug, Error)]
pub enum CodecError<E> {
    /// The transport failed, or ended within a frame.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes break the protocol or a limit. A server sends [`RequestError::reply`] and closes.
    #[error("{0}")]
    Malformed(E),
}

/// A server's end: requests in, replies out. Feature `codec`.
///
/// Requests are owned, which costs up to two allocations each; a loop over [`RequestDecoder`] has
/// none.
#[derive(Debug)]
pub struct ServerCodec {
    decoder: RequestDecoder,
    protocol: Protocol,
    scratch: Vec<u8>,
}

impl ServerCodec {
    /// A codec at a connection's start: RESP2, not authenticated.
    #[must_use]
    pub fn new(mode: Mode, limits: Limits) -> Self {
        let decoder = RequestDecoder::new(mode, limits);
        Self { decoder, protocol: Protocol::Resp2, scratch: Vec::new() }
    }

    /// The protocol of later replies, as `HELLO` changes it.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// The decoder, for its settings.
    pub fn decoder_mut(&mut self) -> &mut RequestDecoder {
        &mut self.decoder
    }
}

impl Decoder for ServerCodec {
    type Item = RequestBuf;
    type Error = CodecError<RequestError>;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<RequestBuf>, Self::Error> {
        let decoded = self.decoder.decode(src).map_err(CodecError::Malformed)?;
        let (used, request) = (decoded.used, decoded.request.map(RequestBuf::from));
        src.advance(used);
        if request.is_none() {
            src.reserve(self.decoder.wanted().min(RESERVED_AHEAD));
        }
        Ok(request)
    }
}

impl FrameEncoder<Value> for ServerCodec {
    type Error = CodecError<RequestError>;

    /// Never fails.
    fn encode(&mut self, reply: Value, dst: &mut BytesMut) -> Result<(), Self::Error> {
        self.scratch.clear();
        reply.encode(&mut Encoder::new(&mut self.scratch, self.protocol));
        dst.extend_from_slice(&self.scratch);
        self.scratch.shrink_to(RESERVED_AHEAD);
        Ok(())
    }
}

/// A client's end: replies in, requests out. Feature `codec`.
#[derive(Debug)]
pub struct ClientCodec {
    decoder: ReplyDecoder,
    scratch: Vec<u8>,
}

impl ClientCodec {
    /// A codec at a connection's start.
    #[must_use]
    pub fn new(limits: ReplyLimits) -> Self {
        Self { decoder: ReplyDecoder::new(limits), scratch: Vec::new() }
    }
}

impl Decoder for ClientCodec {
    type Item = Value;
    type Error = CodecError<ReplyError>;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Value>, Self::Error> {
        let Some((value, used)) = self.decoder.decode(src).map_err(CodecError::Malformed)? else {
            src.reserve(self.decoder.wanted().min(RESERVED_AHEAD));
            return Ok(None);
        };
        src.advance(used);
        Ok(Some(value))
    }
}

impl FrameEncoder<RequestBuf> for ClientCodec {
    type Error = CodecError<ReplyError>;

    /// Never fails.
    fn encode(&mut self, request: RequestBuf, dst: &mut BytesMut) -> Result<(), Self::Error> {
        self.scratch.clear();
        encode_request(&mut self.scratch, request.as_request().iter());
        dst.extend_from_slice(&self.scratch);
        self.scratch.shrink_to(RESERVED_AHEAD);
        Ok(())
    }
}
