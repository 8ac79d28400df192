//! Commands on sorted sets.

pub(super) mod add;
mod bounds;
mod combine;
mod pop;
mod ranges;
mod remove;
#[cfg(test)]
mod tests;
mod zero;

use redwire_resp::{DoubleBuffer, Request, format_double};

use super::draw::Draw;
use super::options::is;
use super::scan::{self, ScanOption, ScanOptions};
use crate::Zset;
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.with(Flags::FAST);
const READ_MANY: Flags = READ.with(Flags::MOVABLE_KEYS);
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = WRITE.with(Flags::FAST);
const WRITE_MANY: Flags = WRITE.with(Flags::MOVABLE_KEYS);
const GROW: Flags = WRITE.with(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.with(Flags::FAST);
const GROW_MANY: Flags = GROW.with(Flags::MOVABLE_KEYS);
const WAIT: Flags = WRITE.with(Flags::BLOCKING);
const WAIT_TO_POP: Flags = WAIT.with(Flags::NOSCRIPT).with(Flags::FAST);
/// Keys up to a timeout.
const ALL_BUT_LAST: Keys = Keys::span(1, -2, 1);
/// `timeout numkeys key [key ...]`.
const TIMED: Keys = Keys::NONE.counted_at(2);
/// `numkeys key [key ...]`.
const COUNTED: Keys = Keys::NONE.counted_at(1);
/// `destination numkeys key [key ...]`.
const STORED: Keys = Keys::ONE.counted_at(2);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("zadd", -4, GROW_FAST, Keys::ONE, add::zadd),
    Command::data("zincrby", 4, GROW_FAST, Keys::ONE, add::zincrby),
    Command::data("zrem", -3, WRITE_FAST, Keys::ONE, remove::zrem),
    Command::data("zremrangebyrank", 4, WRITE, Keys::ONE, remove::zremrangebyrank),
    Command::data("zremrangebyscore", 4, WRITE, Keys::ONE, remove::zremrangebyscore),
    Command::data("zremrangebylex", 4, WRITE, Keys::ONE, remove::zremrangebylex),
    Command::data("zpopmin", -2, WRITE_FAST, Keys::ONE, pop::zpopmin),
    Command::data("zpopmax", -2, WRITE_FAST, Keys::ONE, pop::zpopmax),
    Command::data("zmpop", -4, WRITE_MANY, COUNTED, pop::zmpop),
    Command::data("bzpopmin", -3, WAIT_TO_POP, ALL_BUT_LAST, pop::bzpopmin),
    Command::data("bzpopmax", -3, WAIT_TO_POP, ALL_BUT_LAST, pop::bzpopmax),
    Command::data("bzmpop", -5, WAIT.with(Flags::MOVABLE_KEYS), TIMED, pop::bzmpop),
    Command::data("zcard", 2, READ_FAST, Keys::ONE, zcard),
    Command::data("zscore", 3, READ_FAST, Keys::ONE, zscore),
    Command::data("zmscore", -3, READ_FAST, Keys::ONE, zmscore),
    Command::data("zrank", -3, READ_FAST, Keys::ONE, zrank),
    Command::data("zrevrank", -3, READ_FAST, Keys::ONE, zrevrank),
    Command::data("zrandmember", -2, READ, Keys::ONE, zrandmember),
    Command::data("zscan", -3, READ, Keys::ONE, zscan),
    Command::data("zcount", 4, READ_FAST, Keys::ONE, ranges::zcount),
    Command::data("zlexcount", 4, READ_FAST, Keys::ONE, ranges::zlexcount),
    Command::data("zrange", -4, READ, Keys::ONE, ranges::zrange),
    Command::data("zrangestore", -5, GROW, Keys::TWO, ranges::zrangestore),
    Command::data("zrevrange", -4, READ, Keys::ONE, ranges::zrevrange),
    Command::data("zrangebyscore", -4, READ, Keys::ONE, ranges::zrangebyscore),
    Command::data("zrevrangebyscore", -4, READ, Keys::ONE, ranges::zrevrangebyscore),
    Command::data("zrangebylex", -4, READ, Keys::ONE, ranges::zrangebylex),
    Command::data("zrevrangebylex", -4, READ, Keys::ONE, ranges::zrevrangebylex),
    Command::data("zunion", -3, READ_MANY, COUNTED, combine::zunion),
    Command::data("zunionstore", -4, GROW_MANY, STORED, combine::zunionstore),
    Command::data("zinter", -3, READ_MANY, COUNTED, combine::zinter),
    Command::data("zinterstore", -4, GROW_MANY, STORED, combine::zinterstore),
    Command::data("zintercard", -3, READ_MANY, COUNTED, combine::zintercard),
    Command::data("zdiff", -3, READ_MANY, COUNTED, combine::zdiff),
    Command::data("zdiffstore", -4, GROW_MANY, STORED, combine::zdiffstore),
];

