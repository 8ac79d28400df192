//! What commands came to: redwire counts them as a real server does, and notes what took long.

use std::collections::BTreeMap;

use redwire_testkit::{Client, Command, Peer, Redwire, Reply};

/// Commands that run, are refused before they do, and fail; in a transaction and out of it.
const SCRIPT: &[&str] = &[
    "SET k v",
    "SET k",
    "GET k",
    "INCR k",
    "INCR k",
    "LPUSH k x",
    "DEL k nokey",
    "NOSUCH x",
    "OBJECT ENCODING k",
    "OBJECT HELP",
    "XADD s 1-1 f v",
    "XGROUP CREATE s g 0",
    "XGROUP CREATE s g 0",
    "XINFO STREAM s",
    "CONFIG GET port",
    "CONFIG SET nosuch 1",
    "CONFIG GET",
    "CLIENT GETNAME",
    "MEMORY USAGE s",
    "MEMORY PURGE x",
    "COMMAND COUNT",
    "EXEC",
    "MULTI",
    "SET a 1",
    "LPUSH a 1",
    "GET a",
    "EXEC",
    "MULTI",
    "SET a",
    "EXEC",
    "MULTI",
    "DISCARD",
    "WATCH a",
    "UNWATCH",
    "SELECT 99",
    "SELECT 1",
    "RESTORE r 0 x",
    "BLPOP nolist 0.01",
];

/// What clients send in one go: commands that are alike, some of which are refused or fail.
const PIPELINES: &[&[&str]] = &[
    &["SET p v", "SET p w", "SET p x", "SET p", "SET p y", "SET p z NX GET", "SET p 1 EX 0"],
    &["GET p", "GET p", "GET", "GET s", "GET p", "GET nokey", "GET p"],
    &["LPUSH l a", "LPUSH l b", "LPUSH p a", "LPUSH l c", "RPUSH l d", "RPUSH l e"],
    &["INCR n", "INCR n", "INCR p", "INCR p", "INCR n", "MULTI", "INCR n", "INCR n", "EXEC"],
    &["SWAPDB 0 1", "SWAPDB 0 1", "TOUCH p l", "TOUCH p", "MOVE p 1", "MOVE p 1"],
];

/// Calls, refusals and failures of each command.
fn counts(client: &mut Client) -> BTreeMap<String, Vec<String>> {
    let info = client.ok(&["INFO", "commandstats"]).text();
    let lines = info.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(':'));
    let counted = |field: &&str| !field.starts_with("usec");
    let fields = |text: &str| text.split(',').filter(counted).map(str::to_owned).collect();
    lines.map(|(name, text)| (name.to_owned(), fields(text))).collect()
}

fn errors(client: &mut Client) -> Vec<String> {
    let info = client.ok(&["INFO", "errorstats"]).text();
    info.lines().filter(|line| line.starts_with("errorstat_")).map(str::to_owned).collect()
}

#[test]
fn commands_and_errors_are_counted_as_by_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let [expected, got] = [&real, &ours].map(|server| {
        let mut client = server.client();
        client.ok(&["CONFIG", "RESETSTAT"]);
        for line in SCRIPT {
            client.call(&line.split(' ').collect::<Vec<_>>());
        }
        let replies: Vec<_> =
            PIPELINES.iter().map(|lines| client.pipeline(&commands(lines))).collect();
        (counts(&mut client), errors(&mut client), replies)
    });
    for (name, counts) in &expected.0 {
        assert_eq!(got.0.get(name), Some(counts), "{name}");
    }
    assert_eq!(got, expected);
}

fn commands(lines: &[&str]) -> Vec<Command> {
    let command = |line: &&str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    lines.iter().map(command).collect()
}

/// Quick commands that come in one go are run in one go, unless each is to be seen or timed.
#[test]
fn each_of_many_is_seen_by_those_who_look() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let sets: Vec<_> = (0..40).map(|at| format!("SET key:{at} v")).collect();
    let sets = commands(&sets.iter().map(String::as_str).collect::<Vec<_>>());
    for server in [&real, &ours] {
        let (mut client, mut monitor) = (server.client(), server.client());
        client.ok(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
        client.ok(&["SLOWLOG", "RESET"]);
        client.pipeline(&sets);
        // Those and the reset itself.
        assert_eq!(client.ok(&["SLOWLOG", "LEN"]).int(), Some(41), "{server:?}");
        client.ok(&["CONFIG", "SET", "slowlog-log-slower-than", "10000"]);
        monitor.ok(&["MONITOR"]);
        client.pipeline(&sets);
        for at in 0..sets.len() {
            let line = monitor.read().text();
            assert!(line.ends_with(&format!("\"SET\" \"key:{at}\" \"v\"")), "{server:?}: {line}");
        }
        assert!(client.info("total_commands_processed").is_some_and(|count| count != "0"));
    }
}

#[test]
fn what_takes_long_is_noted_as_by_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    for server in [&real, &ours] {
        let mut client = server.client();
        client.ok(&["CONFIG", "SET", "latency-monitor-threshold", "50"]);
        client.ok(&["DEBUG", "SLEEP", "0.1"]);
        client.ok(&["PING"]);
        let latest = client.ok(&["LATENCY", "LATEST"]);
        let [event] = latest.elements() else { panic!("{server:?}: {latest:?}") };
        let numbers: Vec<i64> = event.elements().iter().filter_map(Reply::int).collect();
        assert_eq!(event.elements()[0].text(), "command", "{server:?}");
        assert!(numbers.len() == 3 && numbers[1] >= 100 && numbers[1] == numbers[2], "{event:?}");
        let history = client.ok(&["LATENCY", "HISTORY", "command"]);
        assert_eq!(history.elements()[0].elements()[1].int(), Some(numbers[1]), "{server:?}");
        let histogram = client.ok(&["LATENCY", "HISTOGRAM", "debug"]);
        let [name, times] = histogram.elements() else { panic!("{server:?}: {histogram:?}") };
        assert_eq!(name.text(), "debug");
        assert_eq!(times.elements()[1].int(), Some(1), "{server:?}: {times:?}");
        // 100 ms and more are up to the end of the bucket of 2^27 ns, unless the machine is slow.
        let powers = times.elements()[3].elements();
        assert!(powers[0].int() >= Some(135_266) && powers[1].int() == Some(1), "{powers:?}");
        let percentiles = client.ok(&["INFO", "latencystats"]).text();
        assert!(percentiles.contains("latency_percentiles_usec_debug:p50="), "{percentiles}");
        assert_eq!(client.ok(&["LATENCY", "RESET", "command", "x"]).int(), Some(1));
    }
}
