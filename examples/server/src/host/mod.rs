//! The server's own commands: connection, administration, persistence, replication.
//!
//! To add one, add its line to the table below and the function to the file it names.

mod absent;
mod acl;
mod clients;
mod command_log;
mod config;
mod connection;
mod debug;
mod failover;
mod hotkeys;
mod info;
mod latency;
mod memory;
mod migrate;
pub(crate) mod monitor;
mod persistence;
mod pubsub;
mod redact;
mod replication;
mod subcommands;
#[cfg(test)]
pub(crate) mod testing;
mod tracking;

pub(crate) use acl::bounds;
pub(crate) use clients::ClientInfo;
pub(crate) use command_log::{CommandLog, Logged};
pub(crate) use failover::Failover;
pub(crate) use hotkeys::HotKeys;
pub(crate) use info::{Counters, Rates, Recent};
pub(crate) use latency::{CommandStats, LatencyMonitor};
pub(crate) use persistence::Wanted;
pub(crate) use pubsub::PubSub;
pub(crate) use replication::write_waitaof;
pub(crate) use subcommands::full_name;
pub(crate) use tracking::Tracking;

use redwire_keyspace::{Command, CommandError, CommandResult, Context, Flags, Keys};
use redwire_resp::Request;

use crate::core::Core;

type Run = fn(&mut Core, &mut Context<'_>, Request<'_>) -> CommandResult;

const ANYTIME: Flags = Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE);
const ADMIN: Flags = ANYTIME.with(Flags::ADMIN);
const CHANNELS: Flags = Flags::PUBSUB.with(Flags::LOADING).with(Flags::STALE);
const LISTEN: Flags = CHANNELS.with(Flags::NOSCRIPT);
const MOVES: Flags = Flags::WRITE.with(Flags::MOVABLE_KEYS);
const BEFORE_AUTH: Flags = ANYTIME.with(Flags::NO_AUTH).with(Flags::FAST);

macro_rules! host_commands {
    ($($name:literal, $arity:literal, $flags:expr, $run:path $(, $keys:expr)?;)*) => {
        /// The commands that the server adds to the keyspace's.
        pub(crate) static COMMANDS: &[Command] = &Command::table([
            $(Command::host($name, $arity, $flags)$(.with_keys($keys))?),*
        ]);

        fn function(name: &str) -> Option<Run> {
            match name {
                $($name => Some($run),)*
                _ => None,
            }
        }
    };
}

