//! `COMMANDLOG` (Valkey 8.1): commands that took long, and those whose requests or replies were long;
//! `SLOWLOG`, which knows the first of the three logs.

use std::collections::VecDeque;

use redwire_keyspace::{
    Command, CommandError, CommandResult, Context, Flags, Origin, Session, UnixMs,
};
use redwire_resp::{Request, parse_i64};

use super::redact::redacted;
use super::subcommands::{Subcommand, dispatch};
use super::{ClientInfo, is, subcommands};
use crate::core::Core;

/// Arguments that an entry keeps, and bytes of each.
const MAX_ARGS: usize = 32;
const MAX_ARG_LEN: usize = 128;

/// Entries that `SLOWLOG GET` answers unless told otherwise.
const SHOWN: usize = 10;

/// What a command is logged for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    /// It took so many us.
    Slow,
    /// Its request had so many bytes, as it came.
    LargeRequest,
    /// Its reply had so many bytes.
    LargeReply,
}

impl Logged {
    const ALL: [Self; 3] = [Self::Slow, Self::LargeRequest, Self::LargeReply];

    /// Its name as `COMMANDLOG` has it.
    fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::LargeRequest => "large-request",
            Self::LargeReply => "large-reply",
        }
    }

    fn of(word: &[u8]) -> Result<Self, CommandError> {
        let found = Self::ALL.into_iter().find(|it| is(word, it.name()));
        found.ok_or(CommandError::text(
            "ERR type should be one of the following: slow, large-request, large-reply",
        ))
    }
}

/// The three logs.
#[derive(Debug, Default)]
pub(crate) struct CommandLog {
    logs: [Log; 3],
}

/// Commands that were beyond a limit lately.
#[derive(Debug, Default)]
struct Log {
    /// Newest first.
    entries: VecDeque<Entry>,
    next_id: u64,
    max_len: usize,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    /// When it ended, in seconds since 1970.
    time: u64,
    /// How much it was: us or bytes.
    value: u64,
    args: Vec<Vec<u8>>,
    /// The client's address and name.
    addr: String,
    name: Vec<u8>,
}

impl CommandLog {
    /// Keeps so many entries of each log from now on, in the order of [`Logged`].
    pub(crate) fn resize(&mut self, max_lens: [u64; 3]) {
        for (log, max_len) in self.logs.iter_mut().zip(max_lens) {
            log.max_len = usize::try_from(max_len).unwrap_or(usize::MAX);
            log.entries.truncate(log.max_len);
        }
    }

    /// Notes a command for what it was beyond a limit by, which is `value`.
    pub(crate) fn add(
        &mut self,
        logged: Logged,
        value: u64,
        request: Request<'_>,
        now: UnixMs,
        client: Option<&ClientInfo>,
    ) {
        let log = self.of(logged);
        if log.max_len == 0 {
            return;
        }
        log.entries.truncate(log.max_len - 1);
        log.entries.push_front(Entry {
            id: log.next_id,
            time: now.0 / 1000,
            value,
            args: trimmed(request),
            addr: client.map_or_else(String::new, |client| client.addr.clone()),
            name: client.map_or_else(Vec::new, |client| client.name.clone()),
        });
        log.next_id += 1;
    }

    fn of(&mut self, logged: Logged) -> &mut Log {
        &mut self.logs[logged as usize]
    }
}

impl Core {
    /// Logs a request that was a large one.
    pub(crate) fn judge_request(
        &mut self,
        session: &Session,
        command: &Command,
        request: Request<'_>,
    ) {
        // What came long ago is no more than its arguments.
        let came_now = !session.executing_transaction() && !session.is_resuming();
        let bytes = if came_now { self.request_bytes } else { wire_bytes(request) };
        if self.config.is_large_request(bytes) && session.origin() == Origin::Client {
            self.log_command(Logged::LargeRequest, bytes as u64, session, command, request);
        }
    }

    /// Logs a command, unless it is one that is kept out of logs.
    #[cold]
    pub(crate) fn log_command(
        &mut self,
        logged: Logged,
        value: u64,
        session: &Session,
        command: &Command,
        request: Request<'_>,
    ) {
        // What waits is judged by the time in which it is answered.
        if command.flags.has(Flags::SKIP_SLOWLOG) || session.is_waiting() {
            return;
        }
        let client = self.clients.get(&session.id());
        self.command_log.add(logged, value, request, self.unix_ms, client);
    }
}

/// Bytes of a request as clients send it.
pub(super) fn wire_bytes(request: Request<'_>) -> usize {
    let header =
        |number: usize| number.checked_ilog10().map_or(1, |digits| digits as usize + 1) + 3;
    let arguments = request.iter().map(|arg| header(arg.len()) + arg.len() + 2);
    header(request.len()) + arguments.sum::<usize>()
}

/// The arguments as an entry keeps them: so many of them, so much of each.
fn trimmed(request: Request<'_>) -> Vec<Vec<u8>> {
    let kept = if request.len() > MAX_ARGS { MAX_ARGS - 1 } else { request.len() };
    let mut args: Vec<Vec<u8>> = redacted(request).take(kept).map(trimmed_arg).collect();
    if kept < request.len() {
        let left = request.len() - kept;
        args.push(format!("... ({left} more arguments)").into_bytes());
    }
    args
}

fn trimmed_arg(arg: &[u8]) -> Vec<u8> {
    match arg.split_at_checked(MAX_ARG_LEN) {
        Some((kept, left)) if !left.is_empty() => {
            let note = format!("... ({} more bytes)", left.len());
            [kept, note.as_bytes()].concat()
        }
        _ => arg.to_vec(),
    }
}

