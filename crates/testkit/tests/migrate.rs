//! `MIGRATE` between redwire and real servers, in both directions: replies, keys, expiries, and what
//! others may do meanwhile.

use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use redwire_testkit::{
    Client, Peer, Redwire, Server, assert_same_data, request, wait_caught_up, wait_until,
};

const SECONDS: Duration = Duration::from_secs(10);

/// A command whose words stand with blanks between them; `''` is an empty one.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| if word == "''" { String::new() } else { word.to_owned() }).collect()
}

fn call(client: &mut Client, line: &str) -> String {
    let words = words(line);
    format!("{:?}", client.call(&words.iter().map(String::as_str).collect::<Vec<_>>()))
}

fn ok(client: &mut Client, line: &str) {
    let words = words(line);
    client.ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
}

/// A port that nobody listens to.
fn dead_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    listener.expect("a free port").port()
}

/// What is asked of two sources that have one target each; `PORT`, `LOCKED` and `DEAD` stand for ports.
const SCRIPT: &[&str] = &[
    "SET k v",
    "MIGRATE 127.0.0.1 PORT k x 1000",
    "MIGRATE 127.0.0.1 PORT k 0 1000 FOO",
    "MIGRATE 127.0.0.1 PORT k 0 1000 KEYS k",
    "MIGRATE 127.0.0.1 PORT '' 0 1000",
    "MIGRATE 127.0.0.1 PORT none 0 1000",
    "MIGRATE 127.0.0.1 DEAD k 0 1000",
    "MIGRATE 127.0.0.1 noport k 0 1000",
    "MIGRATE '' PORT k 0 1000",
    "MIGRATE 127.0.0.1 PORT k 99 1000",
    "EXISTS k",
    "MIGRATE 127.0.0.1 PORT k 0 1000 COPY",
    "EXISTS k",
    "MIGRATE 127.0.0.1 PORT k 0 1000",
    "MIGRATE 127.0.0.1 PORT k 0 1000 COPY REPLACE",
    "MIGRATE 127.0.0.1 PORT k 0 1000 REPLACE",
    "EXISTS k",
    "MIGRATE 127.0.0.1 PORT k 0 1000",
    "MSET a 1 b 2 c 3",
    "MIGRATE 127.0.0.1 LOCKED a 0 1000",
    "MIGRATE 127.0.0.1 LOCKED a 0 1000 AUTH wrong",
    "MIGRATE 127.0.0.1 LOCKED a 0 1000 AUTH2 nobody pw",
    "EXISTS a",
    "MIGRATE 127.0.0.1 LOCKED a 0 1000 AUTH pw",
    "MIGRATE 127.0.0.1 LOCKED '' 5 1000 AUTH2 default pw KEYS b none c",
    "EXISTS a b c",
    // The second is there already: the others go.
    "MSET a 1 k 2 c 3",
    "MIGRATE 127.0.0.1 PORT '' 0 1000 KEYS a k c",
    "EXISTS a c",
    "EXISTS k",
    "SELECT 3",
    "SET k v",
    "MIGRATE 127.0.0.1 PORT k 7 1000",
    "DBSIZE",
    // Between other commands, of which all are done whatever comes of it.
    "SELECT 0",
    "MULTI",
    "SET m v",
    "MIGRATE 127.0.0.1 PORT m 0 1000 REPLACE",
    "EXISTS m",
    "SET m w",
    "MIGRATE 127.0.0.1 PORT m 0 1000",
    "MIGRATE 127.0.0.1 PORT m 0 1000 COPY REPLACE",
    "MIGRATE 127.0.0.1 DEAD m 0 1000",
    "MIGRATE 127.0.0.1 PORT none 0 1000",
    "MIGRATE 127.0.0.1 PORT m 0 1000 FOO",
    "MSET a 1 k 2 c 3",
    "MIGRATE 127.0.0.1 PORT '' 0 1000 KEYS a k c",
    "EXISTS a c",
    "EXISTS k",
    "EXEC",
    "GET m",
    "MULTI",
    "MIGRATE 127.0.0.1 PORT m 0 1000 COPY REPLACE",
    "DISCARD",
    "COMMAND GETKEYS MIGRATE h 1 '' 0 1 AUTH keys KEYS a b",
    "COMMAND GETKEYS MIGRATE h 1 k 0 1 KEYS a b",
];

