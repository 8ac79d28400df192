//! What becomes of groups' references to entries that go: `XDELEX`, `XACKDEL`, and the options
//! `KEEPREF`, `DELREF` and `ACKED` of `XADD` and `XTRIM` (Redis 8.2).
//!
//! Replicas are told of it by `XDEL` and `XACK`, which every version knows.

use redwire_resp::Request;

use super::ids::strict_id;
use crate::Blob;
use crate::commands::options::{integer, is};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::{Stream, StreamId};

/// What becomes of the references of groups to entries that are to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum References {
    /// They stay.
    Keep,
    /// They go with the entry.
    Delete,
    /// An entry stays that a group has not read, or not acknowledged.
    Acknowledged,
}

impl References {
    pub(super) fn parse(arg: &[u8]) -> Option<Self> {
        match () {
            () if is(arg, "KEEPREF") => Some(Self::Keep),
            () if is(arg, "DELREF") => Some(Self::Delete),
            () if is(arg, "ACKED") => Some(Self::Acknowledged),
            () => None,
        }
    }
}

/// The entries of which groups dropped references, by group.
#[derive(Debug, Default)]
pub(super) struct Dropped(Vec<(Blob, Vec<StreamId>)>);

impl Dropped {
    /// Takes an entry off the pending ones of all groups.
    pub(super) fn drop_references(&mut self, stream: &mut Stream, id: StreamId) {
        for group in stream.drop_references(id) {
            self.add(&group, id);
        }
    }

    pub(super) fn add(&mut self, group: &[u8], id: StreamId) {
        match self.0.iter_mut().find(|(known, _)| known.as_slice() == group) {
            Some((_, ids)) => ids.push(id),
            None => self.0.push((Blob::from(group), vec![id])),
        }
    }

    /// Tells replicas, and counts the changes.
    pub(super) fn tell(&self, data: &mut Data<'_>, key: &[u8]) {
        for (group, ids) in &self.0 {
            tell_ids(data, &[b"XACK", key, group], ids);
            data.changed_more(ids.len());
        }
    }
}

/// Tells replicas a command of `words` and ids, if there are any.
pub(super) fn tell_ids(data: &mut Data<'_>, words: &[&[u8]], ids: &[StreamId]) {
    if ids.is_empty() {
        return;
    }
    let ids: Vec<String> = ids.iter().map(StreamId::to_string).collect();
    let words = words.iter().copied().chain(ids.iter().map(String::as_bytes));
    data.effect(words.collect::<Vec<_>>());
}

/// The options of `XDELEX` and `XACKDEL`, which end with `IDS number id [id ...]`.
struct Options {
    references: References,
    ids_at: usize,
    ids: usize,
}

impl Options {
    fn parse(request: Request<'_>, mut at: usize) -> Result<Self, CommandError> {
        let mut references = None;
        let mut found = None;
        while let Some(arg) = request.arg(at) {
            let more = request.len() - at - 1;
            if let Some(wanted) = References::parse(arg).filter(|_| references.is_none()) {
                references = Some(wanted);
            } else if is(arg, "IDS") && more > 0 {
                let ids = count(&request[at + 1], more - 1)?;
                found = Some((at + 2, ids));
                at += 1 + ids;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        let (ids_at, ids) = found.ok_or(CommandError::Syntax)?;
        Ok(Self { references: references.unwrap_or(References::Keep), ids_at, ids })
    }

    fn ids(&self, request: Request<'_>) -> Result<Vec<StreamId>, CommandError> {
        request.iter().skip(self.ids_at).take(self.ids).map(strict_id).collect()
    }
}

/// The number of ids, of which there may be `most`.
fn count(arg: &[u8], most: usize) -> Result<usize, CommandError> {
    let count = integer(arg).ok().filter(|count| *count > 0);
    let count = count.ok_or(CommandError::text("ERR Number of IDs must be a positive integer"))?;
    usize::try_from(count)
        .ok()
        .filter(|count| *count <= most)
        .ok_or(CommandError::text("ERR The `numids` parameter must match the number of arguments"))
}

/// What is answered for an id: it was deleted, it was not there, or others still want the entry.
const DELETED: i64 = 1;
const NOT_THERE: i64 = -1;
const STILL_WANTED: i64 = 2;

pub(super) fn xdelex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let options = Options::parse(request, 2)?;
    let key = &request[1];
    if !context.data.check::<Stream>(key)? {
        return reply_all(context, options.ids, NOT_THERE);
    }
    let ids = options.ids(request)?;
    let (mut deleted, mut dropped) = (Vec::new(), Dropped::default());
    let Some(stream) = context.data.write::<Stream>(key)? else { return Ok(()) };
    context.reply.array(ids.len());
    for id in ids {
        let wanted = options.references == References::Acknowledged && stream.is_referenced(id);
        if options.references == References::Delete {
            dropped.drop_references(stream, id);
        }
        context.reply.integer(if wanted {
            STILL_WANTED
        } else if stream.remove(id) {
            deleted.push(id);
            DELETED
        } else {
            NOT_THERE
        });
    }
    tell_deleted(&mut context.data, key, &deleted);
    dropped.tell(&mut context.data, key);
    Ok(())
}

pub(super) fn xackdel(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let options = Options::parse(request, 3)?;
    let (key, group) = (&request[1], &request[2]);
    let there = context.data.peek_as::<Stream>(key)?.is_some_and(|it| it.group(group).is_some());
    if !there {
        return reply_all(context, options.ids, NOT_THERE);
    }
    let ids = options.ids(request)?;
    let (mut deleted, mut dropped) = (Vec::new(), Dropped::default());
    let Some(stream) = context.data.write::<Stream>(key)? else { return Ok(()) };
    context.reply.array(ids.len());
    for id in ids {
        if !stream.group_mut(group).is_some_and(|group| group.acknowledge(id)) {
            context.reply.integer(NOT_THERE);
            continue;
        }
        dropped.add(group, id);
        if options.references == References::Acknowledged && stream.is_referenced(id) {
            context.reply.integer(STILL_WANTED);
            continue;
        }
        if options.references == References::Delete {
            dropped.drop_references(stream, id);
        }
        if stream.remove(id) {
            deleted.push(id);
        }
        context.reply.integer(DELETED);
    }
    tell_deleted(&mut context.data, key, &deleted);
    dropped.tell(&mut context.data, key);
    Ok(())
}

/// Says that entries were deleted.
fn tell_deleted(data: &mut Data<'_>, key: &[u8], ids: &[StreamId]) {
    if let Some(more) = ids.len().checked_sub(1) {
        data.changed(key, EventClass::Stream, "xdel");
        data.changed_more(more);
        tell_ids(data, &[b"XDEL", key], ids);
    }
}

fn reply_all(context: &mut Context<'_>, count: usize, answer: i64) -> CommandResult {
    context.reply.array(count);
    (0..count).for_each(|_| context.reply.integer(answer));
    Ok(())
}