fn zcard(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let zset = context.data.read::<Zset>(&request[1])?;
    context.reply.integer(zset.map_or(0, Zset::len) as i64);
    Ok(())
}

fn zscore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let zset = context.data.read::<Zset>(&request[1])?;
    match zset.and_then(|zset| zset.score(&request[2])) {
        Some(score) => context.reply.double(score),
        None => context.reply.null(),
    }
    Ok(())
}

fn zmscore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let zset = context.data.read::<Zset>(&request[1])?;
    context.reply.array(request.len() - 2);
    for member in request.iter().skip(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => context.reply.double(score),
            None => context.reply.null(),
        }
    }
    Ok(())
}

fn zrank(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    rank(context, request, "zrank", |_, rank| rank)
}

fn zrevrank(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    rank(context, request, "zrevrank", |zset, rank| zset.len() - 1 - rank)
}

fn rank(
    context: &mut Context<'_>,
    request: Request<'_>,
    command: &'static str,
    counted: fn(&Zset, usize) -> usize,
) -> CommandResult {
    let with_score = match request.arg(3) {
        None => false,
        Some(option) if request.len() == 4 && is(option, "WITHSCORE") => true,
        // To a 7.0, which knows no such option, it is an argument too many.
        Some(_) => return Err(CommandError::Arity(command.into())),
    };
    let zset = context.data.read::<Zset>(&request[1])?;
    let found = zset.and_then(|zset| {
        let (rank, score) = zset.rank(&request[2])?;
        Some((counted(zset, rank), score))
    });
    match found {
        Some((rank, score)) if with_score => {
            context.reply.array(2);
            context.reply.integer(rank as i64);
            context.reply.double(score);
        }
        Some((rank, _)) => context.reply.integer(rank as i64),
        None if with_score => context.reply.null_array(),
        None => context.reply.null(),
    }
    Ok(())
}

fn zrandmember(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let draw = Draw::parse(request, Some("withscores"))?;
    let zset = context.data.read::<Zset>(&request[1])?.cloned().unwrap_or_default();
    draw.write(context, zset.len(), |reply, position| {
        let Some(scored) = zset.nth(position) else { return };
        reply.bulk(scored.member);
        if draw.pairs {
            reply.double(scored.score);
        }
    })
}

fn zscan(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let cursor = scan::cursor(&request[2])?;
    let whole = context.data.keyspace.settings.thresholds.zset_max_listpack_entries;
    let Some(zset) = context.data.read::<Zset>(&request[1])? else {
        scan::write_head(&mut context.reply, 0, 0);
        return Ok(());
    };
    let options = ScanOptions::parse(request, 3, &[ScanOption::Bare("noscores")])?;
    let (next, mut members) = zset.scan(cursor, options.count_of(zset.len(), whole));
    members.retain(|scored| options.lets_through(scored.member));
    let each = if options.bare { 1 } else { 2 };
    scan::write_head(&mut context.reply, next, members.len() * each);
    for scored in members {
        context.reply.bulk(scored.member);
        if !options.bare {
            // A string in RESP3 too.
            context.reply.bulk(format_double(scored.score, &mut DoubleBuffer::new()).as_bytes());
        }
    }
    Ok(())
}
