//! redwire as a primary of real replicas, and as a replica of real masters: what the chain tests
//! do not show.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::time::Duration;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{
    Client, Peer, Redwire, Reply, Server, assert_same_data, assert_same_fields, wait_caught_up,
    wait_for, wait_until,
};

const LINK: Duration = Duration::from_secs(60);

/// Three replicas ask at once, while the primary is written to.
#[test]
fn several_replicas_at_once() {
    let replicas: Option<Vec<_>> = (0..3).map(|_| Peer::Redis70.start(&[])).collect();
    let Some(replicas) = replicas else { return };
    let redwire = Redwire::start(&["--repl-diskless-sync-delay", "1"]);
    let mut client = redwire.client();
    client.pipeline(&dataset(seed(51)));
    for replica in &replicas {
        replica.client().ok(&["REPLICAOF", "127.0.0.1", &redwire.port_text()]);
    }
    let mut workload = Workload::new(seed(52)).recent();
    wait_until("three links", LINK, || {
        client.pipeline(&workload.writes(500));
        replicas.iter().all(|replica| link_is_up(&mut replica.client()))
    });
    client.pipeline(&workload.writes(5000));
    for replica in &replicas {
        wait_caught_up(&redwire, replica);
        assert_same_data(&redwire, replica);
    }
    assert_eq!(client.info("connected_slaves").as_deref(), Some("3"));
    assert_eq!(client.ok(&["WAIT", "3", "20000"]).int(), Some(3));
}

fn link_is_up(client: &mut Client) -> bool {
    client.info("master_link_status").as_deref() == Some("up")
}

/// FLUSHDB and FLUSHALL reach a replica that holds keys of its own, though the primary has none.
#[test]
fn flushes_of_an_empty_primary_reach_replicas() {
    let Some(replica) = Peer::Redis70.start(&["--replica-read-only", "no"]) else { return };
    let redwire = Redwire::start(&[]);
    replica.follow(&redwire);
    for flush in ["FLUSHDB", "FLUSHALL"] {
        let mut client = replica.client();
        client.ok(&["SET", "own", "1"]);
        redwire.client().ok(&[flush]);
        wait_until("the replica to be empty", LINK, || {
            client.ok(&["EXISTS", "own"]) == Reply::Int(0)
        });
    }
}

/// Fields that expire reach replicas of both dialects, which get snapshots of their own, and go by the
/// primary's word.
#[test]
fn fields_expire_at_replicas() {
    let peers = [Peer::Redis80, Peer::Redis86, Peer::Valkey91];
    let replicas: Option<Vec<_>> = peers.into_iter().map(|peer| peer.start(&[])).collect();
    let Some(replicas) = replicas else { return };
    let redwire = Redwire::start(&[]);
    let mut client = redwire.client();
    client.pipeline(&dataset(seed(54)));
    let mut workload = Workload::new(seed(55)).field_expiry();
    client.pipeline(&workload.writes(5000));
    for replica in &replicas {
        replica.client().ok(&["REPLICAOF", "127.0.0.1", &redwire.port_text()]);
    }
    wait_until("three links", LINK, || {
        client.pipeline(&workload.writes(100));
        replicas.iter().all(|replica| link_is_up(&mut replica.client()))
    });
    client.pipeline(&workload.writes(20_000));
    client.ok(&["SELECT", "2"]);
    for n in 0..100 {
        // Some of what is due is deleted by the clock, some because a command comes to it.
        let (key, ms) = (format!("soon:{}", n % 5), (1 + n % 7).to_string());
        client.pipeline(&["HSETEX", "HINCRBY", "HSETNX", "HEXPIRE"].map(|name| {
            let args = match name {
                "HSETEX" => vec!["PX", &ms, "FIELDS", "3", "a", "1", "b", "2", "c", "3"],
                "HINCRBY" => vec!["a", "7"],
                "HSETNX" => vec!["b", "5"],
                _ => vec!["1", "FIELDS", "2", "c", "d"],
            };
            [name, &key].into_iter().chain(args).map(|arg| arg.as_bytes().to_vec()).collect()
        }));
        client.ok(&["HINCRBYFLOAT", &key, "c", "0.5"]);
    }
    let expiring = |client: &mut Client| {
        let mut keys = 0..5;
        keys.any(|n| {
            client.ok(&["HTTL", &format!("soon:{n}"), "FIELDS", "1", "c"]).elements()[0].int()
                > Some(0)
        })
    };
    wait_until("what expires soon to be gone", LINK, || !expiring(&mut client));
    for replica in &replicas {
        wait_caught_up(&redwire, replica);
        assert_same_fields(&redwire, replica);
    }
}

