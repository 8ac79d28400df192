//! Sessions that wait for lists, beside a naive twin that walks all of them after each command, on
//! virtual time; what is left for replicas makes a copy equal.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use redwire_keyspace::{Keyspace, NoHost, Session, Settings, UnixMs, WaitEnd};
use redwire_resp::{Limits, Mode, RequestBuf, RequestDecoder};

const SESSIONS: usize = 5;

/// A request, in words.
type Words = Vec<String>;

#[derive(Debug, Clone)]
enum Step {
    /// A session's request.
    Run(usize, Words),
    /// A session's requests in a transaction.
    Transaction(usize, Vec<Words>),
    Pass(u64),
    Leave(usize),
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["a", "b", "c"]
}

fn write() -> impl Strategy<Value = Words> {
    let items = proptest::collection::vec("[0-9]", 1..4);
    let push = (prop_oneof!["LPUSH", "RPUSH"], key(), items)
        .prop_map(|(name, key, items)| [vec![name, key], items].concat());
    let delete = key().prop_map(|key| vec!["DEL".into(), key]);
    let pop = (prop_oneof!["LPOP", "RPOP"], key()).prop_map(|(name, key)| vec![name, key]);
    prop_oneof![4 => push, 1 => delete, 1 => pop]
}

fn wait() -> impl Strategy<Value = Words> {
    let timeout = prop_oneof!["0", "1", "2"];
    let pop = (prop_oneof!["BLPOP", "BRPOP"], proptest::collection::vec(key(), 1..4), timeout)
        .prop_map(|(name, keys, timeout)| [vec![name], keys, vec![timeout]].concat());
    let side = || prop_oneof!["LEFT", "RIGHT"];
    let moves = (key(), key(), side(), side(), prop_oneof!["0", "1"]).prop_map(
        |(from, to, from_side, to_side, timeout)| {
            vec!["BLMOVE".into(), from, to, from_side, to_side, timeout]
        },
    );
    prop_oneof![3 => pop, 2 => moves]
}

fn step() -> impl Strategy<Value = Step> {
    let request = prop_oneof![1 => write(), 1 => wait()];
    let requests = proptest::collection::vec(prop_oneof![3 => write(), 1 => wait()], 1..4);
    prop_oneof![
        8 => (0..SESSIONS, request).prop_map(|(session, words)| Step::Run(session, words)),
        2 => (0..SESSIONS, requests).prop_map(|(session, all)| Step::Transaction(session, all)),
        1 => (0_u64..2).prop_map(Step::Pass),
        1 => (0..SESSIONS).prop_map(Step::Leave),
    ]
}

/// All replies, in the order in which they are written: whose, and the bytes.
type Replies = Vec<(usize, String)>;

#[derive(Debug, Default)]
struct Naive {
    lists: BTreeMap<String, VecDeque<String>>,
    /// Who waits, with what and until when, in the order in which they began to.
    waiting: Vec<(usize, Words, Option<u64>)>,
    ready: Vec<String>,
    seconds: u64,
    replies: Replies,
}

impl Naive {
    fn is_waiting(&self, session: usize) -> bool {
        self.waiting.iter().any(|(other, ..)| *other == session)
    }

    fn push(&mut self, key: &str, item: String, left: bool) {
        let concerns = |(_, words, _): &(usize, Words, Option<u64>)| waits_for(words, key);
        if !self.lists.contains_key(key)
            && self.waiting.iter().any(concerns)
            && !self.ready.iter().any(|other| other == key)
        {
            self.ready.push(key.to_owned());
        }
        let list = self.lists.entry(key.to_owned()).or_default();
        if left { list.push_front(item) } else { list.push_back(item) }
    }

    fn pop(&mut self, key: &str, left: bool) -> Option<String> {
        let list = self.lists.get_mut(key)?;
        let item = if left { list.pop_front() } else { list.pop_back() };
        if list.is_empty() {
            self.lists.remove(key);
        }
        item
    }

