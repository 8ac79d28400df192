//! Real servers as judges: `resp` through `redis-cli --pipe`, and a server as input.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use redwire_testkit::{Peer, Server, workload::dataset};

fn resp(input: &str, commands: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redwire-inspect"));
    let status = command.args(["resp", input, "-o"]).arg(commands).status().unwrap();
    assert!(status.success(), "{input}");
}

fn pipe(cli: &Path, commands: &Path, to: &Server) {
    let mut command = Command::new(cli);
    command.args(["-p", &to.port_text(), "--pipe"]).stdin(File::open(commands).unwrap());
    let output = command.stdout(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("errors: 0"), "{text}");
}

fn data_comes_over(peer: Peer) {
    let Some(programs) = peer.programs() else { return };
    let (Some(from), Some(to)) = (peer.start(&[]), peer.start(&[])) else { return };
    from.client().pipeline(&dataset(1));
    from.client().ok(&["XADD", "stream", "1-1", "field", "value"]);
    from.client().ok(&["XGROUP", "CREATE", "stream", "group", "0"]);
    from.client().ok(&["XREADGROUP", "GROUP", "group", "me", "STREAMS", "stream", ">"]);
    from.client().ok(&["SAVE"]);
    let folder = tempfile::tempdir().unwrap();
    let commands = folder.path().join("commands");
    let inputs = [from.rdb().display().to_string(), format!("redis://127.0.0.1:{}", from.port())];
    for input in inputs {
        to.client().ok(&["FLUSHALL"]);
        resp(&input, &commands);
        pipe(&programs.cli, &commands, &to);
        assert_eq!(from.client().digest(), to.client().digest(), "{input}");
    }
}

#[test]
fn data_comes_over_redis_70() {
    data_comes_over(Peer::Redis70);
}

#[test]
fn data_comes_over_redis_60() {
    data_comes_over(Peer::Redis60);
}

#[test]
fn data_comes_over_redis_86() {
    data_comes_over(Peer::Redis86);
}

#[test]
fn data_comes_over_redis_80() {
    data_comes_over(Peer::Redis80);
}

#[test]
fn data_comes_over_valkey_91() {
    data_comes_over(Peer::Valkey91);
}
