//! What only Valkey has of commands about the server and its clients: `COMMANDLOG`, `CLIENT CAPA`,
//! `BGSAVE CANCEL`; and what is told of commands that came after 7.0.

use std::time::Duration;

use redwire_testkit::{Client, Peer, Redwire, Reply, Server, wait_until};

const SOON: Duration = Duration::from_secs(20);

fn call(client: &mut Client, line: &str) -> Reply {
    let words: Vec<&str> = line.split(' ').collect();
    client.call(&words)
}

/// The lines are answered alike.
fn same(real: &mut Client, ours: &mut Client, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert_eq!(call(ours, line), call(real, line), "{line}");
    }
}

/// Entries of a log: what each was, in bytes, and its command.
fn logged(client: &mut Client, what: &str) -> Vec<(i64, Vec<String>)> {
    let entries = client.ok(&["COMMANDLOG", "GET", "-1", what]);
    let of = |entry: &Reply| {
        let [_, _, value, args, ..] = entry.elements() else { panic!("{entry:?}") };
        let args = args.elements().iter().map(Reply::text).collect();
        (value.int().unwrap_or_default(), args)
    };
    entries.elements().iter().map(of).collect()
}

/// BIG is 3000 bytes.
const LOGGED: &str = "
    COMMANDLOG HELP
    COMMANDLOG
    COMMANDLOG GET
    COMMANDLOG GET 1
    COMMANDLOG GET x slow
    COMMANDLOG GET -2 slow
    COMMANDLOG GET 1 foo
    COMMANDLOG GET x foo
    COMMANDLOG GET 1 slow x
    COMMANDLOG LEN
    COMMANDLOG LEN foo
    COMMANDLOG LEN SLOW
    COMMANDLOG RESET
    COMMANDLOG RESET foo
    COMMANDLOG foo
    CONFIG GET commandlog-request-larger-than
    CONFIG GET commandlog-execution-slower-than
    CONFIG SET commandlog-request-larger-than -2
    CONFIG SET commandlog-reply-larger-than -1 commandlog-request-larger-than 1000
    SET a BIG
    PING
    SET a BIG
    GET a
    STRLEN a
    LPUSH BIG BIG
    CONFIG SET commandlog-reply-larger-than 1000 commandlog-request-larger-than -1
    SET a BIG
    GET a
    GET b
    MGET a b a
    CONFIG SET commandlog-reply-larger-than -1
    COMMANDLOG LEN large-request
    COMMANDLOG LEN large-reply
";

#[test]
fn commands_are_logged_as_by_valkey() {
    let Some(real) = Peer::Valkey91.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    let big = "x".repeat(3000);
    for protocol in ["2", "3"] {
        for client in [&mut real, &mut ours] {
            client.ok(&["HELLO", protocol]);
        }
        same(&mut real, &mut ours, &LOGGED.replace("BIG", &big));
        for what in ["large-request", "large-reply"] {
            assert_eq!(logged(&mut ours, what), logged(&mut real, what), "{what}");
            same(&mut real, &mut ours, &format!("COMMANDLOG RESET {what}\nCOMMANDLOG LEN {what}"));
        }
    }
    // The log that had another name.
    let lines = "
        CONFIG SET commandlog-execution-slower-than 0
        PING
        CONFIG SET slowlog-log-slower-than -1
        SLOWLOG LEN
        COMMANDLOG LEN slow
        CONFIG GET slowlog-max-len
        CONFIG GET commandlog-slow-execution-max-len
        COMMANDLOG RESET slow
        SLOWLOG LEN
    ";
    same(&mut real, &mut ours, lines);
}

