//! A replica that says what it should not: its link is closed with a line in the log, nobody else is
//! touched, and a request for a stream that is not there gets what a real server gives it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use redwire_testkit::{
    Client, Peer, Redwire, Reply, Server, assert_same_data, request, wait_caught_up, wait_until,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn replid(client: &mut Client) -> String {
    client.info("master_replid").expect("an id")
}

/// What `PSYNC` with these words comes to: the first word of the answer, or all of an error.
fn psync(server: &Server, words: &[&str]) -> String {
    let mut client = server.client();
    client.ok(&["REPLCONF", "capa", "eof", "capa", "psync2"]);
    let text = match client.call(&[&["PSYNC"], words].concat()) {
        Reply::Simple(text) | Reply::Error(text) => String::from_utf8_lossy(&text).into_owned(),
        other => panic!("{other:?}"),
    };
    let word = text.split(' ').next().unwrap_or_default().to_owned();
    if word.ends_with("SYNC") || word == "CONTINUE" { word } else { text }
}

/// Ids of the wrong length, offsets beyond the end and before the start, and what is no number.
#[test]
fn requests_for_no_such_stream_are_answered_as_by_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let Some(replica) = Peer::Redis70.start(&[]) else { return };
    let mut answers = Vec::new();
    for server in [&real, &ours] {
        replica.follow(server);
        server.client().ok(&["SET", "key", "value"]);
        wait_caught_up(server, &replica);
        let mut client = server.client();
        let id = replid(&mut client);
        let end: u64 =
            client.info("master_repl_offset").and_then(|it| it.parse().ok()).expect("an end");
        let beyond = (end + 1000).to_string();
        let id41 = format!("{id}0");
        let cases: [&[&str]; 14] = [
            &[&id, "1"],
            &[&id[1..], "1"],
            &[&id41, "1"],
            &["", "1"],
            &["?", "-1"],
            &[&id, &beyond],
            &[&id, "0"],
            &[&id, "-5"],
            &[&id, "9223372036854775807"],
            &[&id, "9223372036854775808"],
            &[&id, "one"],
            &[&id, ""],
            &[&id],
            &[&id, "1", "FAILOVER"],
        ];
        answers.push(cases.map(|words| psync(server, words)));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[1].iter().filter(|it| *it == "FULLRESYNC").count(), 8, "{answers:?}");
    for line in ["Replication ID mismatch", "greater than the master replication offset"] {
        assert!(ours.log().contains(line) && real.log().contains(line), "{line}");
    }
}

/// A link whose full sync is through, so that the stream flows.
fn online(server: &Server) -> TcpStream {
    let mut link = TcpStream::connect(("127.0.0.1", server.port())).expect("connect");
    link.set_read_timeout(Some(PATIENCE)).expect("set a timeout");
    link.write_all(&request(&["REPLCONF", "capa", "eof", "capa", "psync2"])).expect("say");
    link.read_exact(&mut [0; 5]).expect("an OK");
    link.write_all(&request(&["PSYNC", "?", "-1"])).expect("say");
    let mut seen = Vec::new();
    let found = |seen: &[u8]| {
        const HEAD: &[u8] = b"$EOF:";
        let at = seen.windows(HEAD.len()).position(|it| it == HEAD)? + HEAD.len();
        let marker = seen.get(at..at + 40)?;
        seen[at + 40..].windows(40).any(|it| it == marker).then_some(())
    };
    while found(&seen).is_none() {
        let mut piece = [0; 4096];
        let count = link
            .read(&mut piece)
            .unwrap_or_else(|error| panic!("{error}: {}", seen.escape_ascii()));
        assert!(count > 0, "closed in the full sync");
        seen.extend_from_slice(&piece[..count]);
    }
    link.write_all(&request(&["REPLCONF", "ACK", "0"])).expect("say");
    link
}

