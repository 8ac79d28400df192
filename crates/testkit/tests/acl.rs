//! Users and their rights: real servers and redwire are asked the same, line by line, and answer the
//! same; replicas log in at masters that bound them.

use std::fs;
use std::time::Duration;

use redwire_testkit::{
    Client, Peer, Redwire, Reply, Server, assert_same_data, wait_caught_up, wait_until,
};

const SOON: Duration = Duration::from_secs(20);

/// What is shown of a reply, whole.
fn shown(reply: &Reply) -> String {
    let list = |replies: &[Reply]| replies.iter().map(shown).collect::<Vec<_>>().join(", ");
    match reply {
        Reply::Bulk(bytes) => {
            // Redis 7.2 and later always say that they sanitize payloads, 7.0 and Valkey where a
            // rule did.
            let text = String::from_utf8_lossy(bytes).replace(" sanitize-payload", "");
            format!("'{text}'")
        }
        Reply::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
        Reply::Array(replies) => format!("[{}]", list(replies)),
        Reply::Set(replies) => format!("~[{}]", list(replies)),
        Reply::Map(pairs) => {
            let pairs =
                pairs.iter().map(|(key, value)| format!("{}: {}", shown(key), shown(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
    .replace(", 'sanitize-payload'", "")
}

/// Runs a scene at a server: lines of a connection's letter, `3` for RESP3 or a blank, and words
/// parted by blanks (`_` stands for a blank in a word). Answers the replies as they are shown,
/// `closed` where the connection is.
fn play(server: &Server, scene: &str) -> Vec<String> {
    let mut clients: Vec<(char, Client)> = Vec::new();
    let mut replies = Vec::new();
    for line in scene.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, words) = line.split_once(' ').expect("a connection and words");
        let name = name.chars().next().expect("a letter");
        let words: Vec<String> = words.split(' ').map(|word| word.replace('_', " ")).collect();
        if words[0] == "new" {
            clients.retain(|(known, _)| *known != name);
            continue;
        }
        if !clients.iter().any(|(known, _)| *known == name) {
            clients.push((name, server.client()));
        }
        let (_, client) = clients.iter_mut().find(|(known, _)| *known == name).expect("is there");
        let reply = client.try_call(&words);
        replies.push(format!(
            "{line} -> {}",
            reply.map_or_else(|_| "closed".to_owned(), |reply| shown(&reply))
        ));
    }
    replies
}

/// The scene goes the same at all peers and at redwire.
fn same(peers: &[Peer], args: &[&str], scene: &str) {
    let ours = play(&Redwire::start(args), scene);
    for peer in peers {
        let Some(real) = peer.start(args) else { continue };
        for (ours, theirs) in ours.iter().zip(play(&real, scene)) {
            // What HELLO tells of is the version.
            if !ours.contains("HELLO") || ours.contains("ERR") {
                assert_eq!(*ours, theirs, "at {}", peer.name());
            }
        }
    }
}

/// Texts of denials are those of 7.0, which later versions have worded anew.
const DENIALS: &[Peer] = &[Peer::Redis70];
/// The rules of a user are told as 7.2 and later do it: as they were given.
const RULES: &[Peer] = &[Peer::Redis80];

#[test]
fn wrong_rules_are_told_as_by_redis() {
    let rules = [
        "+nosuch",
        "-nosuch",
        "+@nosuch",
        "+config|nosuch",
        "+config|get|x",
        "-select|0",
        "+select|",
        "+select|0|1",
        "%X~foo",
        "%~foo",
        "~",
        "foo",
        "(foo)",
        "(+get",
        "(+get ~a b)",
        "(+get (~a))",
        "(>pw)",
        "(on)",
        "(+nosuch)",
        "<pw",
        "!00",
        "#00",
        "~a_b",
        "&a_b",
        "~* ~x",
        "~* %R~x",
        "&* &x",
        "allkeys ~*",
        "+get|x +get",
        "-get|x",
        "+|x",
        "+",
        "-",
        "+@",
        "+@all|x",
        "!0000000000000000000000000000000000000000000000000000000000000000",
        "#30C952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4",
    ];
    let lines: Vec<String> = rules
        .iter()
        .flat_map(|rules| [format!("A ACL SETUSER u {rules}"), "A ACL GETUSER u".to_owned()])
        .collect();
    same(RULES, &[], &lines.join("\n"));
    let lines: Vec<String> =
        rules.iter().map(|rules| format!("A ACL SETUSER u reset {rules}")).collect();
    same(DENIALS, &[], &lines.join("\n"));
}

#[test]
fn users_are_shown_as_by_redis() {
    let scene = "
        A ACL SETUSER u
        A ACL GETUSER u
        A ACL SETUSER u +get -get +@read
        A ACL GETUSER u
        A ACL SETUSER u +config|get +config -config|set -CONFIG|GET
        A ACL GETUSER u
        A ACL SETUSER u -config +GET|foo +get|BAR +get|foo
        A ACL GETUSER u
        A ACL SETUSER u on nopass %R~foo %W~foo %RW~x* %rW~bar &x &x (+get ~*) (~a +@all -@write)
        A ACL GETUSER u
        A ACL LIST
        A HELLO 3
        A ACL GETUSER u
        A ACL GETUSER nosuch
        A HELLO 2
        A ACL GETUSER nosuch
        A ACL SETUSER u >a >a <a >b #ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb
        A ACL GETUSER u
        A ACL SETUSER u nopass
        A ACL GETUSER u
        A ACL SETUSER u RESETCHANNELS ALLCOMMANDS -Get -CONFIG|SET clearselectors
        A ACL LIST
        A ACL SETUSER u reset
        A ACL LIST
        A ACL SETUSER v allcommands allkeys allchannels
        A ACL SETUSER v (allkeys allcommands -@admin +acl|whoami)
        A ACL LIST
        A ACL USERS
        A ACL DELUSER u nosuch v
        A ACL USERS
        A ACL DELUSER default
        A ACL SETUSER a_b on
        A ACL CAT
        A ACL CAT nosuch
        A ACL CAT a b
        A ACL GENPASS 0
        A ACL GENPASS 4097
        A ACL GENPASS x
        A ACL LOG x
        A ACL LOG -1
        A ACL LOG RESET
        A ACL LOG
        A ACL
        A ACL NOSUCH
        A ACL SETUSER
        A ACL GETUSER a b
        A ACL WHOAMI x
        A ACL DRYRUN u
        A ACL SAVE
        A ACL LOAD
        A ACL WHOAMI
        A CONFIG SET aclfile x
        A CONFIG SET user x
        A CONFIG GET user
        A CONFIG GET aclfile
        A CONFIG GET acllog-max-len
        A CONFIG GET acl-pubsub-default
        A CONFIG SET acl-pubsub-default allchannels
        A ACL SETUSER w
        A ACL LIST
    ";
    same(RULES, &[], scene);
}

#[test]
fn categories_have_the_commands_that_redis_has_in_them() {
    let Some(real) = Peer::Redis80.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    let names = |client: &mut Client, command: &[&str]| -> Vec<String> {
        let Reply::Array(names) = client.ok(command) else { panic!("an array") };
        names.iter().map(Reply::text).collect()
    };
    let known = names(&mut real, &["COMMAND", "LIST"]);
    let has = names(&mut ours, &["COMMAND", "LIST"]);
    let (mut checked, mut different) = (0, Vec::new());
    for category in names(&mut ours, &["ACL", "CAT"]) {
        let theirs = names(&mut real, &["ACL", "CAT", &category]);
        let here = names(&mut ours, &["ACL", "CAT", &category]);
        for name in has.iter().filter(|name| known.contains(name)) {
            // Newer than 7.0, whose flags are ours.
            if !["wait", "waitaof"].contains(&name.as_str()) {
                checked += 1;
                if here.contains(name) != theirs.contains(name) {
                    different.push(format!("{name} @{category}"));
                }
            }
        }
    }
    assert!(different.is_empty(), "{different:?}");
    assert!(checked > 1000);
}

#[test]
fn what_is_not_allowed_is_refused_as_by_redis() {
    let scene = "
        A ACL SETUSER u on >pw ~k* %R~r* %W~w* +@all -config|set -debug -select +select|0 &c*
        B AUTH u bad
        B AUTH u pw
        B ACL WHOAMI
        B GET x
        B GET k
        B GET w
        B SET r 1
        B SET w 1
        B SET w 1 GET
        B STRLEN w
        B STRLEN x
        B EXISTS w x
        B APPEND w 1
        B INCR w
        B INCR k
        B DEL r
        B RENAME k1 w1
        B RENAME k1 r1
        B COPY r w
        B COPY w r
        B LMOVE r k LEFT LEFT
        B ZUNIONSTORE k 2 r w
        B ZUNIONSTORE w 1 r
        B BITOP NOT w r
        B PFMERGE k w
        B BITFIELD r GET u8 0
        B BITFIELD r SET u8 0 1
        B XREAD STREAMS r w 0 0
        B XREADGROUP GROUP g c STREAMS r >
        B XADD w 1-1 a b
        B XGROUP CREATE r g 0 MKSTREAM
        B XGROUP CREATE w g 0 MKSTREAM
        B XINFO STREAM w
        B OBJECT ENCODING w
        B BLPOP w 0
        B MGET k r w
        B SORT k BY w*
        B SORT k GET w*
        B SORT k BY nosort GET #
        B SORT k BY nosort
        B SORT k STORE r
        B SORT k STORE w
        B SORT_RO k GET #
        B CONFIG SET a b
        B CONFIG GET maxclients
        B CONFIG NOSUCH
        B CONFIG
        B DEBUG JMAP
        B SELECT 0
        B SELECT 1
        B NOSUCH
        B GET
        B PUBLISH d x
        B PUBLISH c x
        B SUBSCRIBE c d
        B PSUBSCRIBE c1*
        B WATCH x
        B MULTI
        B GET x
        B EXEC
        B MULTI
        B GET k
        B PING
        A ACL SETUSER u -get
        B EXEC
        B MULTI
        B SET k 1
        A ACL SETUSER u resetkeys
        B EXEC
        B MULTI
        B PUBLISH c 1
        A ACL SETUSER u resetchannels
        B EXEC
        A ACL SETUSER u off
        B PING
        B AUTH u pw
        B HELLO 3 AUTH u pw
        B RESET
        B ACL WHOAMI
        B GET x
        B AUTH pw
        B AUTH default any
        B ACL WHOAMI
    ";
    same(DENIALS, &[], scene);
}

#[test]
fn dry_runs_answer_as_by_redis() {
    let requests = [
        "get x",
        "get k1",
        "set r1 v",
        "get r1",
        "set w1 v",
        "set w1 v get",
        "config set",
        "config set a b",
        "config get a",
        "config nosuch a",
        "nosuch a",
        "config",
        "select 0",
        "select 1",
        "subscribe c1 c2 d",
        "psubscribe c*",
        "psubscribe c1*",
        "publish x m",
        "get",
        "mget k1 x",
        "strlen w1",
        "strlen x",
        "zunionstore k1 2 r1 w1",
        "zunionstore k1 9 r1 w1",
        "bitfield r1 get u8 0",
        "bitfield r1 set u8 0 1",
        "sort r1 by x*",
        "sort r1 store r2",
        "auth x",
        "acl whoami",
        "acl setuser",
        "xgroup create r s 0",
        "object freq x",
        "quit",
    ];
    let user = "A ACL SETUSER d on ~k* %R~r* %W~w* +@all -config|set -select +select|0 &c*";
    let lines = requests.map(|request| format!("A ACL DRYRUN d {request}"));
    let more = "A ACL DRYRUN nosuch get x\nA ACL DRYRUN default config set a b";
    same(DENIALS, &[], &format!("{user}\n{}\n{more}", lines.join("\n")));
}

#[test]
fn connections_follow_their_users() {
    let scene = "
        A ACL SETUSER u on >pw ~* +@all &c*
        B AUTH u pw
        B PING
        A ACL DELUSER u
        B PING
        B new
        A ACL SETUSER u on >pw ~* +@all &c*
        B AUTH u pw
        B ACL DELUSER u
        B PING
        B new
        A ACL SETUSER u on >pw ~* +@all &c*
        B AUTH u pw
        B SUBSCRIBE c1
        C AUTH u pw
        C PSUBSCRIBE c*
        A ACL SETUSER u resetchannels &c1
        C PING
        B PING
        B new
        C new
        B AUTH u pw
        A CLIENT KILL USER nosuch
        A CLIENT KILL USER u
        B PING
        A CONFIG SET requirepass foo
        A ACL LIST
        A PING
        D PING
        D AUTH bar
        D AUTH foo
        A ACL SETUSER default >bar
        A CONFIG GET requirepass
        E AUTH bar
        A CONFIG SET requirepass zap
        F AUTH foo
        F AUTH default zap
        F RESET
        F PING
        A ACL LIST
        G PING
        A ACL SETUSER default nopass
        G PING
        G AUTH x
        A CONFIG SET requirepass _
        A ACL SETUSER default off
        H PING
        H AUTH default _
        A ACL SETUSER default on -get
        H GET x
    ";
    same(DENIALS, &[], scene);
}

/// The fields of an entry of `ACL LOG` that do not differ by connection and time.
fn entries(client: &mut Client) -> Vec<String> {
    let Reply::Array(entries) = client.ok(&["ACL", "LOG", "100"]) else { panic!("an array") };
    let entry = |entry: &Reply| {
        let Reply::Array(fields) = entry else { panic!("fields") };
        let info = fields[13].text();
        let has = |word: &&str| info.split(' ').any(|it| it == *word);
        let parts: Vec<&str> =
            ["user=u", "user=default", "cmd=get", "cmd=exec", "cmd=auth", "cmd=hello", "flags=x"]
                .into_iter()
                .filter(has)
                .collect();
        format!("{:?} {parts:?}", &fields[..10])
    };
    entries.iter().map(entry).collect()
}

#[test]
fn denials_are_logged_as_by_redis() {
    let scene = "
        A ACL SETUSER u on >pw ~k* +@all -config|set -debug &c*
        B AUTH u bad
        B AUTH u pw
        B GET x
        B GET x
        B MGET k x
        B GET y
        B GET x
        B CONFIG SET a b
        B SUBSCRIBE c d
        B MULTI
        B GET x
        B DISCARD
        B MULTI
        B GET k
        A ACL SETUSER u -get
        B EXEC
        B HELLO 3 AUTH u bad
        B HELLO 2 AUTH nosuch bad
    ";
    let ours = Redwire::start(&[]);
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    assert_eq!(play(&ours, scene), play(&real, scene));
    let logs = [&ours, &real].map(|server| entries(&mut server.client()));
    assert_eq!(logs[0], logs[1]);
    for server in [&ours, &real] {
        let mut client = server.client();
        client.ok(&["CONFIG", "SET", "acllog-max-len", "2"]);
        client.call(&["AUTH", "nobody", "x"]);
        assert_eq!(entries(&mut client).len(), 2, "{server:?}");
        client.ok(&["ACL", "LOG", "RESET"]);
        assert!(entries(&mut client).is_empty());
    }
}

#[test]
fn passwords_are_not_shown_in_the_slow_log() {
    let server = Redwire::start(&["--slowlog-log-slower-than", "0"]);
    let mut client = server.client();
    client.ok(&["ACL", "SETUSER", "u", ">secret"]);
    client.call(&["AUTH", "u", "secret"]);
    let log = format!("{:?}", client.ok(&["SLOWLOG", "GET"]));
    assert!(log.contains("(redacted)") && !log.contains("secret"), "{log}");
}

/// A file of users: read at start, written back, read again.
#[test]
fn users_outlive_a_restart() {
    let users = "user default on >boss ~* &* +@all\nuser u on >pw %R~k* +get (+set ~s)\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("users.acl");
    fs::write(&file, users).unwrap();
    let file = file.to_str().unwrap();
    let mut server = Redwire::start(&["--aclfile", file, "--save", ""]);
    let mut boss = server.client();
    assert!(boss.call(&["PING"]).is_error());
    boss.ok(&["AUTH", "boss"]);
    boss.ok(&["ACL", "SETUSER", "v", "on", "nopass"]);
    boss.ok(&["ACL", "SAVE"]);
    let listed = boss.ok(&["ACL", "LIST"]);
    boss.ok(&["ACL", "DELUSER", "v"]);
    boss.ok(&["ACL", "LOAD"]);
    assert_eq!(boss.ok(&["ACL", "LIST"]), listed);
    server.kill();
    server.restart().unwrap();
    let mut boss = server.client();
    boss.ok(&["AUTH", "boss"]);
    assert_eq!(boss.ok(&["ACL", "LIST"]), listed);
    // A file that is wrong changes nothing, and is told as by Redis.
    fs::write(file, "user a on\nfoo\nuser b +nosuch\nuser a off\nuser d (~a\n").unwrap();
    let error = boss.call(&["ACL", "LOAD"]);
    assert_eq!(boss.ok(&["ACL", "LIST"]), listed);
    let theirs = dir.path().join("theirs.acl");
    fs::write(&theirs, "").unwrap();
    let path = theirs.to_str().unwrap();
    let Some(real) = Peer::Redis70.start(&["--aclfile", path]) else { return };
    fs::copy(file, &theirs).unwrap();
    assert_eq!(error.text(), real.client().call(&["ACL", "LOAD"]).text().replace(path, file));
}

/// A master with a user for its replicas alone, and a replica that logs in as that user.
#[test]
fn replicas_log_in_as_users() {
    let rules = ["ACL", "SETUSER", "repl", "on", ">sync", "+psync", "+replconf", "+ping"];
    let login = ["--masteruser", "repl", "--masterauth", "sync"];
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let (ours, copy) = (Redwire::start(&[]), Redwire::start(&login));
    let Some(real_copy) = Peer::Redis70.start(&login) else { return };
    for (master, replica) in [(&real, &copy), (&ours, &real_copy)] {
        let mut client = master.client();
        client.ok(&rules);
        client.ok(&["SET", "k", "v"]);
        replica.client().ok(&["REPLICAOF", "127.0.0.1", &master.port_text()]);
        wait_until("the link", SOON, || {
            replica.client().info("master_link_status").as_deref() == Some("up")
        });
        wait_caught_up(master, replica);
        assert_same_data(master, replica);
        // Without the right to follow, the link does not come back.
        client.ok(&["ACL", "DELUSER", "repl"]);
        wait_until("the link to break", SOON, || {
            replica.client().info("master_link_status").as_deref() == Some("down")
        });
    }
}
