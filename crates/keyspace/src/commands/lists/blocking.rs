//! Commands that wait for a list: `BLPOP`, `BRPOP`, `BRPOPLPUSH`, `BLMOVE`, `BLMPOP`.
//!
//! Replicas are told of what was done once there was something, as of the commands that do not
//! wait.

use std::time::Duration;

use redwire_resp::Request;

use super::moves::{ManyArguments, move_item, pop_many};
use super::{End, popped};
use crate::commands::options::timeout_seconds;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::waits::{Awaited, Wish};
use crate::{Blob, List};

pub(super) fn blpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    pop_first(context, request, End::Left)
}

pub(super) fn brpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    pop_first(context, request, End::Right)
}

/// Pops an element of the first list that is there, or waits for one.
fn pop_first(context: &mut Context<'_>, request: Request<'_>, end: End) -> CommandResult {
    let last = request.len() - 1;
    let timeout = timeout_seconds(&request[last], context.data.now())?;
    let keys = request.iter().take(last).skip(1);
    for key in keys.clone() {
        let item = context.data.write::<List>(key)?.and_then(|list| end.pop(list));
        let Some(item) = item else { continue };
        popped(context, key, end, 1, true);
        context.reply.array(2);
        context.reply.bulk(key);
        context.reply.bulk(&item);
        context.data.effect([end.pop_command().as_bytes(), key]);
        return Ok(());
    }
    if !wait(context, keys, timeout) {
        context.reply.null_array();
    }
    Ok(())
}

pub(super) fn brpoplpush(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let timeout = timeout_seconds(&request[3], context.data.now())?;
    if move_or_wait(context, request, [End::Right, End::Left], timeout)? {
        context.data.effect([b"RPOPLPUSH", &request[1], &request[2]]);
    }
    Ok(())
}

pub(super) fn blmove(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (from, to) = (End::parse(&request[3])?, End::parse(&request[4])?);
    let timeout = timeout_seconds(&request[5], context.data.now())?;
    if move_or_wait(context, request, [from, to], timeout)? {
        let [from, to] = [from, to].map(|end| end.name().as_bytes());
        context.data.effect([b"LMOVE", &request[1], &request[2], from, to]);
    }
    Ok(())
}

/// Moves an element, or waits for one; answers whether it moved one.
fn move_or_wait(
    context: &mut Context<'_>,
    request: Request<'_>,
    [from, to]: [End; 2],
    timeout: Option<Duration>,
) -> Result<bool, CommandError> {
    let moved = move_item(context, request, from, to)?;
    if !moved && !wait(context, std::iter::once(&request[1]), timeout) {
        context.reply.null();
    }
    Ok(moved)
}

pub(super) fn blmpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    // The timeout is looked at last, as in Redis.
    let arguments = ManyArguments::parse(request, 2)?;
    let timeout = timeout_seconds(&request[1], context.data.now())?;
    if !pop_many(context, &arguments)? && !wait(context, arguments.keys.into_iter(), timeout) {
        context.reply.null_array();
    }
    Ok(())
}

/// Waits for one of `keys` to hold a list, if the session may.
fn wait<'a>(
    context: &mut Context<'_>,
    keys: impl Iterator<Item = &'a [u8]>,
    timeout: Option<Duration>,
) -> bool {
    let keys = keys.map(Blob::from).collect();
    context.wait(Wish { awaited: Awaited::List, keys, timeout, request: None, age: None })
}
