//! Scenes with sorted sets and streams, errors, `CLIENT UNBLOCK`.

use redwire_testkit::{Peer, Redwire, Server, request, wait_until};

use crate::stage::{ALL, ANEW, SOON, is_blocked, same_at, servers};

#[test]
fn zsets() {
    same_at(
        &ALL,
        &[
            "a: BZPOPMIN k 0
             b: BZPOPMAX k 0
             c: BZPOPMIN k 0
             op: ZADD k 1 x 2 y
             a?
             b?
             op: ZADD k 3 z
             c?
             op: EXISTS k",
            "a: BZPOPMAX x y 0
             op: ZADD y 1.5 m 2.5 n
             a?
             op: ZRANGE y 0 -1 WITHSCORES",
            "a: BZMPOP 0 2 x y MIN COUNT 2
             op: ZADD y 1 a 2 b 3 c
             a?
             b: BZMPOP 0 1 z MAX
             op: ZADD z 1 a 2 b
             b?",
            // Both wait for one key, each for its own type.
            "a: BZPOPMIN k 0
             b: BLPOP k 0
             op: RPUSH k 1
             b?
             op: ZADD k 1 x
             a?",
            "a: BZPOPMIN k 0
             op: ZADD p 1 x
             op: ZUNIONSTORE k 1 p
             a?
             a: BZPOPMIN k 0
             op: ZINTERSTORE k 1 p
             a?
             a: BZPOPMIN k 0
             op: ZDIFFSTORE k 1 p
             a?
             a: BZPOPMIN k 0
             op: ZRANGESTORE k p 0 -1
             a?
             a: BZPOPMIN k 0
             op: ZINCRBY k 5 x
             a?
             a: BZPOPMIN k 0
             op: ZADD k INCR 5 x
             a?
             a: BZPOPMIN k 0
             op: GEOADD g 1 1 x
             op: GEOSEARCHSTORE k g FROMLONLAT 1 1 BYRADIUS 1 km
             a?
             a: BZPOPMIN k 0
             op: GEORADIUS g 1 1 1 km STORE k
             a?",
            "a: BZPOPMIN k 0
             op: ZADD k XX 1 x
             op: MULTI
             op: ZADD k 1 x
             op: ZREM k x
             op: EXEC
             op: SET k v
             op: BZPOPMIN k 0
             op: DEL k
             op: ZADD k 1 y
             a?",
        ],
    );
}

/// What `RESTORE` makes wakes as well. (The payload is made by each server itself.)
#[test]
fn restored_values() {
    let play = |server: &Server| {
        let mut op = server.client();
        let mut seen = Vec::new();
        for (fill, wait) in [
            ("RPUSH from 1 2", "BLPOP k 0"),
            ("ZADD from 1 x 2 y", "BZPOPMAX k 0"),
            ("XADD from 1-1 f v", "XREAD BLOCK 0 STREAMS k $"),
        ] {
            op.ok(&["DEL", "from", "k"]);
            op.ok(&fill.split(' ').collect::<Vec<_>>());
            let payload = op.ok(&["DUMP", "from"]);
            let mut waiter = server.client();
            let id = waiter.ok(&["CLIENT", "ID"]).int().expect("a number").to_string();
            waiter.send(&request(&wait.split(' ').collect::<Vec<_>>()));
            wait_until("it to wait", SOON, || is_blocked(&mut op, &id));
            op.ok(&[&b"RESTORE"[..], b"k", b"0", payload.bytes().expect("a payload")]);
            seen.push(waiter.read());
        }
        seen
    };
    let ours = play(&Redwire::start(&[]));
    assert_eq!(ours.len(), 3);
    for peer in ALL {
        if let Some(real) = peer.start(&[]) {
            assert_eq!(play(&real)[..2], ours[..2], "{real:?}");
        }
    }
}

