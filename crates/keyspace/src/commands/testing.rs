//! What tests of commands share: a keyspace with one client, and readable forms of bytes.

use redwire_resp::{Protocol, Request, RequestBuf};

use crate::{EventClass, Keyspace, NoHost, Session, Settings, UnixMs};

/// A keyspace with one connection, all key events and effects collected.
pub(super) struct Rig {
    pub(super) keyspace: Keyspace,
    pub(super) session: Session,
}

impl Rig {
    pub(super) fn new() -> Self {
        let mut keyspace = Keyspace::new(Settings::default(), 42);
        keyspace.events().want([
            EventClass::Generic,
            EventClass::List,
            EventClass::Set,
            EventClass::Hash,
            EventClass::Zset,
            EventClass::Stream,
        ]);
        Self { keyspace, session: Session::new(1) }
    }

    pub(super) fn resp3() -> Self {
        let mut rig = Self::new();
        rig.session.protocol = Protocol::Resp3;
        rig
    }

    /// The reply to a request of these arguments.
    pub(super) fn call<A: AsRef<[u8]>>(&mut self, args: impl IntoIterator<Item = A>) -> Vec<u8> {
        self.request(RequestBuf::from_args(args).as_request())
    }

    fn request(&mut self, request: Request<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let now = UnixMs(1_700_000_000_000);
        self.keyspace.execute(&mut NoHost, &mut self.session, request, now, &mut out);
        out
    }

    /// The reply to a request of words, as [`readable`] shows it; `""` is an empty argument.
    pub(super) fn run(&mut self, line: &str) -> String {
        let words = line.split(' ').map(|word| if word == "\"\"" { "" } else { word });
        readable(&self.call(words))
    }

    /// The strings and numbers of the reply to a request, without its structure.
    pub(super) fn strings(&mut self, line: &str) -> Vec<String> {
        words(&self.run(line)).map(str::to_owned).collect()
    }

    /// Runs each request of a table and compares its reply.
    pub(super) fn check(&mut self, table: &[(&str, &str)]) {
        for (request, reply) in table {
            assert_eq!(self.run(request), *reply, "{request}");
        }
    }

    /// Runs a request, and answers the effects that it left, each as its words.
    pub(super) fn effects_of(&mut self, line: &str) -> Vec<String> {
        self.keyspace.effects().clear();
        self.run(line);
        let effects = self.keyspace.effects().iter().map(|(_, bytes)| readable(bytes));
        effects.map(|effect| words(&effect).collect::<Vec<_>>().join(" ")).collect()
    }

    /// Runs each request of a table and compares the effects and the key events that it leaves.
    pub(super) fn check_traces(&mut self, table: &[(&str, &[&str], &[&str])]) {
        for (request, effects, events) in table {
            self.keyspace.events().take();
            assert_eq!(self.effects_of(request), *effects, "effects of {request}");
            let seen = self.keyspace.events().take();
            let seen: Vec<String> = seen
                .iter()
                .map(|event| format!("{} {}", event.event, event.key.escape_ascii()))
                .collect();
            assert_eq!(seen, *events, "events of {request}");
        }
    }
}

/// Wire bytes with a blank for each line's end.
pub(super) fn readable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().replace("\r\n", " ")
}

/// A readable reply or request less the words that say what follows.
fn words(readable: &str) -> impl Iterator<Item = &str> {
    readable.split(' ').filter(|word| !word.starts_with(['*', '$', '%', '~']))
}
