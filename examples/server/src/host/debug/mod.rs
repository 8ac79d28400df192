//! `DEBUG`: for tests, and only where `enable-debug-command` allows it.

mod object;
mod protocol;

use std::time::Duration;

use redwire_keyspace::{CommandError, CommandResult, Context, ScoreText};
use redwire_resp::{Request, parse_f64, parse_i64};

use super::subcommands::unknown_or_wrong_arity;
use super::{Run, is};
use crate::core::Core;
use crate::log::warning;

const NOT_ALLOWED: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you \
     can run it from a local connection, otherwise you need to set this option in the \
     configuration file, and then restart the server.";

/// The subcommands: name, how many arguments there are at least and at most behind it, function.
static SUBCOMMANDS: &[(&str, usize, usize, Run)] = &[
    ("change-repl-id", 0, 0, change_repl_id),
    ("digest", 0, 0, digest),
    ("digest-value", 0, usize::MAX, digest_value),
    ("error", 1, 1, error),
    ("help", 0, 0, |_, context, _| super::help(context, "DEBUG", HELP)),
    ("log", 1, 1, log),
    ("object", 1, 1, object::object),
    ("populate", 1, 3, populate),
    ("protocol", 1, 1, protocol::protocol),
    ("reload", 0, usize::MAX, reload),
    ("disk-delay", 1, 1, disk_delay),
    ("segment-delay", 1, 1, segment_delay),
    ("set-active-expire", 1, 1, set_active_expire),
    ("sleep", 1, 1, sleep),
];

const HELP: &[&str] = &[
    "CHANGE-REPL-ID",
    "    Change the replication IDs of the instance.",
    "    Dangerous: should be used only for testing the replication subsystem.",
    "DIGEST",
    "    Output a hex signature representing the current DB content.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of the values of all the specified keys.",
    "DISK-DELAY <seconds>",
    "    Have each read and write of what is kept on disk during a full sync take that much",
    "    longer, as on a disk that hangs. Decimals allowed; 0 ends it at once.",
    "ERROR <string>",
    "    Return a Redis protocol error with <string> as message. Useful for clients",
    "    unit tests to simulate Redis errors.",
    "LOG <message>",
    "    Write <message> to the server log.",
    "OBJECT <key>",
    "    Show low level info about `key` and associated value.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create <count> string keys named key:<num>. If <prefix> is specified then",
    "    it is used instead of the 'key' prefix. These are not propagated to",
    "    replicas. Cluster slots are not respected so keys not belonging to the",
    "    current node can be created in cluster mode.",
    "PROTOCOL <type>",
    "    Reply with a test value of the specified type. <type> can be: string,",
    "    integer, double, bignum, null, array, set, map, attrib, push, verbatim,",
    "    true, false.",
    "RELOAD [option ...]",
    "    Save the RDB on disk and reload it back to memory. Valid <option> values:",
    "    * NOSAVE: the database will be loaded from an existing RDB file.",
    "    Examples:",
    "    * DEBUG RELOAD: verify that the server is able to persist, flush and reload",
    "      the database.",
    "    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an",
    "      existing RDB file.",
    "SEGMENT-DELAY <seconds>",
    "    Have each write to a segment of the backlog take that much longer, as on a slow",
    "    disk. Decimals allowed.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background when they are not",
    "    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the",
    "    default.",
    "SLEEP <seconds>",
    "    Stop the server for <seconds>. Decimals allowed.",
];

pub(super) fn debug(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let client = core.clients.get(&context.session.id());
    let is_local = client.is_some_and(|client| client.is_local);
    if !core.config.enable_debug_command.allows(is_local) {
        return Err(CommandError::text(NOT_ALLOWED));
    }
    let given = request.len() - 2;
    let found = SUBCOMMANDS
        .iter()
        .find(|(name, least, most, _)| is(&request[1], name) && (*least..=*most).contains(&given));
    match found {
        Some((.., run)) => run(core, context, request),
        None => Err(unknown_or_wrong_arity("DEBUG", request)),
    }
}

/// How scores enter a digest: as in the version that this server gives itself out for.
const SCORES: ScoreText = ScoreText::Digits17;

fn digest(_core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let digest = context.data.keyspace().data().digest(SCORES);
    context.reply.simple(hex(digest));
    Ok(())
}

fn digest_value(
    _core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let db = context.session.db;
    context.reply.array(request.len() - 2);
    for key in request.iter().skip(2) {
        let digest = context.data.keyspace().data().value_digest(db, key, SCORES);
        context.reply.simple(hex(digest));
    }
    Ok(())
}

