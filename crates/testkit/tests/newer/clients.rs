//! Clients by filters, and what they are told of keys.

use redwire_testkit::{Client, Peer, Redwire, Reply, printable};

use super::words;

/// What follows `CLIENT`.
const FILTERS: [&str; 47] = [
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
];

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
    for line in FILTERS {
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

/// Commands by which keys are overwritten, become another type, or are looked up in vain.
const CHANGES: &str = "
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

/// They are announced as by Redis 8.6.
#[test]
fn overwritten_and_missed_keys_are_announced() {
    let Some(real) = Peer::Redis86.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let expected = announced(real.client(), real.client());
    let got = announced(ours.client(), ours.client());
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got, expected);
    }
}

/// Each of the lines, with the events that come of it.
fn announced(mut client: Client, mut listener: Client) -> Vec<Vec<String>> {
    client.ok(&["CONFIG", "SET", "notify-keyspace-events", "EAocmn"]);
    listener.ok(&["PSUBSCRIBE", "*"]);
    let mut events = Vec::new();
    for line in CHANGES.lines().map(str::trim).filter(|line| !line.is_empty()) {
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
}
