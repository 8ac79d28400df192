//! Strings: compared before they are set, several at once, combined.

use redwire_testkit::{Peer, Redwire, Rng, printable, workload::seed};

use super::{same, words};

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
}

#[test]
fn values_are_compared_as_by_valkey() {
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
}

#[test]
fn any_strings_are_combined_in_newer_ways() {
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
