//! `CONFIG`.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::Request;

use super::info::Counters;
use super::latency::CommandStats;
use super::subcommands::{Subcommand, dispatch};
use crate::config::{Config, Secret, SetError, Update};
use crate::core::{Action, Core};
use crate::file_limit;
use crate::log::{notice, set_level, warning};
use crate::net::{Listener, listen_added};

pub(super) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::admin("config|get", -3, get),
    Subcommand::new("config|help", 2, |_, context, _| super::help(context, "CONFIG", HELP)),
    Subcommand::admin("config|resetstat", 2, resetstat),
    Subcommand::admin("config|rewrite", 2, rewrite),
    Subcommand::admin("config|set", -4, set),
];

const HELP: &[&str] = &[
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
];

pub(super) fn config(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(SUBCOMMANDS, core, context, request)
}

fn get(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let patterns: Vec<&[u8]> = request.iter().skip(2).collect();
    let found = core.config.get(&patterns);
    context.reply.map(found.len());
    for (name, value) in found {
        context.reply.bulk(&name);
        context.reply.bulk(&value);
    }
    Ok(())
}

fn set(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let arguments: Vec<&[u8]> = request.iter().skip(2).collect();
    let client = core.clients.get(&context.session.id());
    let is_local = client.is_some_and(|client| client.is_local);
    let update = core.config.updated(&arguments, is_local).map_err(failure)?;
    if update.config.maxclients > core.config.maxclients {
        make_room(&update)?;
    }
    let listeners = listen(&core.config, &update)?;
    core.config = update.config;
    core.apply_config(context.data.keyspace());
    if update.names.contains(&"requirepass") {
        let password = core.config.requirepass.as_ref().map(Secret::as_bytes);
        core.acl.set_default_password(password);
        core.users_changed(context);
    }
    if update.names.contains(&"loglevel") {
        set_level(core.config.loglevel);
    }
    core.actions.push(Action::Reconfigured(listeners));
    context.reply.ok();
    Ok(())
}

/// Opens the sockets that an update adds.
fn listen(old: &Config, update: &Update) -> Result<Vec<Listener>, CommandError> {
    listen_added(old, &update.config).map_err(|reason| {
        warning!("{reason}");
        failure(if update.config.port == old.port {
            SetError::refused("bind", "Failed to bind to specified addresses.")
        } else {
            SetError::refused("port", "Unable to listen on this port. Check server logs.")
        })
    })
}

/// Refuses more connections than the system has descriptors for.
fn make_room(update: &Update) -> CommandResult {
    let wanted = update.config.maxclients;
    let room = file_limit::make_room(wanted);
    if room >= wanted {
        return Ok(());
    }
    let reason = format!(
        "The operating system is not able to handle the specified number of clients, try with \
         {room}"
    );
    Err(failure(SetError::refused("maxclients", reason)))
}

fn rewrite(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    core.config.users = core.configured_users();
    if let Err(error) = core.config.rewrite() {
        warning!("CONFIG REWRITE failed: {error}");
        return Err(failure(error));
    }
    notice!("CONFIG REWRITE executed with success.");
    context.reply.ok();
    Ok(())
}

fn resetstat(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    core.counters = Counters::default();
    core.command_stats = CommandStats::default();
    core.eviction.reset_stats();
    core.freeing.reset_stats();
    context.data.keyspace().reset_stats();
    context.reply.ok();
    Ok(())
}

/// The configuration's errors carry Redis' texts, short of the code.
fn failure(error: impl std::fmt::Display) -> CommandError {
    CommandError::text(format!("ERR {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Server;
    use super::*;
    use redwire_resp::Protocol;

    fn server() -> Server {
        Server::new(Config::default())
    }

    #[test]
    fn replies_are_those_of_redis() {
        let failed = |name: &str, reason: &str| {
            format!("-ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
        };
        let integer = failed("maxclients", "argument couldn't be parsed into an integer");
        let immutable = failed("databases", "can't set immutable config");
        let protected = failed("dir", "can't set protected config");
        let cases = [
            ("CONFIG FOO", "-ERR unknown subcommand 'FOO'. Try CONFIG HELP."),
            ("CONFIG GET", "-ERR wrong number of arguments for 'config|get' command"),
            ("CONFIG GET port", "*2\r\n$4\r\nport\r\n$4\r\n6379"),
            ("CONFIG GET nothing", "*0"),
            ("CONFIG SET a", "-ERR wrong number of arguments for 'config|set' command"),
            ("CONFIG SET a b c", "-ERR syntax error"),
            (
                "CONFIG SET foo bar",
                "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'",
            ),
            ("CONFIG SET maxclients x", integer.as_str()),
            ("CONFIG SET databases 2", immutable.as_str()),
            ("CONFIG SET dir /nonexist", protected.as_str()),
            ("CONFIG REWRITE", "-ERR The server is running without a config file"),
            ("CONFIG RESETSTAT x", "-ERR wrong number of arguments for 'config|resetstat' command"),
        ];
        server().expect(Protocol::Resp2, &cases);
        let map = "%1\r\n$4\r\nport\r\n$4\r\n6379";
        server().expect(Protocol::Resp3, &[("CONFIG GET port", map)]);
    }

    #[test]
    fn a_change_is_in_force_at_once_and_whole_or_not_at_all() {
        let mut server = server();
        assert_eq!(server.run("CONFIG SET maxclients 5 slowlog-max-len x").get(..4), Some("-ERR"));
        assert_eq!(server.core.config.maxclients, 10_000);
        assert!(server.core.actions.is_empty());
        let reply = server.run("CONFIG SET maxclients 5 hash-max-listpack-entries 7");
        assert_eq!(reply, "+OK\r\n");
        assert_eq!(server.core.config.maxclients, 5);
        assert_eq!(server.keyspace.settings().thresholds.hash_max_listpack_entries, 7);
        assert!(
            matches!(&server.core.actions[..], [Action::Reconfigured(added)] if added.is_empty())
        );
    }

    #[test]
    fn statistics_start_anew() {
        let mut server = server();
        server.run("GET nokey");
        server.run("NOSUCH");
        assert_eq!(server.run("CONFIG RESETSTAT"), "+OK\r\n");
        assert_eq!(server.keyspace.stats().keyspace_misses, 0);
        assert_eq!(server.core.counters.commands, 0);
    }
}
