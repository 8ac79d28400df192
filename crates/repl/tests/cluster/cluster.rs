//! Nodes that follow each other on virtual time.

use std::time::{Duration, Instant};

use redwire_repl::{
    Decision, Primary, PrimaryConfig, PrimaryEvent, ReplconfReply, Replica, ReplicaConfig,
    ReplicaId,
};
use redwire_resp::{Limits, Mode, RequestDecoder};

use crate::node::{Kind, Node, Outcome, Up, Wire};
use crate::shared::data::encode;
use crate::shared::pipe::Pipe;

pub(crate) struct Cluster {
    pub(crate) now: Instant,
    pub(crate) nodes: Vec<Node>,
    /// Most bytes that a wire hands over at a time.
    pub(crate) chunk: usize,
    pub(crate) continued: usize,
    pub(crate) channels: usize,
    next_id: u64,
    written: u64,
}

impl Cluster {
    #[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
    pub(crate) fn new(kinds: &[Kind]) -> Cluster {
        let node = |(index, kind): (usize, &Kind)| Node::new(index as u8, *kind);
        Cluster {
            now: Instant::now(),
            nodes: kinds.iter().enumerate().map(node).collect(),
            chunk: usize::MAX,
            continued: 0,
            channels: 0,
            next_id: 0,
            written: 0,
        }
    }

    /// A client writes at the node that this one has its data from: each value is unlike all others.
    pub(crate) fn write(&mut self, index: usize, db: u32, lens: &[usize]) {
        let Some(top) = self.top(index) else { return };
        let node = &mut self.nodes[top];
        // A client's write waits for the disk: here it is not done.
        if node.primary.backlog_is_full() {
            return;
        }
        let transaction = lens.len() > 1;
        let mut commands = if transaction { encode(&[b"MULTI"]) } else { Vec::new() };
        for len in lens {
            self.written += 1;
            let value = format!("{}:{}", self.written, "v".repeat(*len)).into_bytes();
            node.data.run(db, &[b"SET", &value]);
            commands.extend(encode(&[b"SET", &value]));
        }
        if transaction {
            commands.extend(encode(&[b"EXEC"]));
        }
        node.primary.feed(db, &commands);
    }

    /// The node that a node has its data from; none of two that are in the midst of a failover.
    pub(crate) fn top(&self, index: usize) -> Option<usize> {
        let mut at = index;
        for _ in 0..=self.nodes.len() {
            match &self.nodes[at].up {
                Some(up) => at = up.target,
                None => return Some(at),
            }
        }
        None
    }

    /// A node ends as by kill -9, or by a loss of power, and starts again.
    pub(crate) fn restart(&mut self, index: usize, power: Option<u64>) {
        self.break_link(index);
        for other in 0..self.nodes.len() {
            if self.nodes[other].up.as_ref().is_some_and(|up| up.target == index) {
                self.break_link(other);
            }
        }
        if let Some(seed) = power {
            self.nodes[index].disk.lose_power(seed);
        }
        self.nodes[index].restart(self.now);
    }

    pub(crate) fn fail_disk(&mut self, index: usize, failing: bool) {
        self.nodes[index].disk.failing = failing;
        if !failing {
            self.nodes[index].primary.retry_store();
        }
    }

    pub(crate) fn configure(&mut self, index: usize, change: impl FnOnce(&mut PrimaryConfig)) {
        self.nodes[index].configure(change, self.now);
    }

    pub(crate) fn fill_disk(&mut self, index: usize, full: bool) {
        self.nodes[index].disk.full = full;
        if !full {
            self.nodes[index].primary.retry_store();
        }
    }

    /// Nodes read and their disks work, and their connections have no end and no delay.
    pub(crate) fn mend(&mut self) {
        for index in 0..self.nodes.len() {
            let node = &mut self.nodes[index];
            (node.stalled, node.disk.stalled) = (false, false);
            (node.delay, node.cut) = (Duration::ZERO, None);
            self.fail_disk(index, false);
            self.fill_disk(index, false);
        }
    }

    pub(crate) fn assert_budgets(&mut self) {
        self.nodes.iter_mut().for_each(Node::assert_budget);
    }

    /// `REPLICAOF`, unless that would close a circle.
    pub(crate) fn follow(&mut self, index: usize, target: usize) {
        let mut at = Some(target);
        // Two that are in the midst of a failover follow each other.
        for _ in 0..=self.nodes.len() {
            let Some(node) = at.filter(|node| *node != index) else { break };
            at = self.nodes[node].up.as_ref().map(|up| up.target);
        }
        if at.is_some() {
            return;
        }
        self.leave(index);
        self.nodes[index].follow(target, self.now);
    }

