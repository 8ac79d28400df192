//! From PING to the announcement of an RDB, or to the stream.

use std::collections::VecDeque;
use std::time::Instant;

use redwire_resp::encode_request;

use super::channel::Place;
use super::line::{Answer, Line};
use super::transfer::Transfer;
use super::{Progress, RdbChannel, Replica, State, Step, TwoConnections, timer};
use crate::{Error, Offset};

impl Replica {
    pub(super) fn handle_line<'a>(
        &mut self,
        unread: &'a [u8],
        now: Instant,
    ) -> Result<Progress<'a>, Error> {
        let limit = self.config.max_line;
        let Some((line, used)) = Line::split(unread, self.scanned, self.position, limit)? else {
            self.scanned = unread.len();
            return Ok(Progress::NOTHING);
        };
        // The primary says that it lives: it waits for more replicas, or writes its snapshot.
        let step = if line.text.is_empty() { Step::Handshake } else { self.answer(&line, now)? };
        Ok(Progress::new(used, step))
    }

    fn answer(&mut self, line: &Line<'_>, now: Instant) -> Result<Step<'static>, Error> {
        match &mut self.state {
            State::Ping if line.shows_life() => self.introduce(),
            State::Ping if line.is_error() => return Err(line.refusal("PING")),
            State::Ping => return Err(line.protocol_error("expected +PONG")),
            State::Replies(pending) => {
                check_reply(line, pending)?;
                if pending.is_empty() {
                    self.ask_or_probe();
                }
            }
            State::Probe(_) => return self.answer_to_probe(line, now),
            State::Payload { replid, offset } => {
                let transfer = Transfer::new(*replid, *offset, line.announced()?);
                let len = transfer.announced_len();
                self.state = State::Rdb(transfer);
                self.next_newline = now + timer::NEWLINE_PERIOD;
                return Ok(Step::RdbStart { len });
            }
            _ => return self.answer_to_psync(line, now),
        }
        Ok(Step::Handshake)
    }

    /// All that we say of ourselves, in one write.
    fn introduce(&mut self) {
        let out = &mut self.out;
        let config = &self.config;
        let mut pending = VecDeque::new();
        if let Some(password) = &config.masterauth {
            match &config.masteruser {
                Some(user) => encode_request(out, [b"AUTH", &user[..], password]),
                None => encode_request(out, [b"AUTH", &password[..]]),
            }
            pending.push_back("AUTH");
        }
        let mut replconf = |args: &[&str]| {
            encode_request(out, ["REPLCONF"].iter().chain(args).copied().collect::<Vec<_>>());
            pending.push_back("REPLCONF");
        };
        replconf(&["listening-port", &config.listening_port.to_string()]);
        if let Some(ip) = &config.announce_ip {
            replconf(&["ip-address", ip]);
        }
        match config.rdb_channel {
            Some(_) => replconf(&["capa", "eof"]),
            None if config.two_connections == TwoConnections::No => {
                replconf(&["capa", "eof", "capa", "psync2"]);
            }
            None => replconf(&[
                "capa",
                "eof",
                "capa",
                "psync2",
                "capa",
                "rdb-channel-repl",
                "capa",
                "dual-channel",
            ]),
        }
        if let Some(version) = &config.version {
            replconf(&["version", version]);
        }
        match config.rdb_channel {
            None => {}
            Some(RdbChannel::Plain) => replconf(&["rdb-only", "1"]),
            Some(RdbChannel::Valkey) => replconf(&["rdb-only", "1", "rdb-channel", "1"]),
            Some(RdbChannel::Redis { main }) => {
                let main = main.to_string();
                replconf(&["rdb-only", "1", "rdb-channel", "1", "main-ch-client-id", &main]);
            }
        }
        self.state = State::Replies(pending);
    }

    /// Before a full sync the primary may have to say how it is to come.
    fn ask_or_probe(&mut self) {
        let whole = self.history.is_none() || self.wants_all;
        let always = self.config.two_connections == TwoConnections::Always;
        if whole && always && self.config.rdb_channel.is_none() {
            self.begin_probe();
        } else {
            self.ask();
        }
    }

    /// PSYNC goes out only when no reply is pending: the primary refuses it otherwise.
    pub(super) fn ask(&mut self) {
        self.state = State::Psync;
        if self.config.rdb_channel == Some(RdbChannel::Valkey) {
            self.out.extend_from_slice(b"SYNC\r\n");
            return;
        }
        let place = self.history.filter(|_| !self.wants_all);
        self.asked_to_go_on = place.is_some();
        let (replid, next) = match place {
            Some((replid, at)) => (replid.to_string(), at.next_byte().to_string()),
            None => ("?".to_owned(), "-1".to_owned()),
        };
        let args = ["PSYNC", &replid, &next, "FAILOVER"];
        encode_request(&mut self.out, &args[..if self.handing_over { 4 } else { 3 }]);
    }

    fn answer_to_psync(&mut self, line: &Line<'_>, now: Instant) -> Result<Step<'static>, Error> {
        let answer = line.answer_to_psync()?;
        if self.loading && !matches!(answer, Answer::Continue(_)) {
            return Err(line.protocol_error("the stream does not reach back to the RDB"));
        }
        let (replid, offset) = match answer {
            Answer::FullResync(replid, offset) => {
                self.place = Some(Place { replid, offset, client: None });
                (Some(replid), offset)
            }
            Answer::EndOffset(place) => {
                self.place = Some(place);
                (Some(place.replid), place.offset)
            }
            Answer::RdbChannel(channel) => {
                let known = self.config.two_connections != TwoConnections::No;
                if !known || self.config.rdb_channel.is_some() {
                    return Err(line.protocol_error("two connections where one was asked for"));
                }
                return Ok(self.park(channel, now));
            }
            Answer::Unknown => {
                self.out.extend_from_slice(b"SYNC\r\n");
                (None, Offset::ZERO)
            }
            Answer::Continue(named) => {
                let Some((asked, at)) = self.history else {
                    return Err(line.protocol_error("+CONTINUE where no stream was asked for"));
                };
                let replid = named.unwrap_or(asked);
                self.handing_over = false;
                self.history = Some((replid, at));
                self.start_stream(now);
                return Ok(Step::Continue { replid, changed: replid != asked });
            }
        };
        self.handing_over = false;
        self.wants_all = false;
        self.state = State::Payload { replid, offset };
        Ok(Step::FullResync { replid, offset })
    }
}

/// A refused REPLCONF costs a capability, a refused AUTH everything.
fn check_reply(line: &Line<'_>, pending: &mut VecDeque<&'static str>) -> Result<(), Error> {
    let command = pending.pop_front().unwrap_or("REPLCONF");
    match line.text.first() {
        Some(b'-') if command == "AUTH" => Err(line.refusal(command)),
        Some(b'+' | b'-') => Ok(()),
        _ => Err(line.protocol_error("expected a status reply")),
    }
}
