//! Full syncs over two connections as the vendors have them: Redis' RDB channel and Valkey's dual
//! channel, from a real primary and to a real replica.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use redwire_testkit::workload::{dataset, seed};
use redwire_testkit::{
    Client, Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_for, wait_until,
};

/// Between two rounds of writes: a primary must not be faster than a replica that is not optimised.
const PACE: Duration = Duration::from_millis(1);

const LINK: Duration = Duration::from_secs(60);

const REDIS: &[&str] = &["--repl-rdb-channel", "yes"];
const VALKEY: &[&str] = &["--dual-channel-replication-enabled", "yes"];

/// What slows a full sync down, so that there is a time in its midst: at a real primary, which
/// writes its RDB key by key, and at a real replica, which reads it so.
const SLOW_PRIMARY: &[&str] = &["--rdb-key-save-delay", "100"];
const SLOW_REPLICA: &[&str] = &["--repl-diskless-load", "swapdb", "--key-load-delay", "100"];

/// Primary, redwire, and a replica of the primary's kind, not yet linked.
struct Chain {
    primary: Server,
    redwire: Server,
    replica: Server,
}

impl Chain {
    fn start(peer: Peer, dialect: &[&str]) -> Option<Chain> {
        let primary = peer.start(&[dialect, SLOW_PRIMARY].concat())?;
        let replica = peer.start(&[dialect, SLOW_REPLICA].concat())?;
        primary.client().pipeline(&dataset(seed(91)));
        primary.client().pipeline(&bulk(20_000));
        Some(Chain { primary, redwire: Redwire::start(&[]), replica })
    }

    fn assert_equal_ends(&self) {
        wait_until("the links to be up", LINK, || {
            link_is_up(&self.redwire) && link_is_up(&self.replica)
        });
        wait_caught_up(&self.primary, &self.replica);
        assert_same_data(&self.primary, &self.replica);
    }
}

/// More than sockets hold.
fn bulk(count: u32) -> Vec<Vec<Vec<u8>>> {
    let value = |n: u32| (0..100).map(|i| (n.wrapping_mul(i | 1) % 251) as u8).collect::<Vec<_>>();
    let set = |n: u32| vec![b"SET".to_vec(), format!("bulk:{n}").into_bytes(), value(n).repeat(10)];
    (0..count).map(set).collect()
}

fn link_is_up(server: &Server) -> bool {
    server.client().info("master_link_status").as_deref() == Some("up")
}

fn number(server: &Server, field: &str) -> u64 {
    server.client().info(field).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Some commands in two databases, with a transaction among them.
fn writes(number: u32) -> Vec<Vec<Vec<u8>>> {
    let (key, list) = (format!("bulk:{}", number * 7 % 20_000), format!("list:{}", number % 50));
    let value = number.to_string().repeat(20);
    let commands: [&[&str]; 8] = [
        &["SELECT", if number.is_multiple_of(3) { "5" } else { "0" }],
        &["SET", &key, &value],
        &["INCR", "counter"],
        &["MULTI"],
        &["RPUSH", &list, &value],
        &["LTRIM", &list, "-20", "-1"],
        &["EXEC"],
        &["APPEND", "log", &value],
    ];
    let owned = |command: &&[&str]| command.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    commands.iter().map(owned).collect()
}

/// Writes until `body` ends.
fn under_writes(primary: &Server, body: impl FnOnce()) {
    let (stop, stopped) = mpsc::channel::<()>();
    let mut client = primary.client();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut number = 0;
            // Ends when the other side of the channel is dropped.
            while stopped.recv_timeout(PACE) == Err(mpsc::RecvTimeoutError::Timeout) {
                number += 1;
                client.pipeline(&writes(number));
            }
        });
        // Dropped at the end, by a panic too.
        let _stop = stop;
        body();
    });
}

/// Both hops of the chain over two connections, with one full sync each.
fn one_full_sync_each(peer: Peer, dialect: &[&str], word: &str) {
    let Some(chain) = Chain::start(peer, dialect) else { return };
    under_writes(&chain.primary, || {
        chain.redwire.follow(&chain.primary);
        chain.replica.follow(&chain.redwire);
    });
    chain.assert_equal_ends();
    let log = chain.redwire.log();
    assert!(log.contains(&format!("Full sync over two connections ({word}")), "{log}");
    assert!(log.contains("goes on with a connection for the RDB"), "{log}");
    for server in [&chain.primary, &chain.redwire] {
        assert_eq!(number(server, "sync_full"), 1, "{server:?}");
        assert_eq!(number(server, "connected_slaves"), 1, "{server:?}");
    }
}

/// The connections of replicas at `server`, oldest first.
fn replica_connections(client: &mut Client) -> Vec<String> {
    let list = client.ok(&["CLIENT", "LIST"]).text();
    let lines = list.lines().filter(|line| line.contains(" flags=S"));
    lines.filter_map(|line| Some(line.split(' ').next()?.strip_prefix("id=")?.to_owned())).collect()
}

/// One of the two connections is killed at `server` in the midst of its full sync to `replica`.
fn kill_one(server: &Server, replica: &Server, stream: bool) {
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &server.port_text()]);
    let mut client = server.client();
    let ids = wait_for("both connections", LINK, || {
        Some(replica_connections(&mut client)).filter(|ids| ids.len() == 2)
    });
    // The stream's connection came first with either vendor.
    let id = &ids[usize::from(!stream)];
    client.ok(&["CLIENT", "KILL", "ID", id]);
    wait_until("the link to be up", LINK, || link_is_up(replica));
}

fn survives_kills(peer: Peer, dialect: &[&str]) {
    for stream in [true, false] {
        let Some(chain) = Chain::start(peer, dialect) else { return };
        under_writes(&chain.primary, || {
            kill_one(&chain.primary, &chain.redwire, stream);
            kill_one(&chain.redwire, &chain.replica, stream);
        });
        chain.assert_equal_ends();
        for server in [&chain.primary, &chain.redwire] {
            assert_eq!(number(server, "sync_full"), 2, "{server:?}");
        }
    }
}

#[test]
fn redis_80() {
    one_full_sync_each(Peer::Redis80, REDIS, "Redis");
}

#[test]
fn redis_86() {
    one_full_sync_each(Peer::Redis86, REDIS, "Redis");
}

#[test]
fn valkey_81() {
    one_full_sync_each(Peer::Valkey81, VALKEY, "Valkey");
}

#[test]
fn valkey_91() {
    one_full_sync_each(Peer::Valkey91, VALKEY, "Valkey");
}

#[test]
fn redis_80_with_either_connection_killed() {
    survives_kills(Peer::Redis80, REDIS);
}

#[test]
fn valkey_91_with_either_connection_killed() {
    survives_kills(Peer::Valkey91, VALKEY);
}
