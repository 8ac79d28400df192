//! Shard channels: answered, delivered and passed to replicas as by real servers.

use redwire_testkit::{Client, Peer, Redwire, Reply, Server, wait_caught_up};

/// All that comes for a line (of commands, parted by semicolons) up to the answer to a `PING` behind it, the pushes apart. What leaves
/// several channels at once names them in a hash table's order, so that only counts are kept of it.
fn told(client: &mut Client, line: &str) -> (Vec<Reply>, Vec<Reply>) {
    for command in line.split(" ; ") {
        let words: Vec<&str> = command.split(' ').collect();
        client.send(&redwire_testkit::request(&words));
    }
    let mut replies = up_to_mark(client);
    let mut pushes = client.take_pushes();
    if line == "SUNSUBSCRIBE" {
        replies.iter_mut().chain(&mut pushes).for_each(forget_channel);
    }
    (replies, pushes)
}

fn up_to_mark(client: &mut Client) -> Vec<Reply> {
    const MARK: &str = "no-more";
    client.send(&redwire_testkit::request(&["PING", MARK]));
    let mark = Reply::Bulk(MARK.into());
    let mut replies = Vec::new();
    loop {
        match client.read() {
            reply if reply == mark || reply.elements().last() == Some(&mark) => return replies,
            reply => replies.push(reply),
        }
    }
}

fn forget_channel(reply: &mut Reply) {
    if let Reply::Array(parts) | Reply::Push(parts) = reply
        && parts.len() == 3
        && matches!(parts[1], Reply::Bulk(_))
    {
        parts[1] = Reply::Nil;
    }
}

/// What a listener is told line by line, and what of it another connection's messages are.
const LISTENER: &[&str] = &[
    "SSUBSCRIBE a b a",
    "SUBSCRIBE x a",
    "PSUBSCRIBE *",
    "SUNSUBSCRIBE nosuch",
    "SSUBSCRIBE",
    "GET k",
];

const PUBLISHER: &[&str] = &[
    "SPUBLISH a one",
    "SPUBLISH nosuch two",
    "PUBLISH a three",
    "SPUBLISH a",
    "PUBSUB SHARDCHANNELS a*",
    "PUBSUB SHARDCHANNELS a b",
    "PUBSUB SHARDNUMSUB",
    "PUBSUB SHARDNUMSUB a b x",
    "PUBSUB NUMSUB a b x",
    "PUBSUB HELP",
    "MULTI ; SSUBSCRIBE q ; SUNSUBSCRIBE q ; SPUBLISH a four ; EXEC",
    "COMMAND GETKEYS SSUBSCRIBE a b",
    "ACL SETUSER u on nopass ~* +@all resetchannels &b*",
    "AUTH u x",
    "SPUBLISH a five",
    "SSUBSCRIBE a",
    "SSUBSCRIBE bb",
    "SUNSUBSCRIBE",
];

const LEAVING: &[&str] = &["SUNSUBSCRIBE", "SUNSUBSCRIBE", "UNSUBSCRIBE x a", "PUNSUBSCRIBE"];

/// A whole scene at one server.
fn scene(server: &Server, protocol: &str) -> Vec<String> {
    let (mut listener, mut publisher) = (server.client(), server.client());
    for client in [&mut listener, &mut publisher] {
        client.ok(&["HELLO", protocol]);
    }
    let mut told_all = Vec::new();
    let mut note = |line: &str, told: (Vec<Reply>, Vec<Reply>)| {
        told_all.push(format!("{line}: {told:?}"));
    };
    LISTENER.iter().for_each(|line| note(line, told(&mut listener, line)));
    for line in PUBLISHER {
        note(line, told(&mut publisher, line));
        note("heard", (up_to_mark(&mut listener), listener.take_pushes()));
    }
    let counts = server.client().ok(&["CLIENT", "LIST", "TYPE", "pubsub"]).text();
    for field in counts.split(' ') {
        if ["sub", "psub", "ssub", "flags"].contains(&field.split('=').next().unwrap_or_default()) {
            note(field, Default::default());
        }
    }
    let channels = server.client().info("pubsubshard_channels").unwrap_or_default();
    note(&channels, Default::default());
    LEAVING.iter().for_each(|line| note(line, told(&mut listener, line)));
    told_all
}

fn same_scene(peer: Peer) {
    let Some(real) = peer.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    for protocol in ["2", "3"] {
        let (here, there) = (scene(&ours, protocol), scene(&real, protocol));
        for (ours, theirs) in here.iter().zip(&there) {
            // What later servers word otherwise.
            let reworded = ["PUBSUB HELP", "SPUBLISH a five", "SSUBSCRIBE a:"]
                .into_iter()
                .any(|line| peer != Peer::Redis70 && ours.starts_with(line));
            assert!(
                ours == theirs || reworded,
                "at {} in RESP{protocol}:\n{ours}\n{theirs}",
                peer.name()
            );
        }
        assert_eq!(here.len(), there.len());
    }
}

#[test]
fn told_as_by_redis_70() {
    same_scene(Peer::Redis70);
}

#[test]
fn told_as_by_redis_80() {
    same_scene(Peer::Redis80);
}

#[test]
fn told_as_by_redis_86() {
    same_scene(Peer::Redis86);
}

#[test]
fn told_as_by_valkey_91() {
    same_scene(Peer::Valkey91);
}

/// Who listens at a replica hears what is published at its primary, and at the one before.
fn heard_down_the_chain(first: &Server, second: &Server, third: &Server) {
    let mut listeners = [second, third].map(Server::client);
    for listener in &mut listeners {
        listener.ok(&["HELLO", "3"]);
        told(listener, "SSUBSCRIBE news");
    }
    let mut publisher = first.client();
    assert_eq!(publisher.ok(&["SPUBLISH", "news", "one"]).int(), Some(0));
    publisher.ok(&["MULTI"]);
    publisher.ok(&["SPUBLISH", "news", "two"]);
    publisher.ok(&["EXEC"]);
    wait_caught_up(first, third);
    for listener in &mut listeners {
        up_to_mark(listener);
        let messages = ["one", "two"].map(|message| {
            Reply::Push(["smessage", "news", message].map(|it| Reply::Bulk(it.into())).to_vec())
        });
        assert_eq!(listener.take_pushes(), messages);
    }
}

#[test]
fn heard_at_replicas_of_every_kind() {
    for peer in [Peer::Redis70, Peer::Redis86, Peer::Valkey91] {
        let (Some(first), Some(third)) = (peer.start(&[]), peer.start(&[])) else { continue };
        let ours = Redwire::start(&["--repl-diskless-sync-delay", "0"]);
        ours.follow(&first);
        third.follow(&ours);
        heard_down_the_chain(&first, &ours, &third);
        ours.client().ok(&["REPLICAOF", "NO", "ONE"]);
        third.follow(&ours);
        heard_down_the_chain(&ours, &third, &third);
    }
}
