//! Commands and options that came with Redis 8.2 to 8.6 and Valkey 9: answered as by the servers that
//! have them, and told to replicas that do not.

mod clients;
mod collections;
mod streams;
mod strings;

use redwire_testkit::{
    Client, Command, Peer, Redwire, Reply, assert_same_data, assert_same_groups, wait_caught_up,
};

/// What is shown of a reply, whole.
fn shown(reply: &Reply) -> String {
    match reply {
        // An entry with how long it has been pending.
        Reply::Array(parts) if matches!(parts[..], [_, Reply::Array(_), Reply::Int(_), _]) => {
            format!("[{}, {}, idle, {}]", shown(&parts[0]), shown(&parts[1]), shown(&parts[3]))
        }
        Reply::Array(replies) => {
            format!("[{}]", replies.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Reply::Error(text) => format!("-{}", String::from_utf8_lossy(text)),
        other => format!("{other:?}"),
    }
}

fn words(line: &str) -> Command {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn play(client: &mut Client, lines: &str) -> Vec<String> {
    let lines = lines.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            format!("{line} -> {}", shown(&client.call(&words)))
        })
        .collect()
}

/// The lines are answered as by a peer; a Redis 7.0 that follows ends with the same data, groups
/// included.
fn same(peer: Peer, lines: &str) {
    let Some(real) = peer.start(&[]) else { return };
    let ours = Redwire::start(&["--repl-diskless-sync-delay", "0"]);
    let old = Peer::Redis70.start(&[]);
    if let Some(old) = &old {
        old.follow(&ours);
    }
    let (here, there) = (play(&mut ours.client(), lines), play(&mut real.client(), lines));
    for (ours, theirs) in here.iter().zip(&there) {
        assert_eq!(ours, theirs, "at {}", peer.name());
    }
    let Some(old) = old else { return };
    wait_caught_up(&ours, &old);
    assert_same_data(&ours, &old);
    assert_same_groups(&ours, &old);
}
