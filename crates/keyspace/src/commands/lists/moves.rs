//! Commands over several lists: `RPOPLPUSH`, `LMOVE`, `LMPOP`.

use redwire_resp::Request;

use super::{End, popped, take, write_taken};
use crate::List;
use crate::commands::numkeys::PopArguments;
use crate::context::Context;
use crate::error::CommandResult;
use crate::events::EventClass;

pub(super) fn rpoplpush(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    move_item(context, request, End::Right, End::Left)
}

pub(super) fn lmove(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (from, to) = (End::parse(&request[3])?, End::parse(&request[4])?);
    move_item(context, request, from, to)
}

fn move_item(context: &mut Context<'_>, request: Request<'_>, from: End, to: End) -> CommandResult {
    let (source, destination) = (&request[1], &request[2]);
    if !context.data.check::<List>(source)? {
        context.reply.null();
        return Ok(());
    }
    context.data.check::<List>(destination)?;
    let popped_item = context.data.write::<List>(source)?.and_then(|list| from.pop(list));
    let Some(item) = popped_item else {
        context.reply.null();
        return Ok(());
    };
    context.reply.bulk(&item);
    to.push(context.data.write_or_new::<List>(destination)?, item);
    context.data.touched(destination, EventClass::List, to.push_event());
    popped(context, source, from, 1);
    Ok(())
}

pub(super) fn lmpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let arguments = PopArguments::parse(request)?;
    let end = End::parse(arguments.end)?;
    let count = arguments.count()?;
    for key in arguments.keys() {
        let Some(list) = context.data.write::<List>(key)? else { continue };
        let items = take(list, end, count);
        context.reply.array(2);
        context.reply.bulk(key);
        popped(context, key, end, items.len());
        write_taken(context, &items, end);
        let command = match end {
            End::Left => "LPOP",
            End::Right => "RPOP",
        };
        let count = items.len().to_string();
        context.data.effect([command.as_bytes(), key, count.as_bytes()]);
        return Ok(());
    }
    context.reply.null_array();
    Ok(())
}
