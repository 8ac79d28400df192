//! `XACK` and `XPENDING`.

use redwire_resp::{Encoder, Request};

use super::ids::{range_end, range_start};
use super::{no_group, strict_id, write_id};
use crate::UnixMs;
use crate::commands::options::{integer, is};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::value::{Group, Pending, Stream, StreamId};

pub(super) fn xack(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, group) = (&request[1], &request[2]);
    let data = &mut context.data;
    if data.read::<Stream>(key)?.and_then(|stream| stream.group(group)).is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let ids: Vec<_> = request.iter().skip(3).map(strict_id).collect::<Result<_, _>>()?;
    let stream = data.write::<Stream>(key)?;
    let done = stream
        .and_then(|stream| stream.group_mut(group))
        .map_or(0, |group| ids.into_iter().filter(|id| group.acknowledge(*id)).count());
    data.changed_more(done);
    context.reply.integer(done as i64);
    Ok(())
}

/// The arguments of the long form: `[IDLE min] start end count [consumer]`.
struct Query<'a> {
    min_idle: i64,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Query<'a> {
    fn parse(request: Request<'a>) -> Result<Option<Self>, CommandError> {
        match request.len() {
            3 => return Ok(None),
            6..=9 => {}
            _ => return Err(CommandError::Syntax),
        }
        let (mut at, mut min_idle) = (3, 0);
        if is(&request[3], "IDLE") {
            min_idle = integer(&request[4])?;
            if request.len() < 8 {
                return Err(CommandError::Syntax);
            }
            at = 5;
        }
        let count = integer(&request[at + 2])?.max(0) as usize;
        let (start, end) = (range_start(&request[at])?, range_end(&request[at + 1])?);
        let consumer = request.arg(at + 3);
        Ok(Some(Self { min_idle, start, end, count, consumer }))
    }
}

pub(super) fn xpending(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, group) = (&request[1], &request[2]);
    let query = Query::parse(request)?;
    let now = context.data.now();
    let stream = context.data.read::<Stream>(key)?;
    let group = stream.and_then(|it| it.group(group)).ok_or_else(|| no_group(key, group))?;
    match query {
        None => write_summary(&mut context.reply, group),
        Some(query) => write_pending(&mut context.reply, group, &query, now),
    }
    Ok(())
}

fn write_summary(reply: &mut Encoder<'_>, group: &Group) {
    reply.array(4);
    reply.integer(group.pending_len() as i64);
    let pending = group.pending_from(StreamId::MIN);
    let (Some(first), Some(last)) = (pending.clone().next(), pending.clone().next_back()) else {
        reply.null();
        reply.null();
        reply.null_array();
        return;
    };
    write_id(reply, first.id);
    write_id(reply, last.id);
    let busy: Vec<_> = group.consumers().filter(|it| it.pending_len() > 0).collect();
    reply.array(busy.len());
    for consumer in busy {
        reply.array(2);
        reply.bulk(consumer.name());
        reply.bulk_integer(consumer.pending_len() as i64);
    }
}

fn write_pending(reply: &mut Encoder<'_>, group: &Group, query: &Query<'_>, now: UnixMs) {
    // Wrapping, as servers subtract.
    let idle = |pending: &Pending| (now.0 as i64).wrapping_sub(pending.delivered.0 as i64);
    let wanted = |pending: &&Pending| query.min_idle == 0 || idle(pending) >= query.min_idle;
    let found: Vec<&Pending> = match query.consumer {
        None => group
            .pending_from(query.start)
            .take_while(|pending| pending.id <= query.end)
            .filter(wanted)
            .take(query.count)
            .collect(),
        Some(name) => group
            .consumer(name)
            .into_iter()
            .flat_map(|consumer| consumer.pending_from(query.start))
            .take_while(|id| **id <= query.end)
            .filter_map(|id| group.pending(*id))
            .filter(wanted)
            .take(query.count)
            .collect(),
    };
    reply.array(found.len());
    for pending in found {
        reply.array(4);
        write_id(reply, pending.id);
        reply.bulk(&pending.consumer);
        reply.integer(idle(pending).max(0));
        reply.integer(pending.count as i64);
    }
}
