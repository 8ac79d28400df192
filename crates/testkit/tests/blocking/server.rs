//! What clients that wait see of a server beyond their replies.

use redwire_testkit::{
    Client, Peer, Redwire, Reply, assert_same_data, assert_same_groups, request, wait_caught_up,
    wait_until,
};

use crate::lists::LISTS;
use crate::others::STREAMS;
use crate::stage::{ALL, ANEW, SOON, Stage, is_blocked, servers};

/// What is pipelined behind a command that waits runs after it, and in order.
#[test]
fn what_is_pipelined_behind_waits() {
    for server in servers(&ALL) {
        let (mut op, mut waiter) = (server.client(), server.client());
        let id = waiter.ok(&["CLIENT", "ID"]).int().expect("a number").to_string();
        let commands: [&[&str]; 8] = [
            &["SET", "k1", "v"],
            &["BLPOP", "a", "0"],
            &["SET", "k2", "v"],
            &["BLPOP", "b", "0"],
            &["BLPOP", "c", "0.01"],
            &["RPUSH", "d", "1"],
            &["BLPOP", "d", "0"],
            &["PING"],
        ];
        waiter.send(&commands.iter().flat_map(|words| request(words)).collect::<Vec<u8>>());
        wait_until("it to wait", SOON, || is_blocked(&mut op, &id));
        assert_eq!(op.ok(&["EXISTS", "k1", "k2"]), Reply::Int(1), "{server:?}");
        // The second comes before the client waits for it.
        op.ok(&["RPUSH", "b", "2"]);
        op.ok(&["RPUSH", "a", "1"]);
        let replies: Vec<Reply> = (0..8).map(|_| waiter.read()).collect();
        let popped = |key: &str, item: &str| {
            Reply::Array([key, item].map(|it| Reply::Bulk(it.as_bytes().to_vec())).to_vec())
        };
        assert_eq!(replies[1], popped("a", "1"), "{server:?}");
        assert_eq!(replies[3], popped("b", "2"), "{server:?}");
        assert_eq!(replies[4], Reply::NilArray, "{server:?}");
        assert_eq!(replies[6], popped("d", "1"), "{server:?}");
        assert_eq!(replies[7].text(), "PONG", "{server:?}");
    }
}

/// A large reply comes to a client that has not taken those before: it is behind them, and whole.
#[test]
fn a_large_reply_behind_others_that_are_not_taken() {
    const VALUE: usize = 200_000;
    const ELEMENT: usize = 1_000_000;
    const VALUES: usize = 100;
    for server in servers(&ALL) {
        let (mut op, mut waiter) = (server.client(), server.client());
        let id = waiter.ok(&["CLIENT", "ID"]).int().expect("a number").to_string();
        op.ok(&[b"SET", &b"large"[..], &vec![b'x'; VALUE]]);
        op.ok(&["SET", "small", "y"]);
        let mut requests = request(&["GET", "large"]).repeat(VALUES);
        requests.extend(request(&["GET", "small"]));
        requests.extend(request(&["BLPOP", "k", "0"]));
        waiter.send(&requests);
        wait_until("it to wait", SOON, || is_blocked(&mut op, &id));
        op.ok(&[b"RPUSH", &b"k"[..], &vec![b'z'; ELEMENT]]);
        for _ in 0..VALUES {
            assert_eq!(waiter.read().bytes().map(<[u8]>::len), Some(VALUE), "{server:?}");
        }
        assert_eq!(waiter.read().text(), "y", "{server:?}");
        let popped = waiter.read();
        let element = popped.elements().last().and_then(Reply::bytes);
        assert_eq!(element.map(<[u8]>::len), Some(ELEMENT), "{server:?}");
        assert_eq!(op.ok(&["PING"]).text(), "PONG", "{server:?}");
    }
}

/// Those who push in one pipeline serve each of who waits before the next request runs.
#[test]
fn served_between_pipelined_commands() {
    for server in servers(&ALL) {
        let (mut op, mut waiter) = (server.client(), server.client());
        let id = waiter.ok(&["CLIENT", "ID"]).int().expect("a number").to_string();
        waiter.send(&request(&["BLPOP", "k", "0"]));
        wait_until("it to wait", SOON, || is_blocked(&mut op, &id));
        let words = |line: &str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let lines = ["RPUSH k 1", "EXISTS k", "INFO clients", "RPUSH k 2", "LRANGE k 0 -1"];
        let replies = op.pipeline(&lines.map(words));
        assert_eq!(replies[1], Reply::Int(0), "{server:?}");
        assert!(replies[2].text().contains("blocked_clients:0"), "{server:?}");
        assert_eq!(replies[4].elements().len(), 1, "{server:?}");
        assert_eq!(waiter.read().elements().len(), 2);
    }
}

