//! [`Lookahead`]: the requests behind the one that runs, read before their turn.

use redwire_keyspace::{Ahead, Keyspace, Session};
use redwire_resp::{Limits, Mode, Request, RequestDecoder};

/// How many requests are read ahead of the one that runs, at most.
const REQUESTS_MAX: usize = 32;

/// Has the keyspace bring in what the waiting requests of one connection need, a batch at a time.
///
/// Requests are decoded once more for it (some 160 instructions each), and only behind a whole request: bytes
/// of one that comes in pieces are not read again with each piece.
#[derive(Debug)]
pub(super) struct Lookahead {
    ahead: Ahead,
    decoder: RequestDecoder,
    /// Requests that still run before the next look.
    left: usize,
    /// There was an end, of the input or of what is understood.
    ended: bool,
}

impl Default for Lookahead {
    fn default() -> Self {
        let decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        Self { ahead: Ahead::default(), decoder, left: 0, ended: false }
    }
}

impl Lookahead {
    /// To be called where a connection's waiting requests begin to be run.
    pub(super) fn begin(&mut self) {
        self.left = 0;
        self.ended = false;
    }

    /// Called before `request` runs, with what was received behind it.
    pub(super) fn before(
        &mut self,
        request: Request<'_>,
        behind: &[u8],
        session: &Session,
        keyspace: &Keyspace,
    ) {
        if self.left > 0 {
            self.left -= 1;
            return;
        }
        if self.ended || behind.is_empty() {
            return;
        }
        keyspace.note_ahead(&mut self.ahead, session, request);
        self.left = self.note(behind, session, keyspace);
        keyspace.touch(&mut self.ahead);
    }

    /// Notes the requests in `behind`; answers how many.
    fn note(&mut self, mut behind: &[u8], session: &Session, keyspace: &Keyspace) -> usize {
        self.decoder.set_authenticated(session.authenticated);
        for count in 0..REQUESTS_MAX {
            if self.ahead.is_full() {
                return count;
            }
            if behind.is_empty() {
                self.ended = true;
                return count;
            }
            // What is wrong with a request is said when its turn comes.
            let decoded = self.decoder.decode(behind).ok();
            let Some((used, request)) = decoded.and_then(|it| Some((it.used, it.request?))) else {
                self.ended = true;
                // It knows a place in the midst of a request, and will be shown another.
                self.decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
                return count;
            };
            keyspace.note_ahead(&mut self.ahead, session, request);
            behind = &behind[used..];
        }
        REQUESTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use redwire_keyspace::Settings;

    use super::*;

    fn look(behind: &[u8]) -> Lookahead {
        let keyspace = Keyspace::new(Settings::default(), 1);
        let mut lookahead = Lookahead::default();
        let request = redwire_resp::RequestBuf::from_args(["GET", "a"]);
        lookahead.before(request.as_request(), behind, &Session::new(1), &keyspace);
        lookahead
    }

    #[test]
    fn reads_whole_requests_up_to_an_end() {
        let whole = b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n";
        for end in [&b""[..], b"*2\r\n$3\r\nGET\r\n$1", b"*2\r\n!wrong\r\n"] {
            let behind = [&whole.repeat(3)[..], end].concat();
            let lookahead = look(&behind);
            assert_eq!((lookahead.left, lookahead.ended), (3, true));
        }
        let lookahead = look(&whole.repeat(REQUESTS_MAX + 1));
        assert_eq!((lookahead.left, lookahead.ended), (REQUESTS_MAX, false));
        let lookahead = look(b"");
        assert_eq!((lookahead.left, lookahead.ended), (0, false));
    }

    #[test]
    fn reads_what_only_those_may_send_who_have_a_name() {
        // More arguments than are taken of a client that has not authenticated.
        let mut behind = Vec::new();
        for _ in 0..5 {
            redwire_resp::encode_request(&mut behind, ["MGET"; 30]);
        }
        let lookahead = look(&behind);
        assert_eq!((lookahead.left, lookahead.ended), (3, false), "64 keys and no more");
    }

    #[test]
    fn begins_anew_behind_bytes_that_broke_off() {
        let keyspace = Keyspace::new(Settings::default(), 1);
        let mut lookahead = Lookahead::default();
        let request = redwire_resp::RequestBuf::from_args(["GET", "a"]);
        let whole = b"*2\r\n$3\r\nGET\r\n$1\r\nb\r\n";
        for cut in 1..whole.len() {
            lookahead.begin();
            let behind = [&whole[..], &whole[..cut]].concat();
            lookahead.before(request.as_request(), &behind, &Session::new(1), &keyspace);
            assert_eq!((lookahead.left, lookahead.ended), (1, true), "{cut}");
        }
    }
}
