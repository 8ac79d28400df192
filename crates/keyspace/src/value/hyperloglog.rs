//! HyperLogLogs: strings in the layout that Redis gives them, sparse or dense, byte for byte.
//!
//! A header of 16 bytes (`HYLL`, the encoding, three unused bytes, the cached count in little
//! endian, whose highest bit says that it is stale), then 16384 registers of 6 bits: packed
//! (dense), or as runs (sparse): `00llllll` are zeros, `01llllll llllllll` are many zeros,
//! `1vvvvvll` is a value some times over.

/// How many registers.
pub(crate) const REGISTERS: usize = 1 << 14;
const HEADER: usize = 16;
const DENSE_LEN: usize = HEADER + REGISTERS * 6 / 8;
const MAGIC: &[u8] = b"HYLL";
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// The longest run of zeros that one byte holds.
const ZERO_MAX: usize = 64;
/// The highest value of a sparse register.
const SPARSE_VALUE_MAX: u8 = 32;
/// The longest run of a value.
const VALUE_RUN_MAX: usize = 4;
/// How many bits of a hash are left to count zeros in.
const HASH_BITS: usize = 50;

/// The runs of a sparse HyperLogLog do not make 16384 registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Corrupted;

/// An empty HyperLogLog, as `PFADD` makes it.
pub(crate) fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4] = SPARSE;
    push_zeros(&mut bytes, REGISTERS);
    bytes
}

/// Whether a string can be a HyperLogLog.
pub(crate) fn is_valid(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER
        && bytes.starts_with(MAGIC)
        && bytes[4] <= SPARSE
        && (bytes[4] != DENSE || bytes.len() == DENSE_LEN)
}

/// Whether the registers are packed.
pub(crate) fn is_dense(bytes: &[u8]) -> bool {
    bytes[4] == DENSE
}

/// The cached count, unless it is stale.
pub(crate) fn cached(bytes: &[u8]) -> Option<u64> {
    let mut card = [0; 8];
    card.copy_from_slice(&bytes[8..HEADER]);
    (card[7] & 0x80 == 0).then(|| u64::from_le_bytes(card))
}

/// Keeps `count` for the next time.
pub(crate) fn cache(bytes: &mut [u8], count: u64) {
    bytes[8..HEADER].copy_from_slice(&count.to_le_bytes());
}

/// Says that the cached count is stale.
pub(crate) fn invalidate(bytes: &mut [u8]) {
    bytes[HEADER - 1] |= 0x80;
}

/// Counts an element in; answers whether a register changed. `max_sparse` is how many bytes it may
/// take as runs (`hll-sparse-max-bytes`).
pub(crate) fn add(
    bytes: &mut Vec<u8>,
    element: &[u8],
    max_sparse: usize,
) -> Result<bool, Corrupted> {
    let hash = murmur64a(element, 0xadc8_3b19);
    let register = hash as usize & (REGISTERS - 1);
    let rest = hash >> 14 | 1 << HASH_BITS;
    raise(bytes, register, rest.trailing_zeros() as u8 + 1, max_sparse)
}

/// Makes a register at least `value`; answers whether that changed it.
pub(crate) fn raise(
    bytes: &mut Vec<u8>,
    register: usize,
    value: u8,
    max_sparse: usize,
) -> Result<bool, Corrupted> {
    if is_dense(bytes) {
        return Ok(raise_dense(bytes, register, value));
    }
    if value <= SPARSE_VALUE_MAX
        && let Some(changed) = raise_sparse(bytes, register, value, max_sparse)?
    {
        return Ok(changed);
    }
    make_dense(bytes)?;
    Ok(raise_dense(bytes, register, value))
}

/// Packs the registers, if they are not yet.
pub(crate) fn make_dense(bytes: &mut Vec<u8>) -> Result<(), Corrupted> {
    if is_dense(bytes) {
        return Ok(());
    }
    let values = registers(bytes)?;
    let mut dense = bytes[..HEADER].to_vec();
    dense[4] = DENSE;
    dense.resize(DENSE_LEN, 0);
    for (register, value) in values.into_iter().enumerate().filter(|(_, value)| *value > 0) {
        raise_dense(&mut dense, register, value);
    }
    *bytes = dense;
    Ok(())
}

/// The values of all registers.
pub(crate) fn registers(bytes: &[u8]) -> Result<Vec<u8>, Corrupted> {
    if is_dense(bytes) {
        return Ok((0..REGISTERS).map(|register| dense_value(bytes, register)).collect());
    }
    let mut values = Vec::with_capacity(REGISTERS);
    let mut at = HEADER;
    while at < bytes.len() {
        let run = Run::read(bytes, at)?;
        if values.len() + run.len > REGISTERS {
            return Err(Corrupted);
        }
        values.resize(values.len() + run.len, run.value);
        at += run.bytes;
    }
    if values.len() == REGISTERS { Ok(values) } else { Err(Corrupted) }
}

/// How many distinct elements the registers stand for, about.
pub(crate) fn estimate(registers: &[u8]) -> u64 {
    /// 0.5 / ln 2.
    const ALPHA: f64 = 0.721_347_520_444_481_7;
    let mut histogram = [0_u32; 64];
    for value in registers {
        histogram[usize::from(value & 63)] += 1;
    }
    let m = REGISTERS as f64;
    let mut z = m * tau((m - f64::from(histogram[HASH_BITS + 1])) / m);
    for count in histogram[1..=HASH_BITS].iter().rev() {
        z += f64::from(*count);
        z *= 0.5;
    }
    z += m * sigma(f64::from(histogram[0]) / m);
    (ALPHA * m * m / z).round() as u64
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if before == z {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x).powi(2) * y;
        if before == z {
            return z / 3.0;
        }
    }
}

