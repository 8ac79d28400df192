//! `bind` and `replicaof`.

use std::fmt;

use super::grammar;
use super::setting::{Setting, TextSetting, Value, ValueError};

/// Addresses that `bind` takes at most, as in Redis.
pub(super) const MAX_BIND_ADDRESSES: usize = 16;

/// One address of `bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BindAddress {
    /// Host name or address; `*` and `::*` are all of IPv4 and of IPv6.
    pub(crate) host: String,
    /// Whether the server starts even if it cannot listen here (a leading `-`).
    pub(crate) optional: bool,
}

impl BindAddress {
    /// An address that the server must be able to listen on.
    pub(crate) fn required(host: &str) -> Self {
        Self { host: host.to_owned(), optional: false }
    }

    /// An address that the server does without if the host has not got it.
    pub(crate) fn optional(host: &str) -> Self {
        Self { host: host.to_owned(), optional: true }
    }
}

impl fmt::Display for BindAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.optional { "-" } else { "" }, self.host)
    }
}

/// Host and port of a primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Host name or address.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.host, self.port)
    }
}

impl Setting for Vec<BindAddress> {
    fn value(&self) -> Value {
        Value::Words(self.iter().map(|address| address.to_string().into_bytes()).collect())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let words = value.words()?;
        if words.len() > MAX_BIND_ADDRESSES {
            return Err(ValueError::Other("Too many bind addresses specified."));
        }
        *self = words.into_iter().map(bind_address).collect::<Result<_, _>>()?;
        Ok(())
    }
}

fn bind_address(word: Vec<u8>) -> Result<BindAddress, ValueError> {
    let word = String::from_bytes(word)?;
    let address = match word.strip_prefix('-') {
        Some(host) => BindAddress::optional(host),
        None => BindAddress::required(&word),
    };
    if address.host.is_empty() {
        return Err(ValueError::Other("Failed to bind to specified addresses."));
    }
    Ok(address)
}

/// No words are no primary, which `no one` spells in redis.conf.
impl Setting for Option<Endpoint> {
    fn value(&self) -> Value {
        let text = self.as_ref().map(Endpoint::to_string).unwrap_or_default();
        Value::Words(text.split_whitespace().map(|word| word.as_bytes().to_vec()).collect())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let Ok([host, port]) = <[Vec<u8>; 2]>::try_from(value.words()?) else {
            return Err(ValueError::WrongNumber);
        };
        *self = if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") {
            None
        } else {
            let port = grammar::integer(&port).and_then(|port| port.try_into().ok());
            let port = port.filter(|port| *port != 0);
            let port = port.ok_or(ValueError::Other("Invalid master port"))?;
            Some(Endpoint { host: String::from_bytes(host)?, port })
        };
        Ok(())
    }
}
