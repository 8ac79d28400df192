//! Appends, cursors, stores and fetches that end well or not, in any order: a backlog with a disk
//! gives what a plain vector holds, or says that it is lost, which it may be only after a failure.
#![no_main]

use std::collections::{HashMap, VecDeque};

use libfuzzer_sys::fuzz_target;
use redwire_repl::{
    Backlog, Cursor, Fetch, History, Offset, ReplId, SegmentId, SpillConfig, Store,
};

enum Work {
    Store(Store),
    Fetch(Fetch),
    Discard(SegmentId),
}

#[derive(Default)]
struct Disk {
    queue: VecDeque<Work>,
    files: HashMap<SegmentId, Vec<u8>>,
    failed: bool,
}

impl Disk {
    fn take(&mut self, backlog: &mut Backlog) {
        self.queue.extend(backlog.poll_store().map(Work::Store));
        while let Some(fetch) = backlog.poll_fetch() {
            self.queue.push_back(Work::Fetch(fetch));
        }
        while let Some(id) = backlog.poll_discard() {
            self.queue.push_back(Work::Discard(id));
        }
    }

    /// Does what comes next; `how` is 0 for a failure, 1 for damage.
    fn work(&mut self, backlog: &mut Backlog, how: u8) {
        self.failed |= how < 2;
        match self.queue.pop_front() {
            Some(Work::Store(store)) if how == 0 => backlog.store_failed(store.id),
            Some(Work::Store(Store { id, position, bytes })) => {
                let file = self.files.entry(id).or_default();
                file.resize(position as usize, 0);
                bytes.iter().for_each(|bytes| file.extend_from_slice(bytes));
                backlog.stored(id);
            }
            Some(Work::Fetch(Fetch { id, .. })) if how == 0 => backlog.fetch_failed(id),
            Some(Work::Fetch(Fetch { id, len })) => {
                let mut file = self.files[&id][..len as usize].to_vec();
                if how == 1 {
                    file[len as usize / 2] ^= 1;
                }
                let result = backlog.fetched(id, &file);
                assert!(result.is_ok() || how == 1);
            }
            Some(Work::Discard(id)) => drop(self.files.remove(&id)),
            None => {}
        }
    }
}

fuzz_target!(|input: (u8, bool, Vec<[u8; 3]>)| {
    let (memory, eager, ops) = input;
    let config = SpillConfig {
        memory: u64::from(memory) << 11,
        limit: u64::MAX,
        keep: u64::from(memory) << 9,
        segment_size: 1 + (u64::from(memory) << 8),
        eager,
    };
    let mut history = History::new(ReplId::NONE);
    let mut backlog = Backlog::new(Offset::ZERO, 0);
    backlog.spill(Some(config), &history);
    let (mut stream, mut disk) = (Vec::<u8>::new(), Disk::default());
    let mut cursors: Vec<(Cursor, usize)> = Vec::new();
    for [op, a, b] in ops.into_iter().take(300) {
        let n = usize::from(u16::from_le_bytes([a, b]));
        let which = if cursors.is_empty() { 0 } else { usize::from(a) % cursors.len() };
        match op % 9 {
            0 => {
                let more: Vec<u8> = (0..n / 2).map(|i| (stream.len() + i / 3) as u8).collect();
                backlog.append(&more);
                stream.extend(more);
            }
            1 => {
                let at = stream.len().saturating_sub(n * 4);
                let offset = Offset::new(at as u64).expect("small");
                cursors.extend(backlog.cursor_at(offset).map(|cursor| (cursor, at)));
            }
            2 if !cursors.is_empty() => {
                let (cursor, at) = &mut cursors[which];
                let there = backlog.chunks(cursor).collect::<Vec<_>>().concat();
                assert!(there == stream[*at..][..there.len()]);
                let n = there.len().min(usize::from(b) * 300);
                backlog.advance(cursor, n as u64);
                *at += n;
            }
            3 if !cursors.is_empty() => backlog.request(&cursors[which].0),
            4 if !cursors.is_empty() => backlog.release(cursors.swap_remove(which).0),
            5 => backlog.resize(n as u64 * 4),
            6 => {
                history.shift(ReplId::from_random([a; 20]), backlog.end());
                backlog.rename(&history);
            }
            7 => backlog.retry_store(),
            _ => disk.work(&mut backlog, a),
        }
        disk.take(&mut backlog);
        let lost = |backlog: &Backlog, it: &(Cursor, usize)| backlog.is_lost(&it.0);
        while let Some(at) = cursors.iter().position(|it| lost(&backlog, it)) {
            assert!(disk.failed, "lost without a failure");
            backlog.release(cursors.swap_remove(at).0);
        }
    }
});