#[test]
fn replies_are_those_of_a_real_server() {
    let Some([target, locked]) = targets(Peer::Redis70) else { return };
    let [target2, locked2] = targets(Peer::Redis70).expect("it was there before");
    let (real, ours) = (Peer::Redis70.start(&[]).expect("likewise"), Redwire::start(&[]));
    let dead = dead_port().to_string();
    let (mut real, mut ours) = (real.client(), ours.client());
    for line in SCRIPT {
        let line = |target: &Server, locked: &Server| {
            let line = line.replace("LOCKED", &locked.port_text()).replace("DEAD", &dead);
            line.replace("PORT", &target.port_text())
        };
        let expected = call(&mut real, &line(&target, &locked));
        let got = call(&mut ours, &line(&target2, &locked2));
        assert_eq!(got, expected, "{}", line(&target2, &locked2));
    }
    assert_same_data(&target, &target2);
    assert!(ours.info("migrate_cached_sockets").is_some_and(|count| count == "2"));
}

/// A server that takes keys, and one that wants a password first.
fn targets(peer: Peer) -> Option<[Server; 2]> {
    Some([peer.start(&[])?, peer.start(&["--requirepass", "pw"])?])
}

/// Fills a server with keys of every type, small and large, some of which expire; answers them.
fn fill(client: &mut Client) -> Vec<String> {
    let many = |name: &str, each: &dyn Fn(usize) -> String| {
        let elements: Vec<String> = (0..2000).map(each).collect();
        format!("{name} {}", elements.join(" "))
    };
    for line in [
        "SET string:int 12345",
        "SET string:text hello",
        "RPUSH list:small a b 3",
        "SADD set:int 1 2 3",
        "SADD set:small a b",
        "HSET hash:small f v g w",
        "ZADD zset:small 1.5 a -inf b",
        "XADD stream 1-1 f v",
        "XADD stream 2-1 g w",
        "XGROUP CREATE stream group 0",
        "XREADGROUP GROUP group me COUNT 1 STREAMS stream >",
        "PFADD hll a b c",
        &format!("SET string:large {}", "x".repeat(300_000)),
        &many("RPUSH list:large", &|n| format!("item:{n}")),
        &many("SADD set:large", &|n| format!("member:{n}")),
        &many("HSET hash:large", &|n| format!("field:{n} value:{n}")),
        &many("ZADD zset:large", &|n| format!("{n}.25 member:{n}")),
        "PEXPIREAT string:text 4102444800000",
        "PEXPIREAT zset:large 4102444800000",
    ] {
        ok(client, line);
    }
    client.ok(&["KEYS", "*"]).elements().iter().map(redwire_testkit::Reply::text).collect()
}

/// All keys go over and leave nothing behind; they are what they were.
fn moves_all(source: &Server, target: &Server) {
    let (mut client, mut there) = (source.client(), target.client());
    let keys = fill(&mut client);
    let digest = client.digest();
    let line =
        format!("MIGRATE 127.0.0.1 {} '' 0 9000 KEYS {}", target.port_text(), keys.join(" "));
    ok(&mut client, &line);
    assert_eq!(client.ok(&["DBSIZE"]).int(), Some(0));
    assert_eq!(there.digest(), digest);
    for key in ["string:text", "zset:large"] {
        // RESTORE is told how long is left, by the clocks of both.
        let left = there.ok(&["PTTL", key]).int().unwrap_or_default();
        let now: i64 = there.ok(&["TIME"]).elements()[0].text().parse().unwrap_or_default();
        assert!((left / 1000 + now - 4_102_444_800).abs() <= 2, "{key}: {left}");
    }
}

