//! What a peer may send, and how closely it is checked. Each number has Redis' own default.

/// How strictly a [`RequestDecoder`](crate::RequestDecoder) reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Each header and each argument must end in CR LF (Valkey 9 wants that too), and the length
    /// limits of lines hold whatever pieces the bytes arrive in. Inline requests may end in LF; their
    /// quotes are Redis' (Valkey 9 lets text follow a closing one).
    Strict,
    /// Exactly what Redis up to 8.0 accepts: the byte after the CR of a header and the two
    /// bytes after an argument are skipped unseen, a NUL in a line hides the line's end (so the
    /// request waits for ever), and a line is too long only if its end is not there yet.
    #[default]
    Compatible,
}

/// Limits of a [`RequestDecoder`](crate::RequestDecoder).
///
/// ```
/// let mut limits = redwire_resp::Limits::default();
/// limits.bulk_len = 1024 * 1024; // proto-max-bulk-len 1mb
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest argument in bytes, itself allowed: Redis' `proto-max-bulk-len`, 512 MiB. (A
    /// replication link is exempt: set `u64::MAX`.)
    pub bulk_len: u64,
    /// Most arguments in one request: 2^31 - 1.
    pub args: u64,
    /// Bytes of an inline request that may be unread without its LF: 64 KiB.
    pub inline_len: usize,
    /// Bytes that may be unread from the start of a `*` or `$` line without its CR: 64 KiB.
    pub header_len: usize,
    /// Most arguments before [`set_authenticated`](crate::RequestDecoder::set_authenticated): 10.
    pub unauthenticated_args: u64,
    /// Longest argument in bytes before authentication: 16 384.
    pub unauthenticated_bulk_len: u64,
    /// Most bytes of one `*` request, its lines and line ends included; known to be passed as soon
    /// as an argument's length is. It bounds what a client can make a server hold for a request
    /// that never ends. Redis has only its query buffer's limit (1 GiB) for that, which is the
    /// caller's to watch; so here it is `u64::MAX`, no limit.
    pub request_len: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bulk_len: 512 * 1024 * 1024,
            args: i32::MAX as u64,
            inline_len: 64 * 1024,
            header_len: 64 * 1024,
            unauthenticated_args: 10,
            unauthenticated_bulk_len: 16 * 1024,
            request_len: u64::MAX,
        }
    }
}

/// Limits of a [`ReplyDecoder`](crate::ReplyDecoder).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplyLimits {
    /// Deepest nesting of aggregates and attributes; a bare value has depth 0. Default 128.
    pub depth: usize,
    /// Most values in one reply, all levels together (a map's pair counts two). Default 2^32.
    pub elements: u64,
    /// Longest bulk string, bulk error or verbatim string in bytes, and most bytes of all the
    /// chunks of a streamed string. Default 512 MiB.
    pub bulk_len: u64,
    /// Longest line in bytes (simple strings, errors, numbers, headers), its first byte counted and
    /// its CR LF not. Default 64 KiB.
    pub line_len: usize,
}

impl Default for ReplyLimits {
    fn default() -> Self {
        Self { depth: 128, elements: 1 << 32, bulk_len: 512 * 1024 * 1024, line_len: 64 * 1024 }
    }
}

/// More than any string that memory can hold, and small enough to be added to an offset.
pub(crate) const ADDRESSABLE: u64 = isize::MAX as u64 / 2;
