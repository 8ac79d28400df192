use std::fmt;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::wait::{wait_for, wait_until};
use crate::{Client, Reply, skip};

/// How long a server may take until it answers PING, its data loaded.
const START: Duration = Duration::from_secs(60);
/// How long a server may take to end after it was asked to.
const END: Duration = Duration::from_secs(60);
/// How many ports are tried: another process may take the free one that was found.
const PORTS: usize = 5;

/// Given to every server before its own arguments: loopback only, nothing saved unless asked for,
/// a full sync that does not wait for company.
const BASE: &[&str] = &["--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0"];

/// Allows DEBUG, which Redis before 7.0 does without being asked, and refuses to be asked.
const DEBUG: &[&str] = &["--enable-debug-command", "yes"];

/// A server process on a free loopback port, killed when dropped.
///
/// What the process prints goes to a file, see [`Server::log`].
pub struct Server {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    port: u16,
    child: Child,
    dir: PathBuf,
    /// Megabytes of the disk that the folder is, if it is one of its own.
    disk: Option<u32>,
    /// Held to be removed with the server; absent when the caller gave the folder.
    _own_dir: Option<TempDir>,
}

impl Server {
    /// Starts a program that takes Redis' options, in a new private folder.
    ///
    /// `name` stands in messages. `args` come after the options that every server gets, so they
    /// can overrule them.
    ///
    /// # Panics
    ///
    /// When the server does not start.
    #[must_use]
    pub fn start(name: &str, program: &Path, args: &[&str]) -> Server {
        Server::start_in_own(name, program, None, args)
    }

    /// Starts a program as [`Server::start`] does, in a folder that is a disk (a tmpfs) of so many
    /// megabytes, which nobody else sees: [`Server::on_disk`] is a way in. It is empty again after a
    /// [`Server::restart`].
    ///
    /// `None`, after the line that says that a test is skipped, where processes may not mount
    /// anything, not even for themselves.
    ///
    /// # Panics
    ///
    /// When the server does not start.
    #[must_use]
    pub fn start_on_small_disk(
        name: &str,
        program: &Path,
        megabytes: u32,
        args: &[&str],
    ) -> Option<Server> {
        if small_disk(1).args(["true", "", "", "", "/tmp"]).status().is_ok_and(|it| it.success()) {
            return Some(Server::start_in_own(name, program, Some(megabytes), args));
        }
        skip("a process may not mount a disk of its own here (unshare, tmpfs)");
        None
    }

    fn start_in_own(name: &str, program: &Path, disk: Option<u32>, args: &[&str]) -> Server {
        let own = tempfile::Builder::new()
            .prefix(&format!("redwire-{name}-"))
            .tempdir()
            .expect("make a folder for a server");
        let started = Server::start_at(name, program, (own.path(), disk), args);
        let mut server = started.unwrap_or_else(|e| panic!("{e}"));
        server._own_dir = Some(own);
        server
    }

    /// Starts a program in a folder of the caller's, which stays when the server is dropped.
    ///
    /// # Errors
    ///
    /// When the process ends instead of answering; the failure holds its exit status and log.
    ///
    /// # Panics
    ///
    /// When the program cannot be run at all, or neither ends nor answers within a minute.
    pub fn start_in(
        name: &str,
        program: &Path,
        dir: &Path,
        args: &[&str],
    ) -> Result<Server, StartFailure> {
        Server::start_at(name, program, (dir, None), args)
    }

    fn start_at(
        name: &str,
        program: &Path,
        place: (&Path, Option<u32>),
        args: &[&str],
    ) -> Result<Server, StartFailure> {
        let mut ports = 0;
        loop {
            ports += 1;
            let port = free_port();
            match Server::launch(name, program, place, args, port) {
                Err(failure) if failure.port_taken() && ports < PORTS => {}
                result => return result,
            }
        }
    }

    fn launch(
        name: &str,
        program: &Path,
        (dir, disk): (&Path, Option<u32>),
        args: &[&str],
        port: u16,
    ) -> Result<Server, StartFailure> {
        let mut server = Server {
            name: name.to_owned(),
            program: program.to_owned(),
            args: args.iter().map(ToString::to_string).collect(),
            port,
            child: spawn(name, program, (dir, disk), port, args),
            dir: dir.to_owned(),
            disk,
            _own_dir: None,
        };
        server.wait_ready()?;
        Ok(server)
    }

    /// Waits until the server answers PING, or has ended.
    fn wait_ready(&mut self) -> Result<(), StartFailure> {
        let what = format!("{} to answer PING on port {}", self.name, self.port);
        wait_for(&what, START, || match self.child.try_wait().expect("look at the server") {
            Some(status) => Some(Err(self.failure(status))),
            None => self.answers().then_some(Ok(())),
        })
    }

