//! A consumer that waits for pending entries to come of age (`XREADGROUP` with `BLOCK` and `CLAIM`), on
//! virtual time: it is woken when, and only when, `XPENDING` has an entry for it.

#![allow(clippy::unwrap_used, reason = "a test")]

use proptest::prelude::*;
use redwire_keyspace::{Keyspace, NoHost, Session, Settings, UnixMs, WaitEnd};
use redwire_resp::RequestBuf;

/// How old what is claimed has to be, in ms.
const AGE: u64 = 10;

struct Rig {
    keyspace: Keyspace,
    op: Session,
    waiter: Session,
    now: UnixMs,
    /// What the waiter was answered.
    answers: Vec<String>,
}

impl Rig {
    fn new() -> Self {
        let [op, mut waiter] = [1, 2].map(Session::new);
        waiter.may_wait = true;
        let keyspace = Keyspace::new(Settings::default(), 42);
        let mut rig = Self { keyspace, op, waiter, now: UnixMs(1000), answers: Vec::new() };
        rig.run("XGROUP CREATE s g 0 MKSTREAM");
        rig
    }

    fn run(&mut self, line: &str) -> String {
        let request = RequestBuf::from_args(line.split(' '));
        let mut out = Vec::new();
        let request = request.as_request();
        self.keyspace.execute(&mut NoHost, &mut self.op, request, self.now, &mut out);
        self.serve();
        String::from_utf8(out).unwrap()
    }

    fn wait(&mut self) {
        if self.waiter.is_waiting() {
            return;
        }
        let line = format!("XREADGROUP GROUP g w BLOCK 0 CLAIM {AGE} STREAMS s >");
        let request = RequestBuf::from_args(line.split(' '));
        let mut out = Vec::new();
        let request = request.as_request();
        self.keyspace.execute(&mut NoHost, &mut self.waiter, request, self.now, &mut out);
        self.note(out);
    }

    fn note(&mut self, out: Vec<u8>) {
        if !out.is_empty() {
            self.answers.push(String::from_utf8(out).unwrap());
        }
    }

    fn serve(&mut self) {
        self.keyspace.wake_aged(self.now);
        while self.keyspace.poll_woken(self.now).is_some() {
            let mut out = Vec::new();
            self.keyspace.resume(&mut NoHost, &mut self.waiter, self.now, &mut out);
            self.note(out);
        }
    }

    /// In how many ms each pending entry that is there comes of age.
    fn left(&mut self) -> Vec<u64> {
        let pending = self.run("XPENDING s g - + 100");
        let lines: Vec<&str> = pending.split("\r\n").collect();
        // Of each entry: its id behind two lines, idle behind two more.
        let entries = lines.iter().enumerate().skip(1).filter(|(_, line)| **line == "*4");
        let entries: Vec<(String, u64)> = entries
            .map(|(at, _)| (lines[at + 2].to_owned(), lines[at + 5][1..].parse().unwrap()))
            .collect();
        let there = entries.into_iter().filter(|(id, _)| {
            let found = self.run(&format!("XRANGE s {id} {id}"));
            found != "*0\r\n"
        });
        there.map(|(_, idle)| AGE.saturating_sub(idle)).collect()
    }

    fn check(&mut self) {
        let left = self.left();
        if self.waiter.is_waiting() {
            assert!(left.iter().all(|left| *left > 0), "it still waits: {left:?}");
            // It may look once too often, for an entry that was taken off meanwhile.
            let looks = self.keyspace.next_age();
            assert!(looks.is_none_or(|at| at > self.now), "{looks:?} at {:?}", self.now);
            if let Some(left) = left.iter().min() {
                let next = UnixMs(self.now.0 + left);
                assert!(looks.is_some_and(|at| at <= next), "{looks:?}, but {next:?}");
            }
        } else {
            assert_eq!(self.keyspace.next_age(), None);
        }
    }
}

fn step() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("wait".to_owned()),
        3 => (1_u64..8).prop_map(|ms| format!("pass {ms}")),
        // Delivered to another before the waiter has its turn.
        3 => Just("deliver".to_owned()),
        1 => Just("XADD s * f v".to_owned()),
        1 => Just("leave".to_owned()),
        2 => (1_u64..5).prop_map(|id| format!("XACK s g {id}-0")),
        1 => (1_u64..5).prop_map(|id| format!("XDEL s {id}-0")),
        2 => (1_u64..5, 0_u64..15).prop_map(|(id, idle)| {
            format!("XCLAIM s g other 0 {id}-0 IDLE {idle}")
        }),
        1 => (1_u64..5).prop_map(|id| format!("XCLAIM s g other 0 {id}-0")),
    ]
}

proptest! {
    #[test]
    fn woken_when_an_entry_comes_of_age(steps in proptest::collection::vec(step(), 0..40)) {
        let mut rig = Rig::new();
        let mut added = 0;
        for step in &steps {
            match step.split_once(' ') {
                None if step == "wait" => rig.wait(),
                None if step == "leave" => {
                    let mut out = Vec::new();
                    rig.keyspace.end_wait(&mut rig.waiter, WaitEnd::TimedOut, &mut out);
                }
                None => {
                    added += 1;
                    rig.run("MULTI");
                    rig.run(&format!("XADD s {added}-0 f v"));
                    rig.run("XREADGROUP GROUP g other STREAMS s >");
                    rig.run("EXEC");
                }
                Some(("pass", ms)) => {
                    for _ in 0..ms.parse::<u64>().unwrap() {
                        rig.now.0 += 1;
                        rig.serve();
                        rig.check();
                    }
                }
                Some(_) => drop(rig.run(step)),
            }
            rig.check();
        }
    }
}

#[test]
fn an_entry_comes_of_age() {
    let mut rig = Rig::new();
    rig.run("XADD s 1-0 f v");
    rig.run("XREADGROUP GROUP g other STREAMS s >");
    rig.now.0 += 4;
    rig.wait();
    assert_eq!(rig.keyspace.next_age(), Some(UnixMs(1000 + AGE)));
    rig.now.0 += 5;
    rig.serve();
    assert!(rig.waiter.is_waiting());
    rig.now.0 += 1;
    rig.serve();
    assert!(!rig.waiter.is_waiting());
    let entry = "*4\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n:10\r\n:1\r\n";
    assert_eq!(rig.answers, [format!("*1\r\n*2\r\n$1\r\ns\r\n*1\r\n{entry}")]);
}
