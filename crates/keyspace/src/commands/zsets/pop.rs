//! `ZPOPMIN`, `ZPOPMAX`, `ZMPOP`.

use redwire_resp::{Protocol, Request};

use crate::commands::numkeys::PopArguments;
use crate::commands::options;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::{Scored, Zset};

/// Which end members are popped from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn event(self) -> &'static str {
        match self {
            Self::Min => "zpopmin",
            Self::Max => "zpopmax",
        }
    }
}

pub(super) fn zpopmin(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    pop(context, request, End::Min)
}

pub(super) fn zpopmax(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    pop(context, request, End::Max)
}

fn pop(context: &mut Context<'_>, request: Request<'_>, end: End) -> CommandResult {
    if request.len() > 3 {
        return Err(CommandError::Syntax);
    }
    let count = request.arg(2).map(options::count).transpose()?;
    // Nested in RESP3, but not where just one member is asked for.
    let nested = count.is_some() && context.reply.protocol() == Protocol::Resp3;
    let popped = take(context, &request[1], end, count.unwrap_or(1))?.unwrap_or_default();
    context.reply.array(if nested { popped.len() } else { popped.len() * 2 });
    write(context, &popped, nested);
    Ok(())
}

pub(super) fn zmpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let arguments = PopArguments::parse(request)?;
    let (end, command) = match arguments.end {
        end if options::is(end, "min") => (End::Min, "ZPOPMIN"),
        end if options::is(end, "max") => (End::Max, "ZPOPMAX"),
        _ => return Err(CommandError::Syntax),
    };
    let count = arguments.count()?;
    for key in arguments.keys() {
        let Some(popped) = take(context, key, end, count)? else { continue };
        context.reply.array(2);
        context.reply.bulk(key);
        context.reply.array(popped.len());
        write(context, &popped, true);
        let count = popped.len().to_string();
        context.data.effect([command.as_bytes(), key, count.as_bytes()]);
        return Ok(());
    }
    context.reply.null_array();
    Ok(())
}

/// Takes up to `count` members from an end, the outermost first; `None` without the key.
fn take(
    context: &mut Context<'_>,
    key: &[u8],
    end: End,
    count: usize,
) -> Result<Option<Vec<Scored>>, CommandError> {
    let Some(zset) = context.data.write::<Zset>(key)? else { return Ok(None) };
    let popped = match end {
        End::Min => zset.remove_range(0..count),
        End::Max => {
            let kept = zset.len().saturating_sub(count);
            let mut popped = zset.remove_range(kept..zset.len());
            popped.reverse();
            popped
        }
    };
    if !popped.is_empty() {
        context.data.changed(key, EventClass::Zset, end.event());
        context.data.changed_more(popped.len() - 1);
        context.data.delete_if_gone::<Zset>(key);
    }
    Ok(Some(popped))
}

fn write(context: &mut Context<'_>, popped: &[Scored], nested: bool) {
    for scored in popped {
        if nested {
            context.reply.array(2);
        }
        context.reply.bulk(&scored.member);
        context.reply.double(scored.score);
    }
}
