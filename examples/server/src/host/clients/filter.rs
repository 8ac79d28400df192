//! [`Filter`]: which connections `CLIENT KILL` and `CLIENT LIST` are about.
//!
//! Options are those of Redis 7.0, `MAXAGE` of 7.4, and Valkey 9's, which has most of them in the
//! negative, too (`NOT-NAME`).

use std::time::{Duration, Instant};

use redwire_keyspace::CommandError;
use redwire_resp::{Request, parse_i64};

use super::super::is;
use super::{ClientInfo, ClientType, unknown_type};
use crate::core::Core;
use crate::net::ClientId;

/// The letters of `flags=` that there are.
const FLAGS: &str = "OSMPxbtRBcUeTIN";

/// The connections of which all that is said is true.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    /// Each with whether it is to be false.
    wanted: Vec<(Wanted<'a>, bool)>,
    /// Whether the connection that asks is left out.
    spares_caller: bool,
}

#[derive(Debug)]
enum Wanted<'a> {
    Ids(Vec<ClientId>),
    Kind(ClientType),
    User(&'a [u8]),
    Address(&'a [u8]),
    LocalAddress(&'a [u8]),
    Ip(&'a [u8]),
    Name(&'a [u8]),
    /// Letters, all of which are to be there.
    Flags(&'a str),
    LibName(&'a [u8]),
    LibVersion(&'a [u8]),
    Database(u32),
    /// What it can do, by the letters of `capa=`.
    Capabilities(&'a [u8]),
    /// Connected for so long at least.
    Age(Duration),
    /// Silent for so long at least.
    Idle(Duration),
}

impl<'a> Filter<'a> {
    /// That of the one connection at this address.
    pub(super) fn of_address(address: &'a [u8]) -> Self {
        Self { wanted: vec![(Wanted::Address(address), false)], spares_caller: false }
    }

    /// Reads options and their values from the third word on; the caller is spared unless they say
    /// otherwise, if `spares_caller` says so.
    pub(super) fn parse(
        core: &Core,
        request: Request<'a>,
        spares_caller: bool,
    ) -> Result<Self, CommandError> {
        let mut filter = Self { wanted: Vec::new(), spares_caller };
        let mut args = request.iter().skip(2).peekable();
        while let Some(option) = args.next() {
            let value = args.next().ok_or(CommandError::Syntax)?;
            match option {
                option if is(option, "skipme") && is(value, "yes") => filter.spares_caller = true,
                option if is(option, "skipme") && is(value, "no") => filter.spares_caller = false,
                option if is(option, "skipme") => return Err(CommandError::Syntax),
                _ => {
                    let not = option.get(..4).is_some_and(|head| is(head, "not-"));
                    let name = if not { &option[4..] } else { option };
                    let mut wanted = Wanted::parse(core, name, value, not)?;
                    if let Wanted::Ids(ids) = &mut wanted {
                        while let Some(more) = args.next_if(|arg| parse_i64(arg).is_some()) {
                            ids.push(client_id(more)?);
                        }
                    }
                    filter.wanted.push((wanted, not));
                }
            }
        }
        Ok(filter)
    }

    /// Whether this connection is meant, where `caller` is the one that asks.
    pub(super) fn matches(&self, core: &Core, client: &ClientInfo, caller: ClientId) -> bool {
        self.wanted.iter().all(|(wanted, not)| wanted.is_true_of(core, client) != *not)
            && !(self.spares_caller && client.id == caller)
    }
}

impl<'a> Wanted<'a> {
    /// Reads the option of this name. Not all may be said in the negative.
    fn parse(core: &Core, name: &[u8], value: &'a [u8], not: bool) -> Result<Self, CommandError> {
        Ok(match name {
            name if is(name, "id") => Self::Ids(vec![client_id(value)?]),
            name if is(name, "type") => {
                let kind = ClientType::from_name(value);
                Self::Kind(kind.ok_or_else(|| unknown_type(value))?)
            }
            name if is(name, "user") => {
                if core.acl.user(value).is_none() {
                    let name = String::from_utf8_lossy(value);
                    return Err(CommandError::text(format!("ERR No such user '{name}'")));
                }
                Self::User(value)
            }
            name if is(name, "addr") => Self::Address(value),
            name if is(name, "laddr") => Self::LocalAddress(value),
            name if is(name, "ip") => Self::Ip(value),
            name if is(name, "name") => Self::Name(value),
            name if is(name, "flags") => Self::Flags(flags(value)?),
            name if is(name, "lib-name") => Self::LibName(value),
            name if is(name, "lib-ver") => Self::LibVersion(value),
            name if is(name, "db") => Self::Database(database(core, value)?),
            name if is(name, "capa") => Self::Capabilities(capabilities(value)?),
            name if is(name, "maxage") && !not => Self::Age(seconds("maxage", value)?),
            name if is(name, "idle") && !not => Self::Idle(seconds("idle", value)?),
            _ => return Err(CommandError::Syntax),
        })
    }

    fn is_true_of(&self, core: &Core, client: &ClientInfo) -> bool {
        let since = |moment: Instant| core.now.saturating_duration_since(moment);
        match self {
            Self::Ids(ids) => ids.contains(&client.id),
            Self::Kind(kind) => *kind == client.kind(),
            Self::User(name) => *name == client.user,
            Self::Address(address) => *address == client.addr.as_bytes(),
            Self::LocalAddress(address) => *address == client.laddr.as_bytes(),
            Self::Ip(ip) => *ip == client.peer_ip().as_bytes(),
            Self::Name(name) => *name == client.name,
            Self::Flags(letters) => {
                let flags = client.flags(core.tracking.mode(client.id));
                letters.chars().all(|letter| flags.contains(letter))
            }
            Self::LibName(name) => *name == client.lib_name,
            Self::LibVersion(version) => *version == client.lib_ver,
            Self::Database(db) => *db == client.db,
            Self::Capabilities(letters) => {
                letters.is_empty() || core.redirectable.contains_key(&client.id)
            }
            Self::Age(age) => since(client.created) >= *age,
            Self::Idle(time) => since(client.last_interaction) >= *time,
        }
    }
}

fn client_id(value: &[u8]) -> Result<ClientId, CommandError> {
    let id = parse_i64(value).and_then(|id| ClientId::try_from(id).ok()).filter(|id| *id > 0);
    id.ok_or(CommandError::text("ERR client-id should be greater than 0"))
}

/// Letters of which there is but one.
fn capabilities(value: &[u8]) -> Result<&[u8], CommandError> {
    if value.iter().all(|letter| *letter == b'r') {
        return Ok(value);
    }
    let value = String::from_utf8_lossy(value);
    let text = format!("ERR Unknown capa found in the provided filter: {value}");
    Err(CommandError::text(text))
}

fn flags(value: &[u8]) -> Result<&str, CommandError> {
    let letters = str::from_utf8(value).ok();
    let known = letters.filter(|letters| letters.chars().all(|letter| FLAGS.contains(letter)));
    known.ok_or_else(|| {
        let unknown = String::from_utf8_lossy(value);
        CommandError::text(format!("ERR Unknown flags found in the provided filter: {unknown}"))
    })
}

fn database(core: &Core, value: &[u8]) -> Result<u32, CommandError> {
    let db =
        parse_i64(value).ok_or(CommandError::text("ERR DB is not an integer or out of range"))?;
    u32::try_from(db).ok().filter(|db| *db < core.config.databases).ok_or_else(|| {
        let last = core.config.databases - 1;
        CommandError::text(format!("ERR DB number should be between 0 and {last}"))
    })
}

fn seconds(what: &str, value: &[u8]) -> Result<Duration, CommandError> {
    let seconds = parse_i64(value).ok_or_else(|| {
        CommandError::text(format!("ERR {what} is not an integer or out of range"))
    })?;
    let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
    let seconds = seconds
        .ok_or_else(|| CommandError::text(format!("ERR {what} should be greater than 0")))?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use redwire_resp::RequestBuf;

    use super::super::super::testing::Server;
    use super::*;
    use crate::config::Config;

    fn parse(words: &str) -> Result<String, String> {
        let server = Server::new(Config::default());
        let request = RequestBuf::from_args(words.split(' '));
        let filter = Filter::parse(&server.core, request.as_request(), true);
        filter.map(|filter| format!("{filter:?}")).map_err(|error| error.to_string())
    }

    #[test]
    fn options_in_any_case() {
        let expected = Filter {
            wanted: vec![
                (Wanted::Ids(vec![7, 9]), false),
                (Wanted::Kind(ClientType::Replica), false),
                (Wanted::Address(b"1.2.3.4:5"), true),
            ],
            spares_caller: false,
        };
        let text = format!("{expected:?}");
        for words in [
            "CLIENT KILL ID 7 9 TYPE slave NOT-ADDR 1.2.3.4:5 SKIPME no",
            "client kill skipme NO id 7 9 type REPLICA not-addr 1.2.3.4:5",
        ] {
            assert_eq!(parse(words), Ok(text.clone()), "{words}");
        }
    }

    #[test]
    fn errors_have_the_texts_of_servers() {
        for (words, error) in [
            ("CLIENT KILL ID 0", "ERR client-id should be greater than 0"),
            ("CLIENT KILL ID x", "ERR client-id should be greater than 0"),
            ("CLIENT KILL TYPE x", "ERR Unknown client type 'x'"),
            ("CLIENT KILL SKIPME maybe", "ERR syntax error"),
            ("CLIENT KILL ID 1 x", "ERR syntax error"),
            ("CLIENT KILL MAXAGE", "ERR syntax error"),
            ("CLIENT KILL MAXAGE x", "ERR maxage is not an integer or out of range"),
            ("CLIENT KILL MAXAGE 0", "ERR maxage should be greater than 0"),
            ("CLIENT KILL NOT-MAXAGE 1", "ERR syntax error"),
            ("CLIENT KILL IDLE -1", "ERR idle should be greater than 0"),
            ("CLIENT KILL USER nobody", "ERR No such user 'nobody'"),
            ("CLIENT KILL DB 99", "ERR DB number should be between 0 and 15"),
            ("CLIENT KILL DB x", "ERR DB is not an integer or out of range"),
            ("CLIENT KILL FLAGS Nq", "ERR Unknown flags found in the provided filter: Nq"),
        ] {
            assert_eq!(parse(words), Err(error.to_owned()), "{words}");
        }
    }
}
