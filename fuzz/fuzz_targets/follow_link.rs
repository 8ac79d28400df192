//! A master that says anything: a follower answers with items or an error, never takes more than it
//! was given, and tells the same whatever pieces the bytes come in.
#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use redwire::follow::{Follower, default_config};
use redwire::repl::{ReplicaConfig, TwoConnections};

/// Brings a follower to where the master's answer to PSYNC comes.
fn at_psync(now: Instant) -> Follower {
    let two_connections = TwoConnections::No;
    let config = ReplicaConfig { two_connections, ..default_config() };
    let mut follower = Follower::new(config, 1, now);
    follower.handle_connected(now);
    let mut sent = Vec::new();
    let _ = follower.poll_transmit(&mut sent);
    let mut answers = b"+PONG\r\n".to_vec();
    for _ in 0..8 {
        let mut at = 0;
        while let Ok(progress) = follower.handle_input(&answers[at..], now) {
            at += progress.used;
            if progress.used == 0 {
                break;
            }
        }
        sent.clear();
        let _ = follower.poll_transmit(&mut sent);
        let requests = sent.iter().filter(|byte| **byte == b'*').count();
        if sent.windows(5).any(|word| word == b"PSYNC") {
            return follower;
        }
        answers = b"+OK\r\n".repeat(requests);
    }
    panic!("the handshake does not come to PSYNC")
}

/// What is told of `bytes`, in pieces; and how it ends.
fn told(bytes: &[u8], piece: usize, now: Instant) -> (Vec<String>, Option<String>) {
    let mut follower = at_psync(now);
    let (mut told, mut unread) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        unread.extend_from_slice(piece);
        let mut at = 0;
        loop {
            let progress = match follower.handle_input(&unread[at..], now) {
                Ok(progress) => progress,
                Err(error) => return (told, Some(error.to_string())),
            };
            let goes_on = progress.goes_on();
            at += progress.used;
            told.extend(progress.item.map(|item| format!("{item:?}")));
            if !goes_on {
                break;
            }
        }
        unread.drain(..at);
    }
    (told, None)
}

fuzz_target!(|input: (u8, Vec<u8>)| {
    let now = Instant::now();
    let (kind, rest) = input;
    let head: &[u8] = match kind % 4 {
        0 => b"+FULLRESYNC 0123456789abcdef0123456789abcdef01234567 10\r\n",
        1 => b"+FULLRESYNC 0123456789abcdef0123456789abcdef01234567 10\r\n$30\r\nREDIS0009",
        // The smallest file, without a checksum, and then a stream.
        2 => {
            b"+FULLRESYNC 0123456789abcdef0123456789abcdef01234567 10\r\n$18\r\nREDIS0009\xff\
              \0\0\0\0\0\0\0\0"
        }
        _ => b"",
    };
    let bytes = [head, &rest].concat();
    let whole = told(&bytes, bytes.len().max(1), now);
    let pieces = told(&bytes, 1 + usize::from(kind / 4), now);
    // Where a damaged length shows may depend on the pieces; what was told before may not.
    let shared = whole.0.len().min(pieces.0.len());
    assert_eq!(whole.0[..shared], pieces.0[..shared]);
    if whole.1.is_none() && pieces.1.is_none() {
        assert_eq!(whole.0, pieces.0);
    }
});
