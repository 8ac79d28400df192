//! `OBJECT`: what a user can see of how a value is kept.

use redwire_rdb::Thresholds;
use redwire_resp::Request;

use crate::ValueRef;
use crate::commands::options::{self, is};
use crate::commands::small::Small;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

/// What Redis answers for the small numbers that it keeps once for all: no count.
const SHARED: i64 = i32::MAX as i64;

/// How many numbers from 0 on Redis shares.
const SHARED_INTEGERS: i64 = 10_000;

const HELP: [&str; 15] = [
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    Return the kind of internal representation used in order to store the value",
    "    associated with a <key>.",
    "FREQ <key>",
    "    Return the access frequency index of the <key>. The returned integer is",
    "    proportional to the logarithm of the recent access frequency of the key.",
    "IDLETIME <key>",
    "    Return the idle time of the <key>, that is the approximated number of",
    "    seconds elapsed since the last access to the key.",
    "REFCOUNT <key>",
    "    Return the number of references of the value associated with the specified",
    "    <key>.",
    "HELP",
    "    Prints this help.",
];

type Answer = fn(&mut Context<'_>, &[u8]) -> CommandResult;

pub(super) fn object(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let subcommand = &request[1];
    let (name, answer): (&str, Answer) = match () {
        () if is(subcommand, "ENCODING") => ("object|encoding", encoding),
        () if is(subcommand, "REFCOUNT") => ("object|refcount", refcount),
        () if is(subcommand, "IDLETIME") => ("object|idletime", idletime),
        () if is(subcommand, "FREQ") => ("object|freq", freq),
        () if is(subcommand, "HELP") => return help(context, request),
        () => return Err(options::unknown_subcommand("OBJECT", subcommand)),
    };
    if request.len() != 3 {
        return Err(CommandError::Arity(name.into()));
    }
    let key = &request[2];
    if context.data.look_quietly(key).is_none() {
        context.reply.null();
        return Ok(());
    }
    answer(context, key)
}

fn help(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    if request.len() != 2 {
        return Err(CommandError::Arity("object|help".into()));
    }
    options::write_help(&mut context.reply, &HELP);
    Ok(())
}

fn encoding(context: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let thresholds = context.data.thresholds().clone();
    match context.data.peek(key) {
        Some(value) => context.reply.bulk(encoding_of(value, &thresholds).as_bytes()),
        None => context.reply.null(),
    }
    Ok(())
}

fn refcount(context: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let shared = match context.data.peek(key) {
        Some(ValueRef::String(string)) => {
            string.stored_integer().is_some_and(|number| (0..SHARED_INTEGERS).contains(&number))
        }
        _ => false,
    };
    context.reply.integer(if shared { SHARED } else { 1 });
    Ok(())
}

fn idletime(context: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let clock = context.data.clock(key).unwrap_or_default();
    let keyspace = context.data.keyspace();
    if keyspace.settings.eviction.is_lfu() {
        return Err(CommandError::text(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    let idle = keyspace.meter.idle(clock);
    context.reply.integer(idle as i64);
    Ok(())
}

fn freq(context: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let clock = context.data.clock(key).unwrap_or_default();
    let keyspace = context.data.keyspace();
    if !keyspace.settings.eviction.is_lfu() {
        return Err(CommandError::text(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
             that when switching between policies at runtime LRU and LFU data will take some time to \
             adjust.",
        ));
    }
    let frequency = keyspace.meter.frequency(clock, &keyspace.settings);
    context.reply.integer(i64::from(frequency));
    Ok(())
}

/// How a Redis 7.0 would keep this value.
pub(crate) fn encoding_of(value: ValueRef<'_>, thresholds: &Thresholds) -> &'static str {
    let small = Small::of(thresholds);
    match value {
        ValueRef::String(string) => string.encoding(),
        ValueRef::List(_) => "quicklist",
        ValueRef::Set(set) if small.is_intset(set) => "intset",
        ValueRef::Hash(hash) if small.is_small_hash(hash) && hash.expiring() > 0 => "listpackex",
        ValueRef::Hash(hash) if small.is_small_hash(hash) => "listpack",
        ValueRef::Set(_) | ValueRef::Hash(_) => "hashtable",
        ValueRef::Zset(zset) if small.is_small_zset(zset) => "listpack",
        ValueRef::Zset(_) => "skiplist",
        ValueRef::Stream(_) => "stream",
        ValueRef::Opaque(opaque) => opaque.type_name(),
    }
}
