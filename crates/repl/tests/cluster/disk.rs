//! A node's disk: the file of its data set, the segments of its backlog, and what a crash of the
//! process or a loss of power leaves of them.

use std::collections::BTreeMap;
use std::time::Instant;

use redwire_repl::{
    Chain, Fetch, FoundSegment, Offset, Primary, ReplId, Segment, SegmentId, Store,
};
use redwire_resp::{Limits, Mode, RequestDecoder};

use crate::shared::data::Data;

/// Bytes that a medium writes at once: small, so that a segment has many.
const PAGE: usize = 64;

#[derive(Default)]
pub(crate) struct Disk {
    /// By their names.
    files: BTreeMap<String, File>,
    /// Files that were removed, which a loss of power brings back.
    removed: BTreeMap<String, Vec<u8>>,
    dump: Option<Dump>,
    /// What is written is synced before anybody hears of it.
    always: bool,
    /// Nothing is written or read.
    pub(crate) stalled: bool,
    /// What is written is torn, and nothing can be read.
    pub(crate) failing: bool,
    /// What is written is torn; what is there can be read.
    pub(crate) full: bool,
    /// A file was damaged: what comes back is less than what was stored.
    pub(crate) damaged: bool,
}

struct File {
    written: Vec<u8>,
    /// What was synced; `None` when not even its name was.
    synced: Option<Vec<u8>>,
}

/// The file of the data set, and its place in the stream.
#[derive(Clone)]
struct Dump {
    data: Data,
    replid: ReplId,
    offset: Offset,
    db: u32,
}

/// What a node has when it starts again.
pub(crate) struct Recovered {
    pub(crate) data: Data,
    pub(crate) replid: ReplId,
    pub(crate) offset: Offset,
    pub(crate) db: u32,
    /// The stream that was run on the file's data; `None` when there is none that belongs to it.
    pub(crate) chain: Option<Chain>,
}

impl Disk {
    pub(crate) fn new(always: bool) -> Disk {
        Disk { always, ..Disk::default() }
    }

    pub(crate) fn save(&mut self, data: &Data, primary: &Primary) {
        let (replid, offset) = (primary.history().replid(), primary.offset());
        let db = primary.stream_db().unwrap_or(0);
        self.dump = Some(Dump { data: data.clone(), replid, offset, db });
    }

    /// Does what the primary wants done; whether there was anything.
    pub(crate) fn work(&mut self, primary: &mut Primary, now: Instant) -> bool {
        let mut moved = false;
        while !self.stalled
            && let Some(store) = primary.poll_store()
        {
            let ok = self.store(&store);
            primary.store_finished(store.id, ok, now);
            moved = true;
        }
        while !self.stalled
            && let Some(fetch) = primary.poll_fetch()
        {
            let file = self.fetch(fetch).filter(|_| !self.failing);
            // What is damaged is found out, and told to the log of a server.
            let _ = primary.fetched(fetch.id, file.as_deref(), now);
            moved = true;
        }
        while let Some(id) = primary.poll_discard() {
            self.remove(&id.to_string());
        }
        moved
    }

    /// Whether all of it was written.
    fn store(&mut self, store: &Store) -> bool {
        let empty = || File { written: Vec::new(), synced: None };
        let file = self.files.entry(store.id.to_string()).or_insert_with(empty);
        file.written.resize(usize::try_from(store.position).unwrap(), 0);
        let bytes = store.bytes.concat();
        let ok = !self.failing && !self.full;
        let len = if ok { bytes.len() } else { bytes.len() / 2 };
        file.written.extend_from_slice(&bytes[..len]);
        if self.always && ok {
            self.sync();
        }
        ok
    }

    fn fetch(&self, fetch: Fetch) -> Option<Vec<u8>> {
        let file = &self.files.get(&fetch.id.to_string())?.written;
        Some(file[..file.len().min(usize::try_from(fetch.len).unwrap())].to_vec())
    }

    fn remove(&mut self, name: &str) {
        if let Some(synced) = self.files.remove(name).and_then(|file| file.synced) {
            self.removed.insert(name.to_owned(), synced);
        }
    }

    /// All that was written, or removed, stays so when power is lost.
    pub(crate) fn sync(&mut self) {
        for file in self.files.values_mut() {
            file.synced = Some(file.written.clone());
        }
        self.removed.clear();
    }

