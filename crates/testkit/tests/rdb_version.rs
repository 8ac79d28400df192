//! Which RDB version a replica gets: what it says of itself, a setting, and an older one after it
//! broke off.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use redwire_testkit::workload::{dataset, seed};
use redwire_testkit::{Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until};

/// Says this, asks for a full sync, and answers how its RDB begins; the link then breaks.
fn magic(primary: &Server, says: &[&str]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", primary.port())).expect("connect");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set a timeout");
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut line = String::new();
    let port = "listening-port 7777";
    for said in ["capa eof", port].iter().chain(says) {
        stream.write_all(format!("REPLCONF {said}\r\n").as_bytes()).expect("write");
        line.clear();
        reader.read_line(&mut line).expect("a reply");
        assert_eq!(line, "+OK\r\n", "{said}");
    }
    stream.write_all(b"PSYNC ? -1\r\n").expect("write");
    while !line.starts_with("$EOF:") {
        line.clear();
        reader.read_line(&mut line).expect("a line");
    }
    let mut magic = [0; 9];
    reader.read_exact(&mut magic).expect("the RDB begins");
    String::from_utf8_lossy(&magic).into_owned()
}

const VALKEY_9: &[&str] = &["version 9.1.2"];
const VALKEY_8: &[&str] = &["version 8.1.1"];

/// A server with so much data that a link breaks before it is all sent.
fn primary(options: &[&str]) -> Server {
    let server = Redwire::start(options);
    let set = |n: u32| vec![b"SET".to_vec(), format!("k{n}").into_bytes(), vec![b'x'; 1 << 20]];
    server.client().pipeline(&(0..32).map(set).collect::<Vec<_>>());
    server.client().ok(&["RPUSH", "list", "a", "b"]);
    server.client().ok(&["CONFIG", "SET", "rdbcompression", "no"]);
    server
}

fn wait_until_gone(primary: &Server) {
    wait_until("the link to be seen to break", Duration::from_secs(20), || {
        primary.client().info("connected_slaves").as_deref() == Some("0")
    });
}

#[test]
fn what_a_replica_says_and_an_older_one_when_it_leaves() {
    for (says, expected) in [(VALKEY_9, "VALKEY080"), (VALKEY_8, "REDIS0011")] {
        let primary = primary(&[]);
        assert_eq!(magic(&primary, &[]), "REDIS0009", "it said nothing");
        wait_until_gone(&primary);
        assert!(!primary.log().contains("an older one at its next attempt"), "there is none");
        assert_eq!(magic(&primary, says), expected);
        wait_until_gone(&primary);
        assert!(primary.log().contains("an older one at its next attempt"));
        assert_eq!(magic(&primary, says), "REDIS0009", "after it broke off");
    }
}

/// Each reads what it is sent: a list's encoding is that of the version.
#[test]
fn real_replicas_load_what_they_seem_to_read() {
    for peer in [Peer::Redis80, Peer::Redis86, Peer::Valkey81, Peer::Valkey91] {
        let channel: &[&str] = match peer {
            Peer::Redis80 | Peer::Redis86 => &["--repl-rdb-channel", "yes"],
            _ => &["--dual-channel-replication-enabled", "yes"],
        };
        let primary = Redwire::start(&[]);
        primary.client().pipeline(&dataset(seed(71)));
        for options in [channel, &[]] {
            let Some((replica, other)) = peer.start(options).zip(peer.start(&[])) else { continue };
            replica.follow(&primary);
            other.client().ok(&["CONFIG", "SET", "repl-diskless-load", "swapdb"]);
            primary.client().ok(&["CONFIG", "SET", "repl-rdb-version", "oldest"]);
            other.follow(&primary);
            primary.client().ok(&["CONFIG", "SET", "repl-rdb-version", "auto"]);
            wait_caught_up(&primary, &replica);
            wait_caught_up(&primary, &other);
            assert_same_data(&replica, &other);
        }
    }
}

#[test]
fn a_setting() {
    let primary = primary(&["--repl-rdb-version", "10"]);
    assert_eq!(magic(&primary, VALKEY_9), "REDIS0010");
    wait_until_gone(&primary);
    let line = "127.0.0.1:7777 left before it had loaded its RDB, which is of version 10";
    assert!(primary.log().contains(line), "{}", primary.log());
    assert_eq!(magic(&primary, VALKEY_9), "REDIS0010", "a setting is an order");
    primary.client().ok(&["CONFIG", "SET", "repl-rdb-version", "oldest"]);
    assert_eq!(magic(&primary, VALKEY_9), "REDIS0009");
    primary.client().ok(&["CONFIG", "SET", "repl-rdb-version", "80"]);
    assert_eq!(magic(&primary, &[]), "VALKEY080");
}
