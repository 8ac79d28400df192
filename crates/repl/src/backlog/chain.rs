//! [`Chain`]: the segments that a crash left, as far as they make one stream.

use super::SegmentId;
use super::segment::Segment;
use crate::{History, Offset, ReplId};

/// A segment that was found on disk, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundSegment {
    /// Its name.
    pub id: SegmentId,
    /// The ids of the stream when it was begun.
    pub history: History,
    /// The place behind its last sound byte.
    pub end: Offset,
    /// How much of its file is sound, in bytes.
    pub file_len: u64,
    pub(super) crc: u64,
}

impl From<&Segment> for FoundSegment {
    fn from(segment: &Segment) -> FoundSegment {
        let Segment { id, history, file_len, crc, .. } = *segment;
        FoundSegment { id, history, end: segment.end(), file_len, crc }
    }
}

/// Segments that follow each other without a gap, each of the stream of the one before it.
///
/// What is on disk after a crash may be of several streams: one that was given up, and the one that
/// was followed after it. A data set that was loaded from a file belongs to the chain that contains
/// its place; the stream from there on, run on it, makes it what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    segments: Vec<FoundSegment>,
}

impl Chain {
    /// The chain among the segments that were found in which the stream `replid` goes on from
    /// `offset`; `None` when there is none.
    pub fn find(mut found: Vec<FoundSegment>, replid: ReplId, offset: Offset) -> Option<Chain> {
        found.sort_by_key(|segment| (segment.id.start, segment.end));
        let found = found.chunk_by(|one, next| one.id.start == next.id.start).flat_map(in_order);
        let mut chains: Vec<Chain> = Vec::new();
        for segment in found {
            match chains.iter_mut().find(|chain| chain.goes_on(&segment)) {
                Some(chain) => chain.push(segment),
                None => chains.push(Chain { segments: vec![segment] }),
            }
        }
        chains.retain(|chain| chain.holds(replid, offset));
        chains.into_iter().max_by_key(Chain::end)
    }

    /// Its segments, in order. One may hold bytes behind the start of the next: they do not count.
    pub fn segments(&self) -> &[FoundSegment] {
        &self.segments
    }

    /// The place behind its last byte.
    pub fn end(&self) -> Offset {
        self.last().end
    }

    /// The ids of the stream at its end.
    pub fn history(&self) -> &History {
        &self.last().history
    }

    /// Drops what lies behind `at`.
    pub fn cut(&mut self, at: Offset) {
        while self.segments.len() > 1 && at < self.last().id.start {
            self.segments.pop();
        }
        if let Some(last) = self.segments.last_mut() {
            last.end = last.end.min(at).max(last.id.start);
        }
    }

    fn last(&self) -> &FoundSegment {
        self.segments.last().expect("invariant: a chain has a segment")
    }

    /// Whether `next` is of this chain's stream and begins within its last segment or at its end.
    fn goes_on(&self, next: &FoundSegment) -> bool {
        let (last, start) = (self.last(), next.id.start);
        let joins = last.id.start <= start && start <= last.end;
        joins && next.history.answers(last.history.replid().as_bytes(), start)
    }

    fn push(&mut self, next: FoundSegment) {
        // One of which nothing is left still says whose stream goes on under the id of the next.
        self.cut(next.id.start);
        self.segments.push(next);
    }

    fn holds(&self, replid: ReplId, offset: Offset) -> bool {
        // At a boundary either side will do: the ids may have changed there.
        let mut around = self
            .segments
            .iter()
            .filter(|segment| segment.id.start <= offset && offset <= segment.end);
        around.any(|segment| segment.history.answers(replid.as_bytes(), offset))
    }
}

/// Segments that start at one place, each behind those whose stream it goes on with.
fn in_order(group: &[FoundSegment]) -> Vec<FoundSegment> {
    let mut left = group.to_vec();
    let mut ordered = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let goes_on = |next: &FoundSegment, before: &FoundSegment| {
            next.id != before.id && next.history.answers(before.id.replid.as_bytes(), next.id.start)
        };
        let first = left.iter().position(|next| !left.iter().any(|before| goes_on(next, before)));
        ordered.push(left.remove(first.unwrap_or(0)));
    }
    ordered
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

    fn found(history: History, start: u64, end: u64) -> FoundSegment {
        let id = SegmentId { replid: history.replid(), start: at(start) };
        FoundSegment { id, history, end: at(end), file_len: 112 + end - start, crc: 0 }
    }

    fn ends(chain: &Chain) -> Vec<(u64, u64)> {
        let ends = |segment: &FoundSegment| (segment.id.start.get(), segment.end.get());
        chain.segments().iter().map(ends).collect()
    }

    #[test]
    fn a_chain_ends_at_a_gap() {
        let one = History::new(id(1));
        let all = vec![found(one, 200, 300), found(one, 0, 100), found(one, 100, 190)];
        let chain = Chain::find(all.clone(), id(1), at(50)).unwrap();
        assert_eq!(ends(&chain), [(0, 100), (100, 190)]);
        assert_eq!(ends(&Chain::find(all.clone(), id(1), at(250)).unwrap()), [(200, 300)]);
        for (replid, place) in [(1, 195), (1, 301), (2, 50)] {
            assert_eq!(Chain::find(all.clone(), id(replid), at(place)), None);
        }
    }

    #[test]
    fn a_chain_goes_on_under_new_ids() {
        let old = History::new(id(1));
        let mut new = old;
        new.shift(id(2), at(90));
        // Of another stream that happens to begin where the first ends.
        let other = History::new(id(3));
        let all = vec![
            found(old, 0, 100),
            found(new, 90, 150),
            found(other, 100, 400),
            found(new, 150, 160),
        ];
        let chain = Chain::find(all.clone(), id(1), at(10)).unwrap();
        assert_eq!(ends(&chain), [(0, 90), (90, 150), (150, 160)]);
        assert_eq!(*chain.history(), new);
        assert_eq!(Chain::find(all.clone(), id(2), at(155)), Some(chain));
        assert_eq!(ends(&Chain::find(all, id(3), at(155)).unwrap()), [(100, 400)]);
    }

    #[test]
    fn a_chain_is_cut_in_the_midst() {
        let one = History::new(id(1));
        let all = vec![found(one, 0, 100), found(one, 100, 200), found(one, 200, 200)];
        let whole = Chain::find(all, id(1), at(0)).unwrap();
        for (place, left) in [
            (200, vec![(0, 100), (100, 200), (200, 200)]),
            (199, vec![(0, 100), (100, 199)]),
            (100, vec![(0, 100), (100, 100)]),
            (7, vec![(0, 7)]),
        ] {
            let mut chain = whole.clone();
            chain.cut(at(place));
            assert_eq!(ends(&chain), left);
        }
    }
}
