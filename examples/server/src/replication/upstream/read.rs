//! What is read of the link, and of the connection of the RDB beside it.

use std::time::Instant;

use mio::{Registry, Token};
use redwire_keyspace::Keyspace;
use redwire_repl::{Error, ReplId, Step};

use super::{Birth, Received, Upstream, may_refuse};
use crate::core::Core;
use crate::persist::Spooled;
use crate::replication::empty_primary;
use crate::replication::side::Kept;

/// Bytes that are read and worked on before clients have their turn again.
const TURN: usize = 256 << 10;

/// Bytes of kept stream that are run before clients have their turn again.
const KEPT_TURN: usize = TURN;

/// Bytes of stream that are read in a turn to be kept: that costs little, and the primary must not
/// have to hold them.
const KEEP_TURN: usize = 4 << 20;

impl Upstream {
    /// Reads a turn's worth and runs it. Takes `core` as the host of the stream's commands, so the
    /// link itself must be outside of it meanwhile.
    pub(crate) fn read_turn(
        &mut self,
        registry: &Registry,
        token: Token,
        core: &mut Core,
        keyspace: &mut Keyspace,
        buffer: &mut [u8],
    ) -> Vec<Received> {
        let mut received = Vec::new();
        let now = core.now;
        let mut taken = 0;
        if std::mem::take(&mut self.interrupted)
            && let Err(error) =
                self.take_input(&[], (registry, token), core, keyspace, &mut received)
        {
            received.push(self.disconnect(registry, error, now));
        }
        while taken < self.turn() && self.may_read() && !self.interrupted {
            let Some(stream) = self.stream.as_mut() else { break };
            let count = match stream.read(buffer) {
                Ok(Some(0)) => {
                    let reason = "Connection with master lost.".to_string();
                    received.push(self.disconnect(registry, reason, now));
                    break;
                }
                Ok(Some(count)) => count,
                Ok(None) => {
                    self.readable = false;
                    break;
                }
                Err(error) => {
                    let reason = format!("I/O error trying to sync with MASTER: {error}");
                    received.push(self.disconnect(registry, reason, now));
                    break;
                }
            };
            taken += count;
            core.counters.repl_bytes_in += count as u64;
            self.traffic.bytes_in += count as u64;
            let bytes = &buffer[..count];
            let place = (registry, token);
            if let Err(error) = self.take_input(bytes, place, core, keyspace, &mut received) {
                received.push(self.disconnect(registry, error, now));
                break;
            }
        }
        if let Err(reason) = self.run_kept((registry, token), core, keyspace, &mut received) {
            received.push(self.disconnect(registry, reason, now));
        }
        if let Err(reason) =
            self.read_side((registry, token), core, keyspace, buffer, &mut received)
        {
            received.push(self.disconnect(registry, reason, now));
        }
        received.extend(self.newly_full(now));
        received.extend(self.drive(registry, token, now));
        received
    }

    /// Runs what came, or keeps it while the data set comes and until what came before is run.
    fn take_input(
        &mut self,
        bytes: &[u8],
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        if self.kept.is_some() || self.keeps() {
            self.keep(bytes, core.now);
            return Ok(());
        }
        self.input.extend_from_slice(bytes);
        self.handle_input(place, core, keyspace, received)?;
        self.keep_input(core.now);
        Ok(())
    }

    /// Keeps what is unread, if it is of the stream and has to wait.
    fn keep_input(&mut self, now: Instant) {
        if self.keeps() {
            let unread = std::mem::take(&mut self.input);
            self.keep(&unread, now);
        }
    }

    /// Keeps bytes behind what is kept. What of a command is in `input` lies before all of it.
    fn keep(&mut self, bytes: &[u8], now: Instant) {
        let of_side = self.side.as_mut().map(|side| &mut side.kept);
        if let Some(kept) = of_side.or(self.kept.as_mut()) {
            kept.append(bytes);
            self.kept_peak = self.kept_peak.max(kept.unread());
            self.machine.heard(now);
        }
    }

