//! The data set on its way: RDB by length or up to a marker.

use std::time::Instant;

use super::line::Announced;
use super::{Progress, Replica, State, Step};
use crate::{Error, Offset, ReplId};

/// An RDB that was announced.
#[derive(Debug)]
pub(super) struct Transfer {
    replid: Option<ReplId>,
    offset: Offset,
    end: Announced,
    /// Bytes of it that the caller's decoder has taken.
    pub(super) taken: u64,
}

impl Transfer {
    pub(super) fn new(replid: Option<ReplId>, offset: Offset, end: Announced) -> Transfer {
        Transfer { replid, offset, end, taken: 0 }
    }

    pub(super) fn announced_len(&self) -> Option<u64> {
        match self.end {
            Announced::Length(len) => Some(len),
            Announced::Marker(_) => None,
        }
    }

    /// What of the input may belong to the RDB. Up to a marker that is all of it: only the decoder
    /// knows where the RDB ends. To look for the marker would be wrong, since a value may hold it:
    /// real servers use the same marker again and again.
    pub(super) fn offer<'a>(&self, unread: &'a [u8], at: u64) -> Result<Progress<'a>, Error> {
        let rest = self.announced_len().map(|len| len.saturating_sub(self.taken));
        if rest == Some(0) {
            return Err(self.length_error(at));
        }
        if unread.is_empty() {
            return Ok(Progress::NOTHING);
        }
        let rest = rest.and_then(|rest| usize::try_from(rest).ok()).unwrap_or(usize::MAX);
        Ok(Progress::new(0, Step::Rdb(&unread[..unread.len().min(rest)])))
    }

    fn length_error(&self, at: u64) -> Error {
        let announced = self.announced_len().unwrap_or(0);
        Error::RdbLength { at, announced, seen: self.taken }
    }
}

impl Replica {
    /// The decoder took `n` bytes of [`Step::Rdb`], all that it can for now, and wants more.
    ///
    /// # Errors
    /// [`Error::RdbLength`](crate::Error::RdbLength), now and from then on, when it was shown all bytes that
    /// were announced: no more will come. Who waits for more instead waits for ever.
    ///
    /// # Panics
    /// When `n` is more than was offered.
    pub fn rdb_taken(&mut self, n: usize, now: Instant) -> Result<(), Error> {
        let offered = self.received - self.position;
        let State::Rdb(transfer) = &self.state else {
            self.check_taken(n);
            return Ok(());
        };
        let rest = transfer.announced_len().map(|len| len.saturating_sub(transfer.taken));
        let all_shown = rest.is_some_and(|rest| offered >= rest);
        self.take(n, now);
        if let (State::Rdb(transfer), true) = (&self.state, all_shown) {
            let error = transfer.length_error(self.position);
            self.state = State::Failed(error.clone());
            return Err(error);
        }
        Ok(())
    }

    fn take(&mut self, n: usize, now: Instant) {
        self.check_taken(n);
        if let State::Rdb(transfer) = &mut self.state {
            transfer.taken += n as u64;
            self.move_on(n);
            self.last_io = now;
        }
    }

    /// The decoder took `n` bytes of [`Step::Rdb`] and with them saw the end of the RDB. Call
    /// [`handle_input`](Replica::handle_input) with the rest, even if that is empty.
    ///
    /// # Panics
    /// When `n` is more than was offered.
    pub fn rdb_finished(&mut self, n: usize, now: Instant) {
        self.take(n, now);
        let State::Rdb(transfer) = &self.state else { return };
        let wrong = transfer.announced_len().is_some_and(|len| len != transfer.taken);
        let at = self.position;
        self.state = match std::mem::replace(&mut self.state, State::Streaming) {
            State::Rdb(transfer) if wrong => State::Failed(transfer.length_error(at)),
            State::Rdb(transfer) if transfer.announced_len().is_some() => State::Whole(transfer),
            State::Rdb(transfer) => State::Marker(transfer),
            other => other,
        };
    }

    /// Compares the 40 bytes behind the RDB, if there are to be any, and lets the stream begin.
    pub(super) fn finish_transfer<'a>(
        &mut self,
        unread: &'a [u8],
        now: Instant,
    ) -> Result<Progress<'a>, Error> {
        let (State::Marker(transfer) | State::Whole(transfer)) = &self.state else {
            return Ok(Progress::NOTHING);
        };
        let mut used = 0;
        if let Announced::Marker(marker) = &transfer.end {
            used = marker.len().min(unread.len());
            if unread[..used] != marker[..used] {
                return Err(Error::Marker { at: self.position });
            }
            if used < marker.len() {
                return Ok(Progress::NOTHING);
            }
        }
        let (replid, offset) = (transfer.replid, transfer.offset);
        self.history = replid.map(|replid| (replid, offset));
        self.start_stream(now);
        Ok(Progress::new(used, Step::Loaded { replid, offset }))
    }
}
