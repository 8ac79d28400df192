//! `ZREM` and the removal of ranges.

use std::ops::Range;

use redwire_resp::Request;

use super::bounds::{LexRange, ScoreRange};
use crate::Zset;
use crate::commands::options;
use crate::context::Context;
use crate::error::CommandResult;
use crate::events::EventClass;

pub(super) fn zrem(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (small, mut removed) = (context.data.small(), 0);
    if let Some(zset) = context.data.write::<Zset>(&request[1])? {
        for member in request.iter().skip(2) {
            let len = zset.len();
            if zset.remove(member).is_some() {
                small.note_scored(zset, len, member.len());
                removed += 1;
            }
        }
    }
    finish(context, request, removed, "zrem")
}

pub(super) fn zremrangebyrank(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (start, stop) = (options::integer(&request[2])?, options::integer(&request[3])?);
    let ranks = |zset: &Zset| options::range(start, stop, zset.len()).unwrap_or(0..0);
    remove(context, request, ranks, "zremrangebyrank")
}

pub(super) fn zremrangebyscore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let range = ScoreRange::parse(&request[2], &request[3])?;
    remove(context, request, |zset| range.ranks(zset), "zremrangebyscore")
}

pub(super) fn zremrangebylex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let range = LexRange::parse(&request[2], &request[3])?;
    remove(context, request, |zset| range.ranks(zset), "zremrangebylex")
}

fn remove(
    context: &mut Context<'_>,
    request: Request<'_>,
    ranks: impl FnOnce(&Zset) -> Range<usize>,
    event: &'static str,
) -> CommandResult {
    let small = context.data.small();
    let zset = context.data.write::<Zset>(&request[1])?;
    let removed = zset.map_or(0, |zset| small.remove_scored(zset, ranks(zset)).len());
    finish(context, request, removed, event)
}

/// What follows the removal of `removed` members, perhaps none.
fn finish(
    context: &mut Context<'_>,
    request: Request<'_>,
    removed: usize,
    event: &'static str,
) -> CommandResult {
    let key = &request[1];
    if removed > 0 {
        context.data.changed(key, EventClass::Zset, event);
        context.data.changed_more(removed - 1);
        context.data.delete_if_gone::<Zset>(key);
    }
    context.reply.integer(removed as i64);
    Ok(())
}
