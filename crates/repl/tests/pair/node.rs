//! A replica with its data set, and its end of the wire.

use std::time::{Duration, Instant};

use redwire_repl::{Error, Replica, ReplicaConfig, ReplicaEvent, ReplicaId, Step};
use redwire_resp::{Limits, Mode, RequestDecoder};

use crate::shared::data::{Data, RdbDecoder};
use crate::shared::pipe::Pipe;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) replica: Replica,
    pub(crate) data: Data,
    pub(crate) link: Option<Link>,
    pub(crate) wants_connection: bool,
    pub(crate) full_syncs: usize,
    pub(crate) loads: usize,
    pub(crate) continues: usize,
    pub(crate) errors: Vec<Error>,
    /// How long bytes are on their way, in either direction.
    pub(crate) delay: Duration,
    /// The connection, or the next one, breaks behind so many more bytes, at least one.
    pub(crate) cut: Option<u64>,
    db: u32,
    transaction: Option<Vec<Vec<Vec<u8>>>>,
    load: Option<RdbDecoder>,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: ReplicaId,
    pub(crate) up: Pipe,
    pub(crate) down: Pipe,
    pub(crate) delivered: u64,
    unread: Vec<u8>,
}

impl Node {
    pub(crate) fn new(seed: u64, now: Instant) -> Node {
        Node {
            replica: Replica::new(ReplicaConfig::default(), seed, now),
            data: Data::default(),
            link: None,
            wants_connection: false,
            full_syncs: 0,
            loads: 0,
            continues: 0,
            errors: Vec::new(),
            delay: Duration::ZERO,
            cut: None,
            db: 0,
            transaction: None,
            load: None,
        }
    }

    pub(crate) fn is_linked_by(&self, id: ReplicaId) -> bool {
        self.link.as_ref().is_some_and(|link| link.id == id)
    }

    /// When bytes on their way arrive, at either end.
    pub(crate) fn next_arrival(&self, now: Instant) -> Option<Instant> {
        let link = self.link.as_ref()?;
        [&link.up, &link.down].into_iter().filter_map(|pipe| pipe.next_arrival(now)).min()
    }

    pub(crate) fn connect(&mut self, id: ReplicaId, now: Instant) {
        let (up, down) = (Pipe::default(), Pipe::default());
        self.link = Some(Link { id, up, down, delivered: 0, unread: Vec::new() });
        self.replica.handle_connected(now);
    }

    pub(crate) fn disconnect(&mut self, now: Instant) -> Option<Link> {
        let link = self.link.take()?;
        self.transaction = None;
        self.load = None;
        self.replica.handle_disconnected(now);
        Some(link)
    }

    /// The process ends and begins again, with its data and its place in the stream.
    pub(crate) fn restart(&mut self, now: Instant) {
        let history = self.replica.history();
        self.replica = Replica::new(ReplicaConfig::default(), 1, now);
        if let Some((replid, offset)) = history {
            self.replica.resume_from(replid, offset);
        }
        self.wants_connection = false;
    }

    /// Does what the machine wants; the link that it gave up, if it did.
    pub(crate) fn poll_events(&mut self, now: Instant) -> Option<Link> {
        let mut given_up = None;
        while let Some(event) = self.replica.poll_event() {
            match event {
                ReplicaEvent::Connect => self.wants_connection = true,
                ReplicaEvent::Disconnect { reason } => {
                    self.errors.push(reason);
                    given_up = self.disconnect(now);
                }
                _ => {}
            }
        }
        given_up
    }

    /// The next `n` bytes of the wire arrive.
    pub(crate) fn receive(&mut self, n: usize, now: Instant) -> Result<(), Error> {
        let Some(mut link) = self.link.take() else { return Ok(()) };
        link.down.receive(n, &mut link.unread);
        link.delivered += n as u64;
        let mut at = 0;
        let result = loop {
            match self.step(&link.unread[at..], now) {
                Ok(Some(used)) => at += used,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        link.unread.drain(..at);
        self.link = Some(link);
        result
    }

    fn step(&mut self, unread: &[u8], now: Instant) -> Result<Option<usize>, Error> {
        let progress = self.replica.handle_input(unread, now)?;
        match progress.step {
            None => return Ok(None),
            Some(Step::Handshake | Step::RdbChannel(_)) => {}
            Some(Step::FullResync { .. }) => self.full_syncs += 1,
            Some(Step::Continue { .. }) => self.continues += 1,
            Some(Step::RdbStart { .. }) => self.load = Some(RdbDecoder::default()),
            Some(Step::Rdb(bytes)) => return self.load(bytes, now),
            Some(Step::Loaded { .. }) => {
                self.loads += 1;
                self.data = self.load.take().unwrap().data;
                self.db = 0;
            }
            Some(Step::Stream(bytes)) => return Ok(self.apply(bytes, now)),
        }
        Ok(Some(progress.used))
    }

    fn load(&mut self, bytes: &[u8], now: Instant) -> Result<Option<usize>, Error> {
        let (taken, over) = self.load.as_mut().unwrap().feed(bytes);
        if over {
            self.replica.rdb_finished(taken, now);
        } else {
            self.replica.rdb_taken(taken, now)?;
        }
        Ok((taken > 0 || over).then_some(taken))
    }

    fn apply(&mut self, bytes: &[u8], now: Instant) -> Option<usize> {
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        let decoded = decoder.decode(bytes).unwrap();
        let request = decoded.request?;
        let args: Vec<&[u8]> = request.iter().collect();
        match (args[0].to_ascii_uppercase().as_slice(), &mut self.transaction) {
            (b"MULTI", None) => self.transaction = Some(Vec::new()),
            (b"EXEC", Some(_)) => {
                for args in self.transaction.take().unwrap() {
                    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
                    self.execute(&args, now);
                }
            }
            (_, Some(queue)) => queue.push(args.iter().map(|arg| arg.to_vec()).collect()),
            (_, None) => self.execute(&args, now),
        }
        if self.transaction.is_some() {
            self.replica.queued(decoded.used, now);
        } else {
            self.replica.applied(decoded.used, now);
        }
        Some(decoded.used)
    }

    fn execute(&mut self, args: &[&[u8]], now: Instant) {
        match args[0].to_ascii_uppercase().as_slice() {
            b"SELECT" => self.db = std::str::from_utf8(args[1]).unwrap().parse().unwrap(),
            b"PING" => {}
            b"REPLCONF" => self.replica.ack_now(now),
            _ => self.data.run(self.db, args),
        }
    }
}
