//! [`Address`]: `redis://` URLs.

use std::fmt;
use std::str::FromStr;

/// Where a server is and how to log in: `redis://[[user]:password@]host[:port][/db]`.
///
/// User and password may hold `%40` and the like. Printed, it leaves them out.
///
/// ```
/// use redwire::Address;
///
/// let address: Address = "redis://me:p%40ss@[::1]:7000/3".parse()?;
/// assert_eq!((address.host.as_str(), address.port, address.db), ("::1", 7000, Some(3)));
/// assert_eq!(address.user.as_deref(), Some(&b"me"[..]));
/// assert_eq!(address.password.as_deref(), Some(&b"p@ss"[..]));
/// assert_eq!(address.to_string(), "redis://[::1]:7000/3");
/// # Ok::<(), redwire::NotAnAddress>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// The host's name or IP address, an IPv6 address without its brackets.
    pub host: String,
    /// The port; 6379 where none is given.
    pub port: u16,
    /// The user to log in as.
    pub user: Option<Vec<u8>>,
    /// The password.
    pub password: Option<Vec<u8>>,
    /// The number of a database.
    pub db: Option<u32>,
}

/// A text that is no [`Address`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected redis://[user:password@]host[:port][/db]")]
pub struct NotAnAddress;

const SCHEME: &str = "redis://";
const PORT: u16 = 6379;

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Address, NotAnAddress> {
        let rest = text.strip_prefix(SCHEME).ok_or(NotAnAddress)?;
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (place, db) = match place.split_once('/') {
            Some((place, "")) => (place, None),
            Some((place, db)) => (place, Some(db.parse().map_err(|_| NotAnAddress)?)),
            None => (place, None),
        };
        let (host, port) = host_and_port(place).ok_or(NotAnAddress)?;
        let (user, password) = login.map_or(("", None), |login| match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => ("", Some(login)),
        });
        Ok(Address {
            host: host.to_owned(),
            port,
            user: (!user.is_empty()).then(|| unescape(user)),
            password: password.map(unescape),
            db,
        })
    }
}

/// Without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "{SCHEME}[{host}]:{port}")?;
        } else {
            write!(f, "{SCHEME}{host}:{port}")?;
        }
        self.db.map_or(Ok(()), |db| write!(f, "/{db}"))
    }
}

/// As [`fmt::Display`] has it: secrets stay out of logs.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Splits `host:port`, `[::1]:port` and both without the port.
fn host_and_port(place: &str) -> Option<(&str, u16)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            match rest.strip_prefix(':') {
                None if !rest.is_empty() => return None,
                port => (host, port),
            }
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Some(PORT), |port| port.parse().ok())?;
    (!host.is_empty()).then_some((host, port))
}

/// Undoes `%40` and the like; what is no such escape stays.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let digits = tail.get(..2).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) if *byte == b'%' => {
                out.push(code);
                rest = &tail[2..];
            }
            _ => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let place = |text: &str| {
            text.parse::<Address>().map(|address| (address.host, address.port, address.db))
        };
        let is = |host: &str, port, db| Ok((host.to_owned(), port, db));
        assert_eq!(place("redis://a:1"), is("a", 1, None));
        assert_eq!(place("redis://a"), is("a", 6379, None));
        assert_eq!(place("redis://a/"), is("a", 6379, None));
        assert_eq!(place("redis://u:p@a:2/15"), is("a", 2, Some(15)));
        assert_eq!(place("redis://[::1]:7"), is("::1", 7, None));
        assert_eq!(place("redis://[::1]"), is("::1", 6379, None));
        for bad in ["a:1", "redis://", "redis://a:x", "redis://a/x", "redis://[::1", "redis://[a]b"]
        {
            assert_eq!(place(bad), Err(NotAnAddress), "{bad}");
        }
    }

    #[test]
    fn logins_are_read_and_not_shown() {
        let login = |text: &str| {
            let address: Address = text.parse().unwrap();
            assert!(!format!("{address} {address:?}").contains("secret"));
            let text = |bytes: Option<Vec<u8>>| bytes.map(|it| String::from_utf8(it).unwrap());
            (text(address.user), text(address.password))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(login("redis://a"), (None, None));
        assert_eq!(login("redis://secret@a"), (None, some("secret")));
        assert_eq!(login("redis://:secret@a"), (None, some("secret")));
        assert_eq!(login("redis://me:secret%3A%25@a"), (some("me"), some("secret:%")));
        assert_eq!(login("redis://me:se@cret%zz%+1@a"), (some("me"), some("se@cret%zz%+1")));
    }
}
