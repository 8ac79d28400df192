//! `AUTH`, `HELLO`, `QUIT`, `RESET`.

use redwire_keyspace::acl::DEFAULT_USER;
use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::{Protocol, Request};

use super::is;
use crate::core::{Action, Core};
use crate::net::Replies;

const NO_PASSWORD_SET: &str = "ERR AUTH <password> called without any password configured for \
                               the default user. Are you sure your configuration is correct?";

pub(super) fn auth(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    match request.len() {
        2 if core.needs_no_password() => return Err(CommandError::text(NO_PASSWORD_SET)),
        2 => core.log_in(context, request, DEFAULT_USER, &request[1])?,
        3 => core.log_in(context, request, &request[1], &request[2])?,
        _ => return Err(CommandError::Syntax),
    }
    context.reply.ok();
    Ok(())
}

pub(super) fn hello(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let protocol = match request.arg(1) {
        None => context.session.protocol,
        Some(version) => match redwire_resp::parse_i64(version) {
            Some(2) => Protocol::Resp2,
            Some(3) => Protocol::Resp3,
            Some(_) => return Err(CommandError::text("NOPROTO unsupported protocol version")),
            None => {
                let text = "ERR Protocol version is not an integer or out of range";
                return Err(CommandError::text(text));
            }
        },
    };
    let mut name = None;
    let mut at = 2;
    while let Some(option) = request.arg(at) {
        match (request.arg(at + 1), request.arg(at + 2)) {
            (Some(user), Some(password)) if is(option, "auth") => {
                core.log_in(context, request, user, password)?;
                at += 3;
            }
            (Some(given), _) if is(option, "setname") => {
                name = Some(given);
                at += 2;
            }
            _ => {
                let option = String::from_utf8_lossy(option);
                let text = format!("ERR Syntax error in HELLO option '{option}'");
                return Err(CommandError::text(text));
            }
        }
    }
    if !context.session.authenticated {
        return Err(CommandError::text(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO AUTH <user> <pass> option can be used to authenticate the client and select \
             the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        super::clients::set_name(core, context, name)?;
    }
    context.session.protocol = protocol;
    context.reply.set_protocol(protocol);
    greet(core, context);
    Ok(())
}

fn greet(core: &Core, context: &mut Context<'_>) {
    let reply = &mut context.reply;
    // Of Valkey 8.1, which says it only where it was told.
    let zone = core.config.availability_zone.as_deref();
    reply.map(7 + usize::from(zone.is_some()));
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(super::info::REDIS_VERSION.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if reply.protocol() == Protocol::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(context.session.id() as i64);
    reply.bulk(b"mode");
    reply.bulk(b"standalone");
    reply.bulk(b"role");
    reply.bulk(if core.is_replica() { b"replica" } else { b"master" });
    reply.bulk(b"modules");
    reply.array(0);
    if let Some(zone) = zone {
        reply.bulk(b"availability_zone");
        reply.bulk(zone.as_bytes());
    }
}

pub(super) fn quit(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    core.actions.push(Action::CloseAfterReplies(context.session.id()));
    context.reply.ok();
    Ok(())
}

pub(super) fn reset(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    let id = context.session.id();
    context.data.keyspace().forget(context.session);
    super::pubsub::reset(core, context);
    core.tracking.end(id);
    if let Some(reads_here) = core.redirectable.get_mut(&id) {
        *reads_here = false;
    }
    let on = core.tracking.is_on();
    context.data.keyspace().touches().want(on);
    context.session.db = 0;
    context.session.no_touch = false;
    context.session.import_source = false;
    context.session.protocol = Protocol::Resp2;
    core.begin_session(context.session);
    core.actions.push(Action::Authenticated(id, context.session.authenticated));
    core.actions.push(Action::Reset(id));
    if let Some(info) = core.clients.get_mut(&id) {
        info.name.clear();
        info.user = DEFAULT_USER.to_vec();
        info.logged_in = context.session.authenticated;
        info.no_evict = false;
        info.no_touch = false;
        info.import_source = false;
    }
    core.actions.push(Action::Protect(id, false));
    core.replies = Some(Replies::On);
    context.reply.set_protocol(Protocol::Resp2);
    context.reply.simple("RESET");
    Ok(())
}
