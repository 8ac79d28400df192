//! Commands on sets.

mod algebra;
#[cfg(test)]
mod tests;

use redwire_resp::{Encoder, Request};

use super::draw::Draw;
use super::options;
use super::scan::{self, ScanOptions};
use super::small::Small;
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::keyspace::Random;
use crate::value::Kind;
use crate::{Blob, Set};

/// Most members of one `SREM` that tells replicas of a `SPOP`: Redis up to 6.2 takes no request of
/// more than 2^20 arguments.
const SREM_MEMBERS_MAX: usize = 1024;

/// Where so many times the members that `SPOP` leaves are no more than those that it takes, Redis makes a
/// set anew of them, which may be an intset again.
const FEW_LEFT: usize = 5;

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.with(Flags::FAST);
const WRITE_FAST: Flags = Flags::WRITE.with(Flags::FAST);
const GROW: Flags = Flags::WRITE.with(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.with(Flags::FAST);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("sadd", -3, GROW_FAST, Keys::ONE, sadd),
    Command::data("srem", -3, WRITE_FAST, Keys::ONE, srem),
    Command::data("smove", 4, WRITE_FAST, Keys::TWO, smove),
    Command::data("spop", -2, WRITE_FAST, Keys::ONE, spop),
    Command::data("srandmember", -2, READ, Keys::ONE, srandmember),
    Command::data("scard", 2, READ_FAST, Keys::ONE, scard),
    Command::data("sismember", 3, READ_FAST, Keys::ONE, sismember),
    Command::data("smismember", -3, READ_FAST, Keys::ONE, smismember),
    Command::data("smembers", 2, READ, Keys::ONE, smembers),
    Command::data("sscan", -3, READ, Keys::ONE, sscan),
    Command::data("sinter", -2, READ, Keys::ALL, algebra::sinter),
    Command::data("sinterstore", -3, GROW, Keys::ALL, algebra::sinterstore),
    Command::data(
        "sintercard",
        -3,
        READ.with(Flags::MOVABLE_KEYS),
        Keys::NONE.counted_at(1),
        algebra::sintercard,
    ),
    Command::data("sunion", -2, READ, Keys::ALL, algebra::sunion),
    Command::data("sunionstore", -3, GROW, Keys::ALL, algebra::sunionstore),
    Command::data("sdiff", -2, READ, Keys::ALL, algebra::sdiff),
    Command::data("sdiffstore", -3, GROW, Keys::ALL, algebra::sdiffstore),
];

fn sadd(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let set = context.data.write_or_new::<Set>(key)?;
    let added = request.iter().skip(2).filter(|member| set.insert(member)).count();
    if added > 0 {
        context.data.changed(key, EventClass::Set, "sadd");
        context.data.changed_more(added - 1);
    }
    context.reply.integer(added as i64);
    Ok(())
}

fn srem(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let (small, mut removed) = (context.data.small(), 0);
    if let Some(set) = context.data.write::<Set>(key)? {
        let gone = |member: &&[u8]| small.remove_member(set, member);
        removed = request.iter().skip(2).filter(gone).count();
    }
    if removed > 0 {
        context.data.changed(key, EventClass::Set, "srem");
        context.data.changed_more(removed - 1);
        context.data.delete_if_gone::<Set>(key);
    }
    context.reply.integer(removed as i64);
    Ok(())
}

fn smove(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (source, destination, member) = (&request[1], &request[2], &request[3]);
    if !context.data.check::<Set>(source)? {
        context.reply.integer(0);
        return Ok(());
    }
    context.data.check::<Set>(destination)?;
    if source == destination {
        let is_member = context.data.write::<Set>(source)?.is_some_and(|set| set.contains(member));
        context.reply.integer(i64::from(is_member));
        return Ok(());
    }
    let (small, set) = (context.data.small(), context.data.write::<Set>(source)?);
    let moved = set.is_some_and(|set| small.remove_member(set, member));
    if moved {
        context.data.changed(source, EventClass::Set, "srem");
        context.data.delete_if_gone::<Set>(source);
        if context.data.write_or_new::<Set>(destination)?.insert(member) {
            context.data.changed(destination, EventClass::Set, "sadd");
        }
    }
    context.reply.integer(i64::from(moved));
    Ok(())
}

fn spop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    match (request.arg(2), request.len()) {
        (None, _) => pop_one(context, &request[1]),
        (Some(count), 3) => pop_many(context, &request[1], options::count(count)?),
        _ => Err(CommandError::Syntax),
    }
}

