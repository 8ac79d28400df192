//! The backlog with its second storey against the stream as one vector and files in a map, with
//! stores and fetches that are late, fail, or bring back damaged bytes.

use std::collections::{HashMap, VecDeque};

use proptest::prelude::*;

use super::super::*;
use crate::{History, ReplId};

const START: u64 = 1000;
const BLOCK: usize = 32;

#[derive(Clone, Debug)]
enum Op {
    Append(usize),
    Add(u16),
    Read(usize, u16),
    Request(usize),
    Release(usize),
    Resize(u64),
    Rename(u8),
    Work(Outcome),
    Retry,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Good,
    Fails,
    Damages(u16),
}

#[derive(Debug)]
enum Work {
    Store(Store),
    Fetch(Fetch),
    Discard(SegmentId),
}

/// Whoever does the I/O, in order, and what the backlog must give.
struct Twin {
    stream: Vec<u8>,
    cursors: Vec<(Cursor, usize)>,
    queue: VecDeque<Work>,
    files: HashMap<SegmentId, Vec<u8>>,
    history: History,
    renames: u8,
    /// Something went wrong that may cost history.
    trouble: bool,
    /// How far any cursor has read of what was stored before; further only when the disk is behind.
    read_to: usize,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        30 => Just(Outcome::Good),
        1 => Just(Outcome::Fails),
        1 => any::<u16>().prop_map(Outcome::Damages),
    ]
}

fn op(trouble: bool) -> impl Strategy<Value = Op> {
    let outcome = outcome().prop_map(move |o| if trouble { o } else { Outcome::Good });
    prop_oneof![
        6 => (0..90usize).prop_map(Op::Append),
        2 => any::<u16>().prop_map(Op::Add),
        4 => (any::<usize>(), any::<u16>()).prop_map(|(i, n)| Op::Read(i, n)),
        4 => any::<usize>().prop_map(Op::Request),
        1 => any::<usize>().prop_map(Op::Release),
        1 => (0..300u64).prop_map(Op::Resize),
        1 => any::<u8>().prop_map(Op::Rename),
        9 => outcome.prop_map(Op::Work),
        1 => Just(Op::Retry),
    ]
}

impl Twin {
    fn new(history: History) -> Twin {
        let (cursors, files) = (Vec::new(), HashMap::new());
        let queue = VecDeque::new();
        let stream = Vec::new();
        Twin { stream, cursors, queue, files, history, renames: 10, trouble: false, read_to: 0 }
    }

    fn run(&mut self, backlog: &mut Backlog, op: Op) {
        let count = self.cursors.len();
        match op {
            Op::Append(n) => {
                let more: Vec<u8> = (0..n).map(|i| (self.stream.len() / 3 + i * 7) as u8).collect();
                backlog.append(&more);
                self.stream.extend(more);
            }
            Op::Add(n) => {
                let at = usize::from(n) % (self.stream.len() + 1);
                let offset = Offset::new(START + at as u64).unwrap();
                let cursor = backlog.cursor_at(offset);
                assert_eq!(cursor.is_some(), backlog.first() <= offset);
                self.cursors.extend(cursor.map(|cursor| (cursor, at)));
            }
            Op::Read(i, n) if count > 0 => {
                let (cursor, at) = &mut self.cursors[i % count];
                let there: usize = backlog.chunks(cursor).map(<[u8]>::len).sum();
                let n = usize::from(n) % (there + 1);
                backlog.advance(cursor, n as u64);
                *at += n;
                let stored = backlog.disk.as_ref().and_then(Disk::end);
                if n > 0 && stored.is_some_and(|end| cursor.at <= end) {
                    self.read_to = self.read_to.max(*at);
                }
            }
            Op::Request(i) if count > 0 => backlog.request(&self.cursors[i % count].0),
            Op::Release(i) if count > 0 => backlog.release(self.cursors.remove(i % count).0),
            Op::Resize(size) => {
                backlog.resize(size);
                backlog.block_size = BLOCK;
            }
            Op::Rename(n) => {
                // Ids are drawn, so none comes twice.
                self.renames += 1;
                let mut seed = [n; 20];
                seed[0] = self.renames;
                self.history.shift(ReplId::from_random(seed), backlog.end());
                backlog.rename(&self.history);
            }
            Op::Retry => backlog.retry_store(),
            Op::Work(outcome) => self.work(backlog, outcome),
            Op::Read(..) | Op::Request(_) | Op::Release(_) => {}
        }
        self.take_work(backlog);
        self.drop_lost(backlog);
        if backlog.disk.as_ref().and_then(Disk::end).is_none() {
            // Nothing yet, or memory was short before the disk had taken it: a gap ended it.
            self.read_to = 0;
        }
    }

