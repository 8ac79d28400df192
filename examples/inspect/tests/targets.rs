//! `convert` judged by servers: what one wrote, for another, is the data that the other has when it
//! was given the same commands.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use redwire_testkit::{Peer, Server, workload::dataset};

/// Streams whose every time is said: nodes of several, deleted entries, groups, consumers, pending
/// entries, one that is empty.
fn streams(server: &Server) {
    let mut client = server.client();
    let mut ok = |line: &str| drop(client.ok(&line.split(' ').collect::<Vec<_>>()));
    for n in 1..=350 {
        ok(&format!("XADD s:long {n}-{} field {n} text text-{n}", n % 3));
        if n % 5 == 0 {
            ok(&format!("XADD s:long {n}-7 other value"));
        }
    }
    for n in (3..=350).step_by(7) {
        ok(&format!("XDEL s:long {n}-{}", n % 3));
    }
    ok("XGROUP CREATE s:long readers 0");
    ok("XGROUP CREATE s:long later 200-0");
    ok("XREADGROUP GROUP readers alice COUNT 20 STREAMS s:long >");
    ok("XREADGROUP GROUP readers bob COUNT 3 STREAMS s:long >");
    ok("XACK s:long readers 1-1 2-2");
    ok("XGROUP CREATE s:empty nobody $ MKSTREAM");
    ok("XADD s:small 5-0 -1 9223372036854775807");
    ok("XADD s:gone 1-1 a b");
    ok("XDEL s:gone 1-1");
    ok("XSETID s:small 9-9");
}

/// What a client sees of groups, which DEBUG DIGEST does not.
fn groups(server: &Server) -> String {
    let mut client = server.client();
    let mut seen = String::new();
    for line in [
        "XPENDING s:long readers - + 100 alice",
        "XPENDING s:long readers - + 100 bob",
        "XPENDING s:long later",
        "XINFO GROUPS s:empty",
    ] {
        let reply = client.ok(&line.split(' ').collect::<Vec<_>>());
        // How long an entry has been pending is another at each moment.
        let text = format!("{reply:?}");
        seen += &if line.contains("+ 100") {
            text.matches("Bulk").count().to_string()
        } else if line.starts_with("XINFO") {
            text.contains("nobody").to_string()
        } else {
            text
        };
        seen.push('\n');
    }
    seen
}

fn filled(peer: Peer) -> Option<Server> {
    let server = peer.start(&[])?;
    server.client().pipeline(&dataset(1));
    streams(&server);
    Some(server)
}

/// Without a `target`, for the oldest that holds the data.
fn convert(from: &Path, to: &Path, target: Option<&str>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redwire-inspect"));
    command.arg("convert").arg(from).arg("-o").arg(to);
    command.args(target.into_iter().flat_map(|target| ["--to", target]));
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} to {target:?}: {errors}", from.display());
}

fn every_target_from(source: Peer) {
    let Some(from) = filled(source) else { return };
    from.client().ok(&["SAVE"]);
    let compare = |peer: Peer, target: Option<&str>, judge: &Server| {
        let Some(programs) = peer.programs() else { return };
        let folder = tempfile::tempdir().unwrap();
        convert(&from.rdb(), &folder.path().join("dump.rdb"), target);
        let loaded = Server::start_in(peer.name(), &programs.server, folder.path(), &[]);
        let loaded = loaded.unwrap_or_else(|failure| panic!("{failure}"));
        let label = format!("{source:?} for {target:?}");
        assert_eq!(loaded.client().digest(), judge.client().digest(), "{label}");
        assert_eq!(groups(&loaded), groups(judge), "{label}");
    };
    compare(source, None, &from);
    for peer in Peer::ALL {
        let Some(judge) = filled(peer) else { continue };
        compare(peer, Some(peer.name()), &judge);
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

/// A file of Redis 5 that says more entries than there are, which Valkey 9.1 refuses as it stands.
#[test]
fn a_wrong_length_is_put_right() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let corpus = std::env::var_os("REDWIRE_CORPUS").map_or(beside, std::path::PathBuf::from);
    let file = corpus.join("old/hdt_stream_listpacks_1.rdb");
    if !file.is_file() {
        eprintln!("SKIPPED a_wrong_length_is_put_right: no {} (REDWIRE_CORPUS)", file.display());
        return;
    }
    let Some(programs) = Peer::Valkey91.programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    convert(&file, &folder.path().join("dump.rdb"), Some("valkey-9.1"));
    let loaded = Server::start_in("valkey-9.1", &programs.server, folder.path(), &[]);
    let loaded = loaded.unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(loaded.client().ok(&["XLEN", "trim"]).int(), Some(118));
}
