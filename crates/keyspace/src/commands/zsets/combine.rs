//! Unions, intersections and differences of sorted sets, and of sets among them.

use redwire_resp::{Encoder, Request};

use crate::commands::store::store;
use crate::commands::{numkeys, options, pairs};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::combine::{self, Aggregate, Input, Source};
use crate::value::{Kind, ValueRef};
use crate::{Set, Zset};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Union,
    Inter,
    Diff,
}

/// What becomes of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Reply,
    Store,
    Count,
}

/// The arguments from the number of keys on.
#[derive(Debug)]
struct Operands {
    inputs: Vec<Input>,
    aggregate: Aggregate,
    with_scores: bool,
    limit: usize,
}

impl Operands {
    /// Reads the number of keys at argument `first`, the keys and their values, then the options.
    fn parse(
        data: &mut Data<'_>,
        request: Request<'_>,
        first: usize,
        op: Op,
        result: Use,
    ) -> Result<Self, CommandError> {
        let numkeys = options::integer(&request[first])?;
        if numkeys < 1 {
            let name = String::from_utf8_lossy(request.name()).to_lowercase();
            return Err(CommandError::text(format!(
                "ERR at least 1 input key is needed for '{name}' command"
            )));
        }
        let behind = request.len() - (first + 1);
        let numkeys = usize::try_from(numkeys).ok().filter(|numkeys| *numkeys <= behind);
        let numkeys = numkeys.ok_or(CommandError::Syntax)?;
        let keys = request.iter().skip(first + 1).take(numkeys);
        let inputs = keys.map(|key| read(data, key)).collect::<Result<_, _>>()?;
        let mut operands =
            Self { inputs, aggregate: Aggregate::Sum, with_scores: false, limit: usize::MAX };
        operands.parse_options(request, first + 1 + numkeys, op, result)?;
        Ok(operands)
    }

    fn parse_options(
        &mut self,
        request: Request<'_>,
        first: usize,
        op: Op,
        result: Use,
    ) -> CommandResult {
        let has_scores = op != Op::Diff && result != Use::Count;
        let mut args = request.iter().skip(first);
        while let Some(option) = args.next() {
            if has_scores && options::is(option, "weights") && args.len() >= self.inputs.len() {
                for (input, weight) in self.inputs.iter_mut().zip(&mut args) {
                    let invalid = |_| CommandError::text("ERR weight value is not a float");
                    input.weight = options::float(weight).map_err(invalid)?;
                }
            } else if has_scores && options::is(option, "aggregate") {
                self.aggregate = aggregate(args.next())?;
            } else if result == Use::Reply && options::is(option, "withscores") {
                self.with_scores = true;
            } else if result == Use::Count && options::is(option, "limit") {
                self.limit = numkeys::limit(args.next().ok_or(CommandError::Syntax)?)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(())
    }

    fn combine(self, op: Op) -> Zset {
        match op {
            Op::Union => combine::union(self.inputs, self.aggregate),
            Op::Inter => combine::intersection(self.inputs, self.aggregate),
            Op::Diff => combine::difference(&self.inputs),
        }
    }
}

/// The set or sorted set at `key`; an empty one without the key.
fn read(data: &mut Data<'_>, key: &[u8]) -> Result<Input, CommandError> {
    let source = match data.find(key) {
        None => Source::Set(Set::default()),
        Some(ValueRef::Set(set)) => Source::Set(set.clone()),
        Some(ValueRef::Zset(zset)) => Source::Zset(zset.clone()),
        Some(_) => return Err(CommandError::WrongType),
    };
    Ok(Input { source, weight: 1.0 })
}

fn aggregate(arg: Option<&[u8]>) -> Result<Aggregate, CommandError> {
    match arg {
        Some(arg) if options::is(arg, "sum") => Ok(Aggregate::Sum),
        Some(arg) if options::is(arg, "min") => Ok(Aggregate::Min),
        Some(arg) if options::is(arg, "max") => Ok(Aggregate::Max),
        _ => Err(CommandError::Syntax),
    }
}

fn reply_with(context: &mut Context<'_>, request: Request<'_>, op: Op) -> CommandResult {
    let operands = Operands::parse(&mut context.data, request, 1, op, Use::Reply)?;
    let with_scores = operands.with_scores;
    let zset = operands.combine(op);
    write(&mut context.reply, &zset, with_scores);
    Ok(())
}

fn write(reply: &mut Encoder<'_>, zset: &Zset, with_scores: bool) {
    if with_scores {
        pairs::array(reply, zset.len());
    } else {
        reply.array(zset.len());
    }
    for scored in zset.iter() {
        if with_scores {
            pairs::begin(reply);
        }
        reply.bulk(scored.member);
        if with_scores {
            reply.double(scored.score);
        }
    }
}

fn store_with(
    context: &mut Context<'_>,
    request: Request<'_>,
    op: Op,
    event: &'static str,
) -> CommandResult {
    let operands = Operands::parse(&mut context.data, request, 2, op, Use::Store)?;
    let mut zset = operands.combine(op);
    context.data.small().drop_signs_of_zero(&mut zset);
    store(context, &request[1], zset.into_value(), EventClass::Zset, event);
    Ok(())
}

pub(super) fn zunion(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_with(context, request, Op::Union)
}

pub(super) fn zinter(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_with(context, request, Op::Inter)
}

pub(super) fn zdiff(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_with(context, request, Op::Diff)
}

pub(super) fn zunionstore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    store_with(context, request, Op::Union, "zunionstore")
}

pub(super) fn zinterstore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    store_with(context, request, Op::Inter, "zinterstore")
}

pub(super) fn zdiffstore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    store_with(context, request, Op::Diff, "zdiffstore")
}

pub(super) fn zintercard(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let operands = Operands::parse(&mut context.data, request, 1, Op::Inter, Use::Count)?;
    let count = combine::intersection_len(operands.inputs, operands.limit);
    context.reply.integer(count as i64);
    Ok(())
}
