//! redwire-rdb's packed forms, edited as real servers edit theirs: after each command of a random
//! run, what `DUMP` gives is compared to the byte.

use redwire_rdb::{
    dump,
    intset::IntsetBuf,
    listpack::{CursorMut, ListpackBuf},
    packed::Value,
    string,
};
use redwire_testkit::{Command, Peer, Reply, Rng};

/// Servers with listpacks.
const SINCE_7_0: [Peer; 5] =
    [Peer::Redis70, Peer::Redis80, Peer::Redis86, Peer::Valkey81, Peer::Valkey91];
/// Random runs for each server and type, and commands in each.
const RUNS: u64 = 12;
const COMMANDS: usize = 150;
/// Bytes that a list may have before it is cut: one node holds it, with room for another element.
const NODE: usize = 6000;

/// Commands, and what is to be the value's bytes after each, without type; `None` for no key.
#[derive(Default)]
struct Run {
    commands: Vec<Command>,
    expected: Vec<Option<Vec<u8>>>,
}

impl Run {
    fn add(&mut self, command: &[&[u8]], expected: Option<Vec<u8>>) {
        self.commands.push(owned(command));
        self.expected.push(expected);
    }
}

/// Has each server do the runs that `make` makes, and compares.
fn check(peers: &[Peer], types: &[u8], make: impl Fn(&mut Rng) -> Run) {
    for peer in peers {
        let Some(server) = peer.start(&["--rdbcompression", "no"]) else { continue };
        let mut client = server.client();
        for seed in 0..RUNS {
            let run = make(&mut Rng::new(seed));
            client.ok(&["DEL", "k"]);
            let dump: Command = vec![b"DUMP".to_vec(), b"k".to_vec()];
            let all: Vec<_> =
                run.commands.iter().flat_map(|command| [command.clone(), dump.clone()]).collect();
            for (at, (replies, expected)) in
                client.pipeline(&all).chunks(2).zip(&run.expected).enumerate()
            {
                let command = redwire_testkit::printable(&run.commands[at]);
                let label = format!("{}, seed {seed}, command {at}: {command}", peer.name());
                assert!(!replies[0].is_error(), "{label}: {:?}", replies[0]);
                let value = match &replies[1] {
                    Reply::Bulk(payload) => {
                        let payload = dump::open(payload).expect("a payload");
                        let (type_byte, body) = payload.value.split_first().expect("a type");
                        assert!(types.contains(type_byte), "{label}: type {type_byte}");
                        Some(body.to_vec())
                    }
                    _ => None,
                };
                assert_eq!(shown(&value), shown(expected), "{label}");
            }
        }
    }
}

fn shown(value: &Option<Vec<u8>>) -> Option<String> {
    value.as_ref().map(|bytes| bytes.escape_ascii().to_string())
}

/// Text and numbers around the edges of all encodings.
fn item(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        0 => rng.between(-2, 130).to_string().into_bytes(),
        1 => (rng.bits() as i64 >> rng.below(64)).to_string().into_bytes(),
        2 => {
            let edge = 1i64 << rng.pick(&[&7u32, &12, &15, &23, &31, &62]);
            let near = edge.saturating_add(rng.between(-2, 2));
            if rng.one_in(2) { near } else { -near }.to_string().into_bytes()
        }
        3 => [&b"0"[..], b"-0", b"01", b"", b"9223372036854775808", b"-9223372036854775808"]
            [rng.below(6) as usize]
            .to_vec(),
        4 => vec![b'x'; rng.between(58, 66) as usize],
        5 => vec![b'y'; rng.between(120, 130) as usize],
        6 => vec![b'z'; rng.between(240, 270) as usize],
        _ => rng.pick(&[&b"a"[..], b"b", b"c"]).to_vec(),
    }
}

/// The next command for a list, done to `list` too.
fn list_command(rng: &mut Rng, list: &mut ListpackBuf) -> Command {
    let len = list.view().len();
    let place = if len == 0 { 0 } else { rng.below(len as u64) as usize };
    let (index, item) = (place.to_string().into_bytes(), item(rng));
    let value = Value::of(&item);
    let words: &[&[u8]] = match rng.below(10) {
        _ if list.as_bytes().len() > NODE => {
            list.cursor(8).remove(len);
            &[b"LTRIM", b"k", b"0", b"7"]
        }
        0 | 1 => {
            list.push_front(value).expect("small");
            &[b"LPUSH", b"k", &item]
        }
        2 | 3 => {
            list.push_back(value).expect("small");
            &[b"RPUSH", b"k", &item]
        }
        4 if len > 0 => {
            assert_eq!(list.cursor(place).replace(value), Ok(true));
            &[b"LSET", b"k", &index, &item]
        }
        5 | 6 if len > 0 => {
            let pivot = list.view().get(place).expect("there").to_vec();
            let before = rng.one_in(2);
            let mut cursor = list.cursor(0);
            assert!(cursor.find(&pivot, 0));
            let insert = if before { CursorMut::insert_before } else { CursorMut::insert_after };
            insert(&mut cursor, value).expect("small");
            let side: &[u8] = if before { b"BEFORE" } else { b"AFTER" };
            return owned(&[b"LINSERT", b"k", side, &pivot, &item]);
        }
        7 if len > 0 => {
            let gone = list.view().get(place).expect("there").to_vec();
            let mut cursor = list.cursor(0);
            while cursor.find(&gone, 0) {
                cursor.remove(1);
            }
            return owned(&[b"LREM", b"k", b"0", &gone]);
        }
        8 => {
            list.cursor(0).remove(1);
            &[b"LPOP", b"k"]
        }
        _ => {
            list.cursor_back(0).remove(1);
            &[b"RPOP", b"k"]
        }
    };
    owned(words)
}

