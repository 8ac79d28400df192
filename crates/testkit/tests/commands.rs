//! `COMMAND` and its subcommands: redwire tells of its commands what a real server tells of them.

use redwire_testkit::shape;
use redwire_testkit::workload::seed;
use redwire_testkit::{Client, Peer, Redwire, Reply, Rng, printable};

/// What the two servers word each in their own way.
const OWN_WORDS: [&str; 3] = ["summary", "complexity", "notes"];

/// Commands whose arity has grown since 7.0, by options that came later.
const GROWN: [&str; 2] = ["zrank", "zrevrank"];

/// Whether a version came after 7.0.
fn is_later(version: &str) -> bool {
    let mut parts = version.split('.').filter_map(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) > (Some(7), Some(0))
}

/// Whether it is an argument, or an event of the history, that came after 7.0.
fn came_later(reply: &Reply) -> bool {
    match reply {
        Reply::Map(pairs) => {
            pairs.iter().any(|(name, value)| name.text() == "since" && is_later(&value.text()))
        }
        Reply::Array(event) => event.first().is_some_and(|version| is_later(&version.text())),
        _ => false,
    }
}

/// A reply without what is said in words and what came after 7.0, sets and subcommands in one order.
fn bare(reply: &Reply) -> Reply {
    match reply {
        Reply::Array(elements) => {
            Reply::Array(elements.iter().filter(|it| !came_later(it)).map(bare).collect())
        }
        Reply::Set(elements) => {
            let mut elements: Vec<Reply> = elements.iter().map(bare).collect();
            elements.sort();
            Reply::Set(elements)
        }
        Reply::Map(pairs) => {
            let told = pairs.iter().map(|(name, value)| (name.clone(), bare_field(name, value)));
            // A history of later versions alone is none.
            Reply::Map(told.filter(|(_, value)| *value != Reply::Set(Vec::new())).collect())
        }
        other => other.clone(),
    }
}

fn bare_field(name: &Reply, value: &Reply) -> Reply {
    match (&*name.text(), value) {
        (name, _) if OWN_WORDS.contains(&name) => Reply::Bulk(Vec::new()),
        // Versions, each with what it brought.
        ("history", Reply::Set(events)) => {
            let events = events.iter().filter(|it| !came_later(it));
            let mut versions: Vec<_> = events.map(|it| it.elements()[0].clone()).collect();
            versions.sort();
            Reply::Set(versions)
        }
        ("subcommands", Reply::Map(pairs)) => {
            let known = pairs.iter().filter(|(_, told)| !came_later(told)).cloned();
            bare(&Reply::Map(known.collect())).sorted()
        }
        _ => bare(value),
    }
}

fn names(client: &mut Client) -> Vec<String> {
    let mut names: Vec<String> =
        client.ok(&["COMMAND", "LIST"]).elements().iter().map(Reply::text).collect();
    names.sort();
    names
}

