//! `COMMAND`: what commands there are, and where their keys stand.

use redwire_resp::{Encoder, Request, RequestBuf};

use super::options::{self, is};
use crate::command::{Command, Flags, Keys};
use crate::command_table::CommandTable;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::glob;

pub(super) static COMMANDS: &[Command] =
    &[Command::data("command", -1, Flags::LOADING.with(Flags::STALE), Keys::NONE, command)];

/// The group of the server's own commands.
const HOST_GROUP: &str = "server";

const HELP: [&str; 19] = [
    "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "(no subcommand)",
    "    Return details about all Redis commands.",
    "COUNT",
    "    Return the total number of commands in this Redis server.",
    "LIST",
    "    Return a list of all commands in this Redis server.",
    "INFO [<command-name> ...]",
    "    Return details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "DOCS [<command-name> ...]",
    "    Return documentation details about multiple Redis commands.",
    "    If no command names are given, documentation details for all",
    "    commands are returned.",
    "GETKEYS <full-command>",
    "    Return the keys from a full Redis command.",
    "HELP",
    "    Prints this help.",
];

type Subcommand = fn(&mut Context<'_>, Request<'_>) -> CommandResult;

fn command(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let Some(subcommand) = request.arg(1) else { return write_info(context, request) };
    let (name, run, args): (_, Subcommand, _) = match () {
        () if is(subcommand, "COUNT") => ("command|count", count, 0..=0),
        () if is(subcommand, "INFO") => ("command|info", write_info, 0..=usize::MAX),
        () if is(subcommand, "LIST") => ("command|list", list, 0..=usize::MAX),
        () if is(subcommand, "DOCS") => ("command|docs", docs, 0..=usize::MAX),
        () if is(subcommand, "GETKEYS") => ("command|getkeys", getkeys, 2..=usize::MAX),
        () if is(subcommand, "HELP") => ("command|help", help, 0..=0),
        () => return Err(options::unknown_subcommand("COMMAND", subcommand)),
    };
    if !args.contains(&(request.len() - 2)) {
        return Err(CommandError::Arity(name.into()));
    }
    run(context, request)
}

/// Every command, those of the server around the keyspace included.
fn all(context: &Context<'_>) -> impl Iterator<Item = &'static Command> + Clone + use<> {
    super::all().chain(context.host_commands)
}

/// The command of this name in whatever case.
fn find(context: &Context<'_>, name: &[u8]) -> Option<&'static Command> {
    let host = context.host_commands;
    CommandTable::shared()
        .find(name, |name| host.iter().find(|command| command.name.as_bytes() == name))
}

fn count(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let count = all(context).count();
    context.reply.integer(count as i64);
    Ok(())
}

fn write_info(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    if request.len() <= 2 {
        let commands = all(context);
        context.reply.array(commands.clone().count());
        commands.for_each(|command| write_command(&mut context.reply, command));
        return Ok(());
    }
    context.reply.array(request.len() - 2);
    for name in request.iter().skip(2) {
        match find(context, name) {
            Some(command) => write_command(&mut context.reply, command),
            None => context.reply.null(),
        }
    }
    Ok(())
}

/// A command's details. Tips, key specifications and subcommands are left empty.
fn write_command(reply: &mut Encoder<'_>, command: &Command) {
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(i64::from(command.arity));
    reply.set(command.flags.names().count());
    command.flags.names().for_each(|name| reply.simple(name));
    reply.integer(i64::from(command.keys.first));
    reply.integer(i64::from(command.keys.last));
    reply.integer(i64::from(command.keys.step));
    let categories = categories(command);
    reply.set(categories.len());
    categories.iter().for_each(|name| reply.simple(format!("@{name}")));
    reply.array(0);
    reply.array(0);
    reply.array(0);
}

fn group(command: &Command) -> &'static str {
    let has = |commands: &[Command]| commands.iter().any(|other| other.name == command.name);
    let group = super::groups().into_iter().find(|(_, commands)| has(commands));
    group.map_or(HOST_GROUP, |(group, _)| group)
}

/// The ACL categories that follow from a command's flags and group.
fn categories(command: &Command) -> Vec<&'static str> {
    let by_flag = [
        (Flags::WRITE, "write"),
        (Flags::READONLY, "read"),
        (Flags::ADMIN, "admin"),
        (Flags::ADMIN, "dangerous"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::BLOCKING, "blocking"),
        (Flags::FAST, "fast"),
    ];
    let by_group = match group(command) {
        "sorted-set" => Some("sortedset"),
        "generic" => Some("keyspace"),
        "transactions" => Some("transaction"),
        HOST_GROUP => None,
        group => Some(group),
    };
    let flags = by_flag.into_iter().filter(|(flag, _)| command.flags.has(*flag));
    let slow = (!command.flags.has(Flags::FAST)).then_some("slow");
    by_group.into_iter().chain(flags.map(|(_, name)| name)).chain(slow).collect()
}

