//! The machine beside a naive twin: a list of those who wait, walked from its begin each time.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::{List, Str, Value, Zset};

const SESSIONS: u64 = 6;
const KEYS: u8 = 4;

/// Who waits, in the order in which they began to.
#[derive(Debug)]
struct Naive {
    waits: Vec<NaiveWait>,
    /// Keys to look at, each once.
    ready: Vec<u8>,
}

#[derive(Debug, Clone)]
struct NaiveWait {
    session: u64,
    awaited: Awaited,
    keys: Vec<u8>,
    deadline: Option<u64>,
}

impl Naive {
    fn signal(&mut self, key: u8, gone: bool) {
        let concerns = |wait: &NaiveWait| {
            wait.keys.contains(&key) && (!gone || wait.awaited == Awaited::Group)
        };
        if self.waits.iter().any(concerns) && !self.ready.contains(&key) {
            self.ready.push(key);
        }
    }
}

fn wakes(awaited: Awaited, value: Option<&Value>) -> bool {
    match awaited {
        Awaited::List => matches!(value, Some(Value::List(_))),
        Awaited::Zset => matches!(value, Some(Value::Zset(_))),
        Awaited::Stream => matches!(value, Some(Value::Stream(_))),
        Awaited::Group => true,
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait {
        session: u64,
        awaited: Awaited,
        keys: Vec<u8>,
        seconds: Option<u64>,
    },
    End(u64),
    /// The key holds this now, and whether that is said.
    Put(u8, Option<Kind>),
    /// Serves all who are woken; every `nth` is answered, and `takes` the value away.
    Serve {
        nth: usize,
        takes: bool,
    },
    Pass(u64),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    List,
    Zset,
    Stream,
    String,
}

fn value(kind: Kind) -> Value {
    match kind {
        Kind::List => Value::List(List::default()),
        Kind::Zset => Value::Zset(Zset::default()),
        Kind::Stream => Value::Stream(Box::default()),
        Kind::String => Value::String(Str::default()),
    }
}

fn step() -> impl Strategy<Value = Step> {
    use Awaited::{Group, List, Stream, Zset};
    let awaited =
        prop_oneof![3 => Just(List), 1 => Just(Zset), 2 => Just(Stream), 2 => Just(Group)];
    let kind = prop_oneof![
        4 => Just(Kind::List),
        2 => Just(Kind::Zset),
        3 => Just(Kind::Stream),
        1 => Just(Kind::String),
    ];
    let keys = proptest::collection::vec(0..KEYS, 1..4);
    let wait = (0..SESSIONS, awaited, keys, proptest::option::of(1_u64..5));
    prop_oneof![
        5 => wait.prop_map(|(session, awaited, keys, seconds)| Step::Wait {
            session, awaited, keys, seconds
        }),
        1 => (0..SESSIONS).prop_map(Step::End),
        4 => (0..KEYS, proptest::option::of(kind)).prop_map(|(key, kind)| Step::Put(key, kind)),
        3 => (1_usize..4, any::<bool>()).prop_map(|(nth, takes)| Step::Serve { nth, takes }),
        1 => (0_u64..3).prop_map(Step::Pass),
    ]
}

/// The machine and its twin, over the same keys and the same clock.
struct Rig {
    waits: Waits,
    naive: Naive,
    values: Vec<Option<Value>>,
    began: Instant,
    seconds: u64,
}

impl Rig {
    fn new(began: Instant) -> Self {
        Self {
            waits: Waits::default(),
            naive: Naive { waits: Vec::new(), ready: Vec::new() },
            values: vec![None; usize::from(KEYS)],
            began,
            seconds: 0,
        }
    }

    fn now(&self) -> Instant {
        self.began + Duration::from_secs(self.seconds)
    }

    fn next(&mut self) -> Option<u64> {
        let values = &self.values;
        self.waits.next(|_, key| values[usize::from(key[0])].as_ref().map(Value::view))
    }

    fn end(&mut self, session: u64) {
        self.naive.waits.retain(|wait| wait.session != session);
        self.waits.end(session);
    }

    fn put(&mut self, key: u8, kind: Option<Kind>) {
        self.values[usize::from(key)] = kind.map(value);
        self.naive.signal(key, kind.is_none());
        match kind {
            Some(_) => self.waits.signal(3, &[key]),
            None => self.waits.signal_gone(3, &[key]),
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Wait { session, awaited, keys, seconds } => {
                self.end(session);
                let timeout = seconds.map(Duration::from_secs);
                let blobs = keys.iter().map(|key| Blob::from(&[*key][..])).collect();
                let wish = Wish { awaited, keys: blobs, timeout, request: None, age: None };
                self.waits.begin(session, 3, wish, RequestBuf::from_args(["X"]));
                self.waits.start_clock(session, self.now());
                let deadline = seconds.map(|seconds| self.seconds + seconds);
                self.naive.waits.push(NaiveWait { session, awaited, keys, deadline });
            }
            Step::End(session) => self.end(session),
            Step::Put(key, kind) => self.put(key, kind),
            Step::Serve { nth, takes } => self.serve(nth, takes),
            Step::Pass(seconds) => self.pass(seconds),
        }
    }

    fn serve(&mut self, nth: usize, takes: bool) {
        let mut turns = 0;
        while !self.naive.ready.is_empty() {
            let key = self.naive.ready.remove(0);
            let here = self.naive.waits.clone();
            for wait in here.iter().filter(|wait| wait.keys.contains(&key)) {
                if !wakes(wait.awaited, self.values[usize::from(key)].as_ref()) {
                    continue;
                }
                assert_eq!(self.next(), Some(wait.session), "at key {key}");
                turns += 1;
                if turns % nth == 0 {
                    self.end(wait.session);
                    if takes && self.values[usize::from(key)].is_some() {
                        self.put(key, None);
                    }
                }
            }
        }
        assert_eq!(self.next(), None);
        assert!(!self.waits.is_ready());
    }

    fn pass(&mut self, seconds: u64) {
        self.seconds += seconds;
        let mut over: Vec<(u64, u64)> = self
            .naive
            .waits
            .iter()
            .filter_map(|wait| {
                Some((wait.deadline.filter(|at| *at <= self.seconds)?, wait.session))
            })
            .collect();
        over.sort_unstable();
        for (_, session) in over {
            assert_eq!(self.waits.due(self.now()), Some(session));
            self.end(session);
        }
        assert_eq!(self.waits.due(self.now()), None);
        let next = self.naive.waits.iter().filter_map(|wait| wait.deadline).min();
        let next = next.map(|at| self.began + Duration::from_secs(at));
        assert_eq!(self.waits.next_deadline(), next);
    }

    fn check(&self) {
        let at = |key: u8| self.naive.waits.iter().filter(move |wait| wait.keys.contains(&key));
        let keys = (0..KEYS).filter(|key| at(*key).next().is_some()).count();
        let groups = |key: &u8| at(*key).any(|wait| wait.awaited == Awaited::Group);
        assert_eq!(self.waits.keys(), (keys, (0..KEYS).filter(groups).count()));
        assert_eq!(self.waits.sessions.len(), self.naive.waits.len());
    }
}

fn instant() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "there is no other way to make one")]
    Instant::now()
}