#[test]
fn commands_are_described_as_by_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    real.call(&["HELLO", "3"]);
    ours.call(&["HELLO", "3"]);
    let known = names(&mut real);
    let both: Vec<String> =
        names(&mut ours).into_iter().filter(|name| known.contains(name)).collect();
    assert!(both.len() > 250, "{} commands", both.len());
    let mut differing = Vec::new();
    for name in &both {
        let [expected, got] = [&mut real, &mut ours].map(|it| {
            let info = it.ok(&["COMMAND", "INFO", name]);
            // The subcommands are asked for one by one: their order is a hash table's.
            let parts = info.elements()[0].elements();
            let docs = bare(&it.ok(&["COMMAND", "DOCS", name]));
            let arity = if GROWN.contains(&&**name) { Reply::Null } else { parts[1].clone() };
            let told = parts[2..9].iter().map(bare).collect::<Vec<_>>();
            (parts[0].clone(), arity, told, docs)
        });
        if expected != got {
            differing.push(format!("{name}\n  real: {expected:?}\n  ours: {got:?}"));
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

/// Questions about keys and lists.
const QUESTIONS: &[&str] = &[
    "GETKEYS GET k",
    "GETKEYS MSET a 1 b 2 c 3",
    "GETKEYS SET k v",
    "GETKEYS PING",
    "GETKEYS PING x",
    "GETKEYS SORT k BY x_* GET y_* STORE d",
    "GETKEYS ZUNIONSTORE d 2 a b WEIGHTS 1 2",
    "GETKEYS ZUNIONSTORE d 5 a b",
    "GETKEYS ZUNIONSTORE d x a b",
    "GETKEYS XREAD COUNT 2 STREAMS a b 0 1",
    "GETKEYS XREADGROUP GROUP g c STREAMS a b > >",
    "GETKEYS XREAD COUNT 2",
    "GETKEYS XGROUP CREATE k g 0",
    "GETKEYS MEMORY USAGE k",
    "GETKEYS MEMORY foo",
    "GETKEYS MEMORY DOCTOR",
    "GETKEYS OBJECT ENCODING k",
    "GETKEYS CONFIG GET x",
    "GETKEYS BLPOP a b 0",
    "GETKEYS LMPOP 2 a b LEFT",
    "GETKEYS BZMPOP 0 2 a b MIN",
    "GETKEYS BITOP AND d a b",
    "GETKEYS GEORADIUS k 1 2 3 m STORE d",
    "GETKEYS GEOSEARCHSTORE d k FROMLONLAT 1 2 BYRADIUS 3 m",
    "GETKEYS LCS a b",
    "GETKEYS GET",
    "GETKEYS nosuch a",
    "GETKEYSANDFLAGS SET k v",
    "GETKEYSANDFLAGS SET k v GET",
    "GETKEYSANDFLAGS BITFIELD k GET u8 0",
    "GETKEYSANDFLAGS BITFIELD k SET u8 0 1",
    "GETKEYSANDFLAGS SORT k STORE d",
    "GETKEYSANDFLAGS SORT_RO k",
    "GETKEYSANDFLAGS ZUNIONSTORE d 2 a b",
    "GETKEYSANDFLAGS MSET a 1 b 2",
    "GETKEYSANDFLAGS LMOVE a b LEFT RIGHT",
    "GETKEYSANDFLAGS COPY a b",
    "GETKEYSANDFLAGS XADD k * f v",
    "GETKEYSANDFLAGS DEL a b",
    "GETKEYSANDFLAGS PING",
    "GETKEYSANDFLAGS",
    "INFO nosuch",
    "DOCS nosuch",
    "LIST FILTERBY MODULE x",
    "LIST FILTERBY ACLCAT nosuch",
    "LIST FILTERBY foo bar",
    "LIST FILTERBY",
    "LIST x",
    "COUNT x",
    "foo",
    "HELP",
];

#[test]
fn questions_are_answered_as_by_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    let mut differing = Vec::new();
    for question in QUESTIONS {
        let words: Vec<&str> = ["COMMAND"].into_iter().chain(question.split(' ')).collect();
        let (expected, got) = (real.call(&words), ours.call(&words));
        if expected != got {
            differing.push(format!("{question}\n  real: {expected:?}\n  ours: {got:?}"));
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
    let count = ours.ok(&["COMMAND", "COUNT"]).int();
    let containers = names(&mut ours).iter().filter(|name| !name.contains('|')).count();
    assert_eq!(count, Some(containers as i64));
}

/// Every category, and patterns that find about every command.
#[test]
fn lists_are_those_of_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    let (known, own) = (names(&mut real), names(&mut ours));
    let categories = real.ok(&["ACL", "CAT"]);
    let categories: Vec<String> = categories.elements().iter().map(Reply::text).collect();
    let letters = (b'a'..=b'z').map(|letter| format!("{}*", letter as char));
    let patterns = letters.chain(["*", "*|*", "?get", "XRE*", "memory|*"].map(str::to_owned));
    let filters = categories.iter().map(|it| ("ACLCAT", it.clone()));
    for (by, what) in filters.chain(patterns.map(|it| ("PATTERN", it))) {
        let list = |client: &mut Client, others: &[String]| {
            let list = client.ok(&["COMMAND", "LIST", "FILTERBY", by, &what]);
            let names = list.elements().iter().map(Reply::text);
            let mut names: Vec<String> = names.filter(|name| others.contains(name)).collect();
            names.sort();
            names
        };
        assert_eq!(list(&mut ours, &known), list(&mut real, &own), "{by} {what}");
    }
}

/// Lines of each command, made of what it says of its arguments.
const LINES: usize = 12;

/// Where the keys are of lines of every command, whole ones and such as end too early.
#[test]
fn keys_of_every_command_are_found_as_by_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    real.ok(&["HELLO", "3"]);
    let shapes = shape::shapes(&mut real);
    real.ok(&["HELLO", "2"]);
    let own = names(&mut ours);
    let (mut rng, mut asked, mut differing) = (Rng::new(seed(92)), 0, Vec::new());
    for shape in shapes.iter().filter(|it| own.contains(&it.name)) {
        for turn in 0..LINES {
            let mut words = shape.line(&mut rng).words;
            if turn % 3 == 2 {
                words.truncate(1 + rng.below(words.len() as u64) as usize);
            }
            for question in ["GETKEYS", "GETKEYSANDFLAGS"] {
                let head = [b"COMMAND".to_vec(), question.as_bytes().to_vec()];
                let line = [&head[..], &words].concat();
                let (expected, got) = (real.call(&line), ours.call(&line));
                asked += 1;
                if expected != got {
                    let line = printable(&line);
                    differing.push(format!("{line}\n  real: {expected:?}\n  ours: {got:?}"));
                }
            }
        }
    }
    assert!(asked > 5000, "{asked}");
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

/// What is asked for to learn that there is none: no cluster, no modules, no scripts.
const NONE_OF_IT: &[&str] = &[
    "SCRIPT",
    "SCRIPT LOAD",
    "SCRIPT EXISTS",
    "SCRIPT EXISTS a b",
    "SCRIPT FLUSH",
    "SCRIPT FLUSH ASYNC",
    "SCRIPT FLUSH foo",
    "SCRIPT FLUSH SYNC x",
    "SCRIPT KILL",
    "SCRIPT KILL x",
    "SCRIPT DEBUG NO",
    "SCRIPT DEBUG foo",
    "SCRIPT foo",
    "EVAL",
    "EVAL x y",
    "EVAL x -1",
    "EVAL x 2 a",
    "EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 2 a",
    "FUNCTION KILL",
    "FUNCTION KILL x",
    "CLUSTER",
    "CLUSTER INFO",
    "CLUSTER HELP",
    "CLUSTER SLOTS x",
    "CLUSTER KEYSLOT foo",
    "CLUSTER ADDSLOTS",
    "CLUSTER foo",
    "ASKING",
    "READONLY",
    "READWRITE",
    "READWRITE x",
    "MODULE",
    "MODULE LIST",
    "MODULE LIST x",
    "MODULE LOAD",
    "MODULE foo",
    "LOLWUT",
    "LOLWUT VERSION 1",
    "LOLWUT VERSION x",
    "LOLWUT VERSION",
    "BGREWRITEAOF x",
    "PFSELFTEST",
    "PFSELFTEST x",
    "SET k v",
    "RESTORE-ASKING k 0 x",
    "RESTORE-ASKING q 0 x",
    "RESTORE-ASKING k",
];

#[test]
fn what_is_not_here_is_answered_as_by_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    for protocol in ["2", "3"] {
        let mut clients = [real.client(), ours.client()];
        clients.iter_mut().for_each(|client| drop(client.ok(&["HELLO", protocol])));
        for line in NONE_OF_IT {
            let words: Vec<&str> = line.split(' ').collect();
            let [expected, got] = clients.each_mut().map(|client| client.call(&words));
            assert_eq!(got, expected, "{line}");
        }
    }
    let mut client = ours.client();
    for line in ["SCRIPT LOAD x", "EVAL x 0", "BGREWRITEAOF", "MODULE LOAD x", "SCRIPT DEBUG YES"] {
        let words: Vec<&str> = line.split(' ').collect();
        let told = client.call(&words).text();
        assert!(told.contains("here"), "{line}: {told}");
    }
}
