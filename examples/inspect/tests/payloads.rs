//! `dump::convert` judged by servers: what one dumped, converted for another and restored there, is
//! the data that the other has when it was given the same commands.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use redwire_rdb::{EncodeOptions, Error, Version, dump};
use redwire_testkit::{Client, Command, Peer, Server, workload::dataset};

/// Databases that the data set uses.
const DATABASES: u32 = 16;

const EXPIRES: &[u8] = b"hash:expires";

/// A server with values of all types and, if it has them, fields that expire.
fn filled(peer: Peer, expiring: bool) -> Option<Server> {
    let server = peer.start(&[])?;
    let mut client = server.client();
    client.pipeline(&dataset(1));
    for n in 1..=300 {
        client.ok(&["XADD", "stream", &format!("{n}-1"), "field", &n.to_string()]);
    }
    client.ok(&["XDEL", "stream", "7-1", "8-1"]);
    client.ok(&["XGROUP", "CREATE", "stream", "readers", "0"]);
    client.ok(&["XREADGROUP", "GROUP", "readers", "a", "COUNT", "9", "STREAMS", "stream", ">"]);
    if expiring && has_field_expiry(peer) {
        client.ok(&["HSET", "hash:expires", "a", "1", "b", "2", "c", "3"]);
        let at = "3900000000123";
        client.ok(&["HPEXPIREAT", "hash:expires", at, "FIELDS", "2", "a", "c"]);
    }
    Some(server)
}

fn has_field_expiry(peer: Peer) -> bool {
    matches!(peer, Peer::Redis80 | Peer::Redis86 | Peer::Valkey91)
}

/// Each key of the database that is selected: name, time to live in ms (0 for ever), payload.
fn dumped(client: &mut Client) -> Vec<(Vec<u8>, String, Vec<u8>)> {
    let keys = client.ok(&["KEYS", "*"]);
    let keys: Vec<_> = keys.elements().iter().map(|key| key.bytes().unwrap().to_vec()).collect();
    let ask = |name: &[u8]| -> Vec<Command> {
        keys.iter().map(|key| vec![name.to_vec(), key.clone()]).collect()
    };
    let payloads = client.pipeline(&ask(b"DUMP"));
    let ttls = client.pipeline(&ask(b"PTTL"));
    let values = payloads.iter().zip(&ttls).map(|(payload, ttl)| {
        (ttl.int().unwrap().max(0).to_string(), payload.bytes().unwrap().to_vec())
    });
    keys.iter().cloned().zip(values).map(|(key, (ttl, payload))| (key, ttl, payload)).collect()
}

fn copy(from: &Server, to: &Server, target: Version, can_expire: bool) -> usize {
    let (mut source, mut sink) = (from.client(), to.client());
    let mut count = 0;
    for db in 0..DATABASES {
        source.ok(&["SELECT", &db.to_string()]);
        sink.ok(&["SELECT", &db.to_string()]);
        let mut restores = Vec::new();
        for (key, ttl, payload) in dumped(&mut source) {
            // What is compressed is decompressed here; compressing is slow without optimization.
            let options = EncodeOptions { target, compress: false, ..EncodeOptions::default() };
            let mut converted = Vec::new();
            match dump::convert(&mut converted, &payload, options) {
                Err(Error::Unsupported { .. }) if key == EXPIRES && !can_expire => continue,
                result => result.unwrap(),
            }
            restores.push(vec![b"RESTORE".to_vec(), key, ttl.into_bytes(), converted]);
        }
        for reply in sink.pipeline(&restores) {
            assert!(!reply.is_error(), "{reply:?}");
        }
        count += restores.len();
    }
    count
}

fn every_target_from(source: Peer) {
    let Some(from) = filled(source, true) else { return };
    for peer in Peer::ALL {
        let both = has_field_expiry(source) && has_field_expiry(peer);
        let Some(judge) = filled(peer, both) else { continue };
        let restored = peer.start(&[]).unwrap();
        let count = copy(&from, &restored, peer.name().parse().unwrap(), has_field_expiry(peer));
        let label = format!("{source:?} for {peer:?}");
        assert!(count > 100, "{label}: {count}");
        let (mut judge, mut restored) = (judge.client(), restored.client());
        assert_eq!(restored.digest(), judge.digest(), "{label}");
        let pending = ["XPENDING", "stream", "readers"];
        assert_eq!(restored.ok(&pending), judge.ok(&pending), "{label}");
        if both {
            let times = ["HPEXPIRETIME", "hash:expires", "FIELDS", "3", "a", "b", "c"];
            assert_eq!(restored.ok(&times), judge.ok(&times), "{label}");
        }
    }
}

#[test]
fn every_target_from_redis_60() {
    every_target_from(Peer::Redis60);
}

#[test]
fn every_target_from_redis_70() {
    every_target_from(Peer::Redis70);
}

#[test]
fn every_target_from_redis_86() {
    every_target_from(Peer::Redis86);
}

#[test]
fn every_target_from_valkey_91() {
    every_target_from(Peer::Valkey91);
}