/// Whether the other side closes the link; what it sends before is of no interest.
fn is_closed(link: &mut TcpStream) -> bool {
    link.set_read_timeout(Some(Duration::from_millis(100))).expect("set a timeout");
    match link.read(&mut [0; 4096]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

/// What a replica may say that has no business there, and the reason in the log.
const WORDS: &[(&[u8], &str)] = &[
    (b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n", "Replica generated a reply to command 'GET'"),
    (b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1\r\n2\r\n", "Replica generated a reply to command 'SET'"),
    (b"*1\r\n$8\r\nFLUSHALL\r\n", "Replica generated a reply to command 'FLUSHALL'"),
    (b"*1\r\n$4\r\nPING\r\n", "Replica generated a reply to command 'PING'"),
    (b"*1\r\n$6\r\nNOSUCH\r\n", "unknown command"),
    (b"GET / HTTP/1.1\r\n", "Replica generated a reply to command 'GET'"),
];

/// As Redis judges it too, but tells a client at most.
const FRAMES: &[(&[u8], &str)] = &[
    (b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1073741824\r\n", "invalid bulk length"),
    (b"*2147483648\r\n", "invalid multibulk length"),
    (b"*1\r\n:1\r\n", "expected '$'"),
];

/// Commands on a link of a replica end it, at a real server as at ours.
fn words_end_the_link(server: &Server, log_tells_frames: bool) {
    let mut client = server.client();
    client.ok(&["SET", "key", "1"]);
    let digest = client.digest();
    let all =
        WORDS.iter().map(|it| (it, true)).chain(FRAMES.iter().map(|it| (it, log_tells_frames)));
    for ((said, reason), told) in all {
        let seen = server.log().matches(reason).count();
        let mut link = online(server);
        link.write_all(said).expect("say");
        let what = said.escape_ascii().to_string();
        wait_until(&format!("the link to be closed: {what}"), PATIENCE, || is_closed(&mut link));
        let said_so = server.log().to_lowercase().matches(&reason.to_lowercase()).count() > seen;
        assert!(said_so || !told, "{what}: {}", server.log());
        assert_eq!(client.digest(), digest, "{what}");
    }
}

#[test]
fn commands_on_a_link_end_it_at_redis() {
    if let Some(real) = Peer::Redis70.start(&[]) {
        words_end_the_link(&real, false);
    }
}

#[test]
fn commands_on_a_link_end_it_at_redwire() {
    let (primary, sound) = (Redwire::start(&[]), Redwire::start(&[]));
    sound.follow(&primary);
    words_end_the_link(&primary, true);
    // Its link is none of theirs.
    wait_caught_up(&primary, &sound);
    assert_same_data(&primary, &sound);
    assert_eq!(sound.log().matches("sync: Finished with success").count(), 1);
    assert!(!primary.log().contains("panicked"), "{}", primary.log());
}

/// Real servers believe it: `WAIT` counts such a replica. Ours has nothing to do with it any more.
#[test]
fn acks_from_the_future_end_the_link() {
    let primary = Redwire::start(&[]);
    for ack in ["ACK 1000000", "ACK 9223372036854775807", "ACK 0 FACK 1000000"] {
        let seen = primary.log().matches("acknowledged more than was written").count();
        let mut link = online(&primary);
        let words: Vec<_> = ["REPLCONF"].into_iter().chain(ack.split(' ')).collect();
        link.write_all(&request(&words)).expect("say");
        wait_until(&format!("the link to be closed: {ack}"), PATIENCE, || is_closed(&mut link));
        assert!(primary.log().matches("acknowledged more than was written").count() > seen);
        assert_eq!(primary.client().ok(&["WAIT", "1", "10"]).int(), Some(0), "{ack}");
    }
}

/// An announced gigabyte on a link takes no memory, and a second `PSYNC` is not heard.
#[test]
fn what_is_nothing_yet_ends_no_link() {
    let primary = Redwire::start(&[]);
    let mut link = online(&primary);
    link.write_all(&request(&["PSYNC", "?", "-1"])).expect("say");
    link.write_all(b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$536870912\r\n1").expect("say");
    let used = |client: &mut Client| -> u64 {
        client.info("used_memory").and_then(|it| it.parse().ok()).expect("a number")
    };
    let mut client = primary.client();
    let before = used(&mut client);
    wait_until("the half command to be read", PATIENCE, || {
        client.ok(&["CLIENT", "LIST", "TYPE", "replica"]).text().contains("qbuf=4")
    });
    assert!(used(&mut client).saturating_sub(before) < 1 << 20);
    assert!(!is_closed(&mut link));
    assert_eq!(client.info("sync_full").as_deref(), Some("1"));
}
