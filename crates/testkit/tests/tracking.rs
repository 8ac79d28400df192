//! `CLIENT TRACKING`: real servers and redwire tell the same clients to forget the same keys, after
//! the same commands.

use std::collections::BTreeMap;
use std::time::Duration;

use redwire_testkit::{Client, Peer, Redwire, Reply, Server, wait_until};

/// Plays a scene of lines `client: command` and notes each reply, and what each client is told
/// behind it. `{client}` stands for a client's number. `a2` and the like speak RESP2 (as `op`
/// does), all others RESP3.
fn play(server: &Server, scene: &str) -> Vec<String> {
    server.client().ok(&["FLUSHALL"]);
    let mut clients: BTreeMap<String, (Client, i64)> = BTreeMap::new();
    for word in scene.split_whitespace().filter_map(|word| word.strip_suffix(':')) {
        clients.entry(word.to_owned()).or_insert_with(|| {
            let mut client = server.client();
            client.ok(&["HELLO", if speaks_resp2(word) { "2" } else { "3" }]);
            let id = client.ok(&["CLIENT", "ID"]).int().expect("a number");
            (client, id)
        });
    }
    let ids: Vec<(String, i64)> = clients.iter().map(|(name, it)| (name.clone(), it.1)).collect();
    let (mut seen, mut busy) = (Vec::new(), Vec::new());
    for line in scene.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, command) = line.split_once(": ").expect("client: command");
        let mut text = command.to_owned();
        for (name, id) in &ids {
            text = text.replace(&format!("{{{name}}}"), &id.to_string());
        }
        let words: Vec<&str> = text.split(' ').collect();
        let (client, _) = clients.get_mut(name).expect("a client");
        let reply = named(client.call(&words), &ids);
        seen.push(format!("{line} -> {reply:?}"));
        // One more command would be queued, or be the one that CACHING holds for.
        busy.retain(|other| *other != name || !matches!(command, "EXEC" | "DISCARD"));
        if command == "MULTI" {
            busy.push(name);
        }
        let chose = command.starts_with("CLIENT CACHING").then_some(name);
        for (name, (client, _)) in &mut clients {
            if busy.contains(&name.as_str()) || chose == Some(name.as_str()) {
                continue;
            }
            for told in told(client) {
                seen.push(format!("    {name} is told {:?}", named(told, &ids)));
            }
        }
    }
    seen
}

fn speaks_resp2(name: &str) -> bool {
    name == "op" || name.ends_with('2')
}

/// What a client was sent that it did not ask for, so far.
fn told(client: &mut Client) -> Vec<Reply> {
    let mut told = Vec::new();
    let mut reply = client.call(&["PING", "so far"]);
    // In RESP2, who listens is told by arrays, and a PING is answered by one.
    loop {
        let is_pong = match &reply {
            Reply::Array(parts) => parts.last().is_some_and(|it| it.bytes() == Some(b"so far")),
            other => other.bytes() == Some(b"so far"),
        };
        told.extend(client.take_pushes());
        if is_pong {
            return told;
        }
        told.push(reply);
        reply = client.read();
    }
}

/// The reply with names in the place of clients' numbers.
fn named(reply: Reply, ids: &[(String, i64)]) -> Reply {
    let all = |replies: Vec<Reply>| replies.into_iter().map(|it| named(it, ids)).collect();
    match reply {
        Reply::Int(number) => match ids.iter().find(|(_, id)| *id == number) {
            Some((name, _)) => Reply::Simple(format!("the number of {name}").into_bytes()),
            None => Reply::Int(number),
        },
        Reply::Array(parts) => Reply::Array(all(parts)),
        Reply::Push(parts) => Reply::Push(all(parts)),
        Reply::Map(pairs) => {
            Reply::Map(pairs.into_iter().map(|(key, value)| (key, named(value, ids))).collect())
        }
        other => other,
    }
}

fn same_everywhere(scenes: &[&str]) {
    let ours = Redwire::start(&[]);
    let theirs = [Peer::Redis70, Peer::Redis80, Peer::Valkey91].map(|peer| peer.start(&[]));
    for scene in scenes {
        let seen = play(&ours, scene);
        for real in theirs.iter().flatten() {
            assert_eq!(play(real, scene), seen, "{real:?}, of\n{scene}");
        }
    }
}

