use std::time::Duration;

use super::super::testing::{Server, client};
use super::*;
use crate::config::Config;
use crate::core::Action;
use crate::net::{Standing, Traffic};
use redwire_resp::Protocol;

fn server() -> Server {
    Server::new(Config::default())
}

#[test]
fn replies_are_those_of_redis() {
    let cases = [
        ("CLIENT FOO", "-ERR unknown subcommand 'FOO'. Try CLIENT HELP."),
        ("CLIENT ID 3", "-ERR wrong number of arguments for 'client|id' command"),
        ("CLIENT ID", ":7"),
        ("CLIENT GETNAME", "$-1"),
        (
            "CLIENT SETNAME a\nb",
            "-ERR Client names cannot contain spaces, newlines or special characters.",
        ),
        ("CLIENT SETNAME abc", "+OK"),
        ("CLIENT GETNAME", "$3\r\nabc"),
        ("CLIENT SETNAME ", "+OK"),
        ("CLIENT GETNAME", "$-1"),
        ("CLIENT SETINFO lib-name redis-py", "+OK"),
        ("CLIENT SETINFO LIB-VER 5.0.1", "+OK"),
        (
            "CLIENT SETINFO lib-ver a\tb",
            "-ERR lib-ver cannot contain spaces, newlines or special characters.",
        ),
        ("CLIENT SETINFO lib-color red", "-ERR Unrecognized option 'lib-color'"),
        ("CLIENT LIST TYPE foo", "-ERR Unknown client type 'foo'"),
        ("CLIENT LIST TYPE", "-ERR syntax error"),
        ("CLIENT LIST foo bar", "-ERR syntax error"),
        ("CLIENT LIST ID x", "-ERR Invalid client ID"),
        ("CLIENT LIST ID 99999", "$0\r\n"),
        ("CLIENT LIST TYPE pubsub", "$0\r\n"),
        ("CLIENT LIST TYPE master", "$0\r\n"),
        ("CLIENT KILL", "-ERR wrong number of arguments for 'client|kill' command"),
        ("CLIENT KILL 1.2.3.4:5", "-ERR No such client"),
        ("CLIENT KILL ID 999", ":0"),
        ("CLIENT REPLY foo", "-ERR syntax error"),
        ("CLIENT REPLY ON", "+OK"),
        ("CLIENT REPLY OFF", ""),
        ("CLIENT NO-EVICT foo", "-ERR syntax error"),
        ("CLIENT NO-EVICT on", "+OK"),
        ("CLIENT TRACKING off", "+OK"),
        (
            "CLIENT CACHING yes",
            "-ERR CLIENT CACHING can be called only when the client is in tracking mode with \
             OPTIN or OPTOUT mode enabled",
        ),
        ("CLIENT GETREDIR", ":-1"),
    ];
    server().expect(Protocol::Resp2, &cases);
    let tracking =
        "%3\r\n$5\r\nflags\r\n~1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n*0";
    server().expect(Protocol::Resp3, &[("CLIENT TRACKINGINFO", tracking)]);
}