fn owned(words: &[&[u8]]) -> Command {
    words.iter().map(|word| word.to_vec()).collect()
}

fn packed(prefix: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut body = prefix.to_vec();
    string::encode_raw(&mut body, bytes);
    body
}

#[test]
fn lists_are_edited_as_servers_edit_them() {
    check(&SINCE_7_0, &[18], |rng| {
        let (mut run, mut list) = (Run::default(), ListpackBuf::new());
        for _ in 0..COMMANDS {
            let command = list_command(rng, &mut list);
            let words: Vec<_> = command.iter().map(Vec::as_slice).collect();
            // One node, packed.
            let body = packed(&[1, 2], list.as_bytes());
            run.add(&words, (!list.view().is_empty()).then_some(body));
        }
        run
    });
}

/// Fields and values below the length that makes a hash a table.
fn short_item(rng: &mut Rng) -> Vec<u8> {
    loop {
        let item = item(rng);
        if item.len() <= 64 {
            return item;
        }
    }
}

#[test]
fn hashes_are_edited_as_servers_edit_them() {
    check(&SINCE_7_0, &[16], |rng| {
        let (mut run, mut hash) = (Run::default(), ListpackBuf::new());
        for _ in 0..COMMANDS {
            let (field, value) = (short_item(rng), short_item(rng));
            let mut cursor = hash.cursor(0);
            let found = cursor.find(&field, 1);
            let words: &[&[u8]] = if rng.one_in(3) {
                cursor.remove(2);
                &[b"HDEL", b"k", &field]
            } else {
                if found {
                    cursor.move_next();
                    assert_eq!(cursor.replace(Value::of(&value)), Ok(true));
                } else {
                    cursor.insert_before(Value::of(&field)).expect("small");
                    cursor.insert_before(Value::of(&value)).expect("small");
                }
                &[b"HSET", b"k", &field, &value]
            };
            run.add(words, (!hash.view().is_empty()).then(|| packed(&[], hash.as_bytes())));
        }
        run
    });
}

#[test]
fn sets_are_edited_as_servers_edit_them() {
    let since_7_2 = &SINCE_7_0[1..];
    check(since_7_2, &[20], |rng| {
        let (mut run, mut set) = (Run::default(), ListpackBuf::new());
        // One that is no number, or it were an intset.
        set.push_back(Value::of(b"first")).expect("small");
        run.add(&[b"SADD", b"k", b"first"], Some(packed(&[], set.as_bytes())));
        for _ in 0..COMMANDS {
            let member = short_item(rng);
            let mut cursor = set.cursor(0);
            let found = cursor.find(&member, 0);
            let words: &[&[u8]] = if rng.one_in(3) {
                cursor.remove(1);
                &[b"SREM", b"k", &member]
            } else {
                if !found {
                    cursor.insert_before(Value::of(&member)).expect("small");
                }
                &[b"SADD", b"k", &member]
            };
            run.add(words, Some(packed(&[], set.as_bytes())));
        }
        run
    });
}

/// All servers have intsets, and the same.
#[test]
fn intsets_are_edited_as_servers_edit_them() {
    check(&Peer::ALL, &[11], |rng| {
        let (mut run, mut set) = (Run::default(), IntsetBuf::new());
        // Wider ones come late, or there would be nothing to widen.
        for round in 0..COMMANDS as u64 {
            let bits = 4 + round * 60 / COMMANDS as u64;
            let member = rng.bits() as i64 >> (64 - rng.between(1, bits as i64));
            let text = member.to_string().into_bytes();
            let words: &[&[u8]] = if rng.one_in(3) {
                set.remove(member);
                &[b"SREM", b"k", &text]
            } else {
                set.insert(member).expect("small");
                &[b"SADD", b"k", &text]
            };
            // A set without members is no key: the next one begins narrow.
            if set.view().is_empty() {
                set = IntsetBuf::new();
                run.add(words, None);
            } else {
                run.add(words, Some(packed(&[], set.as_bytes())));
            }
        }
        run
    });
}
