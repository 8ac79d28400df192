//! The same random commands to a real Redis 7.0 and to redwire alone, to an 8.0 and a Valkey 9.1 where
//! fields of hashes expire: equal replies wherever a server may not choose, and equal data in the end.
//! A sequence that fails is made short before it is shown.
//!
//! `REDWIRE_DIFFERENTIAL` says how many commands each test runs.

#[path = "differential/shrink.rs"]
mod shrink;

use redwire_testkit::workload::{DATABASES, Workload, dataset, seed};
use redwire_testkit::{
    Client, Command, Peer, Redwire, Reply, Server, assert_same_data, assert_same_fields, printable,
};
use shrink::shrink;

/// Commands of a test unless the environment says otherwise: a million in all four.
const COMMANDS: usize = 250_000;
/// Commands between two looks at the replies.
const BATCH: usize = 1000;
/// Looks at the data in a test.
const LOOKS: usize = 6;
/// Commands that a failure shows.
const SHOWN: usize = 60;

/// Commands whose reply has no order of its own.
const UNORDERED: &[&str] =
    &["HKEYS", "HVALS", "KEYS", "SDIFF", "SINTER", "SMEMBERS", "SUNION", "HGETALL"];

/// Two servers that get the same commands.
struct Pair {
    real: Client,
    ours: Client,
    protocol: &'static str,
    /// Whether all errors are alike: where a command has two, Valkey may tell the other.
    any_error: bool,
    /// Commands queued by an open MULTI.
    queued: Option<Vec<Command>>,
}

/// A command that the servers answered differently.
struct Difference {
    /// How many commands came before it.
    index: usize,
    text: String,
}

impl Pair {
    fn new(peer: Peer, real: &Server, ours: &Server, protocol: &'static str) -> Pair {
        let any_error = peer == Peer::Valkey91;
        let mut pair =
            Pair { real: real.client(), ours: ours.client(), protocol, any_error, queued: None };
        pair.greet();
        pair
    }

    fn greet(&mut self) {
        for client in [&mut self.real, &mut self.ours] {
            client.ok(&["HELLO", self.protocol]);
        }
    }

    /// Empties both servers.
    fn start_over(&mut self) {
        for client in [&mut self.real, &mut self.ours] {
            client.ok(&["RESET"]);
            client.ok(&["FLUSHALL"]);
        }
        self.greet();
        self.queued = None;
    }

    /// Runs the commands on both sides at once and compares every reply.
    fn run(&mut self, commands: &[Command]) -> Result<(), Difference> {
        for (number, batch) in commands.chunks(BATCH).enumerate() {
            let (real, ours) = (&mut self.real, &mut self.ours);
            let (expected, got) = std::thread::scope(|scope| {
                let expected = scope.spawn(|| real.pipeline(batch));
                let got = ours.pipeline(batch);
                (expected.join().expect("the real server answers"), got)
            });
            for (at, ((command, expected), got)) in batch.iter().zip(expected).zip(got).enumerate()
            {
                if expected != got {
                    let expected = self.comparable(command, expected);
                    let got = self.comparable(command, got);
                    if expected != got {
                        let text = self.describe(command, &expected, &got);
                        return Err(Difference { index: number * BATCH + at, text });
                    }
                }
                self.follow_transaction(command);
            }
        }
        Ok(())
    }

    /// The reply with an order of its own, also inside that of EXEC.
    fn comparable(&self, command: &Command, reply: Reply) -> Reply {
        match (&command[0][..], reply, &self.queued) {
            (b"EXEC", Reply::Array(replies), Some(queued)) => Reply::Array(
                queued
                    .iter()
                    .zip(replies)
                    .map(|(command, reply)| self.textless(ordered(command, reply)))
                    .collect(),
            ),
            (_, reply, _) => self.textless(ordered(command, reply)),
        }
    }