/// Requests that come together and are run in one go are logged like any other; so are those of a
/// transaction, each for itself, and one that has waited.
#[test]
fn no_command_is_missed() {
    let ours = Redwire::start(&[]);
    let mut client = ours.client();
    client.ok(&["CONFIG", "SET", "commandlog-request-larger-than", "2000"]);
    client.ok(&["CONFIG", "SET", "commandlog-reply-larger-than", "2000"]);
    let (big, small) = ("x".repeat(3000), "y".repeat(100));
    let set =
        |key: &str, value: &str| ["SET", key, value].map(|it| it.as_bytes().to_vec()).to_vec();
    let get = |key: &str| ["GET", key].map(|it| it.as_bytes().to_vec()).to_vec();
    let (mut sets, mut gets) = (Vec::new(), Vec::new());
    for at in 0..40 {
        sets.push(set(&format!("k{at}"), if at % 7 == 3 { &big } else { &small }));
        gets.push(get(&format!("k{at}")));
    }
    client.pipeline(&sets);
    client.pipeline(&gets);
    let expected: Vec<String> =
        (0..40).rev().filter(|at| at % 7 == 3).map(|at| format!("k{at}")).collect();
    for (what, bytes) in [("large-request", 3000..3100), ("large-reply", 3009..3010)] {
        let entries = logged(&mut client, what);
        assert!(entries.iter().all(|(value, _)| bytes.contains(value)), "{what} {entries:?}");
        let keys: Vec<String> = entries.into_iter().map(|(_, args)| args[1].clone()).collect();
        assert_eq!(keys, expected, "{what}");
        client.ok(&["COMMANDLOG", "RESET", what]);
    }
    let transaction = [vec![b"MULTI".to_vec()], set("k", &big), get("k"), vec![b"EXEC".to_vec()]];
    client.pipeline(&transaction);
    let (mut waits, head) = (ours.client(), "*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n");
    waits.send(head.as_bytes());
    wait_until("a client waits", SOON, || client.info("blocked_clients").as_deref() == Some("1"));
    client.ok(&["RPUSH", "l", &big]);
    waits.read();
    let names = |client: &mut Client, what: &str| {
        let names = logged(client, what).into_iter().map(|(_, args)| args[0].clone());
        // Waiting took an INFO, which has much to say.
        names.filter(|name| name != "INFO").collect::<Vec<_>>()
    };
    assert_eq!(names(&mut client, "large-request"), ["RPUSH", "SET"]);
    assert_eq!(names(&mut client, "large-reply"), ["BLPOP", "GET"]);
}

/// What a client sends to a replica, before and after it says that it can be sent on.
const ASKED: &str = "
    CLIENT CAPA
    GET a
    CLIENT CAPA nothing
    GET a
    CLIENT CAPA foo REDIRECT
    GET a
    SET a b
    PING
    PUBLISH a b
    SCAN 0 COUNT 1
    DBSIZE
    OBJECT ENCODING a
    READONLY
    GET a
    SET a b
    MULTI
    GET a
    SET a b
    EXEC
    MULTI
    GET a
    EXEC
    READWRITE
    MULTI
    GET a
    EXEC
    READONLY
    RESET
    GET a
    CLIENT KILL CAPA r SKIPME yes
    CLIENT KILL CAPA x
    CLIENT LIST NOT-CAPA r TYPE normal
    CLIENT LIST CAPA
";

