//! [`Disk`]: what of the stream lies in segments on disk, and what of that was read back.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use super::chain::{Chain, FoundSegment};
use super::pins::Pins;
use super::segment::{self, Segment};
use crate::{History, Offset, ReplId};

/// How many segments that were read back are kept for the links that read them.
const LOADED_MAX: usize = 8;

/// How much of a stream is kept in memory, and how much on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpillConfig {
    /// Bytes of memory beyond which stored blocks are dropped from it. Default 32 MiB.
    pub memory: u64,
    /// Bytes on disk beyond which the oldest segments are dropped, needed or not. Default 16 GiB.
    pub limit: u64,
    /// Bytes on disk up to which segments are kept that nobody who is here needs: for replicas that
    /// come back, and for a restart. Default 1 GiB.
    pub keep: u64,
    /// Bytes of stream in a segment. Default 1 MiB.
    pub segment_size: u64,
    /// Whether all of the stream is stored as it is written and before it is read, so that a restart
    /// finds whatever replicas have; and not only what memory has no room for. Default no.
    pub eager: bool,
}

impl Default for SpillConfig {
    fn default() -> SpillConfig {
        SpillConfig {
            memory: 32 << 20,
            limit: 16 << 30,
            keep: 1 << 30,
            segment_size: 1 << 20,
            eager: false,
        }
    }
}

/// The name of a segment: the stream that it is of, and where in it it starts. `Display` is a file
/// name, [`SegmentId::parse`] reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentId {
    /// The id of the stream when the segment was begun.
    pub replid: ReplId,
    /// The place of its first byte.
    pub start: Offset,
}

impl SegmentId {
    /// Reads what `Display` writes; `None` for anything else.
    pub fn parse(name: &str) -> Option<SegmentId> {
        let (replid, start) = name.split_once('-')?;
        let digits = start.len() == 20 && start.bytes().all(|byte| byte.is_ascii_digit());
        let start = start.parse().ok().filter(|_| digits).and_then(Offset::new)?;
        Some(SegmentId { replid: ReplId::parse(replid.as_bytes())?, start })
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:020}", self.replid, self.start.get())
    }
}

/// Bytes to be written to a segment's file; answer by [`Backlog::stored`](super::Backlog::stored)
/// or [`Backlog::store_failed`](super::Backlog::store_failed).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Which file.
    pub id: SegmentId,
    /// Where in the file; at 0 it is to be made anew.
    pub position: u64,
    /// What to write there: one after the other.
    pub bytes: Vec<Bytes>,
}

/// A segment's file to be read; answer by [`Backlog::fetched`](super::Backlog::fetched) or
/// [`Backlog::fetch_failed`](super::Backlog::fetch_failed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Which file.
    pub id: SegmentId,
    /// How many bytes of it, from the start.
    pub len: u64,
}

/// A segment's file does not hold what was stored in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment {id} is damaged: {sound} of {expected} bytes of stream are sound")]
pub struct DamagedSegment {
    /// Which.
    pub id: SegmentId,
    /// Bytes of the stream that were read back sound.
    pub sound: u64,
    /// Bytes that were stored.
    pub expected: u64,
}

/// Figures of what is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpillStats {
    /// Segments on disk.
    pub segments: u64,
    /// Bytes of their files.
    pub disk: u64,
    /// Bytes of them that are in memory to be sent.
    pub loaded: u64,
    /// Whether the last write failed, so that memory must hold what comes.
    pub failing: bool,
    /// Bytes of stream that were stored since the start.
    pub stored: u64,
    /// Segments that were read back since the start.
    pub fetched: u64,
}

#[derive(Debug)]
pub(super) struct Disk {
    pub(super) config: SpillConfig,
    history: History,
    /// In order and without gaps; the last may grow.
    stored: VecDeque<Stored>,
    bytes: u64,
    /// The store that was handed out and is not answered yet.
    in_flight: Option<InFlight>,
    /// The next bytes belong in a segment of their own.
    begin_anew: bool,
    failing: bool,
    /// Segments that were read back, the one that was used longest ago at the front.
    loaded: VecDeque<Loaded>,
    /// Segments that were asked for and are not answered yet.
    fetching: Vec<Fetch>,
    wanted: VecDeque<Fetch>,
    discards: VecDeque<SegmentId>,
    stats: SpillStats,
}

