//! The stream of commands, a unit at a time: a command, or a whole transaction.

use std::collections::VecDeque;

use redwire_resp::{Limits, Mode, Request, RequestDecoder, RequestError};

/// The stream of commands, as far as it is in the caller's input.
#[derive(Debug)]
pub(super) struct Stream {
    /// The database at the start of the input.
    settled_db: u32,
    /// The database that the bytes looked at so far end in.
    db: u32,
    /// Finds where commands end.
    scanner: RequestDecoder,
    /// Decodes those that are handed out, once more.
    reader: RequestDecoder,
    /// Bytes at the start of the input that were looked at.
    scanned: usize,
    /// MULTI was met, EXEC was not.
    open: bool,
    unit: Option<Unit>,
    /// Commands of the unit that are to be handed out.
    ready: VecDeque<Place>,
}

/// What the first `scanned` bytes of the input are.
#[derive(Clone, Copy, Debug)]
struct Unit {
    is_transaction: bool,
    /// It is `REPLCONF GETACK`.
    asks_ack: bool,
}

/// What a command is to the stream.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Multi,
    Exec,
    Select(Option<u32>),
    GetAck,
    /// Something between the servers.
    Silent,
    Change,
}

impl Kind {
    fn of(request: Request<'_>) -> Kind {
        let is = |at: usize, word: &str| {
            request.arg(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
        };
        match () {
            () if is(0, "multi") => Kind::Multi,
            () if is(0, "exec") => Kind::Exec,
            () if is(0, "select") => {
                let number = request.arg(1).and_then(redwire_resp::parse_i64);
                Kind::Select(number.and_then(|db| u32::try_from(db).ok()))
            }
            () if is(0, "replconf") && is(1, "getack") => Kind::GetAck,
            () if is(0, "replconf") || is(0, "ping") => Kind::Silent,
            () => Kind::Change,
        }
    }
}

/// Where a command stands in the input.
#[derive(Debug)]
pub(super) struct Place {
    start: usize,
    end: usize,
    pub(super) db: u32,
}

impl Stream {
    /// A stream at a place where `db` is selected.
    pub(super) fn at(db: u32) -> Stream {
        Stream {
            settled_db: db,
            db,
            scanner: decoder(),
            reader: decoder(),
            scanned: 0,
            open: false,
            unit: None,
            ready: VecDeque::new(),
        }
    }

    /// Looks at more of the input until it holds a unit.
    pub(super) fn gather(&mut self, unread: &[u8]) -> Result<(), RequestError> {
        while self.unit.is_none() {
            let decoded = self.scanner.decode(&unread[self.scanned..])?;
            let start = self.scanned;
            self.scanned += decoded.used;
            let Some(kind) = decoded.request.map(Kind::of) else { return Ok(()) };
            self.note(kind, start);
        }
        Ok(())
    }

    fn note(&mut self, kind: Kind, start: usize) {
        let mut unit = Unit { is_transaction: self.open, asks_ack: false };
        match kind {
            Kind::Multi => self.open = true,
            Kind::Exec => self.open = false,
            Kind::Select(db) => self.db = db.unwrap_or(self.db),
            Kind::GetAck => unit.asks_ack = true,
            Kind::Silent => {}
            Kind::Change => {
                self.ready.push_back(Place { start, end: self.scanned, db: self.db });
            }
        }
        if !self.open {
            self.unit = Some(unit);
        }
    }

    /// Whether there is a unit that is not finished.
    pub(super) fn has_unit(&self) -> bool {
        self.unit.is_some()
    }

    /// Whether the unit is a transaction.
    pub(super) fn is_transaction(&self) -> bool {
        self.unit.is_some_and(|unit| unit.is_transaction)
    }

    /// The next command of the unit.
    pub(super) fn next(&mut self) -> Option<Place> {
        self.ready.pop_front()
    }

    /// Reads a command of the unit again.
    pub(super) fn request<'a>(
        &'a mut self,
        unread: &'a [u8],
        place: &Place,
    ) -> Result<Request<'a>, String> {
        let bytes = &unread[place.start..place.end];
        let decoded = self.reader.decode(bytes).map_err(|error| error.to_string())?;
        decoded.request.ok_or_else(|| "a command that reads otherwise the second time".into())
    }

    /// The database behind what was handed out whole.
    pub(super) fn db(&self) -> u32 {
        if self.handed_out() > 0 { self.db } else { self.settled_db }
    }

    /// Bytes of the unit, if all of its commands were handed out and it is not finished.
    pub(super) fn handed_out(&self) -> usize {
        if self.unit.is_some() && self.ready.is_empty() { self.scanned } else { 0 }
    }

    /// Leaves the unit behind; answers how many bytes it was, and whether it wants an ACK.
    pub(super) fn finish_unit(&mut self) -> (usize, bool) {
        self.settled_db = self.db;
        let asks_ack = self.unit.take().is_some_and(|unit| unit.asks_ack);
        (std::mem::take(&mut self.scanned), asks_ack)
    }
}

/// A decoder for a link between servers: no limit to what a master may have accepted.
fn decoder() -> RequestDecoder {
    let mut limits = Limits::default();
    limits.bulk_len = u64::MAX;
    let mut decoder = RequestDecoder::new(Mode::Compatible, limits);
    decoder.set_authenticated(true);
    decoder
}