    /// `REPLICAOF NO ONE`.
    pub(crate) fn promote(&mut self, index: usize) {
        if self.nodes[index].up.is_some() {
            self.leave(index);
            self.nodes[index].primary.promote(self.now);
        }
    }

    fn leave(&mut self, index: usize) {
        self.break_link(index);
        self.nodes[index].up = None;
    }

    /// `FAILOVER` of the node that this one has its data from to a replica of its own, if that can be
    /// level.
    pub(crate) fn fail_over(&mut self, index: usize) {
        let Some(index) = self.top(index) else { return };
        let follows = |node: &Node| node.up.as_ref().is_some_and(|up| up.target == index);
        let Some(target) = self.nodes.iter().position(follows) else { return };
        self.nodes[index].primary.hold_stream(true);
        self.run(Duration::from_millis(100));
        let node = &self.nodes[index];
        let place = (node.primary.history().replid(), node.primary.offset());
        let other = self.nodes[target].up.as_ref();
        let level = other.is_some_and(|up| up.is_up() && up.machine.history() == Some(place));
        if level {
            self.nodes[index].follow(target, self.now);
            self.nodes[index].up.iter_mut().for_each(|up| up.machine.hand_over(true));
        }
        self.nodes[index].primary.hold_stream(false);
    }

    pub(crate) fn break_link(&mut self, index: usize) {
        let closed = self.nodes[index].disconnect(self.now);
        self.closed(index, closed);
    }

    /// The connections end for the node; the one that it follows hears nothing of that.
    pub(crate) fn lose_link(&mut self, index: usize) {
        self.nodes[index].disconnect(self.now);
    }

    /// One of the connections breaks: the node sees that of the RDB only when it reads.
    pub(crate) fn break_side(&mut self, index: usize) {
        let side = self.nodes[index].up.as_mut().and_then(|up| up.side.as_ref());
        if side.is_some() {
            self.break_link(index);
        }
    }