fn dense_value(bytes: &[u8], register: usize) -> u8 {
    let (at, shift) = (HEADER + register * 6 / 8, register * 6 % 8);
    let high = bytes.get(at + 1).copied().unwrap_or(0);
    (u16::from_le_bytes([bytes[at], high]) >> shift) as u8 & 63
}

fn raise_dense(bytes: &mut [u8], register: usize, value: u8) -> bool {
    if dense_value(bytes, register) >= value {
        return false;
    }
    let (at, shift) = (HEADER + register * 6 / 8, register * 6 % 8);
    let high = bytes.get(at + 1).copied().unwrap_or(0);
    let both = u16::from_le_bytes([bytes[at], high]) & !(63 << shift) | u16::from(value) << shift;
    let [low, high] = both.to_le_bytes();
    bytes[at] = low;
    if let Some(byte) = bytes.get_mut(at + 1) {
        *byte = high;
    }
    true
}

/// A run of equal registers.
#[derive(Debug, Clone, Copy)]
struct Run {
    value: u8,
    len: usize,
    /// How many bytes it takes.
    bytes: usize,
}

impl Run {
    fn read(bytes: &[u8], at: usize) -> Result<Self, Corrupted> {
        let first = bytes[at];
        Ok(match first >> 6 {
            0 => Self { value: 0, len: usize::from(first & 63) + 1, bytes: 1 },
            1 => {
                let second = *bytes.get(at + 1).ok_or(Corrupted)?;
                let len = usize::from(first & 63) << 8 | usize::from(second);
                Self { value: 0, len: len + 1, bytes: 2 }
            }
            _ => Self { value: (first >> 2 & 31) + 1, len: usize::from(first & 3) + 1, bytes: 1 },
        })
    }
}

fn push_zeros(out: &mut Vec<u8>, len: usize) {
    match len {
        0 => {}
        1..=ZERO_MAX => out.push(len as u8 - 1),
        _ => out.extend_from_slice(&[0x40 | ((len - 1) >> 8) as u8, (len - 1) as u8]),
    }
}

fn push_values(out: &mut Vec<u8>, value: u8, len: usize) {
    if len > 0 {
        out.push(0x80 | (value - 1) << 2 | (len as u8 - 1));
    }
}

/// Raises a register among the runs; `None` if they would take too many bytes.
fn raise_sparse(
    bytes: &mut Vec<u8>,
    register: usize,
    value: u8,
    max_sparse: usize,
) -> Result<Option<bool>, Corrupted> {
    let (mut at, mut first, mut previous) = (HEADER, 0, None);
    let run = loop {
        if at >= bytes.len() {
            return Err(Corrupted);
        }
        let run = Run::read(bytes, at)?;
        if register < first + run.len {
            break run;
        }
        previous = Some(at);
        at += run.bytes;
        first += run.len;
    };
    if run.value >= value {
        return Ok(Some(false));
    }
    let (before, behind) = (register - first, first + run.len - 1 - register);
    let mut runs = Vec::with_capacity(5);
    let push = |out: &mut Vec<u8>, len| match run.value {
        0 => push_zeros(out, len),
        old => push_values(out, old, len),
    };
    push(&mut runs, before);
    push_values(&mut runs, value, 1);
    push(&mut runs, behind);
    let growth = runs.len().saturating_sub(run.bytes);
    if growth > 0 && bytes.len() + growth > max_sparse {
        return Ok(None);
    }
    bytes.splice(at..at + run.bytes, runs);
    merge_runs(bytes, previous.unwrap_or(HEADER));
    invalidate(bytes);
    Ok(Some(true))
}

/// Joins neighbouring runs of one value, over the few runs from `at` on that a change concerns.
fn merge_runs(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..5 {
        let Ok(run) = bytes.get(at).ok_or(Corrupted).and_then(|_| Run::read(bytes, at)) else {
            return;
        };
        if run.value > 0
            && let Some(next) = bytes.get(at + 1).filter(|next| **next & 0x80 != 0)
        {
            let (next_value, next_len) = ((next >> 2 & 31) + 1, usize::from(next & 3) + 1);
            if next_value == run.value && run.len + next_len <= VALUE_RUN_MAX {
                bytes.remove(at);
                bytes[at] = 0x80 | (run.value - 1) << 2 | (run.len + next_len - 1) as u8;
                continue;
            }
        }
        at += run.bytes;
    }
}

/// `MurmurHash64A`, little endian.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let mut k = u64::from_le_bytes(word).wrapping_mul(M);
        k ^= k >> 47;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(M);
    }
    hash ^= hash >> 47;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 47
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_and_dense_hold_the_same_registers() {
        let mut sparse = empty();
        let mut dense = empty();
        make_dense(&mut dense).unwrap();
        for n in 0..5000_u32 {
            let element = n.to_string();
            let changed = add(&mut sparse, element.as_bytes(), 3000).unwrap();
            assert_eq!(add(&mut dense, element.as_bytes(), 3000), Ok(changed), "{n}");
            if n % 97 == 0 {
                assert_eq!(registers(&sparse), registers(&dense), "{n}");
            }
        }
        assert!(is_dense(&sparse), "outgrew its runs");
        let count = estimate(&registers(&sparse).unwrap());
        assert!((4900..5100).contains(&count), "{count}");
    }

    #[test]
    fn broken_runs_are_told() {
        let mut bytes = empty();
        bytes.truncate(HEADER);
        assert!(is_valid(&bytes));
        assert_eq!(registers(&bytes), Err(Corrupted));
        assert_eq!(add(&mut bytes, b"x", 3000), Err(Corrupted));
        bytes.extend([0x7f]);
        assert_eq!(registers(&bytes), Err(Corrupted));
    }
}
