//! `import-mode` and `CLIENT IMPORT-SOURCE` (Valkey 8.1): a source of data sees keys whose time is over,
//! others do not, and nothing goes by itself. (Here others do not see a hash whose fields are all over, nor
//! count such fields; to Valkey they are there until something deletes them. Nor is a key there whose time is over
//! when another deletes it: that answers 0 here.)

use std::time::Duration;

use redwire_testkit::{Client, Peer, Redwire, Reply, Server, wait_until};

const SOON: Duration = Duration::from_secs(20);

fn call(client: &mut Client, line: &str) -> Reply {
    let words: Vec<&str> = line.split(' ').collect();
    client.call(&words)
}

/// A source of imports and an ordinary client.
fn clients(server: &Server) -> [Client; 2] {
    let [mut source, other] = [server.client(), server.client()];
    source.ok(&["CONFIG", "SET", "import-mode", "yes"]);
    source.ok(&["CLIENT", "IMPORT-SOURCE", "ON"]);
    [source, other]
}

/// Keys of all types whose time is over, and hashes with such fields.
const DATA: &[&str] = &[
    "SET s v PXAT 1",
    "SET n 5 EXAT 1",
    "RPUSH l a b",
    "PEXPIREAT l 1",
    "SADD m a b",
    "EXPIRE m -5",
    "ZADD z 1 a",
    "PEXPIRE z 0",
    "XADD x 1-1 a 1",
    "EXPIREAT x 1",
    "HSET h f 1 g 2",
    "HPEXPIREAT h 1 FIELDS 1 f",
    "HSET over f 1",
    "EXPIRE over 0",
    "SET stays v",
    "GETEX stays PXAT 1",
    "SET t v",
];

/// What the source asks, marked `S`, and what the other does, `O`.
const LINES: &[&str] = &[
    "S DBSIZE",
    "S GET s",
    "O GET s",
    "O EXISTS s n l m z x h over stays t",
    "S EXISTS s n l m z x h over stays t",
    "S TTL s",
    "O TTL s",
    "S PTTL l",
    "O PTTL l",
    "S EXPIRETIME s",
    "O EXPIRETIME s",
    "S TYPE l",
    "O TYPE l",
    "S LRANGE l 0 -1",
    "O LRANGE l 0 -1",
    "S OBJECT ENCODING s",
    "O OBJECT ENCODING s",
    "S SMEMBERS m",
    "O SMEMBERS m",
    "S XLEN x",
    "O XLEN x",
    "S HGETALL h",
    "O HGETALL h",
    "S HGET h f",
    "O HGET h f",
    "S HLEN h",
    "S HTTL h FIELDS 2 f g",
    "S KEYS *",
    "O KEYS *",
    "S SCAN 0 COUNT 100",
    "O SCAN 0 COUNT 100",
    "S DUMP s",
    "O DUMP s",
    "S STRLEN stays",
    "O STRLEN stays",
    "O OBJECT FREQ l",
    "O TOUCH s",
    "S TOUCH s",
    // None of that deleted anything.
    "S DBSIZE",
    // What the source writes goes to what is there.
    "S SET s w NX",
    "S APPEND s x",
    "S GET s",
    "O GET s",
    "S INCR n",
    "S TTL n",
    "S RPUSH l c",
    "S LRANGE l 0 -1",
    "S HSET h f 7",
    "S HGETALL h",
    "S HTTL h FIELDS 1 f",
    "S RENAME stays moved",
    "S GET moved",
    "O GET moved",
    "S PERSIST moved",
    "O GET moved",
    "S COPY z z2",
    "S ZSCORE z2 a",
    "O ZSCORE z2 a",
    "S EXPIRE t -1",
    "S EXISTS t",
    "O EXISTS t",
    "S DEL z2",
    // What another one writes takes its place.
    "O APPEND s new",
    "S GET s",
    "S TTL s",
    "O INCR n",
    "S GET n",
    "O SADD m c",
    "S SMEMBERS m",
    "O SETNX t w",
    "S GET t",
    "O HSETNX over g 1",
    "S HGETALL over",
    "S TTL over",
    "O LPUSHX l d",
    "O ZADD z XX 2 a",
    "S EXISTS z",
    "O SET v v",
    "O EXPIRE v -1",
    "O EXISTS v",
    "S EXISTS v",
    "O HSET hv a 1 b 2",
    "O HPEXPIREAT hv 1 FIELDS 1 a",
    "O HMGET hv a b",
    "S HMGET hv a b",
    "O HMGET hv a b",
    "O HTTL hv FIELDS 1 a",
    // Watched keys.
    "S SET w v PXAT 1",
    "S WATCH w",
    "S MULTI",
    "S GET w",
    "S EXEC",
    "O WATCH w",
    "O MULTI",
    "O PING",
    "O EXEC",
    // Who is one, and may be.
    "S CLIENT IMPORT-SOURCE",
    "S CLIENT IMPORT-SOURCE foo",
    "S CLIENT IMPORT-SOURCE ON x",
    "S CLIENT IMPORT-SOURCE OFF",
    "S EXISTS w",
    "S CLIENT IMPORT-SOURCE on",
    "S EXISTS w",
    "S RESET",
    "S CLIENT IMPORT-SOURCE ON",
    "O CONFIG SET import-mode foo",
    "O CONFIG GET import-mode",
    "O CONFIG SET import-mode no",
    "S GET w",
    "O CLIENT IMPORT-SOURCE ON",
    "O CLIENT IMPORT-SOURCE foo",
    "O CLIENT IMPORT-SOURCE OFF",
];

