//! The ordinary use of the client libraries that most people take, in both protocols: redis-py,
//! node-redis, redis-rs.

mod redis_rs;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use redwire_testkit::{Peer, Redwire, Server, skip, workspace};

/// What runs a client library's scripts.
struct Runtime {
    library: &'static str,
    command: PathBuf,
    /// Where Node looks for its packages.
    modules: PathBuf,
}

impl Runtime {
    /// A Python that has redis-py: what `REDWIRE_PYTHON` names, the environment that `./check`
    /// makes under `target/python`, or the host's own.
    fn python() -> Option<Self> {
        let candidates = [
            env::var_os("REDWIRE_PYTHON").map(PathBuf::from),
            Some(workspace().join("target/python/bin/python")),
            Some(PathBuf::from("python3")),
        ];
        Self::find("redis-py", candidates.into_iter().flatten(), &["-c", "import redis"])
    }

    /// A Node that finds node-redis, in what `./check` makes under `target/node`.
    fn node() -> Option<Self> {
        Self::find("node-redis", [PathBuf::from("node")].into_iter(), &["-e", "require('redis')"])
    }

    fn find(
        library: &'static str,
        mut candidates: impl Iterator<Item = PathBuf>,
        probe: &[&str],
    ) -> Option<Self> {
        let modules = workspace().join("target/node/node_modules");
        let found = candidates.find(|command| {
            let import = Command::new(command).args(probe).env("NODE_PATH", &modules).output();
            import.is_ok_and(|output| output.status.success())
        });
        if found.is_none() {
            let required = env::var_os("REDWIRE_PEERS").is_some_and(|peers| peers == "require");
            assert!(!required, "no {library}, and REDWIRE_PEERS=require");
            skip(&format!("no {library} on this machine (./check sets it up)"));
        }
        found.map(|command| Self { library, command, modules })
    }

    fn passes(&self, server: &Server, script: &str) {
        let script = workspace().join("crates/testkit").join(script);
        for protocol in ["2", "3"] {
            let output = Command::new(&self.command)
                .arg(&script)
                .args([&server.port_text(), protocol])
                .env("NODE_PATH", &self.modules)
                .output()
                .expect("run a client library's script");
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{} in RESP{protocol}:\n{complaint}", self.library);
        }
    }
}

/// The scripts themselves are right: a real server passes them.
#[test]
fn redis_py_with_redis_70() {
    let (Some(python), Some(real)) = (Runtime::python(), Peer::Redis70.start(&[])) else { return };
    python.passes(&real, "py/ordinary_use.py");
    python.passes(&real, "py/waiting.py");
}

#[test]
fn redis_py_with_redwire() {
    let Some(python) = Runtime::python() else { return };
    python.passes(&Redwire::start(&[]), "py/ordinary_use.py");
}

#[test]
fn redis_py_waits_with_redwire() {
    let Some(python) = Runtime::python() else { return };
    python.passes(&Redwire::start(&[]), "py/waiting.py");
}

#[test]
fn node_redis_with_redis_70() {
    let (Some(node), Some(real)) = (Runtime::node(), Peer::Redis70.start(&[])) else { return };
    node.passes(&real, "js/ordinary_use.cjs");
}

#[test]
fn node_redis_with_redwire() {
    let Some(node) = Runtime::node() else { return };
    node.passes(&Redwire::start(&[]), "js/ordinary_use.cjs");
}

#[test]
fn redis_rs_with_redis_70() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    redis_rs::passes(&real);
}

#[test]
fn redis_rs_with_redwire() {
    redis_rs::passes(&Redwire::start(&[]));
}