#[test]
fn a_line_has_the_fields_of_redis_in_their_order() {
    let mut server = server();
    let now = server.core.now;
    let mut info = client(3, now);
    info.name = b"worker".to_vec();
    (info.lib_name, info.lib_ver) = (b"redis-py".to_vec(), b"5.0.1".to_vec());
    (info.db, info.queued, info.protocol) = (2, Some(4), Protocol::Resp3);
    (info.query_buffer, info.usage.query, info.usage.transaction) = (26, 100, 80);
    (info.watched, info.traffic) = (2, Traffic { bytes_in: 40, bytes_out: 50, commands: 6 });
    info.output.len = 10;
    (info.output.tail, info.output.tail_capacity, info.output.tail_peak) = (4, 64, 30);
    (info.output.chunks, info.output.omem) = (1, 1000);
    (info.channels, info.patterns) = (5, 6);
    info.last_command = "client|list";
    server.core.now = now + Duration::from_secs(9);
    info.last_interaction = now + Duration::from_secs(8);
    let line = info.line(&server.core);
    let (head, tail) = line.split_once(" tot-mem=").unwrap();
    let (_memory, tail) = tail.split_once(' ').unwrap();
    assert_eq!(
        head,
        "id=3 addr=127.0.0.1:50003 laddr=127.0.0.1:6379 fd=8 name=worker age=9 idle=1 flags=Px \
         db=2 sub=5 psub=6 ssub=0 multi=4 watch=2 qbuf=26 qbuf-free=74 argv-mem=0 multi-mem=80 \
         rbs=64 rbp=30 obl=4 oll=1 omem=1000"
    );
    assert_eq!(
        tail,
        "events=rw cmd=client|list user=default redir=-1 resp=3 lib-name=redis-py lib-ver=5.0.1 \
         tot-net-in=40 tot-net-out=50 tot-cmds=6"
    );
}

#[test]
fn flags_tell_what_a_connection_is() {
    let server = server();
    type Change = fn(&mut ClientInfo);
    let cases: [(Change, &str); 9] = [
        (|_| {}, "N"),
        (|it| it.standing = Standing::Monitor, "O"),
        (|it| it.standing = Standing::Replica, "S"),
        (|it| it.patterns = 1, "P"),
        (|it| it.queued = Some(0), "x"),
        (|it| it.is_blocked = true, "b"),
        (|it| it.is_closing = true, "c"),
        (|it| it.is_unix = true, "U"),
        (|it| (it.no_evict, it.no_touch, it.is_unix) = (true, true, true), "UeT"),
    ];
    for (change, flags) in cases {
        let mut info = client(3, server.core.now);
        change(&mut info);
        let line = info.line(&server.core);
        assert!(line.contains(&format!(" flags={flags} ")), "{flags}: {line}");
    }
}

#[test]
fn the_caller_sees_itself_as_it_is_now() {
    let mut server = server();
    server.run("SELECT 3");
    server.run("CLIENT SETNAME me");
    let line = server.run("CLIENT INFO");
    for field in ["id=7 ", " name=me ", " db=3 ", " cmd=client|info ", " resp=2 "] {
        assert!(line.contains(field), "{field}: {line}");
    }
}

#[test]
fn kinds_are_listed_and_killed_apart() {
    let mut server = server();
    let now = server.core.now;
    for (id, standing, channels) in
        [(8, Standing::Replica, 0), (9, Standing::Client, 2), (10, Standing::Monitor, 0)]
    {
        let info = ClientInfo { standing, channels, ..client(id, now) };
        server.core.clients.insert(id, info);
    }
    let ids = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().filter_map(|word| word.strip_prefix("id="));
        words.map(str::to_owned).collect()
    };
    assert_eq!(ids(&server.run("CLIENT LIST TYPE normal")), ["7", "10"]);
    assert_eq!(ids(&server.run("CLIENT LIST TYPE Replica")), ["8"]);
    assert_eq!(ids(&server.run("CLIENT LIST TYPE pubsub")), ["9"]);
    assert_eq!(ids(&server.run("CLIENT LIST ID 9 77 8")), ["9", "8"]);
    assert_eq!(server.run("CLIENT KILL TYPE normal"), ":1\r\n");
    assert!(matches!(server.core.actions[..], [Action::Close(10)]));
    server.core.actions.clear();
    assert_eq!(server.run("CLIENT KILL TYPE normal SKIPME no ID 7"), ":1\r\n");
    assert!(matches!(server.core.actions[..], [Action::CloseAfterReplies(7)]));
    server.core.actions.clear();
    assert_eq!(server.run("CLIENT KILL 127.0.0.1:50009"), "+OK\r\n");
    assert!(matches!(server.core.actions[..], [Action::Close(9)]));
}
