//! The cluster slot of a key: CRC-16/XMODEM of it, or of its tag in braces, modulo 16384.

/// The slot, 0 to 16383.
pub(crate) fn of(key: &[u8]) -> u16 {
    crc16(tag(key)) & 16383
}

/// What stands between the first `{` and the next `}`, if anything does; else the key.
fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    match memchr::memchr(b'}', &key[open + 1..]) {
        Some(len) if len > 0 => &key[open + 1..open + 1 + len],
        _ => key,
    }
}

fn crc16(bytes: &[u8]) -> u16 {
    let step = |crc: u16, byte: &u8| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    };
    bytes.iter().fold(0, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_servers() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(of(b"foo"), 12182);
        assert_eq!(of(b"{foo}bar"), 12182);
        assert_eq!(of(b"a{}{foo}"), crc16(b"a{}{foo}") & 16383);
    }
}
