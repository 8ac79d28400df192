//! [`Tail`]: the loop between the link and the output.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redwire::Address;
use redwire::follow::{Follower, Item, default_config};
use redwire::repl::{ReplicaConfig, ReplicaEvent, ReplicaPhase, TwoConnections};
use redwire_tools::Failure;

use crate::clock;
use crate::format::Writer;
use crate::output::Output;
use crate::progress::Progress;
use crate::resume::Checkpoint;
use crate::spool::Spool;

/// Silence that ends a connection; a master pings each ten seconds, and one that forks sends a
/// newline as often.
const SILENCE: Duration = Duration::from_secs(60);
/// How long anything is waited for before ACKs and signals are looked at.
const TURN: Duration = Duration::from_millis(100);
/// Bytes of one read.
const CHUNK: usize = 256 << 10;
/// Output that is gathered before it is handed on.
const BATCH: usize = 64 << 10;
/// How long the end may take to write what waits.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Follows a master and writes what comes.
pub(crate) struct Tail {
    address: Address,
    follower: Follower,
    writer: Writer,
    output: Output,
    progress: Progress,
    stop: Arc<AtomicBool>,
    /// End with the first snapshot.
    once: bool,
    out: Vec<u8>,
    done: bool,
}

/// A connection that stands: a thread reads from it.
struct Link {
    stream: TcpStream,
    spool: Arc<Spool>,
    unread: Vec<u8>,
}

impl Link {
    fn close(&self) {
        self.spool.close();
        // That it is closed already is as good.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Both connections of a full sync over two. What comes on that of the snapshot waits with the
/// master until it is taken; the stream beside it is spooled.
struct Links {
    main: Link,
    rdb: Option<Link>,
}

impl Tail {
    pub(crate) fn new(
        address: Address,
        writer: Writer,
        output: Output,
        progress: Progress,
        checkpoint: Option<Checkpoint>,
        once: bool,
    ) -> Result<Self, Failure> {
        let config = ReplicaConfig {
            masteruser: address.user.clone(),
            masterauth: address.password.clone(),
            // The thread that reads knows whether the master is silent; here it only seems so
            // while our output is stalled.
            timeout: Duration::from_secs(u32::MAX.into()),
            two_connections: TwoConnections::Always,
            ..default_config()
        };
        let mut follower = Follower::new(config, getrandom::u64().unwrap_or(7), clock::now());
        if let Some(checkpoint) = checkpoint {
            follower.resume_from(checkpoint.position);
        }
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, stop.clone()).map_err(Failure::io("signals"))?;
        }
        let (out, done) = (Vec::new(), false);
        Ok(Self { address, follower, writer, output, progress, stop, once, out, done })
    }

