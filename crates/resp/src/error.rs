//! What can be wrong with a request or a reply, where, and what a server answers.

use alloc::string::ToString;
use alloc::vec::Vec;

use thiserror::Error;

/// A malformed request. Fatal: the server answers [`reply`](Self::reply) and closes the connection.
///
/// `Display` is the text that Redis sends after `Protocol error: `. Every variant's `at` is
/// [`offset`](Self::offset).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The `*` line has no end within [`Limits::header_len`](crate::Limits::header_len).
    #[error("too big mbulk count string")]
    TooBigCountLine {
        /// Where the line starts.
        at: u64,
    },
    /// The argument count is no strict decimal number or above [`Limits::args`](crate::Limits::args).
    #[error("invalid multibulk length")]
    InvalidCount {
        /// Where the line starts.
        at: u64,
    },
    /// More than [`Limits::unauthenticated_args`](crate::Limits::unauthenticated_args) arguments
    /// before authentication.
    #[error("unauthenticated multibulk length")]
    UnauthenticatedCount {
        /// Where the line starts.
        at: u64,
    },
    /// An argument does not start with `$`.
    #[error("expected '$', got '{}'", char::from(printable(*.got)))]
    ExpectedDollar {
        /// Where the line starts.
        at: u64,
        /// The byte that was there.
        got: u8,
    },
    /// The `$` line has no end within [`Limits::header_len`](crate::Limits::header_len).
    #[error("too big bulk count string")]
    TooBigLengthLine {
        /// Where the line starts.
        at: u64,
    },
    /// An argument's length is no strict decimal number, negative or above
    /// [`Limits::bulk_len`](crate::Limits::bulk_len).
    #[error("invalid bulk length")]
    InvalidLength {
        /// Where the line starts.
        at: u64,
    },
    /// An argument longer than
    /// [`Limits::unauthenticated_bulk_len`](crate::Limits::unauthenticated_bulk_len) before
    /// authentication.
    #[error("unauthenticated bulk length")]
    UnauthenticatedLength {
        /// Where the line starts.
        at: u64,
    },
    /// With this argument the request has more bytes than
    /// [`Limits::request_len`](crate::Limits::request_len). (The text is ours: servers have no such
    /// limit.)
    #[error("too big request")]
    TooBigRequest {
        /// Where the argument's line starts.
        at: u64,
    },
    /// An inline request has no LF within [`Limits::inline_len`](crate::Limits::inline_len).
    #[error("too big inline request")]
    TooBigInline {
        /// Where the line starts.
        at: u64,
    },
    /// An inline request has a quote that is not closed, or closed in the middle of an argument.
    #[error("unbalanced quotes in request")]
    UnbalancedQuotes {
        /// Where the line starts.
        at: u64,
    },
    /// [`Mode::Strict`](crate::Mode::Strict) only: no CR LF where one must be. (The text is that of
    /// Valkey 9, which checks header lines.)
    #[error("invalid CRLF in request")]
    ExpectedCrLf {
        /// Where the CR should be.
        at: u64,
    },
}

impl RequestError {
    /// Offset, in bytes since the connection's start, of what is wrong: the line's first byte, or
    /// the place of a missing CR LF.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        match *self {
            Self::TooBigCountLine { at }
            | Self::InvalidCount { at }
            | Self::UnauthenticatedCount { at }
            | Self::ExpectedDollar { at, .. }
            | Self::TooBigLengthLine { at }
            | Self::InvalidLength { at }
            | Self::UnauthenticatedLength { at }
            | Self::TooBigRequest { at }
            | Self::TooBigInline { at }
            | Self::UnbalancedQuotes { at }
            | Self::ExpectedCrLf { at } => at,
        }
    }

    /// The whole reply that Redis sends before it closes: `-ERR Protocol error: ...` CR LF. Where
    /// `Display` shows a byte of the client's as a character, this has the byte itself.
    #[must_use]
    pub fn reply(&self) -> Vec<u8> {
        let text = match *self {
            Self::ExpectedDollar { got, .. } => {
                [b"expected '$', got '", &[printable(got)][..], b"'"].concat()
            }
            _ => self.to_string().into_bytes(),
        };
        [b"-ERR Protocol error: ", &text[..], b"\r\n"].concat()
    }
}

/// How Redis shows a byte of the client's inside an error line.
fn printable(byte: u8) -> u8 {
    if byte == b'\r' || byte == b'\n' { b' ' } else { byte }
}

/// A malformed reply. Fatal: what follows in the stream cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// No reply type starts with this byte.
    #[error("unknown reply type byte {got:#04x} at offset {at}")]
    UnknownType {
        /// Where.
        at: u64,
        /// The byte that was there.
        got: u8,
    },
    /// A line does not fit its type: no number, no boolean, not empty for null ...
    #[error("invalid {what} at offset {at}")]
    Invalid {
        /// Where the line starts.
        at: u64,
        /// What should have been there.
        what: &'static str,
    },
    /// No CR LF where one must be.
    #[error("expected CR LF at offset {at}")]
    ExpectedCrLf {
        /// Where the CR should be.
        at: u64,
    },
    /// A line longer than [`ReplyLimits::line_len`](crate::ReplyLimits::line_len).
    #[error("line too long at offset {at}")]
    LineTooLong {
        /// Where the line starts.
        at: u64,
    },
    /// A string longer than [`ReplyLimits::bulk_len`](crate::ReplyLimits::bulk_len).
    #[error("bulk string too long at offset {at}")]
    BulkTooLong {
        /// Where its line starts.
        at: u64,
    },
    /// More values in one reply than [`ReplyLimits::elements`](crate::ReplyLimits::elements).
    #[error("too many elements at offset {at}")]
    TooManyElements {
        /// Where the line of the aggregate, or of the value, starts.
        at: u64,
    },
    /// Nesting deeper than [`ReplyLimits::depth`](crate::ReplyLimits::depth).
    #[error("nested too deeply at offset {at}")]
    TooDeep {
        /// Where the line of the innermost aggregate starts.
        at: u64,
    },
}

impl ReplyError {
    /// Offset, in bytes since the decoder's start, of what is wrong.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        match *self {
            Self::UnknownType { at, .. }
            | Self::Invalid { at, .. }
            | Self::ExpectedCrLf { at }
            | Self::LineTooLong { at }
            | Self::BulkTooLong { at }
            | Self::TooManyElements { at }
            | Self::TooDeep { at } => at,
        }
    }
}
