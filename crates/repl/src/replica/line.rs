//! The lines of the handshake, as the primary's replies.

use redwire_resp::parse_i64;

use super::channel::{Place, RdbChannel};
use crate::{Error, Offset, ReplId};

/// A line without its end.
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    /// Byte of the connection at which it starts.
    pub(super) at: u64,
}

/// The answer to PSYNC.
pub(super) enum Answer {
    FullResync(ReplId, Offset),
    Continue(Option<ReplId>),
    /// The RDB is to be asked for on another connection.
    RdbChannel(RdbChannel),
    /// Valkey's answer there.
    EndOffset(Place),
    /// A server from before PSYNC.
    Unknown,
}

/// What announces the RDB.
#[derive(Debug)]
pub(super) enum Announced {
    Length(u64),
    Marker([u8; 40]),
}

/// Longest quotation of the primary's words in an error, in bytes.
const MAX_QUOTE: usize = 200;

impl<'a> Line<'a> {
    /// The first line of `unread`, of which `scanned` bytes are known to hold no line end, and the
    /// bytes it takes with its end; `None` when its end is not there yet.
    pub(super) fn split(
        unread: &'a [u8],
        scanned: usize,
        at: u64,
        limit: usize,
    ) -> Result<Option<(Line<'a>, usize)>, Error> {
        let from = scanned.min(unread.len());
        let Some(end) = unread[from..].iter().position(|&byte| byte == b'\n') else {
            let too_long = unread.len() > limit;
            return if too_long { Err(Error::LineTooLong { at, limit }) } else { Ok(None) };
        };
        let end = from + end;
        if end > limit {
            return Err(Error::LineTooLong { at, limit });
        }
        let text = unread[..end].strip_suffix(b"\r").unwrap_or(&unread[..end]);
        Ok(Some((Line { text, at }, end + 1)))
    }

    pub(super) fn is_error(&self) -> bool {
        self.text.first() == Some(&b'-')
    }

    pub(super) fn protocol_error(&self, what: &'static str) -> Error {
        Error::Protocol { at: self.at, what, got: quote(self.text) }
    }

    /// The primary's error reply to `step`.
    pub(super) fn refusal(&self, step: &'static str) -> Error {
        Error::Refused { step, reply: quote(self.text.strip_prefix(b"-").unwrap_or(self.text)) }
    }

    /// Whether this answer to PING shows that a server listens, if only to say AUTH first.
    pub(super) fn shows_life(&self) -> bool {
        const ALIVE: [&[u8]; 4] =
            [b"+PONG", b"-NOAUTH", b"-NOPERM", b"-ERR operation not permitted"];
        ALIVE.iter().any(|start| self.text.starts_with(start))
    }

    pub(super) fn answer_to_psync(&self) -> Result<Answer, Error> {
        if let Some(rest) = self.text.strip_prefix(b"+FULLRESYNC ") {
            let (id, offset) = full_resync(rest)
                .ok_or_else(|| self.protocol_error("expected +FULLRESYNC <replid> <offset>"))?;
            return Ok(Answer::FullResync(id, offset));
        }
        if let Some(rest) = self.text.strip_prefix(b"+CONTINUE") {
            return match rest.strip_prefix(b" ") {
                _ if rest.is_empty() => Ok(Answer::Continue(None)),
                Some(id) => ReplId::parse(id)
                    .map(|id| Answer::Continue(Some(id)))
                    .ok_or_else(|| self.protocol_error("expected +CONTINUE <replid>")),
                None => Err(self.protocol_error("expected +CONTINUE <replid>")),
            };
        }
        if self.text == b"+DUALCHANNELSYNC" {
            return Ok(Answer::RdbChannel(RdbChannel::Valkey));
        }
        if let Some(client) = self.text.strip_prefix(b"+RDBCHANNELSYNC ") {
            let main = parse_u64(client)
                .ok_or_else(|| self.protocol_error("expected +RDBCHANNELSYNC <client>"))?;
            return Ok(Answer::RdbChannel(RdbChannel::Redis { main }));
        }
        if let Some(rest) = self.text.strip_prefix(b"$ENDOFF:") {
            return end_offset(rest).map(Answer::EndOffset).ok_or_else(|| {
                self.protocol_error("expected $ENDOFF:<offset> <replid> <db> <client>")
            });
        }
        if self.text.starts_with(b"-ERR unknown command") {
            return Ok(Answer::Unknown);
        }
        if self.is_error() {
            return Err(self.refusal("PSYNC"));
        }
        Err(self.protocol_error("expected an answer to PSYNC"))
    }

    pub(super) fn announced(&self) -> Result<Announced, Error> {
        if self.is_error() {
            return Err(self.refusal("the full sync"));
        }
        if let Some(marker) = self.text.strip_prefix(b"$EOF:") {
            return marker
                .try_into()
                .map(Announced::Marker)
                .map_err(|_| self.protocol_error("expected $EOF: and 40 bytes"));
        }
        let len = self.text.strip_prefix(b"$").and_then(parse_i64);
        len.and_then(|len| u64::try_from(len).ok())
            .map(Announced::Length)
            .ok_or_else(|| self.protocol_error("expected $<length> or $EOF:<marker>"))
    }
}

fn full_resync(rest: &[u8]) -> Option<(ReplId, Offset)> {
    let (id, offset) = rest.split_at_checked(40)?;
    let offset = parse_i64(offset.strip_prefix(b" ")?)?;
    Some((ReplId::parse(id)?, Offset::new(u64::try_from(offset).ok()?)?))
}

/// The database is left out: the RDB holds it, too.
fn end_offset(rest: &[u8]) -> Option<Place> {
    let mut words = rest.split(|&byte| byte == b' ');
    let offset = Offset::new(parse_u64(words.next()?)?)?;
    let replid = ReplId::parse(words.next()?)?;
    parse_i64(words.next()?)?;
    let client = parse_u64(words.next()?)?;
    words.next().is_none().then_some(Place { replid, offset, client: Some(client) })
}

fn parse_u64(text: &[u8]) -> Option<u64> {
    parse_i64(text).and_then(|n| u64::try_from(n).ok())
}

fn quote(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(MAX_QUOTE)]).into_owned()
}
