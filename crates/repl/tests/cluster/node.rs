//! A node: the primary's machine, its data, and its link to the node that it follows.

use std::time::{Duration, Instant};

use redwire_repl::{
    Error, Primary, PrimaryConfig, RdbChannel, Replica, ReplicaConfig, ReplicaEvent, ReplicaId,
    ReplicaPhase, SpillConfig, Step, TwoConnections, Upstream,
};
use redwire_resp::{Limits, Mode, RequestDecoder};

use crate::disk::{Disk, Recovered};
use crate::shared::budget::Budget;
use crate::shared::data::{Data, RdbDecoder};
use crate::shared::pipe::Pipe;

pub(crate) struct Node {
    pub(crate) primary: Primary,
    pub(crate) data: Data,
    pub(crate) up: Option<Up>,
    pub(crate) two_connections: TwoConnections,
    pub(crate) disk: Disk,
    budget: Budget,
    /// It reads nothing of what its connections bring.
    pub(crate) stalled: bool,
    /// How long bytes are on their way to and from the node that it follows.
    pub(crate) delay: Duration,
    /// The connection to that node, or the next one, breaks behind so many more bytes from there, at
    /// least one.
    pub(crate) cut: Option<usize>,
    index: u8,
    config: PrimaryConfig,
    /// How often it was started.
    starts: u8,
}

/// What a node is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// It offers two connections.
    pub(crate) channels: bool,
    /// How it keeps its stream on disk, if it does.
    pub(crate) spill: Option<SpillConfig>,
    /// Its disk syncs before it answers.
    pub(crate) always: bool,
    /// What it makes of two connections.
    pub(crate) two_connections: TwoConnections,
}

/// The link to the node that this one follows.
pub(crate) struct Up {
    pub(crate) target: usize,
    pub(crate) machine: Replica,
    pub(crate) main: Option<Wire>,
    /// The connection of the RDB.
    pub(crate) side: Option<(Replica, Wire)>,
    pub(crate) wants_connection: bool,
    /// The machine asked for the connection of the RDB.
    pub(crate) wants_side: Option<RdbChannel>,
    /// Stream that waits for the data set.
    kept: Vec<u8>,
    load: Option<RdbDecoder>,
    db: u32,
    transaction: Option<Vec<Vec<Vec<u8>>>>,
    /// The transaction's bytes, which go on to replicas with its EXEC.
    held: Vec<u8>,
}

pub(crate) struct Wire {
    pub(crate) id: ReplicaId,
    /// To the other node.
    pub(crate) up: Pipe,
    /// From it.
    pub(crate) down: Pipe,
    /// Closed by the other node behind what is on the way.
    pub(crate) closing: bool,
    unread: Vec<u8>,
}

/// What a node does of which the others must know.
pub(crate) enum Outcome {
    /// These connections are closed.
    Closed(Vec<ReplicaId>),
    /// It goes on with what it has.
    Continued,
    /// It was refused to hand over.
    Refused,
}

impl Wire {
    pub(crate) fn new(id: ReplicaId) -> Wire {
        Wire { id, up: Pipe::default(), down: Pipe::default(), closing: false, unread: Vec::new() }
    }
}

impl Node {
    pub(crate) fn new(index: u8, kind: Kind) -> Node {
        let Kind { channels, spill, always, two_connections } = kind;
        let config = PrimaryConfig {
            diskless_delay: Duration::from_millis(200),
            backlog_size: 8 << 10,
            two_connections: channels,
            spill,
            ..PrimaryConfig::default()
        };
        Node {
            primary: primary(index, 0, config.clone()),
            data: Data::default(),
            up: None,
            two_connections,
            disk: Disk::new(always),
            budget: Budget::new(SEGMENT, WRITE_MAX),
            stalled: false,
            delay: Duration::ZERO,
            cut: None,
            index,
            config,
            starts: 0,
        }
    }

