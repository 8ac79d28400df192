//! Replies of pairs (a member and its score, a field and its value): an array of two for each in
//! RESP3, one flat array in RESP2.

use redwire_resp::{Encoder, Protocol};

/// The header of `count` pairs.
pub(super) fn array(reply: &mut Encoder<'_>, count: usize) {
    match reply.protocol() {
        Protocol::Resp2 => reply.array(count.saturating_mul(2)),
        Protocol::Resp3 => reply.array(count),
    }
}

/// What stands before the two of each pair.
pub(super) fn begin(reply: &mut Encoder<'_>) {
    if reply.protocol() == Protocol::Resp3 {
        reply.array(2);
    }
}
