//! Full syncs over two connections, in each way in which masters offer them.

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Plain,
    Redis,
    Valkey,
}

/// All that a master sends on the link, in answer to what came; `parted` once the RDB's connection
/// has said its place.
fn answer(way: Way, stream: &[u8], received: &[u8], parted: bool) -> Vec<u8> {
    let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
    decoder.set_authenticated(true);
    let (mut at, mut out) = (0, Vec::new());
    loop {
        let unread = received[at..].iter().take_while(|byte| **byte == b'\n').count();
        at += unread;
        let decoded = decoder.decode(&received[at..]).unwrap();
        let Some(request) = decoded.request else { return out };
        match request.name() {
            b"PING" => out.extend(b"+PONG\r\n"),
            b"CONFIG" if way == Way::Plain => out.extend(b"*0\r\n"),
            b"CONFIG" => {
                let name = &request[2];
                let len = name.len().to_string();
                out.extend(
                    [b"*2\r\n$", len.as_bytes(), b"\r\n", name, b"\r\n$3\r\nyes\r\n"].concat(),
                );
            }
            b"PSYNC" if &request[1] == b"?" => match way {
                Way::Redis => {
                    out.extend(b"+RDBCHANNELSYNC 5\r\n");
                    out.extend_from_slice(if parted { stream } else { b"" });
                }
                _ => out.extend(b"+DUALCHANNELSYNC\r\n"),
            },
            b"PSYNC" => {
                out.extend(b"+CONTINUE\r\n");
                let next = redwire_resp::parse_i64(&request[2]).unwrap() as u64;
                out.extend(&stream[(next - 1 - BASE) as usize..]);
            }
            b"REPLCONF" if request[1].eq_ignore_ascii_case(b"ack") => {}
            _ => out.extend(b"+OK\r\n"),
        }
        at += decoded.used;
    }
}

/// All that it sends on the connection of the RDB.
fn rdb_answer(way: Way, rdb: &[u8]) -> Vec<u8> {
    let id = String::from_utf8_lossy(REPLID);
    let mut out = b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n"[..].to_vec();
    // As many replies as there were commands: port, capabilities, version, and what it is for.
    out.truncate(b"+PONG\r\n".len() + 4 * b"+OK\r\n".len());
    out.extend(match way {
        Way::Valkey => format!("$ENDOFF:{BASE} {id} 0 9\r\n").into_bytes(),
        Way::Plain | Way::Redis => format!("+FULLRESYNC {id} {BASE}\r\n").into_bytes(),
    });
    let marker = [b'm'; 40];
    out.extend([b"$EOF:", &marker[..], b"\r\n", rdb, &marker].concat());
    out
}

/// Hands over all that the unread bytes hold.
macro_rules! take_all {
    ($follower:ident . $handle:ident, $unread:ident, $now:ident, $told:ident) => {
        let mut at = 0;
        loop {
            let progress = $follower.$handle(&$unread[at..], $now).unwrap();
            let goes_on = progress.goes_on();
            at += progress.used;
            progress.item.into_iter().for_each(|item| $told.take(item));
            if !goes_on {
                break;
            }
        }
        $unread.drain(..at);
    };
}

/// Both connections, which end after `len` bytes of the link or `rdb_len` of the other, each in
/// pieces. Answers whether both were whole.
fn connect_two(
    follower: &mut Follower,
    (way, rdb, stream): (Way, &[u8], &[u8]),
    (len, rdb_len, piece): (usize, usize, usize),
    now: Instant,
    told: &mut Told,
) -> bool {
    follower.handle_connected(now);
    let (mut received, mut sent, mut unread) = (Vec::new(), 0, Vec::new());
    let (mut rdb_sent, mut rdb_unread, mut parted) = (None, Vec::new(), false);
    let from_rdb = rdb_answer(way, rdb);
    let mut snapshots = told.snapshot.len();
    loop {
        let _ = follower.poll_transmit(&mut received);
        let all = answer(way, stream, &received, parted);
        let all = &all[..all.len().min(len)];
        let more = &all[sent..(sent + piece).min(all.len())];
        let mut moved = !more.is_empty();
        sent += more.len();
        unread.extend_from_slice(more);
        take_all!(follower.handle_input, unread, now, told);
        assert!(!follower.has_rdb_link() || told.commands.is_empty(), "the data set comes first");
        if follower.poll_rdb_connect() {
            follower.handle_rdb_connected(now);
            rdb_sent = Some(0);
            moved = true;
        }
        let _ = follower.poll_rdb_transmit(&mut Vec::new());
        if let Some(sent) = &mut rdb_sent {
            let all = &from_rdb[..from_rdb.len().min(rdb_len)];
            let more = &all[*sent..(*sent + piece).min(all.len())];
            moved |= !more.is_empty();
            *sent += more.len();
            rdb_unread.extend_from_slice(more);
            take_all!(follower.handle_rdb_input, rdb_unread, now, told);
            parted |= *sent > b"+PONG\r\n".len() + 4 * b"+OK\r\n".len() + 60;
        }
        moved |= std::mem::replace(&mut snapshots, told.snapshot.len()) != told.snapshot.len();
        if !moved {
            break;
        }
    }
    let whole = sent == answer(way, stream, &received, parted).len() && !follower.has_rdb_link();
    follower.handle_disconnected(now);
    whole
}

const ALL: usize = usize::MAX;

/// What of a stream of two commands the reader is to be told.
fn some_stream() -> (Vec<u8>, Vec<String>) {
    let ops =
        [Op::Select(1), Op::Set(3), Op::Transaction(vec![Op::Set(1), Op::Set(2)]), Op::GetAck];
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    write(&ops, false, &mut 0, &mut stream, &mut expected);
    (stream, expected)
}

fn follower(now: Instant) -> Follower {
    Follower::new(default_config(), 1, now)
}

/// Either connection breaks behind any byte: the next attempt has all, once and in order.
#[test]
fn every_cut_of_either_connection_is_mended() {
    let (stream, expected) = some_stream();
    let rdb = rdb(3);
    for way in [Way::Plain, Way::Redis, Way::Valkey] {
        for cut in 0..700 {
            let cuts = [(cut, ALL, 1 << 20), (ALL, cut, 7)];
            for cut in cuts {
                let (now, mut told) = (start(), Told::default());
                let mut follower = follower(now);
                let master = (way, &rdb[..], &stream[..]);
                connect_two(&mut follower, master, cut, now, &mut told);
                let whole = connect_two(&mut follower, master, (ALL, ALL, 50), now, &mut told);
                assert!(whole, "{way:?}, {cut:?}");
                assert_eq!(told.commands, expected, "{way:?}, {cut:?}");
                assert_eq!((told.snapshot.len(), told.gone), (3, 0), "{way:?}, {cut:?}");
                let end = BASE + stream.len() as u64;
                assert_eq!(follower.position().unwrap().offset.get(), end);
            }
        }
    }
}

/// A master that breaks full syncs over two connections off is asked for one over one.
#[test]
fn one_connection_is_tried_in_the_end() {
    let (stream, expected) = some_stream();
    let rdb = rdb(3);
    let (now, mut told) = (start(), Told::default());
    let mut follower = follower(now);
    for _ in 0..2 {
        let master = (Way::Plain, &rdb[..], &stream[..]);
        assert!(!connect_two(&mut follower, master, (ALL, 100, 1 << 20), now, &mut told));
    }
    let master = Master { rdb, stream, marker: true, forgets: false };
    assert!(connect(&mut follower, &master, usize::MAX, 1 << 20, now, &mut told));
    assert_eq!((told.commands, told.snapshot.len()), (expected, 3));
}
