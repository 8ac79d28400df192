//! [`Turns`]: connections that have sent something, whose requests are read before their turn.

use redwire_keyspace::{Ahead, Keyspace, Noted, Session, Upcoming};
use redwire_resp::{Request, RequestBatch, RequestDecoder};

use crate::net::ClientId;

/// How many requests of a connection are decoded together, at most: as many as may come in
/// [`TURNS_BYTES`].
const REQUESTS_MAX: usize = 128;

/// How many connections are read ahead for together, at most.
const TURNS_MAX: usize = 32;

/// How many bytes they have sent together, from which on no more are added: those are to be in the cache
/// still when their turn comes. With fewer, more time goes by at the begin of a turn until the first keys
/// are there.
const TURNS_BYTES: usize = 8 << 10;

/// The requests that wait in one connection's input, decoded a batch at a time, so that the keyspace
/// can bring in what they need before they run one by one.
///
/// What it found out of a request holds until something is done to the connection that a command
/// cannot do itself ([`Action`](crate::core::Action)): then its owner [begins](Looking::begin) anew.
/// Commands of other connections may run in between: it is where keys are looked for that was found out,
/// not whether they are there, nor who may see them.
#[derive(Debug, Default)]
struct Lookahead {
    batch: RequestBatch,
    /// Where in the input the batch begins.
    start: usize,
    /// Which of its requests has its turn next.
    next: usize,
    /// What was found out of each of them.
    noted: Vec<Noted>,
}

/// A whole request that has its turn now.
pub(super) struct Next<'a> {
    pub(super) request: Request<'a>,
    /// How many bytes it takes.
    pub(super) used: usize,
    pub(super) noted: Noted,
}

/// Connections that have sent something and whose turns follow each other, with what was read ahead for
/// each, and the keys of all. One that waits for a reply before it sends its next request has nothing by
/// itself that could wait for memory together, but fifty of them have.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Used again, the first `count` of them now.
    turns: Vec<(ClientId, Lookahead)>,
    count: usize,
    bytes: usize,
    ahead: Ahead,
}

/// What was read ahead for one connection, which is to have its turn now.
pub(super) struct Looking<'t> {
    lookahead: &'t mut Lookahead,
    ahead: &'t mut Ahead,
}

impl Turns {
    /// To be called before the first of them is added.
    pub(super) fn begin(&mut self) {
        (self.count, self.bytes) = (0, 0);
        self.ahead.clear();
    }

    /// Whether no more are to be added.
    pub(super) fn is_full(&self) -> bool {
        self.count == TURNS_MAX || self.bytes >= TURNS_BYTES
    }

    /// How many connections there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds the connection `id`, and reads ahead in its input.
    pub(super) fn add(
        &mut self,
        id: ClientId,
        decoder: &mut RequestDecoder,
        input: &[u8],
        session: &Session,
        keyspace: &Keyspace,
    ) {
        self.add_unread(id);
        self.bytes += input.len();
        self.turn(self.count - 1).1.decode(decoder, input, 0, session, keyspace);
    }

    /// Adds the connection `id`, and reads nothing ahead yet.
    pub(super) fn add_unread(&mut self, id: ClientId) {
        if self.count == self.turns.len() {
            self.turns.push(Default::default());
        }
        self.turns[self.count].0 = id;
        self.count += 1;
        self.turn(self.count - 1).1.begin();
    }

    /// The connection whose turn is the `index`th. With its [`Looking`] it is to run what stands in its
    /// input, which must not have changed.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    pub(super) fn turn(&mut self, index: usize) -> (ClientId, Looking<'_>) {
        let (id, lookahead) = &mut self.turns[..self.count][index];
        (*id, Looking { lookahead, ahead: &mut self.ahead })
    }
}

