//! A master that sends what it should not: redwire drops the link, keeps the data that it had, and
//! lives.

use std::fs;
use std::io::{BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use redwire_testkit::workload::dataset;
use redwire_testkit::{Peer, Redwire, Reply, Server, wait_until};

/// How long redwire may take to see that it was sent nonsense: less than its repl-timeout.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers one replica's handshake, sends `payload` after `+FULLRESYNC`, and then closes the link, or
/// waits until the replica does. Links before the one that asks for data are answered as well.
fn serve(listener: &TcpListener, bad: (&str, &[u8], bool)) {
    serve_after(listener, FULL_RESYNC, bad);
}

const FULL_RESYNC: &str = "+FULLRESYNC 0123456789012345678901234567890123456789 0\r\n";

/// As [`serve`], with this answer to `PSYNC`.
fn serve_after(listener: &TcpListener, answer: &str, (what, payload, close): (&str, &[u8], bool)) {
    loop {
        let (stream, _) = listener.accept().expect("accept a replica");
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("set a timeout");
        if handshake(&stream, answer) {
            // The replica may close in the middle of it.
            let _ = (&stream).write_all(payload);
            if !close {
                wait_until(&format!("the link to be closed: {what}"), PATIENCE, || closed(&stream));
            }
            return;
        }
    }
}

/// Whether the other side has closed the link, after what it may have said before.
fn closed(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0; 4096]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// Answers until the replica asks for data; false when it goes before.
fn handshake(stream: &TcpStream, to_psync: &str) -> bool {
    let mut reader = BufReader::new(stream);
    while let Ok(request) = Reply::read(&mut reader) {
        let name = request.elements().first().map(Reply::text).unwrap_or_default();
        let answer = match &*name.to_uppercase() {
            "PING" => "+PONG\r\n",
            "PSYNC" => to_psync,
            _ => "+OK\r\n",
        };
        if (&*stream).write_all(answer.as_bytes()).is_err() {
            return false;
        }
        if answer == to_psync {
            return true;
        }
    }
    false
}

fn framed(rdb: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", rdb.len()).as_bytes(), rdb].concat()
}

fn marked(rdb: &[u8]) -> Vec<u8> {
    const MARKER: &[u8; 40] = b"abcdefghijabcdefghijabcdefghijabcdefghij";
    [b"$EOF:", &MARKER[..], b"\r\n", rdb, MARKER].concat()
}

/// What a bad master may send: the name, the bytes, whether it then closes the link.
fn payloads(good: &[u8]) -> Vec<(&'static str, Vec<u8>, bool)> {
    let mut flipped = good.to_vec();
    flipped[good.len() / 2] ^= 0x10;
    let half = &good[..good.len() / 2];
    let announced = [format!("${}\r\n", good.len()).as_bytes(), half].concat();
    vec![
        ("a flipped bit, by length", framed(&flipped), false),
        ("a flipped bit, by marker", marked(&flipped), false),
        ("no RDB, by length", framed(&[b'x'; 5000]), false),
        ("no RDB, by marker", marked(&[b'x'; 5000]), false),
        ("half a file, whole to the length", framed(half), false),
        ("a link that ends in the file", announced, true),
        (
            "a link that ends before a marker",
            [b"$EOF:", &[b'm'; 40][..], b"\r\n", half].concat(),
            true,
        ),
        ("no length", b"$\r\n".to_vec(), false),
        ("a negative length", b"$-1\r\n".to_vec(), false),
        ("a length of 2^63 - 1", [b"$9223372036854775807\r\n", half].concat(), true),
        ("a length that overflows", b"$99999999999999999999999\r\n".to_vec(), false),
        ("a short marker", b"$EOF:short\r\n".to_vec(), false),
        ("an error", b"-ERR Unable to perform background save\r\n".to_vec(), true),
        ("an endless header", vec![b'$'; 100_000], false),
        ("text", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), true),
        ("nothing", Vec::new(), true),
    ]
}

#[test]
fn old_data_stays() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    real.client().pipeline(&dataset(61));
    real.client().ok(&["SAVE"]);
    let good = fs::read(real.rdb()).expect("a file");

    let redwire = Redwire::start(&[]);
    let mut client = redwire.client();
    for n in 0..100 {
        client.ok(&["SET", &format!("old:{n}"), "value"]);
    }
    let digest = client.digest();
    for (what, payload, close) in payloads(&good) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        let port = listener.local_addr().expect("an address").port();
        client.ok(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
        serve(&listener, (what, &payload, close));
        drop(listener);
        let mut again = redwire.client();
        wait_until("the link to be down", PATIENCE, || {
            again.info("master_sync_in_progress").as_deref() == Some("0")
        });
        assert_eq!(again.digest(), digest, "{what}");
        assert_eq!(again.info("master_link_status").as_deref(), Some("down"), "{what}");
    }
    client.ok(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(client.digest(), digest);
    assert!(!redwire.log().contains("panicked"), "{}", redwire.log());

    // A good one is taken after all that.
    redwire.follow(&real);
    redwire_testkit::wait_caught_up(&real, &redwire);
    redwire_testkit::assert_same_data(&real, &redwire);
}