    /// Follows until a signal comes, or what was asked for is done.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        while !self.is_over() {
            self.follower.handle_timeout(clock::now());
            let mut connect = false;
            while let Some(event) = self.follower.poll_event() {
                connect |= matches!(event, ReplicaEvent::Connect);
            }
            if !connect {
                self.wait(self.follower.poll_timeout());
                continue;
            }
            let ended = match self.connect(Spool::default()) {
                Ok(main) => {
                    self.follower.handle_connected(clock::now());
                    self.serve(Links { main, rdb: None })?
                }
                Err(error) => Some(error.to_string()),
            };
            self.follower.handle_disconnected(clock::now());
            if let Some(reason) = ended {
                self.progress.say(&format!("{}: {reason}", self.address));
            }
        }
        self.output.finish(LAST_WORDS)
    }

    fn is_over(&self) -> bool {
        self.done || self.stop.load(Ordering::Relaxed) || self.output.is_broken()
    }

    fn wait(&self, until: Option<Instant>) {
        let left = until.map_or(TURN, |until| until.saturating_duration_since(clock::now()));
        std::thread::park_timeout(left.min(TURN));
    }

    fn connect(&self, spool: Spool) -> std::io::Result<Link> {
        let stream = TcpStream::connect((self.address.host.as_str(), self.address.port))?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_nodelay(true)?;
        let spool = Arc::new(spool);
        let (mut reading, into) = (stream.try_clone()?, spool.clone());
        #[expect(clippy::disallowed_methods, reason = "a tool, not a library")]
        std::thread::spawn(move || into.end(read_into(&mut reading, &into)));
        Ok(Link { stream, spool, unread: Vec::new() })
    }

    /// Serves a connection until it ends; answers why, unless we end it.
    fn serve(&mut self, mut links: Links) -> Result<Option<String>, Failure> {
        let result = loop {
            if self.is_over() {
                break Ok(None);
            }
            match self.turn(&mut links) {
                Ok(None) => {}
                ended => break ended,
            }
        };
        links.main.close();
        links.rdb.iter().for_each(Link::close);
        result
    }

    /// Takes what has come and writes what it is; answers why the connection cannot go on.
    fn turn(&mut self, links: &mut Links) -> Result<Option<String>, Failure> {
        self.follower.handle_timeout(clock::now());
        if let Err(error) = send(&mut self.follower, &mut links.main.stream) {
            return Ok(Some(error.to_string()));
        }
        // The stream waits where it is until the snapshot is taken.
        if !self.follower.keeps_stream() {
            let wait = if links.rdb.is_some() { Duration::ZERO } else { TURN };
            let ended = self.take(&mut links.main, None, wait)?;
            if ended.is_some() {
                return Ok(ended);
            }
        }
        if self.follower.poll_rdb_connect() {
            match self.connect(Spool::in_memory()) {
                Ok(link) => links.rdb = Some(link),
                Err(error) => return Ok(Some(error.to_string())),
            }
            self.follower.handle_rdb_connected(clock::now());
        }
        if let Some(mut rdb) = links.rdb.take() {
            let mut out = Vec::new();
            let sent =
                self.follower.poll_rdb_transmit(&mut out).then(|| rdb.stream.write_all(&out));
            let ended = match sent {
                Some(Err(error)) => Some(error.to_string()),
                _ => self.take(&mut rdb, Some(&mut links.main.stream), TURN)?,
            };
            if ended.is_none() && self.follower.has_rdb_link() {
                links.rdb = Some(rdb);
            } else {
                rdb.close();
            }
            if ended.is_some() {
                return Ok(ended);
            }
        }
        let status = self.follower.status(clock::now());
        if status.phase == ReplicaPhase::Sync {
            self.progress.show(status.sync_read, status.sync_total, self.writer.keys);
        }
        Ok(None)
    }

    /// Takes what has come on a connection: that of the snapshot if the link itself is named beside
    /// it.
    fn take(
        &mut self,
        link: &mut Link,
        mut main: Option<&mut TcpStream>,
        wait: Duration,
    ) -> Result<Option<String>, Failure> {
        let wait = if self.out.is_empty() { wait } else { Duration::ZERO };
        let ended = link.spool.take(&mut link.unread, CHUNK, wait);
        if let Some(reason) = ended.map_err(Failure::io("the spool file"))? {
            return Ok(Some(reason));
        }
        let mut at = 0;
        loop {
            let (unread, now) = (&link.unread[at..], clock::now());
            let progress = match main {
                None => self.follower.handle_input(unread, now),
                Some(_) => self.follower.handle_rdb_input(unread, now),
            };
            let progress = match progress {
                Ok(progress) => progress,
                Err(error) => return Ok(Some(error.to_string())),
            };
            let goes_on = progress.goes_on();
            at += progress.used;
            if let Some(item) = &progress.item {
                self.done |= self.once && matches!(item, Item::SnapshotEnd { .. });
                note(&mut self.progress, item);
                self.writer.take(&mut self.out, item);
            }
            if self.out.len() >= BATCH || (!goes_on && !self.out.is_empty()) || self.done {
                self.hand_on(main.as_deref_mut().unwrap_or(&mut link.stream));
            }
            // Half a transaction is not to be left in the output.
            if !goes_on || (self.is_over() && !self.follower.is_inside_transaction()) {
                break;
            }
        }
        link.unread.drain(..at);
        Ok(None)
    }

    /// Hands on what is gathered. While the output is stalled, the master hears from us.
    fn hand_on(&mut self, stream: &mut TcpStream) {
        let position = self.follower.position();
        let mut bytes = std::mem::take(&mut self.out);
        let mut stopped_at = None;
        while let Err(back) = self.output.push(bytes, position, TURN) {
            bytes = back;
            let now = clock::now();
            self.follower.handle_timeout(now);
            // A broken link shows at the next turn.
            let _ = send(&mut self.follower, stream);
            if self.stop.load(Ordering::Relaxed) {
                let since = *stopped_at.get_or_insert(now);
                if now.saturating_duration_since(since) >= LAST_WORDS {
                    return;
                }
            }
        }
    }
}

/// Says on standard error what an item means to people.
fn note(progress: &mut Progress, item: &Item<'_>) {
    match item {
        Item::SnapshotStart { history_gone: true, .. } => progress.say(
            "the master no longer has the history from where we stopped: what happened between \
             is not told, a new snapshot follows",
        ),
        Item::SnapshotEnd { position: Some(position) } => {
            progress.say(&format!("snapshot complete at offset {}", position.offset));
        }
        Item::Resumed { position } => {
            progress.say(&format!("going on at offset {}", position.offset));
        }
        _ => {}
    }
}

fn send(follower: &mut Follower, stream: &mut TcpStream) -> std::io::Result<()> {
    let mut out = Vec::new();
    if follower.poll_transmit(&mut out) { stream.write_all(&out) } else { Ok(()) }
}

/// Reads until the end of the link, and answers why it ended.
fn read_into(stream: &mut TcpStream, spool: &Spool) -> String {
    let mut buffer = vec![0; CHUNK];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return "the master closed the connection".into(),
            Ok(count) if !spool.push(&buffer[..count]) => return String::new(),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return format!("the master was silent for {} seconds", SILENCE.as_secs());
            }
            Err(error) => return error.to_string(),
        }
    }
}
