//! Bad input to every command: a real server and redwire answer the same errors, and hold the same data
//! afterwards, so that what was refused changed nothing.

use std::collections::BTreeSet;
use std::fs;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{
    Client, Command, Peer, Redwire, Reply, Rng, assert_same_data, assert_same_values, printable,
    wording,
};

/// Commands of a run, and how many are sent before the replies are looked at.
const COMMANDS: usize = 16_000;
const BATCH: usize = 400;
/// Batches between two looks at the data.
const LOOK: usize = 10;

/// What stands in the place of an argument.
const NASTY: &[&[u8]] = &[
    b"",
    b"-1",
    b"0",
    b"-0",
    b"00",
    b"+1",
    b" 1",
    b"1 ",
    b"0x10",
    b"1.5",
    b"1e3",
    b"1e400",
    b"-1e400",
    b"nan",
    b"-nan",
    b"inf",
    b"-inf",
    b"+inf",
    b"infinity",
    b"abc",
    b"\0",
    b"\r\n",
    b"\xff\xfe",
    b"*",
    b"(",
    b"[",
    b"-",
    b"+",
    b"$",
    b">",
    b"~",
    b"=",
    b"#",
    b"5-",
    b"-5",
    b"1-1-1",
    b"1-x",
    b"99999999999999999999-1",
    b"18446744073709551615-18446744073709551615",
    b"4294967296",
    b"-4294967296",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1000000000000000000000000000000",
    b"NX",
    b"XX",
    b"GET",
    b"COUNT",
    b"LIMIT",
    b"STORE",
    b"EX",
    b"WITHSCORES",
    b"MATCH",
    b"u64",
    b"i65",
    b"(1",
    b"(nan",
    b"[",
];

/// Commands that are not about one moment's data: they wait, or open what others end.
fn is_left_out(command: &Command) -> bool {
    let name = command[0].to_ascii_uppercase();
    let waits =
        [&b"BLPOP"[..], b"BRPOP", b"BLMOVE", b"BRPOPLPUSH", b"BLMPOP", b"BZMPOP", b"BZPOPMIN"]
            .contains(&name.as_slice())
            || name == b"BZPOPMAX"
            || command.iter().any(|arg| arg.eq_ignore_ascii_case(b"BLOCK"));
    let others = [&b"MULTI"[..], b"EXEC", b"DISCARD", b"SWAPDB", b"FLUSHDB", b"FLUSHALL"];
    waits || others.contains(&name.as_slice())
}

/// A command with something wrong; `keys` are of all types.
fn spoilt(rng: &mut Rng, mut command: Command, keys: &[Vec<u8>]) -> Command {
    let len = command.len() as u64;
    let nasty = |rng: &mut Rng| NASTY[rng.below(NASTY.len() as u64) as usize].to_vec();
    match rng.below(10) {
        0 => drop(command.pop().filter(|_| len > 1)),
        1 => {
            let more = nasty(rng);
            command.push(more);
        }
        2 | 3 if len > 1 => {
            command[1] = keys[rng.below(keys.len() as u64) as usize].clone();
        }
        4 if len > 2 => {
            let at = 1 + rng.below(len - 1) as usize;
            let other = command[1 + rng.below(len - 1) as usize].clone();
            command[at] = other;
        }
        _ if len > 1 => {
            let at = 1 + rng.below(len - 1) as usize;
            command[at] = nasty(rng);
        }
        _ => {}
    }
    if command.is_empty() { vec![b"PING".to_vec()] } else { command }
}

/// Whether both servers can be expected to do the same: an id of the clock's is not the same twice, and
/// strings of 512 MB are for another test.
fn is_decided(command: &Command) -> bool {
    let name = command[0].to_ascii_uppercase();
    let has = |word: &[u8]| command.iter().any(|arg| arg == word);
    let by_clock =
        name == b"XADD" && command.iter().skip(2).any(|arg| arg == b"*" || arg.ends_with(b"-*"));
    let by_chance = [&b"SPOP"[..], b"RANDOMKEY"].contains(&name.as_slice());
    let huge = [&b"SETRANGE"[..], b"SETBIT", b"BITFIELD"].contains(&name.as_slice()) && has(b"u64");
    !by_clock && !by_chance && !huge
}

fn all_keys(client: &mut Client) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let found = client.ok(&["KEYS", "*"]);
    keys.extend(found.elements().iter().filter_map(Reply::bytes).map(<[u8]>::to_vec));
    keys.sort();
    keys
}

/// The error of a reply; `None` for anything else.
fn error(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Error(text) => Some(String::from_utf8_lossy(text).into_owned()),
        _ => None,
    }
}

