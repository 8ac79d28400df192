//! `XREAD` and `XREADGROUP`.

use std::time::Duration;

use redwire_resp::{Encoder, Protocol, Request, RequestBuf};

use super::ids::strict_id;
use super::tell::{see_consumer, tell_claim, tell_last_id};
use super::{quoted, write_entries, write_entry, write_entry_parts, write_id};
use crate::commands::options::{integer, is, timeout_millis};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::value::{Group, Pending, Stream, StreamEntry, StreamId};
use crate::waits::{Age, Awaited, Wish};
use crate::{Blob, UnixMs};

/// What a command asks for, short of keys and ids.
#[derive(Debug, Default)]
struct Options<'a> {
    /// Most entries of a stream.
    count: Option<usize>,
    /// The group and the consumer.
    group: Option<(&'a [u8], &'a [u8])>,
    /// What is delivered is not pending afterwards.
    no_ack: bool,
    /// What has been pending for so many ms, with whomever, is delivered again first (`CLAIM`).
    claim: Option<i64>,
    /// Whether to wait if there is nothing, and how long; without an end for `None`.
    block: Option<Option<Duration>>,
    /// Position of the first key.
    keys_at: usize,
    streams: usize,
}

impl<'a> Options<'a> {
    fn parse(request: Request<'a>, grouped: bool, now: UnixMs) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut at = 1;
        while at < request.len() && options.keys_at == 0 {
            let (arg, more) = (&request[at], request.len() - at - 1);
            if is(arg, "BLOCK") && more > 0 {
                at += 1;
                options.block = Some(timeout_millis(&request[at], now)?);
            } else if is(arg, "COUNT") && more > 0 {
                at += 1;
                let count = integer(&request[at])?;
                // 0 and less are no limit.
                options.count = usize::try_from(count).ok().filter(|count| *count > 0);
            } else if is(arg, "STREAMS") && more > 0 {
                options.streams(at + 1, more)?;
            } else if is(arg, "GROUP") && more >= 2 {
                only_grouped(grouped, "GROUP")?;
                options.group = request.arg(at + 1).zip(request.arg(at + 2));
                at += 2;
            } else if is(arg, "CLAIM") && more > 0 {
                only_grouped(grouped, "CLAIM")?;
                at += 1;
                options.claim = Some(min_idle(&request[at])?);
            } else if is(arg, "NOACK") {
                only_grouped(grouped, "NOACK")?;
                options.no_ack = true;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        if options.keys_at == 0 {
            return Err(CommandError::Syntax);
        }
        if grouped && options.group.is_none() {
            return Err(CommandError::text("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(options)
    }

    /// Keys and ids begin at `at`, `more` of them.
    fn streams(&mut self, at: usize, more: usize) -> CommandResult {
        if !more.is_multiple_of(2) {
            return Err(CommandError::text(
                "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be \
                 specified.",
            ));
        }
        (self.keys_at, self.streams) = (at, more / 2);
        Ok(())
    }

    /// Each key with its id.
    fn pairs(&self, request: Request<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (keys_at, streams) = (self.keys_at, self.streams);
        (keys_at..keys_at + streams)
            .filter_map(move |at| Some((request.arg(at)?, request.arg(at + streams)?)))
    }

    /// There was nothing: waits for more if that was asked for, and replies none else.
    fn wait_or_none(
        &self,
        context: &mut Context<'_>,
        request: Request<'_>,
        awaited: Awaited,
        same: Option<RequestBuf>,
        age: Option<Age>,
    ) {
        let keys = || request.iter().skip(self.keys_at).take(self.streams).map(Blob::from);
        let wish = self.block.map(|timeout| {
            let keys = keys().collect();
            Wish { awaited, keys, timeout, request: same, age }
        });
        if !wish.is_some_and(|wish| context.wait(wish)) {
            context.reply.null_array();
        }
    }
}

fn min_idle(arg: &[u8]) -> Result<i64, CommandError> {
    match integer(arg) {
        Ok(idle @ 0..) => Ok(idle),
        Ok(_) => Err(CommandError::text("ERR min-idle-time must be a positive integer")),
        Err(_) => Err(CommandError::text("ERR min-idle-time is not an integer or out of range")),
    }
}

fn only_grouped(grouped: bool, option: &str) -> CommandResult {
    if grouped {
        return Ok(());
    }
    Err(CommandError::text(format!(
        "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
    )))
}

/// The parts of a reply, one for each stream that has something, behind its key.
#[derive(Debug, Default)]
struct Parts {
    bytes: Vec<u8>,
    count: usize,
}

impl Parts {
    /// The encoder of the next part, its key written.
    fn next(&mut self, protocol: Protocol, key: &[u8]) -> Encoder<'_> {
        self.count += 1;
        let mut reply = Encoder::new(&mut self.bytes, protocol);
        if protocol == Protocol::Resp2 {
            reply.array(2);
        }
        reply.bulk(key);
        reply
    }

    /// Writes the whole, of which there is a part.
    fn finish(self, reply: &mut Encoder<'_>) {
        match self.count {
            _ if reply.protocol() == Protocol::Resp2 => reply.array(self.count),
            _ => reply.map(self.count),
        }
        reply.raw(&self.bytes);
    }
}

pub(super) fn xread(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let options = Options::parse(request, false, context.data.now())?;
    let mut wanted = Vec::new();
    for (key, id) in options.pairs(request) {
        let stream = context.data.read::<Stream>(key)?;
        let after = match id {
            b"$" => stream.map_or(StreamId::MIN, |stream| stream.last_id),
            b">" => {
                return Err(CommandError::text(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP \
                     <group> <consumer> option.",
                ));
            }
            _ => strict_id(id)?,
        };
        wanted.push((key, after));
    }
    let mut parts = Parts::default();
    for (key, after) in wanted.iter().copied() {
        let Some(stream) = context.data.read::<Stream>(key)? else { continue };
        let Some(start) = after.next() else { continue };
        let count = options.count.unwrap_or(usize::MAX);
        let entries: Vec<_> = stream.range(start, StreamId::MAX).take(count).collect();
        if !entries.is_empty() {
            write_entries(&mut parts.next(context.reply.protocol(), key), &entries);
        }
    }
    if parts.count > 0 {
        parts.finish(&mut context.reply);
        return Ok(());
    }
    // `$` means the end as it is now, not as it is when something comes.
    let ids = options.keys_at + options.streams;
    let mut same = RequestBuf::new();
    request.iter().take(ids).for_each(|arg| same.push_arg(arg));
    wanted.iter().for_each(|(_, after)| same.push_arg(after.to_string()));
    options.wait_or_none(context, request, Awaited::Stream, Some(same), None);
    Ok(())
}

/// From where on a consumer reads.
#[derive(Debug, Clone, Copy)]
enum From {
    /// `>`, or the last id that there is: what the group has not delivered yet.
    New,
    /// What is pending with the consumer, behind this id.
    History(StreamId),
}

pub(super) fn xreadgroup(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let options = Options::parse(request, true, context.data.now())?;
    let (group, consumer) = options.group.unwrap_or_default();
    let mut wanted = Vec::new();
    for (key, id) in options.pairs(request) {
        let stream = context.data.read::<Stream>(key)?;
        if stream.and_then(|stream| stream.group(group)).is_none() {
            return Err(CommandError::text(format!(
                "NOGROUP No such key '{}' or consumer group '{}' in XREADGROUP with GROUP option",
                quoted(key),
                quoted(group)
            )));
        }
        let from = match id {
            b">" => From::New,
            _ if strict_id(id) == Ok(StreamId::MAX) => From::New,
            b"$" => {
                return Err(CommandError::text(
                    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read \
                     the history of this consumer by specifying a proper ID, or use the > ID to \
                     get new messages. The $ ID would just return an empty result set.",
                ));
            }
            _ => From::History(strict_id(id)?),
        };
        wanted.push((key, from));
    }
    let mut parts = Parts::default();
    let protocol = context.reply.protocol();
    for (key, from) in wanted {
        let reader = Reader { key, group, consumer, now: context.data.now(), options: &options };
        match from {
            From::New => reader.read_new(&mut context.data, protocol, &mut parts)?,
            From::History(after) => {
                reader.read_history(&mut context.data, after, parts.next(protocol, key))?;
            }
        }
    }
    if parts.count > 0 {
        parts.finish(&mut context.reply);
    } else {
        let age = options.claim.map(|_| next_age(context, request, &options)).transpose()?;
        options.wait_or_none(context, request, Awaited::Group, None, age);
    }
    Ok(())
}

/// When the first of the entries that are pending in the streams of `request` comes of age for
/// `CLAIM`; those that are deleted never do.
fn next_age(
    context: &mut Context<'_>,
    request: Request<'_>,
    options: &Options<'_>,
) -> Result<Age, CommandError> {
    let (idle, now) = (options.claim.unwrap_or_default() as u64, context.data.now());
    let mut first = Age::Never;
    for (key, _) in options.pairs(request) {
        let Some(stream) = context.data.peek_as::<Stream>(key)? else { continue };
        let group = options.group.and_then(|(group, _)| stream.group(group));
        let pending = group.into_iter().flat_map(|group| group.pending_from(StreamId::MIN));
        let ages = pending
            .map(|pending| (UnixMs(pending.delivered.0.saturating_add(idle)), pending.id))
            // What is of age already was not taken, for whatever reason, and is not waited for.
            .filter(|(at, id)| *at > now && stream.get(*id).is_some());
        first = ages.map(|(at, _)| Age::At(at)).min().map_or(first, |age| age.min(first));
    }
    Ok(first)
}

/// Writes an entry with how long it had been pending, in ms, and how often it was delivered before.
fn write_delivered(reply: &mut Encoder<'_>, entry: &StreamEntry<'_>, idle: i64, count: u64) {
    reply.array(4);
    write_entry_parts(reply, entry);
    reply.integer(idle.max(0));
    reply.integer(count as i64);
}

/// A consumer that reads one stream.
struct Reader<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    now: UnixMs,
    options: &'a Options<'a>,
}

impl Reader<'_> {
    /// Delivers what the group has not delivered yet.
    fn read_new(
        &self,
        data: &mut Data<'_>,
        protocol: Protocol,
        parts: &mut Parts,
    ) -> CommandResult {
        let Some(stream) = data.read::<Stream>(self.key)? else { return Ok(()) };
        let Some(group) = stream.group(self.group) else { return Ok(()) };
        let count = self.options.count.unwrap_or(usize::MAX);
        let claimed = self.claimable(stream, group, count);
        let start = group.last_id.next();
        let new = start.into_iter().flat_map(|start| stream.range(start, StreamId::MAX));
        let entries: Vec<StreamEntry<'_>> = new.take(count - claimed.len()).collect();
        if entries.is_empty() && claimed.is_empty() {
            return Ok(());
        }
        let mut reply = parts.next(protocol, self.key);
        if self.options.claim.is_none() {
            write_entries(&mut reply, &entries);
        } else {
            reply.array(claimed.len() + entries.len());
            for (pending, entry) in &claimed {
                write_delivered(&mut reply, entry, self.idle(pending), pending.count);
            }
            entries.iter().for_each(|entry| write_delivered(&mut reply, entry, 0, 0));
        }
        let ids: Vec<StreamId> = entries.iter().map(|entry| entry.id).collect();
        let claimed: Vec<(StreamId, u64)> =
            claimed.iter().map(|(pending, _)| (pending.id, pending.count)).collect();
        see_consumer(data, self.key, self.group, self.consumer)?;
        for (id, count) in claimed {
            self.claim(data, id, count)?;
        }
        for id in &ids {
            self.deliver(data, *id)?;
        }
        if self.options.no_ack {
            tell_last_id(data, self.key, self.group)?;
        }
        data.changed_more(1);
        Ok(())
    }

    /// How long an entry has been pending, in ms. Wrapping, as servers subtract.
    fn idle(&self, pending: &Pending) -> i64 {
        (self.now.0 as i64).wrapping_sub(pending.delivered.0 as i64)
    }

    /// What `CLAIM` takes, those first that have been pending the longest: `count` at most, and none
    /// that are deleted.
    fn claimable<'s>(
        &self,
        stream: &'s Stream,
        group: &'s Group,
        count: usize,
    ) -> Vec<(&'s Pending, StreamEntry<'s>)> {
        let Some(idle) = self.options.claim else { return Vec::new() };
        let all = group.pending_from(StreamId::MIN);
        let mut found: Vec<&Pending> = all.filter(|it| self.idle(it) >= idle).collect();
        found.sort_by_key(|pending| (pending.delivered, pending.id));
        let with_entry = |pending: &'s Pending| Some((pending, stream.get(pending.id)?));
        found.into_iter().filter_map(with_entry).take(count).collect()
    }

    /// Makes the entry `id`, which has been delivered `count` times, pending with the consumer.
    fn claim(&self, data: &mut Data<'_>, id: StreamId, count: u64) -> CommandResult {
        let found = data.write::<Stream>(self.key)?.and_then(|it| it.group_mut(self.group));
        let Some(group) = found else { return Ok(()) };
        if let Some(consumer) = group.consumer_mut(self.consumer) {
            consumer.active = Some(self.now);
        }
        group.assign(id, self.consumer, self.now, count.saturating_add(1));
        tell_claim(data, self.key, self.group, id)
    }

    /// Moves the group on to `id`, which is pending from now on.
    fn deliver(&self, data: &mut Data<'_>, id: StreamId) -> CommandResult {
        let Some(stream) = data.write::<Stream>(self.key)? else { return Ok(()) };
        let read = stream.group(self.group).and_then(|group| group.entries_read);
        let read = match read {
            Some(read) if !stream.has_gap_from(id) => read.checked_add(1),
            read if stream.entries_added == 0 => read,
            _ => stream.entries_until(id),
        };
        let Some(group) = stream.group_mut(self.group) else { return Ok(()) };
        (group.last_id, group.entries_read) = (id, read);
        if let Some(consumer) = group.consumer_mut(self.consumer) {
            consumer.active = Some(self.now);
        }
        if !self.options.no_ack {
            group.assign(id, self.consumer, self.now, 1);
            tell_claim(data, self.key, self.group, id)?;
        }
        Ok(())
    }

    /// Writes what is pending with the consumer behind `after`, which counts as delivered again.
    fn read_history(
        &self,
        data: &mut Data<'_>,
        after: StreamId,
        mut reply: Encoder<'_>,
    ) -> CommandResult {
        see_consumer(data, self.key, self.group, self.consumer)?;
        let Some(stream) = data.write::<Stream>(self.key)? else { return Ok(()) };
        let consumer = stream.group(self.group).and_then(|group| group.consumer(self.consumer));
        let (Some(consumer), Some(start)) = (consumer, after.next()) else { return Ok(()) };
        let count = self.options.count.unwrap_or(usize::MAX);
        let ids: Vec<StreamId> = consumer.pending_from(start).take(count).copied().collect();
        reply.array(ids.len());
        for id in ids {
            let there = match stream.get(id) {
                Some(entry) => {
                    write_entry(&mut reply, &entry);
                    true
                }
                None => {
                    reply.array(2);
                    write_id(&mut reply, id);
                    reply.null_array();
                    false
                }
            };
            let Some(group) = stream.group_mut(self.group).filter(|_| there) else { continue };
            let count = group.pending(id).map_or(0, |pending| pending.count);
            group.assign(id, self.consumer, self.now, count.saturating_add(1));
        }
        Ok(())
    }
}
