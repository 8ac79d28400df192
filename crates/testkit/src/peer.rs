use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::Server;

/// A real server of one version, which the tests measure redwire against.
///
/// It is looked for in this order, see [`Peer::programs`]:
///
/// 1. in the folder that the environment's `REDWIRE_PEERS` names, as `NAME/bin/redis-server`,
/// 2. in `target/peers` of this workspace or what `REDWIRE_PEERS_DIR` names instead, where
///    `crates/testkit/peers` unpacks it,
/// 3. on `PATH`, when `redis-server` or `valkey-server` there has the peer's version.
///
/// Without it a test is skipped with one line on standard error, or fails when `REDWIRE_PEERS` is
/// `require` and the peer is one of [`Peer::REQUIRED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Redis 7.0.
    Redis70,
    /// Redis 8.0.
    Redis80,
    /// Valkey 9.1.
    Valkey91,
    /// Redis 6.0.
    Redis60,
    /// Redis 6.2.
    Redis62,
    /// Redis 8.6. There is no redis-benchmark beside it.
    Redis86,
    /// Valkey 8.1.
    Valkey81,
}

/// The programs of a peer.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `redis-server` or `valkey-server`.
    pub server: PathBuf,
    /// `redis-cli` or `valkey-cli`.
    pub cli: PathBuf,
    /// `redis-benchmark` or `valkey-benchmark`.
    pub benchmark: PathBuf,
}

impl Peer {
    /// The peers that every machine can have, which continuous integration insists on.
    pub const REQUIRED: [Peer; 3] = [Peer::Redis70, Peer::Redis80, Peer::Valkey91];

    /// All peers: those required, then old ones and those that not every machine can have.
    pub const ALL: [Peer; 7] = [
        Peer::Redis70,
        Peer::Redis80,
        Peer::Valkey91,
        Peer::Redis60,
        Peer::Redis62,
        Peer::Redis86,
        Peer::Valkey81,
    ];

    /// The peer's name, which is also that of its folder: `redis-7.0`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Peer::Redis70 => "redis-7.0",
            Peer::Redis80 => "redis-8.0",
            Peer::Valkey91 => "valkey-9.1",
            Peer::Redis60 => "redis-6.0",
            Peer::Redis62 => "redis-6.2",
            Peer::Redis86 => "redis-8.6",
            Peer::Valkey81 => "valkey-8.1",
        }
    }

    /// Where the peer's programs are, or `None` after the line that says that a test is skipped.
    ///
    /// # Panics
    ///
    /// When the peer is missing, is one of [`Peer::REQUIRED`], and `REDWIRE_PEERS` is `require`.
    #[must_use]
    pub fn programs(self) -> Option<Programs> {
        let found = self.find();
        if found.is_none() {
            let name = self.name();
            let required = Peer::REQUIRED.contains(&self)
                && env::var_os("REDWIRE_PEERS").is_some_and(|peers| peers == "require");
            assert!(!required, "{name} is missing and REDWIRE_PEERS=require: run testkit/peers");
            skip(&format!("{name} is not on this machine (crates/testkit/peers unpacks it)"));
        }
        found
    }

    /// Starts the server, or answers `None` after the line that says that a test is skipped.
    ///
    /// # Panics
    ///
    /// When the peer is required but missing, or does not start.
    #[must_use]
    pub fn start(self, args: &[&str]) -> Option<Server> {
        Some(Server::start(self.name(), &self.programs()?.server, args))
    }

    fn find(self) -> Option<Programs> {
        static FOUND: [OnceLock<Option<Programs>>; Peer::ALL.len()] =
            [const { OnceLock::new() }; Peer::ALL.len()];
        let search = || self.in_folders().or_else(|| self.on_path());
        FOUND[self as usize].get_or_init(search).clone()
    }

    fn in_folders(self) -> Option<Programs> {
        let given = env::var_os("REDWIRE_PEERS").filter(|peers| peers != "require");
        let unpacked = env::var_os("REDWIRE_PEERS_DIR")
            .map_or_else(|| crate::workspace().join("target/peers"), PathBuf::from);
        [given.map(PathBuf::from), Some(unpacked)]
            .into_iter()
            .flatten()
            .map(|folder| Programs::beside(&folder.join(self.name()).join("bin"), "redis"))
            .find(|programs| programs.server.is_file())
    }

    fn on_path(self) -> Option<Programs> {
        let (vendor, version) = self.name().split_once('-')?;
        env::split_paths(&env::var_os("PATH")?)
            .map(|folder| Programs::beside(&folder, vendor))
            .find(|programs| programs.is_version(version))
    }
}

impl Programs {
    fn beside(folder: &Path, prefix: &str) -> Programs {
        let program = |name: &str| folder.join(format!("{prefix}-{name}"));
        Programs { server: program("server"), cli: program("cli"), benchmark: program("benchmark") }
    }

    /// Whether the server says `v=VERSION.x`.
    fn is_version(&self, version: &str) -> bool {
        self.server.is_file()
            && Command::new(&self.server).arg("--version").output().is_ok_and(|output| {
                String::from_utf8_lossy(&output.stdout).contains(&format!(" v={version}."))
            })
    }
}

/// Prints the one line that a skipped test leaves, past the capturing of test output.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
