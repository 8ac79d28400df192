//! redis-py's ordinary use, and its commands that wait, in both protocols.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use redwire_testkit::{Peer, Redwire, Server, skip};

/// A Python that has redis-py: what `REDWIRE_PYTHON` names, the environment that `./check` makes
/// under `target/python`, or the host's own.
fn python() -> Option<PathBuf> {
    let root = redwire_testkit::workspace();
    let candidates = [
        env::var_os("REDWIRE_PYTHON").map(PathBuf::from),
        Some(root.join("target/python/bin/python")),
        Some(PathBuf::from("python3")),
    ];
    let found = candidates.into_iter().flatten().find(|python| {
        let import = Command::new(python).args(["-c", "import redis"]).output();
        import.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        let required = env::var_os("REDWIRE_PEERS").is_some_and(|peers| peers == "require");
        assert!(!required, "no Python with redis-py, and REDWIRE_PEERS=require");
        skip("no Python with redis-py on this machine (./check makes one)");
    }
    found
}

fn passes(server: &Server, script: &str) {
    let Some(python) = python() else { return };
    let script = redwire_testkit::workspace().join("crates/testkit/py").join(script);
    for protocol in ["2", "3"] {
        let output = Command::new(&python)
            .arg(&script)
            .args([&server.port_text(), protocol])
            .output()
            .expect("run Python");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "RESP{protocol}:\n{complaint}");
    }
}

/// The scripts themselves are right: a real server passes them.
#[test]
fn with_redis_70() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    passes(&real, "ordinary_use.py");
    passes(&real, "waiting.py");
}

#[test]
fn with_redwire() {
    passes(&Redwire::start(&[]), "ordinary_use.py");
}

#[test]
fn commands_that_wait_with_redwire() {
    passes(&Redwire::start(&[]), "waiting.py");
}
