//! Elements of just 16383 bytes, whose length Valkey 9.1 writes in one byte less than others, and
//! refuses as others write it: what redwire-rdb writes for a server, that server reads, whichever it
//! came from.

use redwire_rdb::{
    DecodeOptions, Decoder, EncodeOptions, Encoder, Event, KeyMeta, Thresholds, Version, dump,
};
use redwire_testkit::{Client, Command, Peer, Reply};

/// Bytes of a value whose element has 16383, the encoding among them.
const EDGE: usize = 16_383 - 5;

const PEERS: [(Peer, Version); 4] = [
    (Peer::Redis70, Version::REDIS_7_0),
    (Peer::Redis80, Version::REDIS_7_4),
    (Peer::Valkey81, Version::REDIS_7_2),
    (Peer::Valkey91, Version::VALKEY_9),
];

/// Lets large values into listpacks.
const ARGS: [&str; 4] = ["--hash-max-listpack-value", "100000", "--list-max-listpack-size", "-5"];

fn command(words: &[&[u8]]) -> Command {
    words.iter().map(|word| word.to_vec()).collect()
}

/// What the keys hold, by commands that go through them from both ends.
fn contents(client: &mut Client) -> Vec<Reply> {
    client.pipeline(&[
        command(&[b"LRANGE", b"list", b"0", b"-1"]),
        command(&[b"LINDEX", b"list", b"-3"]),
        command(&[b"HGET", b"hash", b"last"]),
        command(&[b"HGET", b"hash", b"long"]),
        command(&[b"XRANGE", b"stream", b"-", b"+"]),
        command(&[b"XREVRANGE", b"stream", b"+", b"-"]),
    ])
}

/// The payload of a list, hash or stream, written anew for a version.
fn converted(payload: &[u8], target: Version) -> Vec<u8> {
    let opened = dump::open(payload).expect("a payload");
    let mut decoder = Decoder::for_value(opened.version, DecodeOptions::default());
    let thresholds = Thresholds {
        list_node_bytes: 1 << 16,
        hash_max_listpack_value: 100_000,
        ..Thresholds::default()
    };
    let options = EncodeOptions { target, thresholds, ..EncodeOptions::default() };
    let mut encoder = Encoder::for_payloads(options);
    let (mut out, meta) = (Vec::new(), KeyMeta::new(b""));
    let (mut items, mut fields, mut streams) = (Vec::new(), Vec::new(), 0);
    let mut unread = opened.value;
    while !decoder.is_done() {
        let decoded = decoder.decode(unread).expect("well-formed");
        unread = &unread[decoded.used..];
        match decoded.event.expect("whole") {
            Event::Element(item) => items.push(item.to_vec()),
            Event::Field { field, value, .. } => fields.push((field.to_vec(), value.to_vec())),
            Event::Stream(part) => {
                if streams == 0 {
                    encoder.begin_stream(&mut out, &meta);
                }
                encoder.stream_part(&mut out, &part);
                streams += 1;
            }
            _ => {}
        }
    }
    encoder.list(&mut out, &meta, items.iter().map(Vec::as_slice));
    encoder.hash(&mut out, &meta, fields.iter().map(|(field, value)| (&field[..], &value[..])));
    if streams > 0 {
        encoder.finish(&mut out).expect("whole");
    }
    encoder.end(&mut out);
    out
}

#[test]
fn each_server_reads_what_is_written_for_it() {
    let servers: Vec<_> = PEERS
        .into_iter()
        .filter_map(|(peer, version)| Some((peer.start(&ARGS)?, version)))
        .collect();
    for (from, _) in &servers {
        let mut client = from.client();
        client.ok(&["FLUSHALL"]);
        let long = vec![b'x'; EDGE];
        client.pipeline(&[
            command(&[b"RPUSH", b"list", b"a", &long, b"b", b"c"]),
            command(&[b"HSET", b"hash", b"long", &long, b"last", b"1"]),
            command(&[b"XADD", b"stream", b"1-1", b"f", &long, b"g", b"2"]),
            command(&[b"XADD", b"stream", b"1-2", b"f", b"3", b"g", b"4"]),
        ]);
        let told = contents(&mut client);
        assert!(told.iter().all(|reply| !reply.is_error()));
        let mut payload = |key: &str| match client.ok(&["DUMP", key]) {
            Reply::Bulk(payload) => payload,
            other => panic!("{other:?}"),
        };
        let payloads = ["list", "hash", "stream"].map(|key| (key, payload(key)));
        for (to, version) in &servers {
            let mut client = to.client();
            client.ok(&["FLUSHALL"]);
            for (key, payload) in &payloads {
                let payload = converted(payload, *version);
                let label = format!("{key} from {from:?} to {to:?}");
                let reply = client.call(&command(&[b"RESTORE", key.as_bytes(), b"0", &payload]));
                assert!(!reply.is_error(), "{label}: {reply:?}");
            }
            assert!(contents(&mut client) == told, "from {from:?} to {to:?}");
        }
    }
}
