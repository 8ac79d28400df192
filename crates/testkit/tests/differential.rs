//! The same random commands to a real server and to redwire: to a Redis 7.0, to an 8.0, a Valkey 9.1
//! and a Redis 8.6 with what those have beyond it. Equal replies wherever a server may not choose, and
//! equal data in the end. A sequence that fails is made short before it is shown. What is drawn is all
//! that there is: see `coverage`.
//!
//! `REDWIRE_DIFFERENTIAL` says how many commands each test runs, `REDWIRE_PROTOCOL` in which protocol.

#[path = "differential/coverage.rs"]
mod coverage;
#[path = "differential/ordered.rs"]
mod ordered;
#[path = "differential/shrink.rs"]
mod shrink;

use std::cell::RefCell;
use std::collections::BTreeMap;

use ordered::ordered;
use redwire_testkit::workload::{DATABASES, Workload, dataset, seed};
use redwire_testkit::{
    Client, Command, Peer, Redwire, Reply, Server, assert_same_data, assert_same_fields, printable,
    wording,
};
use shrink::shrink;

/// Commands of a test unless the environment says otherwise: a million in the four whose server is
/// required.
const COMMANDS: usize = 250_000;
/// Commands between two looks at the replies.
const BATCH: usize = 1000;
/// Looks at the data in a test.
const LOOKS: usize = 6;
/// Commands that a failure shows.
const SHOWN: usize = 60;

/// Nodes of streams that a few entries fill, so that trims by whole nodes come to several.
const SMALL_NODES: &[&str] = &["--stream-node-max-entries", "8"];

/// Two servers that get the same commands.
struct Pair {
    real: Client,
    ours: Client,
    protocol: &'static str,
    peer: Peer,
    /// Commands queued by an open MULTI.
    queued: Option<Vec<Command>>,
    /// Errors in other words that are not known to be, each with a command: all of them are worth more
    /// than one made short.
    worded: RefCell<BTreeMap<String, String>>,
}

/// A command that the servers answered differently.
struct Difference {
    /// How many commands came before it.
    index: usize,
    text: String,
}

