//! `ZPOPMIN`, `ZPOPMAX`, `ZMPOP`, and `BZPOPMIN`, `BZPOPMAX`, `BZMPOP`, which wait.

use std::time::Duration;

use redwire_resp::{Protocol, Request};

use crate::commands::numkeys::PopArguments;
use crate::commands::options;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::waits::{Awaited, Wish};
use crate::{Blob, Scored, Zset};

/// Which end members are popped from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Min,
    Max,
}

impl End {
    fn command(self) -> &'static str {
        match self {
            Self::Min => "ZPOPMIN",
            Self::Max => "ZPOPMAX",
        }
    }

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
    if !pop_many(context, &ManyArguments::parse(request, 1)?)? {
        context.reply.null_array();
    }
    Ok(())
}

pub(super) fn bzmpop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    // The timeout is looked at last, as in Redis.
    let arguments = ManyArguments::parse(request, 2)?;
    let timeout = options::timeout_seconds(&request[1], context.data.now())?;
    if !pop_many(context, &arguments)? {
        wait(context, arguments.keys.into_iter(), timeout);
    }
    Ok(())
}

/// The arguments of `ZMPOP`.
struct ManyArguments<'a> {
    keys: Vec<&'a [u8]>,
    end: End,
    count: usize,
}

impl<'a> ManyArguments<'a> {
    /// Parses the arguments from the number of keys on, which stands at position `at`.
    fn parse(request: Request<'a>, at: usize) -> Result<Self, CommandError> {
        let arguments = PopArguments::parse(request, at)?;
        let end = match arguments.end {
            end if options::is(end, "min") => End::Min,
            end if options::is(end, "max") => End::Max,
            _ => return Err(CommandError::Syntax),
        };
        Ok(Self { end, count: arguments.count()?, keys: arguments.keys().collect() })
    }
}

/// Pops from the first sorted set that is there, and replies what; answers whether one was.
fn pop_many(
    context: &mut Context<'_>,
    arguments: &ManyArguments<'_>,
) -> Result<bool, CommandError> {
    let ManyArguments { end, count, .. } = *arguments;
    for key in &arguments.keys {
        let Some(popped) = take(context, key, end, count)? else { continue };
        context.reply.array(2);
        context.reply.bulk(key);
        context.reply.array(popped.len());
        write(context, &popped, true);
        let count = popped.len().to_string();
        context.data.effect([end.command().as_bytes(), key, count.as_bytes()]);
        return Ok(true);
    }
    Ok(false)
}

pub(super) fn bzpopmin(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    pop_first(context, request, End::Min)
}

pub(super) fn bzpopmax(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    pop_first(context, request, End::Max)
}

/// Pops a member of the first sorted set that is there, or waits for one.
fn pop_first(context: &mut Context<'_>, request: Request<'_>, end: End) -> CommandResult {
    let last = request.len() - 1;
    let timeout = options::timeout_seconds(&request[last], context.data.now())?;
    let keys = request.iter().take(last).skip(1);
    for key in keys.clone() {
        let Some(popped) = take(context, key, end, 1)? else { continue };
        context.reply.array(3);
        context.reply.bulk(key);
        write(context, &popped, false);
        context.data.effect([end.command().as_bytes(), key]);
        return Ok(());
    }
    wait(context, keys, timeout);
    Ok(())
}

/// Waits for one of `keys` to hold a sorted set, or answers that none does.
fn wait<'a>(
    context: &mut Context<'_>,
    keys: impl Iterator<Item = &'a [u8]>,
    timeout: Option<Duration>,
) {
    let keys = keys.map(Blob::from).collect();
    if !context.wait(Wish { awaited: Awaited::Zset, keys, timeout, request: None, age: None }) {
        context.reply.null_array();
    }
}

/// Takes up to `count` members from an end, the outermost first; `None` without the key.
fn take(
    context: &mut Context<'_>,
    key: &[u8],
    end: End,
    count: usize,
) -> Result<Option<Vec<Scored>>, CommandError> {
    let small = context.data.small();
    let Some(zset) = context.data.write::<Zset>(key)? else { return Ok(None) };
    let popped = match end {
        End::Min => small.remove_scored(zset, 0..count),
        End::Max => {
            let kept = zset.len().saturating_sub(count);
            let mut popped = small.remove_scored(zset, kept..zset.len());
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