/// Where no RDB that a replica loads holds a field's expiry, the log says so, with a key's name: a
/// Valkey tells its version, a Redis does not.
#[test]
fn replicas_that_are_too_old_for_expiring_fields() {
    for (peer, reason) in [
        (Peer::Redis70, "The snapshot is REDIS0012, which servers before Redis 7.4 refuse"),
        (Peer::Valkey81, "a REDIS0011 file cannot hold type 24"),
    ] {
        let Some(replica) = peer.start(&[]) else { continue };
        let redwire = Redwire::start(&[]);
        let mut client = redwire.client();
        client.ok(&["HSETEX", "the key", "EX", "1000", "FIELDS", "1", "f", "v"]);
        replica.client().ok(&["REPLICAOF", "127.0.0.1", &redwire.port_text()]);
        let named = |line: &str| line.contains(reason) && line.contains("\"the key\"");
        wait_until(reason, LINK, || redwire.log().lines().any(named));
        // It comes again, and gets its data once no field expires.
        client.ok(&["HPERSIST", "the key", "FIELDS", "1", "f"]);
        wait_until("the link", LINK, || link_is_up(&mut replica.client()));
        assert_eq!(replica.client().ok(&["HGET", "the key", "f"]), Reply::Bulk(b"v".to_vec()));
    }
}

/// What the primary decides by chance or by its clock (SPOP, expiry, SET with a time) ends the same
/// at a real replica.
#[test]
fn effects_are_deterministic() {
    let Some(replica) = Peer::Redis70.start(&[]) else { return };
    let redwire = Redwire::start(&[]);
    replica.follow(&redwire);
    let mut client = redwire.client();
    for n in 0..200 {
        let member = |i: u32| format!("member {i}");
        let (set, text) = (format!("set:{n}"), format!("text:{n}"));
        let members: Vec<_> = (0..20).map(member).collect();
        let add = [vec!["SADD".to_owned(), set.clone()], members].concat();
        client.ok(&add);
        client.ok(&["SPOP", &set, &(n % 25).to_string()]);
        client.ok(&["SPOP", &set]);
        client.ok(&["SET", &text, "v", "PX", &(1 + n % 50).to_string()]);
        client.ok(&["SET", &format!("kept:{n}"), "v", "EX", "100000"]);
        client.ok(&["GET", &text]);
        client.ok(&["INCRBYFLOAT", &format!("float:{n}"), "0.1"]);
        client.ok(&["EXPIRE", &set, if n % 7 == 0 { "0" } else { "5000" }]);
    }
    wait_until("all short expiries", LINK, || client.ok(&["KEYS", "text:*"]).elements().is_empty());
    wait_caught_up(&redwire, &replica);
    assert_same_data(&redwire, &replica);
    assert_eq!(replica.client().ok(&["EXISTS", "text:1", "text:49"]), Reply::Int(0));
}