/// A redwire with some data, and that data's digest.
fn with_data() -> (Server, String) {
    let redwire = Redwire::start(&["--repl-two-connections", "no"]);
    let mut client = redwire.client();
    for n in 0..100 {
        client.ok(&["SET", &format!("old:{n}"), "value"]);
    }
    let digest = client.digest();
    (redwire, digest)
}

/// Has `redwire` follow a master that answers so, and then sends `payload`.
fn follow_bad(redwire: &Server, answer: &str, bad: (&str, &[u8], bool)) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("an address").port();
    redwire.client().ok(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
    serve_after(&listener, answer, bad);
    drop(listener);
    wait_until(&format!("the link to be down: {}", bad.0), PATIENCE, || {
        redwire.client().info("master_link_status").as_deref() == Some("down")
    });
}

/// Answers to `PSYNC` that are none: each is said in the log, and the data stays.
#[test]
fn wrong_ids_and_offsets_are_refused() {
    let (redwire, digest) = with_data();
    let id = "0123456789012345678901234567890123456789";
    for (answer, reason) in [
        (format!("+FULLRESYNC {} 0", &id[1..]), "expected +FULLRESYNC <replid> <offset>"),
        (format!("+FULLRESYNC {id}0 0"), "expected +FULLRESYNC <replid> <offset>"),
        (format!("+FULLRESYNC {id} -1"), "expected +FULLRESYNC <replid> <offset>"),
        (format!("+FULLRESYNC {id} 1x"), "expected +FULLRESYNC <replid> <offset>"),
        (format!("+FULLRESYNC {id} 9223372036854775807"), "expected +FULLRESYNC"),
        (format!("+FULLRESYNC {id} 99999999999999999999"), "expected +FULLRESYNC"),
        (format!("+FULLRESYNC {id}"), "expected +FULLRESYNC <replid> <offset>"),
        (format!("+CONTINUE {}", &id[1..]), "expected +CONTINUE <replid>"),
        ("+CONTINUED".into(), "expected +CONTINUE <replid>"),
        ("$5".into(), "expected an answer to PSYNC"),
    ] {
        let seen = redwire.log().matches(reason).count();
        follow_bad(&redwire, &format!("{answer}\r\n"), (&answer, b"", false));
        assert!(redwire.log().matches(reason).count() > seen, "{answer}: {}", redwire.log());
        assert_eq!(redwire.client().digest(), digest, "{answer}");
    }
}

fn peak_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Lengths that nothing follows, within the RDB and in the stream, take no memory. A stream that is
/// none ends the link with a reason, and the data set that came before it stays.
#[test]
fn announced_lengths_are_not_believed() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    real.client().ok(&["SET", "new", "1"]);
    real.client().ok(&["SAVE"]);
    let good = fs::read(real.rdb()).expect("a file");
    let new = real.client().digest();
    let (redwire, old) = with_data();
    let before = peak_memory(&redwire);

    // A value of a terabyte, a key of a gigabyte, a list of 2^60 elements.
    let long = |len: u64| [&[0x81][..], &len.to_be_bytes()].concat();
    for (what, entry) in [
        ("a value", [b"\x00\x01a".to_vec(), long(1 << 40), b"abc".to_vec()].concat()),
        ("a key", [b"\x00".to_vec(), long(1 << 30), b"abc".to_vec()].concat()),
        ("a list", [b"\x01\x01a".to_vec(), long(1 << 60), b"\x01x".to_vec()].concat()),
    ] {
        let rdb = [b"REDIS0009\xfe\x00".to_vec(), entry].concat();
        follow_bad(&redwire, FULL_RESYNC, (what, &framed(&rdb), false));
        follow_bad(&redwire, FULL_RESYNC, (what, &marked(&rdb), true));
        assert_eq!(redwire.client().digest(), old, "{what}");
    }

    for (what, stream, close, reason) in [
        (
            "a negative bulk",
            &b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$-7\r\n"[..],
            false,
            "invalid bulk length",
        ),
        ("no bulk", b"*2\r\n:5\r\n", false, "expected '$'"),
        ("too many words", b"*2147483648\r\n$1\r\n", false, "invalid multibulk length"),
        (
            "a gigabyte",
            b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1073741824\r\nabc",
            true,
            "Connection with master lost",
        ),
        (
            "a transaction without end",
            b"*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
            true,
            "Connection with master lost",
        ),
    ] {
        let seen = redwire.log().matches(reason).count();
        let payload = [framed(&good), stream.to_vec()].concat();
        follow_bad(&redwire, FULL_RESYNC, (what, &payload, close));
        assert!(redwire.log().matches(reason).count() > seen, "{what}: {}", redwire.log());
        assert_eq!(redwire.client().digest(), new, "{what}");
    }
    let grown = peak_memory(&redwire) - before;
    assert!(grown < 16 << 10, "{grown} kB");
    assert!(!redwire.log().contains("panicked"), "{}", redwire.log());
}
