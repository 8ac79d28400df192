//! Clients as the server manages them: output limits, eviction, pauses, CLIENT and its fields.
//! Real servers and redwire go through the same steps, and come to the same.
#![expect(clippy::disallowed_methods, reason = "how long a server takes is real time")]

use std::collections::BTreeMap;
use std::time::Duration;

use redwire_testkit::{Client, Peer, Redwire, Reply, Server, request, wait_caught_up, wait_until};

const SOON: Duration = Duration::from_secs(20);

/// Runs `steps` at the real servers that are there, and at redwire.
fn everywhere(args: &[&str], steps: impl Fn(&Server)) {
    at_peers(&[Peer::Redis70, Peer::Redis80, Peer::Valkey91], args, steps);
}

fn at_peers(peers: &[Peer], args: &[&str], steps: impl Fn(&Server)) {
    for peer in peers {
        if let Some(real) = peer.start(args) {
            steps(&real);
        }
    }
    steps(&Redwire::start(args));
}

/// The replies of Redis 7.0 and of redwire to requests, one after the other on one connection.
fn same_replies(lines: &[&str]) {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let words: Vec<String> = words.iter().map(|word| word.replace('_', " ")).collect();
        assert_eq!(real.call(&words), ours.call(&words), "{line}");
    }
}

/// The fields of a client's line in CLIENT LIST; none when it is gone.
fn fields(client: &mut Client, id: i64) -> Option<BTreeMap<String, String>> {
    let line = client.ok(&["CLIENT", "LIST", "ID", &id.to_string()]).text();
    let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
    let fields: BTreeMap<_, _> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (!fields.is_empty()).then_some(fields)
}

fn number(client: &mut Client, id: i64, field: &str) -> u64 {
    let fields = fields(client, id).expect("the client is there");
    fields[field].parse().expect("a number")
}

fn id(client: &mut Client) -> i64 {
    client.ok(&["CLIENT", "ID"]).int().expect("an integer")
}

fn set(client: &mut Client, name: &str, value: &str) {
    client.ok(&["CONFIG", "SET", name, value]);
}

/// Has `reader` sent `count` values of 100 KB that it does not read.
fn leave_unread(writer: &mut Client, reader: &mut Client, count: usize) {
    writer.ok(&[&b"SET"[..], b"value", &[b'x'; 100_000]]);
    reader.send(&request(&["GET", "value"]).repeat(count));
}

