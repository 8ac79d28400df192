//! Whatever a primary sends, in whatever pieces: the replica answers a step or an error, takes no
//! more than it was offered, and never counts more than it took.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use redwire_repl::{Offset, ReplId, Replica, ReplicaConfig, ReplicaPhase, Step};

fuzz_target!(|data: &[u8]| {
    // How the caller behaves, then what the primary sends.
    let Some((&[resume, pieces, taking, finish], input)) = data.split_first_chunk() else { return };
    let mut now = Instant::now();
    let mut replica = Replica::new(ReplicaConfig::default(), 0, now);
    if resume & 1 == 1 {
        let offset = Offset::new(u64::from(resume)).expect("small");
        replica.resume_from(ReplId::from_random([resume; 20]), offset);
    }
    replica.handle_timeout(now);
    replica.handle_connected(now);
    let (mut start, mut end, mut steps) = (0, 0, 0u32);
    let mut out = Vec::new();
    while end < input.len() {
        end = input.len().min(end + 1 + usize::from(pieces));
        loop {
            steps += 1;
            let unread = &input[start..end];
            let progress = match replica.handle_input(unread, now) {
                Ok(progress) => progress,
                Err(error) => {
                    assert_eq!(replica.handle_input(unread, now), Err(error));
                    return;
                }
            };
            assert!(progress.used <= unread.len());
            start += progress.used;
            let Some(step) = progress.step else { break };
            let n = match step {
                Step::Rdb(bytes) | Step::Stream(bytes) => {
                    assert!(!bytes.is_empty() && bytes.len() <= unread.len());
                    bytes.len().min(1 + usize::from(taking))
                }
                _ => continue,
            };
            match step {
                Step::Rdb(_) if steps % (1 + u32::from(finish)) == 0 => {
                    replica.rdb_finished(n, now);
                }
                Step::Rdb(_) => drop(replica.rdb_taken(n, now)),
                _ if steps % 3 == 0 => replica.queued(n, now),
                _ => replica.applied(n, now),
            }
            start += n;
        }
        now += Duration::from_millis(700);
        replica.handle_timeout(now);
        let _ = replica.poll_transmit(&mut out);
        let status = replica.status(now);
        assert!(status.applied <= status.received);
        if status.phase == ReplicaPhase::Connected {
            assert!(status.received.get() - status.applied.get() <= input.len() as u64);
        }
    }
    // Memory does not follow what the primary announced.
    assert!(out.len() <= 1000 + 64 * steps as usize);
});