/// A segment that is on disk, or on its way there.
#[derive(Clone, Copy, Debug)]
struct Stored {
    id: SegmentId,
    end: Offset,
    file_len: u64,
    /// Checksum of its last piece.
    crc: u64,
}

impl Stored {
    fn len(&self) -> u64 {
        self.end.checked_since(self.id.start).expect("invariant: a segment ends behind its start")
    }
}

/// What a segment will be when its store is done.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    segment: Stored,
    /// Whether the store is its first.
    begins: bool,
}

#[derive(Debug)]
struct Loaded {
    id: SegmentId,
    /// Just these: what was read for the heads of pieces is given back.
    bytes: Box<[u8]>,
}

impl Disk {
    pub(super) fn new(config: SpillConfig, history: History) -> Disk {
        Disk {
            config,
            history,
            stored: VecDeque::new(),
            bytes: 0,
            in_flight: None,
            begin_anew: true,
            failing: false,
            loaded: VecDeque::new(),
            fetching: Vec::new(),
            wanted: VecDeque::new(),
            discards: VecDeque::new(),
            stats: SpillStats::default(),
        }
    }

    /// The segments of `chain` are on disk already.
    pub(super) fn recovered(config: SpillConfig, chain: &Chain) -> Disk {
        let mut disk = Disk::new(config, *chain.history());
        for found in chain.segments() {
            let FoundSegment { id, end, file_len, crc, .. } = *found;
            disk.stored.push_back(Stored { id, end, file_len, crc });
            disk.bytes += file_len;
        }
        disk
    }

    pub(super) fn first(&self) -> Option<Offset> {
        self.stored.front().map(|segment| segment.id.start)
    }

    pub(super) fn end(&self) -> Option<Offset> {
        self.stored.back().map(|segment| segment.end)
    }

    pub(super) fn stats(&self) -> SpillStats {
        SpillStats {
            segments: self.stored.len() as u64,
            disk: self.bytes,
            loaded: self.loaded_bytes(),
            failing: self.failing,
            ..self.stats
        }
    }

    pub(super) fn loaded_bytes(&self) -> u64 {
        self.loaded.iter().map(|loaded| loaded.bytes.len() as u64).sum()
    }

    /// The stream has other ids from here on: they are to be stored with what comes.
    pub(super) fn rename(&mut self, history: History) {
        self.history = history;
        self.begin_anew = true;
    }

    // ---- storing ----------------------------------------------------------------------------

