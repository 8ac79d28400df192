//! DUMP of a real server is restored by redwire, and DUMP of redwire by the real server: all types,
//! and the data stays the same.

use redwire_testkit::workload::{DATABASES, Workload, dataset, seed};
use redwire_testkit::{
    Client, Command, Peer, Redwire, Reply, Server, assert_same_data, assert_same_groups,
};

/// Restores each key of one server at another, with what remains of its time to live.
fn copy(from: &Server, to: &Server) -> usize {
    let (mut source, mut sink) = (from.client(), to.client());
    let mut count = 0;
    for database in 0..DATABASES {
        for client in [&mut source, &mut sink] {
            client.ok(&["SELECT", &database.to_string()]);
        }
        let restores = restores(&mut source);
        for (reply, restore) in sink.pipeline(&restores).iter().zip(&restores) {
            assert!(!reply.is_error(), "{reply:?} for key {}", restore[1].escape_ascii());
        }
        count += restores.len();
    }
    count
}

/// The commands that restore what is in the database that is selected.
fn restores(source: &mut Client) -> Vec<Command> {
    let keys = source.ok(&["KEYS", "*"]);
    let keys: Vec<_> = keys.elements().iter().filter_map(Reply::bytes).collect();
    let ask = |name: &[u8]| -> Vec<Command> {
        keys.iter().map(|key| vec![name.to_vec(), key.to_vec()]).collect()
    };
    let payloads = source.pipeline(&ask(b"DUMP"));
    let ttls = source.pipeline(&ask(b"PTTL"));
    let restore = |((key, payload), ttl): ((&&[u8], &Reply), &Reply)| {
        let ttl = ttl.int().expect("PTTL answers a number").max(0).to_string();
        let payload = payload.bytes().expect("DUMP answers a payload").to_vec();
        vec![b"RESTORE".to_vec(), key.to_vec(), ttl.into_bytes(), payload]
    };
    keys.iter().zip(&payloads).zip(&ttls).map(restore).collect()
}

fn there_and_back(peer: Peer) {
    let Some(real) = peer.start(&[]) else { return };
    let seed = seed(77);
    let mut client = real.client();
    client.pipeline(&dataset(seed));
    client.pipeline(&Workload::new(seed).recent().writes(4000));
    let (redwire, Some(judge)) = (Redwire::start(&[]), peer.start(&[])) else { return };
    let there = copy(&real, &redwire);
    assert!(there > 500, "{there} keys");
    let back = copy(&redwire, &judge);
    assert_eq!(back, there);
    assert_same_data(&real, &judge);
    assert_same_groups(&real, &judge);
}

#[test]
fn there_and_back_redis_70() {
    there_and_back(Peer::Redis70);
}

#[test]
fn there_and_back_redis_80() {
    there_and_back(Peer::Redis80);
}

#[test]
fn there_and_back_redis_86() {
    there_and_back(Peer::Redis86);
}

#[test]
fn there_and_back_valkey_91() {
    there_and_back(Peer::Valkey91);
}