    /// Of what was not synced there are some pages, in any order, and some names; `seed` says which.
    pub(crate) fn lose_power(&mut self, mut seed: u64) {
        let mut draw = move || {
            // xorshift64
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        let removed = std::mem::take(&mut self.removed);
        let back = removed.into_iter().filter(|_| draw().is_multiple_of(2)).collect::<Vec<_>>();
        for (name, file) in std::mem::take(&mut self.files) {
            if file.synced.is_none() && draw().is_multiple_of(3) {
                continue;
            }
            let left = pages_left(&file, &mut draw);
            self.files.insert(name, File { synced: Some(left.clone()), written: left });
        }
        for (name, synced) in back {
            let file = File { written: synced.clone(), synced: Some(synced) };
            self.files.entry(name).or_insert(file);
        }
    }

    /// A byte of a file changes, or all behind it is lost.
    pub(crate) fn damage(&mut self, file: usize, at: usize, torn: bool) {
        let count = self.files.len();
        let Some(file) = file.checked_rem(count).and_then(|n| self.files.values_mut().nth(n))
        else {
            return;
        };
        let Some(at) = at.checked_rem(file.written.len()) else { return };
        self.damaged = true;
        if torn {
            file.written.truncate(at);
        } else {
            file.written[at] ^= 0x40;
        }
    }

    /// What a server makes of what is there when it starts: the file, and the stream run on it. What
    /// does not belong to that is removed, for good before anything is written.
    pub(crate) fn recover(&mut self) -> Option<Recovered> {
        let Dump { data, replid, offset, db } = self.dump.clone()?;
        let read = self.files.iter().filter_map(|(name, file)| {
            let segment = Segment::read(&file.written)?;
            (segment.id().to_string() == *name).then(|| FoundSegment::from(&segment))
        });
        let chain = Chain::find(read.collect(), replid, offset);
        let mut recovered = Recovered { data, replid, offset, db, chain };
        if let Some(chain) = recovered.chain.take() {
            recovered.replay(&self.stream(&chain, offset));
            let mut chain = chain;
            chain.cut(recovered.offset);
            recovered.chain = Some(chain);
        }
        Some(recovered)
    }

    /// Removes all segments but those of the chain.
    pub(crate) fn retain(&mut self, chain: Option<&Chain>) {
        let segments = chain.map_or(&[][..], Chain::segments);
        let keep: Vec<String> = segments.iter().map(|it| it.id.to_string()).collect();
        let names: Vec<String> = self.files.keys().cloned().collect();
        for name in names.iter().filter(|name| !keep.contains(name)) {
            self.remove(name);
        }
        self.removed.clear();
    }

    /// The chain's bytes from `from` on.
    fn stream(&self, chain: &Chain, from: Offset) -> Vec<u8> {
        let mut bytes = Vec::new();
        for segment in chain.segments() {
            let SegmentId { start, .. } = segment.id;
            let read = Segment::read(&self.files[&segment.id.to_string()].written).unwrap();
            let len = usize::try_from(segment.end.checked_since(start).unwrap()).unwrap();
            let skip = from.checked_since(start).unwrap_or(0);
            let skip = usize::try_from(skip).unwrap().min(len);
            bytes.extend_from_slice(&read.payload()[skip..len]);
        }
        bytes
    }
}

impl Recovered {
    /// Runs the whole commands and transactions of `stream`.
    fn replay(&mut self, stream: &[u8]) {
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        let mut queue: Option<Vec<(u32, Vec<Vec<u8>>)>> = None;
        let (mut at, mut db, start) = (0, self.db, self.offset);
        loop {
            let decoded = decoder.decode(&stream[at..]).unwrap();
            at += decoded.used;
            let Some(request) = decoded.request else { return };
            let args: Vec<Vec<u8>> = request.iter().map(<[u8]>::to_vec).collect();
            match (args[0].to_ascii_uppercase().as_slice(), &mut queue) {
                (b"MULTI", _) => queue = Some(Vec::new()),
                (b"EXEC", _) => {
                    for (db, args) in queue.take().unwrap() {
                        self.data.run(db, &[&args[0], &args[1]]);
                    }
                }
                (b"SELECT", _) => db = std::str::from_utf8(&args[1]).unwrap().parse().unwrap(),
                (b"PING" | b"REPLCONF", _) => {}
                (_, Some(queue)) => queue.push((db, args)),
                (_, None) => self.data.run(db, &[&args[0], &args[1]]),
            }
            if queue.is_none() {
                (self.offset, self.db) = (start.checked_add(at as u64).unwrap(), db);
            }
        }
    }
}

/// What is left of a file: its length is one that it had since it was synced, or between; each page
/// behind that is the one that was written, the one that was synced, or zeros.
fn pages_left(file: &File, draw: &mut impl FnMut() -> u64) -> Vec<u8> {
    let synced = file.synced.as_deref().unwrap_or_default();
    let (short, long) = (synced.len().min(file.written.len()), file.written.len());
    let len = short + usize::try_from(draw()).unwrap_or(usize::MAX) % (long - short + 1);
    let mut left = file.written[..len].to_vec();
    let same = left.iter().zip(synced).take_while(|(new, old)| new == old).count();
    let mut at = same;
    while at < len {
        let end = (at / PAGE * PAGE + PAGE).min(len);
        if draw().is_multiple_of(3) {
            for (index, byte) in left[at..end].iter_mut().enumerate() {
                *byte = synced.get(at + index).copied().unwrap_or(0);
            }
        }
        at = end;
    }
    left
}