#[test]
fn keys_that_were_read() {
    same_everywhere(&[
        "a: CLIENT TRACKING on
         a: GET k
         op: SET k 1
         op: SET k 2
         a: GET k
         a: SET k 3
         a: MGET x y z
         op: MSET x 1 y 2
         op: DEL z
         op: SET z 1
         a: GET k
         op: FLUSHALL
         a: GET k
         op: SELECT 5
         op: SET k 1
         op: FLUSHDB
         a: CLIENT TRACKINGINFO
         a: CLIENT GETREDIR
         a: CLIENT TRACKING off
         a: GET k
         op: SET k 5
         a: CLIENT GETREDIR",
        // Two readers, one of whom writes.
        "a: CLIENT TRACKING on
         b: CLIENT TRACKING on NOLOOP
         a: GET k
         b: GET k
         b: SET k 1
         b: GET k
         a: SET k 2
         b: SET k 3
         b: CLIENT TRACKINGINFO",
        // What counts as reading.
        "a: CLIENT TRACKING on
         a: LRANGE l 0 -1
         op: RPUSH l 1
         a: EXISTS k
         op: SET k 1
         a: SCARD s
         op: SADD s 1
         a: TTL k
         op: EXPIRE k 100
         a: TYPE k
         op: RENAME k m
         a: STRLEN m
         op: COPY m n
         op: APPEND m x
         a: DBSIZE
         op: SET m 2
         a: XREAD STREAMS st 0
         op: XADD st 1-1 f v
         a: ZUNION 2 z1 z2
         op: ZADD z2 1 a
         a: HGET h f
         op: HSET h f v
         a: GETEX g
         op: SET g v
         a: GET g
         op: GETDEL g
         a: LLEN l
         op: LPOP l
         a: SINTERCARD 2 s t
         op: SMOVE s t 1
         a: SORT_RO l
         op: PFADD l2 x
         a: PFCOUNT p
         op: PFADD p x",
        "a: CLIENT TRACKING on
         a: GET k
         a: GET l
         op: MULTI
         op: SET k 1
         op: SET l 1
         op: SET k 2
         op: EXEC
         a: GET k
         a: MULTI
         a: SET k 1
         a: GET k
         a: EXEC
         op: SET k 3",
        // Who speaks RESP2 is told nothing.
        "a2: CLIENT TRACKING on
         a2: GET k
         op: SET k 1
         a2: CLIENT TRACKINGINFO",
        "a: CLIENT TRACKING on
         a: GET k
         op: SET k 1
         a: RESET
         a: CLIENT TRACKINGINFO",
    ]);
}

#[test]
fn keys_that_clients_choose() {
    same_everywhere(&[
        "a: CLIENT TRACKING on OPTIN
         a: GET k
         op: SET k 1
         a: CLIENT CACHING yes
         a: GET k
         a: GET l
         op: SET k 2
         op: SET l 2
         a: CLIENT CACHING no
         a: CLIENT TRACKINGINFO
         a: CLIENT CACHING yes
         a: CLIENT TRACKINGINFO
         a: MULTI
         a: GET k
         a: GET l
         a: EXEC
         op: MSET k 1 l 1
         a: GET k
         op: SET k 2",
        "a: CLIENT TRACKING on OPTOUT
         a: GET k
         op: SET k 1
         a: CLIENT CACHING no
         a: CLIENT TRACKINGINFO
         a: GET k
         op: SET k 2
         a: CLIENT CACHING yes
         a: CLIENT CACHING x",
    ]);
}

#[test]
fn keys_with_prefixes() {
    same_everywhere(&[
        "a: CLIENT TRACKING on BCAST PREFIX a PREFIX b
         op: SET a1 1
         op: SET c1 1
         op: MSET a1 1 a2 2 b1 3
         op: DEL nokey
         a: SET a5 1
         a: CLIENT TRACKING on BCAST PREFIX c
         a: CLIENT TRACKINGINFO
         op: SET c1 1
         op: FLUSHALL
         op: SET ab 1
         a: CLIENT TRACKING on BCAST PREFIX aa
         a: CLIENT TRACKING off
         op: SET ab 1
         a: CLIENT TRACKINGINFO",
        "a: CLIENT TRACKING on BCAST NOLOOP
         b: CLIENT TRACKING on BCAST PREFIX x
         op: SET a1 1
         a: SET a2 1
         a: MSET x1 1 y 2
         op: MULTI
         op: SET x 1
         op: SET y 1
         op: SET x 2
         op: EXEC
         op: FLUSHALL",
    ]);
}

#[test]
fn redirection() {
    same_everywhere(&[
        "b2: SUBSCRIBE __redis__:invalidate
         a2: CLIENT TRACKING on REDIRECT {b2}
         a2: GET k
         op: SET k 1
         a2: CLIENT GETREDIR
         a2: CLIENT TRACKINGINFO
         op: FLUSHALL",
        // One that does not listen.
        "a2: CLIENT TRACKING on REDIRECT {b2}
         b2: PING
         a2: GET k
         op: SET k 1",
        "a: CLIENT TRACKING on REDIRECT {b}
         b: PING
         a: GET k
         op: SET k 1
         a: CLIENT TRACKINGINFO
         a: GET k",
        "a: CLIENT TRACKING on BCAST PREFIX k REDIRECT {b}
         b: PING
         op: SET k 1
         a: SET k 2",
    ]);
}

