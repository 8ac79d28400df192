//! Function libraries, which are kept, told of and passed on, though nothing here runs them.

use redwire_rdb::{DecodeOptions, Decoder, EncodeOptions, Encoder, Event, Version, dump};
use redwire_resp::Request;

use super::options::{is, unknown_subcommand, write_help};
use super::scripts::kill;
use crate::Blob;
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::glob;
use crate::keyspace::Role;

pub(super) static COMMANDS: &[Command] =
    &[Command::data("function", -2, Flags::CONTAINER, Keys::NONE, function)];

const HELP: [&str; 22] = [
    "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Keep a library, and pass it on to replicas; its functions are not run here.",
    "DELETE <LIBRARY NAME>",
    "    Delete a library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Tell of the libraries: their names and engines, and their code WITHCODE.",
    "    What functions they have is not known here.",
    "STATS",
    "    Tell how many libraries there are.",
    "KILL",
    "    End the function that runs: there is none.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all libraries.",
    "DUMP",
    "    Return the libraries as a payload for FUNCTION RESTORE.",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Add the libraries of a payload: in the place of all that are there (FLUSH),",
    "    of those of the same name (REPLACE), or only if there are none of the same",
    "    name (APPEND, the default).",
    "HELP",
    "    Prints this help.",
];

type Subcommand = fn(&mut Context<'_>, Request<'_>) -> CommandResult;

fn function(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let subcommand = &request[1];
    let (name, run, args, writes): (_, Subcommand, _, _) = match () {
        () if is(subcommand, "LOAD") => ("function|load", load, 1..=usize::MAX, true),
        () if is(subcommand, "DELETE") => ("function|delete", delete, 1..=1, true),
        () if is(subcommand, "FLUSH") => ("function|flush", flush, 0..=usize::MAX, true),
        () if is(subcommand, "RESTORE") => ("function|restore", restore, 1..=usize::MAX, true),
        () if is(subcommand, "LIST") => ("function|list", list, 0..=usize::MAX, false),
        () if is(subcommand, "DUMP") => ("function|dump", write_dump, 0..=0, false),
        () if is(subcommand, "STATS") => ("function|stats", stats, 0..=0, false),
        () if is(subcommand, "KILL") => ("function|kill", kill, 0..=0, false),
        () if is(subcommand, "HELP") => ("function|help", help, 0..=0, false),
        () => return Err(unknown_subcommand("FUNCTION", subcommand)),
    };
    if !args.contains(&(request.len() - 2)) {
        return Err(CommandError::Arity(name.into()));
    }
    let read_only = context.data.keyspace().role() == Role::Replica { read_only: true };
    if writes && read_only && !context.data.is_replicated() {
        let text = "READONLY You can't write against a read only replica.";
        return Err(CommandError::text(text));
    }
    run(context, request)
}

/// The name of the library whose code this is.
fn library_name(code: &[u8]) -> Result<&[u8], CommandError> {
    let error = |text: &'static str| Err(CommandError::text(text));
    let Some(rest) = code.strip_prefix(b"#!") else {
        return error("ERR Missing library metadata");
    };
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        return error("ERR Invalid library metadata");
    };
    let mut words = rest[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    let mut name = None;
    for word in words {
        let Some(value) = word.strip_prefix(b"name=") else {
            let word = String::from_utf8_lossy(word);
            return Err(CommandError::text(format!("ERR Invalid metadata value given: {word}")));
        };
        if name.replace(value).is_some() {
            return error("ERR Invalid metadata value, name argument was given multiple times");
        }
    }
    let Some(name) = name else { return error("ERR Library name was not given") };
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
        return error(
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at \
             least one character long",
        );
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        let engine = String::from_utf8_lossy(engine);
        return Err(CommandError::text(format!("ERR Engine '{engine}' not found")));
    }
    Ok(name)
}

/// The name of a library that is kept. A file may hold any bytes as code: those have no name.
fn kept_name(code: &Blob) -> &[u8] {
    library_name(code).unwrap_or_default()
}

fn load(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (replace, code) = match (&request[2], request.arg(3), request.len()) {
        (code, None, _) => (false, code),
        (option, Some(code), 4) if is(option, "REPLACE") => (true, code),
        (option, ..) => {
            let option = String::from_utf8_lossy(option);
            return Err(CommandError::text(format!("ERR Unknown option given: {option}")));
        }
    };
    let name = library_name(code)?;
    add(&mut context.data.keyspace().data.functions, code, replace)?;
    context.data.changed_more(1);
    context.reply.bulk(name);
    Ok(())
}

/// Adds a library, in the place of one of the same name if that is allowed.
fn add(libraries: &mut Vec<Blob>, code: &[u8], replace: bool) -> CommandResult {
    let name = library_name(code)?;
    match libraries.iter_mut().find(|known| kept_name(known) == name) {
        Some(known) if replace => *known = Blob::from(code),
        Some(_) => {
            let name = String::from_utf8_lossy(name);
            return Err(CommandError::text(format!("ERR Library '{name}' already exists")));
        }
        None => libraries.push(Blob::from(code)),
    }
    Ok(())
}

fn delete(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let libraries = &mut context.data.keyspace().data.functions;
    let found = libraries.iter().position(|code| kept_name(code) == &request[2]);
    libraries.remove(found.ok_or(CommandError::text("ERR Library not found"))?);
    context.data.changed_more(1);
    context.reply.ok();
    Ok(())
}