    /// Whether this very process answers on the port, and no other that took it first.
    fn answers(&self) -> bool {
        let Ok(mut client) = Client::try_connect(self.port) else { return false };
        match client.try_call(&["PING"]) {
            Ok(Reply::Simple(text)) if text == b"PONG" => {}
            Ok(reply) if reply.text().starts_with("NOAUTH") => return true,
            _ => return false,
        }
        client.info("process_id").is_none_or(|id| id == self.pid().to_string())
    }

    fn failure(&self, status: ExitStatus) -> StartFailure {
        StartFailure { name: self.name.clone(), status, log: self.log() }
    }

    /// The port that the server listens on, at 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port as text, as options and commands want it.
    #[must_use]
    pub fn port_text(&self) -> String {
        self.port.to_string()
    }

    /// The server's working folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file that the server saves to, unless its options say otherwise.
    #[must_use]
    pub fn rdb(&self) -> PathBuf {
        self.dir.join("dump.rdb")
    }

    /// A file of the server's folder as the process sees it, on a disk of its own too.
    #[must_use]
    pub fn on_disk(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.pid()));
        root.join(self.dir.strip_prefix("/").unwrap_or(&self.dir)).join(name)
    }

    /// All that the process has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(log_file(&self.dir)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The id of the process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A new connection to the server.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::connect(self.port)
    }

    /// Makes this server a replica of another and waits until the link is up.
    ///
    /// # Panics
    ///
    /// When the full sync takes more than a minute.
    pub fn follow(&self, primary: &Server) {
        let mut client = self.client();
        client.ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
        let what = format!("the link of {} to {}", self.name, primary.name);
        wait_until(&what, Duration::from_secs(60), || {
            client.info("master_link_status").is_some_and(|status| status == "up")
        });
    }

    /// Sends a signal to the process, if it still runs.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        // The process may have ended: that is for the caller to find out by `wait`.
        let _ = kill_process(pid.expect("a child's id is positive"), signal);
    }

    /// Waits until the process ends.
    ///
    /// # Panics
    ///
    /// When it does not within a minute.
    pub fn wait(&mut self) -> ExitStatus {
        let what = format!("{} to end", self.name);
        wait_for(&what, END, || self.child.try_wait().expect("look at the server"))
    }

    /// Kills the process at once, as kill -9 does, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Asks the process to end by SIGTERM and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it does not end within a minute.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Starts an ended server again, with its folder, its arguments and its port.
    ///
    /// # Errors
    ///
    /// When the process ends instead of answering.
    ///
    /// # Panics
    ///
    /// When the old process still runs, or as [`Server::start_in`].
    pub fn restart(&mut self) -> Result<(), StartFailure> {
        assert!(self.child.try_wait().expect("look at the server").is_some(), "still running");
        let args: Vec<_> = self.args.iter().map(String::as_str).collect();
        let place = (&*self.dir, self.disk);
        self.child = spawn(&self.name, &self.program, place, self.port, &args);
        self.wait_ready()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that has ended already cannot be killed, and need not be.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(15).collect();
            eprintln!("--- end of the log of {} (port {}):", self.name, self.port);
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on port {} in {}", self.name, self.port, self.dir.display())
    }
}

/// A server that ended instead of answering.
#[derive(Clone, Debug)]
pub struct StartFailure {
    /// The name that the caller gave the server.
    pub name: String,
    /// How the process ended.
    pub status: ExitStatus,
    /// All that it printed.
    pub log: String,
}

impl StartFailure {
    fn port_taken(&self) -> bool {
        self.log.contains("Address already in use")
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} did not start ({}); its log:\n{}", self.name, self.status, self.log)
    }
}

impl std::error::Error for StartFailure {}

fn spawn(
    name: &str,
    program: &Path,
    (dir, disk): (&Path, Option<u32>),
    port: u16,
    args: &[&str],
) -> Child {
    let log = File::options().create(true).append(true).open(log_file(dir));
    let log = log.expect("open a server's log");
    let debug = if name.starts_with("redis-6") { &[] } else { DEBUG };
    let mut command = match disk {
        None => Command::new(program),
        Some(megabytes) => {
            let mut command = small_disk(megabytes);
            command.arg(program);
            command
        }
    };
    command
        .args(["--port", &port.to_string(), "--dir"])
        .arg(dir)
        .args(BASE)
        .args(debug)
        .args(args)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stderr(log.try_clone().expect("open a server's log twice"))
        .stdout(log)
        .spawn()
        .unwrap_or_else(|error| panic!("run {}: {error}", program.display()))
}

/// Runs a program, to be given with its arguments, where the folder that is its fourth argument is a
/// disk of this size.
fn small_disk(megabytes: u32) -> Command {
    let mut command = Command::new("unshare");
    let mount = format!("mount -t tmpfs -o size={megabytes}m tmpfs \"$4\" && exec \"$0\" \"$@\"");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]);
    command
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join("server.log")
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("find a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