impl Looking<'_> {
    /// To be called where what was read ahead does not hold any more.
    pub(super) fn begin(&mut self) {
        self.lookahead.batch.clear();
        self.lookahead.next = 0;
    }

    /// What stands in `input` from `at` on: behind what the last call answered. `None` where that is to be
    /// found out by the decoder: it is not whole, or not as it should be, or odd.
    #[inline]
    pub(super) fn next<'a>(
        &'a mut self,
        decoder: &mut RequestDecoder,
        input: &'a [u8],
        at: usize,
        session: &Session,
        keyspace: &Keyspace,
    ) -> Option<Next<'a>> {
        self.look(decoder, input, at, session, keyspace);
        let Lookahead { batch, start, next, noted } = &mut *self.lookahead;
        let (request, used) = batch.get(*next, &input[*start..])?;
        let noted = noted[*next];
        decoder.skip(used);
        *next += 1;
        Some(Next { request, used, noted })
    }

    /// The requests that stand in `input` from `at` on, `most` of them at most, if the first two are quick:
    /// then some of them may run in one go, and are to be [skipped](Self::skip).
    #[inline]
    pub(super) fn quick<'a>(
        &'a mut self,
        decoder: &mut RequestDecoder,
        input: &'a [u8],
        at: usize,
        session: &Session,
        keyspace: &Keyspace,
        most: usize,
    ) -> Option<Upcoming<'a, impl Iterator<Item = (Request<'a>, Noted)> + use<'a>>> {
        if self.lookahead.next == self.lookahead.batch.len() {
            self.decode(decoder, input, at, session, keyspace);
        }
        let Lookahead { batch, start, next, noted } = &*self.lookahead;
        let noted = &noted[*next..];
        let [first, second, ..] = noted else { return None };
        if !(first.is_quick() && second.is_quick()) {
            return None;
        }
        let noted = noted.iter().copied().take(most);
        let requests = batch.iter_from(*next, &input[*start..]).zip(noted);
        Some(Upcoming { ahead: self.ahead, requests })
    }

    /// Takes the next `count` requests as done with; answers how many bytes they take.
    pub(super) fn skip(&mut self, decoder: &mut RequestDecoder, count: usize) -> usize {
        let Lookahead { batch, next, .. } = &mut *self.lookahead;
        let used = batch.bytes(*next..*next + count);
        decoder.skip(used);
        *next += count;
        used
    }

    /// Sees to it that the keys of the next request are on their way, and those of some behind it: decodes
    /// the next batch, if this one is through.
    #[inline]
    fn look(
        &mut self,
        decoder: &mut RequestDecoder,
        input: &[u8],
        at: usize,
        session: &Session,
        keyspace: &Keyspace,
    ) {
        if self.lookahead.next == self.lookahead.batch.len() {
            self.decode(decoder, input, at, session, keyspace);
        }
        // One key has none to wait together with.
        if let Some(noted) = self.lookahead.noted.get(self.lookahead.next)
            && self.ahead.len() > 1
        {
            keyspace.bring_in(self.ahead, noted.end());
        }
    }

    /// Decodes the batch that stands in `input` from `at` on, and notes its requests.
    fn decode(
        &mut self,
        decoder: &mut RequestDecoder,
        input: &[u8],
        at: usize,
        session: &Session,
        keyspace: &Keyspace,
    ) {
        let Self { lookahead: Lookahead { batch, start, next, noted }, ahead } = self;
        decoder.decode_ahead(&input[at..], batch, REQUESTS_MAX);
        (*start, *next) = (at, 0);
        noted.clear();
        let requests = batch.iter_from(0, &input[at..]);
        noted.extend(requests.map(|request| keyspace.note_ahead(ahead, session, request)));
    }
}

#[cfg(test)]
mod tests {
    use redwire_keyspace::Settings;
    use redwire_resp::{Decoded, Limits, Mode, RequestError};

    use super::*;