    /// It ends as by kill -9 and starts again with what is on its disk, following what it followed.
    /// Its connections are closed by now.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.starts += 1;
        self.primary = primary(self.index, self.starts, self.config.clone());
        self.disk.stalled = false;
        (self.budget, self.stalled) = (Budget::new(SEGMENT, WRITE_MAX), false);
        // One that was handing over forgets that, and is a primary still.
        let up = self.up.take().filter(|up| !up.machine.is_handing_over());
        let target = up.map(|up| up.target);
        let follows = target.is_some();
        let recovered = self.disk.recover();
        self.disk.retain(recovered.as_ref().and_then(|it| it.chain.as_ref()));
        self.data = Data::default();
        if let Some(Recovered { data, replid, offset, db, chain }) = recovered {
            self.data = data;
            match chain {
                Some(chain) => self.primary.recover(&chain, db, follows, now),
                None if follows => self.primary.adopt(replid, offset, Some(db), now),
                None => self.primary.restore(replid, offset, now),
            }
        }
        if let Some(target) = target {
            self.follow(target, now);
        }
    }

    /// `CONFIG SET` of what the stream keeps, in memory and on disk.
    pub(crate) fn configure(&mut self, change: impl FnOnce(&mut PrimaryConfig), now: Instant) {
        change(&mut self.config);
        self.primary.set_config(self.config.clone(), now);
    }

    pub(crate) fn save(&mut self) {
        self.disk.save(&self.data, &self.primary);
    }

    /// Does what the backlog wants of the disk, for the connections that can be written to.
    pub(crate) fn work(&mut self, writable: &[ReplicaId], now: Instant) -> bool {
        writable.iter().for_each(|id| self.primary.request(*id));
        self.disk.work(&mut self.primary, now)
    }

    /// Whether it takes what its connection brings: not while its own stream waits for the disk.
    pub(crate) fn may_read(&self) -> bool {
        let keeps = self.up.as_ref().is_some_and(|up| up.side.is_some());
        !self.stalled && (keeps || !self.primary.backlog_is_full())
    }

    /// Memory holds no more than it may, unless the disk fails.
    pub(crate) fn assert_budget(&mut self) {
        self.budget.assert_kept(&self.primary, format_args!("node {}", self.index));
    }

    pub(crate) fn follow(&mut self, target: usize, now: Instant) {
        let config =
            ReplicaConfig { two_connections: self.two_connections, ..ReplicaConfig::default() };
        let mut machine = Replica::new(config, target as u64, now);
        machine.resume_from(self.primary.history().replid(), self.primary.offset());
        self.up = Some(Up {
            target,
            machine,
            main: None,
            side: None,
            wants_connection: false,
            wants_side: None,
            kept: Vec::new(),
            load: None,
            db: self.primary.stream_db().unwrap_or(0),
            transaction: None,
            held: Vec::new(),
        });
        self.set_source();
    }

    /// The machine of the stream's place is told to that of the replicas.
    pub(crate) fn set_source(&mut self) {
        let source = match &self.up {
            None => Upstream::None,
            Some(up) if up.is_up() => Upstream::Connected,
            Some(_) => Upstream::Lost,
        };
        self.primary.set_upstream(source);
    }

    /// The next `n` bytes of its link arrive, or of that of the RDB.
    pub(crate) fn receive(&mut self, n: usize, rdb: bool, now: Instant) -> Option<Outcome> {
        let up = self.up.as_mut()?;
        let wire = up.wire(rdb)?;
        wire.down.receive(n, &mut wire.unread);
        let closing = wire.closing && wire.down.is_empty();
        let mut result = Ok(None);
        while let Ok(None) = result {
            let before = self.unread(rdb);
            result = if rdb { self.step_side(now) } else { self.step(now) };
            if self.unread(rdb) == before {
                break;
            }
        }
        match result {
            Err(Error::Refused { step: "PSYNC", .. }) if self.hands_over() => {
                Some(Outcome::Refused)
            }
            Err(_) => Some(Outcome::Closed(self.disconnect(now))),
            // Behind its RDB that connection is gone by now; before, both are over.
            Ok(None) if closing && self.has_wire(rdb) => {
                Some(Outcome::Closed(self.disconnect(now)))
            }
            Ok(outcome) => outcome,
        }
    }

    fn has_wire(&mut self, rdb: bool) -> bool {
        self.up.as_mut().is_some_and(|up| up.wire(rdb).is_some())
    }

    fn hands_over(&self) -> bool {
        self.up.as_ref().is_some_and(|up| up.machine.is_handing_over())
    }

    /// Length of what is unread, and whether it can be read at all.
    fn unread(&mut self, rdb: bool) -> (usize, ReplicaPhase) {
        let Some(up) = &mut self.up else { return (0, ReplicaPhase::Waiting) };
        let phase = up.side.as_ref().filter(|_| rdb).map_or(&up.machine, |(it, _)| it).phase();
        (up.wire(rdb).map_or(0, |wire| wire.unread.len()), phase)
    }

    fn step(&mut self, now: Instant) -> Result<Option<Outcome>, Error> {
        let Some(up) = &mut self.up else { return Ok(None) };
        let Some(wire) = &mut up.main else { return Ok(None) };
        let unread = std::mem::take(&mut wire.unread);
        let progress = up.machine.handle_input(&unread, now)?;
        let mut used = progress.used;
        let mut outcome = None;
        match progress.step {
            None | Some(Step::Handshake) => {}
            Some(Step::RdbChannel(channel)) => up.wants_side = Some(channel),
            Some(Step::FullResync { .. }) => {
                if up.machine.asked_to_go_on() && self.two_connections == TwoConnections::Always {
                    up.machine.ask_for_all(true);
                    return Err(up.machine.fail("two connections are wanted"));
                }
            }
            Some(Step::Continue { replid, .. }) => {
                if up.side.is_none() && up.load.is_none() {
                    self.primary.adopt_id(replid, now);
                    outcome = Some(Outcome::Continued);
                }
            }
            Some(Step::RdbStart { .. }) => up.load = Some(RdbDecoder::default()),
            Some(Step::Rdb(bytes)) => used += load(&mut up.load, &mut up.machine, bytes, now)?,
            Some(Step::Loaded { .. }) => self.install(now),
            Some(Step::Stream(bytes)) if up.side.is_some() => {
                up.kept.extend_from_slice(bytes);
                up.machine.heard(now);
                used += bytes.len();
            }
            Some(Step::Stream(bytes)) => used += self.apply(bytes, now),
        }
        if let Some(wire) = self.up.as_mut().and_then(|up| up.main.as_mut()) {
            wire.unread = unread[used..].to_vec();
        }
        Ok(outcome)
    }

    fn step_side(&mut self, now: Instant) -> Result<Option<Outcome>, Error> {
        let Some(up) = &mut self.up else { return Ok(None) };
        let Some((machine, wire)) = &mut up.side else { return Ok(None) };
        let unread = std::mem::take(&mut wire.unread);
        let progress = machine.handle_input(&unread, now)?;
        let mut used = progress.used;
        match progress.step {
            Some(Step::FullResync { .. }) => up.machine.attach(machine, now),
            Some(Step::RdbStart { .. }) => up.load = Some(RdbDecoder::default()),
            Some(Step::Rdb(bytes)) => used += load(&mut up.load, machine, bytes, now)?,
            Some(Step::Loaded { .. }) => {
                let closed = vec![wire.id];
                self.install(now);
                return Ok(Some(Outcome::Closed(closed)));
            }
            _ => {}
        }
        wire.unread = unread[used..].to_vec();
        Ok(None)
    }

    /// The data set is whole. Its first value is the database that the stream is in.
    fn install(&mut self, now: Instant) {
        let Some(up) = &mut self.up else { return };
        self.data = up.load.take().unwrap().data;
        up.db = self.data.writes.remove(0).0;
        let place = up.side.take().map_or_else(|| up.machine.history(), |(it, _)| it.history());
        let (replid, offset) = place.unwrap();
        if let Some(wire) = &mut up.main {
            let behind = std::mem::take(&mut wire.unread);
            wire.unread = std::mem::take(&mut up.kept);
            wire.unread.extend(behind);
        }
        up.machine.channel_loaded(now);
        self.primary.adopt(replid, offset, Some(up.db), now);
    }

    fn apply(&mut self, bytes: &[u8], now: Instant) -> usize {
        let Some(up) = &mut self.up else { return 0 };
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        let decoded = decoder.decode(bytes).unwrap();
        let Some(request) = decoded.request else { return 0 };
        let args: Vec<&[u8]> = request.iter().collect();
        let name = args[0].to_ascii_uppercase();
        match (name.as_slice(), &mut up.transaction) {
            (b"MULTI", None) => up.transaction = Some(Vec::new()),
            (b"EXEC", Some(queue)) => {
                for args in std::mem::take(queue) {
                    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                    self.data.run(up.db, &args);
                }
                up.transaction = None;
            }
            (b"SELECT", _) => up.db = std::str::from_utf8(args[1]).unwrap().parse().unwrap(),
            (b"PING", _) => {}
            (b"REPLCONF", _) => up.machine.ack_now(now),
            (_, Some(queue)) => queue.push(args.iter().map(|arg| arg.to_vec()).collect()),
            (_, None) => self.data.run(up.db, &args),
        }
        let command = &bytes[..decoded.used];
        up.held.extend_from_slice(command);
        if up.transaction.is_some() {
            up.machine.queued(command.len(), now);
        } else {
            up.machine.applied(command.len(), now);
            self.primary.feed_raw(&std::mem::take(&mut up.held));
            self.primary.set_stream_db(up.db);
        }
        command.len()
    }

    /// Both connections end, and what came of a data set is dropped.
    pub(crate) fn disconnect(&mut self, now: Instant) -> Vec<ReplicaId> {
        let Some(up) = &mut self.up else { return Vec::new() };
        let side = up.side.take().map(|(_, wire)| wire.id);
        let closed = up.main.take().map(|wire| wire.id).into_iter().chain(side).collect();
        up.kept.clear();
        up.held.clear();
        (up.load, up.transaction, up.wants_side) = (None, None, None);
        up.machine.handle_disconnected(now);
        closed
    }

    /// What the machines want done with connections.
    pub(crate) fn poll_events(&mut self, now: Instant) -> Vec<ReplicaId> {
        let mut closed = Vec::new();
        let Some(up) = &mut self.up else { return closed };
        let rdb_fails = up.side.as_mut().and_then(|(machine, _)| machine.poll_event()).is_some();
        while let Some(event) = self.up.as_mut().and_then(|up| up.machine.poll_event()) {
            match event {
                ReplicaEvent::Connect => {
                    self.up.iter_mut().for_each(|up| up.wants_connection = true);
                }
                _ => closed.extend(self.disconnect(now)),
            }
        }
        if rdb_fails {
            closed.extend(self.disconnect(now));
        }
        closed
    }
}

