//! `MIGRATE`: what it asks for. What comes of it is in [`crate::migrate`].

use std::time::Duration;

use redwire_keyspace::{CommandError, CommandResult, Context, Instead, Keys};
use redwire_resp::{Request, parse_i64};

use super::is;
use crate::core::{Action, Core};
use crate::migrate::{Address, Order};

/// Options that have arguments, and how many.
const WITH_ARGUMENTS: &[(&str, usize)] = &[("auth", 1), ("auth2", 2)];

/// Where its keys stand.
pub(super) const KEYS: Keys =
    Keys::span(3, 3, 1).or(Instead { options: 6, with_arguments: WITH_ARGUMENTS, name: "keys" });

/// Where no time is given that makes sense.
const TIMEOUT: Duration = Duration::from_secs(1);

const KEY_AND_KEYS: &str =
    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string";

pub(super) fn migrate(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let mut order = Order {
        to: Address { host: request[1].to_vec(), port: request[2].to_vec() },
        db: 0,
        timeout: TIMEOUT,
        copy: false,
        replace: false,
        login: None,
        from_db: context.session.db,
        parcels: Vec::new(),
    };
    let keys = options(&mut order, request)?;
    let millis = parse_i64(&request[5]).ok_or(CommandError::NotInteger)?;
    order.db = parse_i64(&request[4]).ok_or(CommandError::NotInteger)?;
    if let Ok(millis @ 1..) = u64::try_from(millis) {
        order.timeout = Duration::from_millis(millis);
    }
    let parcels = keys.into_iter().filter_map(|key| context.data.parcel(key));
    order.parcels = parcels.collect();
    if order.parcels.is_empty() {
        context.reply.simple("NOKEY");
        return Ok(());
    }
    if context.session.executing_transaction() {
        return migrate_at_once(core, context, order);
    }
    core.actions.push(Action::Migrate(context.session.id(), Box::new(order)));
    Ok(())
}

/// In a transaction nothing may come between its commands, so that all wait for the other server, as in
/// Redis.
fn migrate_at_once(core: &mut Core, context: &mut Context<'_>, order: Order) -> CommandResult {
    let outcome = core.migrations.carry_out(order);
    core.note_migration(&outcome);
    let order = &outcome.order;
    if !order.copy {
        let keys = outcome.taken.iter().map(|at| order.parcels[*at].key.as_slice());
        context.data.remove_moved(keys);
    }
    outcome.result.map_err(CommandError::text)?;
    context.reply.simple("OK");
    Ok(())
}

/// Takes the options into `order`; answers the keys.
fn options<'a>(order: &mut Order, request: Request<'a>) -> Result<Vec<&'a [u8]>, CommandError> {
    let mut at = 6;
    while let Some(option) = request.arg(at) {
        let arg = |behind: usize| {
            request.arg(at + behind).map(<[u8]>::to_vec).ok_or(CommandError::Syntax)
        };
        if is(option, "copy") {
            order.copy = true;
        } else if is(option, "replace") {
            order.replace = true;
        } else if is(option, "auth") {
            order.login = Some((None, arg(1)?));
            at += 1;
        } else if is(option, "auth2") {
            order.login = Some((Some(arg(1)?), arg(2)?));
            at += 2;
        } else if is(option, "keys") {
            if !request[3].is_empty() {
                return Err(CommandError::text(KEY_AND_KEYS));
            }
            return Ok(request.iter().skip(at + 1).collect());
        } else {
            return Err(CommandError::Syntax);
        }
        at += 1;
    }
    Ok(request.arg(3).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use redwire_resp::{Protocol, RequestBuf};

    use super::super::testing::Server;
    use super::*;
    use crate::config::Config;

    #[test]
    fn wrong_requests_are_refused_as_redis_does() {
        let mut server = Server::new(Config::default());
        server.run("SET k v");
        server.expect(
            Protocol::Resp2,
            &[
                ("MIGRATE h 1 k 0", "-ERR wrong number of arguments for 'migrate' command"),
                ("MIGRATE h 1 k x 9", "-ERR value is not an integer or out of range"),
                ("MIGRATE h 1 k 0 x", "-ERR value is not an integer or out of range"),
                ("MIGRATE h 1 k 0 9 FOO", "-ERR syntax error"),
                ("MIGRATE h 1 k 0 9 AUTH", "-ERR syntax error"),
                ("MIGRATE h 1 k 0 9 AUTH2 u", "-ERR syntax error"),
                ("MIGRATE h 1 none 0 9", "+NOKEY"),
                ("MIGRATE h 1  0 9 KEYS", "+NOKEY"),
                ("MIGRATE h 1  0 9 KEYS none", "+NOKEY"),
                (
                    "MIGRATE h 1 k 0 9 KEYS k",
                    "-ERR When using MIGRATE KEYS option, the key argument must be set to the empty \
                     string",
                ),
            ],
        );
        assert!(server.core.actions.is_empty());
    }

    #[test]
    fn an_order_is_what_was_asked_for() {
        let mut server = Server::new(Config::default());
        server.run("SET a 1 PX 100000");
        server.run("SET b 2");
        server.run("MIGRATE host 7000  3 -1 replace AUTH2 me pw copy KEYS a none b");
        let Some(Action::Migrate(_, order)) = server.core.actions.pop() else { panic!("no order") };
        assert_eq!((order.db, order.timeout, order.from_db), (3, TIMEOUT, 0));
        assert!(order.copy && order.replace);
        assert_eq!(order.login, Some((Some(b"me".to_vec()), b"pw".to_vec())));
        let keys: Vec<_> =
            order.parcels.iter().map(|it| (&*it.key, it.expires.is_some())).collect();
        assert_eq!(keys, [(b"a".as_slice(), true), (b"b", false)]);
    }

    #[test]
    fn secrets_are_not_shown() {
        let request = "MIGRATE h 1 k 0 9 AUTH2 u pw AUTH pw KEYS auth k";
        let request = RequestBuf::from_args(request.split(' '));
        let shown: Vec<_> = super::super::redact::redacted(request.as_request()).collect();
        let hidden = "MIGRATE h 1 k 0 9 AUTH2 (redacted) (redacted) AUTH (redacted) KEYS auth k";
        assert_eq!(shown.join(&b' '), hidden.as_bytes());
    }
}
