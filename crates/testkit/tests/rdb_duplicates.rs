//! Files with an element or a key twice: real servers refuse to start with them, and redwire-rdb
//! refuses them.
//!
//! (Redis 6.0 loads sets and sorted sets with a member twice. From 6.2 on the servers do so only with
//! small hashes, unless they are told to look into what they load.)

use std::fs;

use redwire_rdb::entry::{Entries, Item};
use redwire_rdb::{DecodeOptions, Error, Fault};
use redwire_testkit::{Peer, Server};

/// Servers that refuse all of it.
const PEERS: [Peer; 6] =
    [Peer::Redis62, Peer::Redis70, Peer::Redis80, Peer::Redis86, Peer::Valkey81, Peer::Valkey91];
/// Types of the large forms: set, sorted set as text, hash, sorted set, and what follows a name.
const FORMS: [(u8, &[u8]); 4] = [(2, b""), (3, b"\x011"), (4, b"\x01v"), (5, &[0; 8])];
/// Elements of a value that stays compact in a server, and of one that does not.
const SIZES: [usize; 2] = [3, 700];

/// A file of a key for each of these values.
fn file(values: &[(&[u8], Vec<u8>)]) -> Vec<u8> {
    let mut out = b"REDIS0009\xfe\0".to_vec();
    for (name, value) in values {
        out.push(value[0]);
        out.push(name.len() as u8);
        out.extend_from_slice(name);
        out.extend_from_slice(&value[1..]);
    }
    out.push(0xff);
    // No checksum.
    out.extend_from_slice(&[0; 8]);
    out
}

/// A value of this many elements; the last one comes twice or not.
fn value((type_byte, behind): (u8, &[u8]), prefix: &str, count: usize, twice: bool) -> Vec<u8> {
    let mut out = vec![type_byte, 0x40 | (count >> 8) as u8, count as u8];
    for index in 0..count {
        let repeated = twice && index + 1 == count;
        let name = format!("{prefix}{}", if repeated { 0 } else { index });
        out.push(name.len() as u8);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(behind);
    }
    out
}

/// How many keys a file has, read with their values whole.
fn keys(file: &[u8], options: DecodeOptions) -> Result<usize, Error> {
    let (mut entries, mut unread, mut keys) = (Entries::new(options), file, 0);
    while !entries.is_done() {
        let decoded = entries.decode(unread)?;
        unread = &unread[decoded.used..];
        keys += usize::from(matches!(decoded.item, Some(Item::Entry(_))));
        assert!(decoded.item.is_some(), "the file is whole");
    }
    Ok(keys)
}

/// Whether each server there is starts with the file.
fn loads(file: &[u8]) -> Vec<(Peer, bool)> {
    let starts = |peer: Peer| {
        let program = peer.programs()?.server;
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("dump.rdb"), file).expect("a file");
        let args = ["--sanitize-dump-payload", "yes"];
        let started = Server::start_in(peer.name(), &program, folder.path(), &args);
        Some((peer, started.is_ok()))
    };
    PEERS.into_iter().filter_map(starts).collect()
}

#[test]
fn elements() {
    for form in FORMS {
        for (size, prefix) in SIZES.into_iter().flat_map(|size| [(size, "m"), (size, "")]) {
            for twice in [false, true] {
                let file = file(&[(b"k", value(form, prefix, size, twice))]);
                let label = format!("type {}, {size} of {prefix:?}, twice: {twice}", form.0);
                match keys(&file, DecodeOptions::default()) {
                    Ok(keys) => assert!(!twice && keys == 1, "{label}"),
                    Err(Error::Malformed { fault, .. }) => {
                        assert!(twice && fault == Fault::Duplicate, "{label}: {fault}");
                    }
                    Err(error) => panic!("{label}: {error}"),
                }
                for (peer, loads) in loads(&file) {
                    assert_eq!(loads, !twice, "{}: {label}", peer.name());
                }
            }
        }
    }
}

#[test]
fn keys_of_one_name() {
    for second in [&b"one"[..], b"two"] {
        let twice = second == b"one";
        let file = file(&[(b"one", b"\0\x01v".to_vec()), (second, b"\0\x01w".to_vec())]);
        let strict = DecodeOptions { refuse_all_duplicates: true, ..DecodeOptions::default() };
        assert_eq!(keys(&file, strict).is_err(), twice);
        // It takes memory for each key, so that it has to be asked for.
        assert_eq!(keys(&file, DecodeOptions::default()), Ok(2));
        for (peer, loads) in loads(&file) {
            assert_eq!(loads, !twice, "{}", peer.name());
        }
    }
}
