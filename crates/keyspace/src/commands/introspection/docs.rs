//! `COMMAND DOCS`.

use redwire_resp::{Encoder, Request};

use super::{HOST_GROUP, all, find_described};
use crate::commands::reference::{self, Reference, arguments};
use crate::context::Context;
use crate::error::CommandResult;

/// What is told of each command, or of those that are named, subcommands among them.
pub(super) fn docs(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let named = |name: &[u8]| Some(find_described(context, name)?.name());
    let names: Vec<&str> = match request.len() {
        2 => all(context).map(|command| command.name).collect(),
        _ => request.iter().skip(2).filter_map(named).collect(),
    };
    context.reply.map(names.len());
    for name in names {
        context.reply.bulk(name.as_bytes());
        match reference::find(name) {
            Some(entry) => write_docs(&mut context.reply, entry),
            None => {
                context.reply.map(1);
                context.reply.bulk(b"group");
                context.reply.bulk(HOST_GROUP.as_bytes());
            }
        }
    }
    Ok(())
}

fn write_docs(reply: &mut Encoder<'_>, entry: &Reference) {
    let (since, by) = entry.deprecated.unwrap_or_default();
    let there = |(_, text): &(&str, &str)| !text.is_empty();
    let complexity = entry.complexity.unwrap_or_default();
    let head = [
        ("summary", entry.summary),
        ("since", entry.since),
        ("group", entry.group),
        ("complexity", complexity),
    ];
    let head = head.into_iter().filter(there);
    let deprecated = [("deprecated_since", since), ("replaced_by", by)].into_iter().filter(there);
    let arguments = arguments::parse(entry.args).unwrap_or_default();
    let inner = reference::subcommands(entry.name);
    let inner_count = inner.clone().count();
    let parts = [entry.doc_flags.len(), entry.history.len(), arguments.len(), inner_count];
    let texts = head.clone().chain(deprecated.clone()).count();
    reply.map(texts + parts.into_iter().filter(|len| *len > 0).count());
    let write_texts = |reply: &mut Encoder<'_>, (name, text): (&str, &str)| {
        reply.bulk(name.as_bytes());
        reply.bulk(text.as_bytes());
    };
    head.for_each(|it| write_texts(reply, it));
    if !entry.doc_flags.is_empty() {
        reply.bulk(b"doc_flags");
        reply.set(entry.doc_flags.len());
        entry.doc_flags.iter().for_each(|flag| reply.simple(flag));
    }
    deprecated.for_each(|it| write_texts(reply, it));
    if !entry.history.is_empty() {
        reply.bulk(b"history");
        reply.set(entry.history.len());
        for (version, what) in &entry.history {
            reply.array(2);
            reply.bulk(version.as_bytes());
            reply.bulk(what.as_bytes());
        }
    }
    if !arguments.is_empty() {
        reply.bulk(b"arguments");
        arguments::write(reply, &arguments);
    }
    if inner_count > 0 {
        reply.bulk(b"subcommands");
        reply.map(inner_count);
        for entry in inner {
            reply.bulk(entry.name.as_bytes());
            write_docs(reply, entry);
        }
    }
}
