//! [`Transfer`]: the conversation with the server that takes the keys. No I/O, no clock.

use redwire_keyspace::UnixMs;
use redwire_resp::{ReplyDecoder, ReplyLimits, Value, encode_request};

use super::Order;

/// What is said, and heard, to move the keys of an order.
#[derive(Debug)]
pub(super) struct Transfer<'a> {
    order: &'a Order,
    /// Requests that are still to be answered before those about keys.
    opening: usize,
    /// The next parcel to be said.
    next: usize,
    /// Parcels that were said, in order, and the first that is not answered.
    said: Vec<usize>,
    answered: usize,
    /// Whether the opening failed: then nothing counts that the other server says it took.
    refused: bool,
    error: Option<String>,
    taken: Vec<usize>,
    decoder: ReplyDecoder,
    /// The database that is selected there, as far as the answers tell.
    selected: Option<i64>,
    selects: bool,
}

impl<'a> Transfer<'a> {
    /// Begins, on a connection where database `selected` is known to be selected; appends what is to be
    /// said before the keys to `out`.
    pub(super) fn new(order: &'a Order, selected: Option<i64>, out: &mut Vec<u8>) -> Self {
        let mut opening = 0;
        if let Some((user, password)) = &order.login {
            let words = [Some(b"AUTH".as_slice()), user.as_deref(), Some(password)];
            encode_request(out, words.into_iter().flatten().collect::<Vec<_>>());
            opening += 1;
        }
        let selects = selected != Some(order.db);
        if selects {
            encode_request(out, [b"SELECT".as_slice(), order.db.to_string().as_bytes()]);
            opening += 1;
        }
        Self {
            order,
            opening,
            next: 0,
            said: Vec::new(),
            answered: 0,
            refused: false,
            error: None,
            taken: Vec::new(),
            decoder: ReplyDecoder::new(ReplyLimits::default()),
            selected,
            selects,
        }
    }

    /// Appends the request for the next key; answers whether there was one. A key whose time is over by
    /// `now` is left out: it is as good as deleted here.
    ///
    /// # Errors
    ///
    /// A key that no version can hold.
    pub(super) fn say(&mut self, now: UnixMs, out: &mut Vec<u8>) -> Result<bool, String> {
        while let Some(parcel) = self.order.parcels.get(self.next) {
            self.next += 1;
            let left = match parcel.expires {
                None => 0,
                Some(at) if at.0 < now.0 => continue,
                Some(at) => (at.0 - now.0).max(1),
            };
            let payload = parcel.payload().ok_or("ERR no version can hold the value")?;
            let left = left.to_string();
            let words = [b"RESTORE", parcel.key.as_slice(), left.as_bytes(), &payload, b"REPLACE"];
            let count = if self.order.replace { words.len() } else { words.len() - 1 };
            encode_request(out, &words[..count]);
            self.said.push(self.next - 1);
            return Ok(true);
        }
        Ok(false)
    }