/// Whether a server does what others refuse, or the other way round: its data are others then, and what
/// comes behind is no comparison.
fn is_done_apart(peer: Peer, command: &Command) -> bool {
    let name = String::from_utf8_lossy(&command[0]).to_ascii_uppercase();
    let numbers =
        command.iter().filter_map(|arg| std::str::from_utf8(arg).ok()?.parse::<i64>().ok());
    let huge = |bits: u32| numbers.clone().any(|number| number.unsigned_abs() >= 1 << bits);
    let has = |words: &[&str]| {
        let is = |arg: &Vec<u8>| words.iter().any(|word| arg.eq_ignore_ascii_case(word.as_bytes()));
        command.iter().skip(2).any(is)
    };
    // Hexadecimal, or with a blank, behind the bracket of an open end too.
    let odd_score = || {
        command.iter().skip(2).any(|arg| arg.ends_with(b"0x10") || arg == b" 1" || arg == b"( 1")
    };
    match (peer, &*name) {
        (Peer::Redis70, _) => false,
        // An index loses its upper bits; there is no number below -2^63 + 1.
        (_, "LSET" | "LREM") => huge(31),
        // No hexadecimal scores in ranges since Redis 8; none at all in Valkey 9.
        (_, name) if name.starts_with('Z') || name.starts_with("GEO") => odd_score(),
        (Peer::Redis80 | Peer::Redis86, "HSETEX") => has(&["NX", "XX"]),
        // Moments may be later than Redis keeps them.
        (Peer::Valkey91, name) if name.starts_with('H') => huge(46),
        _ => false,
    }
}

