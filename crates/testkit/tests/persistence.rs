//! dump.rdb: files of real servers load and come back whole, a crash leaves a whole file, a damaged
//! one stops the start.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use redwire_testkit::workload::{Workload, dataset, seed};
use redwire_testkit::{
    Client, Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until,
};

/// The longest that a save of these tests may take.
const SAVE: Duration = Duration::from_secs(60);

/// A real server with a random data set, saved.
fn saved(peer: Peer, seed: u64) -> Option<Server> {
    let real = peer.start(&[])?;
    let mut client = real.client();
    client.pipeline(&dataset(seed));
    client.pipeline(&Workload::new(seed).recent().writes(5000));
    client.ok(&["SAVE"]);
    Some(real)
}

fn redwire_on(dir: &Path, args: &[&str]) -> Server {
    Redwire::start_in(dir, args).unwrap_or_else(|failure| panic!("{failure}"))
}

/// A real server saves, redwire loads and saves, a real server loads: the data is the same.
fn round_trip(peer: Peer, args: &[&str]) {
    let (Some(real), Some(programs)) = (saved(peer, seed(41)), peer.programs()) else { return };
    let dir = tempfile::tempdir().expect("make a folder");
    let file = dir.path().join("dump.rdb");
    fs::copy(real.rdb(), &file).expect("copy the file");

    let mut redwire = redwire_on(dir.path(), args);
    assert!(redwire.log().contains("DB loaded from disk"), "{}", redwire.log());
    fs::remove_file(&file).expect("remove the real server's file");
    redwire.client().ok(&["SAVE"]);
    redwire.kill();

    let judge = Server::start_in(peer.name(), &programs.server, dir.path(), &[]);
    assert_same_data(&real, &judge.unwrap_or_else(|failure| panic!("{failure}")));
}

#[test]
fn round_trip_redis_70() {
    round_trip(Peer::Redis70, &[]);
}

#[test]
fn round_trip_redis_80() {
    round_trip(Peer::Redis80, &[]);
}

#[test]
fn round_trip_valkey_91() {
    round_trip(Peer::Valkey91, &[]);
}

#[test]
fn round_trip_redis_60() {
    round_trip(Peer::Redis60, &[]);
}

#[test]
fn round_trip_redis_86() {
    round_trip(Peer::Redis86, &[]);
}

#[test]
fn round_trip_valkey_81() {
    round_trip(Peer::Valkey81, &[]);
}

#[test]
fn round_trip_without_compression_and_checksum() {
    round_trip(Peer::Redis70, &["--rdbcompression", "no", "--rdbchecksum", "no"]);
}

/// What was saved by SIGTERM with save points, by SHUTDOWN SAVE, by BGSAVE or by a save point
/// is there again after a start.
#[test]
fn every_way_to_save() {
    let Some(real) = saved(Peer::Redis70, seed(42)) else { return };
    let mut redwire = Redwire::start(&["--save", "3600 1"]);
    redwire.follow(&real);
    wait_caught_up(&real, &redwire);
    redwire.client().ok(&["REPLICAOF", "NO", "ONE"]);

    assert!(redwire.terminate().success());
    reload(&mut redwire, &real);

    write_both(&redwire, &real, "1");
    let _closed_without_reply = redwire.client().try_call(&["SHUTDOWN", "SAVE"]);
    assert!(redwire.wait().success());
    reload(&mut redwire, &real);

    write_both(&redwire, &real, "2");
    let mut client = redwire.client();
    assert_eq!(client.ok(&["BGSAVE"]).text(), "Background saving started");
    wait_until("BGSAVE", SAVE, || client.info("rdb_bgsave_in_progress").as_deref() == Some("0"));
    assert_eq!(client.info("rdb_last_bgsave_status").as_deref(), Some("ok"));
    redwire.kill();
    reload(&mut redwire, &real);

    write_both(&redwire, &real, "3");
    let mut client = redwire.client();
    client.ok(&["CONFIG", "SET", "save", "1 1"]);
    wait_until("the save point", SAVE, || {
        client.info("rdb_changes_since_last_save").as_deref() == Some("0")
    });
    redwire.kill();
    reload(&mut redwire, &real);

    // NOSAVE and kill -9 lose what came after the last save, and nothing else.
    redwire.client().ok(&["SET", "lost", "1"]);
    let _closed_without_reply = redwire.client().try_call(&["SHUTDOWN", "NOSAVE"]);
    redwire.wait();
    reload(&mut redwire, &real);
}

fn write_both(a: &Server, b: &Server, value: &str) {
    for server in [a, b] {
        server.client().ok(&["SET", "written", value]);
    }
}

fn reload(redwire: &mut Server, real: &Server) {
    redwire.restart().unwrap_or_else(|failure| panic!("{failure}"));
    assert_same_data(real, redwire);
}