fn run(clients: &mut [Client; 2], line: &str) -> Reply {
    let [source, other] = clients;
    match line.split_at(2) {
        ("S ", line) => call(source, line),
        ("O ", line) => call(other, line),
        _ => panic!("{line}"),
    }
}

/// A reply in which the order of keys and fields is one.
fn ordered(line: &str, reply: Reply) -> Reply {
    match &line[2..] {
        it if it.starts_with("SCAN") => reply.elements()[1].clone().sorted(),
        it if it.starts_with("KEYS") || it.starts_with("SMEMBERS") => reply.sorted(),
        // The checksum and the version are those of the server.
        it if it.starts_with("DUMP") => Reply::Int(i64::from(reply.bytes().is_some())),
        _ => reply,
    }
}

#[test]
fn sources_see_and_others_do_what_they_do_with_valkey() {
    for peer in [Peer::Valkey81, Peer::Valkey91] {
        let Some(real) = peer.start(&[]) else { continue };
        let has_fields = peer == Peer::Valkey91;
        let ours = Redwire::start(&[]);
        let (mut there, mut here) = (clients(&real), clients(&ours));
        // Commands of fields that expire came with 9.0.
        let wanted = |line: &&&str| {
            let of_fields =
                ["HPEXPIREAT", "HEXPIRE", "HTTL", " h", " EXISTS s n", "DBSIZE", "KEYS", "SCAN"];
            has_fields || !of_fields.iter().any(|it| line.contains(it))
        };
        for line in DATA.iter().filter(wanted) {
            let (expected, got) = (call(&mut there[0], line), call(&mut here[0], line));
            assert_eq!(got, expected, "{}: {line}", peer.name());
        }
        let mut differing = Vec::new();
        for line in LINES.iter().filter(wanted) {
            let (expected, got) = (run(&mut there, line), run(&mut here, line));
            if ordered(line, got.clone()) != ordered(line, expected.clone()) {
                differing.push(format!("{line}\n  real: {expected:?}\n  ours: {got:?}"));
            }
        }
        assert!(differing.is_empty(), "{}:\n{}", peer.name(), differing.join("\n"));
    }
}

#[test]
fn what_is_over_goes_when_the_import_ends() {
    let ours = Redwire::start(&["--import-mode", "yes"]);
    let mut client = ours.client();
    client.ok(&["SET", "k", "v", "PXAT", "1"]);
    client.ok(&["CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "allkeys-lru"]);
    assert!(client.call(&["SET", "other", "v"]).text().starts_with("OOM"), "nothing is evicted");
    client.ok(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(client.ok(&["DBSIZE"]).int(), Some(1));
    let line = client.ok(&["CLIENT", "INFO"]).text();
    assert!(line.contains(" flags=N "), "{line}");
    client.ok(&["CLIENT", "IMPORT-SOURCE", "ON"]);
    let line = client.ok(&["CLIENT", "INFO"]).text();
    assert!(line.contains(" flags=I "), "{line}");
    client.ok(&["RESET"]);
    let line = client.ok(&["CLIENT", "INFO"]).text();
    assert!(line.contains(" flags=N "), "{line}");
    client.ok(&["CONFIG", "SET", "import-mode", "no"]);
    wait_until("the key is gone", SOON, || client.ok(&["DBSIZE"]).int() == Some(0));
}

/// Replicas end with what their primary has, whoever wrote it.
#[test]
fn replicas_follow_an_import() {
    let Some(replica) = Peer::Valkey91.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    replica.follow(&ours);
    let mut clients = clients(&ours);
    for line in DATA {
        assert!(!call(&mut clients[0], line).is_error(), "{line}");
    }
    for line in LINES.iter().take_while(|line| !line.contains("IMPORT-SOURCE")) {
        run(&mut clients, line);
    }
    let [source, _] = &mut clients;
    let mut there = replica.client();
    let offset = |client: &mut Client, field| client.info(field).expect("a field");
    let sent = offset(source, "master_repl_offset");
    wait_until("the replica has it", SOON, || offset(&mut there, "slave_repl_offset") >= sent);
    let wanted = source.ok(&["DBSIZE"]);
    assert_eq!(there.ok(&["DBSIZE"]), wanted);
    // Nor do they differ in what is left when all that is over is gone.
    source.ok(&["CONFIG", "SET", "import-mode", "no"]);
    wait_until("what is over is gone", SOON, || {
        let [a, b] = [&mut *source, &mut there].map(|client| client.ok(&["KEYS", "*"]).sorted());
        let sizes = [&mut *source, &mut there].map(|client| client.ok(&["DBSIZE"]).int());
        a == b && sizes[0] == sizes[1] && sizes[0] == Some(a.elements().len() as i64)
    });
    redwire_testkit::assert_same_data(&ours, &replica);
}
