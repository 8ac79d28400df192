//! Appends, cursors and resizes in any order: the backlog gives what a plain vector holds, keeps
//! all that the window and the cursors need, and not much more.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_repl::{Backlog, Cursor, Offset};

/// The largest block of a backlog, in bytes.
const BLOCK: u64 = 64 << 10;

fuzz_target!(|ops: Vec<[u8; 3]>| {
    let mut backlog = Backlog::new(Offset::ZERO, 0);
    let mut stream: Vec<u8> = Vec::new();
    let mut cursors: Vec<(Cursor, usize)> = Vec::new();
    for [op, a, b] in ops.into_iter().take(300) {
        let n = usize::from(u16::from_le_bytes([a, b]));
        let which = if cursors.is_empty() { 0 } else { usize::from(a) % cursors.len() };
        match op % 6 {
            0 => {
                let more: Vec<u8> = (0..n).map(|i| (stream.len() + i / 3) as u8).collect();
                backlog.append(&more);
                stream.extend(more);
            }
            1 => {
                let at = stream.len().saturating_sub(n * 4);
                let offset = Offset::new(at as u64).expect("small");
                let held = backlog.first() <= offset;
                let cursor = backlog.cursor_at(offset);
                assert_eq!(cursor.is_some(), held);
                cursors.extend(cursor.map(|cursor| (cursor, at)));
            }
            2 if !cursors.is_empty() => {
                let (cursor, at) = &mut cursors[which];
                let n = (usize::from(b) * 300).min(stream.len() - *at);
                backlog.advance(cursor, n as u64);
                *at += n;
            }
            3 if !cursors.is_empty() => {
                let (cursor, at) = &cursors[which];
                let shared = backlog.share(cursor, usize::from(b) * 300);
                assert!(shared == stream[*at..][..shared.len()]);
            }
            4 if !cursors.is_empty() => backlog.release(cursors.swap_remove(which).0),
            5 => backlog.resize(n as u64 * 16),
            _ => {}
        }
        assert_eq!(backlog.end().get(), stream.len() as u64);
        let slowest = cursors.iter().map(|(_, at)| stream.len() - at).max().unwrap_or(0) as u64;
        assert!(backlog.len() <= slowest.max(backlog.size()) + 2 * BLOCK);
    }
    for (cursor, at) in cursors {
        assert!(backlog.chunks(&cursor).flatten().eq(&stream[at..]));
        backlog.release(cursor);
    }
});
