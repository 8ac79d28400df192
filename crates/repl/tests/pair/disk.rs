//! The primary's disk: the segments of its backlog, and what a restart makes of them.

use std::collections::HashMap;
use std::time::Instant;

use redwire_repl::{Chain, FoundSegment, Offset, Primary, Segment, SegmentId};
use redwire_resp::{Limits, Mode, RequestDecoder};

#[derive(Default)]
pub(crate) struct Disk {
    files: HashMap<SegmentId, Vec<u8>>,
    /// Nothing is written or read.
    pub(crate) stalled: bool,
    /// What is written is torn, and nothing can be read.
    pub(crate) failing: bool,
    /// What is written is torn; what is there can be read.
    pub(crate) full: bool,
    /// How many segments were read back.
    pub(crate) fetched: usize,
    /// How many were not what was written.
    pub(crate) damaged: usize,
    /// Where in the stream the data set was whole, and how many writes it held there.
    commits: Vec<(Offset, usize)>,
    /// How far this run of the primary has its stream here. Behind the place where it was cut at the
    /// last restart a file holds bytes of a stream that is gone.
    stored_to: Offset,
}

impl Disk {
    /// Does what the primary wants done; whether there was anything.
    pub(crate) fn work(&mut self, primary: &mut Primary, now: Instant) -> bool {
        let mut moved = false;
        while !self.stalled
            && let Some(store) = primary.poll_store()
        {
            let file = self.files.entry(store.id).or_default();
            file.resize(usize::try_from(store.position).unwrap(), 0);
            let bytes = store.bytes.concat();
            let fails = self.failing || self.full;
            let len = if fails { bytes.len() / 2 } else { bytes.len() };
            file.extend_from_slice(&bytes[..len]);
            if !fails {
                let end = Segment::read(file).map(|segment| FoundSegment::from(&segment).end);
                self.stored_to = end.unwrap_or(self.stored_to);
            }
            primary.store_finished(store.id, !fails, now);
            moved = true;
        }
        while !self.stalled
            && let Some(fetch) = primary.poll_fetch()
        {
            let file = &self.files[&fetch.id];
            let file = &file[..file.len().min(usize::try_from(fetch.len).unwrap())];
            // What is damaged is found out, and told to the log of a server.
            let read = primary.fetched(fetch.id, (!self.failing).then_some(file), now);
            self.fetched += usize::from(read.is_ok() && !self.failing);
            self.damaged += usize::from(read.is_err());
            moved = true;
        }
        while let Some(id) = primary.poll_discard() {
            self.files.remove(&id);
        }
        moved
    }

    /// A byte of a file changes, or all behind it is lost.
    pub(crate) fn damage(&mut self, file: usize, at: usize, torn: bool) {
        let mut ids: Vec<_> = self.files.keys().copied().collect();
        ids.sort_by_key(|id| (id.start, id.replid.to_string()));
        let Some(id) = file.checked_rem(ids.len()).map(|file| ids[file]) else { return };
        let Some(file) = self.files.get_mut(&id).filter(|file| !file.is_empty()) else { return };
        let at = at % file.len();
        if torn {
            file.truncate(at);
        } else {
            file[at] ^= 0x40;
        }
    }

    pub(crate) fn commit(&mut self, at: Offset, writes: usize) {
        self.commits.push((at, writes));
    }

    /// What is left when the process ends now: the stream, and how many writes it makes. Without a
    /// stream on disk there is none.
    pub(crate) fn recover(&mut self) -> Option<(Chain, usize)> {
        let read = self.files.values().filter_map(|file| Segment::read(file));
        let found: Vec<_> = read.map(|segment| FoundSegment::from(&segment)).collect();
        let last = *found.iter().max_by_key(|it| (it.end, it.id.start))?;
        let mut chain = Chain::find(found, last.id.replid, last.end)?;
        let start = chain.segments()[0].id.start;
        let end = chain.end().min(self.stored_to);
        self.commits.retain(|(at, _)| *at <= end);
        let (at, writes) = *self.commits.last().filter(|(at, _)| start <= *at)?;
        let behind = self.idle_behind(&chain, at);
        chain.cut(at.checked_add(behind).unwrap());
        self.stored_to = chain.end();
        Some((chain, writes))
    }

    /// Bytes of whole commands behind `at` that write nothing: the replicas may have them.
    fn idle_behind(&self, chain: &Chain, at: Offset) -> u64 {
        let mut bytes = Vec::new();
        for segment in chain.segments() {
            let read = Segment::read(&self.files[&segment.id]).unwrap();
            let len = segment.end.checked_since(segment.id.start).unwrap();
            bytes.extend_from_slice(&read.payload()[..usize::try_from(len).unwrap()]);
        }
        let skip = at.checked_since(chain.segments()[0].id.start).unwrap();
        let unread = &bytes[usize::try_from(skip).unwrap()..];
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        let (mut used, mut idle) = (0, 0);
        loop {
            let decoded = decoder.decode(&unread[used..]).unwrap();
            used += decoded.used;
            let Some(request) = decoded.request else { return idle };
            match request.name().to_ascii_lowercase().as_slice() {
                b"ping" | b"replconf" | b"select" => idle = used as u64,
                _ => return idle,
            }
        }
    }

    /// Nothing that was is of use to what begins now.
    pub(crate) fn clear(&mut self) {
        let Disk { fetched, damaged, failing, full, .. } = *self;
        *self = Disk { fetched, damaged, failing, full, ..Disk::default() };
    }

    pub(crate) fn retain(&mut self, chain: &Chain) {
        self.files.retain(|id, _| chain.segments().iter().any(|segment| segment.id == *id));
    }
}