#[test]
fn limits_are_set_and_shown_as_by_redis() {
    let get = "CONFIG GET client-output-buffer-limit";
    let mut lines = Vec::new();
    for value in [
        "normal_1mb_512kb_10",
        "slave_256mb_64mb_60",
        "replica_100_50_60_pubsub_1_2_3",
        "NORMAL_1kb_1k_010",
        "normal_1b_2B_+5",
        "normal_1mb_512kb_10_normal_3_2_1",
        "normal_1_2",
        "normal_1mb__0_0",
        "bogus_1_2_3",
        "master_1_2_3",
        "normal_-1_0_0",
        "normal_0_0_-1",
        "normal_0_0_5x",
        "normal_x_0_0",
        "normal_1.5mb_0_0",
        "normal_0_0_3000000000",
        "pubsub_1_2_3_bogus_1_2_3",
        "",
    ] {
        lines.push(format!("CONFIG SET client-output-buffer-limit {value}"));
        lines.push(get.to_owned());
    }
    for value in [
        "10%", "100%", "101%", "0%", "1g", "64mb", "0", "1", "-5", "-5%", "+8%", "08%", "5.5%",
        "%", "1t", "10_%",
    ] {
        lines.push(format!("CONFIG SET maxmemory-clients {value}"));
        lines.push("CONFIG GET maxmemory-clients".to_owned());
    }
    same_replies(&lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn commands_about_clients_answer_as_redis() {
    same_replies(&[
        "CLIENT PAUSE",
        "CLIENT PAUSE x",
        "CLIENT PAUSE -1",
        "CLIENT PAUSE 99999999999999999999",
        "CLIENT PAUSE 100 BOTH",
        "CLIENT PAUSE 100 WRITE x",
        "CLIENT UNPAUSE",
        "CLIENT UNPAUSE x",
        "CLIENT PAUSE 0",
        "CLIENT UNBLOCK",
        "CLIENT UNBLOCK x",
        "CLIENT UNBLOCK 99",
        "CLIENT UNBLOCK -1",
        "CLIENT UNBLOCK 99 TIMEOUT",
        "CLIENT UNBLOCK 99 error",
        "CLIENT UNBLOCK 99 NOW",
        "CLIENT UNBLOCK 99 ERROR x",
        "CLIENT KILL",
        "CLIENT KILL nowhere",
        "CLIENT KILL ID",
        "CLIENT KILL ID x",
        "CLIENT KILL ID 0",
        "CLIENT KILL ID 99",
        "CLIENT KILL TYPE x",
        "CLIENT KILL TYPE pubsub",
        "CLIENT KILL TYPE replica",
        "CLIENT KILL TYPE slave",
        "CLIENT KILL TYPE master",
        "CLIENT KILL ADDR 1.2.3.4:5",
        "CLIENT KILL LADDR 1.2.3.4:5",
        "CLIENT KILL USER nobody",
        "CLIENT KILL USER default ID 99",
        "CLIENT KILL SKIPME x",
        "CLIENT KILL ID 99 SKIPME no TYPE normal",
        "CLIENT NO-EVICT on",
        "CLIENT NO-EVICT off",
        "CLIENT NO-EVICT x",
        "CLIENT NO-EVICT",
        "CLIENT REPLY",
        "CLIENT REPLY x",
        "CLIENT REPLY on",
        "CLIENT LIST TYPE x",
        "CLIENT LIST TYPE pubsub",
        "CLIENT LIST ID x",
        "CLIENT LIST ID 99 98",
        "CLIENT LIST x",
        "CLIENT INFO x",
        "CLIENT GETREDIR",
        "CLIENT TRACKINGINFO",
        "CLIENT TRACKING off",
        "CLIENT TRACKING",
        "CLIENT TRACKING x",
        "CLIENT CACHING yes",
        "CONFIG SET maxclients 0",
        "CONFIG SET maxclients 5",
    ]);
}

/// The hard limit cuts as soon as it is reached, also one that was lowered while nothing is sent.
#[test]
fn hard_limits_cut() {
    everywhere(&[], |server| {
        let (mut operator, mut reader) = (server.client(), server.client());
        let reader_id = id(&mut reader);
        leave_unread(&mut operator, &mut reader, 200);
        wait_until("its replies to wait", SOON, || {
            number(&mut operator, reader_id, "omem") > 5_000_000
        });
        set(&mut operator, "client-output-buffer-limit", "normal 3mb 0 0");
        wait_until("the lowered limit to cut", SOON, || fields(&mut operator, reader_id).is_none());

        let mut reader = server.client();
        let reader_id = id(&mut reader);
        reader.send(&request(&["GET", "value"]).repeat(200));
        wait_until("the limit to cut", SOON, || fields(&mut operator, reader_id).is_none());
        assert!(server.log().contains("for overcoming of output buffer limits"), "{server:?}");
    });
}

/// The soft limit cuts by time alone, after its seconds and within the one that follows.
#[test]
fn soft_limits_cut_by_time() {
    everywhere(&["--client-output-buffer-limit", "normal 0 1mb 2"], |server| {
        let (mut operator, mut reader) = (server.client(), server.client());
        let reader_id = id(&mut reader);
        leave_unread(&mut operator, &mut reader, 200);
        wait_until("its replies to wait", SOON, || {
            fields(&mut operator, reader_id).is_some_and(|it| it["omem"].len() > 6)
        });
        let began = std::time::Instant::now();
        wait_until("the soft limit to cut", SOON, || fields(&mut operator, reader_id).is_none());
        // It is looked at once a second; the filling itself took a little.
        let held = began.elapsed();
        assert!((1.7..=5.0).contains(&held.as_secs_f64()), "{server:?}: {held:?}");
    });
}

/// MONITOR is judged as an ordinary client, not as the replica that its flag once was.
#[test]
fn classes_are_told_apart() {
    let limits = "normal 0 0 0 slave 1mb 0 0 pubsub 2mb 0 0";
    // Valkey counts next to nothing for a large message that waits for many.
    at_peers(
        &[Peer::Redis70, Peer::Redis80],
        &["--client-output-buffer-limit", limits],
        |server| {
            let (mut operator, mut monitor) = (server.client(), server.client());
            let monitor_id = id(&mut monitor);
            monitor.ok(&["MONITOR"]);
            let mut listener = server.client();
            let listener_id = id(&mut listener);
            listener.ok(&["SUBSCRIBE", "news"]);
            let message = vec![b'm'; 100_000];
            for _ in 0..200 {
                operator.ok(&[&b"PUBLISH"[..], b"news", &message]);
            }
            wait_until("the listener to be cut", SOON, || {
                fields(&mut operator, listener_id).is_none()
            });
            let held = number(&mut operator, monitor_id, "omem");
            assert!(held > 4_000_000, "{server:?}: the monitor holds {held}");
            set(&mut operator, "client-output-buffer-limit", "normal 2mb 0 0");
            wait_until("the monitor to be cut", SOON, || {
                fields(&mut operator, monitor_id).is_none()
            });
        },
    );
}

/// A client in the midst of a request of 1 MB.
fn half_sent(server: &Server, bytes: usize) -> (Client, i64) {
    let mut client = server.client();
    let id = id(&mut client);
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n");
    client.send(&vec![b'x'; bytes]);
    (client, id)
}

/// `maxmemory-clients` closes who has the most, and never who asked to be spared.
#[test]
fn the_largest_clients_are_evicted() {
    everywhere(&["--maxmemory", "1gb"], |server| {
        let mut operator = server.client();
        let mut spared = server.client();
        spared.ok(&["CLIENT", "NO-EVICT", "ON"]);
        let spared_id = id(&mut spared);
        spared.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\n");
        spared.send(&vec![b'x'; 990_000]);
        let clients: Vec<_> = (1..=4).map(|n| half_sent(server, n * 200_000)).collect();
        for (_, id) in &clients {
            wait_until("the requests to arrive", SOON, || {
                number(&mut operator, *id, "qbuf") >= 200_000
            });
        }
        // Redis sums it up anew once a second.
        wait_until("all to be counted", SOON, || mem_clients(&mut operator) > 2_900_000);
        // A percent of a gigabyte is more than all have; one kilobyte counts as 128.
        set(&mut operator, "maxmemory-clients", "1%");
        operator.ok(&["PING"]);
        assert!(fields(&mut operator, clients[3].1).is_some());
        set(&mut operator, "maxmemory-clients", "2500000");
        wait_until("the limit to be kept", SOON, || mem_clients(&mut operator) < 2_500_000);
        assert!(fields(&mut operator, spared_id).is_some(), "{server:?}: spared");
        assert_ne!(operator.info("evicted_clients").as_deref(), Some("0"), "{server:?}");
        assert!(server.log().contains("Evicting client: id="), "{server:?}");
        // The spared one alone is more than what is left: whoever else comes has to go.
        set(&mut operator, "maxmemory-clients", "1kb");
        wait_until("the operator to be evicted, too", SOON, || {
            operator.try_call(&["PING"]).is_err()
        });
    });
}

fn mem_clients(client: &mut Client) -> u64 {
    client.info("mem_clients_normal").and_then(|text| text.parse().ok()).expect("a number")
}

/// Writes wait for the end of a pause, reads do not; keys whose time is over are neither seen nor
/// deleted.
#[test]
fn a_pause_holds_up_writes() {
    everywhere(&[], |server| {
        let (mut operator, mut writer) = (server.client(), server.client());
        let writer_id = id(&mut writer);
        operator.ok(&["SET", "brief", "v", "PX", "1"]);
        operator.ok(&["CLIENT", "PAUSE", "100000", "WRITE"]);
        let expired = |client: &mut Client| client.info("expired_keys").expect("a field");
        let before = expired(&mut operator);
        assert_eq!(writer.ok(&["MULTI"]).text(), "OK");
        assert_eq!(writer.ok(&["GET", "k"]).text(), "QUEUED");
        writer.send(&request(&["SET", "k", "v"]));
        wait_until("the writer to be held up", SOON, || {
            fields(&mut operator, writer_id).expect("it is there")["flags"].contains('b')
        });
        assert_eq!(operator.info("blocked_clients").as_deref(), Some("1"), "{server:?}");
        assert_eq!(operator.ok(&["GET", "k"]), Reply::Nil);
        wait_until("the brief key to be out of sight", SOON, || {
            operator.ok(&["EXISTS", "brief"]) == Reply::Int(0)
        });
        if before == expired(&mut operator) {
            assert_eq!(operator.ok(&["DBSIZE"]), Reply::Int(1), "{server:?}: the brief key stays");
        }
        operator.ok(&["CLIENT", "UNPAUSE"]);
        assert_eq!(writer.read().text(), "QUEUED");
        assert_eq!(writer.ok(&["EXEC"]).elements().len(), 2);
        wait_until("the brief key to go", SOON, || operator.ok(&["DBSIZE"]) == Reply::Int(1));

        // A pause of all ends by itself; the shorter one that came behind it changes nothing.
        let began = std::time::Instant::now();
        operator.ok(&["CLIENT", "PAUSE", "400", "WRITE"]);
        operator.ok(&["CLIENT", "PAUSE", "10", "ALL"]);
        writer.ok(&["PING"]);
        let held = began.elapsed();
        assert!(held >= Duration::from_millis(390), "{server:?}: {held:?}");
    });
}

/// What pauses does not reach replicas, and what waited does, once and in order.
#[test]
fn a_replica_follows_through_a_pause() {
    let Some(replica) = Peer::Redis70.start(&[]) else { return };
    let redwire = Redwire::start(&[]);
    replica.follow(&redwire);
    let (mut operator, mut writer) = (redwire.client(), redwire.client());
    operator.ok(&["CLIENT", "PAUSE", "100000", "WRITE"]);
    let offset = operator.info("master_repl_offset");
    let pushes: Vec<u8> =
        (0..100).flat_map(|n: i32| request(&["RPUSH", "list", &n.to_string()])).collect();
    writer.send(&pushes);
    wait_until("the writer to be held up", SOON, || {
        operator.info("blocked_clients").as_deref() == Some("1")
    });
    assert_eq!(operator.info("master_repl_offset"), offset);
    operator.ok(&["CLIENT", "UNPAUSE"]);
    (0..100).for_each(|_| drop(writer.read()));
    wait_caught_up(&redwire, &replica);
    redwire_testkit::assert_same_data(&redwire, &replica);
    let all = replica.client().ok(&["LRANGE", "list", "0", "-1"]);
    assert_eq!(all.elements().len(), 100);
}

#[test]
fn a_wait_is_ended_by_unblock() {
    everywhere(&[], |server| {
        let mut operator = server.client();
        for (how, answer) in [
            (&[][..], Reply::Int(0)),
            (&["TIMEOUT"], Reply::Int(0)),
            (&["error"], Reply::Error(b"UNBLOCKED client unblocked via CLIENT UNBLOCK".to_vec())),
        ] {
            let mut waiter = server.client();
            let waiter_id = id(&mut waiter).to_string();
            waiter.send(&request(&["WAIT", "1", "0"]));
            wait_until("it to wait", SOON, || {
                operator.info("blocked_clients").as_deref() == Some("1")
            });
            let words = [&["CLIENT", "UNBLOCK", waiter_id.as_str()], how].concat();
            assert_eq!(operator.ok(&words), Reply::Int(1), "{server:?}");
            assert_eq!(waiter.read(), answer, "{server:?}");
            waiter.ok(&["PING"]);
            assert_eq!(operator.ok(&words), Reply::Int(0), "{server:?}");
        }
    });
}

/// Who goes while a pause or a WAIT holds it up is gone at once, and what it had asked for is not
/// done.
#[test]
fn who_goes_while_it_waits_is_gone() {
    everywhere(&[], |server| {
        let mut operator = server.client();
        operator.ok(&["CLIENT", "PAUSE", "100000", "WRITE"]);
        for words in [&["WAIT", "1", "0"][..], &["SET", "k", "v"]] {
            let mut waiter = server.client();
            let waiter_id = id(&mut waiter);
            waiter.send(&request(words));
            wait_until("it to wait", SOON, || {
                fields(&mut operator, waiter_id).is_some_and(|it| it["flags"].contains('b'))
            });
            waiter.finish_sending();
            wait_until("it to be gone", SOON, || fields(&mut operator, waiter_id).is_none());
        }
        operator.ok(&["CLIENT", "UNPAUSE"]);
        operator.ok(&["PING"]);
        assert_eq!(operator.ok(&["EXISTS", "k"]), Reply::Int(0), "{server:?}");
    });
}

#[test]
fn one_client_too_many_is_told_so() {
    everywhere(&[], |server| {
        let (mut one, two) = (server.client(), server.client());
        wait_until("the two to be alone", SOON, || {
            one.info("connected_clients").as_deref() == Some("2")
        });
        set(&mut one, "maxclients", "2");
        let mut three = server.client();
        let text = three.read_to_end(SOON).expect("it is closed");
        assert_eq!(text, b"-ERR max number of clients reached\r\n", "{server:?}");
        assert_eq!(one.info("rejected_connections").as_deref(), Some("1"), "{server:?}");
        drop(two);
        wait_until("there to be room", SOON, || {
            server.client().try_call(&["PING"]).is_ok_and(|reply| !reply.is_error())
        });
    });
}

/// Every field of 7.0 is there, in its order, and says the same of a client in the same state.
#[test]
fn client_list_has_the_fields_of_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let line = |server: &Server, replies: usize| {
        let mut client = server.client();
        let id = id(&mut client).to_string();
        for words in [
            &["CLIENT", "SETNAME", "me"][..],
            &["SELECT", "3"],
            &["SUBSCRIBE", "a", "b"],
            &["PSUBSCRIBE", "p*"],
        ] {
            client.send(&request(words));
        }
        (0..replies).for_each(|_| drop(client.read()));
        server.client().ok(&["CLIENT", "LIST", "ID", &id]).text()
    };
    let [real, ours] = [line(&real, 5), line(&ours, 5)];
    let names = |line: &str| -> Vec<String> {
        line.split_whitespace().map(|word| word.split('=').next().unwrap_or("").into()).collect()
    };
    let known = names(&real);
    let shared: Vec<String> = names(&ours).into_iter().filter(|it| known.contains(it)).collect();
    assert_eq!(shared, known, "{ours}");
    let same = [
        "name",
        "flags",
        "db",
        "sub",
        "psub",
        "ssub",
        "multi",
        "qbuf",
        "multi-mem",
        "obl",
        "oll",
        "omem",
        "events",
        "cmd",
        "user",
        "redir",
        "resp",
    ];
    for field in same {
        let value = |line: &str| {
            let word = line.split_whitespace().find(|word| word.split('=').next() == Some(field));
            word.map(str::to_owned)
        };
        assert_eq!(value(&real), value(&ours), "{ours}");
    }
}

/// INFO has the fields of 7.0, but for those about what redwire does not have.
#[test]
fn info_has_the_fields_of_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let names = |server: &Server, section: &str| -> Vec<String> {
        let text = server.client().ok(&["INFO", section]).text();
        let names = text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned()));
        names.collect()
    };
    // No scripts, no fork, no sampling of expiries.
    let absent = |name: &str| {
        let starts = [
            "used_memory_",
            "number_of_",
            "lazyfree",
            "expire",
            "active_defrag_",
            "io_threaded_",
            "reply_buffer_",
            "total_eviction_",
            "current_",
            "total_active_",
        ];
        starts.iter().any(|start| name.starts_with(start))
            || ["slave_expires_tracked_keys", "dump_payload_sanitizations"].contains(&name)
    };
    for section in ["clients", "memory", "stats", "replication"] {
        let ours = names(&ours, section);
        let missing: Vec<String> = names(&real, section)
            .into_iter()
            .filter(|name| !ours.contains(name) && !absent(name))
            .collect();
        assert!(missing.is_empty(), "{section} lacks {missing:?}");
    }
}