    /// Lets `time` pass, and all that happens in it happen.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.pump();
            let now = self.now;
            let next = self.nodes.iter_mut().filter_map(|node| next_event(node, now)).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            for node in &mut self.nodes {
                node.primary.handle_timeout(self.now);
                let Some(up) = &mut node.up else { continue };
                up.machine.handle_timeout(self.now);
                up.side.iter_mut().for_each(|(machine, _)| machine.handle_timeout(self.now));
            }
        }
        self.now = end;
        self.pump();
    }

    /// Every node has what the node has that it follows, which knows it.
    pub(crate) fn assert_converged(&mut self) {
        for index in 0..self.nodes.len() {
            let root = self.top(index).expect("failovers are over");
            let (node, root) = (&self.nodes[index], &self.nodes[root]);
            assert!(node.data == root.data, "node {index} differs: {:?}", self.shape());
            if let Some(up) = &node.up {
                assert!(up.is_up(), "node {index} is not linked: {:?}", self.shape());
                let place = (root.primary.history().replid(), root.primary.offset());
                assert_eq!(up.machine.history(), Some(place));
                assert_eq!(node.primary.offset(), place.1);
            }
        }
    }

    fn shape(&self) -> Vec<Option<(usize, redwire_repl::ReplicaPhase)>> {
        let up = |node: &Node| node.up.as_ref().map(|up| (up.target, up.machine.phase()));
        self.nodes.iter().map(up).collect()
    }

    fn pump(&mut self) {
        for turn in 0.. {
            assert!(turn < 200_000, "no end of it: {:?}", self.shape());
            let mut moved = false;
            for index in 0..self.nodes.len() {
                self.nodes[index].set_source();
                moved |= self.connect(index);
                moved |= self.serve(index);
                moved |= self.deliver(index, false) | self.deliver(index, true);
                let writable = self.writable(index);
                moved |= self.nodes[index].work(&writable, self.now);
                moved |= self.drive(index);
            }
            self.assert_budgets();
            if !moved {
                return;
            }
        }
    }

    fn connect(&mut self, index: usize) -> bool {
        let closed = self.nodes[index].poll_events(self.now);
        self.closed(index, closed);
        let now = self.now;
        let Some(up) = &mut self.nodes[index].up else { return false };
        let mut moved = false;
        if std::mem::take(&mut up.wants_connection) {
            self.next_id += 1;
            up.main = Some(Wire::new(ReplicaId(self.next_id)));
            up.machine.handle_connected(now);
            moved = true;
        }
        if let Some(channel) = up.wants_side.take() {
            self.next_id += 1;
            self.channels += 1;
            let rdb_channel = Some(channel);
            let config = ReplicaConfig { rdb_channel, ..ReplicaConfig::default() };
            let mut machine = Replica::new(config, 0, now);
            machine.handle_timeout(now);
            while machine.poll_event().is_some() {}
            machine.handle_connected(now);
            up.side = Some((machine, Wire::new(ReplicaId(self.next_id))));
            moved = true;
        }
        moved
    }

    /// What the node says is answered by the one that it follows.
    fn serve(&mut self, index: usize) -> bool {
        let (now, delay) = (self.now, self.nodes[index].delay);
        let Some(up) = &mut self.nodes[index].up else { return false };
        let target = up.target;
        let mut out = Vec::new();
        if let Some(wire) = &mut up.main
            && up.machine.poll_transmit(&mut out)
        {
            wire.up.send(&out, now, delay);
            out.clear();
        }
        if let Some((machine, wire)) = &mut up.side
            && machine.poll_transmit(&mut out)
        {
            wire.up.send(&out, now, delay);
        }
        let mut all = Vec::new();
        for wire in up.wires() {
            let mut said = Vec::new();
            wire.up.receive(wire.up.arrived(now), &mut said);
            if !said.is_empty() {
                all.push((wire.id, said));
            }
        }
        let moved = !all.is_empty();
        for (id, said) in all {
            let reply = self.answer_all(target, id, &said);
            self.send(id, &reply);
        }
        moved
    }

    fn answer_all(&mut self, target: usize, id: ReplicaId, said: &[u8]) -> Vec<u8> {
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        let (mut at, mut replies) = (0, Vec::new());
        while at < said.len() {
            let decoded = decoder.decode(&said[at..]).unwrap();
            at += decoded.used;
            let Some(request) = decoded.request else {
                self.nodes[target].primary.handle_newline(id, self.now);
                break;
            };
            let args: Vec<&[u8]> = request.iter().collect();
            replies.extend(self.answer(target, id, &args));
        }
        replies
    }

    fn answer(&mut self, target: usize, id: ReplicaId, args: &[&[u8]]) -> Vec<u8> {
        let now = self.now;
        let primary = &mut self.nodes[target].primary;
        let decision = match args[0].to_ascii_uppercase().as_slice() {
            b"PING" => return b"+PONG\r\n".to_vec(),
            b"CONFIG" => return setting(primary, args[2]),
            b"REPLCONF" => {
                return match primary.replconf(id, &args[1..], now) {
                    ReplconfReply::Ok => b"+OK\r\n".to_vec(),
                    ReplconfReply::Error(text) => format!("-{text}\r\n").into_bytes(),
                    ReplconfReply::Silent => Vec::new(),
                };
            }
            b"SYNC" => primary.sync(id, now),
            b"PSYNC" => match primary.psync(id, &args[1..], now) {
                Decision::TakeOver => {
                    self.promote(target);
                    self.nodes[target].primary.psync(id, &args[1..3], now)
                }
                decision => decision,
            },
            other => panic!("unexpected command {}", other.escape_ascii()),
        };
        match decision {
            Decision::Continue { reply, .. } | Decision::RdbChannel { reply, .. } => reply.to_vec(),
            Decision::Error(text) => format!("-{text}\r\n").into_bytes(),
            Decision::FullResync(_) | Decision::Ignored => Vec::new(),
            Decision::TakeOver => panic!("it has taken over"),
        }
    }

    fn deliver(&mut self, index: usize, rdb: bool) -> bool {
        let (chunk, cut) = (self.chunk, self.nodes[index].cut);
        let Some(up) = &mut self.nodes[index].up else { return false };
        let wire = if rdb { up.side.as_mut().map(|(_, it)| it) } else { up.main.as_mut() };
        let Some(wire) = wire else { return false };
        let target = up.target;
        let n = wire.down.arrived(self.now).min(chunk).min(cut.unwrap_or(usize::MAX));
        let closing = wire.closing && wire.down.is_empty();
        let node = &mut self.nodes[index];
        if (n == 0 && !closing) || (!rdb && !node.may_read()) {
            return false;
        }
        node.cut = cut.map(|left| left - n).filter(|left| *left > 0);
        let breaks = cut.is_some() && node.cut.is_none();
        match self.nodes[index].receive(n, rdb, self.now) {
            None => {}
            Some(Outcome::Closed(ids)) => self.closed_at(target, ids),
            Some(Outcome::Continued) => {
                self.continued += 1;
                let (node, other) = (&self.nodes[index], &self.nodes[target]);
                assert!(
                    other.data.writes.starts_with(&node.data.writes),
                    "node {index} goes on with another history than that of {target}"
                );
            }
            Some(Outcome::Refused) => self.refused(index, target),
        }
        if breaks {
            self.break_link(index);
        }
        true
    }

    /// The other node does not take over: it has already, or never will.
    fn refused(&mut self, index: usize, target: usize) {
        self.break_link(index);
        let circle = self.nodes[target].up.as_ref().is_some_and(|up| up.target == index);
        if circle {
            self.promote(index);
        } else if let Some(up) = &mut self.nodes[index].up {
            up.machine.hand_over(false);
        }
    }

    /// Does what the machine of the node's replicas wants.
    fn drive(&mut self, index: usize) -> bool {
        let now = self.now;
        let mut moved = false;
        let node = &mut self.nodes[index];
        if node.primary.poll_snapshot(now).is_some()
            && let Some(info) = node.primary.snapshot_started(now)
        {
            moved = true;
            let mut data = node.data.clone();
            data.writes.insert(0, (info.stream_db, Vec::new()));
            let rdb = data.to_rdb();
            node.primary.snapshot_finished(rdb.len() as u64, now);
            self.transmit(index);
            for id in info.replicas {
                self.send(id, &rdb);
                self.nodes[index].primary.transfer_done(id, now);
            }
        }
        moved | self.transmit(index)
    }

    fn transmit(&mut self, index: usize) -> bool {
        let mut moved = false;
        while let Some((id, bytes)) = self.nodes[index].primary.poll_transmit() {
            moved = true;
            self.send(id, &bytes);
        }
        let ids = self.writable(index);
        for id in ids {
            let bytes = self.nodes[index].primary.stream(id).collect::<Vec<_>>().concat();
            self.nodes[index].primary.sent(id, bytes.len() as u64);
            moved |= !bytes.is_empty();
            self.send(id, &bytes);
        }
        while let Some(event) = self.nodes[index].primary.poll_event() {
            if let PrimaryEvent::Disconnect { id, flush, .. } = event {
                moved = true;
                self.hang_up(index, id, flush);
            }
        }
        moved
    }

    /// The connections to a node whose other ends read.
    fn writable(&mut self, index: usize) -> Vec<ReplicaId> {
        let reading = self.nodes.iter_mut().filter(|node| !node.stalled);
        let ups = reading.filter_map(|node| node.up.as_mut());
        ups.filter(|up| up.target == index).flat_map(Up::wires).map(|wire| wire.id).collect()
    }

    /// The node closes the connection of a replica.
    fn hang_up(&mut self, index: usize, id: ReplicaId, flush: bool) {
        self.nodes[index].primary.disconnected(id, self.now);
        self.with_wire(id, |wire, _| {
            wire.closing = true;
            if !flush {
                wire.down = Pipe::default();
            }
        });
    }

    /// Puts bytes on the wire of a connection, if that is still there at the other end.
    fn send(&mut self, id: ReplicaId, bytes: &[u8]) {
        let now = self.now;
        self.with_wire(id, |wire, delay| wire.down.send(bytes, now, delay));
    }

    fn with_wire(&mut self, id: ReplicaId, with: impl FnOnce(&mut Wire, Duration)) {
        for node in &mut self.nodes {
            let delay = node.delay;
            let wires = node.up.iter_mut().flat_map(Up::wires);
            if let Some(wire) = wires.into_iter().find(|wire| wire.id == id) {
                return with(wire, delay);
            }
        }
    }

    fn closed(&mut self, index: usize, ids: Vec<ReplicaId>) {
        if let Some(target) = self.nodes[index].up.as_ref().map(|up| up.target) {
            self.closed_at(target, ids);
        }
    }

    fn closed_at(&mut self, target: usize, ids: Vec<ReplicaId>) {
        for id in ids {
            self.nodes[target].primary.disconnected(id, self.now);
        }
    }
}

/// When a timer of the node's goes off, or bytes arrive at either end of its connections.
fn next_event(node: &mut Node, now: Instant) -> Option<Instant> {
    let up = node.up.as_ref();
    let main = up.and_then(|up| up.machine.poll_timeout());
    let side = up.and_then(|up| up.side.as_ref()).and_then(|(machine, _)| machine.poll_timeout());
    let wires = node.up.iter_mut().flat_map(Up::wires);
    let arrivals = wires.flat_map(|wire| [&wire.up, &wire.down].map(|it| it.next_arrival(now)));
    let next = arrivals.flatten().min();
    [main, side, next, node.primary.poll_timeout()].into_iter().flatten().min()
}

/// `CONFIG GET`, for a replica that wants to know whether it is offered two connections.
fn setting(primary: &Primary, name: &[u8]) -> Vec<u8> {
    let value = match name {
        b"repl-rdb-channel" if !primary.config().two_connections => &b"no"[..],
        b"repl-rdb-channel" | b"repl-diskless-sync" => b"yes",
        _ => return b"*0\r\n".to_vec(),
    };
    encode(&[name, value])
}
