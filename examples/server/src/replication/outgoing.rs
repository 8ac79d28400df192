//! [`Outgoings`]: snapshots on their way to replicas.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use redwire_repl::{Primary, ReplicaId};

use crate::net::{Client, ClientId};
use crate::persist::Transfer;

/// Bytes of a snapshot that are queued at a link at a time.
const AHEAD: usize = 1 << 20;

/// Bytes that are read from a file at a time.
const FILE_CHUNK: usize = 256 << 10;

/// A transfer tells the speed of a link if it takes so long, and is so large, at least.
const MEASURED: (Duration, u64) = (Duration::from_millis(100), 4 << 20);

/// A snapshot on its way to one replica.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// As it is made.
    Transfer {
        /// Its bytes.
        transfer: Transfer,
        /// The chunk that comes next.
        next: usize,
    },
    /// From a file that is whole.
    File {
        /// The file.
        file: Arc<File>,
        /// How far it is sent.
        offset: u64,
        /// How long it is.
        len: u64,
    },
}

/// The snapshots on their way, by connection.
#[derive(Debug, Default)]
pub(crate) struct Outgoings {
    links: HashMap<ClientId, Outgoing>,
    /// When each began, and how many bytes of it were queued.
    progress: HashMap<ClientId, (Instant, u64)>,
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
        self.progress.remove(&id);
        let removed = self.links.remove(&id);
        if let Some(Outgoing::Transfer { transfer, .. }) = removed {
            self.release(&transfer);
        }
    }

    /// The connections that are being sent a snapshot.
    pub(crate) fn ids(&self) -> Vec<ClientId> {
        self.links.keys().copied().collect()
    }

    /// Queues what `client` can be sent of its snapshot now; at its end, tells `primary` and
    /// answers true: the machine has something to send behind it.
    ///
    /// # Errors
    ///
    /// When the snapshot cannot be read back from disk; the link is of no use then.
    pub(crate) fn fill(
        &mut self,
        client: &mut Client,
        primary: &mut Primary,
        now: Instant,
    ) -> io::Result<bool> {
        let Some(outgoing) = self.links.get_mut(&client.id) else { return Ok(false) };
        while client.output.len() < AHEAD {
            match outgoing.next_chunk()? {
                Some(bytes) => {
                    self.progress.entry(client.id).or_insert((now, 0)).1 += bytes.len() as u64;
                    client.output.push_shared(bytes);
                }
                None if outgoing.is_over() => {
                    self.link_rate = self.measured(client.id, now).or(self.link_rate);
                    primary.transfer_done(ReplicaId(client.id), now);
                    self.remove(client.id);
                    return Ok(true);
                }
                None => break,
            }
        }
        primary.transfer_progress(ReplicaId(client.id), now);
        if let Some(Outgoing::Transfer { transfer, .. }) = self.links.get(&client.id) {
            self.release(&transfer.clone());
        }
        Ok(false)
    }

    /// Whether [`Outgoings::fill`] has something for the connection now.
    pub(crate) fn is_ready(&self, id: ClientId) -> bool {
        self.links.get(&id).is_some_and(|outgoing| match outgoing {
            Outgoing::Transfer { transfer, next } => transfer.is_ready(*next),
            Outgoing::File { .. } => true,
        })
    }

    /// The rate of a transfer that took long enough to tell.
    fn measured(&self, id: ClientId, now: Instant) -> Option<u64> {
        let (began, bytes) = *self.progress.get(&id)?;
        let took = now.saturating_duration_since(began);
        let tells = took >= MEASURED.0 && bytes >= MEASURED.1;
        tells.then(|| (bytes as f64 / took.as_secs_f64()) as u64)
    }

    /// Lets go of the chunks that every link of `transfer` has.
    fn release(&self, transfer: &Transfer) {
        let behind = self.links.values().filter_map(|outgoing| match outgoing {
            Outgoing::Transfer { transfer: other, next } if other.is_same(transfer) => Some(*next),
            _ => None,
        });
        transfer.release(behind.min().unwrap_or(usize::MAX));
    }
}

impl Outgoing {
    fn next_chunk(&mut self) -> io::Result<Option<Bytes>> {
        match self {
            Self::Transfer { transfer, next } => {
                let chunk = transfer.chunk(*next)?;
                *next += usize::from(chunk.is_some());
                Ok(chunk)
            }
            Self::File { file, offset, len } => {
                let left = usize::try_from(*len - *offset).unwrap_or(usize::MAX);
                if left == 0 {
                    return Ok(None);
                }
                let mut bytes = vec![0; left.min(FILE_CHUNK)];
                file.read_exact_at(&mut bytes, *offset)?;
                *offset += bytes.len() as u64;
                Ok(Some(bytes.into()))
            }
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Transfer { transfer, next } => transfer.is_end(*next),
            Self::File { offset, len, .. } => offset == len,
        }
    }
}
