//! Requests: those that a connection has sent, run one after the other, or several in one go.

use std::fmt::Display;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redwire_keyspace::{Keyspace, Noted, Session};
use redwire_outbuf::Verdict;
use redwire_repl::ReplicaId;
use redwire_resp::{Decoded, Request, RequestError};

use super::READ_BUFFER;
use super::limits::{held, output_verdict};
use super::lookahead::{Looking, Next};
use crate::core::{Action, Core};
use crate::log::{verbose, warning};
use crate::net::{Blocked, Client, Replies, Standing};

/// Bytes of replies that may come to those that wait before they are held against the limits again, where
/// the limits are further away than that.
const UNCHECKED_OUTPUT: u64 = 16 << 10;

/// Requests that run in one go where memory is limited, at most: room is made before each such run, and not
/// for more than comes between.
const TOGETHER_WITH_LIMIT: usize = 24;

/// Why a run of a client's requests ended.
pub(super) enum Paused {
    /// All that had arrived was run, or the client may run no more for now.
    Idle,
    /// A command left something to be done that needs more than its own connection.
    Actions,
    /// The replies that wait are over the limit: those of more requests are not to be added.
    OverLimit,
    /// The next request waits for the end of a pause of clients.
    Postponed,
    /// The next request waits for keys that are on their way to another server.
    Held,
}

/// Runs the whole requests in `client`'s input, up to the first that leaves an action. `looking` has read
/// ahead in that input, or nothing.
pub(super) fn run_requests(
    client: &mut Client,
    looking: &mut Looking<'_>,
    core: &mut Core,
    keyspace: &mut Keyspace,
) -> Paused {
    // A request borrows from it.
    let input = mem::take(&mut client.input);
    let mut unread = Unread { input, at: 0, looking };
    let mut paused = None;
    let mut check_at = next_check(client, core);
    while unread.at < unread.input.len()
        && paused.is_none()
        && !client.closing
        && !client.is_held_up()
    {
        if !run_quick(client, &mut unread, check_at, core, keyspace) {
            paused = run_next(client, &mut unread, core, keyspace);
            if paused.is_some() {
                break;
            }
        }
        client.last_command = core.last_command.take().unwrap_or(client.last_command);
        core.pass_on(keyspace);
        if !core.actions.is_empty() || keyspace.has_woken() {
            paused = Some(Paused::Actions);
        } else if client.output.len() >= check_at || client.standing == Standing::Replica {
            let verdict = output_verdict(client, core);
            paused = matches!(verdict, Verdict::Close(_)).then_some(Paused::OverLimit);
            check_at = next_check(client, core);
        }
    }
    let Unread { input, at, .. } = unread;
    client.input = input;
    client.input.drain(..at);
    if client.input.is_empty() && client.input.capacity() > READ_BUFFER {
        client.input = Vec::new();
    }
    paused.unwrap_or(Paused::Idle)
}

/// What a connection sent: what is before `at` is done with.
struct Unread<'l, 't> {
    input: Vec<u8>,
    at: usize,
    looking: &'l mut Looking<'t>,
}

/// How many bytes of output are to wait when a connection is held against its limits next.
fn next_check(client: &Client, core: &Core) -> usize {
    let room = core.limits.room(client.class(), held(client, core));
    client.output.len() + room.min(UNCHECKED_OUTPUT) as usize
}

/// Runs the next requests in one go, if they are quick and nothing speaks against it, until so many bytes
/// of output wait. Answers whether it did; else the next one is to be run by itself.
fn run_quick(
    client: &mut Client,
    unread: &mut Unread<'_, '_>,
    check_at: usize,
    core: &mut Core,
    keyspace: &mut Keyspace,
) -> bool {
    let holds_up = core.is_paused() || !core.migrations.is_idle();
    if client.standing != Standing::Client || client.replies != Replies::On || holds_up {
        return false;
    }
    let Unread { input, at, looking } = unread;
    if core.config.is_large_request(input.len() - *at) {
        // Perhaps one of them is to be logged for its size.
        return false;
    }
    let (decoder, session) = (&mut client.decoder, &mut client.session);
    let most = if core.config.maxmemory > 0 { TOGETHER_WITH_LIMIT } else { usize::MAX };
    let Some(quick) = looking.quick(decoder, input, *at, session, keyspace, most) else {
        return false;
    };
    if core.config.maxmemory > 0 {
        core.make_room(keyspace);
    }
    let room = check_at.saturating_sub(client.output.len());
    let out = client.output.tail();
    let (now, most) = (core.unix_ms, out.len() + room);
    let ran = guarded(
        core,
        out,
        |core| core.last_command.unwrap_or_default(),
        |core, out| keyspace.execute_quick(core, session, quick, now, out, most),
    );
    let Some(count) = ran else {
        client.closing = true;
        return true;
    };
    *at += looking.skip(&mut client.decoder, count);
    client.traffic.commands += count as u64;
    count > 0
}

