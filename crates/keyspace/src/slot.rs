//! Which of the 16384 slots a key belongs to.

/// How many slots a database is cut into (`CLUSTER_SLOTS`).
pub const SLOTS: usize = 16384;

/// `TABLES[n][byte]` is the CRC of `byte` and `n` bytes of zeros behind it, so that the bytes of a
/// word are looked up side by side: one by one each waits for the one before it.
static TABLES: [[u16; 256]; WORD] = tables();

/// Bytes that are taken together.
const WORD: usize = size_of::<u64>();

/// The slot of `key`: CRC-16/XMODEM of the key, or of its hash tag, modulo 16384.
///
/// The hash tag is what stands between the first `{` and the next `}`, unless that is nothing.
///
/// ```
/// use redwire_keyspace::key_slot;
///
/// assert_eq!(key_slot(b"123456789"), 0x31c3);
/// assert_eq!(key_slot(b"{user1000}.following"), key_slot(b"user1000"));
/// ```
#[must_use]
#[inline]
pub fn key_slot(key: &[u8]) -> u16 {
    let tagged = if may_have_tag(key) { hash_tag(key) } else { key };
    crc16(tagged) % SLOTS as u16
}

/// Whether there is a `{` in `key`.
#[inline]
fn may_have_tag(key: &[u8]) -> bool {
    let Some(last) = key.last_chunk() else { return key.contains(&b'{') };
    let has_brace = |word: &[u8; WORD]| {
        // Zero where there is one, and the lowest such byte borrows a bit that no other byte has.
        let zero = u64::from_ne_bytes(*word) ^ u64::from_ne_bytes([b'{'; WORD]);
        zero.wrapping_sub(u64::from_ne_bytes([1; WORD])) & !zero & u64::from_ne_bytes([0x80; WORD])
            != 0
    };
    let (words, rest) = key.as_chunks();
    words.iter().any(has_brace) || (!rest.is_empty() && has_brace(last))
}

#[cold]
fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|byte| *byte == b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<WORD>();
    let crc = words.iter().fold(0, |crc: u16, word| {
        // The high byte of what there is so far belongs to the first byte.
        let word = u64::from_le_bytes(*word) ^ u64::from(crc.swap_bytes());
        let behind = |zeros: usize| {
            let byte = word >> (8 * (WORD - 1 - zeros));
            TABLES[zeros][usize::from(byte as u8)]
        };
        (0..WORD).fold(0, |sum, zeros| sum ^ behind(zeros))
    });
    rest.iter().fold(crc, crc16_of_byte)
}

#[inline]
fn crc16_of_byte(crc: u16, byte: &u8) -> u16 {
    (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)]
}

const fn tables() -> [[u16; 256]; WORD] {
    let mut tables = [[0; 256]; WORD];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        tables[0][index] = crc;
        index += 1;
    }
    let mut zeros = 1;
    while zeros < WORD {
        let mut index = 0;
        while index < 256 {
            let before: u16 = tables[zeros - 1][index];
            tables[zeros][index] = (before << 8) ^ tables[0][(before >> 8) as usize];
            index += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_byte_by_byte(key in prop::collection::vec(prop_oneof![
            4 => any::<u8>(), 1 => Just(b'{'), 1 => Just(b'}'),
        ], 0..40)) {
            let slow = hash_tag(&key).iter().fold(0, crc16_of_byte);
            prop_assert_eq!(key_slot(&key), slow % SLOTS as u16);
            prop_assert_eq!(may_have_tag(&key), key.contains(&b'{'));
        }
    }

    #[test]
    fn agrees_with_cluster_keyslot() {
        // What `CLUSTER KEYSLOT` of a Redis 7.0 answers.
        for (key, slot) in [
            ("foo", 12182),
            ("{foo}bar", 12182),
            ("foo{}{bar}", 8363),
            ("foo{{bar}}zap", 4015),
            ("", 0),
            ("{a}b", 15495),
        ] {
            assert_eq!(key_slot(key.as_bytes()), slot, "{key}");
        }
        assert_eq!(key_slot(b"a{}{foo}"), crc16(b"a{}{foo}") & 16383);
    }
}
