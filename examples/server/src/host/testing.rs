//! A server without sockets for the tests of its commands.

use std::sync::Arc;
use std::time::Instant;

use mio::{Poll, Token, Waker};
use redwire_keyspace::{Keyspace, Session, UnixMs};
use redwire_resp::{Protocol, RequestBuf};

use super::ClientInfo;
use crate::config::Config;
use crate::core::{Core, settings};
use crate::entropy::Entropy;
use crate::net::ClientId;

/// A core with its keyspace, and one client, number 7, of this host.
pub(crate) struct Server {
    pub(crate) core: Core,
    pub(crate) keyspace: Keyspace,
    pub(crate) session: Session,
    /// The time of the requests.
    pub(crate) now: UnixMs,
    _poll: Poll,
}

impl Server {
    pub(crate) fn new(config: Config) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let mut keyspace = Keyspace::new(settings(&config), 42);
        let mut core = Core::new(config, Entropy::of_system().unwrap(), waker);
        core.apply_config(&mut keyspace);
        core.clients.insert(7, client(7, core.now));
        Self { core, keyspace, session: Session::new(7), now: UnixMs(1_000_000), _poll: poll }
    }

    /// The reply to a request of client 7, words parted by blanks.
    pub(crate) fn run(&mut self, words: &str) -> String {
        let request = RequestBuf::from_args(words.split(' '));
        let mut out = Vec::new();
        let now = self.now;
        let (core, session) = (&mut self.core, &mut self.session);
        self.keyspace.execute(core, session, request.as_request(), now, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Checks replies, one for each request, in a session of the given protocol.
    pub(crate) fn expect(&mut self, protocol: Protocol, cases: &[(&str, &str)]) {
        self.session.protocol = protocol;
        for (words, reply) in cases {
            let got = self.run(words);
            assert_eq!(got.strip_suffix("\r\n").unwrap_or(&got), *reply, "{words}");
        }
    }
}

/// A connection of this host that has said nothing yet.
pub(crate) fn client(id: ClientId, now: Instant) -> ClientInfo {
    ClientInfo {
        addr: format!("127.0.0.1:{}", 50_000 + id),
        laddr: "127.0.0.1:6379".into(),
        fd: 8,
        logged_in: true,
        is_local: true,
        ..ClientInfo::anywhere(id, now)
    }
}
