//! The commands that make another server the same: for `redis-cli --pipe`.

use std::ops::Range;

use redwire::follow::{Item, Position};
use redwire::rdb::{Event, KeyHeader, Kind, Version};
use redwire::resp::{Request, encode_request};
use redwire_tools::{payload, text};

use crate::format::Format;

/// Commands as servers read them.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    /// The database that the commands so far leave selected.
    selected: Option<u32>,
    /// MULTI is out.
    open: bool,
    key: Vec<u8>,
    kind: Option<Kind>,
    expire_ms: Option<u64>,
    field_expiries: Vec<(Vec<u8>, u64)>,
}

impl Commands {
    fn select(&mut self, out: &mut Vec<u8>, db: u32) {
        if self.selected != Some(db) {
            encode_request(out, ["SELECT", &db.to_string()]);
            self.selected = Some(db);
        }
    }
}

impl Format for Commands {
    fn snapshot_start(&mut self, _out: &mut Vec<u8>, _history_gone: bool) {}

    fn key(&mut self, out: &mut Vec<u8>, db: u32, header: &KeyHeader<'_>) {
        self.select(out, db);
        self.key.clear();
        self.key.extend_from_slice(header.key);
        self.kind = Some(header.kind);
        self.expire_ms = header.expire_ms;
        if !matches!(header.kind, Kind::String | Kind::Opaque) {
            // What the target holds under this name is not to be added to.
            encode_request(out, [b"DEL", header.key]);
        }
    }

    fn part(&mut self, out: &mut Vec<u8>, event: &Event<'_>, version: Version) {
        let key = self.key.as_slice();
        match *event {
            Event::String(bytes) => encode_request(out, [b"SET", key, bytes]),
            Event::Element(bytes) => {
                let name: &[u8] = if self.kind == Some(Kind::List) { b"RPUSH" } else { b"SADD" };
                encode_request(out, [name, key, bytes]);
            }
            Event::Scored(member, score) => {
                encode_request(out, [b"ZADD", key, text::score(score).as_bytes(), member]);
            }
            Event::Field { field, value, expires_ms } => {
                encode_request(out, [b"HSET", key, field, value]);
                self.field_expiries.extend(expires_ms.map(|at| (field.to_vec(), at)));
            }
            Event::Opaque { type_byte, body } => {
                let payload = payload(version, type_byte, body);
                let at = self.expire_ms.take().unwrap_or(0).to_string();
                let args: [&[u8]; 6] =
                    [b"RESTORE", key, at.as_bytes(), &payload, b"REPLACE", b"ABSTTL"];
                encode_request(out, args);
            }
            _ => {}
        }
    }

    fn key_end(&mut self, out: &mut Vec<u8>) {
        for (field, at) in self.field_expiries.drain(..) {
            let at = at.to_string();
            let args: [&[u8]; 6] =
                [b"HPEXPIREAT", &self.key, at.as_bytes(), b"FIELDS", b"1", &field];
            encode_request(out, args);
        }
        if let Some(at) = self.expire_ms.take() {
            encode_request(out, [b"PEXPIREAT", self.key.as_slice(), at.to_string().as_bytes()]);
        }
    }

    fn cut(&mut self, _out: &mut Vec<u8>) {
        self.field_expiries.clear();
        self.expire_ms = None;
    }

    fn snapshot_end(&mut self, _out: &mut Vec<u8>, _position: Option<Position>) {}

    fn resumed(&mut self, _out: &mut Vec<u8>, _position: Position) {}

    fn command(&mut self, out: &mut Vec<u8>, item: &Item<'_>) {
        let Item::Command { db, request, in_transaction, .. } = item else { return };
        if *in_transaction && !std::mem::replace(&mut self.open, true) {
            encode_request(out, ["MULTI"]);
        }
        self.select(out, *db);
        match exact_limit(*request) {
            None => encode_request(out, request.iter()),
            Some(limit) => {
                let kept = request.iter().enumerate().filter(|(at, _)| !limit.contains(at));
                encode_request(out, kept.map(|(_, arg)| arg).collect::<Vec<_>>());
            }
        }
    }

    fn transaction_end(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.open) {
            encode_request(out, ["EXEC"]);
        }
    }
}

/// Where `LIMIT n` of an exact trim stands. Masters send it, because they turn `~` into `=` and a
/// length that was reached; from an ordinary client servers refuse it.
fn exact_limit(request: Request<'_>) -> Option<Range<usize>> {
    let is = |at: usize, word: &str| {
        request.arg(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    if !is(0, "xadd") && !is(0, "xtrim") {
        return None;
    }
    let mut at = 2 + usize::from(is(2, "nomkstream"));
    if !is(at, "maxlen") && !is(at, "minid") {
        return None;
    }
    at += 1;
    if is(at, "~") {
        return None;
    }
    at += 1 + usize::from(is(at, "="));
    is(at, "limit").then_some(at..at + 2)
}

#[cfg(test)]
mod tests {
    use redwire::resp::RequestBuf;

    use super::exact_limit;

    #[test]
    fn limits_of_exact_trims_are_found() {
        for (line, found) in [
            ("XTRIM s MAXLEN = 5 LIMIT 10", Some(5..7)),
            ("xtrim s minid 5 limit 10", Some(4..6)),
            ("XTRIM s MAXLEN ~ 5 LIMIT 10", None),
            ("XTRIM s MAXLEN = 5", None),
            ("XADD s NOMKSTREAM MAXLEN = 5 LIMIT 10 1-1 f v", Some(6..8)),
            ("XADD s MAXLEN = 5 1-1 LIMIT 7", None),
            ("XADD s 1-1 MAXLEN =", None),
            ("SET MAXLEN = 5 LIMIT 1", None),
        ] {
            let request = RequestBuf::from_args(line.split(' '));
            assert_eq!(exact_limit(request.as_request()), found, "{line}");
        }
    }
}
