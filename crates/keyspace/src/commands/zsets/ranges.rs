//! Commands that answer a range of a sorted set, by rank, score or member.

use std::ops::Range;

use redwire_resp::{Encoder, Request};

use super::bounds::{LexRange, ScoreRange};
use super::zero::Compact;
use crate::commands::store::store;
use crate::commands::{options, pairs};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::Kind;
use crate::{ScoredRef, Zset};

/// What the two ends of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// A command of this family: what it leaves open is given by options.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// Where the key stands; the ends of the range follow it.
    key: usize,
    by: Option<By>,
    reversed: Option<bool>,
    /// Whether the result is stored, so that it needs no `WITHSCORES`.
    stores: bool,
}

impl Form {
    const OPEN: Self = Self { key: 1, by: None, reversed: None, stores: false };

    const fn fixed(by: By, reversed: bool) -> Self {
        Self { by: Some(by), reversed: Some(reversed), ..Self::OPEN }
    }
}

/// A range as the request gives it.
#[derive(Debug, Clone, Copy)]
struct RangeQuery<'a> {
    ends: Ends<'a>,
    reversed: bool,
    with_scores: bool,
    offset: i64,
    /// Negative for no limit.
    limit: i64,
}

#[derive(Debug, Clone, Copy)]
enum Ends<'a> {
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

impl<'a> RangeQuery<'a> {
    fn parse(request: Request<'a>, form: Form) -> Result<Self, CommandError> {
        let Form { mut by, mut reversed, .. } = form;
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut args = request.iter().skip(form.key + 3);
        while let Some(option) = args.next() {
            if !form.stores && options::is(option, "withscores") {
                with_scores = true;
            } else if options::is(option, "limit") {
                let numbers = args.next().zip(args.next()).ok_or(CommandError::Syntax)?;
                offset = options::integer(numbers.0)?;
                limit = options::integer(numbers.1)?;
            } else if reversed.is_none() && options::is(option, "rev") {
                reversed = Some(true);
            } else if by.is_none() && options::is(option, "bylex") {
                by = Some(By::Lex);
            } else if by.is_none() && options::is(option, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        let (by, reversed) = (by.unwrap_or(By::Rank), reversed.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(CommandError::text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(CommandError::text(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let ends = Ends::parse(request, form.key + 1, by, reversed)?;
        Ok(Self { ends, reversed, with_scores, offset, limit })
    }

    /// The ranks of the members that are answered, as they count from the lowest score.
    fn ranks(&self, zset: &Zset) -> Range<usize> {
        let within = match self.ends {
            Ends::Rank(start, stop) => {
                let len = zset.len();
                let range = options::range(start, stop, len).unwrap_or(0..0);
                return if self.reversed { len - range.end..len - range.start } else { range };
            }
            Ends::Score(range) => range.ranks(zset),
            Ends::Lex(range) => range.ranks(zset),
        };
        let skipped = usize::try_from(self.offset).unwrap_or(usize::MAX).min(within.len());
        let left = within.len() - skipped;
        let taken = usize::try_from(self.limit).map_or(left, |limit| limit.min(left));
        if self.reversed {
            let end = within.end - skipped;
            end - taken..end
        } else {
            let start = within.start + skipped;
            start..start + taken
        }
    }
}

impl<'a> Ends<'a> {
    /// Reads the two arguments from `first` on.
    fn parse(
        request: Request<'a>,
        first: usize,
        by: By,
        reversed: bool,
    ) -> Result<Self, CommandError> {
        let end = |index| request.arg(index).unwrap_or_default();
        let (start, stop) = (end(first), end(first + 1));
        // Reversed ranges by rank count from the other side; others name the upper end first.
        let (min, max) = if reversed { (stop, start) } else { (start, stop) };
        Ok(match by {
            By::Rank => Self::Rank(options::integer(start)?, options::integer(stop)?),
            By::Score => Self::Score(ScoreRange::parse(min, max)?),
            By::Lex => Self::Lex(LexRange::parse(min, max)?),
        })
    }
}

fn answer(context: &mut Context<'_>, request: Request<'_>, form: Form) -> CommandResult {
    let query = RangeQuery::parse(request, form)?;
    let Some(zset) = context.data.read::<Zset>(&request[form.key])? else {
        context.reply.array(0);
        return Ok(());
    };
    let members = zset.range(query.ranks(zset));
    let reply = &mut context.reply;
    if query.with_scores {
        pairs::array(reply, members.len());
    } else {
        reply.array(members.len());
    }
    if query.reversed {
        members.rev().for_each(|scored| write(reply, scored, query.with_scores));
    } else {
        members.for_each(|scored| write(reply, scored, query.with_scores));
    }
    Ok(())
}

fn write(reply: &mut Encoder<'_>, scored: ScoredRef<'_>, with_score: bool) {
    if with_score {
        pairs::begin(reply);
    }
    reply.bulk(scored.member);
    if with_score {
        reply.double(scored.score);
    }
}

pub(super) fn zrange(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    answer(context, request, Form::OPEN)
}

pub(super) fn zrevrange(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    answer(context, request, Form::fixed(By::Rank, true))
}

pub(super) fn zrangebyscore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    answer(context, request, Form::fixed(By::Score, false))
}

pub(super) fn zrevrangebyscore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    answer(context, request, Form::fixed(By::Score, true))
}

pub(super) fn zrangebylex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    answer(context, request, Form::fixed(By::Lex, false))
}

pub(super) fn zrevrangebylex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    answer(context, request, Form::fixed(By::Lex, true))
}

pub(super) fn zrangestore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let form = Form { key: 2, stores: true, ..Form::OPEN };
    let query = RangeQuery::parse(request, form)?;
    let zset = context.data.read::<Zset>(&request[form.key])?;
    let picked = zset
        .map(|zset| zset.range(query.ranks(zset)).map(ScoredRef::to_scored).collect::<Vec<_>>());
    let mut picked = picked.unwrap_or_default();
    if query.reversed {
        picked.reverse();
    }
    // Of a range of ranks it is known beforehand how many there are.
    let known = matches!(query.ends, Ends::Rank(..)).then_some(picked.len());
    let picked = Compact::of(&context.data).collect(picked, known);
    store(context, &request[1], picked.into_value(), EventClass::Zset, "zrangestore");
    Ok(())
}

pub(super) fn zcount(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let range = ScoreRange::parse(&request[2], &request[3])?;
    let zset = context.data.read::<Zset>(&request[1])?;
    context.reply.integer(zset.map_or(0, |zset| range.ranks(zset).len()) as i64);
    Ok(())
}

pub(super) fn zlexcount(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let range = LexRange::parse(&request[2], &request[3])?;
    let zset = context.data.read::<Zset>(&request[1])?;
    context.reply.integer(zset.map_or(0, |zset| range.ranks(zset).len()) as i64);
    Ok(())
}