fn spoilt_commands_are_refused(peer: Peer) {
    let Some(real) = peer.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let seed = seed(71);
    let (mut there, mut here) = (real.client(), ours.client());
    let data = dataset(seed);
    there.pipeline(&data);
    here.pipeline(&data);
    let workload = Workload::decided(seed).recent();
    let mut workload = if peer == Peer::Redis70 { workload } else { workload.field_expiry() };
    let mut rng = Rng::new(seed);
    let (mut refused, mut differing) = (0, Vec::new());
    let mut names = BTreeSet::new();
    let mut keys = Vec::new();
    for batch in 1..=COMMANDS / BATCH {
        if keys.is_empty() || batch % LOOK == 0 {
            keys = all_keys(&mut there);
        }
        let commands: Vec<Command> = workload
            .by_ref()
            .filter(|command| !is_left_out(command))
            .map(|command| spoilt(&mut rng, command, &keys))
            .filter(|command| !is_left_out(command) && is_decided(command))
            .filter(|command| !is_done_apart(peer, command))
            .take(BATCH)
            .collect();
        let (expected, got) = (there.pipeline(&commands), here.pipeline(&commands));
        for ((command, expected), got) in commands.iter().zip(&expected).zip(&got) {
            let (real, ours) = (error(expected), error(got));
            let known = wording::is_known(peer, command, real.as_deref(), ours.as_deref());
            if real != ours && !known {
                let line = printable(command);
                differing.push(format!("{line}\n  real: {expected:?}\n  ours: {got:?}"));
            }
            if expected.is_error() {
                refused += 1;
                names.insert(command[0].to_ascii_uppercase());
            }
        }
        if differing.is_empty() && batch % LOOK == 0 {
            match peer {
                Peer::Redis70 => assert_same_data(&real, &ours),
                _ => assert_same_values(&real, &ours),
            }
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
    println!("{refused} of {COMMANDS} were refused, of {} commands", names.len());
    assert!(refused > COMMANDS / 4 && names.len() > 80, "{refused}, {}", names.len());
}

#[test]
fn spoilt_commands_are_refused_as_by_redis_70() {
    spoilt_commands_are_refused(Peer::Redis70);
}

#[test]
fn spoilt_commands_are_refused_as_by_redis_80() {
    spoilt_commands_are_refused(Peer::Redis80);
}

#[test]
fn spoilt_commands_are_refused_as_by_redis_86() {
    spoilt_commands_are_refused(Peer::Redis86);
}

#[test]
fn spoilt_commands_are_refused_as_by_valkey_91() {
    spoilt_commands_are_refused(Peer::Valkey91);
}

/// A command or subcommand as `COMMAND INFO` tells of it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Declared {
    words: Vec<String>,
    arity: i64,
}

/// The commands of a server with their subcommands.
fn declared(client: &mut Client) -> Vec<Declared> {
    fn gather(reply: &Reply, found: &mut Vec<Declared>) {
        let [name, arity, .., subcommands] = reply.elements() else { return };
        let words = name.text().split('|').map(str::to_owned).collect();
        found.push(Declared { words, arity: arity.int().expect("an arity") });
        subcommands.elements().iter().for_each(|it| gather(it, found));
    }
    let mut found = Vec::new();
    client.ok(&["COMMAND"]).elements().iter().for_each(|reply| gather(reply, &mut found));
    found.sort();
    found
}

/// Each command with too few arguments and with too many, and each container with a subcommand that
/// there is not: by Redis 7.0, and what came later by who has it.
#[test]
fn wrong_numbers_of_arguments_are_refused_as_by_real_servers() {
    let ours = Redwire::start(&[]);
    let mut here = ours.client();
    let mut left: BTreeSet<String> =
        here.ok(&["COMMAND", "LIST"]).elements().iter().map(Reply::text).collect();
    for peer in [Peer::Redis70, Peer::Redis80, Peer::Redis86, Peer::Valkey91] {
        let Some(real) = peer.start(&[]) else { continue };
        let mut there = real.client();
        let mut lines: Vec<Vec<String>> = Vec::new();
        for command in declared(&mut there) {
            if left.remove(&command.words.join("|")) {
                lines.extend(wrong_lines(&command));
            }
        }
        let mut differing = Vec::new();
        for line in &lines {
            let (expected, got) = (there.call(line), here.call(line));
            assert!(expected.is_error(), "{}: {line:?}: {expected:?}", peer.name());
            if error(&expected) != error(&got) {
                differing.push(format!("{line:?}\n  real: {expected:?}\n  ours: {got:?}"));
            }
        }
        assert!(differing.is_empty(), "{}:\n{}", peer.name(), differing.join("\n"));
        assert!(lines.len() > 500 || peer != Peer::Redis70, "{}", lines.len());
    }
}

/// A command with fewer and more arguments than it takes, and with a subcommand that there is not.
fn wrong_lines(Declared { words, arity }: &Declared) -> Vec<Vec<String>> {
    let least = arity.unsigned_abs() as usize;
    let more = (*arity > 0).then_some(least + 1);
    let mut lines: Vec<Vec<String>> = Vec::new();
    for count in (words.len()..least).chain(more) {
        let mut line = words.clone();
        line.resize(count, "1".to_owned());
        lines.push(line);
    }
    if words.len() == 2 {
        lines.push(vec![words[0].clone(), "nosuch".into()]);
        lines.push(vec![words[0].clone(), "nosuch".into(), "1".into()]);
    }
    lines
}

/// Commands that ask for more than there is, where HUGE is the greatest number.
const ASKING_FOR_MUCH: [&str; 32] = [
    "LRANGE l 0 HUGE",
    "LPOP l2 HUGE",
    "LPOS l a COUNT HUGE",
    "LPOS l a MAXLEN HUGE",
    "SRANDMEMBER s HUGE",
    "SPOP s2 HUGE",
    "HRANDFIELD h HUGE",
    "ZRANDMEMBER z HUGE",
    "ZRANGE z 0 HUGE",
    "ZRANGEBYSCORE z -inf +inf LIMIT 0 HUGE",
    "ZPOPMIN z2 HUGE",
    "ZMPOP 1 z2 MIN COUNT HUGE",
    "LMPOP HUGE l LEFT",
    "SINTERCARD HUGE s",
    "ZUNION HUGE z",
    "SCAN 0 COUNT HUGE",
    "HSCAN h 0 COUNT HUGE",
    "XRANGE x - + COUNT HUGE",
    "XREAD COUNT HUGE STREAMS x 0",
    "XTRIM x MAXLEN HUGE",
    "XDELEX x IDS HUGE 1-1",
    "MSETEX HUGE a b",
    "GETRANGE l2 0 HUGE",
    "BITCOUNT l2 0 HUGE",
    "SORT l LIMIT 0 HUGE ALPHA",
    "EVAL x HUGE k",
    "ACL LOG HUGE",
    "ACL GENPASS HUGE",
    "SLOWLOG GET HUGE",
    "SETRANGE k HUGE x",
    "SETBIT k HUGE 1",
    "BITFIELD k SET u8 HUGE 1",
];

/// What is announced and does not come takes no memory, nor does what is asked for and is not there.
#[test]
fn nothing_is_allocated_ahead_of_need() {
    let ours = Redwire::start(&[]);
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", ours.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let mut client = ours.client();
    client.ok(&["RPUSH", "l", "a", "b"]);
    client.ok(&["SADD", "s", "a", "b"]);
    client.ok(&["HSET", "h", "a", "b"]);
    client.ok(&["ZADD", "z", "1", "a"]);
    client.ok(&["XADD", "x", "1-1", "a", "b"]);
    let before = resident();
    // Connections that announce much and send little.
    let waiting: Vec<Client> = (0..20)
        .map(|_| {
            let mut client = ours.client();
            client.ok(&["PING"]);
            client.send(b"*1000000\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc");
            client
        })
        .collect();
    let huge = "9223372036854775807";
    for line in ASKING_FOR_MUCH {
        let words: Vec<String> = line.split(' ').map(|word| word.replace("HUGE", huge)).collect();
        client.call(&words);
    }
    let grown = resident() - before;
    assert!(grown < 16 << 10, "{grown} kB");
    drop(waiting);
    client.ok(&["PING"]);
}
