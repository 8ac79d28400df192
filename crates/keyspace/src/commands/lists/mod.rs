//! Commands on lists.

mod blocking;
mod moves;
mod positions;
#[cfg(test)]
mod tests;

use redwire_resp::Request;

use super::options;
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::Kind;
use crate::{Blob, List};

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.with(Flags::FAST);
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = WRITE.with(Flags::FAST);
const GROW: Flags = WRITE.with(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.with(Flags::FAST);
const WAIT: Flags = WRITE.with(Flags::BLOCKING);
const WAIT_TO_POP: Flags = WAIT.with(Flags::NOSCRIPT);
const WAIT_TO_MOVE: Flags = WAIT_TO_POP.with(Flags::DENYOOM);
/// `numkeys key [key ...]`.
const COUNTED: Keys = Keys::NONE.counted_at(1);
/// `timeout numkeys key [key ...]`.
const TIMED: Keys = Keys::NONE.counted_at(2);
/// Keys up to a timeout.
const ALL_BUT_LAST: Keys = Keys::span(1, -2, 1);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("lpush", -3, GROW_FAST, Keys::ONE, lpush),
    Command::data("rpush", -3, GROW_FAST, Keys::ONE, rpush),
    Command::data("lpushx", -3, GROW_FAST, Keys::ONE, lpushx),
    Command::data("rpushx", -3, GROW_FAST, Keys::ONE, rpushx),
    Command::data("lpop", -2, WRITE_FAST, Keys::ONE, lpop),
    Command::data("rpop", -2, WRITE_FAST, Keys::ONE, rpop),
    Command::data("llen", 2, READ_FAST, Keys::ONE, llen),
    Command::data("lindex", 3, READ, Keys::ONE, lindex),
    Command::data("lset", 4, GROW, Keys::ONE, lset),
    Command::data("lrange", 4, READ, Keys::ONE, lrange),
    Command::data("ltrim", 4, WRITE, Keys::ONE, ltrim),
    Command::data("linsert", 5, GROW, Keys::ONE, linsert),
    Command::data("lrem", 4, WRITE, Keys::ONE, positions::lrem),
    Command::data("lpos", -3, READ, Keys::ONE, positions::lpos),
    Command::data("rpoplpush", 3, GROW, Keys::TWO, moves::rpoplpush),
    Command::data("lmove", 5, GROW, Keys::TWO, moves::lmove),
    Command::data("lmpop", -4, WRITE.with(Flags::MOVABLE_KEYS), COUNTED, moves::lmpop),
    Command::data("blpop", -3, WAIT_TO_POP, ALL_BUT_LAST, blocking::blpop),
    Command::data("brpop", -3, WAIT_TO_POP, ALL_BUT_LAST, blocking::brpop),
    Command::data("brpoplpush", 4, WAIT_TO_MOVE, Keys::TWO, blocking::brpoplpush),
    Command::data("blmove", 6, WAIT_TO_MOVE, Keys::TWO, blocking::blmove),
    Command::data("blmpop", -5, WAIT.with(Flags::MOVABLE_KEYS), TIMED, blocking::blmpop),
];

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Left,
    Right,
}

impl End {
    /// `LEFT` or `RIGHT`.
    fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        if options::is(arg, "left") {
            Ok(Self::Left)
        } else if options::is(arg, "right") {
            Ok(Self::Right)
        } else {
            Err(CommandError::Syntax)
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Left => "LEFT",
            Self::Right => "RIGHT",
        }
    }

    fn push(self, list: &mut List, item: &[u8]) {
        match self {
            Self::Left => list.push_front(item),
            Self::Right => list.push_back(item),
        }
    }

    fn pop(self, list: &mut List) -> Option<Blob> {
        match self {
            Self::Left => list.pop_front(),
            Self::Right => list.pop_back(),
        }
    }

    fn push_event(self) -> &'static str {
        match self {
            Self::Left => "lpush",
            Self::Right => "rpush",
        }
    }

    fn pop_command(self) -> &'static str {
        match self {
            Self::Left => "LPOP",
            Self::Right => "RPOP",
        }
    }

    fn pop_event(self) -> &'static str {
        match self {
            Self::Left => "lpop",
            Self::Right => "rpop",
        }
    }
}

fn lpush(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    push(context, request, End::Left)
}

fn rpush(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    push(context, request, End::Right)
}

fn push(context: &mut Context<'_>, request: Request<'_>, end: End) -> CommandResult {
    let list = context.data.write_or_new::<List>(&request[1])?;
    let len = push_items(list, request, end);
    pushed(context, request, end, len)
}

fn lpushx(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    push_to_existing(context, request, End::Left)
}

fn rpushx(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    push_to_existing(context, request, End::Right)
}

fn push_to_existing(context: &mut Context<'_>, request: Request<'_>, end: End) -> CommandResult {
    let Some(list) = context.data.write::<List>(&request[1])? else {
        context.reply.integer(0);
        return Ok(());
    };
    let len = push_items(list, request, end);
    pushed(context, request, end, len)
}

fn push_items(list: &mut List, request: Request<'_>, end: End) -> usize {
    for item in request.iter().skip(2) {
        end.push(list, item);
    }
    list.len()
}

/// What follows a push that made the list `len` long.
fn pushed(context: &mut Context<'_>, request: Request<'_>, end: End, len: usize) -> CommandResult {
    context.data.changed(&request[1], EventClass::List, end.push_event());
    context.data.changed_more(request.len() - 3);
    context.reply.integer(len as i64);
    Ok(())
}