    /// Whatever the backlog wants done waits in one queue.
    fn take_work(&mut self, backlog: &mut Backlog) {
        self.queue.extend(backlog.poll_store().map(Work::Store));
        self.queue.extend(std::iter::from_fn(|| backlog.poll_fetch()).map(Work::Fetch));
        self.queue.extend(std::iter::from_fn(|| backlog.poll_discard()).map(Work::Discard));
    }

    fn work(&mut self, backlog: &mut Backlog, outcome: Outcome) {
        self.trouble |= outcome != Outcome::Good && !self.queue.is_empty();
        match (self.queue.pop_front(), outcome) {
            (Some(Work::Store(store)), Outcome::Fails) => backlog.store_failed(store.id),
            (Some(Work::Store(Store { id, position, bytes })), _) => {
                let file = self.files.entry(id).or_default();
                file.resize(position as usize, 0);
                bytes.iter().for_each(|bytes| file.extend_from_slice(bytes));
                backlog.stored(id);
            }
            (Some(Work::Fetch(fetch)), Outcome::Fails) => backlog.fetch_failed(fetch.id),
            (Some(Work::Fetch(Fetch { id, len })), outcome) => {
                let mut file = self.files[&id][..len as usize].to_vec();
                if let Outcome::Damages(at) = outcome {
                    file[usize::from(at) % len as usize] ^= 4;
                }
                // That of a segment that was dropped meanwhile is not looked at.
                let result = backlog.fetched(id, &file);
                assert!(result.is_ok() || outcome != Outcome::Good);
            }
            (Some(Work::Discard(id)), _) => drop(self.files.remove(&id)),
            (None, _) => {}
        }
        self.take_work(backlog);
    }

    fn drop_lost(&mut self, backlog: &mut Backlog) {
        for (cursor, at) in std::mem::take(&mut self.cursors) {
            if backlog.is_lost(&cursor) {
                assert!(self.trouble, "{cursor:?} is lost");
                backlog.release(cursor);
            } else {
                self.cursors.push((cursor, at));
            }
        }
    }

    fn drain(&mut self, backlog: &mut Backlog) {
        while !self.queue.is_empty() {
            self.work(backlog, Outcome::Good);
        }
    }

    fn check(&self, backlog: &Backlog) {
        let len = self.stream.len();
        assert_eq!(backlog.end().get(), START + len as u64);
        let slowest = self.cursors.iter().map(|(_, at)| *at).min().unwrap_or(len);
        assert!((backlog.first().get() - START) as usize <= slowest);
        for (cursor, at) in &self.cursors {
            assert_eq!(backlog.unread(cursor), (len - at) as u64);
            assert!(backlog.unstored_behind(cursor) <= (len - at) as u64);
            let chunks: Vec<&[u8]> = backlog.chunks(cursor).collect();
            assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
            let there = chunks.concat();
            assert_eq!(there, self.stream[*at..][..there.len()]);
            let in_memory = backlog.memory_first() <= cursor.offset();
            let readable = backlog.readable_to().checked_since(cursor.offset()).unwrap_or(0);
            let all = there.len() as u64 == readable;
            assert!(all || !in_memory, "in memory, but not to be read");
        }
    }

    /// Lets all that waits happen: nobody is stuck, and budgets are held.
    fn settle(&mut self, backlog: &mut Backlog) {
        backlog.retry_store();
        self.take_work(backlog);
        self.drain(backlog);
        self.drop_lost(backlog);
        self.take_work(backlog);
        self.drain(backlog);
        let config = *backlog.spill_config().unwrap();
        let stats = backlog.spill_stats();
        let most = config.memory.max((BLOCK as u64) + stats.loaded) + 2 * BLOCK as u64;
        assert!(backlog.allocated() <= most, "{} bytes, {most} allowed", backlog.allocated());
        let held: u64 = self.files.values().map(|file| file.len() as u64).sum();
        assert!(stats.disk <= held && stats.segments == self.files.len() as u64, "{stats:?}");
        if config.eager {
            let stored = backlog.disk.as_ref().and_then(Disk::end);
            assert_eq!(stored, Some(backlog.end()), "all is stored");
        }
        self.read_all(backlog);
    }

    fn read_all(&mut self, backlog: &mut Backlog) {
        self.drain(backlog);
        self.drop_lost(backlog);
        while let Some((mut cursor, mut at)) = self.cursors.pop() {
            while at < self.stream.len() {
                let there = backlog.chunks(&cursor).collect::<Vec<_>>().concat();
                assert_eq!(there, self.stream[at..][..there.len()]);
                backlog.advance(&mut cursor, there.len() as u64);
                at += there.len();
                backlog.request(&cursor);
                self.take_work(backlog);
                assert!(!there.is_empty() || !self.queue.is_empty(), "stuck at {at}");
                self.drain(backlog);
                if backlog.is_lost(&cursor) {
                    // What is read back fills memory, so that more is stored: that can reach the limit of
                    // the disk.
                    assert!(self.trouble, "{cursor:?} is lost");
                    break;
                }
            }
            backlog.release(cursor);
        }
    }

