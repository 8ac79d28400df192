//! `CLIENT KILL`.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::{Request, parse_i64};

use super::super::is;
use super::{ClientInfo, ClientType, unknown_type};
use crate::core::{Action, Core};
use crate::net::ClientId;

/// Which connections are to be closed: those of which all that is said is true.
#[derive(Debug, Default, PartialEq, Eq)]
struct Filter<'a> {
    addr: Option<&'a [u8]>,
    laddr: Option<&'a [u8]>,
    kind: Option<ClientType>,
    id: Option<ClientId>,
    user: Option<&'a [u8]>,
    /// Whether the connection that asks is to be kept.
    spares_caller: bool,
}

pub(super) fn kill(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let caller = context.session.id();
    let by_address = request.len() == 3;
    let filter = if by_address {
        Filter { addr: request.arg(2), ..Filter::default() }
    } else {
        Filter::parse(request)?
    };
    if let Some(name) = filter.user.filter(|name| core.acl.user(name).is_none()) {
        let name = String::from_utf8_lossy(name);
        return Err(CommandError::text(format!("ERR No such user '{name}'")));
    }
    let mut killed = 0;
    for client in core.clients.values().filter(|client| filter.matches(client, caller)) {
        killed += 1;
        core.actions.push(if client.id == caller {
            Action::CloseAfterReplies(caller)
        } else {
            Action::Close(client.id)
        });
    }
    if filter.is_for_primary() && core.upstream.is_some() {
        killed += 1;
        core.actions.push(Action::DropUpstream);
    }
    match (by_address, killed) {
        (false, killed) => context.reply.integer(killed),
        (true, 0) => return Err(CommandError::text("ERR No such client")),
        (true, _) => context.reply.ok(),
    }
    Ok(())
}

impl<'a> Filter<'a> {
    /// The new form: options and values in turn.
    fn parse(request: Request<'a>) -> Result<Self, CommandError> {
        let mut filter = Self { spares_caller: true, ..Self::default() };
        let mut args = request.iter().skip(2);
        while let Some(option) = args.next() {
            let Some(value) = args.next() else { return Err(CommandError::Syntax) };
            match option {
                option if is(option, "id") => filter.id = Some(client_id(value)?),
                option if is(option, "type") => {
                    let kind = ClientType::from_name(value);
                    filter.kind = Some(kind.ok_or_else(|| unknown_type(value))?);
                }
                option if is(option, "addr") => filter.addr = Some(value),
                option if is(option, "laddr") => filter.laddr = Some(value),
                option if is(option, "user") => filter.user = Some(value),
                option if is(option, "skipme") && is(value, "yes") => filter.spares_caller = true,
                option if is(option, "skipme") && is(value, "no") => filter.spares_caller = false,
                _ => return Err(CommandError::Syntax),
            }
        }
        Ok(filter)
    }

    fn matches(&self, client: &ClientInfo, caller: ClientId) -> bool {
        let is = |wanted: Option<&[u8]>, is: &str| wanted.is_none_or(|it| it == is.as_bytes());
        is(self.addr, &client.addr)
            && is(self.laddr, &client.laddr)
            && self.kind.is_none_or(|kind| kind == client.kind())
            && self.id.is_none_or(|id| id == client.id)
            && self.user.is_none_or(|name| name == client.user)
            && !(self.spares_caller && client.id == caller)
    }

    /// Whether it is the link to this node's primary that is meant, by its type alone.
    fn is_for_primary(&self) -> bool {
        self.kind == Some(ClientType::Primary)
            && self.addr.is_none()
            && self.laddr.is_none()
            && self.id.is_none()
            && self.user.is_none()
    }
}

fn client_id(value: &[u8]) -> Result<ClientId, CommandError> {
    let id = parse_i64(value).and_then(|id| ClientId::try_from(id).ok()).filter(|id| *id > 0);
    id.ok_or(CommandError::text("ERR client-id should be greater than 0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use redwire_resp::RequestBuf;

    fn parse(words: &str) -> Result<String, String> {
        let request = RequestBuf::from_args(words.split(' '));
        let filter = Filter::parse(request.as_request());
        filter.map(|filter| format!("{filter:?}")).map_err(|error| error.to_string())
    }

    #[test]
    fn options_in_any_order_and_case() {
        let expected = Filter {
            addr: Some(b"1.2.3.4:5"),
            laddr: None,
            kind: Some(ClientType::Replica),
            id: Some(7),
            user: None,
            spares_caller: false,
        };
        let text = format!("{expected:?}");
        for words in [
            "CLIENT KILL ID 7 TYPE slave ADDR 1.2.3.4:5 SKIPME no",
            "client kill skipme NO addr 1.2.3.4:5 type REPLICA id 7",
        ] {
            assert_eq!(parse(words), Ok(text.clone()), "{words}");
        }
    }

    #[test]
    fn errors_have_redis_texts() {
        for (words, error) in [
            ("CLIENT KILL ID 0", "ERR client-id should be greater than 0"),
            ("CLIENT KILL ID x", "ERR client-id should be greater than 0"),
            ("CLIENT KILL TYPE x", "ERR Unknown client type 'x'"),
            ("CLIENT KILL SKIPME maybe", "ERR syntax error"),
            ("CLIENT KILL ID 1 x", "ERR syntax error"),
            ("CLIENT KILL MAXAGE 1", "ERR syntax error"),
        ] {
            assert_eq!(parse(words), Err(error.to_owned()), "{words}");
        }
    }
}
