//! A primary and its replicas on virtual time, with wires that deliver in any pieces and break.

use std::time::{Duration, Instant};

use redwire_repl::{
    Decision, Framing, Primary, PrimaryConfig, PrimaryEvent, ReplconfReply, ReplicaId,
};
use redwire_resp::{Limits, Mode, RequestDecoder, encode_request};

use crate::SEGMENT;
use crate::disk::Disk;
use crate::node::Node;
use crate::shared::budget::Budget;
use crate::shared::data::{Data, encode};

/// How a wire hands over what was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire {
    Whole,
    /// Each byte by itself.
    Bytes,
    /// All up to this byte of each connection first, then the rest.
    Split(u64),
    /// As `Whole`, but breaks behind this byte of the first connection.
    CutAt(u64),
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) primary: Primary,
    pub(crate) data: Data,
    pub(crate) nodes: Vec<Node>,
    pub(crate) wire: Wire,
    /// What is written between the start of a snapshot and its end.
    pub(crate) write_in_sync: Option<Vec<u8>>,
    /// Nothing is delivered to anybody.
    pub(crate) frozen: bool,
    pub(crate) snapshots: usize,
    pub(crate) disk: Disk,
    budget: Budget,
    /// How often the primary was started.
    starts: u8,
    /// How many values were made.
    drawn: u64,
    next_id: u64,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    pub(crate) fn new(config: PrimaryConfig) -> World {
        World {
            now: Instant::now(),
            primary: primary(config, 0),
            data: Data::default(),
            nodes: Vec::new(),
            wire: Wire::Whole,
            write_in_sync: None,
            frozen: false,
            snapshots: 0,
            disk: Disk::default(),
            budget: Budget::new(SEGMENT, WRITE_MAX),
            starts: 0,
            drawn: 0,
            next_id: 0,
        }
    }

    pub(crate) fn with_replicas(config: PrimaryConfig, count: u64) -> World {
        let mut world = World::new(config);
        world.nodes = (0..count).map(|seed| Node::new(seed, world.now)).collect();
        world
    }

    /// A value of about this length that is unlike all others.
    pub(crate) fn value(&mut self, len: usize) -> Vec<u8> {
        self.drawn += 1;
        format!("{}:{}", self.drawn, "v".repeat(len)).into_bytes()
    }

    /// A client writes at the primary, if that can be done now: see [`World::may_write`].
    pub(crate) fn write(&mut self, db: u32, value: &[u8]) {
        if !self.may_write() {
            return;
        }
        let mut command = Vec::new();
        encode_request(&mut command, [b"SET", value]);
        self.data.run(db, &[b"SET", value]);
        self.primary.feed(db, &command);
        self.disk.commit(self.primary.offset(), self.data.writes.len());
        self.assert_budget();
    }

    /// Waits for the disk, as a server has clients wait while memory is full of what it has yet to
    /// take; false while that is stalled.
    fn may_write(&mut self) -> bool {
        while self.primary.backlog_is_full() && self.disk.work(&mut self.primary, self.now) {}
        !self.primary.backlog_is_full()
    }

    fn assert_budget(&mut self) {
        self.budget.assert_kept(&self.primary, "the primary");
    }

    pub(crate) fn transaction(&mut self, db: u32, values: &[&[u8]]) {
        if !self.may_write() {
            return;
        }
        self.primary.feed(db, &encode(&[b"MULTI"]));
        for value in values {
            self.data.run(db, &[b"SET", value]);
            self.primary.feed(db, &encode(&[b"SET", value]));
        }
        self.primary.feed(db, &encode(&[b"EXEC"]));
        self.disk.commit(self.primary.offset(), self.data.writes.len());
        self.assert_budget();
    }

    /// The primary ends as by kill -9 and is started again: it has what is on its disk.
    pub(crate) fn restart_primary(&mut self) {
        for index in 0..self.nodes.len() {
            self.break_link(index);
        }
        self.starts += 1;
        self.primary = primary(self.primary.config().clone(), self.starts);
        self.disk.stalled = false;
        if let Some((chain, writes)) = self.disk.recover() {
            self.data.writes.truncate(writes);
            self.disk.retain(&chain);
            self.primary.recover(&chain, 0, false, self.now);
        } else {
            self.disk.clear();
        }
    }

    /// The disk fails from now on, or is good again and tried again.
    pub(crate) fn fail_disk(&mut self, failing: bool) {
        self.disk.failing = failing;
        if !failing {
            self.primary.retry_store();
        }
    }

    /// The disk has no room from now on, or has some again and is tried again.
    pub(crate) fn fill_disk(&mut self, full: bool) {
        self.disk.full = full;
        if !full {
            self.primary.retry_store();
        }
    }

    /// A replica ends and is started again with what it had.
    pub(crate) fn restart_replica(&mut self, index: usize) {
        self.break_link(index);
        self.nodes[index].restart(self.now);
    }

    /// Lets `time` pass, and all that happens in it happen.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.pump();
            let timers = self.nodes.iter().filter_map(|node| node.replica.poll_timeout());
            let arrivals = self.nodes.iter().filter_map(|node| node.next_arrival(self.now));
            let next = timers.chain(self.primary.poll_timeout()).chain(arrivals).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            self.primary.handle_timeout(self.now);
            for node in &mut self.nodes {
                node.replica.handle_timeout(self.now);
            }
        }
        self.now = end;
        self.pump();
    }

    /// The connection ends for the replica; the primary hears nothing of that.
    pub(crate) fn lose_link(&mut self, index: usize) {
        self.nodes[index].disconnect(self.now);
    }

    /// Links have no end and no delay any more, and the disk works.
    pub(crate) fn mend(&mut self) {
        for node in &mut self.nodes {
            (node.delay, node.cut) = (Duration::ZERO, None);
        }
        self.disk.stalled = false;
        self.fail_disk(false);
        self.fill_disk(false);
    }

    /// `CONFIG SET repl-backlog-size`.
    pub(crate) fn resize(&mut self, backlog_size: u64) {
        let config = PrimaryConfig { backlog_size, ..self.primary.config().clone() };
        self.primary.set_config(config, self.now);
    }

    pub(crate) fn break_link(&mut self, index: usize) {
        if let Some(link) = self.nodes[index].disconnect(self.now) {
            self.primary.disconnected(link.id, self.now);
        }
    }

    /// All data sets are equal, and the replicas say so.
    pub(crate) fn assert_converged(&mut self) {
        let written = self.primary.offset();
        self.primary.request_acks();
        self.run(Duration::ZERO);
        assert_eq!(self.primary.acked_by(written), self.nodes.len());
        for node in &self.nodes {
            assert!(node.data == self.data, "a replica's data differ");
            assert_eq!(node.replica.history().unwrap().1, self.primary.offset());
        }
    }

    fn pump(&mut self) {
        loop {
            let mut moved = false;
            for index in 0..self.nodes.len() {
                moved |= self.connect(index);
                moved |= !self.frozen && self.serve(index);
            }
            self.snapshot();
            for link in self.nodes.iter().filter_map(|node| node.link.as_ref()) {
                self.primary.request(link.id);
            }
            moved |= self.disk.work(&mut self.primary, self.now);
            self.drain_primary();
            for index in 0..self.nodes.len() {
                moved |= !self.frozen && self.deliver(index);
            }
            self.assert_budget();
            if !moved {
                return;
            }
        }
    }

    fn connect(&mut self, index: usize) -> bool {
        let node = &mut self.nodes[index];
        if let Some(link) = node.poll_events(self.now) {
            self.primary.disconnected(link.id, self.now);
        }
        if !std::mem::take(&mut node.wants_connection) {
            return false;
        }
        self.next_id += 1;
        node.connect(ReplicaId(self.next_id), self.now);
        true
    }

    /// The primary's server reads and answers what a replica said.
    fn serve(&mut self, index: usize) -> bool {
        let node = &mut self.nodes[index];
        let Some(link) = &mut node.link else { return false };
        let mut said = Vec::new();
        if node.replica.poll_transmit(&mut said) {
            link.up.send(&said, self.now, node.delay);
            said.clear();
        }
        link.up.receive(link.up.arrived(self.now), &mut said);
        if said.is_empty() {
            return false;
        }
        let (id, delay) = (link.id, node.delay);
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        let mut at = 0;
        while at < said.len() {
            let decoded = decoder.decode(&said[at..]).unwrap();
            at += decoded.used;
            let Some(request) = decoded.request else {
                self.primary.handle_newline(id, self.now);
                break;
            };
            let args: Vec<&[u8]> = request.iter().collect();
            let reply = self.answer(id, &args);
            let link = self.nodes[index].link.as_mut().unwrap();
            link.down.send(&reply, self.now, delay);
        }
        true
    }

    fn answer(&mut self, id: ReplicaId, args: &[&[u8]]) -> Vec<u8> {
        match args[0].to_ascii_uppercase().as_slice() {
            b"PING" => b"+PONG\r\n".to_vec(),
            b"REPLCONF" => match self.primary.replconf(id, &args[1..], self.now) {
                ReplconfReply::Ok => b"+OK\r\n".to_vec(),
                ReplconfReply::Error(text) => format!("-{text}\r\n").into_bytes(),
                ReplconfReply::Silent => Vec::new(),
            },
            b"PSYNC" => match self.primary.psync(id, &args[1..], self.now) {
                Decision::Error(text) => format!("-{text}\r\n").into_bytes(),
                Decision::Continue { reply, .. } | Decision::RdbChannel { reply, .. } => {
                    reply.to_vec()
                }
                Decision::FullResync(_) | Decision::Ignored => Vec::new(),
                Decision::TakeOver => panic!("nobody hands over here"),
            },
            other => panic!("unexpected command {}", other.escape_ascii()),
        }
    }

    fn snapshot(&mut self) {
        let Some(request) = self.primary.poll_snapshot(self.now) else { return };
        self.snapshots += 1;
        let rdb = self.data.to_rdb();
        let info = self.primary.snapshot_started(self.now).unwrap();
        assert_eq!((info.offset, &info.replicas), (self.primary.offset(), &request.replicas));
        if let Some(value) = self.write_in_sync.clone() {
            self.write(1, &value);
        }
        let by_length = self.primary.snapshot_finished(rdb.len() as u64, self.now);
        assert_eq!(by_length.is_empty(), request.framing == Framing::Eof);
        self.drain_primary();
        for id in info.replicas {
            self.send(id, &rdb);
            self.primary.transfer_done(id, self.now);
        }
    }

    /// Puts what the primary has for its links on their wires.
    fn drain_primary(&mut self) {
        while let Some((id, bytes)) = self.primary.poll_transmit() {
            self.send(id, &bytes);
        }
        for node in &mut self.nodes {
            let Some(link) = &mut node.link else { continue };
            let (mut sent, now, delay) = (0, self.now, node.delay);
            for chunk in self.primary.stream(link.id) {
                link.down.send(chunk, now, delay);
                sent += chunk.len() as u64;
            }
            self.primary.sent(link.id, sent);
        }
        while let Some(event) = self.primary.poll_event() {
            let PrimaryEvent::Disconnect { id, .. } = event else { continue };
            let node = self.nodes.iter_mut().find(|node| node.is_linked_by(id));
            node.map(|node| node.disconnect(self.now));
            self.primary.disconnected(id, self.now);
        }
    }

    fn deliver(&mut self, index: usize) -> bool {
        let node = &mut self.nodes[index];
        let Some(link) = &node.link else { return false };
        let (sent, waiting) = (link.delivered, link.down.arrived(self.now) as u64);
        let waiting = waiting.min(node.cut.unwrap_or(u64::MAX));
        let n = match self.wire {
            Wire::Bytes => waiting.min(1),
            Wire::Split(at) | Wire::CutAt(at) if sent < at => waiting.min(at - sent),
            Wire::Whole | Wire::Split(_) => waiting,
            Wire::CutAt(_) => {
                self.wire = Wire::Whole;
                self.break_link(index);
                return true;
            }
        };
        if n == 0 {
            return false;
        }
        if let Err(error) = node.receive(n as usize, self.now) {
            panic!("replica {index} fails: {error}");
        }
        if let Some(left) = &mut node.cut {
            *left -= n;
            if *left == 0 {
                node.cut = None;
                self.break_link(index);
            }
        }
        true
    }

    /// Puts bytes on the wire of a link, if that is still there at the other end.
    fn send(&mut self, id: ReplicaId, bytes: &[u8]) {
        let now = self.now;
        if let Some(node) = self.nodes.iter_mut().find(|node| node.is_linked_by(id))
            && let Some(link) = &mut node.link
        {
            link.down.send(bytes, now, node.delay);
        }
    }
}

/// Longest write, with its transaction.
const WRITE_MAX: u64 = 3100;

/// A primary whose ids are those of no other start.
fn primary(config: PrimaryConfig, start: u8) -> Primary {
    let mut drawn = 0_u8;
    let entropy = move || {
        drawn = drawn.wrapping_add(1);
        let mut seed = [drawn; 20];
        seed[0] = start;
        seed
    };
    Primary::new(config, Box::new(entropy))
}