fn hex(digest: [u8; 20]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Stops the server, every connection of it, for a while: that is what it is for.
#[expect(clippy::disallowed_methods, reason = "DEBUG SLEEP is to hold the loop up, as in Redis")]
fn sleep(_core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    std::thread::sleep(seconds(&request[2]));
    context.reply.ok();
    Ok(())
}

fn disk_delay(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    core.disk.set_delay(seconds(&request[2]));
    context.reply.ok();
    Ok(())
}

fn segment_delay(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    core.segment_delay = seconds(&request[2]);
    context.reply.ok();
    Ok(())
}

/// Seconds, as Redis reads them: what is no number is none.
fn seconds(text: &[u8]) -> Duration {
    Duration::try_from_secs_f64(parse_f64(text).unwrap_or(0.0)).unwrap_or_default()
}

fn set_active_expire(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    core.active_expire = parse_i64(&request[2]).is_some_and(|on| on != 0);
    context.reply.ok();
    Ok(())
}

/// Saves the data set and loads it again, or (`NOSAVE`) loads what was saved before.
fn reload(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let mut save = true;
    for option in request.iter().skip(2) {
        if !is(option, "nosave") {
            return Err(CommandError::text("ERR DEBUG RELOAD only supports the NOSAVE option."));
        }
        save = false;
    }
    let keyspace = context.data.keyspace();
    if save {
        core.save_now(keyspace).map_err(|reason| CommandError::text(format!("ERR {reason}")))?;
    }
    core.load_now(keyspace).map_err(|reason| {
        warning!("DEBUG RELOAD failed: {reason}");
        CommandError::text("ERR Error trying to load the RDB dump")
    })?;
    warning!("DB reloaded by DEBUG RELOAD");
    context.reply.ok();
    Ok(())
}

/// Puts strings in, `value:<n>` cut or padded with zero bytes to the size that was asked for.
/// Replicas are told nothing, keys that are there stay as they are.
fn populate(_core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let positive = |arg: &[u8]| {
        let number = parse_i64(arg).and_then(|number| u64::try_from(number).ok());
        number.ok_or(CommandError::MustBePositive)
    };
    let count = positive(&request[2])?;
    let prefix = request.arg(3).unwrap_or(b"key");
    let size = request.arg(4).map_or(Ok(0), positive)?;
    let limit = context.data.keyspace().settings().max_string_len;
    let size = usize::try_from(size).ok().filter(|size| *size <= limit);
    let size = size.ok_or(CommandError::StringTooLong)?;
    for number in 0..count {
        let key = [prefix, b":", number.to_string().as_bytes()].concat();
        let mut value = format!("value:{number}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        context.data.populate(&key, &value);
    }
    context.reply.ok();
    Ok(())
}

fn change_repl_id(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    warning!("Changing replication IDs after receiving change-repl-id");
    core.primary.forget_past();
    context.reply.ok();
    Ok(())
}

fn error(_core: &mut Core, _context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    Err(CommandError::text(String::from_utf8_lossy(&request[2]).into_owned()))
}

fn log(_core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    warning!("DEBUG LOG: {}", String::from_utf8_lossy(&request[2]));
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Server;
    use crate::config::{Config, DebugAccess};
    use redwire_resp::Protocol;

    fn server(access: DebugAccess) -> Server {
        Server::new(Config { enable_debug_command: access, ..Config::default() })
    }

    #[test]
    fn replies_are_those_of_redis() {
        let zeros = format!("+{}", "0".repeat(40));
        let unknown = |name: &str| {
            format!(
                "-ERR unknown subcommand or wrong number of arguments for '{name}'. Try DEBUG HELP."
            )
        };
        let (foo, sleep, digest) = (unknown("FOO"), unknown("SLEEP"), unknown("DIGEST"));
        let cases = [
            ("DEBUG FOO", foo.as_str()),
            ("DEBUG DIGEST x", digest.as_str()),
            ("DEBUG DIGEST", zeros.as_str()),
            ("DEBUG DIGEST-VALUE", "*0"),
            ("DEBUG SLEEP", sleep.as_str()),
            ("DEBUG SLEEP x", "+OK"),
            ("DEBUG SLEEP -1", "+OK"),
            ("DEBUG SLEEP 0.001", "+OK"),
            ("DEBUG DISK-DELAY 0", "+OK"),
            ("DEBUG SEGMENT-DELAY 0", "+OK"),
            ("DEBUG SET-ACTIVE-EXPIRE 0", "+OK"),
            ("DEBUG POPULATE -1", "-ERR value is out of range, must be positive"),
            ("DEBUG POPULATE 2", "+OK"),
            ("DEBUG POPULATE 2 foo 3", "+OK"),
            ("DEBUG POPULATE 2 foo 20", "+OK"),
            ("DEBUG OBJECT nokey", "-ERR no such key"),
            (
                "DEBUG OBJECT key:1",
                "+Value at:0x0 refcount:1 encoding:embstr serializedlength:8 lru:1000 \
                 lru_seconds_idle:0",
            ),
            (
                "DEBUG OBJECT foo:1",
                "+Value at:0x0 refcount:1 encoding:embstr serializedlength:4 lru:1000 \
                 lru_seconds_idle:0",
            ),
            ("DEBUG ERROR OOPS", "-OOPS"),
            ("DEBUG CHANGE-REPL-ID", "+OK"),
        ];
        let mut server = server(DebugAccess::Yes);
        let replid = server.core.primary.history().replid();
        server.expect(Protocol::Resp2, &cases);
        assert!(!server.core.active_expire);
        assert_ne!(server.core.primary.history().replid(), replid);
    }

    #[test]
    fn access_is_as_configured() {
        let cases = [
            (DebugAccess::No, true, false),
            (DebugAccess::Yes, false, true),
            (DebugAccess::Local, true, true),
            (DebugAccess::Local, false, false),
        ];
        for (access, is_local, allowed) in cases {
            let mut server = server(access);
            server.core.clients.values_mut().for_each(|client| client.is_local = is_local);
            let refused = server.run("DEBUG HELP").starts_with("-ERR DEBUG command not allowed.");
            assert_eq!(refused, !allowed, "{access:?} {is_local}");
        }
    }
}