/// kill -9 at many moments of a save leaves the old file or the new one, whole.
#[test]
fn a_killed_save_keeps_a_whole_file() {
    let mut redwire = Redwire::start(&["--rdbcompression", "no"]);
    let mut client = redwire.client();
    client.ok(&["DEBUG", "POPULATE", "60000", "key", "500"]);
    client.ok(&["SAVE"]);
    let mut killed_midway = 0;
    for round in 0..12_u64 {
        let mut client = redwire.client();
        let old = (fs::read(redwire.rdb()).expect("the old file"), client.digest());
        client.ok(&["SET", "round", &round.to_string()]);
        let new = client.digest();
        client.ok(&["BGSAVE"]);
        let least = round * 2_500_000;
        wait_until("bytes of a new file, or its end", SAVE, || {
            temporary_bytes(redwire.dir()) > least || !saving(&mut client)
        });
        redwire.kill();

        let kept = fs::read(redwire.rdb()).expect("a file is always there") == old.0;
        killed_midway += u32::from(kept);
        remove_temporary(redwire.dir());
        redwire.restart().unwrap_or_else(|failure| panic!("round {round}: {failure}"));
        assert_eq!(redwire.client().digest(), if kept { old.1 } else { new }, "round {round}");
    }
    assert!(killed_midway >= 4, "only {killed_midway} of 12 kills hit a running save");
}

fn saving(client: &mut Client) -> bool {
    client.info("rdb_bgsave_in_progress").as_deref() == Some("1")
}

/// The files in a folder that are neither the data nor the log.
fn temporary(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(dir).expect("list the folder");
    let names = ["dump.rdb", "server.log"].map(OsString::from);
    let others = entries.flatten().filter(move |entry| !names.contains(&entry.file_name()));
    others.map(|entry| entry.path())
}

fn temporary_bytes(dir: &Path) -> u64 {
    // A file that vanishes meanwhile counts for nothing.
    temporary(dir).filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum()
}

fn remove_temporary(dir: &Path) {
    temporary(dir).for_each(|file| fs::remove_file(file).expect("remove a leftover"));
}

/// A start on a damaged file ends with the place and the reason, and leaves the file as it is.
#[test]
fn a_damaged_file_stops_the_start() {
    let Some(real) = saved(Peer::Redis70, seed(43)) else { return };
    let good = fs::read(real.rdb()).expect("the file");
    let mut damages = vec![
        ("cut in the header", good[..5].to_vec()),
        ("cut in the middle", good[..good.len() / 2].to_vec()),
        ("cut before the checksum", good[..good.len() - 8].to_vec()),
        ("no magic", [b"SOMETHING", &good[9..]].concat()),
        ("a version to come", [b"REDIS0099", &good[9..]].concat()),
        ("empty", Vec::new()),
    ];
    for part in 1..20 {
        let mut flipped = good.clone();
        flipped[good.len() / 20 * part] ^= 0x40;
        damages.push(("a flipped bit", flipped));
    }
    for (what, bytes) in damages {
        let dir = tempfile::tempdir().expect("make a folder");
        let file = dir.path().join("dump.rdb");
        fs::write(&file, &bytes).expect("write the file");
        let Err(failure) = Redwire::start_in(dir.path(), &[]) else {
            panic!("{what}: the server started")
        };
        assert!(!failure.status.success(), "{what}: {failure}");
        assert!(failure.log.contains("offset"), "{what}: no offset in the log: {failure}");
        assert!(!failure.log.contains("panicked"), "{what}: {failure}");
        assert!(fs::read(&file).expect("the file") == bytes, "{what}: the file was touched");
    }
}

/// DEBUG RELOAD goes through a file and back.
#[test]
fn debug_reload_keeps_everything() {
    let Some(real) = saved(Peer::Redis70, seed(44)) else { return };
    let redwire = Redwire::start(&[]);
    redwire.follow(&real);
    wait_caught_up(&real, &redwire);
    let mut client = redwire.client();
    client.ok(&["REPLICAOF", "NO", "ONE"]);
    client.ok(&["DEBUG", "RELOAD"]);
    assert_same_data(&real, &redwire);
}

/// A save while clients write holds the data of the moment when it began.
#[test]
fn a_save_under_writes_holds_one_moment() {
    let redwire = Redwire::start(&[]);
    let mut client = redwire.client();
    client.pipeline(&dataset(seed(45)));
    client.ok(&["DEBUG", "POPULATE", "100000", "key", "100"]);
    let digest = client.digest();
    let mut workload = Workload::new(seed(46)).recent();
    client.ok(&["BGSAVE"]);
    wait_until("BGSAVE", SAVE, || {
        client.pipeline(&workload.writes(200));
        !saving(&mut client)
    });
    assert_ne!(client.digest(), digest);

    let dir = tempfile::tempdir().expect("make a folder");
    fs::copy(redwire.rdb(), dir.path().join("dump.rdb")).expect("copy the file");
    assert_eq!(redwire_on(dir.path(), &[]).client().digest(), digest);
}
