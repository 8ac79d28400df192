//! Both runners at a master that the test plays.
#![allow(clippy::disallowed_methods, reason = "a master that the test plays is a thread")]

mod support;

use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use redwire::follow::{Item, default_config};
use redwire::rdb::{EncodeOptions, Encoder};
use redwire::repl::{ReplicaConfig, TwoConnections};
use redwire::{Address, SpoolLimits};
use support::{Copies, Follows, PATIENCE, both};

fn listen() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    (listener, format!("redis://127.0.0.1:{port}").parse().expect("an address"))
}

fn config(timeout: Duration) -> ReplicaConfig {
    let (backoff_min, backoff_max) = (Duration::from_millis(1), Duration::from_millis(2));
    let two_connections = TwoConnections::No;
    ReplicaConfig { timeout, backoff_min, backoff_max, two_connections, ..default_config() }
}

/// A connection, and the words that came on it, a line each.
fn accept(listener: &TcpListener) -> (TcpStream, BufReader<TcpStream>) {
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("set a timeout");
    let reading = stream.try_clone().expect("a second handle");
    (stream, BufReader::new(reading))
}

/// All that a master says up to the stream, with an empty data set.
fn opening() -> Vec<u8> {
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut rdb = Vec::new();
    encoder.start(&mut rdb);
    encoder.end(&mut rdb);
    let id = "ab".repeat(20);
    let mut said = b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n".to_vec();
    said.extend(format!("+FULLRESYNC {id} 1000\r\n${}\r\n", rdb.len()).into_bytes());
    said.extend(rdb);
    said
}

/// Waits for the PSYNC, and answers the id that it asks for.
fn asked_for(words: &mut BufReader<TcpStream>) -> String {
    place_asked_for(words).0
}

/// The same, and the first byte.
fn place_asked_for(words: &mut BufReader<TcpStream>) -> (String, i64) {
    let mut lines = words.lines().map(|line| line.expect("a line"));
    let found = lines.by_ref().find(|line| line == "PSYNC");
    found.expect("it asks");
    let id = lines.nth(1).expect("the id behind its length");
    let from = lines.nth(1).expect("the place behind its length");
    (id, from.parse().expect("a number"))
}

/// A silent master is given up, and tried again; one that went away or talks nonsense, too.
fn links_of_no_use<R: Follows>() {
    let (listener, address) = listen();
    let mut follow = R::with(address.clone(), config(Duration::from_millis(30)));
    for _ in 0..2 {
        let error = follow.next(|_| ()).expect_err("a link of no use");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
        drop(accept(&listener));
    }
    let mut follow = R::with(address, config(PATIENCE));
    let playing = thread::spawn(move || {
        drop(accept(&listener));
        accept(&listener).0.write_all(b"what\r\n").expect("send");
        let (mut good, mut words) = accept(&listener);
        good.write_all(&opening()).expect("send");
        asked_for(&mut words)
    });
    let kind = follow.next(|_| ()).expect_err("a link of no use").kind();
    assert!(matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset));
    assert_eq!(
        follow.next(|_| ()).expect_err("a link of no use").kind(),
        io::ErrorKind::InvalidData
    );
    let start = |item: Item<'_>| matches!(item, Item::SnapshotStart { history_gone: false, .. });
    assert!(follow.next(start).expect("a snapshot"));
    assert_eq!(follow.position(), None);
    assert_eq!(playing.join().expect("the master"), "?");
    // Nobody listens any more.
    while follow.next(|_| ()).is_ok() {}
}

/// Who takes nothing for a while lives by what his reader sends.
fn slow_work<R: Follows>() {
    let (listener, address) = listen();
    let mut follow = R::with(address, config(Duration::from_millis(3500)));
    let playing = thread::spawn(move || {
        let (mut stream, mut words) = accept(&listener);
        stream.write_all(&opening()).expect("send");
        asked_for(&mut words);
        // The session would say ACK; the reader sends empty lines.
        let signs = words.lines().map(|line| line.expect("it keeps the link"));
        signs.filter(String::is_empty).take(4).count()
    });
    while !follow.next(|item| matches!(item, Item::SnapshotEnd { .. })).expect("an item") {}
    assert_eq!(playing.join().expect("the master"), 4);
}

/// Makes the files without a name empty that lie in `folder`; how many there are.
fn truncate_spool(folder: &Path) -> usize {
    let opened = fs::read_dir("/proc/self/fd").expect("what is open");
    let handles = opened.map(|entry| entry.expect("a handle").path());
    let of_spool =
        handles.filter(|handle| fs::read_link(handle).is_ok_and(|name| name.starts_with(folder)));
    let truncate = |handle| {
        let file = fs::File::options().write(true).open(handle).expect("open it again");
        file.set_len(0).expect("truncate it");
    };
    of_spool.map(truncate).count()
}

