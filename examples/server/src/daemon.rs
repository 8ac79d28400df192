//! The server as a process among others: detached from its terminal, found by
//! its pidfile, watched by systemd.
//!
//! `daemonize` forks in Redis. Here the program starts itself again with the
//! same arguments, without a terminal, and then ends: safe Rust has no fork, and
//! a program that has started threads should not.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::config::{Config, Supervised};

/// Set in the environment of a process that was started to be the daemon.
const DAEMON_MARK: &str = "REDWIRE_DAEMON";
/// Where a daemon writes its process id if no `pidfile` is set.
const DEFAULT_PIDFILE: &str = "/var/run/redwire.pid";
/// Where systemd listens.
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// Which process [`detach`] returned in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Detached {
    /// In the one that was started by hand: it has nothing left to do but exit.
    Parent,
    /// In the daemon, which leads a session of its own.
    Daemon,
}

/// Goes on in the background: called twice, once in the process started by hand
/// and once in the daemon. To be called before the working folder changes and
/// before anything is opened that the daemon opens too.
///
/// `stdin` is the configuration that was read from the standard input, which the
/// daemon is given to read in turn.
///
/// # Errors
///
/// If the program cannot be started again, or no session be made.
pub(crate) fn detach(stdin: Option<&[u8]>) -> io::Result<Detached> {
    if std::env::var_os(DAEMON_MARK).is_some() {
        rustix::process::setsid()?;
        return Ok(Detached::Daemon);
    }
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1));
    start(&mut command, stdin)?;
    Ok(Detached::Parent)
}

/// Starts a process without a terminal and feeds it its standard input.
fn start(command: &mut Command, stdin: Option<&[u8]>) -> io::Result<Child> {
    command.env(DAEMON_MARK, "1").stdout(Stdio::null()).stderr(Stdio::null());
    command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn()?;
    if let (Some(mut pipe), Some(text)) = (child.stdin.take(), stdin) {
        pipe.write_all(text)?;
    }
    Ok(child)
}

/// The file that holds the process id, as long as this lives.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Where the process id belongs, if anywhere: to `pidfile`, or for a daemon
    /// to a place of its own.
    pub(crate) fn path(config: &Config) -> Option<PathBuf> {
        let default = config.daemonize.then(|| PathBuf::from(DEFAULT_PIDFILE));
        config.pidfile.clone().or(default).map(|path| config.in_dir(&path))
    }

    /// Writes the id of this process.
    ///
    /// # Errors
    ///
    /// If the file cannot be written; the server does without it then, as Redis
    /// does, and says `Failed to write PID file: ...`.
    pub(crate) fn write(path: PathBuf) -> io::Result<Self> {
        fs::write(&path, own_id())?;
        Ok(Self { path })
    }
}

/// Removes the file, unless another process has made it its own.
impl Drop for PidFile {
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|text| text == own_id()) {
            // A file that stays behind misleads nobody for long.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn own_id() -> String {
    format!("{}\n", std::process::id())
}

/// Tells systemd of the server's state, in the words of sd_notify(3): `READY=1`,
/// `STOPPING=1`, `STATUS=...`, several lines in one message. Gives whether
/// there was somebody to tell.
///
/// # Errors
///
/// If systemd is there but cannot be told.
pub(crate) fn notify(supervised: Supervised, message: &str) -> io::Result<bool> {
    match std::env::var_os(NOTIFY_SOCKET) {
        Some(address) if supervised != Supervised::No => send(&address, message).map(|()| true),
        _ => Ok(false),
    }
}

fn send(address: &OsStr, message: &str) -> io::Result<()> {
    let address = socket_address(address.to_owned())?;
    UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &address).map(drop)
}

/// A path, or on Linux a name without a file that a leading `@` marks.
fn socket_address(address: OsString) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = address.as_encoded_bytes().strip_prefix(b"@") {
        return <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    }
    SocketAddr::from_pathname(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_started_process_is_marked_and_gets_its_input() {
        let dir = tempfile::tempdir().unwrap();
        let (path, script) =
            (dir.path().join("out"), "echo $REDWIRE_DAEMON > \"$0\"; cat >> \"$0\"");
        for (input, expected) in [(Some(&b"port 1\n"[..]), "1\nport 1\n"), (None, "1\n")] {
            let mut command = Command::new("/bin/sh");
            let mut child = start(command.args(["-c", script]).arg(&path), input).unwrap();
            assert!(child.wait().unwrap().success());
            assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn the_pidfile_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("redwire.pid");
        let file = PidFile::write(path.clone()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own_id());
        drop(file);
        assert!(!path.exists());

        let file = PidFile::write(path.clone()).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert!(path.exists(), "the file of another process was removed");
    }

    #[test]
    fn the_pidfile_is_where_redis_would_look() {
        let mut config = Config { dir: PathBuf::from("/data"), ..Config::default() };
        assert_eq!(PidFile::path(&config), None);
        config.daemonize = true;
        assert_eq!(PidFile::path(&config), Some(DEFAULT_PIDFILE.into()));
        config.pidfile = Some("x.pid".into());
        assert_eq!(PidFile::path(&config), Some("/data/x.pid".into()));
    }

    #[test]
    fn systemd_is_told_through_its_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "READY=1\n").unwrap();
        let mut message = [0; 32];
        let length = systemd.recv(&mut message).unwrap();
        assert_eq!(&message[..length], b"READY=1\n");
        assert!(send(dir.path().join("nobody").as_os_str(), "READY=1").is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn systemd_may_listen_without_a_file() {
        let name = format!("@redwire-test-{}", std::process::id());
        let address = socket_address(OsString::from(&name)).unwrap();
        let systemd = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&name), "STOPPING=1").unwrap();
        let mut message = [0; 32];
        assert_eq!(systemd.recv(&mut message).unwrap(), 10);
    }
}
