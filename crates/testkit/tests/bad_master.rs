//! A master that sends what it should not: redwire drops the link, keeps the data that it had, and
//! lives.

use std::fs;
use std::io::{BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use redwire_testkit::workload::dataset;
use redwire_testkit::{Peer, Redwire, Reply, wait_until};

/// How long redwire may take to see that it was sent nonsense: less than its repl-timeout.
const PATIENCE: Duration = Duration::from_secs(20);

/// Answers one replica's handshake, sends `payload` after `+FULLRESYNC`, and then closes the link, or
/// waits until the replica does. Links before the one that asks for data are answered as well.
fn serve(listener: &TcpListener, (what, payload, close): (&str, &[u8], bool)) {
    loop {
        let (stream, _) = listener.accept().expect("accept a replica");
        stream.set_read_timeout(Some(Duration::from_secs(1))).expect("set a timeout");
        if handshake(&stream) {
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
fn handshake(stream: &TcpStream) -> bool {
    let mut reader = BufReader::new(stream);
    while let Ok(request) = Reply::read(&mut reader) {
        let name = request.elements().first().map(Reply::text).unwrap_or_default();
        let answer = match &*name.to_uppercase() {
            "PING" => "+PONG\r\n",
            "PSYNC" => "+FULLRESYNC 0123456789012345678901234567890123456789 0\r\n",
            _ => "+OK\r\n",
        };
        if (&*stream).write_all(answer.as_bytes()).is_err() {
            return false;
        }
        if answer.starts_with("+FULL") {
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