    /// How many requests were noted when each of them had its turn, and what the input ends with.
    fn look(input: &[u8]) -> (Vec<usize>, Result<usize, RequestError>) {
        let (keyspace, session) = (Keyspace::new(Settings::default(), 1), Session::new(1));
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        decoder.set_authenticated(true);
        let mut turns = Turns::default();
        turns.add_unread(1);
        let (_, mut looking) = turns.turn(0);
        let (mut noted, mut at) = (Vec::new(), 0);
        loop {
            if let Some(next) = looking.next(&mut decoder, input, at, &session, &keyspace) {
                at += next.used;
            } else {
                match decoder.decode(&input[at..]) {
                    Ok(Decoded { request: None, used }) => return (noted, Ok(at + used)),
                    Ok(Decoded { used, .. }) => at += used,
                    Err(error) => return (noted, Err(error)),
                }
            }
            noted.push(looking.lookahead.noted.len());
        }
    }

    #[test]
    fn reads_whole_requests_up_to_an_end() {
        let whole = b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n";
        for end in [&b""[..], b"*2\r\n$3\r\nGET\r\n$1", b"PI"] {
            let input = [&whole.repeat(3)[..], end].concat();
            assert_eq!(look(&input), (vec![3; 3], Ok(3 * whole.len())));
        }
        let (noted, end) = look(&[&whole.repeat(2)[..], b"*2\r\n!wrong\r\n"].concat());
        assert_eq!(noted, [2, 2]);
        assert!(end.is_err());
        let (noted, _) = look(&whole.repeat(REQUESTS_MAX + 1));
        assert_eq!(noted, [&[REQUESTS_MAX; REQUESTS_MAX][..], &[1]].concat());
        assert_eq!(look(b""), (vec![], Ok(0)));
    }

    #[test]
    fn goes_on_behind_what_it_leaves_to_the_decoder() {
        let whole = b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n";
        let input = [&whole.repeat(2)[..], b"PING\r\n", &whole.repeat(2)].concat();
        assert_eq!(look(&input), (vec![2, 2, 0, 2, 2], Ok(input.len())));
    }

    #[test]
    fn connections_that_follow_each_other_are_read_ahead_for_together() {
        let (keyspace, session) = (Keyspace::new(Settings::default(), 1), Session::new(1));
        let new = || {
            let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
            decoder.set_authenticated(true);
            decoder
        };
        let get = |key: &[u8]| [b"*2\r\n$3\r\nGET\r\n$1\r\n", key, b"\r\n"].concat();
        let inputs = [get(b"a"), [get(b"b"), get(b"c")].concat(), b"*2\r\n$3\r\nG".to_vec()];
        let mut decoders = [(); 3].map(|()| new());
        let mut turns = Turns::default();
        // The second time with what is left of the first.
        for _ in 0..2 {
            turns.begin();
            for (id, (decoder, input)) in (10..).zip(decoders.iter_mut().zip(&inputs)) {
                assert!(!turns.is_full());
                turns.add(id, decoder, input, &session, &keyspace);
            }
            assert_eq!(turns.ahead.len(), 3);
            let mut seen = Vec::new();
            for index in 0..turns.len() {
                let (id, mut looking) = turns.turn(index);
                let (decoder, input) = (&mut decoders[index], &inputs[index]);
                let (mut at, mut keys) = (0, Vec::new());
                assert_eq!(looking.lookahead.noted.len(), [1, 2, 0][index]);
                while let Some(Next { request, used, .. }) =
                    looking.next(decoder, input, at, &session, &keyspace)
                {
                    keys.extend_from_slice(request.arg(1).unwrap_or_default());
                    at += used;
                }
                seen.push((id, keys));
                *decoder = new();
            }
            assert_eq!(seen, [(10, b"a".to_vec()), (11, b"bc".to_vec()), (12, b"".to_vec())]);
        }
        turns.begin();
        turns.add(1, &mut new(), &get(b"a").repeat(TURNS_BYTES.div_ceil(20)), &session, &keyspace);
        assert!(turns.is_full(), "by bytes");
        turns.begin();
        for id in 0..TURNS_MAX as ClientId {
            assert!(!turns.is_full());
            turns.add(id, &mut new(), &get(b"a"), &session, &keyspace);
        }
        assert!(turns.is_full(), "by number");
    }
}
