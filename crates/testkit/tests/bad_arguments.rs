//! Bad arguments to every command there is: each of them gets, at each place of its lines, what is of
//! the wrong type, too large, no number, empty or as long as may be. Where a real server answers an
//! error, redwire answers the same, and nothing has changed.

#[path = "bad_arguments/huge.rs"]
mod huge;

use std::collections::BTreeSet;
use std::fs;

use redwire_testkit::shape::{Line, Role, Shape, shapes};
use redwire_testkit::workload::seed;
use redwire_testkit::{Client, Command, Peer, Redwire, Reply, Rng, Server, printable};

/// Lines of each command that are spoilt, and at how many places by each bad thing.
const LINES: usize = 5;
const PLACES: usize = 2;

/// What the servers hold whenever a command comes: a key of each type.
const DATA: &[&str] = &[
    "SET k 10",
    "SET text abc",
    "PFADD p a b",
    "RPUSH l a b 1",
    "SADD s a b 1",
    "HSET h a 1 b x",
    "ZADD z 0 a 0 b 0 1",
    "GEOADD g 1 2 a 3 4 b",
    "XADD x 1-1 a 1",
    "XADD x 2-1 a 1",
    "XGROUP CREATE x g 0",
    "XREADGROUP GROUP g c COUNT 1 STREAMS x >",
];

/// What tells of a change: of digests, one of all data would take the longest.
const LOOK: &[&str] = &["DBSIZE", "DEBUG DIGEST-VALUE k text p l s h z g x", "XPENDING x g"];

/// Keys of all types, one that is not there, and one without a name.
const KEYS: &[&str] = &["k", "text", "p", "l", "s", "h", "z", "g", "x", "none", ""];

const NUMBERS: &[&str] = &[
    "",
    "-1",
    "nan",
    "-nan",
    "inf",
    "-inf",
    "1e400",
    "abc",
    "1.5",
    " 1",
    "0x1",
    "2147483648",
    "-2147483649",
    "4294967296",
    "4611686018427387904",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "100000000000000000000000000000000",
];

/// Stands in other places, where a number may be meant as well.
const OTHERS: &[&str] =
    &["", "-1", "nan", "9223372036854775807", "9223372036854775808", "\0", "NX"];

/// What is bad in the place of what.
const BAD: &[(Role, &[&str])] = &[
    (Role::Key, KEYS),
    (Role::Number, NUMBERS),
    (Role::Word, &["", "nosuch"]),
    (Role::Other, OTHERS),
];

/// Commands that get no bad arguments here, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("client|kill", "ends connections"),
    ("client|pause", "holds the test up"),
    ("client|reply", "is answered by nothing"),
    ("quit", "ends the connection"),
    ("monitor", "is answered by what others do"),
    ("subscribe", "is answered once for each channel"),
    ("unsubscribe", "likewise"),
    ("psubscribe", "likewise"),
    ("punsubscribe", "likewise"),
    ("ssubscribe", "likewise"),
    ("sunsubscribe", "likewise"),
    ("psync", "makes the connection a replica's"),
    ("sync", "likewise"),
    ("replconf", "likewise"),
    ("replicaof", "has the server follow another"),
    ("slaveof", "likewise"),
    ("failover", "likewise"),
    ("shutdown", "ends the server"),
    ("debug", "does what it is asked for, crashes among it"),
    ("migrate", "waits for other servers: tests/migrate.rs"),
    ("save", "takes no arguments that could be wrong, and long"),
    ("bgsave", "likewise"),
    ("bgrewriteaof", "there is no AOF here"),
    ("acl", "tests/acl.rs"),
    ("config", "changes the server: tests/protocol.rs"),
    ("module", "there are none here"),
    ("cluster", "there is none here"),
    ("script", "there are none here"),
    ("eval", "likewise"),
    ("eval_ro", "likewise"),
    ("evalsha", "likewise"),
    ("evalsha_ro", "likewise"),
    ("fcall", "likewise"),
    ("fcall_ro", "likewise"),
    ("function", "tests/functions.rs"),
    ("multi", "the next command would wait in it"),
    ("exec", "likewise"),
    ("discard", "likewise"),
];

fn is_left_out(name: &str) -> bool {
    let container = name.split('|').next();
    LEFT_OUT.iter().any(|(it, _)| *it == name || Some(*it) == container)
}

