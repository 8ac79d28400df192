use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::types::BytesFrame;
use redwire_resp::{Encoder, Protocol, encode_request};

use super::input::{self, Reply};
use crate::{Random, Subject};

/// Requests of one buffer.
const FRAMES: usize = 150;

/// SET of 64 bytes into a buffer that is used again: from arguments at hand, and for crates that
/// encode a value of their own, from such values at hand.
pub(super) fn sets() -> Vec<Subject<'static>> {
    let mut random = Random::new(7);
    let sets: Vec<_> = (0..FRAMES).map(|_| input::set(&mut random)).collect();
    vec![redwire(sets.clone()), kevy(sets.clone()), protocol(&sets), redis(&sets), redis_new(sets)]
}

/// The replies of the decoder's mix, from values at hand.
pub(super) fn replies() -> Vec<Subject<'static>> {
    let mut random = Random::new(7);
    let replies: Vec<_> = (0..FRAMES).map(|_| input::reply(&mut random)).collect();
    vec![redwire_replies(replies.clone()), kevy_replies(replies)]
}

fn redwire_replies(replies: Vec<Reply>) -> Subject<'static> {
    let mut out = Vec::new();
    Subject::new("redwire", move || {
        out.clear();
        let mut encoder = Encoder::new(&mut out, Protocol::Resp2);
        replies.iter().for_each(|reply| reply.encode(&mut encoder));
        black_box(&out);
        replies.len() as u64
    })
}

fn kevy_replies(replies: Vec<Reply>) -> Subject<'static> {
    let mut out = Vec::new();
    Subject::new("kevy-resp", move || {
        out.clear();
        for reply in &replies {
            match reply {
                Reply::Ok => kevy_resp::encode_simple_string(&mut out, "OK"),
                Reply::Integer(value) => kevy_resp::encode_integer(&mut out, *value),
                Reply::Null => kevy_resp::encode_null_bulk(&mut out),
                Reply::Bulk(bytes) => kevy_resp::encode_bulk(&mut out, bytes),
                Reply::Array(items) => {
                    kevy_resp::encode_array_len(&mut out, items.len() as i64);
                    items.iter().for_each(|item| kevy_resp::encode_bulk(&mut out, item));
                }
            }
        }
        black_box(&out);
        replies.len() as u64
    })
}

fn redwire(sets: Vec<[Vec<u8>; 3]>) -> Subject<'static> {
    let mut out = Vec::new();
    Subject::new("redwire", move || {
        out.clear();
        for set in &sets {
            encode_request(&mut out, set.iter().map(Vec::as_slice));
        }
        black_box(&out);
        sets.len() as u64
    })
}

fn kevy(sets: Vec<[Vec<u8>; 3]>) -> Subject<'static> {
    let mut out = Vec::new();
    Subject::new("kevy-resp", move || {
        out.clear();
        for set in &sets {
            kevy_resp::encode_command(&mut out, set);
        }
        black_box(&out);
        sets.len() as u64
    })
}

fn protocol(sets: &[[Vec<u8>; 3]]) -> Subject<'static> {
    let bulk = |argument: &Vec<u8>| BytesFrame::BulkString(Bytes::from(argument.clone()));
    let frames: Vec<_> =
        sets.iter().map(|set| BytesFrame::Array(set.iter().map(bulk).collect())).collect();
    let mut out = BytesMut::new();
    Subject::new("redis-protocol (prebuilt)", move || {
        out.clear();
        for frame in &frames {
            let encoded = redis_protocol::resp2::encode::extend_encode(&mut out, frame, false);
            black_box(encoded.expect("invariant: the buffer grows"));
        }
        black_box(&out);
        frames.len() as u64
    })
}

fn redis(sets: &[[Vec<u8>; 3]]) -> Subject<'static> {
    let commands: Vec<_> = sets.iter().map(command).collect();
    let mut out = Vec::new();
    Subject::new("redis (prebuilt)", move || {
        out.clear();
        for command in &commands {
            command.write_packed_command(&mut out);
        }
        black_box(&out);
        commands.len() as u64
    })
}

fn redis_new(sets: Vec<[Vec<u8>; 3]>) -> Subject<'static> {
    let mut out = Vec::new();
    Subject::new("redis (built each time)", move || {
        out.clear();
        for set in &sets {
            command(set).write_packed_command(&mut out);
        }
        black_box(&out);
        sets.len() as u64
    })
}

fn command(set: &[Vec<u8>; 3]) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    for argument in set {
        command.arg(argument);
    }
    command
}