    /// Why no more of the stream is to be kept, if so: it is not read then, and the primary holds it,
    /// as it would over one connection.
    fn fullness(&self) -> Option<&'static str> {
        self.kept_stream()?.fullness(self.two_connections.disk_limit)
    }

    /// The same, and why it is not to be for now.
    pub(super) fn no_room(&self, now: Instant) -> Option<&'static str> {
        self.fullness().or_else(|| self.kept_stream()?.hangs(now))
    }

    /// What there is to say of that: once in a full sync.
    pub(super) fn newly_full(&mut self, now: Instant) -> Option<Received> {
        let reason = self.no_room(now).filter(|_| !self.was_full)?;
        self.was_full = true;
        let error = self.kept_stream().and_then(Kept::disk_error);
        let error = error.map_or_else(String::new, |error| format!(" ({error})"));
        Some(Received::StreamWaits(format!("{reason}{error}")))
    }

    /// Whether the stream flows, and has to wait for the data set.
    fn keeps(&self) -> bool {
        self.side.is_some() && self.machine.is_streaming()
    }

    /// Bytes to read in this turn.
    fn turn(&self) -> usize {
        if self.kept.is_some() || self.keeps() { KEEP_TURN } else { TURN }
    }

    /// Whether to read now: what comes before it is known to be the stream has to stay in memory.
    pub(super) fn may_read(&self) -> bool {
        let waits = self.side.is_some() && !self.machine.is_streaming();
        let on_hold = self.on_hold && !self.keeps();
        let no_room = self.fullness().is_some() || self.kept_stream().is_some_and(Kept::is_behind);
        let must_wait = no_room || on_hold || (waits && self.input.len() >= TURN);
        self.readable && !must_wait
    }

    /// Runs a slice of the stream that was kept.
    fn run_kept(
        &mut self,
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        let mut done = 0;
        if self.on_hold || self.fullness().is_some() {
            // It is we who do not read.
            self.machine.heard(core.now);
        }
        while done < KEPT_TURN
            && !self.interrupted
            && !self.on_hold
            && let Some(kept) = &mut self.kept
        {
            let next = kept.next(core.now);
            let bytes = match next.map_err(|error| format!("stream unreadable: {error}"))? {
                Spooled::Bytes(bytes) => bytes,
                Spooled::Wait => break,
                Spooled::End => {
                    (self.kept, self.was_full) = (None, false);
                    break;
                }
            };
            done += bytes.len();
            self.input.extend_from_slice(&bytes);
            self.handle_input(place, core, keyspace, received)?;
        }
        Ok(())
    }

    /// Reads a turn's worth of the RDB.
    fn read_side(
        &mut self,
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        buffer: &mut [u8],
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        let mut taken = 0;
        while taken < TURN
            && let Some(side) = &mut self.side
        {
            match side.read(buffer).map_err(|error| error.to_string())? {
                None => break,
                Some(0) => return Err("Connection of the RDB lost.".into()),
                Some(count) => taken += count,
            }
            let mut input = std::mem::take(&mut side.input);
            let mut at = 0;
            while let Some(used) =
                self.step_side(&input[at..], place.0, core, keyspace, received)?
            {
                at += used;
            }
            input.drain(..at);
            if let Some(side) = &mut self.side {
                side.input = input;
            }
        }
        Ok(())
    }

    /// One step of the machine of the RDB's connection; `None` when it needs more bytes.
    fn step_side(
        &mut self,
        unread: &[u8],
        registry: &Registry,
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<Option<usize>, String> {
        let now = core.now;
        let Some(side) = &mut self.side else { return Ok(None) };
        let progress = side.machine.handle_input(unread, now).map_err(|it| it.to_string())?;
        let used = progress.used;
        let Some(step) = progress.step else { return Ok((used > 0).then_some(used)) };
        match step {
            Step::Handshake | Step::RdbChannel(_) | Step::Continue { .. } | Step::Stream(_) => {}
            Step::FullResync { replid, offset } => {
                side.from = Some(offset);
                received.push(Received::FullResync(replid, offset));
                self.announce(replid, core, keyspace)?;
                if let Some(side) = &self.side {
                    replid.ok_or("the primary knows no PSYNC")?;
                    self.machine.attach(&side.machine, now);
                }
                self.keep_input(now);
            }
            Step::RdbStart { len } => self.begin_load(len, core, keyspace, received),
            Step::Rdb(bytes) => {
                let taken =
                    self.load_bytes(bytes, core, keyspace).map_err(|error| error.to_string())?;
                return Ok(Some(used + taken).filter(|used| *used > 0));
            }
            Step::Loaded { replid, offset } => {
                // What came of the stream is run on it, then what comes.
                self.kept = self.side.take().map(|side| side.close(registry));
                self.end_load(replid, offset, core, keyspace, received);
                self.machine.channel_loaded(now);
                return Ok(None);
            }
        }
        Ok(Some(used))
    }

    /// The data set that comes is of this history: an error where it is not to be had.
    fn announce(
        &mut self,
        replid: Option<ReplId>,
        core: &Core,
        keyspace: &Keyspace,
    ) -> Result<(), String> {
        self.announced = replid;
        if self.empty_primary.refuses_history(replid) && may_refuse(core, keyspace) {
            return Err(empty_primary::REASON.into());
        }
        Ok(())
    }

    fn handle_input(
        &mut self,
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<(), String> {
        let mut input = std::mem::take(&mut self.input);
        let mut at = 0;
        let result = loop {
            match self.step(&input[at..], place, core, keyspace, received) {
                Ok(Some(used)) => at += used,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            if self.interrupted {
                break Ok(());
            }
        };
        input.drain(..at);
        self.input = input;
        result
    }

    /// One step of the machine; `None` when it needs more bytes.
    fn step(
        &mut self,
        unread: &[u8],
        place: (&Registry, Token),
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) -> Result<Option<usize>, String> {
        let now = core.now;
        let asked_to_take_over = self.machine.is_handing_over();
        let progress = self.machine.handle_input(unread, now).inspect_err(|error| {
            let refused = matches!(error, Error::Refused { step: "PSYNC", .. });
            self.refuses |= asked_to_take_over && refused;
        });
        let progress = progress.map_err(|error| error.to_string())?;
        let used = progress.used;
        let Some(step) = progress.step else { return Ok((used > 0).then_some(used)) };
        match step {
            Step::Handshake => {}
            Step::RdbChannel(channel) => {
                received.push(Received::RdbChannel(channel));
                self.open_side(channel, place, now).map_err(|error| error.to_string())?;
            }
            Step::FullResync { replid, offset } => {
                if self.two_connections.wanted() && self.machine.asked_to_go_on() {
                    // What this node has is of no use, and the RDB is not worth its beginning.
                    self.machine.ask_for_all(true);
                    return Err("Full resync is due, asking for it over two connections".into());
                }
                received.push(Received::FullResync(replid, offset));
                self.announce(replid, core, keyspace)?;
            }
            Step::Continue { changed, .. } if self.side.is_some() => {
                if changed {
                    return Err("the primary's history changed".into());
                }
            }
            Step::Continue { replid, .. } => {
                self.empty_primary.follow(Some(replid));
                self.born.get_or_insert_with(|| Birth::now(core));
                received.push(Received::Continued(replid));
            }
            Step::RdbStart { len } => self.begin_load(len, core, keyspace, received),
            Step::Rdb(bytes) => {
                let taken =
                    self.load_bytes(bytes, core, keyspace).map_err(|error| error.to_string())?;
                return Ok(Some(used + taken).filter(|used| *used > 0));
            }
            Step::Loaded { replid, offset } => {
                self.end_load(replid, offset, core, keyspace, received);
            }
            Step::Stream(_) if self.side.is_some() => return Ok(None),
            Step::Stream(bytes) => {
                let taken =
                    self.apply(bytes, core, keyspace, now).map_err(|error| error.to_string())?;
                return Ok(Some(used + taken).filter(|used| *used > 0));
            }
        }
        Ok(Some(used))
    }
}