#[test]
fn info_and_client_list_tell_who_waits() {
    for server in servers(&ANEW) {
        let mut op = server.client();
        let fields = [
            "blocked_clients",
            "clients_in_timeout_table",
            "total_blocking_keys",
            "total_blocking_keys_on_nokey",
        ];
        let mut told = || fields.map(|field| op.info(field).expect("a field"));
        assert_eq!(told(), ["0", "0", "0", "0"], "{server:?}");
        server.client().ok(&["XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"]);
        let group = ["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"];
        let mut clients = Vec::new();
        let commands: [(&[&str], [&str; 4]); 4] = [
            (&["BLPOP", "a", "b", "0"], ["1", "0", "2", "0"]),
            (&["BZPOPMIN", "b", "c", "1000"], ["2", "1", "3", "0"]),
            (&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"], ["3", "1", "4", "0"]),
            (&group, ["4", "1", "4", "1"]),
        ];
        for (command, expected) in commands {
            let mut client = server.client();
            client.send(&request(command));
            clients.push(client);
            let blocked = clients.len().to_string();
            wait_until("it to wait", SOON, || told()[0] == blocked);
            assert_eq!(told(), expected, "{server:?}");
        }
        clients.clear();
        wait_until("all to be gone", SOON, || told() == ["0", "0", "0", "0"]);
    }
}

/// A node that becomes a replica ends all waits, and the connections.
#[test]
fn a_demotion_unblocks() {
    for server in servers(&ALL) {
        let mut op = server.client();
        let commands: [&[&str]; 3] = [
            &["BLPOP", "k", "0"],
            &["XREAD", "BLOCK", "0", "STREAMS", "k", "$"],
            &["WAIT", "1", "0"],
        ];
        let mut waiting = Vec::new();
        for command in commands {
            let mut client = server.client();
            client.send(&request(command));
            waiting.push(client);
            let count = waiting.len().to_string();
            wait_until("it to wait", SOON, || op.info("blocked_clients") == Some(count.clone()));
        }
        op.ok(&["REPLICAOF", "127.0.0.1", "1"]);
        for mut client in waiting {
            let all = client.read_to_end(SOON).expect("the connection is closed");
            assert_eq!(
                String::from_utf8_lossy(&all),
                "-UNBLOCKED force unblock from blocking operation, instance state changed \
                 (master -> replica?)\r\n",
                "{server:?}"
            );
        }
        assert_eq!(op.info("blocked_clients").as_deref(), Some("0"), "{server:?}");
    }
}

/// Monitors see a command when it comes, and not again when it is served; the slow log when it is
/// served, and not when it comes.
#[test]
fn monitors_and_the_slow_log_see_it_once() {
    for server in servers(&ALL) {
        let (mut op, mut monitor, mut waiter) = (server.client(), server.client(), server.client());
        op.ok(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
        let id = waiter.ok(&["CLIENT", "ID"]).int().expect("a number").to_string();
        op.ok(&["SLOWLOG", "RESET"]);
        monitor.ok(&["MONITOR"]);
        waiter.send(&request(&["BLPOP", "k", "0"]));
        let seen = monitor.read().text();
        assert!(seen.contains(r#""BLPOP" "k" "0""#), "{server:?}: {seen}");
        wait_until("it to wait", SOON, || {
            let line = op.ok(&["CLIENT", "LIST", "ID", &id]).text();
            line.contains("flags=b")
        });
        let logged = |op: &mut Client| {
            let log = op.ok(&["SLOWLOG", "GET", "-1"]);
            log.elements()
                .iter()
                .filter(|it| it.elements()[3].elements()[0].text() == "BLPOP")
                .count()
        };
        assert_eq!(logged(&mut op), 0, "{server:?}");
        op.ok(&["RPUSH", "k", "1"]);
        waiter.read();
        op.ok(&["ECHO", "end"]);
        loop {
            let seen = monitor.read().text();
            assert!(!seen.contains("BLPOP"), "{server:?}: {seen}");
            if seen.contains("ECHO") {
                break;
            }
        }
        assert_eq!(logged(&mut op), 1, "{server:?}");
    }
}

/// The replies of served clients are left out as they asked for.
#[test]
fn client_reply_holds_for_served_commands() {
    for server in servers(&ALL) {
        let mut op = server.client();
        let mut waiter = server.client();
        let id = waiter.ok(&["CLIENT", "ID"]).int().expect("a number").to_string();
        for mode in ["SKIP", "OFF"] {
            waiter.send(&request(&["CLIENT", "REPLY", mode]));
            waiter.send(&request(&["BLPOP", "k", "0"]));
            wait_until("it to wait", SOON, || is_blocked(&mut op, &id));
            op.ok(&["RPUSH", "k", mode]);
            wait_until("it to be served", SOON, || !is_blocked(&mut op, &id));
            waiter.send(&request(&["CLIENT", "REPLY", "ON"]));
            assert_eq!(waiter.read().text(), "OK", "{server:?}: {mode}");
        }
    }
}

/// All that was played reached a replica: the pops as pops, the deliveries as claims.
#[test]
fn replicas_come_to_the_same() {
    let Some(replica) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    replica.follow(&ours);
    for scene in LISTS.iter().chain(STREAMS) {
        Stage::new(&ours, "2").play("2", scene);
        wait_caught_up(&ours, &replica);
        assert_same_data(&ours, &replica);
        assert_same_groups(&ours, &replica);
    }
}

/// Clients that wait at a replica are served by what comes in the stream.
#[test]
fn a_replica_serves_readers() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    ours.follow(&real);
    let mut op = ours.client();
    let mut reader = ours.client();
    reader.send(&request(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]));
    wait_until("it to wait", SOON, || op.info("blocked_clients").as_deref() == Some("1"));
    real.client().ok(&["XADD", "s", "1-1", "f", "v"]);
    assert_eq!(reader.read().elements().len(), 1);
    // Between one command of the stream and the next, however they come.
    reader.send(&request(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]));
    wait_until("it to wait", SOON, || op.info("blocked_clients").as_deref() == Some("1"));
    let words = |line: &str| line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let lines = ["XADD s 2-1 f v", "XADD s 2-2 f v", "DEL s", "SET last 1"];
    real.client().pipeline(&lines.map(words));
    let read = reader.read();
    let entries = &read.elements()[0].elements()[1];
    assert_eq!(entries.elements().len(), 1, "{read:?}");
    wait_until("the rest of the stream", SOON, || op.ok(&["EXISTS", "last"]) == Reply::Int(1));
    let reply = op.call(&["BLPOP", "k", "0"]).text();
    assert!(reply.starts_with("READONLY"), "{reply}");
    // A data set that is replaced has what is waited for.
    reader.send(&request(&["XREAD", "BLOCK", "0", "STREAMS", "t", "0"]));
    wait_until("it to wait", SOON, || op.info("blocked_clients").as_deref() == Some("1"));
    real.client().ok(&["XADD", "t", "1-1", "f", "v"]);
    assert_eq!(reader.read().elements().len(), 1);
}

/// Nobody is served while writes are paused, and all are when that ends.
#[test]
fn a_pause_holds_up_who_is_woken() {
    let ours = Redwire::start(&[]);
    let (mut op, mut waiter) = (ours.client(), ours.client());
    waiter.send(&request(&["BLPOP", "k", "0"]));
    wait_until("it to wait", SOON, || op.info("blocked_clients").as_deref() == Some("1"));
    for command in ["MULTI", "RPUSH k 1", "CLIENT PAUSE 100000 WRITE", "EXEC"] {
        op.ok(&command.split(' ').collect::<Vec<_>>());
    }
    assert_eq!(op.ok(&["LLEN", "k"]), Reply::Int(1));
    assert_eq!(op.info("blocked_clients").as_deref(), Some("1"));
    op.ok(&["CLIENT", "UNPAUSE"]);
    assert_eq!(waiter.read().elements().len(), 2);
    assert_eq!(op.ok(&["EXISTS", "k"]), Reply::Int(0));
}

/// Very many wait at one key, and are served in the order in which they came.
#[test]
fn very_many_wait_in_order() {
    const MANY: usize = 1_000;
    let ours = Redwire::start(&[]);
    let mut op = ours.client();
    let mut waiting: Vec<Client> = (0..MANY).map(|_| ours.client()).collect();
    for client in &mut waiting {
        client.ok(&["PING"]);
    }
    for (n, client) in waiting.iter_mut().enumerate() {
        client.send(&request(&["BLPOP", "k", "0"]));
        // That the order is ours and not the kernel's.
        if n % 100 == 0 {
            let count = (n + 1).to_string();
            wait_until("them to wait", SOON, || op.info("blocked_clients") == Some(count.clone()));
        }
    }
    wait_until("all to wait", SOON, || op.info("blocked_clients") == Some(MANY.to_string()));
    let items: Vec<String> = (0..MANY).map(|n| n.to_string()).collect();
    let push = [&["RPUSH".to_owned(), "k".to_owned()][..], &items].concat();
    op.ok(&push);
    let served: Vec<i64> = waiting
        .iter_mut()
        .map(|client| client.read().elements()[1].text().parse().expect("a number"))
        .collect();
    let mut sorted = served.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..MANY as i64).collect::<Vec<_>>());
    // Those who were seen to wait before the next came are in order.
    for (n, item) in served.iter().enumerate().step_by(100) {
        let earlier = served[..n].iter().all(|other| other < item);
        assert!(earlier, "client {n} got {item}");
    }
    assert_eq!(op.info("total_blocking_keys").as_deref(), Some("0"));
}
