//! The same random commands to a real Redis 7.0 and to redwire alone, to an 8.0 where fields of hashes
//! expire: equal replies wherever a server may not choose, and equal data in the end.

use redwire_testkit::workload::{DATABASES, Workload, dataset, seed};
use redwire_testkit::{
    Client, Command, Peer, Redwire, Reply, Server, assert_same_data, assert_same_fields, printable,
};

/// Commands of a run.
const COMMANDS: usize = 60_000;
/// Commands between two looks at the replies.
const BATCH: usize = 500;
/// Commands on the same key that a failure shows.
const SHOWN: usize = 20;

/// Commands whose reply has no order of its own.
const UNORDERED: &[&str] =
    &["HKEYS", "HVALS", "KEYS", "SDIFF", "SINTER", "SMEMBERS", "SUNION", "HGETALL"];

/// Two servers that get the same commands.
struct Pair {
    real: Client,
    ours: Client,
    /// What ran so far, each with the database that was selected.
    history: Vec<(Vec<u8>, Command)>,
    database: Vec<u8>,
    /// Commands queued by an open MULTI.
    queued: Option<Vec<Command>>,
}

impl Pair {
    /// Runs the commands on both sides and compares every reply.
    fn run(&mut self, commands: &[Command]) {
        for batch in commands.chunks(BATCH) {
            let (expected, got) = (self.real.pipeline(batch), self.ours.pipeline(batch));
            for ((command, expected), got) in batch.iter().zip(expected).zip(got) {
                if command[0] == b"SELECT" {
                    self.database = command[1].clone();
                }
                self.history.push((self.database.clone(), command.clone()));
                let expected = self.comparable(command, expected);
                let got = self.comparable(command, got);
                if expected != got {
                    self.fail(command, &expected, &got);
                }
                self.follow_transaction(command);
            }
        }
    }

    /// The reply with an order of its own, also inside that of EXEC.
    fn comparable(&self, command: &Command, reply: Reply) -> Reply {
        match (&command[0][..], reply, &self.queued) {
            (b"EXEC", Reply::Array(replies), Some(queued)) => Reply::Array(
                queued
                    .iter()
                    .zip(replies)
                    .map(|(command, reply)| ordered(command, reply))
                    .collect(),
            ),
            (_, reply, _) => ordered(command, reply),
        }
    }

    fn follow_transaction(&mut self, command: &Command) {
        match &command[0][..] {
            b"MULTI" => self.queued = Some(Vec::new()),
            b"EXEC" | b"DISCARD" => self.queued = None,
            _ => {
                if let Some(queued) = &mut self.queued {
                    queued.push(command.clone());
                }
            }
        }
    }

    /// Names the command, in a transaction the queued one, and the past of its keys.
    fn fail(&self, command: &Command, expected: &Reply, got: &Reply) -> ! {
        let in_transaction = self.queued.iter().flatten();
        let replies = expected.elements().iter().zip(got.elements());
        let culprit = in_transaction.zip(replies).find(|(_, (expected, got))| expected != got);
        let (command, expected, got) =
            culprit.map_or((command, expected, got), |(command, (e, g))| (command, e, g));
        let key = command.get(1);
        let related = |(database, past): &&(Vec<u8>, Command)| {
            *database == self.database && past[1..].iter().any(|argument| Some(argument) == key)
        };
        let past: Vec<_> = self.history.iter().rev().filter(related).take(SHOWN).collect();
        let past: Vec<_> = past.iter().rev().map(|(_, command)| printable(command)).collect();
        panic!(
            "command {} differs: {}\n  real: {expected:?}\n  ours: {got:?}\nthe past of its keys:\n{}",
            self.history.len(),
            printable(command),
            past.join("\n")
        );
    }
}

