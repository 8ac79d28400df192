//! redwire-rdb's quicklists, cut into nodes as real servers cut theirs.

use redwire_rdb::{
    Version, dump, length,
    quicklist::{Builder, Nodes, Settings},
    string::Header,
};
use redwire_testkit::{Client, Peer, Redwire, Reply, Rng};

/// Items of all lengths up to a node's, and some that are about as long as one may be.
fn items(rng: &mut Rng) -> Vec<Vec<u8>> {
    let item = |rng: &mut Rng| match rng.below(20) {
        0 => {
            let near = rng.pick(&[&240u64, &1000, &4096, &8192, &16_384, &65_536]);
            vec![b'l'; (near + rng.below(40) - 20) as usize]
        }
        1..6 => (rng.bits() as i64 >> rng.below(64)).to_string().into_bytes(),
        _ => vec![b's'; rng.below(90) as usize],
    };
    (0..1500).map(|_| item(rng)).collect()
}

/// What `DUMP` gives after `RPUSH` of each item by itself: type and body.
fn pushed(client: &mut Client, items: &[Vec<u8>]) -> (u8, Vec<u8>) {
    client.ok(&["DEL", "k"]);
    let pushes: Vec<_> =
        items.iter().map(|item| vec![b"RPUSH".to_vec(), b"k".to_vec(), item.clone()]).collect();
    client.pipeline(&pushes);
    let Reply::Bulk(payload) = client.ok(&["DUMP", "k"]) else { panic!("no payload") };
    let payload = dump::open(&payload).expect("a payload");
    (payload.value[0], payload.value[1..].to_vec())
}

#[test]
fn lists_are_cut_into_nodes_as_servers_cut_them() {
    for peer in Peer::ALL {
        let Some(server) = peer.start(&["--rdbcompression", "no"]) else { continue };
        let mut client = server.client();
        let target = match peer {
            Peer::Redis60 | Peer::Redis62 => Version::REDIS_6_0,
            Peer::Redis70 => Version::REDIS_7_0,
            Peer::Redis80 | Peer::Valkey81 => Version::REDIS_7_2,
            Peer::Redis86 => Version::REDIS_8_6,
            Peer::Valkey91 => Version::VALKEY_9,
        };
        for (seed, fill) in (0..).zip([-5, -4, -3, -2, -2, -1, -1, 1, 2, 20, 128, 1000, 0, -9]) {
            client.ok(&["CONFIG", "SET", "list-max-ziplist-size", &fill.to_string()]);
            let items = items(&mut Rng::new(seed));
            let settings = Settings { target, fill, ..Settings::default() };
            let mut builder = Builder::new(settings);
            items.iter().for_each(|item| builder.push(item));
            let mut body = Vec::new();
            builder.finish(&mut body);
            let (type_byte, theirs) = pushed(&mut client, &items);
            assert_eq!(type_byte, settings.type_byte());
            assert_eq!(lengths(type_byte, &body), lengths(type_byte, &theirs), "{peer:?}, {fill}");
            // Valkey 9.1 writes one byte less behind an element of just 16383 bytes.
            if peer != Peer::Valkey91 || items.iter().all(|item| item.len() != 16_383 - 5) {
                assert!(body == theirs, "{peer:?}, {fill}");
            }
        }
    }
}

/// `list-max-listpack-size` may be any number of 32 bits; a positive one counts elements.
#[test]
fn our_server_cuts_lists_by_the_number_of_elements() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut there, mut here) = (real.client(), ours.client());
    let items: Vec<Vec<u8>> = (0..300).map(|n| format!("item {n}").into_bytes()).collect();
    for fill in [1, 2, 7, 128, 299, 300, 32_767, i32::MAX, 0, -1, -5, -6, i32::MIN] {
        let lengths = [&mut there, &mut here].map(|client| {
            client.ok(&["CONFIG", "SET", "list-max-listpack-size", &fill.to_string()]);
            let (type_byte, body) = pushed(client, &items);
            lengths(type_byte, &body)
        });
        assert_eq!(lengths[0], lengths[1], "{fill}");
    }
}

/// How many elements each node has.
fn lengths(type_byte: u8, body: &[u8]) -> Vec<usize> {
    let mut nodes = Nodes::new(type_byte, body).expect("nodes");
    let mut lengths = Vec::new();
    while let Some(node) = nodes.next().expect("well-formed") {
        lengths.push(node.len());
    }
    lengths
}

/// Which nodes of a list of type 18 are compressed.
fn compressed(body: &[u8]) -> Vec<bool> {
    let number = |at: usize| length::decode_number(&body[at..]).expect("a number").expect("whole");
    let (count, mut at) = number(0);
    let mut all = Vec::new();
    for _ in 0..count {
        at += number(at).1;
        let (header, size) = Header::decode(&body[at..]).expect("a string").expect("whole");
        let len = match header {
            Header::Raw { len } => len,
            Header::Lzf { compressed, .. } => compressed,
            Header::Int(_) => 0,
        };
        all.push(matches!(header, Header::Lzf { .. }));
        at += size + len as usize;
    }
    assert_eq!(at, body.len());
    all
}

#[test]
fn the_nodes_between_are_compressed_as_servers_compress_them() {
    for peer in [Peer::Redis70, Peer::Redis80, Peer::Valkey81] {
        let Some(server) = peer.start(&["--rdbcompression", "no"]) else { continue };
        let mut client = server.client();
        let target = if peer == Peer::Redis70 { Version::REDIS_7_0 } else { Version::REDIS_7_2 };
        for (seed, compress) in (40..).zip([1, 2, 3, 1000]) {
            client.ok(&["CONFIG", "SET", "list-compress-depth", &compress.to_string()]);
            client.ok(&["CONFIG", "SET", "list-max-ziplist-size", "-1"]);
            let items = items(&mut Rng::new(seed));
            let settings = Settings { target, fill: -1, compress, ..Settings::default() };
            let mut builder = Builder::new(settings);
            items.iter().for_each(|item| builder.push(item));
            let mut body = Vec::new();
            builder.finish(&mut body);
            let (type_byte, theirs) = pushed(&mut client, &items);
            assert_eq!(lengths(type_byte, &body), lengths(type_byte, &theirs));
            assert_eq!(compressed(&theirs).contains(&true), compress < 1000);
            assert_eq!(compressed(&body), compressed(&theirs), "{peer:?}, depth {compress}");
        }
    }
}
