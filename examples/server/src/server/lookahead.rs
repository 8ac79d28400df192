//! [`Lookahead`]: the requests behind the one that runs, read before their turn.

use redwire_keyspace::{Ahead, Keyspace, Session};
use redwire_resp::{Limits, Mode, Request, RequestDecoder};

/// How many requests are read ahead of the one that runs, at most.
const REQUESTS_MAX: usize = 32;

/// Has the keyspace bring in what the waiting requests of one connection need, a batch at a time.
///
/// Requests are decoded once more for it (some 10 ns each), and only behind a whole request: bytes
/// of one that comes in pieces are not read again with each piece.
#[derive(Default)]
pub(super) struct Lookahead {
    ahead: Ahead,
    /// Requests that still run before the next look.
    left: usize,
    /// There was an end, of the input or of what is understood.
    ended: bool,
}

impl Lookahead {
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
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        for count in 0..REQUESTS_MAX {
            if self.ahead.is_full() {
                return count;
            }
            // What is wrong with a request is said when its turn comes.
            let decoded = decoder.decode(behind).ok();
            let Some((used, request)) = decoded.and_then(|it| Some((it.used, it.request?))) else {
                self.ended = true;
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
}