pub(crate) const STREAMS: &[&str] = &[
    "a: XREAD BLOCK 0 STREAMS s $
     b: XREAD COUNT 1 BLOCK 0 STREAMS s 0
     op: XADD s 1-1 f v
     a?
     b?",
    // `$` is the end as it was when the client came.
    "op: XADD s 1-1 f v
     a: XREAD BLOCK 0 STREAMS s t $ $
     op: XADD t 5-1 f v
     a?
     a: XREAD BLOCK 0 STREAMS s t $ $
     op: XADD s 2-1 f v
     a?",
    "op: XADD s 9-1 f v
     a: XREAD BLOCK 0 STREAMS s 9-1
     b: XREAD BLOCK 0 STREAMS s 9-5
     op: XADD s 9-3 f v
     a?
     op: XADD s 9-6 f v
     b?",
    "a: XREAD BLOCK 0 STREAMS s $
     op: SET s v
     op: DEL s
     op: RPUSH s v
     op: DEL s
     op: XGROUP CREATE s g $ MKSTREAM
     op: XADD s 1-1 f v
     a?",
    "a: XREAD BLOCK 0 COUNT 1 STREAMS s $
     op: MULTI
     op: XADD s 1-1 f v
     op: XADD s 1-2 f v
     op: EXEC
     a?",
    // Each entry once, to who came first.
    "op: XGROUP CREATE s g $ MKSTREAM
     a: XREADGROUP GROUP g one BLOCK 0 STREAMS s >
     b: XREADGROUP GROUP g two BLOCK 0 STREAMS s >
     c: XREAD BLOCK 0 STREAMS s $
     op: XADD s 1-1 f v
     a?
     c?
     op: XADD s 2-1 f v
     b?
     op: XPENDING s g",
    "op: XGROUP CREATE s g $ MKSTREAM
     a: XREADGROUP GROUP g one COUNT 1 BLOCK 0 STREAMS s >
     b: XREADGROUP GROUP g two COUNT 1 NOACK BLOCK 0 STREAMS s >
     op: MULTI
     op: XADD s 1-1 f v
     op: XADD s 1-2 f v
     op: XADD s 1-3 f v
     op: EXEC
     a?
     b?
     op: XREADGROUP GROUP g three BLOCK 0 STREAMS s >
     op: XPENDING s g",
    // Another group of the same stream goes.
    "op: XGROUP CREATE s g $ MKSTREAM
     op: XGROUP CREATE s h $
     a: XREADGROUP GROUP g one BLOCK 0 STREAMS s >
     op: XGROUP DESTROY s h
     op: XGROUP SETID s g 0
     op: XGROUP CREATECONSUMER s g two
     op: XADD s 1-1 f v
     a?",
    // History does not wait.
    "op: XGROUP CREATE s g $ MKSTREAM
     op: XREADGROUP GROUP g one BLOCK 0 STREAMS s 0
     op: XREADGROUP GROUP x one BLOCK 0 STREAMS s >
     op: XREAD BLOCK 0 STREAMS s >
     op: XREAD BLOCK x STREAMS s $
     op: XREAD BLOCK -1 STREAMS s $
     op: XREAD BLOCK",
    "op: XADD s 1-1 f v
     a: XREAD BLOCK 0 STREAMS t $
     op: COPY s t
     a?
     op: DEL t
     a: XREAD BLOCK 0 STREAMS t $
     op: RENAME s t
     a?",
];

#[test]
fn streams() {
    same_at(&ALL, STREAMS);
}

/// A group that goes is told of. (Redis 7.0 says so in other words.)
/// The reply tells how old the entry was, to the millisecond in which it was taken.
#[test]
fn pending_entries_come_of_age() {
    for server in servers(&[Peer::Redis86]) {
        let (mut op, mut waiter) = (server.client(), server.client());
        for line in ["XADD s 1-1 f v", "XGROUP CREATE s g 0", "XREADGROUP GROUP g a STREAMS s >"] {
            op.ok(&line.split(' ').collect::<Vec<_>>());
        }
        let line = "XREADGROUP GROUP g b BLOCK 20000 CLAIM 150 STREAMS s >";
        let reply = waiter.call(&line.split(' ').collect::<Vec<_>>());
        let [entry] = reply.elements()[0].elements()[1].elements() else {
            panic!("{server:?}: {reply:?}")
        };
        let idle = entry.elements()[2].int().expect("a number");
        assert!((150..5000).contains(&idle), "{server:?}: {reply:?}");
        assert_eq!(entry.elements()[3].int(), Some(1), "{server:?}: {reply:?}");
        let pending = op.ok(&["XPENDING", "s", "g", "-", "+", "1"]);
        assert_eq!(pending.elements()[0].elements()[1].text(), "b", "{server:?}");
    }
}