pub(super) static SLOWLOG: &[Subcommand] = &[
    Subcommand::admin("slowlog|get", -2, slowlog_get),
    Subcommand::admin("slowlog|len", 2, |core, context, _| len(core, context, Logged::Slow)),
    Subcommand::admin("slowlog|reset", 2, |core, context, _| reset(core, context, Logged::Slow)),
    Subcommand::new("slowlog|help", 2, |_, context, _| {
        super::help(context, "SLOWLOG", SLOWLOG_HELP)
    }),
];

const SLOWLOG_HELP: &[&str] = &[
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
];

pub(super) fn slowlog(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(SLOWLOG, core, context, request)
}

pub(super) static COMMANDLOG: &[Subcommand] = &[
    Subcommand::admin("commandlog|get", 4, |core, context, request| {
        let count = count(&request[2])?;
        get(core, context, count, Logged::of(&request[3])?)
    }),
    Subcommand::admin("commandlog|len", 3, |core, context, request| {
        len(core, context, Logged::of(&request[2])?)
    }),
    Subcommand::admin("commandlog|reset", 3, |core, context, request| {
        reset(core, context, Logged::of(&request[2])?)
    }),
    Subcommand::new("commandlog|help", 2, |_, context, _| {
        context.reply.array(COMMANDLOG_HELP.len());
        COMMANDLOG_HELP.iter().for_each(|line| context.reply.simple(line));
        Ok(())
    }),
];

const COMMANDLOG_HELP: &[&str] = &[
    "COMMANDLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <count> <type>",
    "    Return top <count> entries of the specified <type> from the commandlog (-1 mean all).",
    "    Entries are made of:",
    "    id, timestamp,",
    "        time in microseconds for type of slow,",
    "        or size in bytes for type of large-request,",
    "        or size in bytes for type of large-reply",
    "    arguments array, client IP and port,",
    "    client name",
    "LEN <type>",
    "    Return the length of the specified type of commandlog.",
    "RESET <type>",
    "    Reset the specified type of commandlog.",
    "HELP",
    "    Print this help.",
];

pub(super) fn commandlog(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(COMMANDLOG, core, context, request)
}

fn slowlog_get(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let count = match (request.arg(2), request.len()) {
        (None, _) => SHOWN,
        (Some(word), 3) => count(word)?,
        _ => return Err(subcommands::unknown_or_wrong_arity("SLOWLOG", request)),
    };
    get(core, context, count, Logged::Slow)
}

/// How many entries are wanted; -1 is all.
fn count(word: &[u8]) -> Result<usize, CommandError> {
    match parse_i64(word) {
        Some(-1) => Ok(usize::MAX),
        Some(count @ 0..) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        _ => Err(CommandError::text("ERR count should be greater than or equal to -1")),
    }
}

fn get(core: &mut Core, context: &mut Context<'_>, count: usize, logged: Logged) -> CommandResult {
    let entries = &core.command_log.of(logged).entries;
    let reply = &mut context.reply;
    reply.array(count.min(entries.len()));
    for entry in entries.iter().take(count) {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.time as i64);
        reply.integer(entry.value as i64);
        reply.array(entry.args.len());
        for arg in &entry.args {
            reply.bulk(arg);
        }
        reply.bulk(entry.addr.as_bytes());
        reply.bulk(&entry.name);
    }
    Ok(())
}

fn len(core: &mut Core, context: &mut Context<'_>, logged: Logged) -> CommandResult {
    context.reply.integer(core.command_log.of(logged).entries.len() as i64);
    Ok(())
}

fn reset(core: &mut Core, context: &mut Context<'_>, logged: Logged) -> CommandResult {
    core.command_log.of(logged).entries.clear();
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use redwire_resp::RequestBuf;

    #[test]
    fn many_and_long_arguments_are_cut_as_redis_cuts_them() {
        let request = |count: usize, len: usize| {
            RequestBuf::from_args(std::iter::repeat_n(vec![b'x'; len], count))
        };
        for (count, kept, note) in [
            (1, 1, None),
            (32, 32, None),
            (33, 31, Some("... (2 more arguments)")),
            (100, 31, Some("... (69 more arguments)")),
        ] {
            let args = trimmed(request(count, 1).as_request());
            assert_eq!(args.iter().filter(|arg| *arg == b"x").count(), kept);
            let last = String::from_utf8_lossy(args.last().unwrap()).into_owned();
            assert_eq!((args.len() > kept).then_some(last.as_str()), note);
        }
        for (len, expected) in [
            (128, "x".repeat(128)),
            (129, format!("{}... (1 more bytes)", "x".repeat(128))),
            (300, format!("{}... (172 more bytes)", "x".repeat(128))),
        ] {
            assert_eq!(trimmed(request(1, len).as_request()), [expected.into_bytes()]);
        }
    }

    #[test]
    fn the_newest_entries_stay() {
        let mut log = CommandLog::default();
        let request = RequestBuf::from_args(["SLEEP"]);
        let add = |log: &mut CommandLog| {
            log.add(Logged::LargeReply, 7, request.as_request(), UnixMs(12_345), None);
        };
        let ids = |log: &CommandLog| log.logs[2].entries.iter().map(|it| it.id).collect::<Vec<_>>();
        add(&mut log);
        assert!(ids(&log).is_empty(), "no length, no entries");
        log.resize([1, 1, 2]);
        (0..3).for_each(|_| add(&mut log));
        assert_eq!(ids(&log), [2, 1]);
        assert_eq!((log.logs[2].entries[0].time, log.logs[2].entries[0].value), (12, 7));
        log.resize([1, 1, 1]);
        assert_eq!(ids(&log), [2]);
        assert!(log.logs[0].entries.is_empty() && log.logs[1].entries.is_empty());
    }
}
