use redwire_resp::RequestBuf;

use super::super::testing::{Server, client};
use super::*;
use crate::config::{Config, KeyspaceEvents};

fn server() -> Server {
    Server::new(Config::default())
}

/// What the actions deliver, to whom, line ends as blanks.
fn delivered(server: &mut Server) -> Vec<(Vec<ClientId>, String)> {
    let actions = std::mem::take(&mut server.core.actions);
    let deliveries = actions.into_iter().filter_map(|action| match action {
        Action::Deliver { to, message } => {
            Some((to, String::from_utf8(message).unwrap().replace("\r\n", " ")))
        }
        _ => None,
    });
    deliveries.collect()
}

#[test]
fn replies_are_those_of_redis() {
    let cases = [
        ("UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0"),
        ("PUNSUBSCRIBE", "*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0"),
        (
            "UNSUBSCRIBE x y",
            "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:0\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\ny\r\n:0",
        ),
        (
            "SUBSCRIBE x y x",
            "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\ny\r\n:2\r\n\
             *3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:2",
        ),
        ("PSUBSCRIBE *", "*3\r\n$10\r\npsubscribe\r\n$1\r\n*\r\n:3"),
        (
            "GET k",
            "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
             RESET are allowed in this context",
        ),
        ("PING", "*2\r\n$4\r\npong\r\n$0\r\n"),
        ("PING hi", "*2\r\n$4\r\npong\r\n$2\r\nhi"),
        (
            "UNSUBSCRIBE",
            "*3\r\n$11\r\nunsubscribe\r\n$1\r\nx\r\n:2\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\ny\r\n:1",
        ),
        ("UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:1"),
        (
            "PUNSUBSCRIBE nope *",
            "*3\r\n$12\r\npunsubscribe\r\n$4\r\nnope\r\n:1\r\n\
             *3\r\n$12\r\npunsubscribe\r\n$1\r\n*\r\n:0",
        ),
        ("PING", "+PONG"),
        ("PUBLISH x m", ":0"),
    ];
    server().expect(Protocol::Resp2, &cases);
}

#[test]
fn in_resp3_every_command_may_run() {
    let cases = [
        ("SUBSCRIBE x", ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1"),
        ("PING", "+PONG"),
        ("DBSIZE", ":0"),
        ("PUBLISH x self", ":1"),
        ("PUBSUB CHANNELS", "*1\r\n$1\r\nx"),
        ("PUBSUB CHANNELS y*", "*0"),
        ("PUBSUB NUMSUB x zz", "*4\r\n$1\r\nx\r\n:1\r\n$2\r\nzz\r\n:0"),
        ("PUBSUB NUMPAT", ":0"),
        ("PUBSUB FOO", "-ERR unknown subcommand 'FOO'. Try PUBSUB HELP."),
        ("PUBSUB NUMPAT x", "-ERR wrong number of arguments for 'pubsub|numpat' command"),
    ];
    server().expect(Protocol::Resp3, &cases);
}

#[test]
fn a_message_goes_to_all_who_listen_once_for_each_reason() {
    let mut server = server();
    for id in [8, 9] {
        server.core.clients.insert(id, client(id, server.core.now));
        server.core.pubsub.topics(Kind::Channel).add(id, b"news");
    }
    server.core.pubsub.topics(Kind::Pattern).add(9, b"n[a-f]w*");
    server.core.pubsub.topics(Kind::Pattern).add(9, b"other");
    assert_eq!(server.run("PUBLISH news hi"), ":3\r\n");
    let expected = [
        (vec![8, 9], ">3 $7 message $4 news $2 hi ".to_owned()),
        (vec![9], ">4 $8 pmessage $8 n[a-f]w* $4 news $2 hi ".to_owned()),
    ];
    assert_eq!(delivered(&mut server), expected);
    server.core.pubsub.forget(9);
    assert_eq!(server.run("PUBLISH news hi"), ":1\r\n");
    assert_eq!(server.run("PUBSUB NUMPAT"), ":0\r\n");
}

#[test]
fn replicas_are_told_of_a_message_that_nobody_here_hears() {
    let mut server = server();
    server.run("PUBLISH news hi");
    let mut expected = Vec::new();
    let request = RequestBuf::from_args(["PUBLISH", "news", "hi"]);
    redwire_resp::encode_request(&mut expected, request.as_request());
    let effects: Vec<_> = server.keyspace.effects().iter().collect();
    assert_eq!(effects, [(0, expected.as_slice())]);
}

#[test]
fn events_of_keys_are_published_as_configured() {
    for (letters, expected) in [
        ("", &[][..]),
        ("A", &[]),
        ("K$", &["__keyspace@0__:k set"]),
        ("E$", &["__keyevent@0__:set k"]),
        ("KEA", &["__keyspace@0__:k set", "__keyevent@0__:set k"]),
        ("KEl", &[]),
    ] {
        let notify_keyspace_events = KeyspaceEvents::from_letters(letters.as_bytes()).unwrap();
        let mut server = Server::new(Config { notify_keyspace_events, ..Config::default() });
        server.core.pubsub.topics(Kind::Pattern).add(7, b"*");
        server.session.protocol = Protocol::Resp3;
        server.run("SET k v");
        let events = server.keyspace.events().take();
        server.core.publish_key_events(events);
        let delivered = delivered(&mut server);
        let messages: Vec<String> = delivered
            .iter()
            .map(|(_, message)| message.split(' ').skip(6).step_by(2).take(2).collect::<Vec<_>>())
            .map(|words| words.join(" "))
            .collect();
        assert_eq!(messages, expected, "{letters}");
    }
}

#[test]
fn reset_ends_all_without_a_word() {
    let mut server = server();
    server.run("SUBSCRIBE a b");
    let of_channels = server.core.clients[&7].usage.subscriptions;
    server.run("SSUBSCRIBE a b");
    let client = &server.core.clients[&7];
    assert_eq!([client.channels, client.shard_channels], [2, 2]);
    assert_eq!(client.usage.subscriptions, 2 * of_channels);
    assert_eq!(server.run("RESET"), "+RESET\r\n");
    let client = &server.core.clients[&7];
    assert_eq!([client.channels, client.shard_channels], [0, 0]);
    assert_eq!(client.usage.subscriptions, 0);
    assert_eq!(server.run("PUBSUB CHANNELS"), "*0\r\n");
    assert_eq!(server.run("PING"), "+PONG\r\n");
}
