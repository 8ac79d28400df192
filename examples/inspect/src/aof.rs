//! The commands of an AOF behind its RDB preamble, without what is no command.

use redwire_resp::{Limits, Mode, RequestDecoder, RequestError};

/// Passes commands on as they stand; drops annotations (`#TS:1700000000`), the times that a server
/// notes with `aof-timestamp-enabled yes`: only it knows them for what they are.
pub(crate) struct Commands {
    decoder: RequestDecoder,
    /// What came of a command that is not whole.
    rest: Vec<u8>,
}

impl Commands {
    /// At the first byte behind the preamble.
    pub(crate) fn new() -> Self {
        let mut limits = Limits::default();
        limits.bulk_len = u64::MAX;
        let mut decoder = RequestDecoder::new(Mode::Strict, limits);
        decoder.set_authenticated(true);
        Self { decoder, rest: Vec::new() }
    }

    /// Takes more bytes and appends the commands that they complete to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), RequestError> {
        self.rest.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            let unread = &self.rest[at..];
            let decoded = self.decoder.decode(unread)?;
            let is_command =
                decoded.request.is_some_and(|request| !request.name().starts_with(b"#"));
            if is_command {
                out.extend_from_slice(&unread[..decoded.used]);
            }
            let more = decoded.request.is_some();
            at += decoded.used;
            if !more {
                break;
            }
        }
        self.rest.drain(..at);
        Ok(())
    }

    /// Bytes at the end that are no whole command: the server was stopped while it wrote them.
    pub(crate) fn unfinished(&self) -> usize {
        self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::Commands;

    /// However the bytes are split, the commands come out, and nothing else.
    #[test]
    fn drops_annotations_at_every_split() {
        let select = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
        let odd = b"*3\r\n$3\r\nSET\r\n$2\r\n#T\r\n$7\r\n#TS:1\r\n\r\n";
        let torn = b"*2\r\n$3\r\nDE";
        let parts =
            [&b"#TS:1700000000\r\n"[..], select, b"#TS:1700000001\r\n", odd, b"#TS:2\r\n", torn];
        let file = parts.concat();
        for split in 0..=file.len() {
            let (mut commands, mut out) = (Commands::new(), Vec::new());
            commands.push(&file[..split], &mut out).unwrap();
            commands.push(&file[split..], &mut out).unwrap();
            assert_eq!(out, [&select[..], odd].concat(), "{split}");
            assert_eq!(commands.unfinished(), torn.len());
        }
    }

    #[test]
    fn refuses_what_is_no_command() {
        let refused = Commands::new().push(b"*1\r\n$x\r\n", &mut Vec::new());
        assert!(refused.is_err());
    }
}
