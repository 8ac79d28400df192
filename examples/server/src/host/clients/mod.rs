//! `CLIENT`, and what is known of each connection.

mod filter;
mod import;
mod info;
mod kill;
mod pause;
mod tracking;

pub(crate) use info::{ClientInfo, ClientType};

use std::borrow::Cow;

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::{Request, parse_i64};

use self::filter::Filter;
use super::is;
use super::subcommands::{Subcommand, dispatch};
use crate::core::{Action, Core};
use crate::net::{ClientId, Replies};

pub(super) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::new("client|caching", 3, tracking::caching),
    Subcommand::new("client|capa", -3, capa),
    Subcommand::new("client|getname", 2, getname),
    Subcommand::new("client|getredir", 2, tracking::getredir),
    Subcommand::new("client|help", 2, |_, context, _| super::help(context, "CLIENT", HELP)),
    Subcommand::new("client|id", 2, id),
    Subcommand::new("client|import-source", 3, import::import_source),
    Subcommand::new("client|info", 2, info),
    Subcommand::admin("client|kill", -3, kill::kill),
    Subcommand::admin("client|list", -2, list),
    Subcommand::admin("client|no-evict", 3, no_evict),
    Subcommand::new("client|no-touch", 3, no_touch),
    Subcommand::admin("client|pause", -3, pause::pause),
    Subcommand::new("client|reply", 3, reply),
    Subcommand::new("client|setinfo", 4, setinfo),
    Subcommand::new("client|setname", 3, setname),
    Subcommand::new("client|tracking", -3, tracking::tracking),
    Subcommand::new("client|trackinginfo", 2, tracking::trackinginfo),
    Subcommand::admin("client|unblock", -3, pause::unblock),
    Subcommand::admin("client|unpause", 2, pause::unpause),
];

const HELP: &[&str] = &[
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "CAPA <option> [options...]",
    "    The client claims its some capability options. Options are:",
    "    * REDIRECT",
    "      The client can handle redirection during primary and replica failover in standalone mode.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "IMPORT-SOURCE (ON|OFF)",
    "    Mark this connection as an import source if import-mode is enabled.",
    "    Sync tools can set their connections into 'import-source' state to visit",
    "    expired keys.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
];

pub(super) fn client(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(SUBCOMMANDS, core, context, request)
}

/// The caller's entry; there is none for the stream of this node's primary.
fn own<'a>(core: &'a mut Core, context: &Context<'_>) -> Option<&'a mut ClientInfo> {
    core.clients.get_mut(&context.session.id())
}

fn id(_core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    context.reply.integer(context.session.id() as i64);
    Ok(())
}

/// `CLIENT CAPA`: what the client can do; what is not known is passed over.
fn capa(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    if request.iter().skip(2).any(|word| is(word, "redirect")) {
        core.redirectable.entry(context.session.id()).or_insert(false);
    }
    context.reply.ok();
    Ok(())
}

fn getname(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    match own(core, context) {
        Some(client) if !client.name.is_empty() => context.reply.bulk(&client.name),
        _ => context.reply.null(),
    }
    Ok(())
}

fn setname(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_name(core, context, &request[2])?;
    context.reply.ok();
    Ok(())
}

/// Names the caller; an empty name takes the name away.
pub(super) fn set_name(core: &mut Core, context: &mut Context<'_>, name: &[u8]) -> CommandResult {
    check_attribute("Client names", name)?;
    if let Some(client) = own(core, context) {
        client.name = name.to_vec();
    }
    Ok(())
}

fn setinfo(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (option, value) = (&request[2], &request[3]);
    let is_name = is(option, "lib-name");
    if !is_name && !is(option, "lib-ver") {
        let option = String::from_utf8_lossy(option);
        return Err(CommandError::text(format!("ERR Unrecognized option '{option}'")));
    }
    check_attribute(&String::from_utf8_lossy(option), value)?;
    if let Some(client) = own(core, context) {
        let attribute = if is_name { &mut client.lib_name } else { &mut client.lib_ver };
        *attribute = value.to_vec();
    }
    context.reply.ok();
    Ok(())
}

