//! Commands and options that came with Redis 8.2 to 8.6 and Valkey 9: answered as by the servers that
//! have them, and told to replicas that do not.

use redwire_testkit::{Client, Peer, Redwire, Reply, assert_same_data, wait_caught_up};

/// What is shown of a reply, whole.
fn shown(reply: &Reply) -> String {
    match reply {
        // An entry with how long it has been pending.
        Reply::Array(parts) if matches!(parts[..], [_, Reply::Array(_), Reply::Int(_), _]) => {
            format!("[{}, {}, idle, {}]", shown(&parts[0]), shown(&parts[1]), shown(&parts[3]))
        }
        Reply::Array(replies) => {
            format!("[{}]", replies.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Reply::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
        other => format!("{other:?}"),
    }
}

fn play(client: &mut Client, lines: &str) -> Vec<String> {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{line} -> {}", shown(&client.call(&words)))
        })
        .collect()
}

/// The lines are answered as by a peer; a Redis 7.0 that follows ends with the same data, groups
/// included.
fn same(peer: Peer, lines: &str) {
    let Some(real) = peer.start(&[]) else { return };
    let ours = Redwire::start(&["--repl-diskless-sync-delay", "0"]);
    let old = Peer::Redis70.start(&[]);
    if let Some(old) = &old {
        old.follow(&ours);
    }
    let (here, there) = (play(&mut ours.client(), lines), play(&mut real.client(), lines));
    for (ours, theirs) in here.iter().zip(&there) {
        assert_eq!(ours, theirs, "at {}", peer.name());
    }
    let Some(old) = old else { return };
    wait_caught_up(&ours, &old);
    assert_same_data(&ours, &old);
    redwire_testkit::assert_same_groups(&ours, &old);
}

#[test]
fn values_are_compared_before_they_are_set() {
    same(
        Peer::Redis86,
        "
        SET k v IFEQ
        SET k v IFEQ v
        SET k v
        SET k w IFEQ v
        SET k w ifeq v
        SET k x IFNE w
        SET k x IFNE y
        SET n x IFNE y
        SET n2 x IFNE y GET
        SET k z IFEQ x GET
        SET k q IFEQ x GET
        SET k z NX IFEQ x
        SET k z IFEQ a IFNE b
        SET k z1 IFNE a EX 1000
        SET k z2 IFNE a KEEPTTL
        SET k z3 IFEQ z2 PX 1000000 GET
        DIGEST k
        DIGEST nokey
        SET k 123
        DIGEST k
        SET k z IFDEQ 0
        SET k z IFDEQ 10dd9ca3c4b78ab4
        SET k z IFDEQ 404A763b3f4c8c9a
        SET k z2 IFDNE 404a763b3f4c8c9a
        SET n4 z IFDEQ 0000000000000000
        SET n4 z IFDNE 0000000000000000
        SET n5 z IFDNE 00
        LPUSH l a
        SET l a IFEQ a
        SET l a IFNE b
        SET l a IFDEQ 0000000000000000
        DIGEST l
        DELEX l IFEQ a
        DELEX l foo bar
        DELEX l
        DELEX l IFEQ a
        DELEX nokey
        SET k abc
        DELEX k foo bar
        DELEX k IFEQ x
        DELEX k IFNE abc
        DELEX k IFEQ abc
        SET k abc
        DELEX k IFDEQ 0123
        DELEX k IFDEQ 0123456789012345
        DELEX k IFDNE 0123456789012345
        DELEX k IFEQ
        DELEX k IFEQ a b
        DELEX
        ",
    );
    same(
        Peer::Valkey91,
        "
        SET k 1
        SET k 2 IFEQ 1
        SET k 3 IFEQ 1
        SET k 3 IFEQ 2 NX
        SET k 3 IFEQ 2 XX
        SET k 3 IFEQ 2 IFEQ 2
        SET k 4 IFEQ 2 GET
        DELIFEQ k 3
        DELIFEQ k 4
        DELIFEQ nokey 4
        SET k 7
        LPUSH l a
        DELIFEQ l a
        DELIFEQ l
        ",
    );
}

#[test]
fn several_keys_are_set_with_an_expiry() {
    same(
        Peer::Redis86,
        "
        MSETEX 2 a 1 b 2
        MSETEX 2 a 1 b 2 NX
        MSETEX 2 a 1 c 2 NX
        MSETEX 2 a 1 b 2 XX
        MSETEX 2 a 1 c 2 XX
        MSETEX 2 a 1 b 2 EX 1000
        MSETEX 1 a 3 KEEPTTL
        MSETEX 2 d 3 d 4 NX PX 5000000
        MSETEX 1 a 3 XX PX 5000000
        MSETEX 1 a 3 PX 5000000 XX
        MSETEX 1 a 3 EX 0
        MSETEX 1 a 3 EX x
        MSETEX 1 a 3 EX 10 KEEPTTL
        MSETEX 1 a 3 NX XX
        MSETEX 0 a 3
        MSETEX 2 a 3
        MSETEX 2 a 3 b
        MSETEX x a 3 b
        MSETEX -1 a 3 b
        MSETEX 1 a 3 b
        MSETEX 9999999999 a 3
        MSETEX 1 a 3 foo
        LPUSH l a
        MSETEX 1 l x
        MGET a b c d l
        MSETEX 1 a 3 EXAT 1
        EXISTS a
        COMMAND GETKEYS MSETEX 2 a 3 b 4 NX
        ",
    );
}