fn words(line: &str) -> Command {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// A command in its surroundings: the data anew, and what tells whether it changed them.
struct Step {
    command: Command,
    /// It is asked in a transaction, where it does not wait.
    queued: bool,
}

impl Step {
    fn commands(&self) -> Vec<Command> {
        let mut all = vec![words("RESET"), words("FLUSHALL")];
        all.extend(DATA.iter().map(|line| words(line)));
        all.extend(self.queued.then(|| words("MULTI")));
        all.push(self.command.clone());
        all.extend(self.queued.then(|| words("EXEC")));
        // One that left a database, a protocol or a transaction behind.
        all.push(words("RESET"));
        all.extend(LOOK.iter().map(|line| words(line)));
        all
    }

    /// How many replies there are.
    fn len(&self) -> usize {
        DATA.len() + LOOK.len() + 4 + 2 * usize::from(self.queued)
    }

    /// The error that was answered, if any, and what the data look like behind it.
    fn outcome(&self, replies: &[Reply]) -> (Option<String>, String) {
        let at = DATA.len() + 2;
        let data = format!("{:?}", &replies[replies.len() - LOOK.len()..]);
        let reply = match self.queued.then(|| (&replies[at + 1], &replies[at + 2])) {
            Some((queued, Reply::Array(done))) if !queued.is_error() => done.first(),
            Some((queued, _)) => Some(queued),
            None => Some(&replies[at]),
        };
        let error = reply.filter(|reply| reply.is_error()).map(Reply::text);
        (error, data)
    }
}

/// Whether a number is no mistake, but asks for a reply of many gigabytes: members that may come more
/// than once.
fn is_much(name: &str, number: &str) -> bool {
    ["srandmember", "hrandfield", "zrandmember"].contains(&name) && number == "-2147483649"
}

/// What is to be sent of a command: each bad thing at some of the places where it may stand, in lines of
/// all its options, and lines that end too early or too late.
fn steps(shape: &Shape, rng: &mut Rng, long: &[u8]) -> Vec<Step> {
    let lines: Vec<Line> = (0..LINES).map(|_| shape.line(rng)).collect();
    let mut commands = BTreeSet::new();
    let name = shape.name.split('|').count();
    for (role, bad) in BAD {
        // Places, as the line and where in it.
        let places: Vec<(&Line, usize)> = lines
            .iter()
            .flat_map(|line| (name..line.words.len()).map(move |at| (line, at)))
            .filter(|(line, at)| line.roles[*at] == *role)
            .collect();
        let bad = bad.iter().filter(|bad| !is_much(&shape.name, bad));
        for bad in bad.map(|bad| bad.as_bytes()).chain([long]) {
            for _ in 0..PLACES.min(places.len()) {
                let (line, at) = places[rng.below(places.len() as u64) as usize];
                let mut spoilt = line.words.clone();
                spoilt[at] = bad.to_vec();
                commands.insert(spoilt);
            }
        }
    }
    for Line { words, .. } in &lines {
        let cut = rng.between(name as i64, words.len() as i64) as usize;
        commands.insert(words[..cut].to_vec());
        commands.insert([&words[..], &[b"more".to_vec()]].concat());
    }
    // What waits, and what waits for replicas.
    let queued = shape.blocks || ["wait", "waitaof"].contains(&&*shape.name);
    commands.into_iter().map(|command| Step { command, queued }).collect()
}

/// The most that the server ever had resident, in kB.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Bytes of the longest argument: the least that `proto-max-bulk-len` may be.
const LONG: usize = 1 << 20;

/// Each command that `peer` has and no server before it.
fn check(peer: Peer, before: &[Peer]) {
    // Few databases, as all are emptied and looked through for each line.
    let settings = ["--proto-max-bulk-len", "1mb", "--databases", "2"];
    let Some(real) = peer.start(&settings) else { return };
    let ours = Redwire::start(&settings);
    let (mut there, mut here) = (real.client(), ours.client());
    let shapes = own_shapes(&mut there, &mut here, before);
    let mut rng = Rng::new(seed(91));
    let long = vec![b'x'; LONG];
    let base = look(&mut here);
    let resident = peak(&ours);
    let (mut refused, mut sent, mut differing) = (0, 0, Vec::new());
    for shape in &shapes {
        // For who looks at what did not end.
        println!("{}", shape.name);
        let steps = steps(shape, &mut rng, &long);
        sent += steps.len();
        for some in steps.chunks(TOGETHER) {
            let commands: Vec<Command> = some.iter().flat_map(Step::commands).collect();
            let (expected, got) = (there.pipeline(&commands), here.pipeline(&commands));
            let (mut expected, mut got) = (&expected[..], &got[..]);
            for step in some {
                let real = step.outcome(take(&mut expected, step.len()));
                let own = step.outcome(take(&mut got, step.len()));
                refused += usize::from(real.0.is_some());
                let changed = own.0.is_some() && own.1 != base;
                let known = is_known(peer, &shape.name, real.0.as_deref(), own.0.as_deref());
                if changed || (own.0 != real.0 && !known) {
                    let line = printable(&step.command);
                    let what = if changed { ", and changed" } else { "" };
                    println!("{line}\n  real: {:?}\n  ours: {:?}{what}", real.0, own.0);
                    differing.push(line);
                }
            }
        }
    }
    let grown = peak(&ours).saturating_sub(resident);
    println!("{}: {} commands, {refused} of {sent} lines were refused", peer.name(), shapes.len());
    println!("it took {grown} kB");
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
    assert!(refused > sent / 5 && grown < MOST_KB, "{refused} of {sent}, {grown} kB");
}

/// The commands that a server has, redwire too, and none `before` it.
fn own_shapes(there: &mut Client, here: &mut Client, before: &[Peer]) -> Vec<Shape> {
    let known: Vec<String> = names(here);
    let old: Vec<String> = before
        .iter()
        .filter_map(|it| it.start(&[]))
        .flat_map(|it| names(&mut it.client()))
        .collect();
    there.ok(&["HELLO", "3"]);
    shapes(there)
        .into_iter()
        .filter(|it| known.contains(&it.name) && !old.contains(&it.name) && !is_left_out(&it.name))
        .collect()
}

/// What all of them may take, [`TOGETHER`] with arguments of [`LONG`] bytes among them: far less than
/// any of the counts and offsets that they name.
const MOST_KB: u64 = 128 << 10;

/// Steps whose replies are waited for together.
const TOGETHER: usize = 32;

/// The next so many replies.
fn take<'r>(replies: &mut &'r [Reply], count: usize) -> &'r [Reply] {
    let (taken, rest) = replies.split_at(count);
    *replies = rest;
    taken
}

