//! Entries that are added once however often they are sent: `IDMP` and `IDMPAUTO` of `XADD`, `XCFGSET`,
//! `XIDMPRECORD` (Redis 8.6).
//!
//! Replicas are told in the same words, one that came again as well: it is counted there.

use std::borrow::Cow;

use redwire_resp::Request;

use super::ids::strict_id;
use crate::commands::options::{integer, is};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::value::{COUNTED, IDEMPOTENT, Kept, Producers, Stream, id_of};

/// Longest time, in seconds, and most entries of a producer that its ids may be kept for.
const SECONDS_MAX: i64 = 86_400;
const ENTRIES_MAX: i64 = 10_000;

/// Where an entry's id stands that its producer gave it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Under {
    producer_at: usize,
    /// `None` is of `IDMPAUTO`.
    id_at: Option<usize>,
}

impl Under {
    /// Reads `IDMP` or `IDMPAUTO` at `at` with what belongs to it, if that is what stands there; answers
    /// where it ends.
    pub(super) fn parse(
        request: Request<'_>,
        at: usize,
    ) -> Result<Option<(Self, usize)>, CommandError> {
        let (name, end) = match &request[at] {
            word if is(word, "IDMP") => ("IDMP", at + 2),
            word if is(word, "IDMPAUTO") => ("IDMPAUTO", at + 1),
            _ => return Ok(None),
        };
        if end >= request.len() {
            return Ok(None);
        }
        let id_at = (end == at + 2).then_some(end);
        let lacks = |what: &str| {
            let text = format!("ERR syntax error, {name} requires a non-empty {what} ID");
            Err(CommandError::text(text))
        };
        if request[at + 1].is_empty() {
            return lacks("producer");
        }
        if id_at.is_some_and(|at| request[at].is_empty()) {
            return lacks("idempotent");
        }
        Ok(Some((Self { producer_at: at + 1, id_at }, end)))
    }

    pub(super) fn producer<'a>(self, request: Request<'a>) -> &'a [u8] {
        request.arg(self.producer_at).unwrap_or_default()
    }

    /// The id; fields and values stand from `fields_at` on.
    pub(super) fn id<'a>(self, request: Request<'a>, fields_at: usize) -> Cow<'a, [u8]> {
        if let Some(at) = self.id_at {
            return Cow::Borrowed(request.arg(at).unwrap_or_default());
        }
        let pairs = (fields_at..request.len() - 1).step_by(2);
        let pair = |at: usize| Some((request.arg(at)?, request.arg(at + 1)?));
        Cow::Owned(id_of(pairs.filter_map(pair)).to_vec())
    }

    /// The words of it, for replicas.
    pub(super) fn words<'a>(self, request: Request<'a>) -> impl Iterator<Item = &'a [u8]> {
        let last = self.id_at.unwrap_or(self.producer_at);
        request.iter().skip(self.producer_at - 1).take(last + 2 - self.producer_at)
    }
}

impl Data<'_> {
    /// What a stream keeps of its producers, unless it was told otherwise.
    pub(super) fn kept_of_producers(&self) -> Kept {
        let settings = &self.keyspace.settings;
        Kept { seconds: settings.stream_idmp_seconds, entries: settings.stream_idmp_entries }
    }

    /// Changes what a stream knows of its producers. Watched keys and events are about entries only.
    pub(super) fn change_producers(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut Producers),
    ) -> CommandResult {
        let kept = self.kept_of_producers();
        let Some(stream) = self.write::<Stream>(key)? else { return Ok(()) };
        let first = stream.producers().is_none();
        change(stream.producers_mut(kept));
        if first {
            // From now on it takes another version to hold it.
            let db = self.db as usize;
            self.keyspace.data.databases[db].type_changed(COUNTED, IDEMPOTENT);
        }
        Ok(())
    }
}

pub(super) fn xcfgset(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (data, key) = (&mut context.data, &request[1]);
    let default = data.kept_of_producers();
    let stream = data.peek_as::<Stream>(key)?.ok_or(CommandError::NoSuchKey)?;
    let old = stream.producers().map_or(default, |producers| producers.kept);
    let [seconds, entries] = kept(request)?;
    let kept =
        Kept { seconds: seconds.unwrap_or(old.seconds), entries: entries.unwrap_or(old.entries) };
    if kept != old {
        data.change_producers(key, |producers| {
            producers.keep(kept);
        })?;
        data.changed_more(1);
    }
    context.reply.ok();
    Ok(())
}

/// The seconds and entries that `XCFGSET` gives.
fn kept(request: Request<'_>) -> Result<[Option<u64>; 2], CommandError> {
    let options =
        [("IDMP-DURATION", SECONDS_MAX, "seconds"), ("IDMP-MAXSIZE", ENTRIES_MAX, "entries")];
    let mut given = [None; 2];
    let mut args = request.iter().skip(2);
    while let Some(arg) = args.next() {
        let found = options.iter().position(|(name, ..)| is(arg, name));
        let (Some(which), Some(value)) = (found, args.next()) else {
            return Err(CommandError::Syntax);
        };
        let (name, most, unit) = options[which];
        if given[which].is_some() {
            return Err(CommandError::text(format!("ERR {name} specified multiple times")));
        }
        let value = integer(value)?;
        if !(1..=most).contains(&value) {
            let text = format!("ERR {name} must be between 1 and {most} {unit}");
            return Err(CommandError::text(text));
        }
        given[which] = u64::try_from(value).ok();
    }
    if given == [None; 2] {
        return Err(CommandError::text("ERR At least one parameter must be specified"));
    }
    Ok(given)
}

pub(super) fn xidmprecord(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let [key, producer, id] = [1, 2, 3].map(|at| &request[at]);
    let data = &mut context.data;
    let now = data.now();
    let entry = strict_id(&request[4])?;
    for (what, text) in [("producer", producer), ("idempotent", id)] {
        if text.is_empty() {
            return Err(CommandError::text(format!("ERR {what} ID must be non-empty")));
        }
    }
    let stream = data.peek_as::<Stream>(key)?.ok_or(CommandError::NoSuchKey)?;
    if stream.get(entry).is_none() {
        return Err(CommandError::text("ERR No such message in stream"));
    }
    let known = stream.producers().and_then(|producers| producers.recorded(producer, id));
    match known {
        Some(known) if known == entry => {}
        Some(_) => {
            return Err(CommandError::text(
                "ERR IID already exists for this producer with a different stream ID",
            ));
        }
        None => {
            data.change_producers(key, |producers| producers.record(producer, id, entry, now))?;
            data.changed_more(1);
        }
    }
    context.reply.ok();
    Ok(())
}
