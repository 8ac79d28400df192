//! `COMMAND`: what commands there are, and where their keys stand.

mod docs;
mod keys;

use redwire_resp::{Encoder, Request};

use super::options::{self, is};
use super::reference::{self, Reference};
use crate::acl::Categories;
use crate::command::{Command, Flags, Keys};
use crate::command_table::CommandTable;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::glob;

const FLAGS: Flags = Flags::LOADING.with(Flags::STALE).with(Flags::CONTAINER);

pub(super) static COMMANDS: &[Command] =
    &[Command::data("command", -1, FLAGS, Keys::NONE, command)];

/// The group of the server's own commands.
const HOST_GROUP: &str = "server";

const HELP: [&str; 21] = [
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
    "GETKEYSANDFLAGS <full-command>",
    "    Return the keys and the access flags from a full Redis command.",
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
        () if is(subcommand, "DOCS") => ("command|docs", docs::docs, 0..=usize::MAX),
        () if is(subcommand, "GETKEYS") => ("command|getkeys", keys::getkeys, 2..=usize::MAX),
        () if is(subcommand, "GETKEYSANDFLAGS") => {
            ("command|getkeysandflags", keys::getkeysandflags, 2..=usize::MAX)
        }
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
        match find_described(context, name) {
            Some(Described::Command(command)) => write_command(&mut context.reply, command),
            Some(Described::Subcommand(entry)) => write_entry(&mut context.reply, entry),
            None => context.reply.null(),
        }
    }
    Ok(())
}

/// A command's details.
fn write_command(reply: &mut Encoder<'_>, command: &Command) {
    match reference::find(command.name) {
        Some(entry) => write_entry(reply, entry),
        None => write_undocumented(reply, command),
    }
}

fn write_entry(reply: &mut Encoder<'_>, entry: &Reference) {
    reply.array(10);
    reply.bulk(entry.name.as_bytes());
    reply.integer(i64::from(entry.arity));
    reply.set(entry.flags.len());
    entry.flags.iter().for_each(|name| reply.simple(name));
    entry.span.iter().for_each(|number| reply.integer(i64::from(*number)));
    reply.set(entry.categories.len());
    entry.categories.iter().for_each(|name| reply.simple(name));
    reply.set(entry.tips.len());
    entry.tips.iter().for_each(|tip| reply.bulk(tip.as_bytes()));
    reply.set(entry.keys.len());
    entry.keys.iter().for_each(|spec| spec.write(reply));
    let inner = reference::subcommands(entry.name);
    reply.array(inner.clone().count());
    inner.for_each(|entry| write_entry(reply, entry));
}

/// The details of a command that no text tells of: one of a host's own.
fn write_undocumented(reply: &mut Encoder<'_>, command: &Command) {
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(i64::from(command.arity));
    reply.set(command.flags.names().count());
    command.flags.names().for_each(|name| reply.simple(name));
    let Keys { first, last, step, .. } = command.keys;
    [first, last, step].into_iter().for_each(|number| reply.integer(i64::from(number)));
    let categories = Categories::of(command);
    reply.set(categories.each().count());
    categories.each().for_each(|name| reply.simple(format!("@{name}")));
    (0..2).for_each(|_| reply.set(0));
    reply.array(0);
}

/// Whether a command of this name, in these categories, is listed.
type Filter<'a> = dyn Fn(&str, Categories) -> bool + 'a;

fn list(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let filter = match request.len() {
        2 => None,
        5 if is(&request[2], "FILTERBY") => Some((&request[3], &request[4])),
        _ => return Err(CommandError::Syntax),
    };
    let matches: Box<Filter<'_>> = match filter {
        None => Box::new(|_, _| true),
        Some((by, _)) if is(by, "MODULE") => Box::new(|_, _| false),
        Some((by, category)) if is(by, "ACLCAT") => {
            let category = Categories::named(category).unwrap_or(Categories::NONE);
            Box::new(move |_, categories| categories.has(category))
        }
        Some((by, pattern)) if is(by, "PATTERN") => {
            let pattern = pattern.to_ascii_lowercase();
            Box::new(move |name, _| glob::matches(&pattern, name.as_bytes()))
        }
        Some(_) => return Err(CommandError::Syntax),
    };
    let mut found: Vec<&str> = Vec::new();
    for command in all(context) {
        if matches(command.name, Categories::of(command)) {
            found.push(command.name);
        }
        let inner = reference::subcommands(command.name);
        let inner =
            inner.filter(|entry| matches(entry.name, Categories::listed(&entry.categories)));
        found.extend(inner.map(|entry| entry.name));
    }
    context.reply.array(found.len());
    for name in found {
        context.reply.bulk(name.as_bytes());
    }
    Ok(())
}

/// A command, or a subcommand that a text tells of.
#[derive(Debug, Clone, Copy)]
enum Described {
    Command(&'static Command),
    Subcommand(&'static Reference),
}

impl Described {
    fn name(&self) -> &'static str {
        match self {
            Self::Command(command) => command.name,
            Self::Subcommand(entry) => entry.name,
        }
    }
}

/// The command of this name, or the subcommand (`config|get`), in whatever case.
fn find_described(context: &Context<'_>, name: &[u8]) -> Option<Described> {
    let lower = String::from_utf8(name.to_ascii_lowercase()).ok()?;
    match lower.split_once('|') {
        None => find(context, name).map(Described::Command),
        Some((container, _)) => {
            find(context, container.as_bytes())?;
            reference::find(&lower).map(Described::Subcommand)
        }
    }
}

/// The command that a command line is of, or its subcommand.
fn described(context: &Context<'_>, request: Request<'_>) -> Option<Described> {
    let command = find(context, request.name())?;
    if reference::subcommands(command.name).next().is_none() {
        return Some(Described::Command(command));
    }
    let subcommand = String::from_utf8_lossy(request.arg(1)?).to_ascii_lowercase();
    let name = format!("{}|{subcommand}", command.name);
    reference::find(&name).map(Described::Subcommand)
}

fn help(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    options::write_help(&mut context.reply, &HELP);
    Ok(())
}