#[test]
fn entries_go_with_their_references() {
    let entries = "
        XADD s 1-1 a 1
        XADD s 1-2 a 1
        XADD s 1-3 a 1
        XADD s 1-4 a 1
        XADD s 1-5 a 1
        XADD s 1-6 a 1
        XGROUP CREATE s g 0
        XGROUP CREATE s h 0
        XREADGROUP GROUP g c COUNT 4 STREAMS s >
        XREADGROUP GROUP h d COUNT 2 STREAMS s >
    ";
    let deletes = "
        XDELEX s IDS 1 1-1
        XPENDING s g
        XDELEX s DELREF IDS 2 1-1 1-2
        XPENDING s g
        XPENDING s h
        XDELEX s ACKED IDS 4 1-3 1-4 1-5 9-9
        XACK s g 1-3
        XDELEX s ACKED IDS 2 1-3 1-5
        XREADGROUP GROUP h d STREAMS s >
        XACK s h 1-3
        XDELEX s ACKED IDS 1 1-3
        XACKDEL s g IDS 1 1-4
        XRANGE s - +
        XPENDING s g
        XPENDING s h
        XADD s 2-1 a 1
        XADD s 2-2 a 1
        XADD s 2-3 a 1
        XREADGROUP GROUP g c STREAMS s >
        XACKDEL s g KEEPREF IDS 1 2-1
        XACKDEL s g DELREF IDS 1 2-2
        XACKDEL s g ACKED IDS 3 2-3 1-5 1-5
        XREADGROUP GROUP h d STREAMS s >
        XACKDEL s h ACKED IDS 1 2-3
        XACKDEL s nog IDS 1 1-1
        XACKDEL nos g IDS 1 1-1
        XDELEX nos IDS 2 1-1 1-2
        XDELEX nos IDS 1 x
        XDELEX s IDS 1 x
        XDELEX s IDS 0 1-1
        XDELEX s IDS 2 1-1
        XDELEX s IDS x 1-1
        XDELEX s IDS -1 1-1
        XDELEX s IDS 1 1-1 1-2
        XDELEX s IDS 99999999999 1-1
        XDELEX s IDS 1 1-1 KEEPREF
        XDELEX s KEEPREF DELREF IDS 1 1-1
        XDELEX s KEEPREF KEEPREF IDS 1 1-1
        XDELEX s foo IDS 1 1-1
        XDELEX s DELREF 1 1-1
        XDELEX s IDS 1
        XDELEX s DELREF IDS
        XACKDEL s g 1 1-1 2
        SET str 1
        XDELEX str IDS 1 1-1
        XACKDEL str g IDS 1 1-1
        XRANGE s - +
        XPENDING s g - + 10
        XPENDING s h - + 10 d
    ";
    // How long an entry has been pending is left out of what is compared.
    let deletes: String = deletes
        .lines()
        .filter(|line| !line.contains("+ 10"))
        .flat_map(|line| [line, "\n"])
        .collect();
    same(Peer::Redis86, &format!("{entries}{deletes}"));
    let trims = "
        XACK s g 1-1
        XACK s h 1-1
        XTRIM s MAXLEN 3 ACKED
        XRANGE s - +
        XADD s ACKED MAXLEN 1 2-1 a 1
        XRANGE s - +
        XTRIM s MAXLEN 5 KEEPREF
        XTRIM s MAXLEN = 4 DELREF
        XPENDING s g
        XPENDING s h
        XADD s DELREF MINID 1-5 2-2 a 2
        XADD s DELREF MAXLEN 1 LIMIT 10 2-5 a 2
        XADD s DELREF 2-6 a 2
        XADD s KEEPREF ACKED 2-7 a 2
        XADD s DELREF DELREF 2-7 a 2
        XADD s KEEPREF NOMKSTREAM 2-8 a b
        XTRIM s DELREF MAXLEN 2
        XTRIM s DELREF
        XTRIM s ACKED ACKED MAXLEN 0
        XTRIM s KEEPREF ACKED MAXLEN 0
        XRANGE s - +
        XTRIM s MINID 2-7 ACKED
        XTRIM s MINID = 2-6 ACKED LIMIT 5
        XGROUP SETID s g 9-9
        XGROUP SETID s h 9-9
        XADD s 3-1 a b
        XTRIM s MINID 3-1 ACKED
        XTRIM s MAXLEN 0 ACKED
        XADD s 4-1 a b
        XADD s ACKED MAXLEN 0 5-1 a 1
        XLEN s
    ";
    same(Peer::Redis86, &format!("{entries}{trims}"));
}

#[test]
fn what_has_long_been_pending_is_delivered_again() {
    same(
        Peer::Redis86,
        "
        XADD s 1-1 a 1
        XADD s 1-2 a 1
        XADD s 1-3 a 1
        XGROUP CREATE s g 0
        XREADGROUP GROUP g c COUNT 2 STREAMS s >
        XREADGROUP GROUP g d CLAIM 100000 COUNT 10 STREAMS s >
        XREADGROUP GROUP g d CLAIM 100000 STREAMS s >
        XREADGROUP GROUP g d CLAIM -1 STREAMS s >
        XREADGROUP GROUP g d CLAIM x STREAMS s >
        XREADGROUP GROUP g d CLAIM STREAMS s >
        XREADGROUP GROUP g d CLAIM
        XREADGROUP GROUP g d CLAIM 0 STREAMS s 0
        XREAD CLAIM 0 STREAMS s 0
        XPENDING s g
        XADD t 1-1 a 1
        XADD t 1-2 a 1
        XADD t 1-3 a 1
        XGROUP CREATE t g 0
        XREADGROUP GROUP g c COUNT 2 STREAMS t >
        XREADGROUP GROUP g d CLAIM 0 STREAMS t >
        XDEL t 1-1
        XADD t 1-4 a 1
        XREADGROUP GROUP g e COUNT 3 CLAIM 0 STREAMS t >
        XREADGROUP GROUP g e NOACK CLAIM 0 STREAMS t >
        XPENDING t g
        ",
    );
}