fn both_ways(peer: Peer) {
    let Some(real) = peer.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    moves_all(&ours, &real);
    ok(&mut real.client(), "FLUSHALL");
    moves_all(&real, &ours);
}

#[test]
fn both_ways_with_redis_70() {
    both_ways(Peer::Redis70);
}

#[test]
fn both_ways_with_redis_80() {
    both_ways(Peer::Redis80);
}

#[test]
fn both_ways_with_valkey_91() {
    both_ways(Peer::Valkey91);
}

/// Replicas are told of what went, and only of that.
#[test]
fn replicas_follow() {
    let Some(replica) = Peer::Redis70.start(&[]) else { return };
    let (ours, target) = (Redwire::start(&[]), Redwire::start(&[]));
    replica.follow(&ours);
    let mut client = ours.client();
    ok(&mut client, "MSET a 1 b 2 c 3 d 4");
    ok(&mut target.client(), "SET b taken");
    let to = format!("MIGRATE 127.0.0.1 {} '' 0 1000", target.port_text());
    assert!(call(&mut client, &format!("{to} KEYS a b c")).contains("BUSYKEY"));
    ok(&mut client, &format!("{to} COPY KEYS d"));
    // In a transaction, too: some go, one stays.
    for line in ["MULTI", "MSET e 1 f 2 b 3", &format!("{to} REPLACE KEYS e"), "SET e 3"] {
        ok(&mut client, line);
    }
    ok(&mut client, &format!("{to} KEYS f d"));
    assert!(call(&mut client, "EXEC").contains("BUSYKEY"));
    assert_eq!(call(&mut client, "EXISTS d e"), ":2");
    assert_eq!(call(&mut client, "EXISTS f"), ":0");
    wait_caught_up(&ours, &replica);
    assert_same_data(&ours, &replica);
    assert_eq!(call(&mut replica.client(), "EXISTS b d"), call(&mut client, "EXISTS b d"));
}

/// While a target does not answer, others read and write; who writes to the key waits, and finds it
/// where it was when nothing came of it. Redis stands still meanwhile.
#[test]
fn others_go_on() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let ours = Redwire::start(&[]);
    let (mut mover, mut writer, mut other) = (ours.client(), ours.client(), ours.client());
    ok(&mut other, "MSET k v o v");
    let port = silent.local_addr().expect("it is bound").port();
    mover.send(&request(&["MIGRATE", "127.0.0.1", &port.to_string(), "k", "0", "2000"]));
    let (mut socket, _) = silent.accept().expect("it connects");
    socket.read_exact(&mut [0; 16]).expect("it says something");
    writer.send(&request(&["APPEND", "k", "w"]));
    wait_until("the writer to be held up", SECONDS, || {
        other.info("blocked_clients").is_some_and(|count| count == "2")
    });
    assert_eq!(other.ok(&["GET", "k"]).text(), "v");
    ok(&mut other, "SET o w");
    let reply = mover.read();
    assert!(reply.text().contains("IOERR error or timeout reading"), "{reply:?}");
    assert_eq!(writer.read().int(), Some(2));
    assert_eq!(other.ok(&["GET", "k"]).text(), "vw");
}

/// A connection that the target closed since is opened anew.
#[test]
fn a_kept_connection_may_be_gone() {
    let (ours, target) = (Redwire::start(&[]), Redwire::start(&[]));
    let (mut client, mut there) = (ours.client(), target.client());
    for round in 0..3 {
        ok(&mut client, "SET k v");
        ok(&mut client, &format!("MIGRATE 127.0.0.1 {} k 4 1000 REPLACE", target.port_text()));
        there.ok(&["SELECT", "4"]);
        assert_eq!(there.ok(&["EXISTS", "k"]).int(), Some(1), "{round}");
        if round == 1 {
            there.ok(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        }
    }
    assert_eq!(client.info("migrate_cached_sockets").as_deref(), Some("1"));
}
