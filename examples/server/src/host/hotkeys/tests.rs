use redwire_resp::Protocol;

use super::super::testing::Server;
use crate::config::Config;

/// The value of a field of `HOTKEYS GET`, of which `reply` is the text in RESP2.
fn field<'r>(reply: &'r str, name: &str) -> &'r str {
    let behind = reply.split_once(&format!("{name}\r\n")).map(|(_, behind)| behind);
    behind.and_then(|it| it.split("\r\n").next()).unwrap_or_else(|| panic!("{name} in {reply}"))
}

/// The keys by bytes, each with how many.
fn by_bytes(reply: &str) -> Vec<(&str, u64)> {
    let (_, list) = reply.split_once("by-net-bytes\r\n").unwrap();
    let mut words = list.split("\r\n").skip(1).filter(|word| !word.starts_with('$'));
    let mut next = || words.next().filter(|word| !word.is_empty());
    std::iter::from_fn(|| {
        let key = next()?;
        Some((key, next()?.strip_prefix(':')?.parse().ok()?))
    })
    .collect()
}

#[test]
fn a_collection_is_begun_ended_and_forgotten() {
    let mut server = Server::new(Config::default());
    let cases = [
        ("HOTKEYS GET", "$-1"),
        ("HOTKEYS STOP", "$-1"),
        ("HOTKEYS RESET", "+OK"),
        ("HOTKEYS START METRICS 1 NET", "+OK"),
        ("HOTKEYS START METRICS 1 foo", "-ERR hotkey tracking session already in progress"),
        ("HOTKEYS RESET", "-ERR hotkey tracking session in progress, stop tracking first"),
        ("HOTKEYS STOP", "+OK"),
        ("HOTKEYS STOP", "$-1"),
        ("HOTKEYS START METRICS 2 CPU foo", "+OK"),
        ("HOTKEYS STOP", "+OK"),
        ("HOTKEYS RESET", "+OK"),
        ("HOTKEYS GET", "$-1"),
    ];
    server.expect(Protocol::Resp2, &cases);
}

#[test]
fn bytes_are_shared_out_among_keys() {
    let mut server = Server::new(Config::default());
    server.core.request_bytes = 40;
    server.run("HOTKEYS START METRICS 2 CPU NET");
    server.run("SET a 1");
    server.run("PING");
    server.run("MSET a 1 b 2 c 3");
    server.run("GET none");
    server.run("GET");
    let got = server.run("HOTKEYS GET");
    // Replies: +OK and a line end, twice, and $-1 with one.
    assert_eq!(by_bytes(&got), [("a", 45 + 15), ("none", 45), ("b", 15), ("c", 15)], "{got}");
    assert_eq!(field(&got, "net-bytes-all-commands-all-slots"), ":135");
    assert_eq!(field(&got, "total-net-bytes"), ":135");
    assert_eq!(field(&got, "tracking-active"), ":1");
    // What comes when it is over is not looked at.
    server.run("HOTKEYS STOP");
    server.run("SET a 1");
    let over = server.run("HOTKEYS GET");
    assert_eq!(by_bytes(&over), by_bytes(&got));
    assert_eq!(field(&over, "tracking-active"), ":0");
}

/// The bytes of a queued command are its own.
#[test]
fn a_transaction_is_its_commands() {
    let mut server = Server::new(Config::default());
    server.core.request_bytes = 1000;
    server.run("HOTKEYS START METRICS 1 NET COUNT 1");
    for line in ["MULTI", "SET a 1", "GET bb", "EXEC"] {
        server.run(line);
    }
    let got = server.run("HOTKEYS GET");
    assert_eq!(by_bytes(&got), [("a", 27 + 5)]);
    assert_eq!(field(&got, "total-net-bytes"), &format!(":{}", 27 + 5 + 21 + 5));
}

#[test]
fn one_in_so_many_is_looked_at() {
    let mut server = Server::new(Config::default());
    server.core.request_bytes = 25;
    server.run("HOTKEYS START METRICS 1 NET SAMPLE 4");
    (0..4000).for_each(|_| drop(server.run("SET a 1")));
    let got = server.run("HOTKEYS GET");
    assert_eq!(field(&got, "net-bytes-all-commands-all-slots"), ":120000");
    let sampled: u64 = field(&got, "total-net-bytes")[1..].parse().unwrap();
    // Ten standard deviations to each side.
    assert!((22_000..38_000).contains(&sampled), "{sampled}");
}

/// Quick commands are run one by one while they are looked at, and only then.
#[test]
fn replies_are_told_of_while_it_lasts() {
    let mut server = Server::new(Config::default());
    assert_eq!(server.keyspace.settings().long_reply, 1 << 20);
    server.run("HOTKEYS START METRICS 1 NET DURATION 5");
    assert_eq!(server.keyspace.settings().long_reply, 0);
    server.core.apply_config(&mut server.keyspace);
    assert_eq!(server.keyspace.settings().long_reply, 0);
    let began = server.core.now;
    assert!(!server.core.hotkeys.is_due(began + std::time::Duration::from_millis(4999)));
    assert!(server.core.hotkeys.is_due(began + std::time::Duration::from_secs(5)));
    server.core.end_hot_keys(&mut server.keyspace);
    assert_eq!(server.keyspace.settings().long_reply, 1 << 20);
    assert!(!server.core.hotkeys.is_on());
}
