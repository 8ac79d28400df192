//! Commands and options that came with Redis 8.2 to 8.6 and Valkey 9: answered as by the servers that
//! have them, and told to replicas that do not.

use redwire_testkit::workload::seed;
use redwire_testkit::{
    Client, Command, Peer, Redwire, Reply, Rng, assert_same_data, printable, wait_caught_up,
};

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

fn words(line: &str) -> Command {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
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

#[test]
fn strings_are_combined_in_newer_ways() {
    same(
        Peer::Redis86,
        "
        MSET a abc b abd c zz
        BITOP DIFF d a
        BITOP DIFF1 d a
        BITOP ANDOR d a
        BITOP ONE d a
        GET d
        BITOP DIFF d none none2
        EXISTS d
        BITOP diff d none a
        GET d
        BITOP DIFF1 d none a
        GET d
        BITOP DIFF d a b c
        GET d
        BITOP DIFF1 d a b c
        GET d
        BITOP ANDOR d a b c
        GET d
        BITOP ONE d a b c a
        GET d
        BITOP ONE d a none none
        BITOP DIFF a a b
        GET a
        RPUSH l x
        BITOP DIFF d l
        BITOP ONE d a l
        BITOP ONE none2 none
        EXISTS none2
        ",
    );
    let Some(real) = Peer::Redis86.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let mut rng = Rng::new(seed(95));
    let mut clients = [real.client(), ours.client()];
    for _ in 0..400 {
        let mut command = words("BITOP");
        command.push(rng.pick(&["DIFF", "DIFF1", "ANDOR", "ONE"]).as_bytes().to_vec());
        command.push(b"d".to_vec());
        command.extend((0..rng.between(1, 5)).map(|at| format!("s{at}").into_bytes()));
        let values: Vec<Vec<u8>> = (0..5)
            .map(|_| {
                let len = rng.below(40) as usize;
                rng.bytes(len)
            })
            .collect();
        let [expected, got] = clients.each_mut().map(|client| {
            for (at, value) in values.iter().enumerate() {
                client.ok(&[b"SET".to_vec(), format!("s{at}").into_bytes(), value.clone()]);
            }
            (client.call(&command), client.call(&["GET", "d"]))
        });
        assert_eq!(got, expected, "{}", printable(&command));
    }
}

#[test]
fn ranks_come_with_scores_and_scans_without() {
    let lines = "
        ZADD z 1 a 2.5 b
        ZRANK z a WITHSCORE
        ZREVRANK z a withscore
        ZRANK z none WITHSCORE
        ZRANK none a WITHSCORE
        ZRANK z a WITHSCORE x
        SET s v
        ZRANK s a WITHSCORE
        HSET h a 1 b 2
        HSCAN h 0 NOVALUES
        HSCAN h 0 COUNT 10 novalues MATCH a*
        HSCAN h 0 NOVALUES COUNT
        HSCAN h 0 NOVALUES NOVALUES
        HSCAN none 0 NOVALUES
    ";
    same(Peer::Redis80, lines);
    same(
        Peer::Valkey91,
        "
        ZADD z 1 a 2.5 b
        ZSCAN z 0 NOSCORES
        ZSCAN z 0 noscores MATCH b COUNT 5
        ZSCAN z 0 NOSCORES COUNT
        ",
    );
}

#[test]
fn places_are_found_in_polygons() {
    same(
        Peer::Valkey91,
        "
        GEOADD g 1 1 a 5 5 b 0.5 0.2 c 3 1 d -2 -3 e
        GEOSEARCH g BYPOLYGON 3 0 0 0 2 4 0 ASC WITHDIST WITHHASH
        GEOSEARCH g bypolygon 4 -10 -10 -10 10 10 10 10 -10 ASC WITHDIST
        GEOSEARCH g BYPOLYGON 4 -10 -10 -10 10 10 10 10 -10 DESC COUNT 2
        GEOSEARCH g BYPOLYGON 4 -10 -10 -10 10 10 10 10 -10 COUNT 2 ANY
        GEOSEARCH g BYPOLYGON 2 0 0 0 2
        GEOSEARCH g BYPOLYGON x 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON 3.0 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON -1 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON 2147483647 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON 2147483648 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON -2147483649 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON 4 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON 3 0 0 0 2 1 1 FROMLONLAT 1 1
        GEOSEARCH g FROMLONLAT 1 1 BYPOLYGON 3 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON 3 0 0 0 2 1 1 BYRADIUS 1 m
        GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 1 m BYPOLYGON 3 0 0 0 2 1 1
        GEOSEARCH g BYPOLYGON 3 0 0 0 0.2 0.1 0.1 BYPOLYGON 3 -10 -10 -10 10 10 10
        GEOSEARCH g BYPOLYGON 3 0 0 0 200 1 1
        GEOSEARCH g BYPOLYGON 3 0 0 0 x 1 1
        GEOSEARCH g BYPOLYGON 3 0 0 0 0 0 0
        GEOSEARCH none BYPOLYGON 3 0 0 0 2 1 1
        GEOSEARCH g ASC DESC ASC DESC BYPOLYGON
        GEORADIUS g 1 1 1 m BYPOLYGON 3 0 0 0 2 1 1
        GEOSEARCHSTORE dst g BYPOLYGON 3 0 0 0 2 1 1 WITHDIST
        GEOSEARCHSTORE dst g BYPOLYGON 4 -10 -10 -10 10 10 10 10 -10
        ZRANGE dst 0 -1 WITHSCORES
        GEOSEARCHSTORE far g BYPOLYGON 4 -10 -10 -10 10 10 10 10 -10 STOREDIST
        ZCARD far
        GEOSEARCHSTORE dst g BYPOLYGON 3 50 50 50 52 52 50
        EXISTS dst
        GEOSEARCHSTORE dst g BYPOLYGON 3 50 50 50 52 52 50
        ",
    );
    let Some(real) = Peer::Valkey91.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let mut rng = Rng::new(seed(94));
    let mut clients = [real.client(), ours.client()];
    for _ in 0..150 {
        // Somewhere, in degrees and parts of a million of them, and how far from there.
        let (west, south) =
            (rng.between(-150_000_000, 150_000_000), rng.between(-70_000_000, 60_000_000));
        let size = 10_i64.pow(rng.between(3, 6) as u32) * rng.between(1, 9);
        let near = |rng: &mut Rng| {
            let at = |from: i64, rng: &mut Rng| (from + rng.between(-size, size)) as f64 / 1e6;
            [at(west, rng).to_string(), at(south, rng).to_string()]
        };
        let mut add = vec!["GEOADD".to_owned(), "g".into()];
        (0..80).for_each(|at| {
            add.extend(near(&mut rng));
            add.push(format!("m{at}"));
        });
        let corners = rng.between(3, 8);
        let mut search = vec!["GEOSEARCH".to_owned(), "g".into(), "BYPOLYGON".into()];
        search.push(corners.to_string());
        (0..corners).for_each(|_| search.extend(near(&mut rng)));
        search.extend(["WITHDIST", "WITHHASH"].map(str::to_owned));
        match rng.below(3) {
            0 => search.push("ASC".into()),
            1 => search.extend(["COUNT", "5", "ANY"].map(str::to_owned)),
            _ => {}
        }
        let [expected, got] = clients.each_mut().map(|client| {
            client.ok(&["FLUSHALL"]);
            client.ok(&add);
            client.call(&search)
        });
        assert_eq!(got, expected, "{}", search.join(" "));
    }
}

#[test]
fn options_of_valkey_9() {
    let Some(real) = Peer::Valkey91.start(&[]) else { return };
    let ours = Redwire::start(&["--repl-diskless-sync-delay", "0"]);
    // One follows ours that knows fields that expire, but not NX and XX.
    let other = Peer::Redis80.start(&[]);
    if let Some(other) = &other {
        other.follow(&ours);
    }
    let lines = "
        HSETEX h NX FIELDS 1 a 1
        HSETEX h NX FIELDS 1 a 2
        HSETEX h XX FIELDS 1 a 3
        HSETEX none XX FIELDS 1 a 3
        HSETEX h XX FXX EX 10000 FIELDS 1 a 4
        HSETEX h XX FNX PXAT 4102444800000 FIELDS 1 b nx
        HSETEX h NX XX FIELDS 1 a 3
        HSETEX h EX 100000 xx FIELDS 1 a xx
        HSETEX h XX XX KEEPTTL FIELDS 2 a 7 c NX
        HSETEX h2 NX EXAT 1 FIELDS 1 a 3
        EXISTS h2
        HSETEX h2 NX FXX FIELDS 1 a 3
        SET s abc
        HSETEX s NX FIELDS 1 a 3
        HGET h a
        BITCOUNT s 1
        BITCOUNT s -1
        BITCOUNT s 5
    ";
    let (here, there) = (play(&mut ours.client(), lines), play(&mut real.client(), lines));
    assert_eq!(here, there);
    let Some(other) = other else { return };
    wait_caught_up(&ours, &other);
    assert_same_data(&ours, &other);
    redwire_testkit::assert_same_fields(&ours, &other);
}

/// What a real master does to a small list with an index that is none, a replica of it does as well.
#[test]
fn an_index_beyond_32_bits_is_followed() {
    for peer in [Peer::Redis80, Peer::Valkey91] {
        let Some(real) = peer.start(&["--repl-diskless-sync-delay", "0"]) else { continue };
        let ours = Redwire::start(&[]);
        ours.follow(&real);
        let mut client = real.client();
        client.ok(&["RPUSH", "l", "a", "b", "c"]);
        for index in ["9223372036854775807", "4294967296", "-4294967295", "4294967297", "1"] {
            client.call(&["LSET", "l", index, index]);
        }
        wait_caught_up(&real, &ours);
        assert_eq!(
            ours.client().ok(&["LRANGE", "l", "0", "-1"]),
            client.ok(&["LRANGE", "l", "0", "-1"]),
            "{}",
            peer.name()
        );
    }
}

/// Of each server three connections, two of them with names; which of them each filter finds.
#[test]
fn clients_are_chosen_as_by_valkey() {
    let Some(real) = Peer::Valkey91.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let [mut expected, mut got] = [&real, &ours].map(|server| {
        let mut clients = [server.client(), server.client(), server.client()];
        clients[1].ok(&["CLIENT", "SETNAME", "one"]);
        clients[1].ok(&["SELECT", "7"]);
        clients[2].ok(&["CLIENT", "SETNAME", "two"]);
        clients[2].ok(&["CLIENT", "SETINFO", "LIB-NAME", "lib"]);
        clients[2].ok(&["MULTI"]);
        clients
    });
    for line in [
        "LIST",
        "LIST SKIPME yes",
        "LIST SKIPME no",
        "LIST SKIPME foo",
        "LIST NAME one",
        "LIST NOT-NAME one",
        "LIST NAME one NOT-NAME one",
        "LIST NAME",
        "LIST NAME two DB 0",
        "LIST DB 7",
        "LIST NOT-DB 7 SKIPME yes",
        "LIST DB x",
        "LIST DB 16",
        "LIST FLAGS x",
        "LIST NOT-FLAGS x",
        "LIST FLAGS xN",
        "LIST FLAGS Nq",
        "LIST LIB-NAME lib",
        "LIST NOT-LIB-NAME lib",
        "LIST LIB-VER 1",
        "LIST IP 127.0.0.1",
        "LIST NOT-IP 127.0.0.1",
        "LIST TYPE normal NAME two",
        "LIST NOT-TYPE normal",
        "LIST TYPE primary",
        "LIST USER default",
        "LIST NOT-USER default",
        "LIST USER nobody",
        "LIST MAXAGE 100000",
        "LIST MAXAGE 0",
        "LIST MAXAGE x",
        "LIST NOT-MAXAGE 1",
        "LIST IDLE 100000",
        "LIST IDLE -1",
        "LIST foo bar",
        "KILL MAXAGE 100000",
        "KILL MAXAGE -1",
        "KILL NAME nosuch",
        "KILL ID 100000 100001",
        "KILL ID 100000 x",
        "KILL NOT-ID 0",
        "KILL NOT-TYPE normal",
        "KILL NOT-SKIPME yes",
        "KILL NAME one SKIPME yes",
        "LIST",
        "KILL NOT-NAME nosuch",
        "LIST",
    ] {
        let line = words(&format!("CLIENT {line}"));
        let [expected, got] = [&mut expected[0], &mut got[0]].map(|client| {
            let reply = client.call(&line);
            match reply {
                Reply::Int(_) | Reply::Error(_) => format!("{reply:?}"),
                list => list.text().lines().count().to_string(),
            }
        });
        assert_eq!(got, expected, "{}", printable(&line));
    }
}

/// Keys that are overwritten, become another type, or are looked up in vain are announced as by Redis 8.6.
#[test]
fn overwritten_and_missed_keys_are_announced() {
    let Some(real) = Peer::Redis86.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let lines = "
        SET a 1
        SET a 2
        GETSET a 3
        SET a 4 KEEPTTL
        SETEX a 100 5
        SETNX a 6
        MSET a 1 b 2
        INCR a
        INCRBYFLOAT a 1.5
        APPEND a x
        LPUSH l x
        SET l y
        SADD s x
        SADD t y
        SUNIONSTORE d s t
        SUNIONSTORE d s t
        SET d 1
        SUNIONSTORE d s t
        SINTERSTORE d none s
        ZADD z 1 a
        ZUNIONSTORE d 1 z
        ZRANGESTORE s z 0 -1
        SADD s2 a
        COPY z s2
        COPY z s2 REPLACE
        COPY z s2 REPLACE
        RENAME z s2
        SET x 1
        RENAME s2 x
        RENAMENX x y
        RPUSH ll 3 1 2
        SORT ll STORE ll2
        SET ll2 1
        SORT ll STORE ll2
        SETBIT bm 1 1
        BITOP OR bo bm bm
        BITOP OR bo bm bm
        MSETEX 2 a 1 ll 2
        SETRANGE a 0 x
        GET nokey
        MGET nokey nokey2
        EXISTS nokey
        TTL nokey
        TYPE nokey
        HGET nokey a
        TOUCH nokey
        OBJECT ENCODING nokey
        DUMP nokey
        GETDEL nokey
        EXPIRE nokey 3
        SORT nokey
        LPOP nokey
        XLEN nokey
        RENAME nokey x
        COPY nokey x
        SET nokey 1 GET
    ";
    let [expected, got] = [&real, &ours].map(|server| {
        let mut client = server.client();
        client.ok(&["CONFIG", "SET", "notify-keyspace-events", "EAocmn"]);
        let mut listener = server.client();
        listener.ok(&["PSUBSCRIBE", "*"]);
        let mut events = Vec::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            client.call(&words(line));
            client.ok(&["PUBLISH", "end", "of it"]);
            let mut of_line = vec![line.to_owned()];
            loop {
                let message = listener.read();
                let [_, _, channel, key] = message.elements() else { panic!("{message:?}") };
                if channel.text() == "end" {
                    break;
                }
                of_line.push(format!("{} {}", channel.text(), key.text()));
            }
            events.push(of_line);
        }
        events
    });
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got, expected);
    }
}
