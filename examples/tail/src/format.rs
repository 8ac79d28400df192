//! How items are written: [`Format`], and the parts that both forms share.

use redwire::follow::{Item, Position};
use redwire::rdb::{Event, KeyHeader, Version, dump};

use crate::filter::Filter;
use crate::{json, resp};

/// One form of output.
pub(crate) trait Format {
    /// A snapshot begins.
    fn snapshot_start(&mut self, out: &mut Vec<u8>, history_gone: bool);
    /// A key of the snapshot begins, one that is wanted.
    fn key(&mut self, out: &mut Vec<u8>, db: u32, header: &KeyHeader<'_>);
    /// A piece of its value.
    fn part(&mut self, out: &mut Vec<u8>, event: &Event<'_>, version: Version);
    /// The key's value is complete.
    fn key_end(&mut self, out: &mut Vec<u8>);
    /// The key under way breaks off: a new snapshot begins.
    fn cut(&mut self, out: &mut Vec<u8>);
    /// The snapshot is whole.
    fn snapshot_end(&mut self, out: &mut Vec<u8>, position: Option<Position>);
    /// The stream goes on where it stopped.
    fn resumed(&mut self, out: &mut Vec<u8>, position: Position);
    /// A command that is wanted.
    fn command(&mut self, out: &mut Vec<u8>, item: &Item<'_>);
    /// The last command of a transaction has come, wanted or not.
    fn transaction_end(&mut self, out: &mut Vec<u8>);
}

/// Chooses what is wanted and writes it.
pub(crate) struct Writer {
    format: Box<dyn Format>,
    filter: Filter,
    version: Version,
    /// Whether the key under way is wanted.
    admitted: bool,
    /// Keys of the snapshot so far, wanted or not.
    pub(crate) keys: u64,
}

impl Writer {
    /// `as_resp`: commands, for `redis-cli --pipe`, instead of JSON lines.
    pub(crate) fn new(filter: Filter, as_resp: bool) -> Self {
        let format: Box<dyn Format> =
            if as_resp { Box::<resp::Commands>::default() } else { Box::<json::Lines>::default() };
        Self { format, filter, version: Version::REDIS_6_0, admitted: false, keys: 0 }
    }

    /// Appends what an item comes to.
    pub(crate) fn take(&mut self, out: &mut Vec<u8>, item: &Item<'_>) {
        match item {
            Item::SnapshotStart { history_gone, .. } => {
                self.keys = 0;
                if std::mem::take(&mut self.admitted) {
                    self.format.cut(out);
                }
                self.format.snapshot_start(out, *history_gone);
            }
            Item::Snapshot { db, event } => self.snapshot(out, *db, event),
            Item::SnapshotEnd { position } => self.format.snapshot_end(out, *position),
            Item::Resumed { position } => self.format.resumed(out, *position),
            Item::Command { db, request, in_transaction, position } => {
                if self.filter.admits_command(*db, *request) {
                    self.format.command(out, item);
                }
                if *in_transaction && position.is_some() {
                    self.format.transaction_end(out);
                }
            }
            _ => {}
        }
    }

    fn snapshot(&mut self, out: &mut Vec<u8>, db: u32, event: &Event<'_>) {
        match event {
            Event::Start(version) => self.version = *version,
            Event::Key(header) => {
                self.keys += 1;
                self.admitted = self.filter.admits_key(db, header);
                if self.admitted {
                    self.format.key(out, db, header);
                }
            }
            Event::KeyEnd { .. } if self.admitted => {
                self.admitted = false;
                self.format.key_end(out);
            }
            event if self.admitted => self.format.part(out, event, self.version),
            _ => {}
        }
    }
}

/// The DUMP payload of a value that stands as it is.
pub(crate) fn payload(version: Version, type_byte: u8, body: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(body.len() + 11);
    payload.push(type_byte);
    payload.extend_from_slice(body);
    dump::close(&mut payload, version);
    payload
}
