//! [`carry`]: a transfer over a socket, on a thread that may wait.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use super::transfer::Transfer;
use super::{Address, Connection, Order};

/// Bytes that come together before they are written.
const CHUNK: usize = 64 << 10;

/// What came of an order: the keys that the other server has, and the connection, to be used again.
pub(super) type Carried = (Vec<usize>, Result<(), String>, Option<Connection>);

/// What broke off.
enum Broken {
    Connecting,
    Writing(io::Error),
    Reading(io::Error),
    /// Not the connection: what is wrong with the keys, or with what was answered.
    Otherwise(String),
}

impl Broken {
    fn text(self) -> String {
        match self {
            Self::Connecting => "IOERR error or timeout connecting to the client".into(),
            Self::Writing(_) => "IOERR error or timeout writing to target instance".into(),
            Self::Reading(_) => "IOERR error or timeout reading to target instance".into(),
            Self::Otherwise(text) => text,
        }
    }

    fn is_timeout(&self) -> bool {
        let (Self::Writing(error) | Self::Reading(error)) = self else { return false };
        matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
    }
}

/// Carries an order out, over a connection that was used before if there is one. Such a one may have been
/// closed at its other end meanwhile: then another is opened.
pub(super) fn carry(order: &Order, kept: Option<Connection>) -> Carried {
    if let Some(connection) = kept {
        match converse(order, connection) {
            (Err(broken), taken) if taken.is_none() && !broken.is_timeout() => {}
            (result, taken) => return carried(result, taken),
        }
    }
    match connect(order) {
        Ok(connection) => {
            let (result, taken) = converse(order, connection);
            carried(result, taken)
        }
        Err(broken) => (Vec::new(), Err(broken.text()), None),
    }
}

/// The error that the other server answered, if any, and the connection.
type Ended = Result<(Option<String>, Connection), Broken>;

fn carried(result: Ended, taken: Option<Vec<usize>>) -> Carried {
    let taken = taken.unwrap_or_default();
    match result {
        Ok((None, connection)) => (taken, Ok(()), Some(connection)),
        Ok((Some(error), connection)) => (taken, Err(error), Some(connection)),
        Err(broken) => (taken, Err(broken.text()), None),
    }
}

/// As in Redis, one that nobody listens to is found out by writing to it.
fn connect(order: &Order) -> Result<Connection, Broken> {
    let Address { host, port } = &order.to;
    let host = std::str::from_utf8(host).ok().filter(|host| !host.is_empty());
    let host = host.ok_or(Broken::Connecting)?;
    let unreachable = |_| Broken::Writing(io::ErrorKind::ConnectionRefused.into());
    // Redis takes what is no number for 0.
    let port = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok()).unwrap_or(0_u16);
    let addresses = (host, port).to_socket_addrs().map_err(|_| Broken::Connecting)?;
    let mut last = Broken::Connecting;
    for address in addresses {
        match TcpStream::connect_timeout(&address, order.timeout) {
            Ok(stream) => {
                let ready = stream.set_nodelay(true);
                let ready = ready.and_then(|()| stream.set_read_timeout(Some(order.timeout)));
                let ready = ready.and_then(|()| stream.set_write_timeout(Some(order.timeout)));
                ready.map_err(Broken::Writing)?;
                return Ok(Connection { stream, selected: None });
            }
            Err(error) => last = unreachable(error),
        }
    }
    Err(last)
}

/// Says and hears all of it. Behind what broke stands what the other server has nonetheless; `None` if
/// it said nothing of any key.
fn converse(order: &Order, mut connection: Connection) -> (Ended, Option<Vec<usize>>) {
    let mut out = Vec::new();
    let mut transfer = Transfer::new(order, connection.selected, &mut out);
    let stream = &mut connection.stream;
    // The times of this order, on a connection of another's.
    let timed = stream.set_read_timeout(Some(order.timeout));
    let timed = timed.and_then(|()| stream.set_write_timeout(Some(order.timeout)));
    let done = timed.map_err(Broken::Writing);
    let done = done.and_then(|()| say(&mut transfer, stream, &mut out));
    let done = done.and_then(|()| hear(&mut transfer, stream));
    let unheard = transfer.is_unheard();
    let (taken, error, selected) = transfer.end();
    match done {
        Ok(()) => {
            connection.selected = selected;
            (Ok((error, connection)), Some(taken))
        }
        Err(broken) => (Err(broken), Some(taken).filter(|_| !unheard)),
    }
}

fn say(
    transfer: &mut Transfer<'_>,
    stream: &mut TcpStream,
    out: &mut Vec<u8>,
) -> Result<(), Broken> {
    loop {
        let more = transfer.say(crate::clock::unix_ms(), out).map_err(Broken::Otherwise)?;
        if out.len() >= CHUNK || !more {
            stream.write_all(out).map_err(Broken::Writing)?;
            out.clear();
        }
        if !more {
            return Ok(());
        }
    }
}

fn hear(transfer: &mut Transfer<'_>, stream: &mut TcpStream) -> Result<(), Broken> {
    let (mut buffer, mut unread) = (vec![0; 16 << 10], Vec::new());
    while transfer.is_waiting() {
        let count = stream.read(&mut buffer).map_err(Broken::Reading)?;
        if count == 0 {
            return Err(Broken::Reading(io::ErrorKind::UnexpectedEof.into()));
        }
        unread.extend_from_slice(&buffer[..count]);
        let used = transfer.hear(&unread).map_err(Broken::Otherwise)?;
        unread.drain(..used);
    }
    Ok(())
}
