//! Sorted sets, hashes, lists and places.

use redwire_testkit::{
    Peer, Redwire, Rng, assert_same_data, assert_same_fields, wait_caught_up, workload::seed,
};

use super::{play, same};

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
}

#[test]
fn any_places_are_found_in_any_polygon() {
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
    assert_same_fields(&ours, &other);
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