fn ordered(command: &Command, reply: Reply) -> Reply {
    let name = String::from_utf8_lossy(&command[0]);
    match reply {
        // Fields and values in turn: keep the pairs.
        Reply::Array(flat) if name == "HGETALL" => {
            Reply::Map(flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
                .sorted()
        }
        reply if UNORDERED.contains(&&*name) => reply.sorted(),
        reply if name.starts_with('Z') => shortest(reply),
        reply if name == "XPENDING" || name == "XINFO" => timeless(reply),
        reply => reply,
    }
}

/// The reply with every score in its shortest form: Redis before 7.2 prints 17 digits, redwire and
/// later servers as few as tell the number from all others. (Members that are numbers change alike
/// on both sides.)
fn shortest(reply: Reply) -> Reply {
    let number = |text: &[u8]| str::from_utf8(text).ok()?.parse::<f64>().ok();
    match reply {
        Reply::Bulk(text) => Reply::Bulk(number(&text).map_or(text, |n| n.to_string().into())),
        Reply::Double(text) => Reply::Double(number(&text).map_or(text, |n| n.to_string().into())),
        Reply::Array(elements) => Reply::Array(elements.into_iter().map(shortest).collect()),
        reply => reply,
    }
}

/// The reply without moments and idle times, which no two servers have alike.
fn timeless(reply: Reply) -> Reply {
    const MOMENT: i64 = 1_000_000_000_000;
    match reply {
        Reply::Int(number) if number >= MOMENT => Reply::Int(0),
        Reply::Array(mut elements) => {
            match &mut elements[..] {
                [Reply::Bulk(_), Reply::Bulk(_), Reply::Int(idle), Reply::Int(_)] => *idle = 0,
                [.., Reply::Bulk(name), Reply::Int(idle)] if name == b"idle" => *idle = 0,
                _ => {}
            }
            Reply::Array(elements.into_iter().map(timeless).collect())
        }
        Reply::Map(pairs) => Reply::Map(
            pairs
                .into_iter()
                .map(|(name, value)| {
                    let is_idle = name.bytes() == Some(b"idle");
                    let value = if is_idle { Reply::Int(0) } else { timeless(value) };
                    (name, value)
                })
                .collect(),
        ),
        reply => reply,
    }
}

fn differential(peer: Peer, workload: impl Iterator<Item = Command>, protocol: &str) {
    let Some(real) = peer.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let mut pair = Pair {
        real: real.client(),
        ours: ours.client(),
        history: Vec::new(),
        database: b"0".to_vec(),
        queued: None,
    };
    for client in [&mut pair.real, &mut pair.ours] {
        client.ok(&["HELLO", protocol]);
    }
    let compare: fn(&Server, &Server) = match peer {
        Peer::Redis70 => assert_same_data,
        _ => assert_same_hashes,
    };
    pair.run(&dataset(seed(20)));
    compare(&real, &ours);
    let mut workload = workload;
    for _ in 0..6 {
        pair.run(&workload.by_ref().take(COMMANDS / 6).collect::<Vec<_>>());
        compare(&real, &ours);
    }
}

/// Checks hashes by their digests, and the moments of their fields. (Those of sorted sets differ
/// where scores are printed with other digits.)
fn assert_same_hashes(real: &Server, ours: &Server) {
    let (mut a, mut b) = (real.client(), ours.client());
    for database in 0..DATABASES {
        let [keys, others] = [&mut a, &mut b].map(|client| {
            client.ok(&["SELECT", &database.to_string()]);
            client.ok(&["KEYS", "*"]).sorted()
        });
        assert_eq!(keys, others, "keys of database {database}");
        for key in keys.elements().iter().filter_map(Reply::bytes) {
            let is_hash = a.ok(&[&b"TYPE"[..], key]).text() == "hash";
            let command = [&b"DEBUG"[..], b"DIGEST-VALUE", key];
            assert!(!is_hash || a.ok(&command) == b.ok(&command), "{}", key.escape_ascii());
        }
    }
    assert_same_fields(real, ours);
}

#[test]
fn resp2() {
    differential(Peer::Redis70, Workload::decided(seed(21)).recent(), "2");
}

#[test]
fn resp3() {
    differential(Peer::Redis70, Workload::decided(seed(22)).recent(), "3");
}

#[test]
fn field_expiry() {
    // Coordinates are printed otherwise since 7.0, and so are streams.
    let is_wanted = |command: &Command| !command[0].starts_with(b"GEO");
    let workload = Workload::decided(seed(23)).field_expiry().filter(is_wanted);
    differential(Peer::Redis80, workload, "2");
}
