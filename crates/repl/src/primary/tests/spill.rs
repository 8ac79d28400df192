use std::collections::HashMap;

use super::*;
use crate::{Chain, FoundSegment, Segment, SpillConfig};

/// Does what the primary wants done on disk; `files` is the disk.
fn work(primary: &mut Primary, files: &mut HashMap<SegmentId, Vec<u8>>, now: Instant) {
    while let Some(store) = primary.poll_store() {
        let file = files.entry(store.id).or_default();
        file.truncate(usize::try_from(store.position).unwrap());
        store.bytes.iter().for_each(|bytes| file.extend_from_slice(bytes));
        primary.store_finished(store.id, true, now);
    }
    while let Some(id) = primary.poll_discard() {
        files.remove(&id);
    }
    while let Some(fetch) = primary.poll_fetch() {
        let file = files.get(&fetch.id).map(|file| &file[..usize::try_from(fetch.len).unwrap()]);
        primary.fetched(fetch.id, file, now).unwrap();
    }
}

fn spilling(now: Instant, spill: SpillConfig) -> Primary {
    let mut primary = with_replica(now);
    let config = PrimaryConfig { spill: Some(spill), ..primary.config().clone() };
    primary.set_config(config, now);
    primary
}

fn small() -> SpillConfig {
    SpillConfig { memory: 1 << 20, segment_size: 256 << 10, ..SpillConfig::default() }
}

#[test]
fn a_replica_that_lags_reads_from_disk_and_is_judged_by_memory() {
    let (now, mut files) = (start(), HashMap::new());
    let mut primary = spilling(now, small());
    let mut written = Vec::new();
    for number in 0..100_u8 {
        let command = vec![number; 100_000];
        written.extend(&command);
        primary.feed(0, &command);
        work(&mut primary, &mut files, now);
    }
    let (unread, held) = (primary.unread(A), primary.in_memory(A));
    assert!(unread > 10_000_000 && held <= 1 << 20, "{held} of {unread} bytes in memory");
    let mut read = Vec::new();
    while primary.unread(A) > 0 {
        let there = streamed(&primary, A);
        primary.sent(A, there.len() as u64);
        read.extend(there);
        primary.request(A);
        work(&mut primary, &mut files, now);
    }
    assert!(read.ends_with(&written), "{} bytes read", read.len());
    assert_eq!(events(&mut primary), []);
}

#[test]
fn a_replica_whose_bytes_are_gone_is_disconnected() {
    let lost = || {
        vec![PrimaryEvent::Disconnect {
            id: A,
            reason: DisconnectReason::HistoryLost,
            flush: false,
        }]
    };
    let lagging = |spill: SpillConfig| {
        let (now, mut files) = (start(), HashMap::new());
        let mut primary = spilling(now, spill);
        for _ in 0..100 {
            primary.feed(0, &[7; 100_000]);
            work(&mut primary, &mut files, now);
        }
        (primary, files, now)
    };
    // The disk's limit.
    let (mut primary, files, _) = lagging(SpillConfig { limit: 2 << 20, ..small() });
    assert_eq!(events(&mut primary), lost());
    assert!(files.len() <= 9, "{} files", files.len());
    // A file that cannot be read, or not as it was written.
    for damaged in [None, Some(())] {
        let (mut primary, mut files, now) = lagging(small());
        primary.request(A);
        let fetch = primary.poll_fetch().unwrap();
        let file = damaged.and_then(|()| files.get_mut(&fetch.id));
        let file = file.map(|file| {
            file[1000] ^= 1;
            &file[..]
        });
        let result = primary.fetched(fetch.id, file, now);
        assert_eq!(result.is_err(), damaged.is_some());
        assert_eq!(events(&mut primary), lost());
    }
}

/// A primary that comes back under what its files hold answers its replicas by the old id, up to
/// what it has and not a byte further.
#[test]
fn a_primary_that_comes_back_answers_for_what_it_has() {
    let (now, mut files) = (start(), HashMap::new());
    let eager = SpillConfig { eager: true, ..small() };
    let mut before = spilling(now, eager);
    before.feed(0, &[7; 1_000_000]);
    work(&mut before, &mut files, now);
    let (replid, stored) = (before.history().replid(), before.offset());
    before.feed(0, b"is not stored, and not sent before it is");
    before.sent(A, stored.get());
    assert_eq!(streamed(&before, A), b"");

    let found = files.values().map(|file| FoundSegment::from(&Segment::read(file).unwrap()));
    let chain = Chain::find(found.collect(), replid, Offset::new(23).unwrap()).unwrap();
    for follows in [false, true] {
        let mut after = primary(PrimaryConfig { spill: Some(eager), ..Default::default() });
        // The draws of this run are others.
        after.forget_past();
        after.forget_past();
        after.recover(&chain, 3, follows, now);
        assert_eq!((after.offset(), after.history().replid() == replid), (stored, follows));
        assert_eq!(after.stream_db(), follows.then_some(3));
        let next = stored.next_byte();
        for (asked, good) in [(24, true), (next - 1, true), (next, true), (next + 1, false)] {
            let decision = psync(&mut after, B, replid.as_str(), &asked.to_string(), now);
            assert_eq!(
                matches!(decision, Decision::Continue { .. }),
                good,
                "{asked}: {decision:?}"
            );
            after.disconnected(B, now);
        }
    }
}

#[test]
fn the_files_of_a_backlog_go_with_it() {
    let (now, mut files) = (start(), HashMap::new());
    let mut primary = spilling(now, SpillConfig { eager: true, ..small() });
    primary.feed(0, &[7; 1_000_000]);
    work(&mut primary, &mut files, now);
    assert!(files.len() >= 4);
    primary.adopt(id(77), Offset::new(5).unwrap(), None, now);
    work(&mut primary, &mut files, now);
    let names: Vec<String> = files.keys().map(SegmentId::to_string).collect();
    assert_eq!(names, [format!("{}-00000000000000000005", id(77))]);
}
