//! [`Lookahead`]: the requests behind the one that runs, read before their turn; [`Turns`]: those of
//! connections whose turns follow each other.

use std::mem;

use redwire_keyspace::{Ahead, Keyspace, Noted, Session};
use redwire_resp::{Request, RequestBatch, RequestDecoder, RequestError};

use crate::net::ClientId;

/// How many requests of a connection are read ahead, at most.
const REQUESTS_MAX: usize = 32;

/// How many connections are read ahead for together, at most.
const TURNS_MAX: usize = 32;

/// How many bytes they have sent together, from which on no more are added: what was read ahead is to be
/// in the cache still when its turn comes.
const TURNS_BYTES: usize = 2 << 10;

/// The requests that wait in one connection's input, decoded a batch at a time, so that the keyspace
/// can bring in what they need before they run one by one.
///
/// What it found out of a request holds until something is done to the connection that a command
/// cannot do itself ([`Action`](crate::core::Action)): then its owner [begins](Self::begin) anew.
/// Commands of other connections may run in between: it is where keys are looked for that was found out,
/// not whether they are there, nor who may see them.
#[derive(Debug, Default)]
pub(super) struct Lookahead {
    batch: RequestBatch,
    /// Where in the input the batch begins.
    start: usize,
    /// Which of its requests has its turn next.
    next: usize,
    /// What was found out of those that were noted so far: the first ones of the batch.
    noted: Vec<Noted>,
    ahead: Ahead,
}

/// What stands next in an input.
pub(super) struct Next<'a> {
    /// Bytes that are done with.
    pub(super) used: usize,
    /// The request, if one is whole.
    pub(super) request: Option<Request<'a>>,
    pub(super) noted: Noted,
}

impl Lookahead {
    /// To be called where a connection's waiting requests begin to be run.
    pub(super) fn begin(&mut self) {
        self.batch.clear();
        self.next = 0;
    }

    /// What stands in `input` from `at` on: behind what the last call answered.
    ///
    /// # Errors
    ///
    /// If the bytes break the protocol.
    #[inline]
    pub(super) fn next<'a>(
        &'a mut self,
        decoder: &'a mut RequestDecoder,
        input: &'a [u8],
        at: usize,
        session: &Session,
        keyspace: &Keyspace,
    ) -> Result<Next<'a>, RequestError> {
        self.look(decoder, input, at, session, keyspace);
        let Some((request, used)) = self.batch.get(self.next, &input[self.start..]) else {
            let decoded = decoder.decode(&input[at..])?;
            let (used, request) = (decoded.used, decoded.request);
            return Ok(Next { used, request, noted: Noted::default() });
        };
        let noted = self.noted.get(self.next).copied().unwrap_or_default();
        decoder.skip(used);
        self.next += 1;
        Ok(Next { used, request: Some(request), noted })
    }

    /// The requests that stand in `input` from `at` on, as far as they were noted, if the first two are
    /// alike: then some of them may run in one go, and are to be [skipped](Self::skip).
    #[inline]
    pub(super) fn alike<'a>(
        &'a mut self,
        decoder: &mut RequestDecoder,
        input: &'a [u8],
        at: usize,
        session: &Session,
        keyspace: &Keyspace,
    ) -> Option<impl Iterator<Item = (Request<'a>, Noted)> + use<'a>> {
        self.look(decoder, input, at, session, keyspace);
        let noted = self.noted.get(self.next..)?;
        let [first, second, ..] = noted else { return None };
        let requests = self.batch.iter_from(self.next, &input[self.start..]);
        first.is_like(second).then(|| requests.zip(noted.iter().copied()))
    }

    /// Takes the next `count` requests as done with; answers how many bytes they take.
    pub(super) fn skip(&mut self, decoder: &mut RequestDecoder, count: usize) -> usize {
        let used = self.batch.bytes(self.next..self.next + count);
        decoder.skip(used);
        self.next += count;
        used
    }

    /// Decodes and notes the next batch, if this one is through.
    #[inline]
    fn look(
        &mut self,
        decoder: &mut RequestDecoder,
        input: &[u8],
        at: usize,
        session: &Session,
        keyspace: &Keyspace,
    ) {
        if self.next == self.batch.len() {
            self.decode(decoder, input, at);
        }
        if self.next == self.noted.len() {
            let mut ahead = mem::take(&mut self.ahead);
            self.note(&input[self.start..], session, keyspace, &mut ahead);
            touch(keyspace, &mut ahead);
            self.ahead = ahead;
        }
    }

    /// Decodes the batch that stands in `input` from `at` on.
    fn decode(&mut self, decoder: &mut RequestDecoder, input: &[u8], at: usize) {
        decoder.decode_ahead(&input[at..], &mut self.batch, REQUESTS_MAX);
        (self.start, self.next) = (at, 0);
        self.noted.clear();
    }

    /// Notes the batch's requests, from the next one on, as long as there is room for their keys.
    fn note(&mut self, unread: &[u8], session: &Session, keyspace: &Keyspace, ahead: &mut Ahead) {
        while !ahead.is_full()
            && let Some((request, _)) = self.batch.get(self.noted.len(), unread)
        {
            self.noted.push(keyspace.note_ahead(ahead, session, request));
        }
    }
}