fn list(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let filter = match request.len() {
        2 => None,
        5 if is(&request[2], "FILTERBY") => Some((&request[3], &request[4])),
        _ => return Err(CommandError::Syntax),
    };
    let matches: Box<dyn Fn(&Command) -> bool> = match filter {
        None => Box::new(|_| true),
        Some((by, _)) if is(by, "MODULE") => Box::new(|_| false),
        Some((by, category)) if is(by, "ACLCAT") => {
            Box::new(move |command| categories(command).iter().any(|name| is(category, name)))
        }
        Some((by, pattern)) if is(by, "PATTERN") => {
            let pattern = pattern.to_ascii_lowercase();
            Box::new(move |command| glob::matches(&pattern, command.name.as_bytes()))
        }
        Some(_) => return Err(CommandError::Syntax),
    };
    let found: Vec<&Command> = all(context).filter(|command| matches(command)).collect();
    context.reply.array(found.len());
    for command in found {
        context.reply.bulk(command.name.as_bytes());
    }
    Ok(())
}

/// A group for each command, and an empty summary: no more is known here.
fn docs(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let found: Vec<&Command> = if request.len() == 2 {
        all(context).collect()
    } else {
        request.iter().skip(2).filter_map(|name| find(context, name)).collect()
    };
    context.reply.map(found.len());
    for command in found {
        context.reply.bulk(command.name.as_bytes());
        context.reply.map(2);
        context.reply.bulk(b"summary");
        context.reply.bulk(b"");
        context.reply.bulk(b"group");
        context.reply.bulk(group(command).as_bytes());
    }
    Ok(())
}

fn getkeys(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let command =
        find(context, &request[2]).ok_or(CommandError::text("ERR Invalid command specified"))?;
    if !command.accepts(request.len() - 2) {
        return Err(CommandError::text("ERR Invalid number of arguments specified for command"));
    }
    let inner = RequestBuf::from_args(request.iter().skip(2));
    let keys = command.keys.of(inner.as_request());
    let keys = keys.ok_or(CommandError::text("ERR Invalid arguments specified for command"))?;
    if keys.is_empty() {
        return Err(CommandError::text("ERR The command has no key arguments"));
    }
    context.reply.array(keys.len());
    for key in keys {
        context.reply.bulk(key);
    }
    Ok(())
}

fn help(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    options::write_help(&mut context.reply, &HELP);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// `COMMAND INFO` of a Redis 7.0.15 for each command.
    const RECORDED: &str = include_str!("../../tests/recorded/commands.txt");

    /// Names of flags that mean nothing here.
    const UNKNOWN: [&str; 5] =
        ["allow_busy", "asking", "no_async_loading", "no_mandatory_keys", "may_replicate"];

    #[test]
    fn commands_are_declared_as_in_redis() {
        let mut known = 0;
        let mut differences = Vec::new();
        for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
            let (name, rest) = line.split_once(' ').unwrap();
            let Some(command) = super::super::all().find(|command| command.name == name) else {
                continue;
            };
            known += 1;
            let (rest, flags) = rest.rsplit_once(' ').unwrap();
            let flags = flags.split(',').filter(|flag| *flag != "-" && !UNKNOWN.contains(flag));
            let recorded = (rest.to_owned(), flags.collect::<BTreeSet<_>>());
            let keys = command.keys;
            let rest = format!(
                "{} {} {} {} {}",
                command.arity,
                keys.first,
                keys.last,
                keys.step,
                super::group(command),
            );
            let declared = (rest, command.flags.names().collect());
            // Their keys and flags are those of their subcommands.
            if declared != recorded && !["object", "xgroup", "xinfo"].contains(&name) {
                differences.push(format!("{name}: {declared:?}, redis: {recorded:?}"));
            }
        }
        assert!(differences.is_empty(), "{differences:#?}");
        assert!(known > 50, "{known} commands found");
    }
}
