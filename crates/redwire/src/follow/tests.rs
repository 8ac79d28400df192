mod two;

use std::time::Duration;

use proptest::prelude::*;
use redwire_rdb::{EncodeOptions, Encoder, KeyMeta};
use redwire_resp::{Limits, Mode, RequestDecoder, encode_request};

use super::*;

#[expect(clippy::disallowed_methods, reason = "virtual time starts somewhere")]
fn start() -> Instant {
    Instant::now()
}

fn one_connection() -> ReplicaConfig {
    ReplicaConfig { two_connections: TwoConnections::No, ..default_config() }
}

const REPLID: &[u8; 40] = b"0123456789abcdef0123456789abcdef01234567";
/// The offset of the snapshot.
const BASE: u64 = 1000;

/// A master that says what a real one says, and no more.
#[derive(Debug)]
struct Master {
    rdb: Vec<u8>,
    stream: Vec<u8>,
    marker: bool,
    /// It has lost its backlog.
    forgets: bool,
}

impl Master {
    /// All that it sends over one connection, in answer to what came.
    fn answer(&self, received: &[u8]) -> Vec<u8> {
        let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
        decoder.set_authenticated(true);
        let (mut at, mut out) = (0, Vec::new());
        loop {
            let decoded = decoder.decode(&received[at..]).unwrap();
            let Some(request) = decoded.request else { return out };
            match request.name() {
                b"PING" => out.extend(b"+PONG\r\n"),
                b"PSYNC" => {
                    self.sync(&request[1], &request[2], &mut out);
                    return out;
                }
                _ => out.extend(b"+OK\r\n"),
            }
            at += decoded.used;
        }
    }

    fn sync(&self, replid: &[u8], next: &[u8], out: &mut Vec<u8>) {
        let next = redwire_resp::parse_i64(next).unwrap();
        if replid == REPLID && !self.forgets {
            out.extend(b"+CONTINUE\r\n");
            out.extend(&self.stream[(next as u64 - 1 - BASE) as usize..]);
            return;
        }
        out.extend([b"+FULLRESYNC ", &REPLID[..], b" 1000\r\n"].concat());
        if self.marker {
            let marker = [b'm'; 40];
            out.extend([b"$EOF:", &marker[..], b"\r\n", &self.rdb, &marker].concat());
        } else {
            out.extend(format!("\n${}\r\n", self.rdb.len()).into_bytes());
            out.extend(&self.rdb);
        }
        out.extend(&self.stream);
    }
}

/// What a reader was told, as text.
#[derive(Debug, Default)]
struct Told {
    snapshot: Vec<String>,
    commands: Vec<String>,
    /// Commands of a transaction that is not over.
    open: Vec<String>,
    resumed: usize,
    gone: usize,
    position: Option<Position>,
}

impl Told {
    fn take(&mut self, item: Item<'_>) {
        match item {
            Item::SnapshotStart { history_gone, .. } => {
                let gone = self.gone + usize::from(history_gone);
                *self = Told { gone, ..Told::default() };
            }
            Item::Snapshot { db, event: Event::Key(header) } => {
                self.snapshot.push(format!("{db} {}", header.key.escape_ascii()));
            }
            Item::Snapshot { .. } => {}
            Item::SnapshotEnd { position } => self.position = position,
            Item::Resumed { position } => {
                // What no item tells of, a PING say, may lie between.
                assert!(position.offset >= self.position.unwrap().offset);
                self.position = Some(position);
                self.resumed += 1;
            }
            Item::Command { db, request, in_transaction, position } => {
                let words: Vec<String> =
                    request.iter().map(|word| word.escape_ascii().to_string()).collect();
                self.open.push(format!("{db} {in_transaction} {}", words.join(" ")));
                if position.is_some() {
                    self.commands.append(&mut self.open);
                    self.position = position;
                }
            }
        }
    }
}

/// One connection that ends after `len` bytes, which come in `pieces`. Answers whether it was all.
fn connect(
    follower: &mut Follower,
    master: &Master,
    len: usize,
    piece: usize,
    now: Instant,
    told: &mut Told,
) -> bool {
    follower.handle_connected(now);
    let (mut received, mut sent, mut unread) = (Vec::new(), 0, Vec::new());
    loop {
        let _ = follower.poll_transmit(&mut received);
        let answer = master.answer(&received);
        let answer = &answer[..answer.len().min(len)];
        let more = &answer[sent..(sent + piece).min(answer.len())];
        if more.is_empty() {
            break;
        }
        sent += more.len();
        unread.extend_from_slice(more);
        let mut at = 0;
        loop {
            let progress = follower.handle_input(&unread[at..], now).unwrap();
            let goes_on = progress.goes_on();
            at += progress.used;
            if let Some(item) = progress.item {
                told.take(item);
            }
            if !goes_on {
                break;
            }
        }
        unread.drain(..at);
    }
    let whole = sent == master.answer(&received).len();
    assert!(told.open.is_empty(), "a transaction comes whole or not at all");
    assert_eq!(follower.position().map(|it| it.offset >= told.position.unwrap().offset), {
        told.position.map(|_| true)
    });
    follower.handle_disconnected(now);
    whole
}

#[derive(Clone, Debug)]
enum Op {
    Set(u8),
    Select(u8),
    Ping,
    GetAck,
    Transaction(Vec<Op>),
}