/// What is shown in `CLIENT LIST` must not look like another field or line.
fn check_attribute(what: &str, value: &[u8]) -> CommandResult {
    if value.iter().all(u8::is_ascii_graphic) {
        return Ok(());
    }
    Err(CommandError::text(format!(
        "ERR {what} cannot contain spaces, newlines or special characters."
    )))
}

fn info(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    refresh_own(core, context);
    let client = core.clients.get(&context.session.id());
    let line = client.map_or_else(String::new, |client| client.line(core) + "\n");
    context.reply.verbatim(*b"txt", line.as_bytes());
    Ok(())
}

fn list(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    refresh_own(core, context);
    let mut lines = String::new();
    let mut add = |client: &ClientInfo| lines.extend([client.line(core).as_str(), "\n"]);
    // As in 7.0 these alone come in the order in which they are named, and nothing behind them.
    if request.len() > 3 && is(&request[2], "id") {
        for id in request.iter().skip(3) {
            let id = parse_i64(id).ok_or(CommandError::text("ERR Invalid client ID"))?;
            if let Some(client) = u64::try_from(id).ok().and_then(|id| known(core, id)) {
                add(&client);
            }
        }
    } else {
        let filter = Filter::parse(core, request, false)?;
        let caller = context.session.id();
        shown(core)
            .filter(|client| filter.matches(core, client, caller))
            .for_each(|client| add(&client));
    }
    context.reply.verbatim(*b"txt", lines.as_bytes());
    Ok(())
}

/// The connections by their numbers, with the link to this node's primary while its stream flows.
fn shown(core: &Core) -> impl Iterator<Item = Cow<'_, ClientInfo>> {
    let link = link(core);
    let number = link.as_ref().map_or(0, |link| link.id);
    let before = core.clients.range(..number).map(|(_, client)| Cow::Borrowed(client));
    let behind = core.clients.range(number..).map(|(_, client)| Cow::Borrowed(client));
    before.chain(link.map(Cow::Owned)).chain(behind)
}

/// The connection of this number, be it the link to this node's primary.
fn known(core: &Core, id: ClientId) -> Option<Cow<'_, ClientInfo>> {
    let link = || link(core).filter(|link| link.id == id).map(Cow::Owned);
    core.clients.get(&id).map(Cow::Borrowed).or_else(link)
}

/// The link to this node's primary, while its stream flows.
fn link(core: &Core) -> Option<ClientInfo> {
    core.upstream.as_ref()?.client_info(core.now)
}

/// Brings the caller's entry up to date, which the loop does only after its commands.
fn refresh_own(core: &mut Core, context: &Context<'_>) {
    let (now, running) = (core.now, core.last_command);
    if let Some(client) = own(core, context) {
        client.update_session(context.session);
        client.last_interaction = now;
        client.last_command = running.unwrap_or(client.last_command);
    }
}

fn unknown_type(name: &[u8]) -> CommandError {
    let name = String::from_utf8_lossy(name);
    CommandError::text(format!("ERR Unknown client type '{name}'"))
}

fn reply(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let replies = match &request[2] {
        mode if is(mode, "on") => Replies::On,
        mode if is(mode, "off") => Replies::Off,
        mode if is(mode, "skip") => Replies::SkipNext,
        _ => return Err(CommandError::Syntax),
    };
    core.replies = Some(replies);
    if replies == Replies::On {
        context.reply.ok();
    }
    Ok(())
}

fn no_evict(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let on = on_or_off(&request[2])?;
    if let Some(client) = own(core, context) {
        client.no_evict = on;
    }
    core.actions.push(Action::Protect(context.session.id(), on));
    context.reply.ok();
    Ok(())
}

fn no_touch(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let on = on_or_off(&request[2])?;
    if let Some(client) = own(core, context) {
        client.no_touch = on;
    }
    context.session.no_touch = on;
    context.reply.ok();
    Ok(())
}

fn on_or_off(word: &[u8]) -> Result<bool, CommandError> {
    match word {
        word if is(word, "on") => Ok(true),
        word if is(word, "off") => Ok(false),
        _ => Err(CommandError::Syntax),
    }
}

#[cfg(test)]
mod tests;
