use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::{Server, StartFailure};

/// Our own server, `redwire-server`.
///
/// The program that the environment's `REDWIRE_SERVER` names is taken as it is; otherwise the
/// first use in a process builds the package with cargo's dev profile in the target folder that the
/// running test lies in.
#[derive(Clone, Copy, Debug)]
pub struct Redwire;

impl Redwire {
    /// Starts the server in a new private folder.
    ///
    /// # Panics
    ///
    /// When it cannot be built or does not start.
    #[must_use]
    pub fn start(args: &[&str]) -> Server {
        Server::start("redwire", Redwire::program(), args)
    }

    /// Starts the server in a folder that is a disk of its own: see [`Server::start_on_small_disk`].
    ///
    /// # Panics
    ///
    /// When it cannot be built or does not start.
    #[must_use]
    pub fn start_on_small_disk(megabytes: u32, args: &[&str]) -> Option<Server> {
        Server::start_on_small_disk("redwire", Redwire::program(), megabytes, args)
    }

    /// Starts the server in a folder of the caller's.
    ///
    /// # Errors
    ///
    /// When the process ends instead of answering.
    ///
    /// # Panics
    ///
    /// When it cannot be built.
    pub fn start_in(dir: &Path, args: &[&str]) -> Result<Server, StartFailure> {
        Server::start_in("redwire", Redwire::program(), dir, args)
    }

    /// The server's program, built if need be.
    ///
    /// # Panics
    ///
    /// When it cannot be built.
    #[must_use]
    pub fn program() -> &'static Path {
        static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
        PROGRAM.get_or_init(|| match env::var_os("REDWIRE_SERVER") {
            Some(program) => PathBuf::from(program),
            None => build(),
        })
    }
}

fn build() -> PathBuf {
    let target = target_dir();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "--package", "redwire-server", "--target-dir"])
        .arg(&target)
        .current_dir(crate::workspace())
        .output()
        .expect("run cargo");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "redwire-server does not build:\n{complaint}");
    target.join("debug").join("redwire-server")
}

/// The target folder that this test program lies in: `TARGET/PROFILE/deps/NAME-HASH`.
fn target_dir() -> PathBuf {
    let this = env::current_exe().expect("a running program has a path");
    let target = this.ancestors().nth(3).expect("a test lies three folders down");
    target.to_owned()
}