/// Bytes of stream in a segment.
const SEGMENT: u64 = 3000;
/// Longest write, with its transaction.
const WRITE_MAX: u64 = 2000;

/// The stream on disk as it is written.
pub(crate) const SPILL: SpillConfig = SpillConfig {
    memory: 32 << 10,
    limit: u64::MAX,
    keep: u64::MAX,
    segment_size: SEGMENT,
    eager: true,
};

/// A primary's machine whose ids are those of no other start.
fn primary(index: u8, start: u8, config: PrimaryConfig) -> Primary {
    let mut drawn = 0_u8;
    let entropy = move || {
        drawn = drawn.wrapping_add(1);
        let mut seed = [drawn; 20];
        (seed[0], seed[1]) = (index, start);
        seed
    };
    Primary::new(config, Box::new(entropy))
}

impl Up {
    pub(crate) fn is_up(&self) -> bool {
        self.side.is_none() && self.machine.phase() == ReplicaPhase::Connected
    }

    fn wire(&mut self, rdb: bool) -> Option<&mut Wire> {
        if rdb { self.side.as_mut().map(|(_, wire)| wire) } else { self.main.as_mut() }
    }

    pub(crate) fn wires(&mut self) -> impl Iterator<Item = &mut Wire> {
        self.main.iter_mut().chain(self.side.iter_mut().map(|(_, wire)| wire))
    }
}

fn load(
    load: &mut Option<RdbDecoder>,
    machine: &mut Replica,
    bytes: &[u8],
    now: Instant,
) -> Result<usize, Error> {
    let (taken, over) = load.as_mut().unwrap().feed(bytes);
    if over {
        machine.rdb_finished(taken, now);
    } else {
        machine.rdb_taken(taken, now)?;
    }
    Ok(taken)
}
