//! [`Outgoings`]: snapshots on their way to replicas.
//!
//! The bytes of a snapshot go from the transfer or file to the socket, a chunk at a time, past the
//! connection's output buffer: as in Redis they are no output, so that no limit of it, however small,
//! is reached by a data set or a large value. What the limits judge meanwhile is the stream that is
//! kept for the link.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use crate::core::Core;
use crate::net::{Client, ClientId};
use crate::persist::{Chunk, Disk, DiskFile, Pending, Transfer};

/// Bytes that are read from a file at a time.
const FILE_CHUNK: usize = 256 << 10;

/// A transfer tells the speed of a link if it takes so long, and is so large, at least.
const MEASURED: (Duration, u64) = (Duration::from_millis(100), 4 << 20);

/// A snapshot on its way to one replica.
#[derive(Debug)]
pub(crate) struct Outgoing {
    source: Source,
    /// What is unsent of the chunk that was taken from the source last.
    chunk: Bytes,
    /// The chunk behind it, if it is on disk: it is read while that one is sent.
    ahead: Option<Pending>,
    /// When the first bytes went out, and how many have.
    began: Option<Instant>,
    sent: u64,
}

#[derive(Debug)]
enum Source {
    /// As it is made; `next` is the chunk that comes next.
    Transfer { transfer: Transfer, next: usize },
    /// From a file that is whole, read up to `offset`.
    File { file: Arc<DiskFile>, disk: Disk, offset: u64, len: u64 },
}

/// How a turn of a link with its snapshot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// There is none for it, or its socket took nothing.
    Nothing,
    /// What there was of it, or as much as the socket took.
    Some,
    /// That was the end of it.
    All,
}

/// Why a link with a snapshot is of no use any more.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The snapshot cannot be read back from disk.
    Unreadable(io::Error),
    /// The socket is broken.
    Socket(io::Error),
}

/// The snapshots on their way, by connection.
#[derive(Debug, Default)]
pub(crate) struct Outgoings {
    links: HashMap<ClientId, Outgoing>,
    link_rate: Option<u64>,
}

impl Outgoings {
    pub(crate) fn insert(&mut self, id: ClientId, outgoing: Outgoing) {
        self.links.insert(id, outgoing);
    }

    /// Bytes that a link took in a second, the last time that it took many.
    pub(crate) fn link_rate(&self) -> Option<u64> {
        self.link_rate
    }

    pub(crate) fn remove(&mut self, id: ClientId) {
        let source = self.links.remove(&id).map(|outgoing| outgoing.source);
        if let Some(Source::Transfer { transfer, .. }) = source {
            self.release(&transfer);
        }
    }

    /// The connections that are being sent a snapshot.
    pub(crate) fn ids(&self) -> Vec<ClientId> {
        self.links.keys().copied().collect()
    }

    /// Bytes of them that are kept in memory for their replicas.
    pub(crate) fn in_memory(&self) -> u64 {
        let mut transfers: Vec<&Transfer> = Vec::new();
        let mut sum = 0;
        for outgoing in self.links.values() {
            sum += outgoing.chunk.len() + outgoing.ahead.as_ref().map_or(0, Pending::len);
            if let Source::Transfer { transfer, .. } = &outgoing.source
                && !transfers.iter().any(|known| known.is_same(transfer))
            {
                sum += transfer.in_memory();
                transfers.push(transfer);
            }
        }
        sum as u64
    }

    /// Sends what `client` takes of its snapshot now, if it has one and nothing is ahead of it.
    ///
    /// # Errors
    ///
    /// When the snapshot cannot be read back, or the socket is broken.
    pub(crate) fn send(&mut self, client: &mut Client, core: &mut Core) -> Result<Sent, SendError> {
        let Some(outgoing) = self.links.get_mut(&client.id) else { return Ok(Sent::Nothing) };
        let before = outgoing.sent;
        if outgoing.send(client, core)? {
            self.link_rate = outgoing.rate(core.now).or(self.link_rate);
            self.remove(client.id);
            return Ok(Sent::All);
        }
        let stalled = client.write_blocked && outgoing.sent == before;
        if let Source::Transfer { transfer, .. } = &outgoing.source {
            let transfer = transfer.clone();
            self.release(&transfer);
        }
        Ok(if stalled { Sent::Nothing } else { Sent::Some })
    }

