use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::Reply;

/// How long a client waits for bytes before a test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pipelined requests are sent in portions of about this many bytes, so that neither side's socket
/// buffer can fill while the other side waits too.
const PORTION: usize = 32 * 1024;

/// A command: its name and arguments.
pub type Command = Vec<Vec<u8>>;

/// A small blocking client for tests.
///
/// Methods without `try_` panic on what a test never expects: a refused or broken connection, or
/// no answer for 60 seconds. Pushes that arrive between replies are kept apart.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<TcpStream>,
    pushes: Vec<Reply>,
}

impl Client {
    /// Connects to a server on this host.
    ///
    /// # Panics
    ///
    /// When nothing listens there.
    #[must_use]
    pub fn connect(port: u16) -> Client {
        Client::try_connect(port).unwrap_or_else(|error| panic!("connect to port {port}: {error}"))
    }

    /// Connects to a server on this host.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn try_connect(port: u16) -> io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { reader: BufReader::with_capacity(64 * 1024, stream), pushes: Vec::new() })
    }

    /// Sends one command and waits for its reply.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    pub fn call<A: AsRef<[u8]>>(&mut self, command: &[A]) -> Reply {
        self.try_call(command).unwrap_or_else(|error| panic!("{}: {error}", printable(command)))
    }

    /// Sends one command and waits for its reply.
    ///
    /// # Errors
    ///
    /// Those of the socket, and `InvalidData` for a reply that is not RESP.
    pub fn try_call<A: AsRef<[u8]>>(&mut self, command: &[A]) -> io::Result<Reply> {
        self.try_send(&request(command))?;
        self.try_read()
    }

    /// Sends one command and returns its reply, which must not be an error.
    ///
    /// # Panics
    ///
    /// When the server answers with an error, or the connection breaks.
    pub fn ok<A: AsRef<[u8]>>(&mut self, command: &[A]) -> Reply {
        let reply = self.call(command);
        assert!(!reply.is_error(), "{}: {reply:?}", printable(command));
        reply
    }

    /// Sends many commands without waiting between them, and returns their replies in order.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    pub fn pipeline(&mut self, commands: &[Command]) -> Vec<Reply> {
        let mut replies = Vec::with_capacity(commands.len());
        let (mut portion, mut sent) = (Vec::new(), 0);
        for (index, command) in commands.iter().enumerate() {
            portion.extend(request(command));
            sent += 1;
            if portion.len() >= PORTION || index + 1 == commands.len() {
                self.send(&portion);
                replies.extend((0..sent).map(|_| self.read()));
                (portion, sent) = (Vec::new(), 0);
            }
        }
        replies
    }

    /// The digest of the server's whole data set, by `DEBUG DIGEST`.
    ///
    /// # Panics
    ///
    /// When the server has no such command or does not allow it.
    pub fn digest(&mut self) -> String {
        self.ok(&["DEBUG", "DIGEST"]).text()
    }

    /// The value of a field of `INFO`, from any section.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    pub fn info(&mut self, field: &str) -> Option<String> {
        let all = self.ok(&["INFO", "everything"]).text();
        all.lines().find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.to_owned()))
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap_or_else(|error| panic!("send {} bytes: {error}", bytes.len()));
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(bytes)
    }

    /// Tells the server that no more bytes will come; replies can still be read.
    pub fn finish_sending(&mut self) {
        // Fails only when the server has closed the connection already.
        let _ = self.reader.get_ref().shutdown(Shutdown::Write);
    }

    /// Waits for the next reply that is not a push.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    pub fn read(&mut self) -> Reply {
        self.try_read().unwrap_or_else(|error| panic!("read a reply: {error}"))
    }

    /// Waits for the next reply that is not a push.
    ///
    /// # Errors
    ///
    /// Those of the socket, and `InvalidData` for what is not RESP.
    pub fn try_read(&mut self) -> io::Result<Reply> {
        loop {
            match Reply::read(&mut self.reader)? {
                Reply::Push(push) => self.pushes.push(Reply::Push(push)),
                reply => return Ok(reply),
            }
        }
    }

    /// Reads all bytes until the server closes the connection. A connection that is reset ends
    /// as one that is closed: what it means depends on what the server had left unread.
    ///
    /// # Errors
    ///
    /// The bytes so far, when the server leaves the connection open for `limit`.
    ///
    /// # Panics
    ///
    /// When the socket fails otherwise.
    pub fn read_to_end(&mut self, limit: Duration) -> Result<Vec<u8>, Vec<u8>> {
        self.reader.get_ref().set_read_timeout(Some(limit)).expect("set a read timeout");
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(bytes),
            Err(error) => panic!("read until the connection is closed: {error}"),
        }
    }

    /// Takes the pushes that arrived so far.
    pub fn take_pushes(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.pushes)
    }
}

/// A command in the form that a server reads: an array of bulk strings.
pub fn request<A: AsRef<[u8]>>(command: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
    for argument in command {
        let argument = argument.as_ref();
        bytes.extend(format!("${}\r\n", argument.len()).into_bytes());
        bytes.extend(argument);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// A command as a line for messages; long arguments are cut.
pub fn printable<A: AsRef<[u8]>>(command: &[A]) -> String {
    let arguments: Vec<_> = command.iter().map(|a| crate::reply::shown(a.as_ref())).collect();
    arguments.join(" ")
}
