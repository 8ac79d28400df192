//! How items are written: [`Format`], and the parts that both forms share.

use redwire::follow::{Item, Position};
use redwire::rdb::{Event, KeyHeader, Version};

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

#[cfg(test)]
mod tests {
    use redwire::rdb::{DecodeOptions, Decoder, EncodeOptions, Encoder, KeyMeta};
    use serde_json::Value;

    use super::*;
    use crate::filter::Patterns;

    fn rdb() -> Vec<u8> {
        let mut encoder = Encoder::new(EncodeOptions::default());
        let mut out = Vec::new();
        encoder.start(&mut out);
        encoder.select_db(&mut out, 0, 3, 0);
        encoder.string(&mut out, &KeyMeta::new(b"string"), b"value");
        encoder.list(&mut out, &KeyMeta::new(b"list"), [&b"a"[..], b"\xff"].into_iter());
        encoder.zset(&mut out, &KeyMeta::new(b"zset"), [(&b"m"[..], 1.5)].into_iter());
        encoder.end(&mut out);
        out
    }

    /// What a writer makes of the first `events` events of a snapshot, and of another that begins
    /// then.
    fn cut_after(events: usize, as_resp: bool) -> Vec<u8> {
        let mut writer = Writer::new(Filter::new(Patterns::default()), as_resp);
        let (mut out, bytes) = (Vec::new(), rdb());
        let start = Item::SnapshotStart { len: None, history_gone: false };
        writer.take(&mut out, &start);
        let (mut decoder, mut unread) = (Decoder::new(DecodeOptions::default()), &bytes[..]);
        for _ in 0..events {
            let decoded = decoder.decode(unread).unwrap();
            let Some(event) = decoded.event else { break };
            writer.take(&mut out, &Item::Snapshot { db: 0, event });
            unread = &unread[decoded.used..];
        }
        writer.take(&mut out, &start);
        out
    }

    #[test]
    fn wherever_a_snapshot_breaks_off_lines_stay_lines() {
        let mut cut = 0;
        for events in 0..30 {
            let out = cut_after(events, false);
            let lines: Vec<Value> = out
                .split_inclusive(|byte| *byte == b'\n')
                .map(|line| serde_json::from_slice(line).expect("a line of JSON"))
                .collect();
            assert_eq!(lines[lines.len() - 1]["op"], "snapshot-start");
            cut += lines.iter().filter(|line| line["cut"] == true).count();
        }
        assert!(cut > 5, "{cut} keys were cut");
        let whole = String::from_utf8(cut_after(30, false)).unwrap();
        assert!(whole.contains(r#""type":"list","value":["a",{"b64":"/w=="}]}"#), "{whole}");
        assert!(whole.contains(r#""type":"zset","value":[["m",1.5]]}"#), "{whole}");
    }

    #[test]
    fn commands_replace_what_was_there() {
        let out = String::from_utf8_lossy(&cut_after(30, true)).into_owned();
        let del = out.find("DEL\r\n$4\r\nlist").expect("a DEL");
        let push = out.find("RPUSH\r\n$4\r\nlist").expect("an RPUSH");
        assert!(del < push);
        assert!(out.contains("ZADD\r\n$4\r\nzset\r\n$3\r\n1.5\r\n$1\r\nm"), "{out}");
    }
}
