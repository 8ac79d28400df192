use redwire_resp::{Encoder, Protocol, encode_request};

use crate::Random;
use crate::generator::workload::{VALUE, key};

/// Bytes of an input that stays in the first cache.
pub(super) const HOT: usize = 16 << 10;
/// Bytes of an input whose branches no predictor learns by heart.
pub(super) const WARM: usize = 256 << 10;

/// Whole frames, one behind the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Input {
    pub(super) bytes: Vec<u8>,
    pub(super) frames: u64,
}

impl Input {
    /// As many frames as fit in `size` bytes.
    fn filled(size: usize, mut frame: impl FnMut(&mut Random) -> Vec<u8>) -> Input {
        let (mut input, mut random) = (Input::default(), Random::new(7));
        loop {
            let frame = frame(&mut random);
            if input.bytes.len() + frame.len() > size {
                return input;
            }
            input.bytes.extend(frame);
            input.frames += 1;
        }
    }
}

pub(super) fn sets(size: usize) -> Input {
    Input::filled(size, |random| request(&set(random)))
}

pub(super) fn gets(size: usize) -> Input {
    Input::filled(size, |random| request(&[b"GET".to_vec(), any_key(random)]))
}

/// Requests of two to five arguments and random lengths.
pub(super) fn mixed(size: usize) -> Input {
    Input::filled(size, any_request)
}

/// So many of them: more than the caches hold.
pub(super) fn many(frames: u64) -> Input {
    let mut random = Random::new(7);
    let bytes = (0..frames).flat_map(|_| any_request(&mut random)).collect();
    Input { bytes, frames }
}

fn any_request(random: &mut Random) -> Vec<u8> {
    let name: &[u8] = match random.below(4) {
        0 => b"GET",
        1 => b"SET",
        2 => b"HSET",
        _ => b"ZADD",
    };
    let mut arguments = vec![name.to_vec()];
    for _ in 0..=random.below(4) {
        let len = match random.below(4) {
            0 => random.below(8) + 1,
            1 | 2 => random.below(40) + 8,
            _ => random.below(400),
        };
        arguments.push(random.text(usize::try_from(len).unwrap_or(0)));
    }
    request(&arguments)
}

/// A reply of the mix.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    Ok,
    Integer(i64),
    Null,
    Bulk(Vec<u8>),
    Array(Vec<Vec<u8>>),
}

/// One of the replies that RESP2 and RESP3 share, three values on the average.
pub(super) fn reply(random: &mut Random) -> Reply {
    match random.below(5) {
        0 => Reply::Ok,
        1 => Reply::Integer(random.below(100_000).cast_signed()),
        2 => Reply::Null,
        3 => Reply::Bulk(random.text(VALUE)),
        _ => Reply::Array((0..10).map(|_| random.text(12)).collect()),
    }
}

/// Such replies.
pub(super) fn replies(size: usize) -> Input {
    Input::filled(size, |random| {
        let mut out = Vec::new();
        reply(random).encode(&mut Encoder::new(&mut out, Protocol::Resp2));
        out
    })
}

impl Reply {
    pub(super) fn encode(&self, reply: &mut Encoder<'_>) {
        match self {
            Reply::Ok => reply.ok(),
            Reply::Integer(value) => reply.integer(*value),
            Reply::Null => reply.null(),
            Reply::Bulk(bytes) => reply.bulk(bytes),
            Reply::Array(items) => {
                reply.array(items.len());
                items.iter().for_each(|item| reply.bulk(item));
            }
        }
    }
}

/// A RESP3 map of 1000 pairs: member and score.
pub(super) fn map() -> Input {
    let mut random = Random::new(7);
    let mut bytes = b"%1000\r\n".to_vec();
    for i in 0..1000 {
        let score = random.below(1_000_000) as f64 / 1000.0;
        bytes.extend(format!("$10\r\nmember{i:04}\r\n,{score}\r\n").into_bytes());
    }
    Input { bytes, frames: 1 }
}

/// An array of a million integers.
pub(super) fn integers() -> Input {
    let mut random = Random::new(7);
    let mut bytes = b"*1000000\r\n".to_vec();
    for _ in 0..1_000_000 {
        bytes.extend(format!(":{}\r\n", random.below(1_000_000)).into_bytes());
    }
    Input { bytes, frames: 1 }
}

/// The arguments of a SET of 64 bytes.
pub(super) fn set(random: &mut Random) -> [Vec<u8>; 3] {
    [b"SET".to_vec(), any_key(random), random.text(VALUE)]
}

fn any_key(random: &mut Random) -> Vec<u8> {
    key("key", random.below(1_000_000))
}

fn request(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_request(&mut bytes, arguments.iter().map(Vec::as_slice));
    bytes
}
