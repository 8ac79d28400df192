//! What there is: `ACL GETUSER`, `LIST`, `USERS` and `LOG`.

use redwire_keyspace::acl::{Denied, LogEntry, Reason, Selector};
use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::{Encoder, Request, parse_i64};

use crate::core::Core;

/// Entries that `ACL LOG` answers unless told otherwise.
const LOG_ENTRIES: i64 = 10;

pub(super) fn getuser(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let reply = &mut context.reply;
    let Some(user) = core.acl.user(&request[2]) else {
        reply.null();
        return Ok(());
    };
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.passwords().len());
    user.passwords().for_each(|hash| reply.bulk(hash.as_bytes()));
    write_selector(reply, user.root());
    reply.bulk(b"selectors");
    reply.array(user.selectors().len());
    for selector in user.selectors() {
        reply.map(3);
        write_selector(reply, selector);
    }
    Ok(())
}

fn write_selector(reply: &mut Encoder<'_>, selector: &Selector) {
    reply.bulk(b"commands");
    reply.bulk(selector.commands().as_bytes());
    reply.bulk(b"keys");
    reply.bulk(&selector.keys());
    reply.bulk(b"channels");
    reply.bulk(&selector.channels());
}

pub(super) fn list(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    context.reply.array(core.acl.users().len());
    core.acl.lines().for_each(|line| context.reply.bulk(&line));
    Ok(())
}

pub(super) fn users(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    context.reply.array(core.acl.users().len());
    core.acl.users().for_each(|user| context.reply.bulk(user.name()));
    Ok(())
}

pub(super) fn log(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let count = match (request.arg(2), request.len()) {
        (None, _) => LOG_ENTRIES,
        (Some(word), 3) if super::is_reset(word) => {
            core.acl_log.clear();
            context.reply.ok();
            return Ok(());
        }
        (Some(count), 3) => parse_i64(count).ok_or(CommandError::NotInteger)?,
        _ => return Err(super::super::subcommands::unknown_or_wrong_arity("ACL", request)),
    };
    let entries = core.acl_log.entries();
    let count = usize::try_from(count).unwrap_or(0).min(entries.len());
    context.reply.array(count);
    for entry in entries.take(count) {
        write_entry(core, &mut context.reply, entry);
    }
    Ok(())
}

/// An entry of the log: the fields of 7.0, and those that 7.2 added.
fn write_entry(core: &Core, reply: &mut Encoder<'_>, entry: &LogEntry) {
    let age = core.unix_ms.0.saturating_sub(entry.updated.0) as f64 / 1000.0;
    reply.map(10);
    reply.bulk(b"count");
    reply.integer(entry.count as i64);
    let fields: [(&str, &[u8]); 4] = [
        ("reason", entry.reason_name().as_bytes()),
        ("context", entry.context.name().as_bytes()),
        ("object", &entry.object),
        ("username", &entry.username),
    ];
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        reply.bulk(value);
    }
    reply.bulk(b"age-seconds");
    reply.double(age);
    reply.bulk(b"client-info");
    reply.bulk(entry.client_info.as_bytes());
    let numbers = [
        ("entry-id", entry.id),
        ("timestamp-created", entry.created.0),
        ("timestamp-last-updated", entry.updated.0),
    ];
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(number as i64);
    }
}

/// What `ACL DRYRUN` says of a request that is denied.
pub(super) fn denial(denied: Denied, name: &str, request: Request<'_>) -> String {
    let object = String::from_utf8_lossy(&request[denied.position]);
    match denied.reason {
        Reason::Command => format!("This user has no permissions to run the '{name}' command"),
        Reason::Key => format!("This user has no permissions to access the '{object}' key"),
        Reason::Channel => {
            format!("This user has no permissions to access the '{object}' channel")
        }
    }
}