/// A replica sends clients that can be sent to its primary.
#[test]
fn clients_are_sent_to_the_primary() {
    let primary = Redwire::start(&[]);
    let ours = Redwire::start(&[]);
    let real = Peer::Valkey91.start(&[]);
    let servers: Vec<&Server> = real.iter().chain([&ours]).collect();
    let mut replies = Vec::new();
    for server in &servers {
        server.follow(&primary);
        let mut client = server.client();
        let lines = ASKED.lines().map(str::trim).filter(|line| !line.is_empty());
        replies.push(lines.map(|line| (line, call(&mut client, line))).collect::<Vec<_>>());
        assert!(client.ok(&["CLIENT", "INFO"]).text().contains("capa=r"));
        client.ok(&["REPLICAOF", "NO", "ONE"]);
        assert!(!client.call(&["GET", "a"]).is_error());
    }
    let sent = Reply::Error(format!("REDIRECT 127.0.0.1:{}", primary.port()).into());
    assert!(replies.iter().all(|it| it.contains(&("GET a", sent.clone()))));
    if let [real, ours] = &replies[..] {
        for (real, ours) in real.iter().zip(ours) {
            assert_eq!(ours, real);
        }
    }
    // Without that capability there is no cluster to read in.
    assert!(ours.client().call(&["READONLY"]).is_error());
    // Who waits when a primary becomes a replica is sent on as well.
    for server in servers {
        let mut waits = server.client();
        waits.ok(&["CLIENT", "CAPA", "redirect"]);
        waits.send(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n");
        let mut client = server.client();
        wait_until("a client waits", SOON, || {
            client.info("blocked_clients").as_deref() == Some("1")
        });
        client.ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
        assert_eq!(waits.read(), sent);
    }
}

#[test]
fn a_save_is_cancelled() {
    let ours = Redwire::start(&["--save", "", "--enable-debug-command", "yes"]);
    let mut client = ours.client();
    let cancel = ["BGSAVE", "CANCEL"];
    assert_eq!(
        client.call(&cancel),
        Reply::Error(b"ERR Background saving is currently not in progress or scheduled".to_vec())
    );
    assert!(client.call(&["BGSAVE", "CANCEL", "x"]).is_error());
    client.ok(&["DEBUG", "POPULATE", "300000"]);
    // Within a transaction no turn of the loop comes between.
    let lines = ["MULTI", "BGSAVE", "BGSAVE CANCEL", "EXEC"];
    let replies: Vec<Reply> = lines.iter().map(|line| call(&mut client, line)).collect();
    assert_eq!(replies[3].elements()[1].text(), "Scheduled background saving cancelled");
    let together = [vec![b"BGSAVE".to_vec()], cancel.map(|it| it.as_bytes().to_vec()).to_vec()];
    let replies = client.pipeline(&together);
    assert_eq!(replies[1].text(), "Background saving cancelled");
    assert_eq!(client.info("rdb_bgsave_in_progress").as_deref(), Some("0"));
    assert_eq!(client.info("rdb_last_bgsave_status").as_deref(), Some("ok"));
    assert!(!ours.rdb().exists());
    client.ok(&["BGSAVE"]);
    wait_until("BGSAVE", SOON, || client.info("rdb_saves").as_deref() == Some("1"));
    assert!(ours.rdb().exists());
    let left = std::fs::read_dir(ours.dir()).map(Iterator::count);
    assert!(left.is_ok_and(|count| count <= 3), "a file of the cancelled save is left");
}

/// Commands of later versions are described as by the servers that had them first.
#[test]
fn later_commands_are_described() {
    let ours = Redwire::start(&[]);
    let of_redis = [
        "xcfgset",
        "xidmprecord",
        "trimslots",
        "cluster|migration",
        "cluster|syncslots",
        "hotkeys",
        "hotkeys|get",
        "hotkeys|help",
        "hotkeys|reset",
        "hotkeys|start",
        "hotkeys|stop",
    ];
    let of_valkey = [
        "commandlog",
        "commandlog|get",
        "commandlog|len",
        "commandlog|reset",
        "commandlog|help",
        "client|capa",
        "client|import-source",
        "clusterscan",
        "cluster|myshardid",
        "cluster|slot-stats",
        "cluster|flushslot",
        "cluster|getslotmigrations",
        "cluster|migrateslots",
        "cluster|cancelslotmigrations",
        "script|show",
    ];
    for (peer, names) in [(Peer::Redis86, &of_redis[..]), (Peer::Valkey91, &of_valkey[..])] {
        let Some(real) = peer.start(&[]) else { continue };
        let (mut real, mut ours) = (real.client(), ours.client());
        for name in names {
            let [expected, got] = [&mut real, &mut ours].map(|client| {
                let info = client.ok(&["COMMAND", "INFO", name]);
                // The last part is the subcommands, in the order of a hash table.
                let parts: Vec<Reply> = info.elements()[0].elements()[..9].to_vec();
                let docs = client.ok(&["COMMAND", "DOCS", name]);
                let docs = docs.elements().get(1).cloned().unwrap_or(Reply::Null);
                let since = docs.elements().chunks(2).find(|pair| pair[0].text() == "since");
                (parts, since.map(|pair| pair[1].text()))
            });
            assert_eq!(got, expected, "{name}");
        }
    }
}
