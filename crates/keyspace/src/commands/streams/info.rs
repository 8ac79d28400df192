//! `XINFO`.

use redwire_resp::{Encoder, Request};

use super::{no_group_of, write_entries, write_entry, write_id, wrong_subcommand};
use crate::UnixMs;
use crate::commands::options::{self, integer, is};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::value::{Consumer, Group, Stream, StreamId};

const HELP: [&str; 9] = [
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <groupname>",
    "    Show consumers of <groupname>.",
    "GROUPS <key>",
    "    Show the stream consumer groups.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    Show information about the stream.",
    "HELP",
    "    Prints this help.",
];

/// How much `XINFO STREAM FULL` shows of each list unless told otherwise.
const SHOWN: usize = 10;

pub(super) fn xinfo(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let subcommand = &request[1];
    let (name, wanted) = match () {
        () if is(subcommand, "STREAM") => ("xinfo|stream", 3),
        () if is(subcommand, "GROUPS") => ("xinfo|groups", 3),
        () if is(subcommand, "CONSUMERS") => ("xinfo|consumers", 4),
        () if is(subcommand, "HELP") => ("xinfo|help", 2),
        () => return Err(options::unknown_subcommand("XINFO", subcommand)),
    };
    let more = name == "xinfo|stream" && request.len() > wanted;
    if request.len() != wanted && !more {
        return Err(CommandError::Arity(name.into()));
    }
    let Some(key) = request.arg(2) else {
        options::write_help(&mut context.reply, &HELP);
        return Ok(());
    };
    let now = context.data.now();
    let stream = context.data.read::<Stream>(key)?.ok_or(CommandError::NoSuchKey)?;
    let reply = &mut context.reply;
    match name {
        "xinfo|groups" => {
            reply.array(stream.group_count());
            stream.groups().for_each(|group| write_group(reply, stream, group));
        }
        "xinfo|consumers" => {
            let group = stream.group(&request[3]);
            let group = group.ok_or_else(|| no_group_of(key, &request[3]))?;
            reply.array(group.consumers().len());
            group.consumers().for_each(|consumer| write_consumer(reply, consumer, now));
        }
        _ => match full(request)? {
            None => write_stream(reply, stream, now),
            Some(count) => write_full(reply, stream, count, now),
        },
    }
    Ok(())
}

/// Whether all is asked for, and how much of each list: 0 and less than 0 have their own meaning.
fn full(request: Request<'_>) -> Result<Option<usize>, CommandError> {
    let wrong = || wrong_subcommand("XINFO", &request[1]);
    match request.len() {
        3 => return Ok(None),
        4 | 6 if is(&request[3], "FULL") => {}
        _ => return Err(wrong()),
    }
    let Some(count) = request.arg(5) else { return Ok(Some(SHOWN)) };
    if !is(&request[4], "COUNT") {
        return Err(wrong());
    }
    Ok(Some(match integer(count)? {
        0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(SHOWN),
    }))
}

/// What both forms begin with; `more` pairs follow.
fn write_head(reply: &mut Encoder<'_>, stream: &Stream, now: UnixMs, more: usize) {
    let producers = stream.producers();
    reply.map(7 + producers.map_or(0, |_| 6) + more);
    reply.bulk(b"length");
    reply.integer(stream.len() as i64);
    reply.bulk(b"radix-tree-keys");
    reply.integer(stream.node_count() as i64);
    reply.bulk(b"radix-tree-nodes");
    reply.integer(radix_nodes(stream));
    reply.bulk(b"last-generated-id");
    write_id(reply, stream.last_id);
    reply.bulk(b"max-deleted-entry-id");
    write_id(reply, stream.max_deleted_id);
    reply.bulk(b"entries-added");
    reply.integer(stream.entries_added as i64);
    reply.bulk(b"recorded-first-entry-id");
    write_id(reply, stream.first_id());
    // 7.0 has none of it; 8.6 tells it of every stream.
    if let Some(producers) = producers {
        let (names, ids) = producers.tracked(now);
        for (name, number) in [
            ("idmp-duration", producers.kept.seconds),
            ("idmp-maxsize", producers.kept.entries),
            ("pids-tracked", names as u64),
            ("iids-tracked", ids as u64),
            ("iids-added", producers.added),
            ("iids-duplicates", producers.duplicates),
        ] {
            reply.bulk(name.as_bytes());
            reply.integer(number as i64);
        }
    }
}

fn write_stream(reply: &mut Encoder<'_>, stream: &Stream, now: UnixMs) {
    write_head(reply, stream, now, 3);
    reply.bulk(b"groups");
    reply.integer(stream.group_count() as i64);
    let first = stream.range(StreamId::MIN, StreamId::MAX).next();
    let last = stream.range_back(StreamId::MIN, StreamId::MAX).next();
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        reply.bulk(name.as_bytes());
        match entry {
            Some(entry) => write_entry(reply, &entry),
            None => reply.null(),
        }
    }
}