fn pop_one(context: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let mut random = context.data.fork_random();
    let (small, set) = (context.data.small(), context.data.write::<Set>(key)?);
    let popped = set.and_then(|set| pop_random(set, small, &mut random));
    let Some(member) = popped else {
        context.reply.null();
        return Ok(());
    };
    context.reply.bulk(&member);
    context.data.changed(key, EventClass::Set, "spop");
    context.data.delete_if_gone::<Set>(key);
    context.data.effect([b"SREM", key, &member]);
    Ok(())
}

fn pop_random(set: &mut Set, small: Small, random: &mut Random) -> Option<Blob> {
    let len = set.len();
    let member = (len > 0).then(|| random.below(len)).and_then(|index| set.remove_nth(index))?;
    small.note_member(set, len, &member);
    Some(member)
}

fn pop_many(context: &mut Context<'_>, key: &[u8], count: usize) -> CommandResult {
    let (mut random, small) = (context.data.fork_random(), context.data.small());
    let Some(set) = context.data.write::<Set>(key)? else {
        context.reply.set(0);
        return Ok(());
    };
    if count == 0 {
        context.reply.set(0);
        return Ok(());
    }
    if count >= set.len() {
        return pop_all(context, key);
    }
    let pop = |_| pop_random(set, small, &mut random);
    let popped: Vec<Blob> = (0..count).map_while(pop).collect();
    if set.len() * FEW_LEFT <= count {
        set.set_outgrown(false);
    }
    context.reply.set(popped.len());
    for member in &popped {
        context.reply.bulk(member);
    }
    context.data.changed(key, EventClass::Set, "spop");
    context.data.changed_more(popped.len() - 1);
    for members in popped.chunks(SREM_MEMBERS_MAX) {
        let members = members.iter().map(Blob::as_slice);
        let args: Vec<&[u8]> = [b"SREM", key].into_iter().chain(members).collect();
        context.data.effect(args);
    }
    Ok(())
}

/// Pops every member, and the key with them.
fn pop_all(context: &mut Context<'_>, key: &[u8]) -> CommandResult {
    let Some((value, _)) = context.data.take(key) else { return Ok(()) };
    if let Some(set) = Set::of(value.view()) {
        write_members(&mut context.reply, set);
        context.data.changed_more(set.len() - 1);
    }
    context.data.changed(key, EventClass::Set, "spop");
    context.data.notify(key, EventClass::Generic, "del");
    context.data.effect([b"DEL", key]);
    context.data.keyspace.discard(value);
    Ok(())
}

fn srandmember(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let draw = Draw::parse(request, None)?;
    let set = context.data.read::<Set>(&request[1])?.cloned().unwrap_or_default();
    draw.write(context, set.len(), |reply, position| {
        if let Some(member) = set.nth(position) {
            reply.bulk(member);
        }
    })
}

fn scard(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let set = context.data.read::<Set>(&request[1])?;
    context.reply.integer(set.map_or(0, Set::len) as i64);
    Ok(())
}

fn sismember(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let set = context.data.read::<Set>(&request[1])?;
    let is_member = set.is_some_and(|set| set.contains(&request[2]));
    context.reply.integer(i64::from(is_member));
    Ok(())
}

fn smismember(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let set = context.data.read::<Set>(&request[1])?;
    context.reply.array(request.len() - 2);
    for member in request.iter().skip(2) {
        let is_member = set.is_some_and(|set| set.contains(member));
        context.reply.integer(i64::from(is_member));
    }
    Ok(())
}

fn smembers(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    match context.data.read::<Set>(&request[1])? {
        Some(set) => write_members(&mut context.reply, set),
        None => context.reply.set(0),
    }
    Ok(())
}

/// Replies all members.
fn write_members(reply: &mut Encoder<'_>, set: &Set) {
    reply.set(set.len());
    set.iter().for_each(|member| reply.bulk(member));
}

fn sscan(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let cursor = scan::cursor(&request[2])?;
    let whole = context.data.keyspace.settings.thresholds.set_max_listpack_entries;
    let Some(set) = context.data.read::<Set>(&request[1])? else {
        scan::write_head(&mut context.reply, 0, 0);
        return Ok(());
    };
    let options = ScanOptions::parse(request, 3, &[])?;
    let (next, mut members) = set.scan(cursor, options.count_of(set.len(), whole));
    members.retain(|member| options.lets_through(member));
    scan::write_head(&mut context.reply, next, members.len());
    members.iter().for_each(|member| context.reply.bulk(member));
    Ok(())
}