impl Pair {
    fn new(peer: Peer, real: &Server, ours: &Server, protocol: &'static str) -> Pair {
        let (real, ours) = (real.client(), ours.client());
        let worded = RefCell::default();
        let mut pair = Pair { real, ours, protocol, peer, queued: None, worded };
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
                    if !self.is_alike(command, &expected, &got) {
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
                    .map(|(command, reply)| ordered(command, reply))
                    .collect(),
            ),
            (_, reply, _) => ordered(command, reply),
        }
    }

    /// Whether comparable replies say the same, also inside that of EXEC: the error of another server may
    /// have other words.
    fn is_alike(&self, command: &Command, expected: &Reply, got: &Reply) -> bool {
        match (expected, got, &self.queued) {
            (Reply::Array(expected), Reply::Array(got), Some(queued)) if command[0] == b"EXEC" => {
                let replies = queued.iter().zip(expected.iter().zip(got));
                expected.len() == got.len()
                    && replies.into_iter().all(|(command, (e, g))| self.is_same(command, e, g))
            }
            _ => self.is_same(command, expected, got),
        }
    }

    fn is_same(&self, command: &Command, expected: &Reply, got: &Reply) -> bool {
        if expected == got || !expected.is_error() || !got.is_error() {
            return expected == got;
        }
        let [real, ours] = [expected, got].map(Reply::text);
        if !wording::is_known(self.peer, command, Some(&real), Some(&ours)) {
            // What stands behind the first words is most often an argument.
            let [real, ours] = [real, ours].map(|text| text.chars().take(16).collect::<String>());
            let name = String::from_utf8_lossy(&command[0]);
            let difference = format!("{name}\n  real: {real}...\n  ours: {ours}...");
            self.worded.borrow_mut().entry(difference).or_insert_with(|| printable(command));
        }
        true
    }

    /// Fails if errors had other words than they are known to have.
    fn assert_known_words(&self) {
        let worded = self.worded.borrow();
        let lines = worded.iter().map(|(difference, command)| format!("{difference}\n  {command}"));
        let lines: Vec<String> = lines.collect();
        assert!(lines.is_empty(), "{} in other words:\n{}", lines.len(), lines.join("\n"));
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
        let differs =
            |(command, (e, g)): &(&Command, (&Reply, &Reply))| !self.is_same(command, e, g);
        let culprit = in_transaction.zip(replies).find(differs);
        let (command, expected, got) =
            culprit.map_or((command, expected, got), |(command, (e, g))| (command, e, g));
        format!("{} differs\n  real: {expected:?}\n  ours: {got:?}", printable(command))
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
    let asked = std::env::var("REDWIRE_PROTOCOL").ok();
    let protocol = asked.map_or(protocol, |asked| if asked == "2" { "2" } else { "3" });
    // A real server looks at its clock, and so at who has waited long enough, so many times a second.
    let Some(real) = peer.start(&[&["--hz", "500"], SMALL_NODES].concat()) else { return };
    let ours = Redwire::start(SMALL_NODES);
    let asked = std::env::var("REDWIRE_DIFFERENTIAL").ok().and_then(|text| text.parse().ok());
    let count: usize = asked.unwrap_or(COMMANDS);
    let by_digest = peer == Peer::Redis70;
    let mut pair = Pair::new(peer, &real, &ours, protocol);
    let (mut commands, mut ran) = (sequence(workload(), count), 0);
    loop {
        let part: Vec<Command> = commands.by_ref().take(count.div_ceil(LOOKS)).collect();
        if part.is_empty() {
            return pair.assert_known_words();
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
            drop_brief(&real, &ours);
            assert_same_values(&real, &ours);
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

/// Deletes the hashes whose fields expire at moments that no two servers have alike.
fn drop_brief(real: &Server, ours: &Server) {
    for mut client in [real.client(), ours.client()] {
        for database in 0..DATABASES {
            client.ok(&["SELECT", &database.to_string()]);
            for key in client.ok(&["KEYS", "brief:*"]).elements().iter().filter_map(Reply::bytes) {
                client.ok(&[&b"DEL"[..], key]);
            }
        }
    }
}

/// Checks every value, and the moments of the fields of hashes. (Digests of sorted sets differ where
/// scores are printed with other digits, those of hashes in Valkey, which has the moments in them.)
fn assert_same_values(real: &Server, ours: &Server) {
    let (mut a, mut b) = (real.client(), ours.client());
    for database in 0..DATABASES {
        let [keys, others] = [&mut a, &mut b].map(|client| {
            client.ok(&["SELECT", &database.to_string()]);
            client.ok(&["KEYS", "*"]).sorted()
        });
        assert_eq!(keys, others, "keys of database {database}");
        for key in keys.elements().iter().filter_map(Reply::bytes) {
            let whole = match &*a.ok(&[&b"TYPE"[..], key]).text() {
                "string" => "GET *",
                "list" => "LRANGE * 0 -1",
                "hash" => "HGETALL *",
                "set" => "SMEMBERS *",
                "zset" => "ZRANGE * 0 -1 WITHSCORES",
                "stream" => "XRANGE * - +",
                other => panic!("a key holds a {other}"),
            };
            let word = |word: &str| if word == "*" { key.to_vec() } else { word.into() };
            let command: Command = whole.split(' ').map(word).collect();
            let [theirs, own] =
                [&mut a, &mut b].map(|client| ordered(&command, client.call(&command)));
            assert!(theirs == own, "database {database}: {}", key.escape_ascii());
        }
    }
    assert_same_fields(real, ours);
}

/// What each test sends: to a Redis 7.0 in RESP2 and RESP3, to a Redis 8.0, a Valkey 9.1, a Redis 8.6.
fn workloads() -> [Box<dyn Iterator<Item = Command>>; 5] {
    [
        Box::new(of_redis70(21)),
        Box::new(of_redis70(22)),
        Box::new(newer(Peer::Redis80, 23)),
        Box::new(of_valkey()),
        Box::new(newer(Peer::Redis86, 25)),
    ]
}

fn of_redis70(own: u64) -> impl Iterator<Item = Command> {
    Workload::decided(seed(own)).recent().whole(Peer::Redis70)
}

/// Commands that are answered alike by servers newer than 7.0: they print coordinates otherwise, tell
/// more of streams, have other forms of collections, let XSETID not go back before what was deleted,
/// and make a consumer that claims nothing.
fn newer(peer: Peer, own: u64) -> impl Iterator<Item = Command> {
    let is_wanted = |command: &Command| {
        let name = &command[0];
        let has = |word: &[u8]| command.iter().any(|arg| arg.eq_ignore_ascii_case(word));
        let form = name == b"OBJECT" && (has(b"ENCODING") || has(b"REFCOUNT"));
        let others = [&b"GEOPOS"[..], b"XINFO", b"XSETID"].contains(&&**name);
        !others && !form && !has(b"WITHCOORD") && !has(b"CREATECONSUMER")
    };
    Workload::decided(seed(own)).recent().field_expiry().whole(peer).filter(is_wanted)
}

fn of_valkey() -> impl Iterator<Item = Command> {
    // Valkey rounds seconds of fields otherwise, and a watched key may stay as it was where an LTRIM
    // or an HSETEX changes nothing.
    let others = [&b"HEXPIRETIME"[..], b"HTTL", b"WATCH"];
    newer(Peer::Valkey91, 24).filter(move |command| !others.contains(&&*command[0]))
}

#[test]
fn resp2() {
    differential(Peer::Redis70, || of_redis70(21), "2");
}

#[test]
fn resp3() {
    differential(Peer::Redis70, || of_redis70(22), "3");
}

#[test]
fn field_expiry() {
    differential(Peer::Redis80, || newer(Peer::Redis80, 23), "2");
}

#[test]
fn field_expiry_of_valkey() {
    differential(Peer::Valkey91, of_valkey, "3");
}

#[test]
fn newest() {
    differential(Peer::Redis86, || newer(Peer::Redis86, 25), "2");
}