/// Brings in what the keys in `ahead` lead to, if there are several: one has none to wait together with.
fn touch(keyspace: &Keyspace, ahead: &mut Ahead) {
    if ahead.len() > 1 {
        keyspace.touch(ahead);
    } else {
        ahead.clear();
    }
}

/// Connections that have sent something and whose turns follow each other, with what was read ahead for
/// each. One that waits for a reply before it sends its next request has nothing by itself that could wait
/// for memory together, but fifty of them have.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Used again, the first `count` of them now.
    turns: Vec<(ClientId, Lookahead)>,
    count: usize,
    bytes: usize,
    ahead: Ahead,
}

impl Turns {
    /// To be called before the first of them is added.
    pub(super) fn begin(&mut self) {
        (self.count, self.bytes) = (0, 0);
    }

    /// Whether no more are to be added.
    pub(super) fn is_full(&self) -> bool {
        self.count == TURNS_MAX || self.bytes >= TURNS_BYTES
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
        if self.count == self.turns.len() {
            self.turns.push(Default::default());
        }
        let (whose, lookahead) = &mut self.turns[self.count];
        *whose = id;
        lookahead.decode(decoder, input, 0);
        lookahead.note(input, session, keyspace, &mut self.ahead);
        self.count += 1;
        self.bytes += input.len();
    }

    /// Has the keys of all of them brought in. Answers the connections: with its [`Lookahead`] each is to
    /// run what stands in its input, which must not have changed.
    pub(super) fn take<'t>(
        &'t mut self,
        keyspace: &Keyspace,
    ) -> impl Iterator<Item = (ClientId, &'t mut Lookahead)> + use<'t> {
        touch(keyspace, &mut self.ahead);
        self.turns[..self.count].iter_mut().map(|(id, lookahead)| (*id, lookahead))
    }
}

#[cfg(test)]
mod tests {
    use redwire_keyspace::Settings;
    use redwire_resp::{Limits, Mode};

    use super::*;

    /// How many requests were noted when each of them had its turn, and what the input ends with.
    fn look(input: &[u8]) -> (Vec<usize>, Result<usize, RequestError>) {
        let (keyspace, session) = (Keyspace::new(Settings::default(), 1), Session::new(1));
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        decoder.set_authenticated(true);
        let mut lookahead = Lookahead::default();
        let (mut noted, mut at) = (Vec::new(), 0);
        lookahead.begin();
        loop {
            match lookahead.next(&mut decoder, input, at, &session, &keyspace) {
                Ok(Next { request: None, used, .. }) => return (noted, Ok(at + used)),
                Ok(Next { used, .. }) => at += used,
                Err(error) => return (noted, Err(error)),
            }
            noted.push(lookahead.noted.len());
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
    fn notes_as_many_keys_as_are_touched_together() {
        let mut input = Vec::new();
        for _ in 0..5 {
            redwire_resp::encode_request(&mut input, ["MGET"; 30]);
        }
        assert_eq!(look(&input).0, [3, 3, 3, 5, 5], "64 keys and no more");
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
            for (index, (id, lookahead)) in turns.take(&keyspace).enumerate() {
                let (decoder, input) = (&mut decoders[index], &inputs[index]);
                let (mut at, mut keys) = (0, Vec::new());
                assert_eq!(lookahead.noted.len(), [1, 2, 0][index]);
                while let Ok(Next { used, request: Some(request), .. }) =
                    lookahead.next(decoder, input, at, &session, &keyspace)
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