host_commands! {
    "auth", -2, BEFORE_AUTH, connection::auth;
    "hello", -1, BEFORE_AUTH, connection::hello;
    "quit", -1, BEFORE_AUTH.with(Flags::IMMEDIATE), connection::quit;
    "reset", 1, BEFORE_AUTH.with(Flags::IMMEDIATE), connection::reset;
    "client", -2, ANYTIME.with(Flags::CONTAINER), clients::client;
    "config", -2, ADMIN.with(Flags::CONTAINER), config::config;
    "info", -1, Flags::LOADING.with(Flags::STALE), info::info;
    "time", 1, Flags::LOADING.with(Flags::STALE).with(Flags::FAST), info::time;
    "monitor", 1, ADMIN.with(Flags::NO_MULTI), monitor::monitor;
    "slowlog", -2, ADMIN.with(Flags::CONTAINER), command_log::slowlog;
    "commandlog", -2, ADMIN.with(Flags::CONTAINER), command_log::commandlog;
    "hotkeys", -2, Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::CONTAINER), hotkeys::hotkeys;
    "debug", -2, ADMIN, debug::debug;
    "subscribe", -2, LISTEN, pubsub::subscribe;
    "unsubscribe", -1, LISTEN, pubsub::unsubscribe;
    "psubscribe", -2, LISTEN, pubsub::psubscribe;
    "punsubscribe", -1, LISTEN, pubsub::punsubscribe;
    "publish", 3, CHANNELS.with(Flags::FAST), pubsub::publish;
    "ssubscribe", -2, LISTEN, pubsub::ssubscribe;
    "sunsubscribe", -1, LISTEN, pubsub::sunsubscribe;
    "spublish", 3, CHANNELS.with(Flags::FAST), pubsub::spublish;
    "pubsub", -2, CHANNELS.with(Flags::CONTAINER), pubsub::pubsub;
    "save", 1, Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::NO_MULTI), persistence::save;
    "bgsave", -1, Flags::ADMIN.with(Flags::NOSCRIPT), persistence::bgsave;
    "lastsave", 1, Flags::LOADING.with(Flags::STALE).with(Flags::FAST), persistence::lastsave;
    "shutdown", -1, ADMIN.with(Flags::NO_MULTI), persistence::shutdown;
    "replicaof", 3, Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::STALE), replication::replicaof;
    "slaveof", 3, Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::STALE), replication::replicaof;
    "role", 1, ANYTIME.with(Flags::FAST), replication::role;
    "psync", -3, ADMIN.with(Flags::NO_MULTI), replication::psync;
    "sync", 1, ADMIN.with(Flags::NO_MULTI), replication::sync;
    "replconf", -1, ADMIN.with(Flags::SKIP_SLOWLOG), replication::replconf;
    "wait", 3, Flags::NOSCRIPT, replication::wait;
    "waitaof", 4, Flags::NOSCRIPT, replication::waitaof;
    "memory", -2, Flags::CONTAINER, memory::memory;
    "latency", -2, ADMIN.with(Flags::CONTAINER), latency::latency;
    "acl", -2, ANYTIME.with(Flags::CONTAINER), acl::acl;
    "cluster", -2, ANYTIME.with(Flags::CONTAINER), absent::cluster;
    "asking", 1, Flags::FAST, absent::no_cluster;
    "readonly", 1, Flags::FAST.with(Flags::LOADING).with(Flags::STALE), absent::readonly;
    "readwrite", 1, Flags::FAST.with(Flags::LOADING).with(Flags::STALE), absent::readonly;
    "clusterscan", -2, Flags::READONLY, absent::no_cluster, Keys::ONE;
    "trimslots", -5, Flags::WRITE, absent::no_cluster;
    "module", -2, ADMIN.with(Flags::CONTAINER), absent::module;
    "bgrewriteaof", 1, Flags::ADMIN.with(Flags::NOSCRIPT), absent::bgrewriteaof;
    "lolwut", -1, Flags::READONLY.with(Flags::FAST), absent::lolwut;
    "migrate", -6, MOVES, migrate::migrate, migrate::KEYS;
    "failover", -1, Flags::ADMIN.with(Flags::NOSCRIPT).with(Flags::STALE), failover::failover;
}

/// Runs one of [`COMMANDS`].
pub(crate) fn run(
    core: &mut Core,
    command: &'static Command,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    match function(command.name) {
        Some(run) => run(core, context, request),
        None => Err(CommandError::text(format!("ERR unknown command '{}'", command.name))),
    }
}

/// What an error quotes of an argument: a NUL ends it, as it ends a C string.
fn quoted(arg: &[u8]) -> String {
    const MAX: usize = 128;
    let end = arg.iter().take(MAX).position(|byte| *byte == 0).unwrap_or(arg.len().min(MAX));
    String::from_utf8_lossy(&arg[..end]).into_owned()
}

/// Redis' text for a subcommand that is not there, or has other arguments.
fn unknown_subcommand(command: &str, request: Request<'_>) -> CommandError {
    let name = quoted(request.arg(1).unwrap_or_default());
    CommandError::text(format!("ERR unknown subcommand '{name}'. Try {command} HELP."))
}

/// Whether `arg` is the word `name`, in whatever case.
fn is(arg: &[u8], name: &str) -> bool {
    arg.eq_ignore_ascii_case(name.as_bytes())
}

/// The help text of a container command, as `CONFIG HELP` prints it.
fn help(context: &mut Context<'_>, command: &str, lines: &[&str]) -> CommandResult {
    context.reply.array(lines.len() + 3);
    context
        .reply
        .simple(format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for line in lines {
        context.reply.simple(line);
    }
    context.reply.simple("HELP");
    context.reply.simple("    Prints this help.");
    Ok(())
}