    /// Whether a store may be handed out.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && !self.failing
    }

    /// How many bytes the segment that the next store goes to has room for.
    pub(super) fn room(&self) -> u64 {
        let last = self.stored.back().filter(|_| !self.begin_anew);
        let used = last.map_or(0, Stored::len);
        let room = self.config.segment_size.saturating_sub(used);
        let room = if room == 0 { self.config.segment_size } else { room };
        room.clamp(1, segment::PIECE_MAX as u64)
    }

    /// Whether the ids are yet to be stored.
    pub(super) fn is_unnamed(&self) -> bool {
        self.begin_anew
    }

    /// The store that puts `chunks` of the stream from `from` on at the end.
    pub(super) fn store(&mut self, from: Offset, chunks: Vec<Bytes>) -> Store {
        let last = self.stored.back().filter(|last| {
            !self.begin_anew && last.end == from && last.len() < self.config.segment_size
        });
        let mut bytes = Vec::with_capacity(chunks.len() + 2);
        let mut segment = last.copied().unwrap_or_else(|| {
            let (head, crc) = segment::head(from, &self.history);
            let id = SegmentId { replid: self.history.replid(), start: from };
            let file_len = head.len() as u64;
            bytes.push(head.into());
            Stored { id, end: from, file_len, crc }
        });
        let begins = !bytes.is_empty();
        let position = if begins { 0 } else { segment.file_len };
        let len: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        if len > 0 {
            let (head, crc) = segment::piece_head(segment.crc, &chunks);
            segment.end = from.checked_add(len).expect("invariant: part of the stream");
            segment.file_len += head.len() as u64 + len;
            segment.crc = crc;
            bytes.push(Bytes::copy_from_slice(&head));
            bytes.extend(chunks);
        }
        self.begin_anew = false;
        self.in_flight = Some(InFlight { segment, begins });
        Store { id: segment.id, position, bytes }
    }

    /// The store of `id` is done; memory holds the stream from `memory_first` on.
    pub(super) fn finish_store(&mut self, id: SegmentId, memory_first: Offset) {
        let Some(InFlight { segment: done, begins }) = self.take_in_flight(id) else { return };
        self.failing = false;
        if begins {
            // An empty one that had only ids stays beside the same place with others: it says whose
            // stream goes on there. One of the same name was written over.
            let empty = self.stored.back().filter(|last| last.id == done.id).copied();
            if let Some(empty) = empty {
                self.stored.pop_back();
                self.forget(empty);
                self.discards.retain(|discard| *discard != id);
            }
            let fits = self.end().is_none_or(|end| end == done.id.start);
            if !fits || done.end < memory_first {
                self.discards.push_back(done.id);
                return;
            }
            self.stored.push_back(Stored { end: done.id.start, file_len: 0, ..done });
        }
        // One that was dropped meanwhile is gone.
        if let Some(last) = self.stored.back_mut().filter(|last| last.id == id) {
            self.bytes += done.file_len - last.file_len;
            self.stats.stored += done.len() - last.len();
            *last = done;
        }
    }

    /// The store of `id` came to nothing.
    pub(super) fn fail_store(&mut self, id: SegmentId) {
        let Some(InFlight { begins, .. }) = self.take_in_flight(id) else { return };
        self.failing = true;
        if begins {
            self.begin_anew = true;
            self.discards.push_back(id);
        }
    }

    fn take_in_flight(&mut self, id: SegmentId) -> Option<InFlight> {
        self.in_flight.take_if(|it| it.segment.id == id)
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing
    }

    pub(super) fn retry(&mut self) {
        self.failing = false;
    }

    // ---- reading back -----------------------------------------------------------------------

    /// What was read back, from `at` on to the end of a segment.
    pub(super) fn loaded(&self, at: Offset) -> Option<&[u8]> {
        let segment = self.stored.get(self.index(at)?)?;
        let loaded = self.loaded.iter().find(|loaded| loaded.id == segment.id)?;
        let skip = usize::try_from(at.checked_since(segment.id.start)?).ok()?;
        loaded.bytes.get(skip..).filter(|bytes| !bytes.is_empty())
    }

    /// Somebody wants to read from `at` on: has its segment read, and the one behind it, as far as
    /// memory does not hold them.
    pub(super) fn want(&mut self, at: Offset, memory_first: Offset) {
        let Some(index) = self.index(at) else { return };
        for (index, at) in [(index, Some(at)), (index + 1, None)] {
            let Some(segment) = self.stored.get(index).copied() else { return };
            let at = at.unwrap_or(segment.id.start);
            if at >= memory_first || segment.end <= at || self.is_fetching(segment.id) {
                continue;
            }
            if self.loaded(at).is_some() {
                self.use_again(segment.id);
                continue;
            }
            self.loaded.retain(|loaded| loaded.id != segment.id);
            let fetch = Fetch { id: segment.id, len: segment.file_len };
            self.fetching.push(fetch);
            self.wanted.push_back(fetch);
        }
    }

    fn is_fetching(&self, id: SegmentId) -> bool {
        self.fetching.iter().any(|fetch| fetch.id == id)
    }

    pub(super) fn poll_fetch(&mut self) -> Option<Fetch> {
        self.wanted.pop_front()
    }

    pub(super) fn fetched(&mut self, id: SegmentId, file: &[u8]) -> Result<(), DamagedSegment> {
        let Some((index, len)) = self.end_fetch(id) else { return Ok(()) };
        let read = Segment::read(file).filter(|read| read.id == id);
        let (sound, mut payload) =
            read.map_or((0, Vec::new()), |read| (read.file_len, read.payload));
        if sound != len {
            let (sound, expected) = (payload.len() as u64, self.stored[index].len());
            self.lose(index);
            return Err(DamagedSegment { id, sound, expected });
        }
        // One that was cut when it was recovered holds more than belongs to the stream.
        payload.truncate(usize::try_from(self.stored[index].len()).unwrap_or(usize::MAX));
        self.stats.fetched += 1;
        if self.loaded.len() >= LOADED_MAX {
            self.loaded.pop_front();
        }
        self.loaded.push_back(Loaded { id, bytes: payload.into_boxed_slice() });
        Ok(())
    }

    pub(super) fn fail_fetch(&mut self, id: SegmentId) {
        if let Some((index, _)) = self.end_fetch(id) {
            self.lose(index);
        }
    }

    /// Nobody reads the segment in which `at` lies any more, unless `pins` say so.
    pub(super) fn left(&mut self, at: Offset, pins: &Pins) {
        let Some(segment) = self.index(at).and_then(|index| self.stored.get(index)) else { return };
        if !pins.any_within(segment.id.start, segment.end) {
            let id = segment.id;
            self.loaded.retain(|loaded| loaded.id != id);
        }
    }

    /// The segment in which `at` lies.
    fn index(&self, at: Offset) -> Option<usize> {
        let index = self.stored.partition_point(|segment| segment.end <= at);
        self.stored.get(index).filter(|segment| segment.id.start <= at).map(|_| index)
    }

    fn use_again(&mut self, id: SegmentId) {
        if let Some(index) = self.loaded.iter().position(|loaded| loaded.id == id) {
            let loaded = self.loaded.remove(index);
            self.loaded.extend(loaded);
        }
    }

    /// Where the segment that was read stands, if it was asked for and is still there, and how many
    /// bytes were asked for.
    fn end_fetch(&mut self, id: SegmentId) -> Option<(usize, u64)> {
        let asked = self.fetching.iter().position(|fetch| fetch.id == id)?;
        let len = self.fetching.swap_remove(asked).len;
        Some((self.stored.iter().position(|segment| segment.id == id)?, len))
    }

    // ---- dropping ---------------------------------------------------------------------------

    /// Drops the oldest segments: those that nobody needs (all is needed from `needed_from` on)
    /// beyond what is kept, and any beyond the limit. The last one stays: it is being written.
    pub(super) fn trim(&mut self, needed_from: Offset) {
        while self.stored.len() > 1 {
            let unneeded = self.stored[0].end <= needed_from && self.bytes > self.config.keep;
            if !unneeded && self.bytes <= self.config.limit {
                break;
            }
            self.lose(0);
        }
    }

    /// Drops everything; a store under way is dropped when it is done.
    pub(super) fn clear(&mut self) {
        if let Some(last) = self.stored.len().checked_sub(1) {
            self.lose(last);
        }
        self.begin_anew = true;
    }

    pub(super) fn poll_discard(&mut self) -> Option<SegmentId> {
        self.discards.pop_front()
    }

    /// Everything is to be dropped for ever: the names of all files.
    pub(super) fn into_discards(mut self) -> Vec<SegmentId> {
        self.clear();
        let in_flight = self.in_flight.map(|it| it.segment.id);
        self.discards.into_iter().chain(in_flight).collect()
    }

    /// Drops the segment at `index` and all before it.
    fn lose(&mut self, index: usize) {
        if index + 1 == self.stored.len() {
            self.begin_anew = true;
        }
        for _ in 0..=index {
            if let Some(segment) = self.stored.pop_front() {
                self.forget(segment);
            }
        }
    }

    fn forget(&mut self, segment: Stored) {
        self.bytes -= segment.file_len;
        self.loaded.retain(|loaded| loaded.id != segment.id);
        self.fetching.retain(|fetch| fetch.id != segment.id);
        self.wanted.retain(|fetch| fetch.id != segment.id);
        self.discards.push_back(segment.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_a_file_name() {
        let start = Offset::new(1_234).unwrap();
        let id = SegmentId { replid: ReplId::from_random([0xab; 20]), start };
        let name = id.to_string();
        assert_eq!(name, format!("{}-00000000000000001234", "ab".repeat(20)));
        assert_eq!(SegmentId::parse(&name), Some(id));
        for wrong in [&name[1..], &name[..60], "", "-", &name.replace('-', "_")] {
            assert_eq!(SegmentId::parse(wrong), None, "{wrong:?}");
        }
    }
}
