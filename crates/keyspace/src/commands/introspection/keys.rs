//! `COMMAND GETKEYS` and `GETKEYSANDFLAGS`.

use redwire_resp::{Request, RequestBuf};

use super::{Described, described};
use crate::command::Keys;
use crate::commands::options::is;
use crate::commands::reference::keys::KeySpec;
use crate::commands::reference::{self, Reference};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

/// A key's position in a command line, and what is done to it.
type KeyUse = (usize, Vec<&'static str>);

pub(super) fn getkeys(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let inner = RequestBuf::from_args(request.iter().skip(2));
    let keys = keys_of(context, inner.as_request())?;
    context.reply.array(keys.len());
    for (at, _) in keys {
        context.reply.bulk(&inner.as_request()[at]);
    }
    Ok(())
}

pub(super) fn getkeysandflags(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let inner = RequestBuf::from_args(request.iter().skip(2));
    let keys = keys_of(context, inner.as_request())?;
    context.reply.array(keys.len());
    for (at, flags) in keys {
        context.reply.array(2);
        context.reply.bulk(&inner.as_request()[at]);
        context.reply.set(flags.len());
        flags.iter().for_each(|flag| context.reply.simple(flag));
    }
    Ok(())
}

/// Where the keys of a command line stand, and what is done to each.
fn keys_of(context: &Context<'_>, request: Request<'_>) -> Result<Vec<KeyUse>, CommandError> {
    let invalid = |what: &'static str| Err(CommandError::text(what));
    let Some(described) = described(context, request) else {
        return invalid("ERR Invalid command specified");
    };
    let documented = |entry: &Reference| entry.keys.iter().any(KeySpec::is_of_keys);
    let (arity, has_keys) = match described {
        Described::Subcommand(entry) => (entry.arity, documented(entry)),
        Described::Command(command) => {
            let documented = reference::find(command.name).is_some_and(documented);
            (command.arity, documented || command.keys != Keys::NONE)
        }
    };
    if !has_keys {
        return invalid("ERR The command has no key arguments");
    }
    let wanted = arity.unsigned_abs() as usize;
    let accepts = if arity < 0 { request.len() >= wanted } else { request.len() == wanted };
    if !accepts {
        return invalid("ERR Invalid number of arguments specified for command");
    }
    match positions(&described, request).filter(|keys| !keys.is_empty()) {
        Some(keys) => Ok(keys),
        None if may_have_none(&described) => Ok(Vec::new()),
        None => invalid("ERR Invalid arguments specified for command"),
    }
}

/// Whether a line of this command may name no keys.
fn may_have_none(described: &Described) -> bool {
    let entry = reference::find(described.name());
    entry.is_some_and(|entry| entry.flags.contains(&"no_mandatory_keys"))
}

fn positions(described: &Described, request: Request<'_>) -> Option<Vec<KeyUse>> {
    let specs = reference::find(described.name()).map_or(&[][..], |entry| &entry.keys);
    if specs.is_empty() || !specs.iter().all(KeySpec::is_known) {
        // The first is what the command is about, others are stored to (SORT, GEORADIUS).
        let Described::Command(command) = described else { return None };
        let flags = |spec: Option<&KeySpec>| spec.map_or_else(Vec::new, |spec| spec.flags.clone());
        let count = command.keys.of(request)?.len();
        let first = command.keys.positions(request.len()).count();
        let others = (1..request.len()).rev().filter(|at| {
            let before = request.arg(at - 1).unwrap_or_default();
            command.keys.option.is_some_and(|option| is(before, option))
        });
        let firsts = command.keys.positions(request.len()).map(|at| (at, flags(specs.first())));
        let others = others.take(count - first).map(|at| (at, flags(specs.last())));
        return Some(firsts.chain(others).collect());
    }
    if let Described::Command(command) = described
        && command.keys.instead_after.is_some()
    {
        let (count, spec) = (command.keys.of(request)?.len(), specs.first()?);
        let first = command.keys.instead_from(request).unwrap_or(command.keys.first as usize);
        return Some((first..first + count).map(|at| (at, spec.flags.clone())).collect());
    }
    let mut keys = Vec::new();
    for spec in specs {
        let flags = flags_here(described.name(), spec, request);
        keys.extend(spec.positions(request)?.into_iter().map(|at| (at, flags.clone())));
    }
    Some(keys)
}

/// What is done to keys where that depends on options.
fn flags_here(name: &str, spec: &KeySpec, request: Request<'_>) -> Vec<&'static str> {
    if !spec.flags.contains(&"variable_flags") {
        return spec.flags.clone();
    }
    let has = |word: &str| request.iter().skip(2).any(|arg| is(arg, word));
    match name {
        "set" if !has("GET") => vec!["OW", "update"],
        "bitfield" if !has("SET") && !has("INCRBY") => vec!["RO", "access"],
        _ => vec!["RW", "access", "update"],
    }
}
