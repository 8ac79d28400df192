//! `SLOWLOG`.

use std::collections::VecDeque;
use std::time::Duration;

use redwire_keyspace::{CommandError, CommandResult, Context, UnixMs};
use redwire_resp::{Request, parse_i64};

use super::redact::redacted;
use super::subcommands::{Subcommand, dispatch};
use super::{ClientInfo, subcommands};
use crate::core::Core;

/// Arguments that an entry keeps, and bytes of each.
const MAX_ARGS: usize = 32;
const MAX_ARG_LEN: usize = 128;

/// Entries that `SLOWLOG GET` answers unless told otherwise.
const SHOWN: usize = 10;

/// The commands that took longest lately.
#[derive(Debug, Default)]
pub(crate) struct SlowLog {
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
    took: Duration,
    args: Vec<Vec<u8>>,
    /// The client's address and name.
    addr: String,
    name: Vec<u8>,
}

impl SlowLog {
    /// Keeps so many entries from now on.
    pub(crate) fn resize(&mut self, max_len: u64) {
        self.max_len = usize::try_from(max_len).unwrap_or(usize::MAX);
        self.entries.truncate(self.max_len);
    }

    pub(crate) fn add(
        &mut self,
        request: Request<'_>,
        took: Duration,
        now: UnixMs,
        client: Option<&ClientInfo>,
    ) {
        if self.max_len == 0 {
            return;
        }
        self.entries.truncate(self.max_len - 1);
        self.entries.push_front(Entry {
            id: self.next_id,
            time: now.0 / 1000,
            took,
            args: trimmed(request),
            addr: client.map_or_else(String::new, |client| client.addr.clone()),
            name: client.map_or_else(Vec::new, |client| client.name.clone()),
        });
        self.next_id += 1;
    }
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

pub(super) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::admin("slowlog|get", -2, get),
    Subcommand::admin("slowlog|len", 2, len),
    Subcommand::admin("slowlog|reset", 2, reset),
    Subcommand::new("slowlog|help", 2, |_, context, _| super::help(context, "SLOWLOG", HELP)),
];

const HELP: &[&str] = &[
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
    dispatch(SUBCOMMANDS, core, context, request)
}

fn get(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let count = match (request.arg(2), request.len()) {
        (None, _) => SHOWN,
        (Some(count), 3) => match parse_i64(count) {
            Some(-1) => usize::MAX,
            Some(count @ 0..) => usize::try_from(count).unwrap_or(usize::MAX),
            _ => {
                let text = "ERR count should be greater than or equal to -1";
                return Err(CommandError::text(text));
            }
        },
        _ => return Err(subcommands::unknown_or_wrong_arity("SLOWLOG", request)),
    };
    let entries = &core.slow_log.entries;
    let reply = &mut context.reply;
    reply.array(count.min(entries.len()));
    for entry in entries.iter().take(count) {
        reply.array(6);
        reply.integer(entry.id as i64);
        reply.integer(entry.time as i64);
        reply.integer(entry.took.as_micros() as i64);
        reply.array(entry.args.len());
        for arg in &entry.args {
            reply.bulk(arg);
        }
        reply.bulk(entry.addr.as_bytes());
        reply.bulk(&entry.name);
    }
    Ok(())
}

fn len(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    context.reply.integer(core.slow_log.entries.len() as i64);
    Ok(())
}

fn reset(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    core.slow_log.entries.clear();
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
        let mut log = SlowLog::default();
        let request = RequestBuf::from_args(["SLEEP"]);
        let add = |log: &mut SlowLog| {
            log.add(request.as_request(), Duration::from_micros(7), UnixMs(12_345), None);
        };
        let ids = |log: &SlowLog| log.entries.iter().map(|it| it.id).collect::<Vec<_>>();
        add(&mut log);
        assert!(ids(&log).is_empty(), "no length, no entries");
        log.resize(2);
        (0..3).for_each(|_| add(&mut log));
        assert_eq!(ids(&log), [2, 1]);
        assert_eq!(log.entries[0].time, 12);
        log.resize(1);
        assert_eq!(ids(&log), [2]);
    }
}