    /// Takes what was heard; answers how many bytes of it are done with.
    ///
    /// # Errors
    ///
    /// What is no reply.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let mut used = 0;
        while self.is_waiting() {
            let decoded = self.decoder.decode(&bytes[used..]);
            let Some((reply, count)) = decoded.map_err(|error| error.to_string())? else { break };
            used += count;
            self.take(&reply);
        }
        Ok(used)
    }

    fn take(&mut self, reply: &Value) {
        let error = match reply {
            Value::Error(text) | Value::BulkError(text) => {
                Some(String::from_utf8_lossy(text).into_owned())
            }
            _ => None,
        };
        let failed = error.is_some();
        if self.error.is_none()
            && let Some(text) = error
        {
            self.error = Some(format!("ERR Target instance replied with error: {text}"));
        }
        if self.opening > 0 {
            self.opening -= 1;
            self.refused |= failed;
            if self.opening == 0 && self.selects {
                self.selected = Some(self.order.db).filter(|_| !failed);
            }
            return;
        }
        let parcel = self.said.get(self.answered).copied();
        self.answered += 1;
        self.taken.extend(parcel.filter(|_| !failed && !self.refused));
    }

    /// Whether an answer is still to come.
    pub(super) fn is_waiting(&self) -> bool {
        self.opening > 0 || self.answered < self.said.len()
    }

    /// Whether nothing was heard of any key.
    pub(super) fn is_unheard(&self) -> bool {
        self.answered == 0
    }

    /// Which keys the other server has, the error that it answered first, and its database.
    pub(super) fn end(self) -> (Vec<usize>, Option<String>, Option<i64>) {
        let selected = self.selected.filter(|_| self.error.is_none());
        (self.taken, self.error, selected)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::core::Action;
    use crate::host::testing::Server;

    const NOW: UnixMs = UnixMs(1);

    /// What `MIGRATE h 1 "" 3 9 <options> KEYS a b c` asks for.
    fn order(options: &str) -> Order {
        let mut server = Server::new(Config::default());
        server.run("MSET a 1 b 2 c 3");
        server.run(&format!("MIGRATE h 1  3 9 {options} KEYS a b c"));
        let Some(Action::Migrate(_, order)) = server.core.actions.pop() else { panic!("no order") };
        assert_eq!(order.timeout, Duration::from_millis(9));
        *order
    }

    /// What comes of these replies, in pieces of `size` bytes.
    fn outcome(
        order: &Order,
        replies: &[u8],
        size: usize,
    ) -> (Vec<usize>, Option<String>, Option<i64>) {
        let mut out = Vec::new();
        let mut transfer = Transfer::new(order, None, &mut out);
        while transfer.say(NOW, &mut out).unwrap() {}
        let mut unread = Vec::new();
        for piece in replies.chunks(size) {
            assert!(transfer.is_waiting());
            unread.extend_from_slice(piece);
            let used = transfer.hear(&unread).unwrap();
            unread.drain(..used);
        }
        assert!(!transfer.is_waiting() && unread.is_empty());
        transfer.end()
    }

    #[test]
    fn keys_are_taken_that_were_acknowledged() {
        let cases: [(&str, &str, &[usize], Option<&str>); 6] = [
            ("COPY", "+OK +OK +OK +OK", &[0, 1, 2], None),
            ("COPY", "+OK +OK -BUSYKEY +OK", &[0, 2], Some("BUSYKEY")),
            ("COPY", "+OK -BUSYKEY -OOM +OK", &[2], Some("BUSYKEY")),
            // What is taken to another database, or by another user, is not taken.
            ("COPY", "-ERR +OK +OK +OK", &[], Some("ERR")),
            ("AUTH pw", "-WRONGPASS +OK +OK +OK +OK", &[], Some("WRONGPASS")),
            ("AUTH pw", "+OK +OK +OK +OK +OK", &[0, 1, 2], None),
        ];
        for (options, replies, taken, error) in cases {
            let order = order(options);
            let replies: String = replies.split(' ').flat_map(|reply| [reply, "\r\n"]).collect();
            let error = error.map(|text| format!("ERR Target instance replied with error: {text}"));
            let selected = error.is_none().then_some(3);
            for size in 1..=replies.len() {
                let got = outcome(&order, replies.as_bytes(), size);
                assert_eq!(got, (taken.to_vec(), error.clone(), selected), "{options}: {replies}");
            }
        }
    }

    #[test]
    fn what_is_said_is_what_was_asked_for() {
        let mut order = order("AUTH2 me pw REPLACE");
        order.parcels[0].expires = Some(UnixMs(0));
        order.parcels[1].expires = Some(UnixMs(501));
        let mut out = Vec::new();
        let mut transfer = Transfer::new(&order, None, &mut out);
        while transfer.say(NOW, &mut out).unwrap() {}
        let said = String::from_utf8_lossy(&out).replace("\r\n", " ");
        let begins = "*3 $4 AUTH $2 me $2 pw *2 $6 SELECT $1 3 *5 $7 RESTORE $1 b $3 500 ";
        assert!(said.starts_with(begins), "{said}");
        assert!(said.contains("$7 REPLACE *5 $7 RESTORE $1 c $1 0 ") && !said.contains("$1 a"));
        // The database that is selected is not selected again.
        let mut out = Vec::new();
        order.login = None;
        let transfer = Transfer::new(&order, Some(3), &mut out);
        assert!(out.is_empty() && !transfer.is_waiting());
    }
}
