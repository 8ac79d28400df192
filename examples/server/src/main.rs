//! `redwire-server`: a thin Redis-compatible server over the redwire crates.

#![forbid(unsafe_code)]

mod background;
mod clock;
mod config;
mod core;
mod daemon;
mod entropy;
mod eviction;
mod file_limit;
mod host;
mod log;
mod memory;
mod migrate;
mod net;
mod persist;
mod replication;
mod saves;
mod server;
mod signals;
mod stopwatch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::config::{Config, Invocation, USAGE};
use crate::daemon::{Detached, PidFile};
use crate::log::{notice, warning};
use crate::server::Server;
use crate::signals::Signals;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let invocation = Invocation::of(&arguments);
    match invocation {
        Invocation::Version => return print(&format!("redwire-server {}\n", version())),
        Invocation::Help => return print(USAGE),
        Invocation::Run { .. } => {}
    }
    let loaded = match invocation.load(&mut io::stdin().lock()) {
        Ok(loaded) => loaded,
        Err(error) => return complain(&error.to_string()),
    };
    if loaded.config.daemonize {
        match daemon::detach(loaded.stdin.as_deref()) {
            Ok(Detached::Daemon) => {}
            Ok(Detached::Parent) => return ExitCode::SUCCESS,
            Err(error) => return complain(&format!("Can't go to the background: {error}")),
        }
    }
    let exit = serve(loaded.config);
    log::finish();
    exit
}

/// Runs a server with this configuration until it is told to end.
fn serve(mut config: Config) -> ExitCode {
    log::set_level(config.loglevel);
    log::set_file(config.logfile.as_ref().map(|path| config.in_dir(path)));
    log::set_role(if config.replicaof.is_some() { log::Role::Replica } else { log::Role::Primary });
    if let Err(error) = log::start_thread() {
        warning!("No thread for the log: {error}");
    }
    warning!("oO0OoO0OoO0Oo redwire is starting oO0OoO0OoO0Oo");
    warning!("redwire version={}, pid={}, just started", version(), std::process::id());
    for (name, value) in config.without_effect() {
        notice!("'{name} {}' has no effect in this server", value.escape_ascii());
    }
    memory::start_giving_back();
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("Can't take signals: {error}")),
    };
    config.maxclients = file_limit::fit(config.maxclients);
    let port = config.port;
    let supervised = config.supervised;
    let pidfile = PidFile::path(&config);
    let server = match Server::start(config, signals) {
        Ok(server) => server,
        Err(reason) => return fail(&reason),
    };
    notice!("Running mode=standalone, port={port}.");
    let _pidfile = pidfile.and_then(|path| {
        PidFile::write(path).map_err(|error| warning!("Failed to write PID file: {error}")).ok()
    });
    if let Err(error) = daemon::notify(supervised, "READY=1\n") {
        warning!("Can't tell systemd that the server is ready: {error}");
    }
    server.run()
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn print(text: &str) -> ExitCode {
    // A reader that has gone away did not want the rest.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(text: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::FAILURE
}

fn fail(reason: &str) -> ExitCode {
    warning!("{reason}");
    ExitCode::FAILURE
}
