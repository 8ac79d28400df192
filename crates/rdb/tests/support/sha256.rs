//! SHA-256, in which the truth files of the corpus give their values.

use std::sync::LazyLock;

/// The cube roots' first bits of the first 64 primes, and the square roots' of the first 8.
fn constants() -> ([u32; 64], [u32; 8]) {
    let primes: Vec<u128> =
        (2..312u128).filter(|n| (2..*n).all(|divisor| n % divisor != 0)).take(64).collect();
    let root = |of: u128, power: u32| {
        // The greatest number whose power is not above `of`, to 32 bits behind the point.
        let scaled = of << (32 * power);
        let (mut low, mut high) = (0u128, 1 << 36);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if middle.pow(power) <= scaled { low = middle } else { high = middle }
        }
        low as u32
    };
    let cubes = std::array::from_fn(|index| root(primes[index], 3));
    let squares = std::array::from_fn(|index| root(primes[index], 2));
    (cubes, squares)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    static CONSTANTS: LazyLock<([u32; 64], [u32; 8])> = LazyLock::new(constants);
    let (keys, mut state) = *CONSTANTS;
    let mut message = bytes.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
    for block in message.chunks_exact(64) {
        compress(&keys, &mut state, block);
    }
    state.iter().map(|word| format!("{word:08x}")).collect()
}

fn compress(keys: &[u32; 64], state: &mut [u32; 8], block: &[u8]) {
    let mut words = [0u32; 64];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().unwrap());
    }
    for i in 16..64 {
        let (a, b) = (words[i - 15], words[i - 2]);
        let s0 = a.rotate_right(7) ^ a.rotate_right(18) ^ a >> 3;
        let s1 = b.rotate_right(17) ^ b.rotate_right(19) ^ b >> 10;
        words[i] = words[i - 16].wrapping_add(s0).wrapping_add(words[i - 7]).wrapping_add(s1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for i in 0..64 {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let t1 = h
            .wrapping_add(s1)
            .wrapping_add(e & f ^ !e & g)
            .wrapping_add(keys[i])
            .wrapping_add(words[i]);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let t2 = s0.wrapping_add(a & b ^ a & c ^ b & c);
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(t1), c, b, a, t1.wrapping_add(t2));
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *word = word.wrapping_add(add);
    }
}

#[test]
fn of_nothing_and_of_abc() {
    assert_eq!(hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