/// Whether the servers are known to answer this in different ways.
fn is_known(peer: Peer, name: &str, real: Option<&str>, ours: Option<&str>) -> bool {
    let [real, ours] = [real, ours].map(Option::unwrap_or_default);
    match (peer, name) {
        // Options that came later are taken, and their values looked at.
        (Peer::Redis70, "client|list" | "bitcount") => real == "ERR syntax error",
        // Redis had it first.
        (Peer::Valkey91, "msetex") => real == format!("{ours} or out of range"),
        // In 7.0 so long a time overflows; later servers say what ours does.
        (Peer::Redis70, _) => {
            ["", "ERR timeout is negative"].contains(&real) && ours.starts_with("ERR timeout is ")
        }
        _ => false,
    }
}

fn names(client: &mut Client) -> Vec<String> {
    client.ok(&["COMMAND", "LIST"]).elements().iter().map(Reply::text).collect()
}

/// What the data look like that each command finds.
fn look(client: &mut Client) -> String {
    fill(client);
    seen(client)
}

/// Makes the data that each command finds.
fn fill(client: &mut Client) {
    client.ok(&["FLUSHALL"]);
    DATA.iter().for_each(|line| drop(client.ok(&words(line))));
}

/// What the data look like now.
fn seen(client: &mut Client) -> String {
    let seen: Vec<Reply> = LOOK.iter().map(|line| client.ok(&words(line))).collect();
    format!("{seen:?}")
}

#[test]
fn of_redis_70() {
    check(Peer::Redis70, &[]);
}

#[test]
fn of_redis_80() {
    check(Peer::Redis80, &[Peer::Redis70]);
}

#[test]
fn of_redis_86() {
    check(Peer::Redis86, &[Peer::Redis70, Peer::Redis80]);
}

#[test]
fn of_valkey_91() {
    check(Peer::Valkey91, &[Peer::Redis70, Peer::Redis80, Peer::Redis86]);
}