fn flush(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    match (request.arg(2), request.len()) {
        (None, _) => {}
        (Some(mode), 3) if is(mode, "ASYNC") || is(mode, "SYNC") => {}
        (Some(_), 3) => {
            return Err(CommandError::text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
        }
        _ => return Err(too_many(request)),
    }
    context.data.keyspace().data.functions.clear();
    context.data.force_effect();
    context.data.changed_more(1);
    context.reply.ok();
    Ok(())
}

fn too_many(request: Request<'_>) -> CommandError {
    let name = String::from_utf8_lossy(&request[1]);
    CommandError::text(format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try FUNCTION HELP."
    ))
}

fn restore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (flush, replace) = match (request.arg(3), request.len()) {
        (None, _) => (false, false),
        (Some(policy), 4) if is(policy, "APPEND") => (false, false),
        (Some(policy), 4) if is(policy, "REPLACE") => (false, true),
        (Some(policy), 4) if is(policy, "FLUSH") => (true, false),
        (Some(_), 4) => {
            return Err(CommandError::text(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
        _ => return Err(too_many(request)),
    };
    let restored = libraries_of(&request[2])?;
    let libraries = &mut context.data.keyspace().data.functions;
    let mut after = if flush { Vec::new() } else { libraries.clone() };
    for code in &restored {
        add(&mut after, code, replace).map_err(|error| match library_name(code) {
            Ok(name) => {
                let name = String::from_utf8_lossy(name);
                CommandError::text(format!("ERR Library {name} already exists"))
            }
            Err(_) => error,
        })?;
    }
    *libraries = after;
    context.data.changed_more(1);
    context.reply.ok();
    Ok(())
}

/// The libraries of a payload that `FUNCTION DUMP` made.
fn libraries_of(payload: &[u8]) -> Result<Vec<Blob>, CommandError> {
    let opened = dump::open(payload)
        .map_err(|_| CommandError::text("ERR DUMP payload version or checksum are wrong"))?;
    let bad = || CommandError::text("ERR failed loading functions");
    // A payload is the part of a file that has the libraries.
    let mut file = opened.version.magic().to_vec();
    file.extend_from_slice(opened.value);
    file.push(END_OF_FILE);
    file.extend_from_slice(&[0; 8]);
    let mut decoder = Decoder::new(DecodeOptions::default());
    let (mut unread, mut libraries) = (file.as_slice(), Vec::new());
    loop {
        let decoded = decoder.decode(unread).map_err(|_| bad())?;
        match decoded.event {
            Some(Event::Start(_)) => {}
            Some(Event::Function(code)) => libraries.push(Blob::from(code)),
            Some(Event::End { .. }) => return Ok(libraries),
            Some(_) => return Err(CommandError::text("ERR given type is not a function")),
            None => return Err(bad()),
        }
        unread = &unread[decoded.used..];
    }
}

/// What an RDB file ends with, its checksum behind it; a checksum of 0 is none.
const END_OF_FILE: u8 = 255;

fn write_dump(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let options = EncodeOptions { target: Version::REDIS_7_0, ..EncodeOptions::default() };
    let mut encoder = Encoder::for_payloads(options);
    let mut payload = Vec::new();
    for code in &context.data.keyspace().data.functions {
        let written = encoder.function(&mut payload, code);
        written.map_err(|error| CommandError::text(format!("ERR {error}")))?;
    }
    encoder.end(&mut payload);
    context.reply.bulk(&payload);
    Ok(())
}

fn list(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (mut pattern, mut with_code) = (None, false);
    let mut args = request.iter().skip(2);
    while let Some(arg) = args.next() {
        if is(arg, "WITHCODE") && !with_code {
            with_code = true;
        } else if is(arg, "LIBRARYNAME") && pattern.is_none() {
            let given = args.next();
            pattern =
                Some(given.ok_or(CommandError::text("ERR library name argument was not given"))?);
        } else {
            let arg = String::from_utf8_lossy(arg);
            return Err(CommandError::text(format!("ERR Unknown argument {arg}")));
        }
    }
    let Context { data, reply, .. } = context;
    let wanted = |code: &&Blob| pattern.is_none_or(|it| glob::matches(it, kept_name(code)));
    let found: Vec<&Blob> = data.keyspace().data.functions.iter().filter(wanted).collect();
    reply.array(found.len());
    for code in found {
        reply.map(if with_code { 4 } else { 3 });
        reply.bulk(b"library_name");
        reply.bulk(kept_name(code));
        reply.bulk(b"engine");
        reply.bulk(b"LUA");
        // To know of them the code would have to be run.
        reply.bulk(b"functions");
        reply.array(0);
        if with_code {
            reply.bulk(b"library_code");
            reply.bulk(code);
        }
    }
    Ok(())
}

fn stats(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let libraries = context.data.keyspace().data.functions.len();
    let reply = &mut context.reply;
    reply.map(2);
    reply.bulk(b"running_script");
    reply.null();
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(libraries as i64);
    reply.bulk(b"functions_count");
    reply.integer(0);
    Ok(())
}

fn help(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    write_help(&mut context.reply, &HELP);
    Ok(())
}
