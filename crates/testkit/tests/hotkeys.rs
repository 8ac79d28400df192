//! `HOTKEYS` (Redis 8.6), beside a real one.

use std::time::Duration;

use redwire_testkit::{Client, Peer, Redwire, Reply, Server, wait_until};

const SOON: Duration = Duration::from_secs(20);

fn call(client: &mut Client, line: &str) -> Reply {
    let words: Vec<&str> = line.split(' ').collect();
    client.call(&words)
}

/// Figures that are the server's own.
const OWN: [&str; 5] = [
    "all-commands-all-slots-us",
    "collection-start-time-unix-ms",
    "collection-duration-ms",
    "total-cpu-time-user-ms",
    "total-cpu-time-sys-ms",
];

/// The fields of a `HOTKEYS GET` of RESP2 or RESP3.
fn fields(reply: &Reply) -> Vec<(Reply, Reply)> {
    match reply.elements() {
        [Reply::Map(pairs)] => pairs.clone(),
        [Reply::Array(flat)] => {
            flat.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
        }
        _ => panic!("{reply:?}"),
    }
}

/// A reply without what no two servers have alike; keys in one order, of those by time the names.
fn comparable(line: &str, reply: Reply) -> Reply {
    if line != "HOTKEYS GET" || reply.elements().is_empty() {
        return reply;
    }
    let kept = fields(&reply).into_iter().map(|(name, value)| {
        let value = match &*name.text() {
            own if OWN.contains(&own) => Reply::Null,
            "by-cpu-time-us" => {
                Reply::Array(value.elements().iter().step_by(2).cloned().collect()).sorted()
            }
            "by-net-bytes" => {
                let pairs = value.elements().chunks(2).map(|pair| Reply::Array(pair.to_vec()));
                Reply::Array(pairs.collect()).sorted()
            }
            _ => value,
        };
        (name, value)
    });
    Reply::Map(kept.collect())
}

const LINES: &str = "
    HOTKEYS
    HOTKEYS foo
    HOTKEYS HELP
    HOTKEYS HELP x
    HOTKEYS GET
    HOTKEYS GET x
    HOTKEYS STOP
    HOTKEYS STOP x
    HOTKEYS RESET
    HOTKEYS RESET x
    HOTKEYS START
    HOTKEYS START METRICS
    HOTKEYS START METRICS x
    HOTKEYS START METRICS 0
    HOTKEYS START METRICS 0 CPU
    HOTKEYS START METRICS -1 CPU
    HOTKEYS START METRICS 1
    HOTKEYS START METRICS 2 CPU
    HOTKEYS START METRICS 2 CPU CPU
    HOTKEYS START METRICS 2 NET net
    HOTKEYS START METRICS 3 CPU NET CPU
    HOTKEYS START METRICS 1 CPU NET
    HOTKEYS START METRICS 1 FOO
    HOTKEYS START METRICS 1 COUNT 10
    HOTKEYS START COUNT 10 METRICS 1 CPU
    HOTKEYS START METRICS 1 CPU COUNT
    HOTKEYS START METRICS 1 CPU COUNT x
    HOTKEYS START METRICS 1 CPU COUNT 0
    HOTKEYS START METRICS 1 CPU COUNT 65
    HOTKEYS START METRICS 1 CPU DURATION 0
    HOTKEYS START METRICS 1 CPU DURATION 1000001
    HOTKEYS START METRICS 1 CPU SAMPLE 0
    HOTKEYS START METRICS 1 CPU SAMPLE 2147483648
    HOTKEYS START METRICS 1 CPU SAMPLE x
    HOTKEYS START METRICS 1 CPU SLOTS
    HOTKEYS START METRICS 1 CPU SLOTS 1 0
    HOTKEYS START METRICS 1 CPU FOO
    HOTKEYS START METRICS 1 CPU FOO 1
    HOTKEYS START METRICS 1 CPU METRICS 1 NET
    HOTKEYS GET
    hotkeys start metrics 2 cpu foo sample 7 count 2 count 3 duration 1000000
    HOTKEYS GET
    HOTKEYS START METRICS 1 CPU
    HOTKEYS START
    HOTKEYS RESET
    HOTKEYS STOP
    HOTKEYS GET
    HOTKEYS START METRICS 1 NET
    HOTKEYS GET
    HOTKEYS STOP
    HOTKEYS RESET
    HOTKEYS GET
    HOTKEYS START METRICS 2 NET CPU COUNT 64
    SET string 1
    GET string
    GET none
    PING
    MSET a 1 b 2 c 3
    MGET a b c
    MGET a a a
    GET
    LPUSH a x
    SORT none STORE d
    DEL a b c
    RPUSH list a b c
    LMOVE list list2 LEFT RIGHT
    ZADD z 1 a 2 b
    ZUNIONSTORE z2 2 z none
    OBJECT ENCODING z
    XADD x 1-1 a b
    XREAD COUNT 1 STREAMS x 0
    MULTI
    PUBLISH c x
    EXEC
    SPUBLISH c x
    CONFIG GET maxmemory
    DBSIZE
    FLUSHALL
    EXISTS string
    BLPOP none 0.001
    GET nosuchkey
    HOTKEYS GET
    HOTKEYS STOP
    GET string
    HOTKEYS GET
    HOTKEYS RESET