/// A replica refuses writes in the real one's words, until it is promoted.
#[test]
fn a_replica_is_read_only_until_promoted() {
    let (Some(master), Some(sibling)) = (Peer::Redis70.start(&[]), Peer::Redis70.start(&[])) else {
        return;
    };
    let redwire = Redwire::start(&[]);
    redwire.follow(&master);
    sibling.follow(&master);
    master.client().ok(&["SET", "key", "v"]);
    for replica in [&redwire, &sibling] {
        wait_caught_up(&master, replica);
    }
    for command in [&["SET", "key", "x"][..], &["DEL", "key"], &["FLUSHALL"], &["GET", "key"]] {
        assert_eq!(redwire.client().call(command), sibling.client().call(command), "{command:?}");
    }
    let mut client = redwire.client();
    client.ok(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(client.info("role").as_deref(), Some("master"));
    client.ok(&["SET", "key", "x"]);
    assert_eq!(client.ok(&["GET", "key"]).text(), "x");
    assert_eq!(client.info("master_host"), None);
}

/// INFO replication and ROLE have a real server's fields, in both roles.
#[test]
fn info_and_role_look_like_the_real_ones() {
    let servers: Option<Vec<_>> = (0..4).map(|_| Peer::Redis70.start(&[])).collect();
    let Some(servers) = servers else { return };
    let [real_top, real_middle, real_end, end] = &servers[..] else { unreachable!("four") };
    let redwire = Redwire::start(&[]);
    let look = |server: &Server| {
        let mut client = server.client();
        (fields(&mut client), shape(&client.ok(&["ROLE"])))
    };
    assert_covers(&look(&redwire), &look(real_middle), "alone");

    real_end.follow(real_middle);
    end.follow(&redwire);
    for (primary, replica) in [(real_middle, real_end), (&redwire, end)] {
        wait_online(primary, replica);
    }
    assert_covers(&look(&redwire), &look(real_middle), "as a primary");

    real_middle.follow(real_top);
    redwire.follow(real_top);
    for (primary, replica) in [(real_top, real_end), (real_top, end)] {
        wait_online(primary, replica);
    }
    assert_covers(&look(&redwire), &look(real_middle), "as a replica with a replica");
}

/// Waits until what `primary` writes reaches `replica` by the stream. A write may be in the RDB
/// already, and is seen there before the primary counts its replica as online; the next one cannot.
fn wait_online(primary: &Server, replica: &Server) {
    wait_caught_up(primary, replica);
    wait_caught_up(primary, replica);
}

/// The names of the fields of INFO replication.
fn fields(client: &mut Client) -> BTreeSet<String> {
    let text = client.ok(&["INFO", "replication"]).text();
    text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
}

/// A reply with its numbers and addresses left out.
fn shape(reply: &Reply) -> String {
    match reply {
        Reply::Int(_) => ":".to_owned(),
        Reply::Bulk(text) if text.iter().all(|b| b.is_ascii_digit() || *b == b'.') => {
            "$".to_owned()
        }
        Reply::Array(elements) => {
            format!("[{}]", elements.iter().map(shape).collect::<Vec<_>>().join(" "))
        }
        other => format!("{other:?}"),
    }
}

type Look = (BTreeSet<String>, String);

/// Fields that came after Redis 7.0: of Valkey 8, Redis 8 and Valkey 8, and those of Redis 8.6.
const LATER: [&str; 7] = [
    "replicas_waiting_psync",
    "replica_full_sync_buffer_",
    "replicas_repl_buffer_",
    "master_current_sync_attempts",
    "master_total_sync_attempts",
    "master_link_up_since_seconds",
    "total_disconnect_time_sec",
];

fn assert_covers(ours: &Look, real: &Look, when: &str) {
    let missing: Vec<_> = real.0.difference(&ours.0).collect();
    let known = |f: &&String| f.starts_with("redwire_") || LATER.iter().any(|it| f.starts_with(it));
    let extra: Vec<_> = ours.0.difference(&real.0).filter(|f| !known(f)).collect();
    assert!(missing.is_empty() && extra.is_empty(), "{when}: missing {missing:?}, extra {extra:?}");
    assert_eq!(ours.1, real.1, "{when}");
}

/// A master that dies and comes back with other data is found and followed again.
#[test]
fn a_lost_master_is_followed_again() {
    let Some(mut master) = Peer::Redis70.start(&[]) else { return };
    let redwire = Redwire::start(&[]);
    master.client().ok(&["SET", "old", "1"]);
    redwire.follow(&master);
    master.client().ok(&["SET", "saved", "1"]);
    // The child that wrote the full sync may not be done yet.
    wait_until("SAVE", LINK, || !master.client().call(&["SAVE"]).is_error());
    master.kill();
    let mut client = redwire.client();
    wait_until("the link to be seen as down", LINK, || !link_is_up(&mut client));
    assert_eq!(client.ok(&["EXISTS", "old"]), Reply::Int(1), "the data stays meanwhile");

    master.restart().unwrap_or_else(|failure| panic!("{failure}"));
    master.client().ok(&["SET", "new", "1"]);
    wait_until("the link", LINK, || link_is_up(&mut client));
    wait_caught_up(&master, &redwire);
    assert_same_data(&master, &redwire);
}

/// Passwords on both sides of redwire.
#[test]
fn authentication_on_both_links() {
    let args = ["--requirepass", "secret", "--masterauth", "secret"];
    let (Some(master), Some(replica)) = (Peer::Redis70.start(&args), Peer::Redis70.start(&args))
    else {
        return;
    };
    let redwire = Redwire::start(&args);
    let authenticated = |server: &Server| {
        let mut client = server.client();
        client.ok(&["AUTH", "secret"]);
        client
    };
    for (replica, primary) in [(&redwire, &master), (&replica, &redwire)] {
        let mut client = authenticated(replica);
        client.ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
        wait_until("the link", LINK, || link_is_up(&mut client));
    }
    authenticated(&master).ok(&["SET", "key", "through"]);
    let mut end = authenticated(&replica);
    wait_until("the key", LINK, || end.ok(&["GET", "key"]).text() == "through");
}

/// The old SYNC command gives a whole file by its length, and then the stream.
#[test]
fn the_old_sync_gives_a_file_and_the_stream() {
    let (Some(programs), redwire) = (Peer::Redis70.programs(), Redwire::start(&[])) else { return };
    let mut client = redwire.client();
    client.pipeline(&dataset(seed(53)));
    let digest = client.digest();
    let mut link = std::net::TcpStream::connect(("127.0.0.1", redwire.port())).expect("connect");
    link.set_read_timeout(Some(LINK)).expect("set a timeout");
    std::io::Write::write_all(&mut link, b"SYNC\r\n").expect("ask");
    let mut bytes = || {
        let mut byte = [0];
        link.read_exact(&mut byte).expect("a byte of the answer");
        byte[0]
    };
    // Newlines keep the link alive until the file is ready.
    let first = wait_for("the header", LINK, || Some(bytes()).filter(|byte| *byte != b'\n'));
    assert_eq!(first, b'$');
    let header: Vec<_> =
        std::iter::from_fn(|| Some(bytes()).filter(|byte| *byte != b'\n')).collect();
    let len: usize = String::from_utf8_lossy(&header).trim().parse().expect("a length");
    let mut file = vec![0; len];
    link.read_exact(&mut file).expect("the file");

    client.ok(&["SET", "live", "1"]);
    let mut stream = Vec::new();
    wait_for("the live write in the stream", LINK, || {
        let mut piece = [0; 4096];
        let count = link.read(&mut piece).expect("the stream");
        stream.extend_from_slice(&piece[..count]);
        let set = redwire_testkit::request(&["SET", "live", "1"]);
        stream.windows(set.len()).any(|window| window == set).then_some(())
    });

    let dir = tempfile::tempdir().expect("make a folder");
    fs::write(dir.path().join("dump.rdb"), file).expect("write the file");
    let judge = Server::start_in("judge", &programs.server, dir.path(), &[]);
    assert_eq!(judge.unwrap_or_else(|failure| panic!("{failure}")).client().digest(), digest);
}

/// A primary without persistence restarts at once: its replica keeps the data, also when the
/// primary has got keys again, and takes the new data set when told to.
fn empty_primary_is_refused(peer: Peer) {
    let Some(mut master) = peer.start(&[]) else { return };
    let redwire = Redwire::start(&[]);
    master.client().ok(&["SET", "kept", "1"]);
    redwire.follow(&master);
    let mut client = redwire.client();
    wait_until("the key", LINK, || client.ok(&["EXISTS", "kept"]) == Reply::Int(1));
    let field = "redwire_refused_empty_primary";
    assert_eq!(client.info(field), None);

    master.kill();
    master.restart().expect("restart the master");
    let refused = wait_for("the refusal", LINK, || client.info(field));
    assert_eq!(Some(refused), master.client().info("master_replid"));
    assert_eq!(client.ok(&["DBSIZE"]), Reply::Int(1));

    let attempts = || redwire.log().matches("unrelated history and no keys").count();
    let before = attempts();
    master.client().ok(&["SET", "new", "1"]);
    wait_until("two more attempts", LINK, || attempts() >= before + 2);
    assert_eq!(client.ok(&["EXISTS", "kept", "new"]), Reply::Int(1));
    assert_eq!(client.ok(&["EXISTS", "kept"]), Reply::Int(1));
    assert!(!link_is_up(&mut client));

    client.ok(&["CONFIG", "SET", "replica-refuse-empty-primary", "no"]);
    wait_until("the link", LINK, || link_is_up(&mut client));
    assert_same_data(&master, &redwire);
    assert_eq!(client.info(field), None);
}

#[test]
fn empty_primary_is_refused_redis_70() {
    empty_primary_is_refused(Peer::Redis70);
}

#[test]
fn empty_primary_is_refused_redis_80() {
    empty_primary_is_refused(Peer::Redis80);
}

#[test]
fn empty_primary_is_refused_valkey_91() {
    empty_primary_is_refused(Peer::Valkey91);
}

/// A fresh REPLICAOF takes an empty primary, and a primary that was emptied on purpose is followed.
#[test]
fn empty_primary_is_taken_by_a_fresh_replicaof() {
    let (Some(first), Some(second)) = (Peer::Redis70.start(&[]), Peer::Redis70.start(&[])) else {
        return;
    };
    let redwire = Redwire::start(&[]);
    first.client().ok(&["SET", "gone", "1"]);
    redwire.follow(&first);
    redwire.follow(&second);
    assert_eq!(redwire.client().ok(&["DBSIZE"]), Reply::Int(0));
}

/// Texts of Redis 8.0, and a replica with an AOF that is waited for.
#[test]
fn waitaof_waits_for_the_disks_of_replicas() {
    let options = ["--appendonly", "yes", "--appendfsync", "always"];
    let (Some(real), Some(replica)) = (Peer::Redis80.start(&[]), Peer::Redis80.start(&options))
    else {
        return;
    };
    let redwire = Redwire::start(&[]);
    let ask =
        |server: &Server, line: &str| server.client().call(&line.split(' ').collect::<Vec<_>>());
    for line in [
        "WAITAOF",
        "WAITAOF 1 0 0",
        "WAITAOF 2 0 0",
        "WAITAOF -1 0 0",
        "WAITAOF 0 -1 0",
        "WAITAOF 0 x 0",
        "WAITAOF x 0 0",
        "WAITAOF 0 0 x",
        "WAITAOF 0 0 -1",
        "WAITAOF 0 0 0",
        "WAITAOF 0 1 20",
    ] {
        assert_eq!(ask(&redwire, line), ask(&real, line), "{line}");
    }
    replica.follow(&redwire);
    redwire.client().ok(&["SET", "k", "v"]);
    let counts = Reply::Array(vec![Reply::Int(0), Reply::Int(1)]);
    assert_eq!(ask(&redwire, "WAITAOF 0 1 60000"), counts);
    let refused = ask(&replica, "WAITAOF 0 0 0");
    real.follow(&redwire);
    redwire.client().ok(&["REPLICAOF", "127.0.0.1", "1"]);
    assert_eq!(ask(&redwire, "WAITAOF 0 0 0"), refused);
}
