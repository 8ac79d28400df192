//! `ZADD`, `ZINCRBY`.

use redwire_resp::Request;

use crate::Zset;
use crate::commands::options;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::Update;

use super::zero::Compact;

/// The options of `ZADD`.
#[derive(Debug, Clone, Copy, Default)]
struct AddOptions {
    /// Add new members only.
    nx: bool,
    /// Change members only that are there.
    xx: bool,
    /// Change a score only to a greater one.
    gt: bool,
    /// Change a score only to a lower one.
    lt: bool,
    /// Count changed members too.
    ch: bool,
    /// The number is an increment, of one member.
    incr: bool,
}

impl AddOptions {
    /// Sets the option that `arg` names; answers whether it names one.
    fn set(&mut self, arg: &[u8]) -> bool {
        let option = match () {
            () if options::is(arg, "nx") => &mut self.nx,
            () if options::is(arg, "xx") => &mut self.xx,
            () if options::is(arg, "gt") => &mut self.gt,
            () if options::is(arg, "lt") => &mut self.lt,
            () if options::is(arg, "ch") => &mut self.ch,
            () if options::is(arg, "incr") => &mut self.incr,
            () => return false,
        };
        *option = true;
        true
    }

    /// Checks the options against each other and the number of score-member pairs.
    fn check(self, pairs: usize) -> CommandResult {
        if self.nx && self.xx {
            return Err(CommandError::text(
                "ERR XX and NX options at the same time are not compatible",
            ));
        }
        if (self.nx && (self.gt || self.lt)) || (self.gt && self.lt) {
            return Err(CommandError::text(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if self.incr && pairs > 1 {
            return Err(CommandError::text(
                "ERR INCR option supports a single increment-element pair",
            ));
        }
        Ok(())
    }

    /// The score that a member is to have that has `old`; `None` to leave it alone. May be NaN.
    fn decide(self, old: Option<f64>, number: f64) -> Option<f64> {
        let Some(old) = old else { return (!self.xx).then_some(number) };
        let new = if self.incr { old + number } else { number };
        let declined = self.nx || (self.lt && new >= old) || (self.gt && new <= old);
        (!declined).then_some(new)
    }
}

/// What a `ZADD` came to.
#[derive(Debug, Default)]
struct Outcome {
    added: usize,
    moved: usize,
    /// The score of the last member, unless it was left alone.
    score: Option<f64>,
}

pub(in crate::commands) fn zadd(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    add(context, request, AddOptions::default())
}

pub(super) fn zincrby(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    add(context, request, AddOptions { incr: true, ..AddOptions::default() })
}

fn add(context: &mut Context<'_>, request: Request<'_>, mut options: AddOptions) -> CommandResult {
    let key = &request[1];
    // ZINCRBY reads options too, and then has too few arguments left for a pair.
    let first = 2 + request.iter().skip(2).take_while(|arg| options.set(arg)).count();
    let args = request.len() - first;
    if args == 0 || args % 2 == 1 {
        return Err(CommandError::Syntax);
    }
    options.check(args / 2)?;
    let scores = request.iter().skip(first).step_by(2).map(options::float);
    let members = request.iter().skip(first + 1).step_by(2);
    let outcome = if args == 2 {
        // Most have one pair, and no memory is needed for that.
        let pair = (options::float(&request[first])?, &request[first + 1]);
        update_all(context, key, [pair].into_iter(), options)?
    } else {
        let scores = scores.collect::<Result<Vec<f64>, CommandError>>()?;
        update_all(context, key, scores.into_iter().zip(members), options)?
    };
    if outcome.added + outcome.moved > 0 {
        let event = if options.incr { "zincr" } else { "zadd" };
        context.data.changed(key, EventClass::Zset, event);
        context.data.changed_more(outcome.added + outcome.moved - 1);
    }
    match (options.incr, outcome.score) {
        (true, Some(score)) => context.reply.double(score),
        (true, None) => context.reply.null(),
        (false, _) => {
            let moved = if options.ch { outcome.moved } else { 0 };
            context.reply.integer((outcome.added + moved) as i64);
        }
    }
    Ok(())
}

/// Gives each member of `pairs` the score, or the increment, before it.
fn update_all<'a>(
    context: &mut Context<'_>,
    key: &[u8],
    pairs: impl Iterator<Item = (f64, &'a [u8])>,
    options: AddOptions,
) -> Result<Outcome, CommandError> {
    let compact = Compact::of(&context.data);
    let mut outcome = Outcome::default();
    let zset = match options.xx {
        true => context.data.write::<Zset>(key)?,
        false => Some(context.data.write_or_new::<Zset>(key)?),
    };
    let Some(zset) = zset else { return Ok(outcome) };
    for (number, member) in pairs {
        outcome.score = None;
        let update = zset.update(member, |old| {
            let score = options.decide(old, number);
            outcome.score = score;
            score.filter(|score| !score.is_nan())
        });
        match update {
            Update::Added => outcome.added += 1,
            Update::Moved => outcome.moved += 1,
            Update::Declined if outcome.score.is_some() => {
                return Err(CommandError::text("ERR resulting score is not a number (NaN)"));
            }
            Update::Same | Update::Declined => {}
        }
        if let Some(score) = outcome.score {
            compact.settle(zset, member, score);
        }
    }
    Ok(outcome)
}