";

#[test]
fn keys_are_found_as_by_redis() {
    let Some(real) = Peer::Redis86.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    let mut differing = Vec::new();
    for protocol in ["2", "3"] {
        for client in [&mut real, &mut ours] {
            client.ok(&["HELLO", protocol]);
        }
        for line in LINES.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let [expected, got] =
                [&mut real, &mut ours].map(|client| comparable(line, call(client, line)));
            if got != expected {
                differing
                    .push(format!("{protocol}: {line}\n  real: {expected:?}\n  ours: {got:?}"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

fn figure(client: &mut Client, name: &str) -> i64 {
    let got = fields(&client.ok(&["HOTKEYS", "GET"]));
    let found = got.into_iter().find(|(it, _)| it.text() == name);
    found.and_then(|(_, value)| value.int()).expect("a figure")
}

/// Commands that come together are looked at one by one, and those that a replica is sent as well.
#[test]
fn no_command_is_missed() {
    let (ours, replica) = (Redwire::start(&[]), Redwire::start(&[]));
    replica.follow(&ours);
    let (mut client, mut there) = (ours.client(), replica.client());
    for client in [&mut client, &mut there] {
        client.ok(&["HOTKEYS", "START", "METRICS", "2", "CPU", "NET"]);
    }
    let commands = vec![vec![b"SET".to_vec(), b"key".to_vec(), b"value".to_vec()]; 1000];
    client.pipeline(&commands);
    // The request has 33 bytes, the reply 5, which nobody gets on a replica.
    assert_eq!(figure(&mut client, "total-net-bytes"), 38_000);
    wait_until("the replica has it", SOON, || figure(&mut there, "total-net-bytes") == 33_000);
    assert!(figure(&mut client, "all-commands-all-slots-us") > 0);
    let mut waits = ours.client();
    waits.send(b"*3\r\n$5\r\nBLPOP\r\n$4\r\nlist\r\n$1\r\n0\r\n");
    wait_until("it waits", SOON, || client.info("blocked_clients").as_deref() == Some("1"));
    client.ok(&["RPUSH", "list", "x"]);
    waits.read();
    // As in Redis, what has waited is not counted.
    assert_eq!(figure(&mut client, "total-net-bytes"), 38_036);
}

#[test]
fn it_ends_by_itself() {
    let real = Peer::Redis86.start(&[]);
    let ours = Redwire::start(&[]);
    for server in real.iter().chain([&ours]) {
        let server: &Server = server;
        let mut client = server.client();
        client.ok(&["HOTKEYS", "START", "METRICS", "1", "NET", "DURATION", "1"]);
        client.ok(&["SET", "a", "1"]);
        wait_until("it is over", SOON, || figure(&mut client, "tracking-active") == 0);
        client.ok(&["SET", "a", "1"]);
        assert_eq!(figure(&mut client, "total-net-bytes"), 32);
        let lasted = figure(&mut client, "collection-duration-ms");
        assert!((1000..10_000).contains(&lasted), "{lasted}");
        assert_eq!(client.ok(&["HOTKEYS", "STOP"]), client.ok(&["HOTKEYS", "STOP"]));
    }
}
