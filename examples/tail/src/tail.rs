//! [`Tail`]: the loop between the master and the output.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redwire::blocking::Follow;
use redwire::follow::Item;
use redwire::repl::{self, ReplicaPhase};
use redwire::{Address, SpoolLimits};
use redwire_tools::Failure;

use crate::clock;
use crate::format::Writer;
use crate::output::Output;
use crate::progress::Progress;
use crate::resume::Checkpoint;

/// How long anything is waited for before signals are looked at.
const TURN: Duration = Duration::from_millis(100);
/// Output that is gathered before it is handed on.
const BATCH: usize = 64 << 10;
/// Time between two words on what is wrong with the spool: it comes and goes with what waits.
const QUIET: Duration = Duration::from_secs(60);
/// How long the end may take to write what waits.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Follows a master and writes what comes.
pub(crate) struct Tail {
    address: Address,
    follow: Follow,
    writer: Writer,
    output: Output,
    progress: Progress,
    stop: Arc<AtomicBool>,
    /// End with the first snapshot.
    once: bool,
    out: Vec<u8>,
    done: bool,
    /// When it was said last what is wrong with the spool.
    told: Option<Instant>,
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
        let mut follow = Follow::new(address.clone());
        if let Some(checkpoint) = checkpoint {
            follow.resume_from(checkpoint.position);
        }
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::flag::register(signal, stop.clone()).map_err(Failure::io("signals"))?;
        }
        let (out, done, told) = (Vec::new(), false, None);
        Ok(Self { address, follow, writer, output, progress, stop, once, out, done, told })
    }

    /// What of the master's stream is kept here, and where.
    pub(crate) fn spool(mut self, limits: SpoolLimits) -> Result<Self, Failure> {
        if let Some(folder) = &limits.folder {
            // Better now than when it is needed.
            tempfile::tempfile_in(folder).map_err(Failure::io(folder.display().to_string()))?;
        }
        self.follow.set_spool(limits);
        Ok(self)
    }

    /// Follows until a signal comes, or what was asked for is done.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        // Half a transaction is not to be left in the output.
        while !self.is_over() || self.follow.is_inside_transaction() {
            // What is gathered is handed on before more is waited for.
            let limit = if self.out.is_empty() { TURN } else { Duration::ZERO };
            match self.take(limit) {
                Ok(true) if self.out.len() < BATCH && !self.done => {}
                Ok(_) => self.hand_on(),
                Err(error) => {
                    self.hand_on();
                    let shown = self.address.to_string();
                    if self.once && is_refusal(&error) {
                        return Err(Failure::io(shown)(error));
                    }
                    self.progress.say(&format!("{shown}: {error}; connecting again"));
                }
            }
        }
        self.output.finish(LAST_WORDS)
    }

    fn is_over(&self) -> bool {
        self.done || self.stop.load(Ordering::Relaxed) || self.output.is_broken()
    }

    /// Takes an item, if one comes within `limit`.
    fn take(&mut self, limit: Duration) -> std::io::Result<bool> {
        let Self { follow, writer, progress, out, done, once, .. } = self;
        let taken = follow.next_within(limit, |item| {
            *done |= *once && matches!(item, Item::SnapshotEnd { .. });
            note(progress, &item);
            writer.take(out, &item);
        })?;
        Ok(taken.is_some())
    }

    /// Hands on what is gathered, however long the output is stalled: meanwhile the master is read and
    /// answered.
    fn hand_on(&mut self) {
        self.look_around();
        if self.out.is_empty() {
            return;
        }
        let position = self.follow.position();
        let mut bytes = std::mem::take(&mut self.out);
        let mut stopped_at = None;
        while let Err(back) = self.output.push(bytes, position, TURN) {
            bytes = back;
            self.look_around();
            if self.stop.load(Ordering::Relaxed) {
                let now = clock::now();
                let since = *stopped_at.get_or_insert(now);
                if now.saturating_duration_since(since) >= LAST_WORDS {
                    return;
                }
            }
        }
    }

    /// Says how far a snapshot is, and what is wrong with the spool.
    fn look_around(&mut self) {
        let status = self.follow.status();
        if status.phase == ReplicaPhase::Sync {
            self.progress.show(status.sync_read, status.sync_total, self.writer.keys);
        }
        let now = clock::now();
        let recently = |told: Instant| now.saturating_duration_since(told) < QUIET;
        if let Some(trouble) = self.follow.spool().trouble
            && !self.told.is_some_and(recently)
        {
            self.told = Some(now);
            let text = format!("{trouble}; what more comes waits with the master");
            self.progress.say(&text);
        }
    }
}

/// Whether the master does not know us, or does not let us: that seldom mends itself.
fn is_refusal(error: &std::io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<repl::Error>());
    let Some(repl::Error::Refused { step, reply }) = error else { return false };
    *step == "AUTH" || reply.starts_with("NOAUTH") || reply.starts_with("NOPERM")
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
