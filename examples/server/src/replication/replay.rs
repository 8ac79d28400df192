//! [`Replay`]: the stream that was kept on disk, run on the data of the file that was loaded.

use redwire_keyspace::{Keyspace, Session};
use redwire_repl::{Chain, Offset, ReplId};

use super::upstream::stream_decoder;
use crate::core::Core;
use crate::log::warning;
use crate::persist::Segments;

use redwire_resp::RequestDecoder;

/// The stream from the place of the loaded file on to its end on disk: what this node did between
/// its last save and its end.
#[derive(Debug)]
pub(crate) struct Replay {
    chain: Chain,
    /// The segment that comes next.
    next: usize,
    /// The place of the first byte of `unread`.
    at: Offset,
    unread: Vec<u8>,
    decoder: RequestDecoder,
    session: Session,
    /// The place behind the last command that was run, with its transaction.
    applied: Offset,
    db: u32,
    commands: u64,
}

/// What a replay came to.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The stream on disk, up to the last command that was run.
    pub(crate) chain: Chain,
    /// The database that it is in there.
    pub(crate) db: u32,
    /// How many commands that was.
    pub(crate) commands: u64,
}

impl Replay {
    /// The stream that goes on where a file was saved: in the stream `replid`, behind `offset`, in
    /// database `db`. `None` when the disk does not hold it.
    pub(crate) fn open(
        segments: &mut Segments,
        replid: ReplId,
        offset: Offset,
        db: u32,
    ) -> Option<Self> {
        let chain = Chain::find(segments.find(), replid, offset)?;
        let next = chain.segments().partition_point(|segment| segment.end <= offset);
        let mut session = Session::of_primary(0);
        session.db = db;
        Some(Self {
            chain,
            next,
            at: offset,
            unread: Vec::new(),
            decoder: stream_decoder(),
            session,
            applied: offset,
            db,
            commands: 0,
        })
    }

    /// Runs what the next segment holds; answers whether that was all.
    pub(crate) fn step(
        &mut self,
        segments: &Segments,
        core: &mut Core,
        keyspace: &mut Keyspace,
    ) -> bool {
        let Some(segment) = self.chain.segments().get(self.next).copied() else { return true };
        self.next += 1;
        // It may hold more than belongs to the stream, and begin before it.
        let from = self.at.checked_add(self.unread.len() as u64).unwrap_or(self.at);
        let skip = from.checked_since(segment.id.start);
        let wanted = segment.end.checked_since(from);
        let read = segments.read(segment.id, segment.file_len);
        let bytes = read.as_ref().ok().zip(skip.zip(wanted)).and_then(|(read, (skip, wanted))| {
            let skip = usize::try_from(skip).ok()?;
            read.payload().get(skip..skip.checked_add(usize::try_from(wanted).ok()?)?)
        });
        let Some(bytes) = bytes else {
            warning!("Segment {} can't be read again, the stream ends before it", segment.id);
            return true;
        };
        self.unread.extend_from_slice(bytes);
        self.run(core, keyspace) || self.next == self.chain.segments().len()
    }

    /// Runs the whole commands that were read; answers whether the stream ends among them.
    fn run(&mut self, core: &mut Core, keyspace: &mut Keyspace) -> bool {
        let unread = std::mem::take(&mut self.unread);
        let (mut used, mut reply, now) = (0, Vec::new(), core.unix_ms);
        let broken = loop {
            let decoded = match self.decoder.decode(&unread[used..]) {
                Ok(decoded) => decoded,
                Err(error) => {
                    warning!(
                        "The stream on disk is damaged behind {}: {error}",
                        self.applied.get()
                    );
                    break true;
                }
            };
            used += decoded.used;
            self.at = self.at.checked_add(decoded.used as u64).unwrap_or(self.at);
            let Some(request) = decoded.request else { break false };
            reply.clear();
            keyspace.execute(core, &mut self.session, request, now, &mut reply);
            self.commands += 1;
            if !self.session.in_transaction() {
                (self.applied, self.db) = (self.at, self.session.db);
            }
        };
        self.unread.extend_from_slice(&unread[used..]);
        // Nobody listens yet, and nobody is there to answer.
        keyspace.events().take();
        core.ack_requested = false;
        broken
    }

    /// What came of it. A command, or transaction, that was torn off is none.
    pub(crate) fn finish(mut self) -> Replayed {
        self.chain.cut(self.applied);
        Replayed { chain: self.chain, db: self.db, commands: self.commands }
    }
}