    /// The reply; `None` for a command that waits.
    fn run(&mut self, words: &[String]) -> Option<String> {
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        match words[0].as_str() {
            name @ ("LPUSH" | "RPUSH") => {
                for item in &words[2..] {
                    self.push(&words[1], item.clone(), name == "LPUSH");
                }
                Some(format!(":{}\r\n", self.lists[&words[1]].len()))
            }
            "DEL" => {
                let gone = self.lists.remove(&words[1]).is_some();
                Some(format!(":{}\r\n", u8::from(gone)))
            }
            name @ ("LPOP" | "RPOP") => {
                let item = self.pop(&words[1], name == "LPOP");
                Some(item.map_or("$-1\r\n".into(), |item| bulk(&item)))
            }
            name @ ("BLPOP" | "BRPOP") => {
                let keys = &words[1..words.len() - 1];
                let key = keys.iter().find(|key| self.lists.contains_key(*key))?;
                let item = self.pop(key, name == "BLPOP")?;
                Some(format!("*2\r\n{}{}", bulk(key), bulk(&item)))
            }
            _ => {
                let item = self.pop(&words[1], words[3] == "LEFT")?;
                let reply = bulk(&item);
                self.push(&words[2], item, words[4] == "LEFT");
                Some(reply)
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Run(session, _) | Step::Transaction(session, _) if self.is_waiting(*session) => {}
            Step::Run(session, words) => match self.run(words) {
                Some(reply) => self.replies.push((*session, reply)),
                None => {
                    let timeout: u64 = words[words.len() - 1].parse().unwrap();
                    let deadline = (timeout > 0).then_some(self.seconds + timeout);
                    self.waiting.push((*session, words.clone(), deadline));
                }
            },
            Step::Transaction(session, all) => {
                let mut reply = format!("*{}\r\n", all.len());
                for words in all {
                    let none = if words[0] == "BLMOVE" { "$-1\r\n" } else { "*-1\r\n" };
                    reply += &self.run(words).unwrap_or_else(|| none.into());
                }
                self.replies.push((*session, reply));
            }
            Step::Pass(seconds) => {
                self.seconds += seconds;
                let mut over: Vec<(u64, usize)> = self
                    .waiting
                    .iter()
                    .filter_map(|(session, _, at)| Some(((*at)?, *session)))
                    .filter(|(at, _)| *at <= self.seconds)
                    .collect();
                over.sort_unstable();
                for (_, session) in over {
                    self.waiting.retain(|(other, ..)| *other != session);
                    self.replies.push((session, "*-1\r\n".into()));
                }
            }
            Step::Leave(session) => self.waiting.retain(|(other, ..)| other != session),
        }
        self.serve();
    }

    fn serve(&mut self) {
        while !self.ready.is_empty() {
            let key = self.ready.remove(0);
            let here: Vec<_> = self
                .waiting
                .iter()
                .filter(|(_, words, _)| waits_for(words, &key))
                .cloned()
                .collect();
            for (session, words, _) in here {
                if !self.lists.contains_key(&key) {
                    break;
                }
                if let Some(reply) = self.run(&words) {
                    self.waiting.retain(|(other, ..)| *other != session);
                    self.replies.push((session, reply));
                }
            }
        }
    }
}

fn waits_for(words: &[String], key: &str) -> bool {
    let keys = if words[0] == "BLMOVE" { &words[1..2] } else { &words[1..words.len() - 1] };
    keys.iter().any(|other| other == key)
}

struct Rig {
    keyspace: Keyspace,
    sessions: Vec<Session>,
    began: Instant,
    seconds: u64,
    replies: Replies,
    /// What replicas are told.
    stream: Vec<u8>,
}

impl Rig {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "there is no other way to make one")]
        let began = Instant::now();
        let sessions = (0..SESSIONS).map(session).collect();
        let keyspace = Keyspace::new(Settings::default(), 42);
        Self { keyspace, sessions, began, seconds: 0, replies: Vec::new(), stream: Vec::new() }
    }

    fn now(&self) -> (Instant, UnixMs) {
        let began = UnixMs(1_700_000_000_000);
        (self.began + Duration::from_secs(self.seconds), UnixMs(began.0 + self.seconds * 1000))
    }

    fn request(&mut self, session: usize, words: &[String]) -> String {
        let (now, mut out) = (self.now(), Vec::new());
        let request = RequestBuf::from_args(words);
        let state = &mut self.sessions[session];
        self.keyspace.execute(&mut NoHost, state, request.as_request(), now.1, &mut out);
        if state.is_waiting() {
            assert!(out.is_empty());
            self.keyspace.start_wait(state, now.0);
        }
        self.feed();
        String::from_utf8(out).unwrap()
    }

    fn feed(&mut self) {
        self.keyspace.effects().iter().for_each(|(_, bytes)| self.stream.extend(bytes));
        self.keyspace.effects().clear();
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Run(session, _) | Step::Transaction(session, _)
                if self.sessions[*session].is_waiting() => {}
            Step::Run(session, words) => {
                let reply = self.request(*session, words);
                if !reply.is_empty() {
                    self.replies.push((*session, reply));
                }
            }
            Step::Transaction(session, all) => {
                self.request(*session, &["MULTI".into()]);
                for words in all {
                    self.request(*session, words);
                }
                let reply = self.request(*session, &["EXEC".into()]);
                self.replies.push((*session, reply));
            }
            Step::Pass(seconds) => {
                self.seconds += seconds;
                let now = self.now().0;
                while let Some(id) = self.keyspace.poll_timed_out(now) {
                    let mut out = Vec::new();
                    let state = &mut self.sessions[id as usize];
                    self.keyspace.end_wait(state, WaitEnd::TimedOut, &mut out);
                    self.replies.push((id as usize, String::from_utf8(out).unwrap()));
                }
            }
            Step::Leave(leaving) => {
                self.keyspace.forget(&mut self.sessions[*leaving]);
                self.sessions[*leaving] = session(*leaving);
            }
        }
        self.serve();
    }

    fn serve(&mut self) {
        let now = self.now().1;
        while let Some(id) = self.keyspace.poll_woken(now) {
            let mut out = Vec::new();
            let state = &mut self.sessions[id as usize];
            let through = self.keyspace.resume(&mut NoHost, state, now, &mut out);
            assert_eq!((through, state.is_waiting()), (!out.is_empty(), out.is_empty()));
            if through {
                self.replies.push((id as usize, String::from_utf8(out).unwrap()));
            }
            self.feed();
        }
        assert!(!self.keyspace.has_woken());
    }

    fn lists(keyspace: &mut Keyspace) -> BTreeMap<String, VecDeque<String>> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let lists = keyspace.data().iter(0).map(|(key, value)| {
            let redwire_keyspace::ValueRef::List(list) = value else { panic!("{value:?}") };
            (text(key), list.iter().map(text).collect())
        });
        lists.collect()
    }

    /// What the stream makes of an empty data set.
    fn copy(&self) -> Keyspace {
        let mut copy = Keyspace::new(Settings::default(), 7);
        let mut session = Session::of_primary(1);
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        let mut at = 0;
        while at < self.stream.len() {
            let decoded = decoder.decode(&self.stream[at..]).unwrap();
            at += decoded.used;
            let (request, mut out) = (decoded.request.expect("whole requests"), Vec::new());
            assert!(!request.name().starts_with(b"B"), "replicas do not wait");
            copy.execute(&mut NoHost, &mut session, request, self.now().1, &mut out);
            assert!(!out.starts_with(b"-"), "{}", out.escape_ascii());
        }
        copy
    }
}