    /// The process ends here: what the files hold goes on where it was, and holds all that anybody
    /// has read.
    fn crash(&self, size: u64, config: SpillConfig) {
        let found = self.files.values().map(|file| Segment::read(file).unwrap());
        let found: Vec<_> = found.map(|segment| FoundSegment::from(&segment)).collect();
        let last = found.iter().max_by_key(|segment| (segment.end, segment.id.start)).copied();
        let Some(last) = last else {
            assert!(self.trouble || !config.eager || self.read_to == 0, "all is lost");
            return;
        };
        let mut chain = Chain::find(found, last.id.replid, last.end).unwrap();
        let (start, end) = (chain.segments()[0].id.start, chain.end());
        let at = |offset: Offset| (offset.get() - START) as usize;
        assert!(self.trouble || !config.eager || self.read_to <= at(end));
        // The last command is torn, say.
        let cut = Offset::new(end.get() - (at(end) - at(start)).min(5) as u64).unwrap();
        chain.cut(cut);
        let config = SpillConfig { keep: u64::MAX, limit: u64::MAX, ..config };
        let mut backlog = Backlog::recover(&chain, size, config);
        assert_eq!((backlog.first(), backlog.end()), (start, cut));
        let mut again = Twin::new(*chain.history());
        again.renames = 200;
        again.files.clone_from(&self.files);
        again.stream = self.stream[..at(cut)].to_vec();
        let cursor = backlog.cursor_at(start).unwrap();
        again.cursors.push((cursor, at(start)));
        again.trouble = true;
        again.run(&mut backlog, Op::Rename(254));
        again.run(&mut backlog, Op::Append(100));
        again.read_all(&mut backlog);
    }

    /// What is on disk is what was written, under the right ids.
    fn check_files(&self) {
        for (id, file) in &self.files {
            let segment = Segment::read(file).unwrap();
            assert_eq!(segment.id(), *id);
            assert_eq!(segment.history().replid(), id.replid);
            let at = (id.start.get() - START) as usize;
            assert_eq!(segment.payload(), &self.stream[at..][..segment.payload().len()]);
        }
    }
}

fn backlog(size: u64, config: SpillConfig, history: &History) -> Backlog {
    let mut backlog = Backlog::with_blocks(Offset::new(START).unwrap(), size, BLOCK);
    backlog.spill(Some(config), history);
    backlog
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn agrees_with_a_plain_vector_and_files(
        (size, memory, segment_size) in (0..200u64, 32..400u64, 1..300u64),
        (keep, eager, limited) in (0..2000u64, any::<bool>(), any::<bool>()),
        ops in any::<bool>().prop_flat_map(|trouble| prop::collection::vec(op(trouble), 0..150)),
    ) {
        let history = History::new(ReplId::from_random([9; 20]));
        let limit = if limited { 3000 } else { u64::MAX };
        let config = SpillConfig { memory, limit, keep, segment_size, eager };
        let mut backlog = backlog(size, config, &history);
        let mut twin = Twin::new(history);
        twin.trouble = limited;
        for op in ops {
            twin.run(&mut backlog, op);
            twin.check(&backlog);
            let most = limit.saturating_add(segment_size * 14 + 112);
            assert!(backlog.spill_stats().disk <= most);
        }
        twin.crash(size, config);
        twin.settle(&mut backlog);
        twin.check_files();
        for id in backlog.into_discards() {
            twin.files.remove(&id);
        }
        prop_assert!(twin.files.is_empty());
    }
}

proptest! {
    /// However late the disk is: where writes wait while memory is full, there is a store to wait
    /// for, and what is in memory beside the segments that were read back keeps the budget.
    #[test]
    fn writes_that_wait_keep_the_budget(
        (size, memory, segment_size) in (0..500u64, 128..400u64, 1..300u64),
        eager: bool,
        ops in prop::collection::vec(op(false), 0..150),
    ) {
        let history = History::new(ReplId::from_random([9; 20]));
        let config = SpillConfig { memory, segment_size, eager, ..SpillConfig::default() };
        let mut backlog = backlog(size, config, &history);
        let mut twin = Twin::new(history);
        for op in ops {
            while matches!(op, Op::Append(_)) && backlog.is_full() {
                let waits = twin.queue.iter().any(|work| matches!(work, Work::Store(_)));
                prop_assert!(waits, "nothing to wait for");
                twin.work(&mut backlog, Outcome::Good);
            }
            twin.run(&mut backlog, op);
            twin.check(&backlog);
            let held = backlog.allocated() - backlog.spill_stats().loaded;
            let most = memory + 90 + 2 * BLOCK as u64;
            prop_assert!(held <= most, "{held} bytes, {most} allowed");
        }
        twin.settle(&mut backlog);
    }
}

