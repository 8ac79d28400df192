//! The servers that are measured beside each other: redwire's and the real ones.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use redwire_testkit::{Client, Peer, Reply, Server};

use crate::generator::{self, Batches, Expect, Extent, workload::key};
use crate::{Options, Outcome, Random, machine};

/// A server that can be measured.
#[derive(Clone, Debug)]
pub struct Contender {
    /// Its name in tables.
    pub name: &'static str,
    program: PathBuf,
}

impl Contender {
    /// redwire's own server: what the environment's `REDWIRE_SERVER` names, or else the package
    /// built as this program is, in the same target folder.
    ///
    /// # Errors
    /// If it does not build.
    pub fn redwire() -> Outcome<Contender> {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        let program = match PROGRAM.get() {
            Some(program) => program.clone(),
            None => PROGRAM.get_or_init(env_or(build()?)).clone(),
        };
        Ok(Contender { name: "redwire", program })
    }

    /// A real server, if it is on this machine; a line on standard error says when it is not.
    #[must_use]
    pub fn peer(peer: Peer) -> Option<Contender> {
        Some(Contender { name: peer.name(), program: peer.programs()?.server })
    }

    /// Other builds of redwire's server: the programs that the environment's `REDWIRE_BESIDE` names,
    /// separated by commas. By turns in one run, builds that differ by a few percent can be told apart.
    fn beside() -> impl Iterator<Item = Contender> {
        let programs = env::var("REDWIRE_BESIDE").unwrap_or_default();
        let programs: Vec<_> = programs.split(',').map(PathBuf::from).collect();
        programs.into_iter().filter_map(|program| {
            let name = program.file_name()?.to_string_lossy().into_owned();
            Some(Contender { name: name.leak(), program })
        })
    }

    /// redwire first, then its other builds (`REDWIRE_BESIDE`) and every real server there is, as far as the
    /// option `peers` (words of names, separated by commas) chooses those.
    ///
    /// # Errors
    /// If redwire's server does not build.
    pub fn chosen(options: &Options) -> Outcome<Vec<Contender>> {
        let mut all = vec![Contender::redwire()?];
        all.extend(Contender::beside());
        let peers = Peer::REQUIRED.into_iter().filter(|peer| options.chooses("peers", peer.name()));
        all.extend(peers.filter_map(Contender::peer));
        Ok(all)
    }

    /// Starts it on a free loopback port in a folder of its own, saving nothing unless `args` say
    /// so. It runs where the calling thread may run.
    #[must_use]
    pub fn start(&self, args: &[&str]) -> Server {
        Server::start(self.name, &self.program, args)
    }

    /// Starts it with its data in a folder of the caller's.
    ///
    /// # Errors
    /// If the process ends instead of answering.
    pub fn start_in(&self, dir: &Path, args: &[&str]) -> Outcome<Server> {
        Ok(Server::start_in(self.name, &self.program, dir, args)?)
    }

    /// The program that it is.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// What it says of its version: that of the allocator included where it does.
    #[must_use]
    pub fn version(&self) -> String {
        machine::said(&self.program.to_string_lossy(), &["--version"])
    }
}

/// Seconds that a server took to load its file when it started, as its log says, without the start of
/// the process.
///
/// # Errors
/// If the log has no such line.
pub fn load_seconds(server: &Server) -> Outcome<f64> {
    let log = server.log();
    let said = log.lines().find_map(|line| line.split_once("DB loaded from disk: "));
    let seconds = said.and_then(|(_, said)| said.split_once(' ')?.0.parse().ok());
    Ok(seconds.ok_or_else(|| format!("no load in the log of {server:?}"))?)
}

/// Number of keys in a server's first database.
#[must_use]
pub fn keys(client: &mut Client) -> u64 {
    match client.ok(&["DBSIZE"]) {
        Reply::Int(keys) => u64::try_from(keys).unwrap_or(0),
        _ => 0,
    }
}

/// Values that [`fill`] makes; keys share them, so that making 1 GB takes no longer than sending it.
const VALUES: usize = 1000;

/// Sets `keys` keys to values of `value` random bytes.
///
/// # Errors
/// If the server does not take them.
pub fn fill(server: &Server, keys: u64, value: usize) -> Outcome<()> {
    let mut random = Random::new(3);
    let values: Vec<_> = (0..VALUES).map(|_| random.text(value)).collect();
    // In portions: the requests of all would be as large as the data.
    for start in (0..keys).step_by(50_000) {
        let command = |number: u64| {
            let value = values[usize::try_from(number).unwrap_or(0) % VALUES].clone();
            vec![b"SET".to_vec(), key("key", number), value]
        };
        let numbers = start..keys.min(start + 50_000);
        let batches = Batches::new(16, Expect::Status, numbers.map(command));
        generator::run(server, &batches, Extent::Once)?;
    }
    Ok(())
}

fn env_or(built: PathBuf) -> impl FnOnce() -> PathBuf {
    || env::var_os("REDWIRE_SERVER").map_or(built, PathBuf::from)
}

/// Builds the server in the target folder that this program lies in: `TARGET/PROFILE/NAME`.
fn build() -> Outcome<PathBuf> {
    let this = env::current_exe()?;
    let folder = this.parent().ok_or("a running program lies in a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    if env::var_os("REDWIRE_SERVER").is_none() {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--package", "redwire-server", "--target-dir"]);
        command.arg(folder.parent().unwrap_or(folder)).current_dir(redwire_testkit::workspace());
        if !cfg!(debug_assertions) {
            command.arg("--release");
        }
        if !command.status()?.success() {
            return Err("redwire-server does not build".into());
        }
    }
    Ok(folder.join("redwire-server"))
}
