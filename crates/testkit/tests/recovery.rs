//! Restarts and kills: the stream that is kept on disk spares the full sync.

use std::time::Duration;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{
    Client, Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until,
};

const LINK: Duration = Duration::from_secs(60);

/// Save points that are never reached: the stream is kept, and the test saves when it wants to.
const SAVES: &[&str] = &["--save", "3600 100000000"];

fn number(server: &Server, field: &str) -> u64 {
    let text = server.client().info(field).unwrap_or_else(|| panic!("INFO has no {field}"));
    text.parse().unwrap_or_else(|_| panic!("{field} is {text}"))
}

fn link_is_up(client: &mut Client) -> bool {
    client.info("master_link_status").as_deref() == Some("up")
}

fn start(follows: Option<&Server>) -> Server {
    let port = follows.map(Server::port_text);
    let place = port.map(|port| format!("127.0.0.1 {port}"));
    let follow = place.iter().flat_map(|place| ["--replicaof", place]);
    let args: Vec<&str> = SAVES.iter().copied().chain(follow).collect();
    let server = Redwire::start(&args);
    if follows.is_some() {
        wait_until("the link to be up", LINK, || link_is_up(&mut server.client()));
    }
    server
}

fn again(server: &mut Server) {
    server.restart().unwrap_or_else(|failure| panic!("{failure}"));
}

fn wait_for_link(replica: &Server) {
    wait_until("the link to be up again", LINK, || link_is_up(&mut replica.client()));
}

/// A primary with data, its file saved, and a replica that has saved its own.
fn pair(replica: impl FnOnce(&Server) -> Option<Server>) -> Option<(Server, Server)> {
    let primary = start(None);
    primary.client().pipeline(&dataset(seed(61)));
    let replica = replica(&primary)?;
    wait_for_link(&replica);
    wait_caught_up(&primary, &replica);
    for server in [&primary, &replica] {
        server.client().ok(&["SAVE"]);
    }
    Some((primary, replica))
}

/// A primary that is killed comes back with what it wrote since its last save, and goes on with its
/// replica, without a full sync.
fn the_primary_is_killed(replica: impl FnOnce(&Server) -> Option<Server>) {
    let Some((mut primary, replica)) = pair(replica) else { return };
    let mut workload = Workload::new(seed(62)).recent();
    for round in 0..3 {
        primary.client().pipeline(&workload.writes(3000));
        wait_caught_up(&primary, &replica);
        let before = primary.client().digest();
        primary.kill();
        again(&mut primary);
        assert_eq!(primary.client().digest(), before, "round {round}: {}", primary.log());
        wait_for_link(&replica);
        primary.client().pipeline(&workload.writes(1000));
        wait_caught_up(&primary, &replica);
        assert_same_data(&primary, &replica);
        assert_eq!((number(&primary, "sync_full"), number(&primary, "sync_partial_ok")), (0, 1));
    }
}

#[test]
fn a_killed_primary_goes_on_with_redis_70() {
    the_primary_is_killed(|primary| {
        let replica = Peer::Redis70.start(&[])?;
        replica.follow(primary);
        Some(replica)
    });
}

#[test]
fn a_killed_primary_goes_on_with_redwire() {
    the_primary_is_killed(|primary| Some(start(Some(primary))));
}

/// A replica that is killed asks from where it was, and a sub-replica of its own goes on too.
#[test]
fn a_killed_replica_goes_on() {
    let Some((primary, mut replica)) = pair(|primary| Some(start(Some(primary)))) else { return };
    let mut workload = Workload::new(seed(63)).recent();
    primary.client().pipeline(&workload.writes(3000));
    wait_caught_up(&primary, &replica);
    let below = start(Some(&replica));
    for _ in 0..3 {
        primary.client().pipeline(&workload.writes(2000));
        wait_caught_up(&primary, &below);
        replica.kill();
        primary.client().pipeline(&workload.writes(2000));
        again(&mut replica);
        wait_for_link(&replica);
        wait_caught_up(&primary, &replica);
        assert_same_data(&primary, &replica);
        let offsets = [&primary, &replica].map(|server| number(server, "master_repl_offset"));
        assert!(offsets[0].abs_diff(offsets[1]) < 1000, "{offsets:?}");
        wait_for_link(&below);
        wait_caught_up(&primary, &below);
        assert_same_data(&primary, &below);
        assert_eq!((number(&replica, "sync_full"), number(&replica, "sync_partial_ok")), (0, 1));
    }
    assert_eq!((number(&primary, "sync_full"), number(&primary, "sync_partial_ok")), (1, 3));
}

/// An orderly end saves, and loses nothing either.
#[test]
fn both_ends_restart() {
    let Some((mut primary, mut replica)) = pair(|primary| Some(start(Some(primary)))) else {
        return;
    };
    let mut workload = Workload::new(seed(64)).recent();
    for _ in 0..2 {
        primary.client().pipeline(&workload.writes(3000));
        primary.terminate();
        replica.terminate();
        again(&mut primary);
        again(&mut replica);
        wait_for_link(&replica);
        wait_caught_up(&primary, &replica);
        assert_same_data(&primary, &replica);
        assert_eq!((number(&primary, "sync_full"), number(&primary, "sync_partial_ok")), (0, 1));
    }
}

/// A primary that has lost the end of its stream must not go on with a replica that has it: the
/// replica gets the data of the primary, not a mixture.
#[test]
fn a_lost_end_means_a_full_sync() {
    let Some((mut primary, replica)) = pair(|primary| Some(start(Some(primary)))) else { return };
    let mut client = primary.client();
    client.ok(&["SET", "early", "1"]);
    client.ok(&["SET", "late", "1"]);
    wait_caught_up(&primary, &replica);
    primary.kill();
    // The last of the file is damaged: as if it had not been written.
    let folder = primary.dir().join("dump.rdb.backlog");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let segment =
        files.filter(|path| path.extension().is_some_and(|it| it == "seg")).max().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let late = bytes.windows(4).rposition(|bytes| bytes == b"late").unwrap();
    bytes[late] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    again(&mut primary);
    let mut client = primary.client();
    assert_eq!(client.ok(&["EXISTS", "early", "late"]).int(), Some(1));
    client.ok(&["SET", "other", "1"]);
    wait_for_link(&replica);
    wait_caught_up(&primary, &replica);
    assert_same_data(&primary, &replica);
    assert_eq!((number(&primary, "sync_full"), number(&primary, "sync_partial_ok")), (1, 0));
}