proptest! {
    #[test]
    fn agrees_with_a_list_of_all(steps in proptest::collection::vec(step(), 0..80)) {
        let mut rig = Rig::new(instant());
        for step in steps {
            rig.run(step);
            rig.check();
        }
        rig.serve(1, false);
        for session in 0..SESSIONS {
            rig.end(session);
        }
        rig.check();
        prop_assert_eq!(rig.waits.next_deadline(), None);
    }
}

/// A push that serves the first of very many costs no look at the others, nor does an end in
/// their midst.
#[test]
fn many_wait_at_one_key() {
    const MANY: u64 = 20_000;
    let mut waits = Waits::default();
    for session in 0..MANY {
        let keys = vec![Blob::from(&b"k"[..])];
        let wish = Wish { awaited: Awaited::List, keys, timeout: None, request: None, age: None };
        waits.begin(session, 0, wish, RequestBuf::from_args(["BLPOP", "k", "0"]));
    }
    let list = Value::List(List::default());
    for session in 0..MANY {
        if session % 2 == 1 {
            waits.end(session);
            continue;
        }
        waits.signal(0, b"k");
        waits.signal(0, b"k");
        assert_eq!(waits.next(|_, _| Some(list.view())), Some(session));
        waits.end(session);
        assert_eq!(waits.next(|_, _| None), None);
    }
    assert_eq!(waits.keys(), (0, 0));
}

/// Who comes while the others have their turn, even whose turn it is, waits for the next time.
#[test]
fn a_turn_ends() {
    let mut waits = Waits::default();
    let begin = |waits: &mut Waits, session| {
        let keys = vec![Blob::from(&b"s"[..])];
        let wish = Wish { awaited: Awaited::Stream, keys, timeout: None, request: None, age: None };
        waits.begin(session, 0, wish, RequestBuf::from_args(["XREAD"]));
    };
    let stream = Value::Stream(Box::default());
    begin(&mut waits, 1);
    begin(&mut waits, 2);
    waits.signal(0, b"s");
    assert_eq!(waits.next(|_, _| Some(stream.view())), Some(1));
    begin(&mut waits, 1);
    begin(&mut waits, 3);
    assert_eq!(waits.next(|_, _| Some(stream.view())), Some(2));
    assert_eq!(waits.next(|_, _| Some(stream.view())), None);
    waits.signal(0, b"s");
    let order: Vec<u64> = std::iter::from_fn(|| waits.next(|_, _| Some(stream.view()))).collect();
    assert_eq!(order, [2, 1, 3]);
}