fn write_full(reply: &mut Encoder<'_>, stream: &Stream, count: usize, now: UnixMs) {
    write_head(reply, stream, now, 2);
    reply.bulk(b"entries");
    let entries: Vec<_> = stream.range(StreamId::MIN, StreamId::MAX).take(count).collect();
    write_entries(reply, &entries);
    reply.bulk(b"groups");
    reply.array(stream.group_count());
    for group in stream.groups() {
        reply.map(7);
        write_group_head(reply, stream, group);
        reply.bulk(b"pel-count");
        reply.integer(group.pending_len() as i64);
        reply.bulk(b"pending");
        let pending: Vec<_> = group.pending_from(StreamId::MIN).take(count).collect();
        reply.array(pending.len());
        for pending in pending {
            reply.array(4);
            write_id(reply, pending.id);
            reply.bulk(&pending.consumer);
            reply.integer(pending.delivered.0 as i64);
            reply.integer(pending.count as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers().len());
        group.consumers().for_each(|consumer| write_full_consumer(reply, group, consumer, count));
    }
}

fn write_full_consumer(reply: &mut Encoder<'_>, group: &Group, consumer: &Consumer, count: usize) {
    reply.map(4);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"seen-time");
    reply.integer(consumer.seen.0 as i64);
    reply.bulk(b"pel-count");
    reply.integer(consumer.pending_len() as i64);
    reply.bulk(b"pending");
    let ids = consumer.pending_from(StreamId::MIN).take(count);
    let pending: Vec<_> = ids.filter_map(|id| group.pending(*id)).collect();
    reply.array(pending.len());
    for pending in pending {
        reply.array(3);
        write_id(reply, pending.id);
        reply.integer(pending.delivered.0 as i64);
        reply.integer(pending.count as i64);
    }
}

/// The four pairs that both forms begin a group with, in the order of `XINFO STREAM FULL`.
fn write_group_head(reply: &mut Encoder<'_>, stream: &Stream, group: &Group) {
    reply.bulk(b"name");
    reply.bulk(group.name());
    write_progress(reply, stream, group);
}

/// How far a group is, and how far behind the stream where that can be told.
fn write_progress(reply: &mut Encoder<'_>, stream: &Stream, group: &Group) {
    reply.bulk(b"last-delivered-id");
    write_id(reply, group.last_id);
    reply.bulk(b"entries-read");
    match group.entries_read {
        Some(read) => reply.integer(read as i64),
        None => reply.null(),
    }
    reply.bulk(b"lag");
    match lag(stream, group) {
        Some(lag) => reply.integer(lag),
        None => reply.null(),
    }
}

fn lag(stream: &Stream, group: &Group) -> Option<i64> {
    if stream.entries_added == 0 {
        return Some(0);
    }
    let read = match group.entries_read {
        Some(read) if !stream.has_gap_from(group.last_id) => read,
        _ => stream.entries_until(group.last_id)?,
    };
    Some((stream.entries_added as i64).wrapping_sub(read as i64))
}

fn write_group(reply: &mut Encoder<'_>, stream: &Stream, group: &Group) {
    reply.map(6);
    reply.bulk(b"name");
    reply.bulk(group.name());
    reply.bulk(b"consumers");
    reply.integer(group.consumers().len() as i64);
    reply.bulk(b"pending");
    reply.integer(group.pending_len() as i64);
    write_progress(reply, stream, group);
}

fn write_consumer(reply: &mut Encoder<'_>, consumer: &Consumer, now: UnixMs) {
    reply.map(3);
    reply.bulk(b"name");
    reply.bulk(consumer.name());
    reply.bulk(b"pending");
    reply.integer(consumer.pending_len() as i64);
    reply.bulk(b"idle");
    reply.integer(now.0.saturating_sub(consumer.seen.0) as i64);
}

/// How many nodes a radix tree has whose keys are the ids of the stream's nodes, where runs of
/// bytes without a fork are one node: what Redis keeps them in, and tells of.
fn radix_nodes(stream: &Stream) -> i64 {
    let keys: Vec<[u8; 16]> = stream.node_ids().map(StreamId::to_bytes).collect();
    if keys.is_empty() { 1 } else { subtree_nodes(&keys, 0) }
}

/// The nodes for keys that are equal up to byte `depth`, in order.
fn subtree_nodes(keys: &[[u8; 16]], depth: usize) -> i64 {
    let (first, last) = (&keys[0], &keys[keys.len() - 1]);
    let common = (depth..first.len()).take_while(|at| first[*at] == last[*at]).count();
    let fork = depth + common;
    let run = i64::from(common > 0);
    if fork == first.len() {
        return run + 1;
    }
    let children = keys.chunk_by(|a, b| a[fork] == b[fork]);
    run + 1 + children.map(|child| subtree_nodes(child, fork + 1)).sum::<i64>()
}