fn lpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    pop(context, request, End::Left, "lpop")
}

fn rpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    pop(context, request, End::Right, "rpop")
}

fn pop(
    context: &mut Context<'_>,
    request: Request<'_>,
    end: End,
    command: &'static str,
) -> CommandResult {
    if request.len() > 3 {
        return Err(CommandError::Arity(command.into()));
    }
    let key = &request[1];
    let Some(count) = request.arg(2) else {
        let reply = &mut context.reply;
        let taken = context.data.write::<List>(key)?.and_then(|list| {
            list.pop(end == End::Left, |item| reply.bulk(item))?;
            Some(list.is_empty())
        });
        match taken {
            Some(gone) => popped(context, key, end, 1, gone),
            None => context.reply.null(),
        }
        return Ok(());
    };
    let count = options::count(count)?;
    match context.data.write::<List>(key)? {
        Some(list) => {
            let items = take(list, end, count);
            let gone = list.is_empty();
            if count > 0 {
                popped(context, key, end, items.len(), gone);
            }
            write_taken(context, &items, end);
        }
        None => context.reply.null_array(),
    }
    Ok(())
}

/// Takes up to `count` elements from an end; they keep the order in which they stood.
fn take(list: &mut List, end: End, count: usize) -> List {
    match end {
        End::Left => list.take_front(count),
        End::Right => list.take_back(count),
    }
}

/// Replies what [`take`] took, the outermost element first, and lets go of it.
fn write_taken(context: &mut Context<'_>, items: &List, end: End) {
    context.reply.array(items.len());
    match end {
        End::Left => items.iter().for_each(|item| context.reply.bulk(item)),
        End::Right => items.iter().rev().for_each(|item| context.reply.bulk(item)),
    }
}

/// What follows the removal of `count` elements, at least one, from the end of a list, which may be
/// `gone` with them.
fn popped(context: &mut Context<'_>, key: &[u8], end: End, count: usize, gone: bool) {
    context.data.changed(key, EventClass::List, end.pop_event());
    context.data.changed_more(count - 1);
    if gone {
        context.data.delete_if_gone::<List>(key);
    }
}

fn llen(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let list = context.data.read::<List>(&request[1])?;
    context.reply.integer(list.map_or(0, List::len) as i64);
    Ok(())
}

fn lindex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let Some(list) = context.data.read::<List>(&request[1])? else {
        context.reply.null();
        return Ok(());
    };
    let index = options::integer(&request[2])?;
    match position(index, list.len()).and_then(|index| list.get(index)) {
        Some(item) => context.reply.bulk(item),
        None => context.reply.null(),
    }
    Ok(())
}

/// The position that `index` means in a list of `len`, counted from the tail if it is negative;
/// `None` before the head. It may lie behind the tail.
fn position(index: i64, len: usize) -> Option<usize> {
    let from_head = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(from_head).ok()
}

fn lset(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let is_replicated = context.data.is_replicated();
    let list = context.data.write::<List>(key)?.ok_or(CommandError::NoSuchKey)?;
    let mut index = options::integer(&request[2])?;
    if is_replicated && index.unsigned_abs() > list.len() as u64 {
        // A Redis from 7.2 on, and a Valkey, takes the lower 32 bits for the index in a small list.
        index = i64::from(index as i32);
    }
    let place = position(index, list.len());
    if !place.is_some_and(|index| list.set(index, &request[3])) {
        return Err(CommandError::IndexOutOfRange);
    }
    context.data.changed(key, EventClass::List, "lset");
    context.reply.ok();
    Ok(())
}

fn lrange(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (start, stop) = (options::integer(&request[2])?, options::integer(&request[3])?);
    let list = context.data.read::<List>(&request[1])?;
    let found = list.and_then(|list| Some((list, options::range(start, stop, list.len())?)));
    let Some((list, range)) = found else {
        context.reply.array(0);
        return Ok(());
    };
    context.reply.array(range.len());
    for item in list.range(range) {
        context.reply.bulk(item);
    }
    Ok(())
}

fn ltrim(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let (start, stop) = (options::integer(&request[2])?, options::integer(&request[3])?);
    context.reply.ok();
    let Some(list) = context.data.write::<List>(key)? else { return Ok(()) };
    let len = list.len();
    let kept = options::range(start, stop, len).unwrap_or(0..0);
    let dropped = [list.take_back(len - kept.end), list.take_front(kept.start)];
    if kept.len() == len {
        context.data.touched(key, EventClass::List, "ltrim");
        return Ok(());
    }
    context.data.changed(key, EventClass::List, "ltrim");
    context.data.changed_more(len - kept.len() - 1);
    context.data.delete_if_gone::<List>(key);
    for list in dropped {
        context.data.keyspace.discard(list.into_value());
    }
    Ok(())
}

fn linsert(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, pivot, item) = (&request[1], &request[3], &request[4]);
    let behind = match &request[2] {
        place if options::is(place, "before") => 0,
        place if options::is(place, "after") => 1,
        _ => return Err(CommandError::Syntax),
    };
    let Some(list) = context.data.write::<List>(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let Some(found) = list.iter().position(|other| other == pivot) else {
        context.reply.integer(-1);
        return Ok(());
    };
    list.insert(found + behind, item);
    let len = list.len();
    context.data.changed(key, EventClass::List, "linsert");
    context.reply.integer(len as i64);
    Ok(())
}