    /// Whether [`Outgoings::send`] has something for the connection now.
    pub(crate) fn is_ready(&self, id: ClientId) -> bool {
        self.links.get(&id).is_some_and(|outgoing| {
            !outgoing.chunk.is_empty()
                || match (&outgoing.ahead, &outgoing.source) {
                    (Some(ahead), _) => ahead.is_done(),
                    (None, Source::Transfer { transfer, next }) => transfer.is_ready(*next),
                    (None, Source::File { .. }) => true,
                }
        })
    }

    /// Lets go of the chunks that every link of `transfer` has.
    fn release(&self, transfer: &Transfer) {
        let behind = self.links.values().filter_map(|outgoing| match &outgoing.source {
            Source::Transfer { transfer: other, next } if other.is_same(transfer) => Some(*next),
            _ => None,
        });
        match behind.min() {
            Some(next) => transfer.release(next),
            None => transfer.desert(),
        }
    }
}

impl Outgoing {
    /// A snapshot that is sent as it is made.
    pub(crate) fn of_transfer(transfer: Transfer) -> Self {
        Self::new(Source::Transfer { transfer, next: 0 })
    }

    /// A snapshot that was written to a file of `len` bytes.
    pub(crate) fn of_file(file: Arc<DiskFile>, len: u64, disk: &Disk) -> Self {
        Self::new(Source::File { file, disk: disk.clone(), offset: 0, len })
    }

    fn new(source: Source) -> Self {
        Self { source, chunk: Bytes::new(), ahead: None, began: None, sent: 0 }
    }

    /// Sends what the socket takes in a turn; whether that was the end.
    fn send(&mut self, client: &mut Client, core: &mut Core) -> Result<bool, SendError> {
        let mut turn = 0;
        while client.may_write_rdb(turn) {
            if self.chunk.is_empty() {
                match self.next_chunk().map_err(SendError::Unreadable)? {
                    Some(chunk) => self.chunk = chunk,
                    None => return Ok(self.is_over()),
                }
            }
            let count = client.write_rdb(&self.chunk, core).map_err(SendError::Socket)?;
            self.began.get_or_insert(core.now);
            self.chunk.advance(count);
            self.sent += count as u64;
            turn += count;
        }
        Ok(self.is_over())
    }

    /// The chunk that comes next, once it is there.
    fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        if self.ahead.is_none() {
            match self.source.next_chunk() {
                Some(Chunk::Ready(bytes)) => return Ok(Some(bytes)),
                Some(Chunk::OnDisk(pending)) => self.ahead = Some(pending),
                None => return Ok(None),
            }
        }
        let Some(read) = self.ahead.as_ref().and_then(Pending::poll) else { return Ok(None) };
        self.ahead = if self.source.is_on_disk() {
            self.source.next_chunk().and_then(Chunk::pending)
        } else {
            None
        };
        read.map(Some)
    }

    fn is_over(&self) -> bool {
        self.chunk.is_empty() && self.ahead.is_none() && self.source.is_over()
    }

    /// Bytes a second, if it took long enough to tell.
    fn rate(&self, now: Instant) -> Option<u64> {
        let took = now.saturating_duration_since(self.began?);
        let tells = took >= MEASURED.0 && self.sent >= MEASURED.1;
        tells.then(|| (self.sent as f64 / took.as_secs_f64()) as u64)
    }
}

impl Source {
    fn next_chunk(&mut self) -> Option<Chunk> {
        match self {
            Self::Transfer { transfer, next } => {
                let chunk = transfer.chunk(*next)?;
                *next += 1;
                Some(chunk)
            }
            Self::File { offset, len, .. } if offset == len => None,
            Self::File { file, disk, offset, len } => {
                let count = (*len - *offset).min(FILE_CHUNK as u64);
                let read = disk.read(file, *offset, count as usize);
                *offset += count;
                Some(Chunk::OnDisk(read))
            }
        }
    }

    /// Whether the next chunk is on disk.
    fn is_on_disk(&self) -> bool {
        match self {
            Self::Transfer { transfer, next } => transfer.is_on_disk(*next),
            Self::File { offset, len, .. } => offset < len,
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Transfer { transfer, next } => transfer.is_end(*next),
            Self::File { offset, len, .. } => offset == len,
        }
    }
}