#[test]
fn groups_that_go() {
    let wait = "op: XGROUP CREATE s g $ MKSTREAM
                a: XREADGROUP GROUP g one BLOCK 0 STREAMS s >
                b: XREAD BLOCK 0 STREAMS s $\n";
    let ways = [
        "DEL s",
        "UNLINK s",
        "SET s v",
        "FLUSHALL",
        "FLUSHDB",
        "RENAME s t",
        "SWAPDB 0 1",
        "XGROUP DESTROY s g",
        "PEXPIRE s -1",
        "MOVE s 1",
        "PEXPIRE s 5",
    ];
    let scenes: Vec<String> = ways.iter().map(|way| format!("{wait} op: {way}\n a?")).collect();
    same_at(&ANEW, &scenes.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Several keys at once: the first that is named is looked at first, whichever came first.
#[test]
fn several_keys_at_once() {
    same_at(
        &ANEW,
        &[
            "a: BLPOP x y 0
             op: MULTI
             op: RPUSH y 1
             op: RPUSH x 1
             op: EXEC
             a?
             op: EXISTS x y",
            "a: XREAD BLOCK 0 STREAMS s t $ $
             op: MULTI
             op: XADD t 1-1 f v
             op: XADD s 1-1 f v
             op: EXEC
             a?",
            "op: SELECT 1
             op: RPUSH y 1
             op: RPUSH x 1
             op: SELECT 0
             a: BLPOP x 0
             b: BLPOP y 0
             op: SWAPDB 0 1
             a?
             b?",
        ],
    );
}

#[test]
fn errors_have_redis_texts() {
    let mut scene = String::new();
    for command in [
        "BLPOP",
        "BLPOP k",
        "BLPOP k x",
        "BLPOP k -1",
        "BLPOP k -0.5",
        "BLPOP k nan",
        "BLPOP k 1_",
        "BRPOP k x",
        "BLMOVE k l LEFT x 0",
        "BLMOVE k l x LEFT 0",
        "BLMOVE k l LEFT LEFT x",
        "BLMOVE k l LEFT LEFT",
        "BRPOPLPUSH k l x",
        "BRPOPLPUSH k l",
        "BLMPOP x 1 k LEFT",
        "BLMPOP 1 x k LEFT",
        "BLMPOP 1 0 k LEFT",
        "BLMPOP 1 2 k LEFT",
        "BLMPOP 1 1 k MIN",
        "BLMPOP 1 1 k LEFT COUNT 0",
        "BLMPOP 1 1 k LEFT COUNT",
        "BLMPOP -1 1 k LEFT",
        "BZPOPMIN k x",
        "BZPOPMIN k -1",
        "BZPOPMAX k",
        "BZMPOP 1 1 k LEFT",
        "BZMPOP x 1 k MIN",
        "BZMPOP 1 -1 k MIN",
        "BZMPOP 1 1 k MIN COUNT -1",
        "SET s v",
        "BLPOP s 0",
        "BRPOP s 0",
        "BLMOVE s k LEFT LEFT 0",
        "BRPOPLPUSH s k 0",
        "BLMPOP 0 1 s LEFT",
        "BZPOPMIN s 0",
        "BZMPOP 0 1 s MAX",
        "XREAD BLOCK 0 STREAMS s $",
    ] {
        scene += &format!("op: {command}\n");
    }
    same_at(&ALL, &[&scene]);
    let mut scene = String::new();
    for timeout in ["inf", "1e300", "9223372036854775", "9223372036854775807", "1e16"] {
        scene += &format!("op: BLPOP k {timeout}\nop: BZMPOP {timeout} 1 k MIN\n");
    }
    scene += "op: XREAD BLOCK 9223372036854775807 STREAMS s $\n";
    same_at(&ANEW, &[&scene]);
}

#[test]
fn client_unblock() {
    let mut scene = String::new();
    for wait in [
        "BLPOP k 0",
        "BLMOVE k l LEFT LEFT 0",
        "BRPOPLPUSH k l 100",
        "BLMPOP 0 1 k LEFT",
        "BZPOPMAX k 100",
        "BZMPOP 0 1 k MIN",
        "XREAD BLOCK 0 STREAMS k $",
    ] {
        for how in ["", " TIMEOUT", " ERROR"] {
            scene += &format!(
                "a: {wait}\n op: CLIENT UNBLOCK {{a}}{how}\n op: CLIENT UNBLOCK {{a}}\n a?\n"
            );
        }
    }
    // It has left the queue.
    scene += "b: BLPOP k 0\n op: RPUSH k 1\n b?\n op: EXISTS k\n";
    same_at(&ALL, &[&scene]);
}
