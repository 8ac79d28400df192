//! `XLEN`, `XRANGE` and `XREVRANGE`.

use redwire_resp::Request;

use super::ids::{range_end, range_start};
use super::write_entries;
use crate::commands::options::{integer, is};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::value::Stream;

pub(super) fn xlen(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let len = context.data.read::<Stream>(&request[1])?.map_or(0, Stream::len);
    context.reply.integer(len as i64);
    Ok(())
}

pub(super) fn xrange(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    range(context, request, false)
}

pub(super) fn xrevrange(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    range(context, request, true)
}

fn range(context: &mut Context<'_>, request: Request<'_>, back: bool) -> CommandResult {
    let (start, end) = if back { (3, 2) } else { (2, 3) };
    let (start, end) = (range_start(&request[start])?, range_end(&request[end])?);
    let mut count = None;
    let mut args = request.iter().skip(4);
    while let Some(arg) = args.next() {
        let value = args.next().filter(|_| is(arg, "COUNT")).ok_or(CommandError::Syntax)?;
        // Below 0 is 0, which answers no array at all.
        count = Some(integer(value)?.max(0) as usize);
    }
    let Some(stream) = context.data.read::<Stream>(&request[1])? else {
        context.reply.array(0);
        return Ok(());
    };
    if count == Some(0) {
        context.reply.null_array();
        return Ok(());
    }
    let count = count.unwrap_or(usize::MAX);
    let entries: Vec<_> = if back {
        stream.range_back(start, end).take(count).collect()
    } else {
        stream.range(start, end).take(count).collect()
    };
    write_entries(&mut context.reply, &entries);
    Ok(())
}