    /// The reply, an error without its text where that is not compared.
    fn textless(&self, reply: Reply) -> Reply {
        match reply {
            Reply::Error(_) if self.any_error => Reply::Error(Vec::new()),
            reply => reply,
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

    /// Names the command, in a transaction the queued one.
    fn describe(&self, command: &Command, expected: &Reply, got: &Reply) -> String {
        let in_transaction = self.queued.iter().flatten();
        let replies = expected.elements().iter().zip(got.elements());
        let culprit = in_transaction.zip(replies).find(|(_, (expected, got))| expected != got);
        let (command, expected, got) =
            culprit.map_or((command, expected, got), |(command, (e, g))| (command, e, g));
        format!("{} differs\n  real: {expected:?}\n  ours: {got:?}", printable(command))
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

/// Commands in all, from a data set on; the same each time for the same test.
fn sequence(
    workload: impl Iterator<Item = Command>,
    count: usize,
) -> impl Iterator<Item = Command> {
    dataset(seed(20)).into_iter().chain(workload.take(count))
}

fn differential<W: Iterator<Item = Command>>(
    peer: Peer,
    workload: impl Fn() -> W,
    protocol: &'static str,
) {
    let Some(real) = peer.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let asked = std::env::var("REDWIRE_DIFFERENTIAL").ok().and_then(|text| text.parse().ok());
    let count: usize = asked.unwrap_or(COMMANDS);
    let by_digest = peer == Peer::Redis70;
    let mut pair = Pair::new(peer, &real, &ours, protocol);
    let (mut commands, mut ran) = (sequence(workload(), count), 0);
    loop {
        let part: Vec<Command> = commands.by_ref().take(count.div_ceil(LOOKS)).collect();
        if part.is_empty() {
            return;
        }
        if let Err(difference) = pair.run(&part) {
            // Making it short can take many minutes.
            println!("after {} commands: {}", ran + difference.index, difference.text);
            let failing = sequence(workload(), count).take(ran + difference.index + 1).collect();
            let short = shrink(failing, |commands| {
                pair.start_over();
                pair.run(commands).err().map(|difference| difference.index + 1)
            });
            fail(&difference.text, &short);
        }
        ran += part.len();
        if !by_digest {
            assert_same_hashes(&real, &ours);
        } else if pair.real.digest() != pair.ours.digest() {
            println!("the data differ after {ran} commands");
            let failing = sequence(workload(), count).take(ran).collect();
            let short = shrink(failing, |commands| {
                pair.start_over();
                let ended = pair.run(commands).is_err();
                let data = pair.real.digest() != pair.ours.digest();
                (ended || data).then_some(commands.len())
            });
            println!("the data differ after {ran} commands, and after these:");
            short.iter().take(SHOWN).for_each(|command| println!("{}", printable(command)));
            assert_same_data(&real, &ours);
            panic!("the data differed");
        }
    }
}

fn fail(difference: &str, commands: &[Command]) -> ! {
    let first = commands.len().saturating_sub(SHOWN);
    let lines: Vec<String> = commands[first..].iter().map(|it| printable(it)).collect();
    panic!("{difference}\n{} commands to get there:\n{}", commands.len(), lines.join("\n"));
}

/// Checks hashes, and the moments of their fields. (Digests of sorted sets differ where scores are
/// printed with other digits, those of hashes in Valkey, which has the moments in them.)
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
            let command: Command = vec![b"HGETALL".to_vec(), key.to_vec()];
            let [theirs, own] =
                [&mut a, &mut b].map(|client| ordered(&command, client.call(&command)));
            assert!(!is_hash || theirs == own, "{}", key.escape_ascii());
        }
    }
    assert_same_fields(real, ours);
}

#[test]
fn resp2() {
    differential(Peer::Redis70, || Workload::decided(seed(21)).recent(), "2");
}

#[test]
fn resp3() {
    differential(Peer::Redis70, || Workload::decided(seed(22)).recent(), "3");
}

/// Commands that are answered alike by servers newer than 7.0: they print coordinates otherwise, and
/// tell more of streams.
fn newer(seed: u64) -> impl Iterator<Item = Command> {
    let is_wanted = |command: &Command| !command[0].starts_with(b"GEO");
    Workload::decided(seed).field_expiry().filter(is_wanted)
}

#[test]
fn field_expiry() {
    differential(Peer::Redis80, || newer(seed(23)), "2");
}

#[test]
fn field_expiry_of_valkey() {
    // Valkey rounds seconds of fields otherwise.
    let rounds = |command: &Command| [&b"HEXPIRETIME"[..], b"HTTL"].contains(&&*command[0]);
    let workload = || newer(seed(24)).filter(|command| !rounds(command));
    differential(Peer::Valkey91, workload, "3");
}
