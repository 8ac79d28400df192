use std::collections::HashMap;

use super::*;
use crate::SpillConfig;

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
