//! Commands over several lists: `RPOPLPUSH`, `LMOVE`, `LMPOP`.

use redwire_resp::Request;

use super::{End, popped, take, write_taken};
use crate::List;
use crate::commands::numkeys::PopArguments;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;

pub(super) fn rpoplpush(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    move_or_none(context, request, End::Right, End::Left)
}

pub(super) fn lmove(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (from, to) = (End::parse(&request[3])?, End::parse(&request[4])?);
    move_or_none(context, request, from, to)
}

fn move_or_none(
    context: &mut Context<'_>,
    request: Request<'_>,
    from: End,
    to: End,
) -> CommandResult {
    if !move_item(context, request, from, to)? {
        context.reply.null();
    }
    Ok(())
}

/// Moves an element and replies it; answers whether there was one.
pub(super) fn move_item(
    context: &mut Context<'_>,
    request: Request<'_>,
    from: End,
    to: End,
) -> Result<bool, CommandError> {
    let (source, destination) = (&request[1], &request[2]);
    if !context.data.check::<List>(source)? {
        return Ok(false);
    }
    context.data.check::<List>(destination)?;
    let popped_item = context.data.write::<List>(source)?.and_then(|list| from.pop(list));
    let Some(item) = popped_item else { return Ok(false) };
    context.reply.bulk(&item);
    let is_head = to == End::Left;
    context.data.write_or_new::<List>(destination)?.push_blob(is_head, item);
    context.data.touched(destination, EventClass::List, to.push_event());
    popped(context, source, from, 1, true);
    Ok(true)
}

pub(super) fn lmpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    if !pop_many(context, &ManyArguments::parse(request, 1)?)? {
        context.reply.null_array();
    }
    Ok(())
}

/// The arguments of `LMPOP`.
pub(super) struct ManyArguments<'a> {
    pub(super) keys: Vec<&'a [u8]>,
    end: End,
    count: usize,
}

impl<'a> ManyArguments<'a> {
    /// Parses the arguments from the number of keys on, which stands at position `at`.
    pub(super) fn parse(request: Request<'a>, at: usize) -> Result<Self, CommandError> {
        let arguments = PopArguments::parse(request, at)?;
        let end = End::parse(arguments.end)?;
        Ok(Self { end, count: arguments.count()?, keys: arguments.keys().collect() })
    }
}

/// Pops from the first list that is there, and replies what; answers whether one was.
pub(super) fn pop_many(
    context: &mut Context<'_>,
    arguments: &ManyArguments<'_>,
) -> Result<bool, CommandError> {
    let ManyArguments { end, count, .. } = *arguments;
    for key in &arguments.keys {
        let Some(list) = context.data.write::<List>(key)? else { continue };
        let items = take(list, end, count);
        context.reply.array(2);
        context.reply.bulk(key);
        popped(context, key, end, items.len(), true);
        write_taken(context, &items, end);
        let count = items.len().to_string();
        context.data.effect([end.pop_command().as_bytes(), key, count.as_bytes()]);
        return Ok(true);
    }
    Ok(false)
}
