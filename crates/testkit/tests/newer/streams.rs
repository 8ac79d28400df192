//! Streams: entries that go with the references of groups to them, and those that have long been
//! pending.

use redwire_testkit::Peer;

use super::same;

/// A stream whose entries two groups have in part.
const ENTRIES: &str = "
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

#[test]
fn entries_are_deleted_with_their_references() {
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
    ";
    same(Peer::Redis86, &format!("{ENTRIES}{deletes}"));
}

#[test]
fn entries_are_trimmed_with_their_references() {
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
    same(Peer::Redis86, &format!("{ENTRIES}{trims}"));
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