fn session(number: usize) -> Session {
    let mut session = Session::new(number as u64);
    session.may_wait = true;
    session
}

proptest! {
    #[test]
    fn agrees_with_a_walk_over_all(steps in proptest::collection::vec(step(), 0..60)) {
        let (mut rig, mut naive) = (Rig::new(), Naive::default());
        for step in &steps {
            rig.step(step);
            naive.step(step);
            prop_assert_eq!(&rig.replies, &naive.replies, "after {:?}", step);
            let next = naive.waiting.iter().filter_map(|(.., at)| *at).min();
            let next = next.map(|at| rig.began + Duration::from_secs(at));
            prop_assert_eq!(rig.keyspace.next_deadline(), next);
        }
        prop_assert_eq!(Rig::lists(&mut rig.keyspace), naive.lists);
        prop_assert_eq!(Rig::lists(&mut rig.copy()), Rig::lists(&mut rig.keyspace));
    }
}

/// Sessions are asked before they are left without a reply.
#[test]
fn who_may_not_wait_is_answered() {
    let mut rig = Rig::new();
    rig.sessions[0].may_wait = false;
    let cases = [
        ("BLPOP k 0", "*-1\r\n"),
        ("BRPOP k 0", "*-1\r\n"),
        ("BLMOVE k l LEFT LEFT 0", "$-1\r\n"),
        ("BRPOPLPUSH k l 0", "$-1\r\n"),
        ("BLMPOP 0 1 k LEFT", "*-1\r\n"),
        ("BZPOPMIN k 0", "*-1\r\n"),
        ("BZMPOP 0 1 k MAX", "*-1\r\n"),
        ("XREAD BLOCK 0 STREAMS k $", "*-1\r\n"),
    ];
    for (line, reply) in cases {
        let words: Words = line.split(' ').map(str::to_owned).collect();
        assert_eq!(rig.request(0, &words), reply, "{line}");
        assert!(!rig.sessions[0].is_waiting());
    }
    assert_eq!(rig.keyspace.waited_keys(), (0, 0));
    assert!(rig.stream.is_empty());
}
