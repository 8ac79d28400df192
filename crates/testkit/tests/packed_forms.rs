//! redwire-rdb's packed forms, edited as real servers edit theirs: after each command of a random
//! run, what `DUMP` gives is compared to the byte.

use redwire_rdb::{
    dump, intset::IntsetBuf, listpack::ListpackBuf, packed::Value, string, ziplist::ZiplistBuf,
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
    check_with(peers, &[], types, make);
}

fn check_with(peers: &[Peer], args: &[&str], types: &[u8], make: impl Fn(&mut Rng) -> Run) {
    for peer in peers {
        let args = [&["--rdbcompression", "no"], args].concat();
        let Some(server) = peer.start(&args) else { continue };
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

/// What is done to a packed form, the one or the other.
trait Form: Default {
    fn bytes(&self) -> &[u8];
    fn len(&self) -> usize;
    fn item(&self, place: usize) -> Vec<u8>;
    fn push(&mut self, front: bool, item: &[u8]);
    fn replace(&mut self, place: usize, item: &[u8]);
    fn insert_at(&mut self, pivot: &[u8], before: bool, item: &[u8]);
    /// Removes so many from a place on.
    fn remove(&mut self, place: usize, count: usize);
    fn remove_last(&mut self);
    fn remove_all(&mut self, item: &[u8]);
    fn set_field(&mut self, field: &[u8], value: &[u8]);
    fn remove_field(&mut self, field: &[u8]);
}

macro_rules! form {
    ($name:ident) => {
        impl Form for $name {
            fn bytes(&self) -> &[u8] {
                self.as_bytes()
            }

            fn len(&self) -> usize {
                self.view().len()
            }

            fn item(&self, place: usize) -> Vec<u8> {
                self.view().get(place).expect("there").to_vec()
            }

            fn push(&mut self, front: bool, item: &[u8]) {
                let value = Value::of(item);
                let pushed = if front { self.push_front(value) } else { self.push_back(value) };
                pushed.expect("small");
            }

            fn replace(&mut self, place: usize, item: &[u8]) {
                assert_eq!(self.cursor(place).replace(Value::of(item)), Ok(true));
            }

            fn insert_at(&mut self, pivot: &[u8], before: bool, item: &[u8]) {
                let (mut cursor, value) = (self.cursor(0), Value::of(item));
                assert!(cursor.find(pivot, 0));
                let inserted =
                    if before { cursor.insert_before(value) } else { cursor.insert_after(value) };
                inserted.expect("small");
            }

            fn remove(&mut self, place: usize, count: usize) {
                self.cursor(place).remove(count);
            }

            fn remove_last(&mut self) {
                self.cursor_back(0).remove(1);
            }

            fn remove_all(&mut self, item: &[u8]) {
                let mut cursor = self.cursor(0);
                while cursor.find(item, 0) {
                    cursor.remove(1);
                }
            }

            fn set_field(&mut self, field: &[u8], value: &[u8]) {
                let mut cursor = self.cursor(0);
                if cursor.find(field, 1) {
                    cursor.move_next();
                    assert_eq!(cursor.replace(Value::of(value)), Ok(true));
                } else {
                    cursor.insert_before(Value::of(field)).expect("small");
                    cursor.insert_before(Value::of(value)).expect("small");
                }
            }

            fn remove_field(&mut self, field: &[u8]) {
                let mut cursor = self.cursor(0);
                if cursor.find(field, 1) {
                    cursor.remove(2);
                }
            }
        }
    };
}

form!(ListpackBuf);
form!(ZiplistBuf);

/// The next command for a list, done to `list` too.
fn list_command(rng: &mut Rng, list: &mut impl Form) -> Command {
    let len = list.len();
    let place = if len == 0 { 0 } else { rng.below(len as u64) as usize };
    let (index, item) = (place.to_string().into_bytes(), item(rng));
    match rng.below(10) {
        _ if list.bytes().len() > NODE => {
            list.remove(8, len);
            owned(&[b"LTRIM", b"k", b"0", b"7"])
        }
        turn @ 0..4 => {
            list.push(turn < 2, &item);
            owned(&[if turn < 2 { b"LPUSH" } else { b"RPUSH" }, b"k", &item])
        }
        4 if len > 0 => {
            list.replace(place, &item);
            owned(&[b"LSET", b"k", &index, &item])
        }
        5 | 6 if len > 0 => {
            let (pivot, before) = (list.item(place), rng.one_in(2));
            list.insert_at(&pivot, before, &item);
            let side: &[u8] = if before { b"BEFORE" } else { b"AFTER" };
            owned(&[b"LINSERT", b"k", side, &pivot, &item])
        }
        7 if len > 0 => {
            let gone = list.item(place);
            list.remove_all(&gone);
            owned(&[b"LREM", b"k", b"0", &gone])
        }
        8 => {
            list.remove(0, 1);
            owned(&[b"LPOP", b"k"])
        }
        _ => {
            list.remove_last();
            owned(&[b"RPOP", b"k"])
        }
    }
}

fn owned(words: &[&[u8]]) -> Command {
    words.iter().map(|word| word.to_vec()).collect()
}

fn packed(prefix: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut body = prefix.to_vec();
    string::encode_raw(&mut body, bytes);
    body
}

/// A run on a list, whose bytes are to stand behind `prefix`.
fn list_run<F: Form>(rng: &mut Rng, prefix: &[u8]) -> Run {
    let (mut run, mut list) = (Run::default(), F::default());
    for _ in 0..COMMANDS {
        let command = list_command(rng, &mut list);
        let words: Vec<_> = command.iter().map(Vec::as_slice).collect();
        run.add(&words, (list.len() > 0).then(|| packed(prefix, list.bytes())));
    }
    run
}

#[test]
fn lists_are_edited_as_servers_edit_them() {
    // One node, packed.
    check(&SINCE_7_0, &[18], |rng| list_run::<ListpackBuf>(rng, &[1, 2]));
}

#[test]
fn lists_of_ziplists_are_edited_as_a_server_edits_them() {
    // One node.
    check(&[Peer::Redis62], &[14], |rng| list_run::<ZiplistBuf>(rng, &[1]));
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

fn hash_run<F: Form>(rng: &mut Rng, item: impl Fn(&mut Rng) -> Vec<u8>) -> Run {
    let (mut run, mut hash) = (Run::default(), F::default());
    for _ in 0..COMMANDS {
        let (field, value) = (item(rng), item(rng));
        if rng.one_in(3) {
            hash.remove_field(&field);
            run.add(&[b"HDEL", b"k", &field], None);
        } else {
            hash.set_field(&field, &value);
            run.add(&[b"HSET", b"k", &field, &value], None);
        }
        if hash.len() > 0 {
            run.expected.pop();
            run.expected.push(Some(packed(&[], hash.bytes())));
        }
    }
    run
}

#[test]
fn hashes_are_edited_as_servers_edit_them() {
    check(&SINCE_7_0, &[16], |rng| hash_run::<ListpackBuf>(rng, short_item));
}

#[test]
fn hashes_of_ziplists_are_edited_as_a_server_edits_them() {
    check(&[Peer::Redis62], &[13], |rng| hash_run::<ZiplistBuf>(rng, short_item));
}

/// Elements at the length from which on the length in front of the next is wide: edits go on into
/// the elements behind.
#[test]
fn wide_lengths_are_edited_as_a_server_edits_them() {
    let near = |rng: &mut Rng| {
        let name = rng.pick(&[&b"a"[..], b"b", b"c", b"d", b"e", b"f"]);
        let len = rng.between(246, 256) as usize;
        [name, &vec![b'-'; if rng.one_in(4) { 0 } else { len - 1 }]].concat()
    };
    let args = ["--hash-max-ziplist-value", "1000"];
    check_with(&[Peer::Redis62], &args, &[13], |rng| hash_run::<ZiplistBuf>(rng, near));
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
