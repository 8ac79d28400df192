//! Which streams a node's data set is a prefix of: PSYNC2's two ids.

use std::fmt;
use std::str;

use crate::Offset;

/// The name of a replication stream: 40 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplId([u8; 40]);

impl ReplId {
    /// The id that stands for "none": 40 zeros, as INFO prints `master_replid2` without a past.
    pub const NONE: ReplId = ReplId([b'0'; 40]);

    /// An id from 20 random bytes.
    pub fn from_random(seed: [u8; 20]) -> ReplId {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut id = [0; 40];
        for (pair, byte) in id.chunks_exact_mut(2).zip(seed) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        ReplId(id)
    }

    /// Reads 40 hex digits, upper or lower case; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<ReplId> {
        let mut id: [u8; 40] = text.try_into().ok()?;
        id.make_ascii_lowercase();
        id.iter().all(u8::is_ascii_hexdigit).then_some(ReplId(id))
    }

    /// The 40 digits.
    pub fn as_bytes(&self) -> &[u8; 40] {
        &self.0
    }

    /// The 40 digits as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("invariant: hex digits are ASCII")
    }
}

impl fmt::Display for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplId({self})")
    }
}

/// The replication ids that a node answers to: its stream's, and the one that it followed before
/// the last change, up to the offset of that change (PSYNC2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    replid: ReplId,
    previous: Option<(ReplId, Offset)>,
}

impl History {
    /// A history without a past.
    pub fn new(replid: ReplId) -> History {
        History { replid, previous: None }
    }

    /// A history as it was stored.
    pub(crate) fn from_parts(replid: ReplId, previous: Option<(ReplId, Offset)>) -> History {
        History { replid, previous }
    }

    /// The id of the stream that is written or followed now (INFO `master_replid`).
    pub fn replid(&self) -> ReplId {
        self.replid
    }

    /// The id before the last change (INFO `master_replid2`); [`ReplId::NONE`] without one.
    pub fn replid2(&self) -> ReplId {
        self.previous.map_or(ReplId::NONE, |(id, _)| id)
    }

    /// Where the stream of [`replid2`](History::replid2) ends for this node. INFO's
    /// `second_repl_offset` is its [`next_byte`](Offset::next_byte), or -1 when there is none.
    pub fn second_offset(&self) -> Option<Offset> {
        self.previous.map(|(_, at)| at)
    }

    /// The stream goes on under another id from `at` (promotion with a fresh id, or adoption of
    /// the id that came with `+CONTINUE`): the old id stays known up to there.
    pub fn shift(&mut self, replid: ReplId, at: Offset) {
        self.previous = Some((self.replid, at));
        self.replid = replid;
    }

    /// Another stream begins (full sync, or a backlog made anew): no past is known.
    pub fn restart(&mut self, replid: ReplId) {
        *self = History::new(replid);
    }

    /// Whether this node's stream contains the stream `replid` up to `at`, so that a replica that
    /// has it may go on from there (if the bytes are still at hand).
    pub fn answers(&self, replid: &[u8], at: Offset) -> bool {
        let named = |id: &ReplId| replid.eq_ignore_ascii_case(id.as_bytes());
        named(&self.replid)
            || self.previous.as_ref().is_some_and(|(id, end)| named(id) && at <= *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> ReplId {
        ReplId::from_random([n; 20])
    }

    fn at(n: u64) -> Offset {
        Offset::new(n).unwrap()
    }

    #[test]
    fn ids_are_forty_hex_digits() {
        let id = ReplId::from_random(*b"\x00\x0f\xf0\xff0123456789abcdef");
        assert_eq!(id.as_str(), "000ff0ff30313233343536373839616263646566");
        assert_eq!(ReplId::parse(id.as_bytes()), Some(id));
        assert_eq!(ReplId::parse(id.as_str().to_uppercase().as_bytes()), Some(id));
        assert_eq!(ReplId::parse(&id.as_bytes()[1..]), None);
        assert_eq!(ReplId::parse(b"g00ff0ff30313233343536373839616263646566"), None);
    }

    /// Captured: second_repl_offset 65 after a promotion at 64; 65 is answered, 66 is not.
    #[test]
    fn the_old_id_is_answered_up_to_the_change() {
        let mut history = History::new(id(1));
        assert_eq!((history.replid2(), history.second_offset()), (ReplId::NONE, None));
        history.shift(id(2), at(64));
        assert!(history.answers(id(1).as_bytes(), Offset::from_next_byte(65).unwrap()));
        assert!(!history.answers(id(1).as_bytes(), Offset::from_next_byte(66).unwrap()));
        assert!(history.answers(id(2).as_bytes(), at(1 << 40)));
        history.shift(id(3), at(100));
        assert!(!history.answers(id(1).as_bytes(), at(0)), "two changes back is forgotten");
        history.restart(id(4));
        assert!(!history.answers(id(3).as_bytes(), at(0)));
    }

    #[test]
    fn no_id_is_answered_without_a_past() {
        assert!(!History::new(id(1)).answers(ReplId::NONE.as_bytes(), Offset::ZERO));
        assert!(!History::new(id(1)).answers(b"?", Offset::ZERO));
    }
}
