//! The sizes from which on values take another form are settings: values that are made under a setting
//! have the forms that they have in Redis.

use redwire_testkit::{Client, Peer, Redwire, Reply, Server};

/// Makes values around the limits, and tells of their forms.
fn forms(server: &Server, settings: &[&str]) -> Vec<String> {
    let mut client = server.client();
    client.ok(&["FLUSHALL"]);
    let set = ["CONFIG", "SET"].into_iter().chain(settings.iter().copied());
    client.ok(&set.collect::<Vec<_>>());
    let mut forms = Vec::new();
    for count in [1_usize, 2, 3, 4, 5, 8, 9, 20] {
        for (command, scored, value) in [
            ("HSET", true, "v"),
            ("ZADD", true, "m"),
            ("SADD", false, "m"),
            ("SADD", false, ""),
            ("HSET", true, "longer-than-ten"),
            ("ZADD", true, "longer-than-ten"),
            ("SADD", false, "longer-than-ten"),
        ] {
            let key = format!("{command}:{count}:{value}");
            let mut words = vec![command.to_owned(), key.clone()];
            for at in 0..count {
                words.extend(scored.then(|| at.to_string()));
                words.push(format!("{value}{at}"));
            }
            client.ok(&words);
            forms.push(format!("{key} {}", client.ok(&["OBJECT", "ENCODING", &key]).text()));
        }
        let key = format!("stream:{count}");
        (0..count * 7).for_each(|at| {
            client.ok(&["XADD", &key, &format!("1-{}", at + 1), "field", "some value"]);
        });
        forms.push(format!("{key} {}", stream_nodes(&mut client, &key)));
        let key = format!("hll:{count}");
        let elements = (0..count * 6).map(|at| format!("element {at}"));
        let words = ["PFADD".to_owned(), key.clone()].into_iter().chain(elements);
        client.ok(&words.collect::<Vec<_>>());
        forms.push(format!("{key} {}", client.ok(&["PFDEBUG", "ENCODING", &key]).text()));
    }
    forms
}

fn stream_nodes(client: &mut Client, key: &str) -> String {
    let info = client.ok(&["XINFO", "STREAM", key]);
    let mut fields = info.elements().chunks(2);
    let found = fields.find(|pair| pair[0] == Reply::Bulk(b"radix-tree-keys".to_vec()));
    format!("{:?}", found.expect("is told")[1])
}

#[test]
fn values_take_other_forms_where_settings_say() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    for settings in [
        &["hash-max-listpack-entries", "3", "zset-max-listpack-entries", "4"][..],
        &["hash-max-listpack-value", "10", "zset-max-listpack-value", "10"],
        &["set-max-intset-entries", "2"],
        &["set-max-intset-entries", "0"],
        &["stream-node-max-entries", "5", "hll-sparse-max-bytes", "60"],
        &["stream-node-max-entries", "0", "stream-node-max-bytes", "150"],
        &["stream-node-max-bytes", "0", "hll-sparse-max-bytes", "0"],
        &["hll-sparse-max-bytes", "3000", "stream-node-max-entries", "100"],
    ] {
        let (here, there) = (forms(&ours, settings), forms(&real, settings));
        for (here, there) in here.iter().zip(&there) {
            assert_eq!(here, there, "{settings:?}");
        }
    }
}

/// Each of these settings takes what a real server takes, refuses what it refuses, and shows it alike.
#[test]
fn settings_have_the_ranges_of_a_real_server() {
    let Some(real) = Peer::Redis80.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut there, mut here) = (real.client(), ours.client());
    let sizes = ["listpack-entries", "listpack-value"];
    let of_type = ["hash", "set", "zset"]
        .iter()
        .flat_map(|kind| sizes.map(|size| format!("{kind}-max-{size}")));
    let others = [
        "list-max-listpack-size",
        "set-max-intset-entries",
        "stream-node-max-bytes",
        "stream-node-max-entries",
        "hll-sparse-max-bytes",
    ];
    for name in of_type.chain(others.map(str::to_owned)) {
        for value in [
            "0",
            "1",
            "5",
            "32768",
            "1kb",
            "2mb",
            "-1",
            "-5",
            "-6",
            "x",
            "1.5",
            "2147483647",
            "2147483648",
            "-2147483648",
            "-2147483649",
            "9223372036854775807",
            "9223372036854775808",
        ] {
            for line in [&["CONFIG", "SET", &name, value][..], &["CONFIG", "GET", &name]] {
                let (expected, got) = (there.call(line), here.call(line));
                assert_eq!(got, expected, "{line:?}");
            }
        }
    }
}