fn megabytes(n: u64) -> SpillConfig {
    SpillConfig { memory: n << 20, ..SpillConfig::default() }
}

/// A replica that stalls for a gigabyte costs memory no more than the budget says.
#[test]
fn a_stalled_cursor_costs_nothing_beyond_the_budget() {
    let history = History::new(ReplId::NONE);
    let mut backlog = Backlog::new(Offset::ZERO, 1 << 20);
    backlog.spill(Some(megabytes(4)), &history);
    let cursors: Vec<_> = (0..100).map(|_| backlog.cursor_at(Offset::ZERO).unwrap()).collect();
    let chunk = vec![7; 1 << 20];
    for _ in 0..1024 {
        backlog.append(&chunk);
        while let Some(store) = backlog.poll_store() {
            backlog.stored(store.id);
        }
        assert!(backlog.allocated() <= (5 << 20) + 2 * BLOCK_MAX as u64);
        assert!(backlog.unstored_behind(&cursors[0]) <= 4 << 20);
    }
    assert_eq!(backlog.unread(&cursors[0]), 1 << 30);
    assert_eq!(backlog.beyond_window(), (1 << 30) - (1 << 20));
    assert!(backlog.memory_beyond_window() <= (4 << 20) + 2 * BLOCK_MAX as u64);
    cursors.into_iter().for_each(|cursor| backlog.release(cursor));
}

/// 64 GiB of history: a place in it is found among 65,536 segments.
#[test]
fn a_place_is_found_in_a_long_history() {
    let history = History::new(ReplId::NONE);
    let mut backlog = Backlog::new(Offset::ZERO, 1 << 20);
    let config = SpillConfig { limit: u64::MAX, segment_size: 64 << 10, ..megabytes(1) };
    backlog.spill(Some(config), &history);
    let pin = backlog.cursor_at(Offset::ZERO).unwrap();
    for _ in 0..1 << 14 {
        backlog.append(&[1; 64 << 10]);
        while let Some(store) = backlog.poll_store() {
            backlog.stored(store.id);
        }
    }
    assert!(backlog.spill_stats().segments > 16_000);
    for place in [0, 12_345_678, 1 << 29, 1 << 30] {
        let cursor = backlog.cursor_at(Offset::new(place).unwrap()).unwrap();
        backlog.request(&cursor);
        let fetch = backlog.poll_fetch();
        // And the one behind it, ahead of time.
        assert_eq!(backlog.poll_fetch().is_some(), place < 1 << 30);
        assert_eq!(fetch.is_some(), place < 1 << 30);
        if let Some(fetch) = fetch {
            let start = fetch.id.start.get();
            assert!(start <= place && place < start + (64 << 10));
        }
        backlog.release(cursor);
    }
    backlog.release(pin);
}

#[test]
fn the_limit_of_the_disk_cuts_the_slowest() {
    let history = History::new(ReplId::NONE);
    let mut backlog = Backlog::new(Offset::ZERO, 1 << 20);
    backlog.spill(Some(SpillConfig { limit: 8 << 20, ..megabytes(1) }), &history);
    let slow = backlog.cursor_at(Offset::ZERO).unwrap();
    let mut lost_after = 0;
    for megabyte in 0..20 {
        backlog.append(&[1; 1 << 20]);
        while let Some(store) = backlog.poll_store() {
            backlog.stored(store.id);
        }
        if backlog.is_lost(&slow) && lost_after == 0 {
            lost_after = megabyte;
        }
    }
    assert!((8..=10).contains(&lost_after), "lost after {lost_after} MiB");
    backlog.release(slow);
}

#[test]
fn a_disk_that_fails_leaves_all_in_memory_and_counts_it() {
    let history = History::new(ReplId::NONE);
    let mut backlog = Backlog::new(Offset::ZERO, 1 << 20);
    backlog.spill(Some(megabytes(1)), &history);
    let slow = backlog.cursor_at(Offset::ZERO).unwrap();
    for _ in 0..20 {
        backlog.append(&[1; 1 << 20]);
        while let Some(store) = backlog.poll_store() {
            backlog.store_failed(store.id);
        }
    }
    assert!(backlog.spill_stats().failing);
    assert_eq!(backlog.unstored_behind(&slow), 20 << 20);
    assert_eq!(backlog.chunks(&slow).map(<[u8]>::len).sum::<usize>(), 20 << 20);
    // The disk has room again.
    backlog.retry_store();
    while let Some(store) = backlog.poll_store() {
        backlog.stored(store.id);
    }
    assert!(backlog.unstored_behind(&slow) <= 1 << 20);
    backlog.release(slow);
}
