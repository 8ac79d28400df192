//! Finding keys: `KEYS`, `SCAN`, `RANDOMKEY`.

use redwire_resp::Request;

use crate::Blob;
use crate::commands::scan::{ScanOption, ScanOptions, cursor, write_head};
use crate::context::Context;
use crate::error::CommandResult;
use crate::glob;

pub(super) fn keys(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let pattern = &request[1];
    let all = pattern == b"*";
    let keys = context.data.live_keys();
    let found: Vec<&[u8]> = keys.filter(|key| all || glob::matches(pattern, key)).collect();
    context.reply.array(found.len());
    for key in found {
        context.reply.bulk(key);
    }
    Ok(())
}

/// `SCAN`. A key that is there from the first call to the last is answered at least once: see
/// [`Database::scan`](crate::database::Database::scan).
pub(super) fn scan(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let from = cursor(&request[1])?;
    let options = ScanOptions::parse(request, 2, &[ScanOption::Type])?;
    let (next, keys) = context.data.scan(from, options.count);
    let is_wanted = |key: &Blob| {
        if !options.lets_through(key) {
            return false;
        }
        // Looking deletes the key if its time is over, as in Redis.
        let value = context.data.peek(key);
        let of_type = |name: &[u8]| {
            value.is_some_and(|value| name.eq_ignore_ascii_case(value.type_name().as_bytes()))
        };
        options.type_name.map_or(value.is_some(), of_type)
    };
    let found: Vec<Blob> = keys.into_iter().filter(is_wanted).collect();
    write_head(&mut context.reply, next, found.len());
    for key in &found {
        context.reply.bulk(key);
    }
    Ok(())
}

pub(super) fn randomkey(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    // On a replica keys whose time is over stay; it may be that there are no others.
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let Some(key) = context.data.random_key() else { break };
        if context.data.peek(&key).is_some() {
            context.reply.bulk(&key);
            return Ok(());
        }
    }
    context.reply.null();
    Ok(())
}