/// A replica counts the link to its primary as a client, and lists it.
#[test]
fn the_link_to_a_primary_is_listed_as_by_redis() {
    let Some(primary) = Peer::Redis70.start(&[]) else { return };
    primary.client().ok(&["SET", "key", "value"]);
    let look = |replica: &Server| {
        replica.follow(&primary);
        wait_caught_up(&primary, replica);
        let mut client = replica.client();
        wait_until("other clients to be gone", Duration::from_secs(10), || {
            client.info("connected_clients").as_deref() == Some("2")
        });
        let all = client.ok(&["CLIENT", "LIST"]).text();
        assert_eq!(all.lines().count(), 2, "{all}");
        let line = client.ok(&["CLIENT", "LIST", "TYPE", "master"]).text();
        assert_eq!(line.lines().count(), 1, "{line}");
        let fields = line.trim_end().split(' ').filter_map(|field| field.split_once('='));
        let fields: BTreeMap<_, _> = fields.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        assert_eq!(client.ok(&["CLIENT", "LIST", "TYPE", "normal"]).text().lines().count(), 1);
        assert_eq!(client.ok(&["CLIENT", "KILL", "TYPE", "master"]).int(), Some(1));
        wait_caught_up(&primary, replica);
        fields
    };
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let (real, ours) = (look(&real), look(&Redwire::start(&["--repl-two-connections", "no"])));
    for (name, value) in &real {
        let alike =
            ["addr", "flags", "db", "sub", "psub", "multi", "user", "redir", "resp", "name"];
        assert!(ours.contains_key(name), "{name} is missing: {ours:?}");
        assert!(!alike.contains(&&**name) || &ours[name] == value, "{name}: {ours:?}, {real:?}");
    }
}