/// What of the stream lies on disk cannot be read back: that is said, and the stream goes on where what
/// was taken ends, with neither loss nor repetition, in spite of what came meanwhile.
fn a_spool_that_cannot_be_read_back<R: Follows>() {
    const COMMANDS: usize = 20_000;
    let command = |n| format!("*3\r\n$3\r\nSET\r\n$5\r\n{n:05}\r\n$50\r\n{n:050}\r\n");
    let stream: String = (0..COMMANDS).map(command).collect();
    let (listener, address) = listen();
    let folder = tempfile::tempdir().expect("a folder");
    // Less than the stream, so that there comes a moment from which on nothing is written.
    let folder_path = Some(folder.path().into());
    let limits = SpoolLimits { memory: 100_000, disk: 1_000_000, folder: folder_path };
    let mut follow = R::with(address, config(PATIENCE));
    follow.set_spool(limits);
    let playing = thread::spawn(move || {
        let (mut first, mut words) = accept(&listener);
        first.write_all(&opening()).expect("send");
        asked_for(&mut words);
        // The end of it may not be taken any more.
        let _ = first.write_all(stream.as_bytes());
        let (mut second, mut words) = accept(&listener);
        second.write_all(b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n+CONTINUE\r\n").expect("send");
        let (id, from) = place_asked_for(&mut words);
        let at = usize::try_from(from - 1001).expect("not before the snapshot");
        second.write_all(&stream.as_bytes()[at..]).expect("send");
        // The connection stays until all was taken.
        (id, at, second)
    });
    while !follow.next(|item| matches!(item, Item::SnapshotEnd { .. })).expect("an item") {}
    redwire_testkit::wait_until("a full disk", PATIENCE, || follow.spool().trouble.is_some());
    assert!(truncate_spool(folder.path()) > 0);
    let (mut keys, mut failures) = (Vec::new(), Vec::new());
    while keys.len() < COMMANDS {
        let taken = follow.next(|item| match item {
            Item::Command { request, .. } => Some(request[1].to_vec()),
            _ => None,
        });
        match taken {
            Ok(key) => keys.extend(key),
            Err(error) => failures.push((error.to_string(), keys.len())),
        }
    }
    let expected: Vec<_> = (0..COMMANDS).map(|n| format!("{n:05}").into_bytes()).collect();
    assert!(keys == expected, "{} keys, {failures:?}", keys.len());
    let [(failure, taken)] = &failures[..] else { panic!("{failures:?}") };
    let place = format!("a spool file in {}", folder.path().display());
    assert!(failure.starts_with(&place), "{failure}");
    assert!((1..COMMANDS).contains(taken), "{taken}");
    let (id, at, _second) = playing.join().expect("the master");
    assert_eq!((id, at), ("ab".repeat(20), taken * command(0).len()));
}

both! { Follow:
    a_spool_that_cannot_be_read_back_is_no_loss => a_spool_that_cannot_be_read_back(),
    links_of_no_use_are_closed_and_opened_anew => links_of_no_use(),
    slow_work_beside_a_link_that_is_kept_alive => slow_work(),
}

mod copies {
    use super::*;

    /// After a command that cannot be run the copy would differ, so a whole data set is asked for.
    fn begins_anew<C: Copies>() {
        let (listener, address) = listen();
        let mut copy = C::with(address, config(PATIENCE));
        let playing = thread::spawn(move || {
            let links: Vec<_> = (0..2)
                .map(|_| {
                    let (mut stream, mut words) = accept(&listener);
                    stream.write_all(&opening()).expect("send");
                    // Before that the copy might end the link without having asked.
                    let id = asked_for(&mut words);
                    stream.write_all(b"*2\r\n$10\r\nNEWCOMMAND\r\n$1\r\nk\r\n").expect("send");
                    (id, stream, words)
                })
                .collect();
            links.into_iter().map(|(id, ..)| id).collect::<Vec<_>>()
        });
        let error = loop {
            if let Err(error) = copy.changed() {
                break error;
            }
            assert!(copy.is_current() || copy.keyspace().data().is_empty());
        };
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("NEWCOMMAND cannot be run here"), "{error}");
        assert!(!copy.is_current());
        while copy.changed().is_ok() {}
        assert_eq!(playing.join().expect("the master"), ["?", "?"]);
    }

    both! { Live:
        after_a_command_that_cannot_be_run_all_is_asked_for => begins_anew(),
    }
}