fn op() -> impl Strategy<Value = Op> {
    let plain = prop_oneof![
        4 => any::<u8>().prop_map(Op::Set),
        2 => (0..4u8).prop_map(Op::Select),
    ];
    prop_oneof![
        6 => plain.clone(),
        1 => Just(Op::Ping),
        1 => Just(Op::GetAck),
        2 => prop::collection::vec(plain, 0..4).prop_map(Op::Transaction),
    ]
}

/// Writes the stream of `ops`, and what a reader is to be told of it.
fn write(ops: &[Op], open: bool, db: &mut u8, stream: &mut Vec<u8>, told: &mut Vec<String>) {
    for op in ops {
        match op {
            Op::Set(value) => {
                let value = "v".repeat(usize::from(*value));
                encode_request(stream, ["SET", "key", &value]);
                told.push(format!("{db} {open} SET key {value}"));
            }
            Op::Select(to) => {
                *db = *to;
                encode_request(stream, ["SELECT", &to.to_string()]);
            }
            Op::Ping => encode_request(stream, ["PING"]),
            Op::GetAck => encode_request(stream, ["REPLCONF", "GETACK", "*"]),
            Op::Transaction(ops) => {
                encode_request(stream, ["MULTI"]);
                write(ops, true, db, stream, told);
                encode_request(stream, ["EXEC"]);
            }
        }
    }
}

fn rdb(keys: usize) -> Vec<u8> {
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut out = Vec::new();
    encoder.start(&mut out);
    encoder.select_db(&mut out, 2, keys as u64, 0);
    for n in 0..keys {
        encoder.string(&mut out, &KeyMeta::new(format!("key{n}").as_bytes()), b"value");
    }
    encoder.end(&mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However connections break and bytes arrive, and whether the same process goes on or another
    /// from the position that was kept: every command is told once, in order.
    #[test]
    fn nothing_is_lost_or_repeated(
        ops in prop::collection::vec(op(), 0..20),
        keys in 0..5usize,
        marker in any::<bool>(),
        cuts in prop::collection::vec((1..3000usize, 1..700usize, any::<bool>()), 0..8),
    ) {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        write(&ops, false, &mut 0, &mut stream, &mut expected);
        let end = BASE + stream.len() as u64;
        let master = Master { rdb: rdb(keys), stream, marker, forgets: false };
        let (mut now, mut told) = (start(), Told::default());
        let mut follower = Follower::new(one_connection(), 1, now);
        for (len, piece, restart) in cuts {
            connect(&mut follower, &master, len, piece, now, &mut told);
            now += Duration::from_secs(100);
            if restart {
                follower = Follower::new(one_connection(), 1, now);
                if let Some(position) = told.position {
                    follower.resume_from(position);
                }
            }
        }
        prop_assert!(connect(&mut follower, &master, usize::MAX, 1 << 20, now, &mut told));
        prop_assert_eq!(told.snapshot, (0..keys).map(|n| format!("2 key{n}")).collect::<Vec<_>>());
        prop_assert_eq!(told.commands, expected);
        prop_assert_eq!(follower.position().unwrap().offset.get(), end);
        prop_assert_eq!(told.gone, 0);
    }
}

#[test]
fn every_cut_of_a_link_is_mended() {
    let ops = [
        Op::Select(1),
        Op::Set(3),
        Op::Transaction(vec![Op::Set(1), Op::Select(2), Op::Set(2)]),
        Op::Ping,
        Op::Set(4),
    ];
    for marker in [false, true] {
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        write(&ops, false, &mut 0, &mut stream, &mut expected);
        let master = Master { rdb: rdb(2), stream, marker, forgets: false };
        for len in 0..700 {
            let (now, mut told) = (start(), Told::default());
            let mut follower = Follower::new(one_connection(), 1, now);
            connect(&mut follower, &master, len, 1 << 20, now, &mut told);
            connect(&mut follower, &master, usize::MAX, 1 << 20, now, &mut told);
            assert_eq!(told.commands, expected, "cut at {len}");
            assert_eq!(told.snapshot.len(), 2);
        }
    }
}

#[test]
fn a_history_that_is_gone_is_told() {
    let now = start();
    let mut master = Master { rdb: rdb(1), stream: Vec::new(), marker: true, forgets: false };
    let mut told = Told::default();
    let mut follower = Follower::new(one_connection(), 1, now);
    connect(&mut follower, &master, usize::MAX, 1 << 20, now, &mut told);
    connect(&mut follower, &master, usize::MAX, 1 << 20, now, &mut told);
    assert_eq!((told.resumed, told.gone), (1, 0));
    master.forgets = true;
    connect(&mut follower, &master, usize::MAX, 1 << 20, now, &mut told);
    assert_eq!((told.resumed, told.gone), (0, 1));
}

#[test]
fn damage_is_an_error_with_its_place() {
    let now = start();
    let mut rdb = rdb(1);
    let middle = rdb.len() / 2;
    rdb[middle] ^= 0xff;
    let master = Master { rdb, stream: Vec::new(), marker: false, forgets: false };
    let mut follower = Follower::new(one_connection(), 1, now);
    follower.handle_connected(now);
    let (mut received, mut unread, mut sent) = (Vec::new(), Vec::new(), 0);
    let error = loop {
        let _ = follower.poll_transmit(&mut received);
        let answer = master.answer(&received);
        unread.extend_from_slice(&answer[sent..]);
        sent = answer.len();
        match follower.handle_input(&unread, now) {
            Ok(progress) => {
                let used = progress.used;
                unread.drain(..used);
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Data { .. }), "{error}");
    assert_eq!(follower.handle_input(&unread, now).unwrap_err(), error, "and stays one");
}
