//! Sizes in bytes as the config file writes them, and [`ClientsLimit`].

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// However small `maxmemory-clients` is, this many bytes are had (as in Redis): with less nobody
/// could tell the server to raise it.
const LEAST: u64 = 128 << 10;

/// Reads a size: digits, and perhaps a unit, `k` for 1000 bytes, `kb` for 1024, and so on with `m`
/// and `g`, whatever the case. No digits are 0, as in Redis. `None` for anything else, a sign or a fraction,
/// say, and for what does not fit 64 bits.
pub fn memory_size(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    if number.is_empty() {
        return Some(0);
    }
    str::from_utf8(number).ok()?.parse::<u64>().ok()?.checked_mul(unit)
}

/// How much memory all clients together may take: `maxmemory-clients`.
///
/// ```
/// use redwire_outbuf::ClientsLimit;
///
/// let limit: ClientsLimit = "5%".parse()?;
/// assert_eq!(limit.bytes(1 << 30), Some((1 << 30) * 5 / 100));
/// assert_eq!(limit.bytes(0), None, "a percentage of no maxmemory is no limit");
/// assert_eq!("64mb".parse::<ClientsLimit>()?.to_string(), "67108864");
/// # Ok::<(), redwire_outbuf::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientsLimit {
    /// As much as there is (`0`).
    #[default]
    None,
    /// So many bytes.
    Bytes(u64),
    /// A part of `maxmemory`, 1 to 100 percent.
    Percent(u8),
}

impl ClientsLimit {
    /// The limit in bytes where the data may take `maxmemory` bytes (0: any number); never less
    /// than 128 KiB. `None` is no limit.
    pub fn bytes(self, maxmemory: u64) -> Option<u64> {
        let bytes = match self {
            ClientsLimit::None => return None,
            ClientsLimit::Bytes(bytes) => bytes,
            ClientsLimit::Percent(_) if maxmemory == 0 => return None,
            ClientsLimit::Percent(percent) => {
                (u128::from(maxmemory) * u128::from(percent) / 100) as u64
            }
        };
        Some(bytes.max(LEAST))
    }
}

/// Reads a size in bytes, perhaps with a unit, or a percentage.
///
/// # Errors
///
/// [`Error::Percentage`] and [`Error::MemoryOrPercent`], with the texts of CONFIG SET.
impl FromStr for ClientsLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<ClientsLimit, Error> {
        if let Some(percent) = text.strip_suffix('%') {
            let plain =
                !percent.starts_with(['+', '-']) && (percent == "0" || !percent.starts_with('0'));
            let percent: u64 =
                percent.parse().ok().filter(|_| plain).ok_or(Error::MemoryOrPercent)?;
            return match u8::try_from(percent) {
                Ok(0) => Ok(ClientsLimit::None),
                Ok(percent @ 1..=100) => Ok(ClientsLimit::Percent(percent)),
                _ => Err(Error::Percentage),
            };
        }
        match memory_size(text.as_bytes()).ok_or(Error::MemoryOrPercent)? {
            0 => Ok(ClientsLimit::None),
            bytes => Ok(ClientsLimit::Bytes(bytes)),
        }
    }
}

/// As CONFIG GET prints it: bytes without a unit, or a percentage.
impl fmt::Display for ClientsLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientsLimit::None => write!(f, "0"),
            ClientsLimit::Bytes(bytes) => write!(f, "{bytes}"),
            ClientsLimit::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_servers_read_them() {
        for (text, expected) in [
            ("10%", Ok("10%")),
            ("100%", Ok("100%")),
            ("101%", Err(Error::Percentage)),
            ("4294967297%", Err(Error::Percentage)),
            ("0%", Ok("0")),
            ("0", Ok("0")),
            ("1", Ok("1")),
            ("1g", Ok("1000000000")),
            ("100mb", Ok("104857600")),
            ("-5", Err(Error::MemoryOrPercent)),
            ("-5%", Err(Error::MemoryOrPercent)),
            ("+8%", Err(Error::MemoryOrPercent)),
            ("08%", Err(Error::MemoryOrPercent)),
            ("5.5%", Err(Error::MemoryOrPercent)),
            ("10 %", Err(Error::MemoryOrPercent)),
            ("%", Err(Error::MemoryOrPercent)),
            ("1t", Err(Error::MemoryOrPercent)),
            ("1 ", Err(Error::MemoryOrPercent)),
            ("", Ok("0")),
            ("mb", Ok("0")),
            (" ", Err(Error::MemoryOrPercent)),
            ("99999999999999999999", Err(Error::MemoryOrPercent)),
            ("20000000000gb", Err(Error::MemoryOrPercent)),
        ] {
            let read = text.parse::<ClientsLimit>().map(|limit| limit.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_limit_is_never_too_small_to_speak_to_the_server() {
        assert_eq!(ClientsLimit::Bytes(1).bytes(0), Some(LEAST));
        assert_eq!(ClientsLimit::Percent(1).bytes(1000), Some(LEAST));
        assert_eq!(ClientsLimit::Percent(100).bytes(u64::MAX), Some(u64::MAX));
        assert_eq!(ClientsLimit::None.bytes(1 << 30), None);
    }
}