/// The one that was to be told is gone.
#[test]
fn a_broken_redirection() {
    let play = |server: &Server| {
        let (mut a, mut b, mut op) = (server.client(), server.client(), server.client());
        a.ok(&["HELLO", "3"]);
        let id = b.ok(&["CLIENT", "ID"]).int().expect("a number");
        a.ok(&["CLIENT", "TRACKING", "on", "REDIRECT", &id.to_string()]);
        a.ok(&["GET", "k"]);
        drop(b);
        let gone = || op.ok(&["CLIENT", "LIST", "ID", &id.to_string()]).text().is_empty();
        wait_until("it to be gone", Duration::from_secs(20), gone);
        op.ok(&["SET", "k", "1"]);
        let ids = [("b".to_owned(), id)];
        let told: Vec<Reply> = told(&mut a).into_iter().map(|it| named(it, &ids)).collect();
        (told, named(a.ok(&["CLIENT", "TRACKINGINFO"]), &ids))
    };
    let ours = play(&Redwire::start(&[]));
    assert_eq!(ours.0.len(), 1);
    for peer in [Peer::Redis70, Peer::Redis80, Peer::Valkey91] {
        if let Some(real) = peer.start(&[]) {
            assert_eq!(play(&real), ours, "{real:?}");
        }
    }
}

#[test]
fn errors_have_redis_texts() {
    same_everywhere(&["a: CLIENT TRACKING on REDIRECT 99999
         a: CLIENT TRACKING on REDIRECT x
         a: CLIENT TRACKING on PREFIX a
         a: CLIENT TRACKING on OPTIN OPTOUT
         a: CLIENT TRACKING on BCAST OPTIN
         a: CLIENT TRACKING on BCAST OPTOUT
         a: CLIENT TRACKING on FOO
         a: CLIENT TRACKING maybe
         a: CLIENT TRACKING on REDIRECT
         a: CLIENT TRACKING on BCAST PREFIX
         a: CLIENT TRACKING on BCAST PREFIX a PREFIX ab
         a: CLIENT TRACKING on OPTIN
         a: CLIENT TRACKING on OPTOUT
         a: CLIENT TRACKING on
         a: CLIENT TRACKING on BCAST
         a: CLIENT TRACKING off FOO
         a: CLIENT CACHING yes
         a: CLIENT TRACKING off
         a: CLIENT CACHING yes
         a: CLIENT TRACKING on BCAST PREFIX x PREFIX x
         a: CLIENT TRACKING on BCAST PREFIX xy
         a: CLIENT TRACKING on BCAST PREFIX xyz
         a: CLIENT TRACKING on NOLOOP BCAST PREFIX q
         a: CLIENT TRACKING on BCAST
         a: CLIENT TRACKINGINFO
         a: CLIENT TRACKING off
         a: CLIENT TRACKING on REDIRECT {a} REDIRECT {a}
         a: CLIENT TRACKING on REDIRECT {a}
         a: CLIENT TRACKINGINFO
         a: GET k
         a: SET k 1"]);
}

/// Keys whose time is over are told of, to who set them, too; and what a master sends.
#[test]
fn changes_that_no_client_makes() {
    let ours = Redwire::start(&[]);
    let (mut a, mut op) = (ours.client(), ours.client());
    a.ok(&["HELLO", "3"]);
    a.ok(&["CLIENT", "TRACKING", "on", "NOLOOP"]);
    a.ok(&["SET", "brief", "v", "PX", "20"]);
    a.ok(&["EXISTS", "brief"]);
    let key = |key: &str| {
        let keys = Reply::Array(vec![Reply::Bulk(key.as_bytes().to_vec())]);
        Reply::Push(vec![Reply::Bulk(b"invalidate".to_vec()), keys])
    };
    let mut seen = Vec::new();
    wait_until("the brief key to go", Duration::from_secs(20), || {
        seen.extend(told(&mut a));
        !seen.is_empty()
    });
    assert_eq!(seen, [key("brief")]);
    assert_eq!(op.info("tracking_clients").as_deref(), Some("1"));
    assert_eq!(op.info("tracking_total_keys").as_deref(), Some("0"));

    let Some(master) = Peer::Redis70.start(&[]) else { return };
    a.ok(&["GET", "k"]);
    ours.follow(&master);
    let all = Reply::Push(vec![Reply::Bulk(b"invalidate".to_vec()), Reply::Null]);
    assert_eq!(told(&mut a), [all], "the data set is another one");
    a.ok(&["GET", "k"]);
    master.client().ok(&["SET", "k", "v"]);
    let mut seen = Vec::new();
    wait_until("the master's write", Duration::from_secs(20), || {
        seen.extend(told(&mut a));
        !seen.is_empty()
    });
    assert_eq!(seen, [key("k")]);
}

/// No more keys are remembered than `tracking-table-max-keys`; those that go are told of.
#[test]
fn the_table_is_limited() {
    let ours = Redwire::start(&["--tracking-table-max-keys", "100"]);
    let (mut a, mut op) = (ours.client(), ours.client());
    a.ok(&["HELLO", "3"]);
    a.ok(&["CLIENT", "TRACKING", "on"]);
    let mut forgotten = 0;
    for n in 0..1000 {
        a.ok(&["GET", &format!("k{n}")]);
    }
    forgotten += told(&mut a).len();
    assert_eq!(forgotten, 900);
    assert_eq!(op.info("tracking_total_keys").as_deref(), Some("100"));
    assert_eq!(op.info("tracking_total_items").as_deref(), Some("100"));
    drop(a);
    wait_until("the client to be gone", Duration::from_secs(20), || {
        op.info("tracking_total_keys").as_deref() == Some("0")
    });
}
