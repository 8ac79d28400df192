//! Commands that look for an element in a list: `LREM`, `LPOS`.

use std::ops::Range;

use redwire_resp::Request;

use crate::List;
use crate::commands::options;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;

pub(super) fn lrem(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, wanted) = (&request[1], &request[3]);
    let count = options::integer(&request[2])?;
    let Some(list) = context.data.write::<List>(key)? else {
        context.reply.integer(0);
        return Ok(());
    };
    let most = if count == 0 { u64::MAX } else { count.unsigned_abs() };
    let mut found = Vec::new();
    for position in matches(list, 0..list.len(), wanted, count < 0) {
        if found.len() as u64 == most {
            break;
        }
        found.push(position);
    }
    if count < 0 {
        found.reverse();
    }
    if !found.is_empty() {
        list.remove_all(&found);
        context.data.changed(key, EventClass::List, "lrem");
        context.data.changed_more(found.len() - 1);
        context.data.delete_if_gone::<List>(key);
    }
    context.reply.integer(found.len() as i64);
    Ok(())
}

/// The positions within `range` of the elements that are `wanted`, in the order in which they are
/// met.
fn matches<'a>(
    list: &'a List,
    range: Range<usize>,
    wanted: &'a [u8],
    from_tail: bool,
) -> Box<dyn Iterator<Item = usize> + 'a> {
    let items = range.clone().zip(list.range(range));
    let is_wanted = move |(_, item): &(usize, &[u8])| *item == wanted;
    if from_tail {
        Box::new(items.rev().filter(is_wanted).map(|(position, _)| position))
    } else {
        Box::new(items.filter(is_wanted).map(|(position, _)| position))
    }
}

/// The options of `LPOS`.
struct PosOptions {
    /// The match to begin with, 1 being the first; from the tail if negative; never 0.
    rank: i64,
    /// How many positions to answer, 0 being all of them; without it one, outside of an array.
    count: Option<usize>,
    /// How many elements to look at; 0 for all.
    max_len: usize,
}

impl PosOptions {
    fn parse(request: Request<'_>) -> Result<Self, CommandError> {
        let mut parsed = Self { rank: 1, count: None, max_len: 0 };
        let mut args = request.iter().skip(3);
        while let Some(option) = args.next() {
            let value = args.next().ok_or(CommandError::Syntax)?;
            if options::is(option, "rank") {
                parsed.rank = rank(value)?;
            } else if options::is(option, "count") {
                let negative = |_| CommandError::text("ERR COUNT can't be negative");
                parsed.count = Some(options::count(value).map_err(negative)?);
            } else if options::is(option, "maxlen") {
                let negative = |_| CommandError::text("ERR MAXLEN can't be negative");
                parsed.max_len = options::count(value).map_err(negative)?;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(parsed)
    }
}

fn rank(arg: &[u8]) -> Result<i64, CommandError> {
    match options::integer(arg)? {
        0 => Err(CommandError::text(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
             or use negative to start from the end of the list",
        )),
        i64::MIN => Err(CommandError::text(format!(
            "ERR value is out of range, value must between -{max} and {max}",
            max = i64::MAX
        ))),
        rank => Ok(rank),
    }
}

pub(super) fn lpos(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let wanted = &request[2];
    let PosOptions { rank, count, max_len } = PosOptions::parse(request)?;
    let list = context.data.read::<List>(&request[1])?;
    let mut found = Vec::new();
    if let Some(list) = list {
        let len = list.len();
        let looked_at = if max_len == 0 { len } else { max_len.min(len) };
        let range = if rank > 0 { 0..looked_at } else { len - looked_at..len };
        let skipped = usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
        let most = match count {
            None => 1,
            Some(0) => usize::MAX,
            Some(count) => count,
        };
        found.extend(matches(list, range, wanted, rank < 0).skip(skipped).take(most));
    }
    match (count, found.first()) {
        (Some(_), _) => {
            context.reply.array(found.len());
            found.iter().for_each(|position| context.reply.integer(*position as i64));
        }
        (None, Some(position)) => context.reply.integer(*position as i64),
        (None, None) => context.reply.null(),
    }
    Ok(())
}
