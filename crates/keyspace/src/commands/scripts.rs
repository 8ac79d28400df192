//! Scripts, which are not run here: commands that would run them say so, and the cache of scripts is
//! the empty one that it is.

use redwire_resp::Request;

use super::options::{integer, is, unknown_subcommand, write_help};
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

const RUNS: Flags =
    Flags::NOSCRIPT.with(Flags::STALE).with(Flags::SKIP_MONITOR).with(Flags::MOVABLE_KEYS);
const READS: Flags = RUNS.with(Flags::READONLY);
/// Keys behind their number, which comes behind the script or the function's name.
const KEYS: Keys = Keys::NONE.counted_at(2);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("script", -2, Flags::CONTAINER, Keys::NONE, script),
    Command::data("fcall", -3, RUNS, KEYS, fcall),
    Command::data("fcall_ro", -3, READS, KEYS, fcall),
    Command::data("eval", -3, RUNS, KEYS, eval),
    Command::data("eval_ro", -3, READS, KEYS, eval),
    Command::data("evalsha", -3, RUNS, KEYS, evalsha),
    Command::data("evalsha_ro", -3, READS, KEYS, evalsha),
];

const HELP: [&str; 15] = [
    "SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LOAD <SCRIPT>",
    "    Refused: scripts are not run here, and so not kept.",
    "EXISTS <SHA1> [<SHA1> ...]",
    "    Tell which scripts are kept: none.",
    "FLUSH [ASYNC|SYNC]",
    "    Forget all scripts: there are none.",
    "KILL",
    "    End the script that runs: there is none.",
    "SHOW <SHA1>",
    "    Return a script: there are none.",
    "DEBUG NO",
    "    Do not debug scripts.",
    "HELP",
    "    Prints this help.",
];

const NOT_RUN: &str = "ERR scripts are not run here";

type Subcommand = fn(&mut Context<'_>, Request<'_>) -> CommandResult;

fn script(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let subcommand = &request[1];
    let (name, run, args): (_, Subcommand, _) = match () {
        () if is(subcommand, "LOAD") => ("script|load", load, 1..=1),
        () if is(subcommand, "EXISTS") => ("script|exists", exists, 1..=usize::MAX),
        () if is(subcommand, "FLUSH") => ("script|flush", flush, 0..=usize::MAX),
        () if is(subcommand, "KILL") => ("script|kill", kill, 0..=0),
        () if is(subcommand, "SHOW") => ("script|show", show, 1..=1),
        () if is(subcommand, "DEBUG") => ("script|debug", debug, 1..=1),
        () if is(subcommand, "HELP") => ("script|help", help, 0..=0),
        () => return Err(unknown_subcommand("SCRIPT", subcommand)),
    };
    if !args.contains(&(request.len() - 2)) {
        return Err(CommandError::Arity(name.into()));
    }
    run(context, request)
}

fn load(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    // Primaries before 7.0 tell their replicas of scripts, but send what these do one by one, unless
    // they are told otherwise; then it is EVAL that is refused.
    if !context.data.is_replicated() {
        return Err(CommandError::text(NOT_RUN));
    }
    context.reply.ok();
    Ok(())
}

fn exists(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    context.reply.array(request.len() - 2);
    request.iter().skip(2).for_each(|_| context.reply.integer(0));
    Ok(())
}

fn flush(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    match (request.arg(2), request.len()) {
        (None, _) => {}
        (Some(mode), 3) if is(mode, "ASYNC") || is(mode, "SYNC") => {}
        _ => return Err(CommandError::text("ERR SCRIPT FLUSH only support SYNC|ASYNC option")),
    }
    context.reply.ok();
    Ok(())
}

/// `SCRIPT KILL` and `FUNCTION KILL`.
pub(super) fn kill(_context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    Err(CommandError::text("NOTBUSY No scripts in execution right now."))
}

fn show(_context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    Err(CommandError::text("NOSCRIPT No matching script."))
}

fn debug(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    match &request[2] {
        mode if is(mode, "NO") => context.reply.ok(),
        mode if is(mode, "YES") || is(mode, "SYNC") => return Err(CommandError::text(NOT_RUN)),
        _ => return Err(CommandError::text("ERR Use SCRIPT DEBUG YES/SYNC/NO")),
    }
    Ok(())
}

fn help(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    write_help(&mut context.reply, &HELP);
    Ok(())
}

fn fcall(_context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    Err(CommandError::text("ERR functions are kept and passed on here, but not run"))
}

fn eval(_context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    check_numkeys(request)?;
    Err(CommandError::text(NOT_RUN))
}

fn evalsha(_context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    const SHA1_DIGITS: usize = 40;
    if request[1].len() == SHA1_DIGITS {
        check_numkeys(request)?;
    }
    Err(CommandError::text("NOSCRIPT No matching script: scripts are not run here"))
}

/// Refuses a number of keys that the arguments behind it cannot be.
fn check_numkeys(request: Request<'_>) -> CommandResult {
    match integer(&request[2])? {
        ..0 => Err(CommandError::text("ERR Number of keys can't be negative")),
        count if count as usize > request.len() - 3 => {
            Err(CommandError::text("ERR Number of keys can't be greater than number of args"))
        }
        _ => Ok(()),
    }
}