/// Runs the next request; answers why none can be run for now, if that is so.
fn run_next(
    client: &mut Client,
    unread: &mut Unread<'_, '_>,
    core: &mut Core,
    keyspace: &mut Keyspace,
) -> Option<Paused> {
    let Unread { input, at, looking } = unread;
    let ahead = looking.next(&mut client.decoder, input, *at, &client.session, keyspace);
    if let Some(next) = ahead {
        return run_whole(client, next, at, core, keyspace);
    }
    // A request borrows from it.
    let mut decoder = mem::take(&mut client.decoder);
    let paused = match decoder.decode(&input[*at..]) {
        Ok(Decoded { used, request: Some(request) }) => {
            let next = Next { request, used, noted: Noted::default() };
            run_whole(client, next, at, core, keyspace)
        }
        Ok(Decoded { used, request: None }) => {
            *at += used;
            if used > 0 && client.standing == Standing::Replica {
                core.primary.handle_newline(ReplicaId(client.id), core.now);
            }
            Some(Paused::Idle)
        }
        Err(error) => {
            refuse(client, error, core);
            Some(Paused::Idle)
        }
    };
    client.decoder = decoder;
    paused
}

/// Ends a connection whose bytes break the protocol.
fn refuse(client: &mut Client, error: RequestError, core: &Core) {
    if client.standing == Standing::Replica {
        let name = core.replica_name(client.id);
        warning!("Protocol error ({error}) from replica {name}, disconnecting it");
    } else {
        verbose!("Protocol error ({error}) from client id={}", client.id);
    }
    client.output.push(&error.reply());
    client.closing = true;
}

/// Runs a whole request, unless it has to wait: then it stays in the input, to be decoded again, and the
/// answer is for what it waits.
fn run_whole(
    client: &mut Client,
    Next { request, used, noted }: Next<'_>,
    at: &mut usize,
    core: &mut Core,
    keyspace: &mut Keyspace,
) -> Option<Paused> {
    let is_replica = client.standing == Standing::Replica;
    if core.is_paused() && !is_replica && core.holds_up(keyspace, &client.session, request) {
        client.postponed = true;
        return Some(Paused::Postponed);
    }
    if core.waits_for_migration(keyspace, &client.session, request) {
        client.postponed = true;
        return Some(Paused::Held);
    }
    *at += used;
    core.request_bytes = used;
    client.traffic.commands += 1;
    if is_replica {
        run_for_replica(client, request, noted, core, keyspace);
    } else {
        run_for_client(client, request, noted, core, keyspace);
    }
    None
}

/// Runs one request of an ordinary connection; its reply goes to the output, unless it waits for it.
fn run_for_client(
    client: &mut Client,
    request: Request<'_>,
    noted: Noted,
    core: &mut Core,
    keyspace: &mut Keyspace,
) {
    if core.config.maxmemory > 0 {
        core.make_room(keyspace);
    }
    let out = client.output.tail();
    let mark = out.len();
    client.closing |= !run(&mut client.session, request, noted, out, core, keyspace);
    if client.session.is_waiting() {
        let deadline = keyspace.start_wait(&client.session, crate::clock::now());
        client.blocked = Some(Blocked::Key { deadline });
        client.wait_memory = keyspace.wait_memory(&client.session);
    } else if !core.actions.iter().any(|it| matches!(it, Action::Block(..) | Action::Migrate(..))) {
        let switched = core.replies.take();
        note_reply(core, &mut client.replies, switched, out, mark);
    }
}

/// Counts the reply that stands in `out` from `mark` on, and drops it where the client wants none. `out`
/// must be the very tail that it was appended to: asking the output for it again can seal it.
pub(super) fn note_reply(
    core: &mut Core,
    replies: &mut Replies,
    switched: Option<Replies>,
    out: &mut Vec<u8>,
    mark: usize,
) {
    core.counters.note_reply(&out[mark..]);
    if replies.drops_one(switched) {
        out.truncate(mark);
    }
}

/// Runs one request; answers whether the connection may go on.
fn run(
    session: &mut Session,
    request: Request<'_>,
    noted: Noted,
    out: &mut Vec<u8>,
    core: &mut Core,
    keyspace: &mut Keyspace,
) -> bool {
    let now = core.unix_ms;
    let execute = |core: &mut Core, out: &mut Vec<u8>| {
        keyspace.execute_noted(core, session, request, noted, now, out);
    };
    guarded(core, out, |_| request.name().escape_ascii(), execute).is_some()
}

/// Does `work` for a command of this name, which appends its reply to `out`. A panic is a bug of ours:
/// it ends the connection that met it, not the server. The answer is `None` then, and the reply an error.
pub(super) fn guarded<T, D: Display>(
    core: &mut Core,
    out: &mut Vec<u8>,
    name: impl FnOnce(&Core) -> D,
    work: impl FnOnce(&mut Core, &mut Vec<u8>) -> T,
) -> Option<T> {
    let mark = out.len();
    let result = catch_unwind(AssertUnwindSafe(|| work(core, out)));
    if result.is_err() {
        core.counters.panics += 1;
        warning!("=== BUG === the command '{}' panicked", name(core));
        out.truncate(mark);
        out.extend_from_slice(b"-ERR internal error, the connection is closed\r\n");
    }
    result.ok()
}

/// Runs what a replica says on its link: it reports, and is told nothing. One that wants a reply
/// takes the link for something else and is cut.
fn run_for_replica(
    client: &mut Client,
    request: Request<'_>,
    noted: Noted,
    core: &mut Core,
    keyspace: &mut Keyspace,
) {
    let mut reply = Vec::new();
    let ran = run(&mut client.session, request, noted, &mut reply, core, keyspace);
    if !reply.is_empty() {
        warning!(
            "Replica generated a reply to command '{}', disconnecting it: {}",
            request.name().escape_ascii(),
            reply.trim_ascii_end().escape_ascii()
        );
    }
    client.closing |= !ran || !reply.is_empty();
}
