//! What becomes of a score of -0 where a sorted set is loaded: servers from Redis 7.0 on make a small form
//! of a set that has shrunk, in which it is 0, and leave one alone that is small in the file, or large.

use redwire_testkit::{Client, Command, Peer, Redwire, wait_caught_up};

/// `DUMP` of a Redis 6.0, which has -0 in its small form: `ZADD text -0 a 1 b`.
const SMALL: &[u8] =
    b"\x0c\x17\x17\x00\x00\x00\x14\x00\x00\x00\x04\x00\x00\x01a\x03\x02-0\x04\x01b\x03\xf2\
    \xff\x09\x00L\xd7)\x90\xc5\xed\xb4\xdd";
/// Likewise of one that has shrunk.
const SHRUNK: &[u8] =
    b"\x05\x02\x01b\x00\x00\x00\x00\x00\x00\xf0?\x01a\x00\x00\x00\x00\x00\x00\x00\x80\x09\
    \x00\x053\x13\x97X\xbf\xac\x0d";

const PEERS: [Peer; 5] =
    [Peer::Redis70, Peer::Redis80, Peer::Redis86, Peer::Valkey81, Peer::Valkey91];

const KEYS: [&str; 6] = ["small", "shrunk", "copied", "large", "text", "restored"];

/// Sorted sets with a member `a` of score -0, in all ways.
fn fill(client: &mut Client) {
    let restore = |key: &str, payload: &[u8]| -> Command {
        vec![b"RESTORE".to_vec(), key.into(), b"0".to_vec(), payload.to_vec()]
    };
    let line = |line: &str| -> Command { line.split(' ').map(Into::into).collect() };
    let many: String = (0..200).map(|n| format!(" {n} m{n}")).collect();
    let gone: String = (0..150).map(|n| format!(" m{n}")).collect();
    for command in [
        line("ZADD small -0 a 1 b"),
        line(&format!("ZADD shrunk{many}")),
        line("ZADD shrunk -0 a"),
        line(&format!("ZREM shrunk{gone}")),
        line("COPY shrunk copied"),
        line(&format!("ZADD large{many}")),
        line("ZADD large -0 a"),
        restore("text", SMALL),
        restore("restored", SHRUNK),
    ] {
        client.ok(&command);
    }
}

fn scores(client: &mut Client) -> Vec<String> {
    KEYS.map(|key| format!("{key} {}", client.ok(&["ZSCORE", key, "a"]).text())).to_vec()
}

#[test]
fn a_load_settles_them_as_real_servers_do() {
    let ours = Redwire::start(&[]);
    let mut here = ours.client();
    for peer in PEERS {
        let Some(real) = peer.start(&[]) else { continue };
        let mut there = real.client();
        here.ok(&["FLUSHALL"]);
        fill(&mut here);
        fill(&mut there);
        let before = scores(&mut here);
        assert_eq!(before, scores(&mut there), "{}", peer.name());
        here.ok(&["DEBUG", "RELOAD"]);
        there.ok(&["DEBUG", "RELOAD"]);
        let after = scores(&mut here);
        assert_eq!(after, scores(&mut there), "{}", peer.name());
        assert_ne!(before, after);
        if peer == Peer::Redis70 {
            assert_eq!(here.digest(), there.digest());
        }
    }
}

#[test]
fn a_full_sync_settles_them_once_for_the_whole_chain() {
    for peer in PEERS {
        let (Some(first), Some(last)) = (peer.start(&[]), peer.start(&[])) else { continue };
        let ours = Redwire::start(&[]);
        fill(&mut first.client());
        ours.follow(&first);
        last.follow(&ours);
        wait_caught_up(&first, &last);
        let [here, end] = [&ours, &last].map(|server| scores(&mut server.client()));
        first.client().ok(&["DEBUG", "RELOAD"]);
        assert_eq!(here, scores(&mut first.client()), "{}", peer.name());
        assert_eq!(end, here, "{}", peer.name());
        if peer == Peer::Redis70 {
            assert_eq!(ours.client().digest(), last.client().digest());
        }
    }
}
