//! What can go wrong on the replica's link.

/// Why an attempt to replicate ended. The caller closes the connection; the machine connects again
/// after its back-off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The primary sent bytes that replication does not allow here.
    #[error("protocol error at byte {at} of the link: {what}: {got:?}")]
    Protocol {
        /// Byte of the connection at which the offending line starts.
        at: u64,
        /// What was expected there.
        what: &'static str,
        /// The line, cut to a readable length.
        got: String,
    },
    /// A line grew beyond the limit without its end.
    #[error("reply line at byte {at} of the link is longer than {limit} bytes")]
    LineTooLong {
        /// Byte of the connection at which the line starts.
        at: u64,
        /// [`ReplicaConfig::max_line`](crate::ReplicaConfig::max_line).
        limit: usize,
    },
    /// The primary answered a step of the handshake with an error.
    #[error("primary refused {step}: {reply}")]
    Refused {
        /// The command that was refused.
        step: &'static str,
        /// The error reply, without its line end.
        reply: String,
    },
    /// The 40 bytes behind the RDB are not the marker that was announced before it.
    #[error("end marker of the RDB differs at byte {at} of the link")]
    Marker {
        /// Byte of the connection at which the marker should start.
        at: u64,
    },
    /// The RDB ended before or behind the length that was announced.
    #[error(
        "announced {announced} bytes of RDB, its end was seen after {seen} (byte {at} of the link)"
    )]
    RdbLength {
        /// Byte of the connection reached.
        at: u64,
        /// The announced length.
        announced: u64,
        /// Bytes that the caller's decoder has taken.
        seen: u64,
    },
    /// The caller told that the RDB or a command of the stream is damaged.
    #[error("damaged data at byte {at} of the link: {what}")]
    Data {
        /// Byte of the connection reached.
        at: u64,
        /// The caller's words.
        what: String,
    },
    /// The offset that the primary named, or that its stream reached, is beyond what offsets hold.
    #[error("replication offset out of range at byte {at} of the link")]
    OffsetRange {
        /// Byte of the connection reached.
        at: u64,
    },
    /// The primary was silent for `repl-timeout`, or did not accept the connection in that time.
    #[error("timeout: {what}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
    },
}
