//! REPLCONF: what clients say of themselves, and acknowledgements.

use std::time::Instant;

use redwire_resp::parse_i64;

use super::link::{Peer, Stage};
use super::version::VALKEY_9_MAJOR;
use super::{DisconnectReason, Primary, PrimaryEvent, ReplicaId};
use crate::Offset;

/// Longest `ip-address`, in bytes (Redis' `NET_HOST_STR_LEN`).
const MAX_IP: usize = 255;
/// Longest `version`, in bytes.
const MAX_VERSION: usize = 32;

const SYNTAX: &str = "ERR syntax error";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";

/// The answer to REPLCONF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplconfReply {
    /// `+OK`.
    Ok,
    /// An error reply; the text comes with its code, without `-` and line end.
    Error(String),
    /// Nothing is sent (ACK).
    Silent,
}

impl Primary {
    /// REPLCONF from any client; `args` are what follows the command's name. GETACK belongs to the
    /// replica's end of a node: here it is answered by silence.
    pub fn replconf(&mut self, id: ReplicaId, args: &[&[u8]], now: Instant) -> ReplconfReply {
        if !args.len().is_multiple_of(2) {
            return ReplconfReply::Error(SYNTAX.into());
        }
        for (i, pair) in args.chunks_exact(2).enumerate() {
            let is = |option: &str| pair[0].eq_ignore_ascii_case(option.as_bytes());
            if is("ack") {
                self.handle_ack(id, pair[1], &args[2 * i + 2..], now);
                return ReplconfReply::Silent;
            }
            if is("getack") {
                return ReplconfReply::Silent;
            }
            if let Err(text) = self.peer_mut(id).set(pair[0], pair[1]) {
                return ReplconfReply::Error(text);
            }
        }
        ReplconfReply::Ok
    }

    fn peer_mut(&mut self, id: ReplicaId) -> &mut Peer {
        match self.links.iter().position(|link| link.id == id) {
            Some(index) => &mut self.links[index].peer,
            None => self.peers.entry(id).or_default(),
        }
    }

    /// `REPLCONF ACK <offset> [FACK <offset>]`. Never answered, whatever it says.
    fn handle_ack(&mut self, id: ReplicaId, offset: &[u8], rest: &[&[u8]], now: Instant) {
        let end = self.offset();
        let Some(link) = self.links.iter_mut().find(|link| link.id == id) else { return };
        let Some(acked) = parse_offset(offset) else { return };
        let fsynced = match rest {
            [word, offset, ..] if word.eq_ignore_ascii_case(b"fack") => parse_offset(offset),
            _ => None,
        };
        // A number that no stream reaches is one from the future, too.
        let place = |n: u64| Offset::ZERO.checked_add(n).filter(|offset| *offset <= end);
        let (acked, fsynced) = (place(acked), fsynced.map(place));
        let (Some(acked), None | Some(Some(_))) = (acked, fsynced) else {
            self.disconnect(id, DisconnectReason::AckFromTheFuture, now);
            return;
        };
        let fsynced = fsynced.flatten();
        link.acked = link.acked.max(acked);
        link.fsynced = link.fsynced.max(fsynced);
        link.heard = now;
        match link.stage {
            Stage::Online { flows: false } => link.stage = Stage::Online { flows: true },
            Stage::Beside => {
                link.stage = Stage::Online { flows: true };
                self.events.push_back(PrimaryEvent::Online { id });
            }
            _ => {}
        }
    }
}

impl Peer {
    /// Takes one pair; the error is the reply's text.
    fn set(&mut self, option: &[u8], value: &[u8]) -> Result<(), String> {
        match option.to_ascii_lowercase().as_slice() {
            b"listening-port" => {
                let port = parse_i64(value).ok_or(NOT_AN_INTEGER)?;
                self.port = u16::try_from(port).map_err(|_| NOT_AN_INTEGER)?;
            }
            b"ip-address" => self.ip = Some(parse_ip(value)?),
            b"capa" => self.set_capa(value),
            b"version" => {
                self.version = Some(parse_version(value)?);
                self.filter.valkey_9 = self.major().is_some_and(|major| major >= VALKEY_9_MAJOR);
            }
            b"rdb-only" => self.rdb_only = parse_flag(value)?,
            b"rdb-channel" => self.rdb_channel = parse_flag(value)?,
            b"main-ch-client-id" => self.main = Some(parse_client(value)?),
            b"set-rdb-client-id" => self.rdb_client = Some(parse_client(value)?),
            b"rdb-filter-only" => self.set_filter(value)?,
            b"rdb-no-compress" => self.filter.no_compression = parse_flag(value)?,
            _ => {
                let option = String::from_utf8_lossy(option);
                return Err(format!("ERR Unrecognized REPLCONF option: {option}"));
            }
        }
        Ok(())
    }

    /// Capabilities that we do not know are fine: the replica will do without.
    fn set_capa(&mut self, value: &[u8]) {
        if value.eq_ignore_ascii_case(b"eof") {
            self.capa_eof = true;
        } else if value.eq_ignore_ascii_case(b"psync2") {
            self.capa_psync2 = true;
        } else if value.eq_ignore_ascii_case(b"rdb-channel-repl") {
            self.capa_rdb_channel = true;
        } else if value.eq_ignore_ascii_case(b"dual-channel") {
            self.capa_dual_channel = true;
        }
    }

    /// The parts to include, separated by blanks: none of them means an RDB without content.
    fn set_filter(&mut self, value: &[u8]) -> Result<(), String> {
        let mut functions = false;
        for part in value.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty()) {
            if !part.eq_ignore_ascii_case(b"functions") {
                let part = String::from_utf8_lossy(part);
                return Err(format!("ERR Unsupported rdb-filter-only option: {part}"));
            }
            functions = true;
        }
        self.filter.no_data = true;
        self.filter.no_functions = !functions;
        Ok(())
    }
}

fn parse_offset(text: &[u8]) -> Option<u64> {
    parse_i64(text).and_then(|n| u64::try_from(n).ok())
}

fn parse_flag(value: &[u8]) -> Result<bool, String> {
    match parse_i64(value) {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) => Err("ERR value is out of range, value must between 0 and 1".into()),
        None => Err(NOT_AN_INTEGER.into()),
    }
}

fn parse_client(value: &[u8]) -> Result<ReplicaId, String> {
    let number = parse_i64(value).and_then(|n| u64::try_from(n).ok()).ok_or(NOT_AN_INTEGER)?;
    Ok(ReplicaId(number))
}

/// INFO and ROLE print it: neither line ends nor other blanks may be in it.
fn parse_ip(value: &[u8]) -> Result<String, String> {
    let len = value.len();
    if len > MAX_IP {
        return Err(format!(
            "ERR REPLCONF ip-address provided by replica instance is too long: {len} bytes"
        ));
    }
    if !value.iter().all(u8::is_ascii_graphic) {
        return Err("ERR REPLCONF ip-address is not a host name or address".into());
    }
    Ok(String::from_utf8_lossy(value).into_owned())
}

fn parse_version(value: &[u8]) -> Result<String, String> {
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let parts = value.split(|&byte| byte == b'.').filter(|part| digits(part)).count();
    let dots = value.iter().filter(|&&byte| byte == b'.').count();
    let text = String::from_utf8_lossy(&value[..value.len().min(MAX_VERSION)]).into_owned();
    if value.len() > MAX_VERSION || dots != 2 || parts != 3 {
        return Err(format!("ERR Unrecognized version format: {text}"));
    }
    Ok(text)
}
