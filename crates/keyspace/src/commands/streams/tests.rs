use crate::commands::testing::Rig;

#[test]
fn entries_in_ranges() {
    let mut rig = Rig::new();
    rig.check(&[
        ("XADD s 5-1 a 1 b x", "$3 5-1"),
        ("XADD s 5-* a 2", "$3 5-2"),
        ("XADD s * a 3", "$15 1700000000000-0"),
        ("XADD s * a 4", "$15 1700000000000-1"),
        ("XLEN s", ":4"),
        ("XRANGE s - + COUNT 1", "*1 *2 $3 5-1 *4 $1 a $1 1 $1 b $1 x"),
        ("XRANGE s (5-1 5", "*1 *2 $3 5-2 *2 $1 a $1 2"),
        ("XREVRANGE s 5 - COUNT 1", "*1 *2 $3 5-2 *2 $1 a $1 2"),
        ("XRANGE s - + COUNT 0", "*-1"),
        ("XRANGE none - +", "*0"),
        ("XDEL s 5-1 5-1 9-9", ":1"),
        ("XTRIM s MAXLEN 1", ":2"),
        (
            "XADD s 3-3 a b",
            "-ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ),
        ("XADD none NOMKSTREAM * a b", "$-1"),
        (
            "XADD s LIMIT 5 * a b",
            "-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        ("XDEL s 1700000000000-1", ":1"),
        ("XLEN s", ":0"),
        ("EXISTS s", ":1"),
    ]);
}

/// As by Redis 7.0, 8.0, 8.6 and Valkey 9.1.
#[test]
fn what_lies_beside_the_entries_fails_no_transaction() {
    let mut rig = Rig::new();
    for (line, failed) in [
        ("XGROUP CREATE s g 0 MKSTREAM", true),
        ("XADD s 1-1 a 1", true),
        ("XGROUP CREATE s h 0", false),
        ("XGROUP SETID s g 0", false),
        ("XGROUP CREATECONSUMER s g ann", false),
        ("XREADGROUP GROUP g ann STREAMS s >", false),
        ("XGROUP DELCONSUMER s g ann", false),
        ("XGROUP DESTROY s h", false),
        ("XSETID s 2-1", false),
        ("XDEL s 1-1", true),
    ] {
        rig.run("WATCH s");
        let reply = rig.run(line);
        assert!(!reply.starts_with('-'), "{line}: {reply}");
        rig.run("MULTI");
        assert_eq!(rig.run("EXEC"), if failed { "*-1" } else { "*0" }, "{line}");
    }
}

#[test]
fn effects_and_events() {
    let mut rig = Rig::new();
    rig.check_traces(&[
        ("XADD s * f v", &["XADD s 1700000000000-0 f v"], &["xadd s"]),
        ("XADD s MAXLEN ~ 5 * f v", &["XADD s MAXLEN = 2 1700000000000-1 f v"], &["xadd s"]),
        ("XADD s MAXLEN 2 1700000000000-5 f v", &["XADD s MAXLEN 2 1700000000000-5 f v"], &["xadd s", "xtrim s"]),
        ("XGROUP CREATE s g 0", &["XGROUP CREATE s g 0"], &["xgroup-create s"]),
        (
            "XREADGROUP GROUP g ann COUNT 1 STREAMS s >",
            &[
                "MULTI",
                "XGROUP CREATECONSUMER s g ann",
                "XCLAIM s g ann 0 1700000000000-1 TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1700000000000-1",
                "EXEC",
            ],
            &["xgroup-createconsumer s"],
        ),
        (
            "XREADGROUP GROUP g ann NOACK STREAMS s >",
            &["XGROUP SETID s g 1700000000000-5 ENTRIESREAD 3"],
            &[],
        ),
        ("XREADGROUP GROUP g ann STREAMS s >", &[], &[]),
        ("XREADGROUP GROUP g ann STREAMS s 0", &[], &[]),
        (
            "XAUTOCLAIM s g bob 0 0",
            &[
                "MULTI",
                "XGROUP CREATECONSUMER s g bob",
                "XCLAIM s g bob 0 1700000000000-1 TIME 1700000000000 RETRYCOUNT 3 FORCE JUSTID LASTID 1700000000000-5",
                "EXEC",
            ],
            &["xgroup-createconsumer s"],
        ),
        ("XACK s g 1700000000000-1", &["XACK s g 1700000000000-1"], &[]),
        ("XGROUP DELCONSUMER s g bob", &["XGROUP DELCONSUMER s g bob"], &["xgroup-delconsumer s"]),
        ("XGROUP DESTROY s g", &["XGROUP DESTROY s g"], &["xgroup-destroy s"]),
        ("XTRIM s MAXLEN ~ 0", &["XTRIM s MAXLEN = 0"], &["xtrim s"]),
        (
            "XADD s MINID ~ 1900000000000-0 * f v",
            &["XADD s MINID = 18446744073709551615-18446744073709551615 1700000000000-6 f v"],
            &["xadd s", "xtrim s"],
        ),
        ("XSETID s 1800000000000-1", &["XSETID s 1800000000000-1"], &["xsetid s"]),
    ]);
}

#[test]
fn replies_of_resp3_are_maps() {
    let mut rig = Rig::resp3();
    rig.check(&[
        ("XADD s 1-1 a b", "$3 1-1"),
        ("XREAD STREAMS s 0", "%1 $1 s *1 *2 $3 1-1 *2 $1 a $1 b"),
        ("XREAD STREAMS s $", "_"),
        ("XGROUP CREATE s g $", "+OK"),
        ("XPENDING s g", "*4 :0 _ _ _"),
        (
            "XINFO GROUPS s",
            "*1 %6 $4 name $1 g $9 consumers :0 $7 pending :0 $17 last-delivered-id $3 1-1 \
             $12 entries-read _ $3 lag :0",
        ),
    ]);
}

#[test]
fn lags_as_redis_70_tells_them() {
    let mut rig = Rig::new();
    // Where it cannot be told, a null, which is no word: the last one is its name.
    let lag = |rig: &mut Rig| rig.strings("XINFO GROUPS s").pop();
    for line in ["XADD s 1-0 a b", "XADD s 2-0 a b", "XADD s 3-0 a b", "XADD s 4-0 a b"] {
        rig.run(line);
    }
    rig.run("XGROUP CREATE s g 0");
    assert_eq!(lag(&mut rig).as_deref(), Some(":4"));
    rig.run("XREADGROUP GROUP g ann COUNT 1 STREAMS s >");
    assert_eq!(lag(&mut rig).as_deref(), Some(":3"));
    rig.run("XDEL s 3-0");
    assert_eq!(lag(&mut rig).as_deref(), Some("lag"), "a gap ahead");
    rig.run("XTRIM s MINID 4");
    assert_eq!(lag(&mut rig).as_deref(), Some(":3"), "the gap is before the first entry");
}

/// As by Redis 8.6, with nodes of 4 entries.
#[test]
fn trims_with_references_go_to_the_entry() {
    for (trim, acked, left) in [
        ("MAXLEN ~ 5 DELREF", 0, 10..=14),
        ("MAXLEN ~ 5 LIMIT 5 DELREF", 0, 5..=14),
        ("MAXLEN ~ 5 LIMIT 3 DELREF", 0, 1..=14),
        ("MINID ~ 7 DELREF", 0, 7..=14),
        ("MAXLEN ~ 5 KEEPREF", 0, 9..=14),
        ("MAXLEN ~ 5 ACKED", 14, 10..=14),
        ("MAXLEN ~ 5 LIMIT 0 ACKED", 8, 9..=14),
        ("MAXLEN ~ 5 LIMIT 5 ACKED", 14, 5..=14),
        ("MINID ~ 7 LIMIT 3 ACKED", 14, 1..=14),
        ("MINID ~ 7 ACKED", 14, 7..=14),
        ("MINID = 7 ACKED", 5, 6..=14),
        ("MAXLEN = 5 ACKED", 0, 1..=14),
    ] {
        let mut rig = Rig::new();
        rig.keyspace.settings_mut().stream_node_entries = 4;
        (1..=14).for_each(|n| drop(rig.run(&format!("XADD s {n}-0 a 1"))));
        rig.run("XGROUP CREATE s g 0");
        rig.run("XREADGROUP GROUP g c STREAMS s >");
        (1..=acked).for_each(|n| drop(rig.run(&format!("XACK s g {n}-0"))));
        rig.run(&format!("XTRIM s {trim}"));
        let ids = rig.strings("XRANGE s - +").into_iter().filter(|word| word.ends_with("-0"));
        let left: Vec<String> = left.map(|n| format!("{n}-0")).collect();
        assert_eq!(ids.collect::<Vec<_>>(), left, "{trim}");
    }
}

/// By number, no entry is looked at beyond the first node of which something is to stay.
#[test]
fn a_trim_that_spares_entries_ends_where_others_would() {
    let mut rig = Rig::new();
    rig.keyspace.settings_mut().stream_node_entries = 4;
    (1..=14).for_each(|n| drop(rig.run(&format!("XADD s {n}-0 a 1"))));
    rig.run("XGROUP CREATE s g 0");
    rig.run("XREADGROUP GROUP g c STREAMS s >");
    rig.run("XACK s g 1-0 2-0 4-0 6-0 11-0 12-0 13-0 14-0");
    assert_eq!(rig.effects_of("XTRIM s MAXLEN = 8 ACKED"), ["XDEL s 1-0 2-0 4-0 6-0"]);
}
