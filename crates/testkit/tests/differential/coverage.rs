//! What the workloads of the differential tests draw, beside what there is: a command or an option
//! of redwire's table that is in neither a workload nor the lists here fails.

use std::collections::{BTreeMap, BTreeSet};

use redwire_testkit::{Redwire, Reply};

/// Commands that no workload draws, a container's with it, and why.
const NOT_DRAWN: &[(&str, &str)] = &[
    ("acl auth", "users: tests/acl.rs"),
    ("asking cluster clusterscan readonly readwrite trimslots", "no cluster: tests/commands.rs"),
    ("client hello quit reset", "the connection's own: tests/clients.rs, tests/tracking.rs"),
    ("command", "tests/commands.rs"),
    (
        "commandlog config debug hotkeys info lastsave latency lolwut memory module monitor role \
         slowlog time",
        "the server's own",
    ),
    ("bgrewriteaof bgsave save shutdown", "files: tests/persistence.rs"),
    (
        "failover migrate psync replconf replicaof slaveof sync wait waitaof",
        "other servers: tests/failover.rs, tests/replication.rs, tests/migrate.rs",
    ),
    (
        "psubscribe punsubscribe subscribe ssubscribe sunsubscribe unsubscribe",
        "they turn the connection into another: tests/shard_channels.rs, tests/clients.rs",
    ),
    (
        "eval eval_ro evalsha evalsha_ro script fcall fcall_ro function",
        "not run here: tests/functions.rs, tests/commands.rs",
    ),
    ("randomkey spop", "chance decides"),
    ("xidmprecord", "a clock decides what of old entries is forgotten: tests/producers.rs"),
    ("pfselftest", "of no data"),
    ("restore-asking", "RESTORE by another name: tests/commands.rs"),
];

/// Options that no workload draws, and why.
const OPTIONS_NOT_DRAWN: &[(&str, &str, &str)] = &[
    ("xadd", "*", "the clock decides"),
    ("xadd", "IDMP", "of * only: tests/producers.rs"),
    ("xadd", "IDMPAUTO", "of * only: tests/producers.rs"),
];

/// Commands that are drawn of each workload.
const DRAWN: usize = 100_000;

/// Name, or name and subcommand, with all words that came behind it.
type Words = BTreeMap<String, BTreeSet<String>>;

fn drawn() -> Words {
    let mut words = Words::new();
    for workload in super::workloads() {
        for command in workload.take(DRAWN) {
            // Of what is drawn, options are what is short and no number.
            let is_option = |arg: &&Vec<u8>| {
                arg.len() < 20
                    && arg
                        .iter()
                        .all(|byte| b"$=~*#-".contains(byte) || byte.is_ascii_alphanumeric())
            };
            let upper = |arg: &Vec<u8>| String::from_utf8_lossy(arg).to_uppercase();
            let name = upper(&command[0]);
            let rest: Vec<String> = command[1..].iter().filter(is_option).map(upper).collect();
            if let Some(first) = rest.first() {
                let parts = words.entry(format!("{name}|{first}")).or_default();
                parts.extend(rest[1..].iter().filter(|it| is_word(it)).cloned());
            }
            words.entry(name).or_default().extend(rest.into_iter().filter(|it| is_word(it)));
        }
    }
    words
}

fn is_word(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_digit()) || text == "DIFF1"
}

/// The words that an argument or those in it are told by.
fn tokens(argument: &Reply, to: &mut BTreeSet<String>) {
    let Reply::Map(fields) = argument else { return };
    for (name, value) in fields {
        match &*name.text() {
            "token" => drop(to.insert(value.text().to_uppercase())),
            "arguments" => value.elements().iter().for_each(|it| tokens(it, to)),
            _ => {}
        }
    }
}

fn is_listed(name: &str) -> bool {
    let container = name.split('|').next().unwrap_or_default();
    NOT_DRAWN.iter().any(|(names, _)| names.split(' ').any(|it| it == container))
}

#[test]
fn every_command_and_option_is_drawn() {
    let ours = Redwire::start(&[]);
    let mut client = ours.client();
    client.ok(&["HELLO", "3"]);
    let drawn = drawn();
    let mut missing = Vec::new();
    let names = client.ok(&["COMMAND", "LIST"]);
    let mut names: Vec<String> = names.elements().iter().map(Reply::text).collect();
    names.sort();
    for name in &names {
        let Some(words) = drawn.get(&name.to_uppercase()) else {
            if !is_listed(name) && !name.ends_with("|help") {
                missing.push(name.clone());
            }
            continue;
        };
        assert!(!is_listed(name), "{name} is drawn, and listed as if it were not");
        let Reply::Map(docs) = client.ok(&["COMMAND", "DOCS", name]) else { panic!("no map") };
        let mut options = BTreeSet::new();
        let of_docs = docs.iter().flat_map(|(_, docs)| match docs {
            Reply::Map(fields) => &fields[..],
            _ => &[],
        });
        for (_, arguments) in of_docs.filter(|(field, _)| field.text() == "arguments") {
            arguments.elements().iter().for_each(|it| tokens(it, &mut options));
        }
        let excused = |option: &str| {
            OPTIONS_NOT_DRAWN.iter().any(|(command, it, _)| command == name && *it == option)
        };
        for option in options.iter().filter(|it| words.contains(*it)) {
            assert!(!excused(option), "{name} {option} is drawn, and listed as if it were not");
        }
        let lacks = |option: &&String| !words.contains(*option) && !excused(option);
        missing.extend(options.iter().filter(lacks).map(|option| format!("{name} {option}")));
    }
    assert!(
        missing.is_empty(),
        "{} are drawn by no workload:\n{}",
        missing.len(),
        missing.join("\n")
    );
    let known = |name: &str| names.iter().any(|it| it == name);
    for name in NOT_DRAWN.iter().flat_map(|(names, _)| names.split(' ')) {
        assert!(known(name), "{name} is listed, and there is no such command");
    }
}
