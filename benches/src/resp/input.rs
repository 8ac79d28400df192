use redwire_resp::encode_request;

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
    Input::filled(size, |random| {
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
    })
}

/// Replies that RESP2 and RESP3 share, three values a frame on the average.
pub(super) fn replies(size: usize) -> Input {
    let bulk = |random: &mut Random, len| {
        [format!("${len}\r\n").into_bytes(), random.text(len), b"\r\n".to_vec()].concat()
    };
    Input::filled(size, |random| match random.below(5) {
        0 => b"+OK\r\n".to_vec(),
        1 => format!(":{}\r\n", random.below(100_000)).into_bytes(),
        2 => b"$-1\r\n".to_vec(),
        3 => bulk(random, VALUE),
        _ => {
            let items: Vec<_> = (0..10).map(|_| bulk(random, 12)).collect();
            [b"*10\r\n".to_vec(), items.concat()].concat()
        }
    })
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
