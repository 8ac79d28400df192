//! `XGROUP`.

use redwire_resp::Request;

use super::ids::{loose_id, strict_id};
use super::tell::see_consumer;
use super::{no_group_of, wrong_subcommand};
use crate::commands::options::{self, integer, is};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::{Group, Stream};

const HELP: [&str; 17] = [
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <groupname> <id|$> [option]",
    "    Create a new consumer group. Options are:",
    "    * MKSTREAM",
    "      Create the empty stream if it does not exist.",
    "    * ENTRIESREAD entries_read",
    "      Set the group's entries_read counter (internal use).",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Create a new consumer in the specified group.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Remove the specified consumer.",
    "DESTROY <key> <groupname>",
    "    Remove the specified group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Set the current group ID and entries_read counter.",
    "HELP",
    "    Prints this help.",
];

type Answer = fn(&mut Context<'_>, Request<'_>) -> CommandResult;

pub(super) fn xgroup(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let subcommand = &request[1];
    let (name, arity, answer): (&str, i32, Answer) = match () {
        () if is(subcommand, "CREATE") => ("xgroup|create", -5, create),
        () if is(subcommand, "SETID") => ("xgroup|setid", -5, set_id),
        () if is(subcommand, "DESTROY") => ("xgroup|destroy", 4, destroy),
        () if is(subcommand, "CREATECONSUMER") => ("xgroup|createconsumer", 5, create_consumer),
        () if is(subcommand, "DELCONSUMER") => ("xgroup|delconsumer", 5, delete_consumer),
        () if is(subcommand, "HELP") => ("xgroup|help", 2, help),
        () => return Err(options::unknown_subcommand("XGROUP", subcommand)),
    };
    let wanted = arity.unsigned_abs() as usize;
    if request.len() < wanted || (arity > 0 && request.len() != wanted) {
        return Err(CommandError::Arity(name.into()));
    }
    answer(context, request)
}

fn help(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    options::write_help(&mut context.reply, &HELP);
    Ok(())
}

/// The options of `CREATE` and `SETID`.
#[derive(Default)]
struct Options {
    make: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(request: Request<'_>, creates: bool) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut args = request.iter().skip(5);
        while let Some(arg) = args.next() {
            if creates && is(arg, "MKSTREAM") {
                options.make = true;
            } else if is(arg, "ENTRIESREAD") && args.len() > 0 {
                let read = integer(args.next().unwrap_or_default())?;
                if read < -1 {
                    return Err(CommandError::text(
                        "ERR value for ENTRIESREAD must be positive or -1",
                    ));
                }
                options.entries_read = u64::try_from(read).ok();
            } else {
                return Err(wrong_subcommand("XGROUP", &request[1]));
            }
        }
        Ok(options)
    }
}

/// The stream, which must be there.
fn stream<'d>(data: &'d mut Data<'_>, key: &[u8]) -> Result<&'d mut Stream, CommandError> {
    data.write::<Stream>(key)?.ok_or(CommandError::text(
        "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want \
         to use the MKSTREAM option to create an empty stream automatically.",
    ))
}

/// The group, which must be there.
fn group<'d>(
    data: &'d mut Data<'_>,
    key: &[u8],
    name: &[u8],
) -> Result<&'d mut Group, CommandError> {
    stream(data, key)?.group_mut(name).ok_or_else(|| no_group_of(key, name))
}

fn create(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, name) = (&request[2], &request[3]);
    let options = Options::parse(request, true)?;
    let data = &mut context.data;
    let there = data.check::<Stream>(key)?;
    if !there && !options.make {
        stream(data, key)?;
    }
    if request.len() > 8 {
        return Err(wrong_subcommand("XGROUP", &request[1]));
    }
    let given = if request[4] == *b"$" { None } else { Some(strict_id(&request[4])?) };
    let stream = data.write_or_new::<Stream>(key)?;
    let id = given.unwrap_or(stream.last_id);
    if !stream.add_group(Group::new(name, id, options.entries_read)) {
        return Err(CommandError::text("BUSYGROUP Consumer Group name already exists"));
    }
    if there {
        data.changed_aside(key, EventClass::Stream, "xgroup-create");
    } else {
        data.changed(key, EventClass::Stream, "xgroup-create");
    }
    context.reply.ok();
    Ok(())
}

fn set_id(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, name) = (&request[2], &request[3]);
    let options = Options::parse(request, false)?;
    let data = &mut context.data;
    let last_id = stream(data, key)?.last_id;
    let group = group(data, key, name)?;
    if request.len() != 5 && request.len() != 7 {
        return Err(wrong_subcommand("XGROUP", &request[1]));
    }
    group.last_id = if request[4] == *b"$" { last_id } else { loose_id(&request[4], 0)? };
    group.entries_read = options.entries_read;
    data.changed_aside(key, EventClass::Stream, "xgroup-setid");
    context.reply.ok();
    Ok(())
}

fn destroy(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, name) = (&request[2], &request[3]);
    let destroyed = stream(&mut context.data, key)?.remove_group(name);
    if destroyed {
        context.data.changed_aside(key, EventClass::Stream, "xgroup-destroy");
        context.data.signal(key);
    }
    context.reply.integer(i64::from(destroyed));
    Ok(())
}

fn create_consumer(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, name, consumer) = (&request[2], &request[3], &request[4]);
    let group = group(&mut context.data, key, name)?;
    let made = group.consumer(consumer).is_none();
    if made {
        see_consumer(&mut context.data, key, name, consumer)?;
    }
    context.reply.integer(i64::from(made));
    Ok(())
}

fn delete_consumer(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, name, consumer) = (&request[2], &request[3], &request[4]);
    let pending = group(&mut context.data, key, name)?.remove_consumer(consumer);
    if pending.is_some() {
        context.data.changed_aside(key, EventClass::Stream, "xgroup-delconsumer");
    }
    context.reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}