/// The value of a field in the one line of a reply to `CLIENT LIST`.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let mut values = line.split([' ', '\n']).filter_map(|pair| pair.split_once('='));
    let found = values.find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no {name} in {line}")).1
}

/// Ways to name the link to a primary, or not to.
const FILTERS: [&str; 10] = [
    "ID {id}",
    "ADDR {addr}",
    "LADDR {laddr}",
    "{addr}",
    "TYPE master",
    "TYPE normal ID {id}",
    "TYPE master ADDR {addr}",
    "USER default ID {id}",
    "USER (superuser)",
    "ID {id} SKIPME no",
];

/// What a replica says of the link to its primary as a client.
fn link_as_a_client(replica: &Server) -> Vec<String> {
    let primary = Redwire::start(&[]);
    let mut said = Vec::new();
    let mut first = replica.client();
    let before = id(&mut first);
    said.push(format!("{:?}", first.ok(&["CLIENT", "KILL", "TYPE", "master"])));
    replica.follow(&primary);
    let list = || replica.client().ok(&["CLIENT", "LIST", "TYPE", "master"]).text();
    let line = list();
    let link = field(&line, "id").to_owned();
    let number: i64 = link.parse().expect("a number");
    let after = id(&mut replica.client());
    assert!((before + 1..after).contains(&number), "{before} {link} {after}");
    let by_id = first.ok(&["CLIENT", "LIST", "ID", &link]).text();
    assert_eq!((field(&by_id, "id"), field(&by_id, "addr")), (&*link, field(&line, "addr")));
    let all = first.ok(&["CLIENT", "LIST"]).text();
    let ids: Vec<i64> = all.lines().map(|line| field(line, "id").parse().expect("an id")).collect();
    assert!(ids.is_sorted() && ids.contains(&number), "{ids:?}");
    said.extend(["flags", "user", "name", "redir"].map(|name| field(&line, name).to_owned()));
    said.push(format!("{:?}", first.call(&["CLIENT", "UNBLOCK", &link])));
    let age = || field(&list(), "age").parse::<u64>().expect("seconds");
    wait_until("the link to be a second old", Duration::from_secs(60), || age() > 0);
    for filter in FILTERS {
        let line = list();
        let filled = ["id", "addr", "laddr"].into_iter().fold(filter.to_owned(), |text, name| {
            text.replace(&format!("{{{name}}}"), field(&line, name))
        });
        let words: Vec<&str> = ["CLIENT", "KILL"].into_iter().chain(filled.split(' ')).collect();
        said.push(format!("{filter}: {:?}", first.call(&words)));
        wait_until("the link to be up again", Duration::from_secs(60), || {
            replica.client().info("master_link_status").as_deref() == Some("up")
                && !list().is_empty()
        });
        assert_eq!(field(&list(), "id"), link, "a partial resync goes on with the old one");
        assert!(age() > 0, "and so does its age");
    }
    drop(primary);
    wait_until("the link to be down", Duration::from_secs(60), || {
        replica.client().info("master_link_status").as_deref() == Some("down")
    });
    said.push(list());
    said.push(format!("{:?}", first.ok(&["CLIENT", "KILL", "TYPE", "master"])));
    said.push(first.ok(&["CLIENT", "LIST", "ID", &link]).text());
    said
}

#[test]
fn the_link_to_the_primary_is_a_client() {
    let ours = link_as_a_client(&Redwire::start(&[]));
    for peer in [Peer::Redis70, Peer::Redis80, Peer::Valkey91] {
        let Some(real) = peer.start(&[]) else { continue };
        assert_eq!(ours, link_as_a_client(&real), "{}", peer.name());
    }
}
