//! Which of the 16384 slots a key belongs to.

/// How many slots a database is cut into (`CLUSTER_SLOTS`).
pub const SLOTS: usize = 16384;

const TABLE: [u16; 256] = table();

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
pub fn key_slot(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) % SLOTS as u16
}

fn hash_tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|byte| *byte == b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

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
