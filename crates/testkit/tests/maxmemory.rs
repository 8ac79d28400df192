//! `maxmemory`: refusals in a real server's words, room made by each policy, replicas that follow.

use std::time::Duration;

use redwire_testkit::{
    Client, Command, Peer, Redwire, Server, assert_same_data, wait_caught_up, wait_until,
};

/// What servers answer while there is too much memory in use and nothing may be evicted.
const REFUSED: &[&str] = &[
    "SET k v",
    "GET k",
    "APPEND k v",
    "LPUSH l v",
    "DEL k",
    "EXPIRE k 100",
    "PING",
    "OBJECT FREQ k",
    "MULTI",
    "GET k",
    "SET k v",
    "EXEC",
    "MULTI",
    "DISCARD",
    "MULTI",
    "EXEC",
    "WATCH k",
    "UNWATCH",
    "SORT l STORE m",
    "RESTORE r 0 x",
    "SETRANGE k 5 x",
    "HSET h f v",
    "FLUSHALL",
    "CONFIG SET maxmemory 0",
    "SET k v",
];

#[test]
fn commands_that_need_memory_are_refused_in_redis_words() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    for client in [&mut real, &mut ours] {
        client.ok(&["SET", "k", "12"]);
        client.ok(&["RPUSH", "l", "a"]);
        client.ok(&["CONFIG", "SET", "maxmemory", "1"]);
    }
    for line in REFUSED {
        let words: Vec<&str> = line.split(' ').collect();
        let (expected, got) = (real.call(&words), ours.call(&words));
        assert_eq!(got, expected, "{line}");
    }
}

fn number(client: &mut Client, field: &str) -> u64 {
    client.info(field).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {field}"))
}

/// Writes until far more was written than there is room for; answers how many keys that were.
fn overfill(server: &Server, policy: &str) -> u64 {
    let mut client = server.client();
    let limit = number(&mut client, "used_memory") + (4 << 20);
    client.ok(&["CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", &limit.to_string()]);
    let value = "x".repeat(200);
    let keys = 60_000_u64;
    for first in (0..keys).step_by(500) {
        let set = |n: u64| {
            let (key, time) = (format!("key:{n}"), (10_000 + n).to_string());
            ["SET", &key, &value, "EX", &time].map(|arg| arg.as_bytes().to_vec()).to_vec()
        };
        let batch: Vec<Command> = (first..first + 500).map(set).collect();
        for reply in client.pipeline(&batch) {
            assert_eq!(reply.text(), "OK", "{policy}");
        }
        // A large value now and then, which is freed by a thread of its own.
        if first % 10_000 == 0 {
            let key = format!("list:{first}");
            let items = vec!["item-of-a-long-list-that-is-no-number"; 2000];
            client.ok(&[&["RPUSH", &key][..], &items].concat());
            client.ok(&["EXPIRE", &key, "5000"]);
        }
    }
    let used = number(&mut client, "used_memory");
    assert!(used < limit + (1 << 20), "{policy}: {used} of {limit}");
    keys + keys.div_ceil(10_000)
}

#[test]
fn every_policy_makes_room_and_replicas_follow() {
    let ours = Redwire::start(&[]);
    let replica = Peer::Redis70.start(&[]);
    if let Some(replica) = &replica {
        replica.follow(&ours);
    }
    let policies = ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-ttl"];
    for policy in policies {
        let mut client = ours.client();
        client.ok(&["CONFIG", "SET", "maxmemory", "0"]);
        client.ok(&["FLUSHALL"]);
        wait_until("what was flushed to be freed", Duration::from_secs(30), || {
            number(&mut client, "lazyfree_pending_objects") == 0
        });
        client.ok(&["CONFIG", "RESETSTAT"]);
        let written = overfill(&ours, policy);
        // Room is made between commands, too.
        let mut left = 0;
        wait_until("all keys to be there or evicted", Duration::from_secs(30), || {
            left = client.ok(&["DBSIZE"]).int().expect("a count") as u64;
            number(&mut client, "evicted_keys") == written - left
        });
        // Half of the room is taken by the tables of all slots.
        assert!(left > 1500, "{policy}: {left} keys left");
        client.ok(&["CONFIG", "SET", "maxmemory", "0"]);
        if let Some(replica) = &replica {
            wait_caught_up(&ours, replica);
            assert_same_data(&ours, replica);
        }
    }
}

#[test]
fn keys_are_evicted_once_the_limit_is_lowered() {
    let ours = Redwire::start(&[]);
    let mut client = ours.client();
    let empty = number(&mut client, "used_memory");
    client.ok(&["DEBUG", "POPULATE", "50000", "key", "100"]);
    let full = number(&mut client, "used_memory");
    let limit = (empty + full) / 2;
    client.ok(&[
        "CONFIG",
        "SET",
        "maxmemory-policy",
        "allkeys-random",
        "maxmemory",
        &limit.to_string(),
    ]);
    wait_until("the keys to be evicted", Duration::from_secs(30), || {
        // What the answer itself takes comes on top.
        number(&mut client, "used_memory") <= limit + (64 << 10)
    });
    let left = client.ok(&["DBSIZE"]).int().expect("a count");
    assert!((10_000..40_000).contains(&left), "{left} keys are left");
}

/// What is said of keys' use goes through a full sync and an RDB file, both ways.
#[test]
fn idle_times_and_frequencies_go_from_server_to_server() {
    for policy in ["allkeys-lru", "allkeys-lfu"] {
        let lfu = policy == "allkeys-lfu";
        let args = ["--maxmemory-policy", policy];
        let Some(real) = Peer::Redis70.start(&args) else { return };
        let ours = Redwire::start(&args);
        for (primary, replica) in [(&real, &ours), (&ours, &real)] {
            let mut client = primary.client();
            client.ok(&["REPLICAOF", "NO", "ONE"]);
            client.ok(&["FLUSHALL"]);
            client.ok(&["SET", "plain", "v"]);
            let payload = client.ok(&["DUMP", "plain"]);
            let payload = payload.bytes().expect("a payload");
            let (option, said) = if lfu { ("FREQ", "200") } else { ("IDLETIME", "5000") };
            let restore =
                [&b"RESTORE"[..], b"k", b"0", payload, option.as_bytes(), said.as_bytes()];
            client.ok(&restore);
            replica.follow(primary);
            wait_caught_up(primary, replica);
            let question = if lfu { "FREQ" } else { "IDLETIME" };
            let answer = replica.client().ok(&["OBJECT", question, "k"]).int().expect("a number");
            let range = if lfu { 198..=201 } else { 5000..=5060 };
            assert!(range.contains(&answer), "{replica:?}: {answer}");
            replica.client().ok(&["REPLICAOF", "NO", "ONE"]);
        }
    }
}
