//! `SORT` and `SORT_RO`.

use std::cmp::Ordering;
use std::ops::Range;

use redwire_resp::{Request, parse_f64};

use super::options::{integer, is};
use crate::command::{Command, Flags, Keys};
use crate::command_table::CommandTable;
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::session::Session;
use crate::value::{Kind as _, List, Live};
use crate::{Blob, ValueRef};

const WRITE: Flags = Flags::WRITE.with(Flags::DENYOOM).with(Flags::MOVABLE_KEYS);
const READ: Flags = Flags::READONLY.with(Flags::MOVABLE_KEYS);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("sort", -2, WRITE, Keys::ONE.and_after("STORE"), sort),
    Command::data("sort_ro", -2, READ, Keys::ONE, sort_ro),
];

fn sort(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    run(context, request, true)
}

fn sort_ro(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    run(context, request, false)
}

struct Options<'a> {
    descending: bool,
    alpha: bool,
    /// `LIMIT`: how many to leave out, and how many to answer at most, all when negative.
    limit: (i64, i64),
    by: Option<&'a [u8]>,
    gets: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// `reads_all` says whether the user may read whatever keys a pattern leads to.
    fn parse(request: Request<'a>, stores: bool, reads_all: bool) -> Result<Self, CommandError> {
        let mut options = Self {
            descending: false,
            alpha: false,
            limit: (0, -1),
            by: None,
            gets: Vec::new(),
            store: None,
        };
        let mut args = request.iter().skip(2);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(CommandError::Syntax);
            match () {
                () if is(arg, "ASC") => options.descending = false,
                () if is(arg, "DESC") => options.descending = true,
                () if is(arg, "ALPHA") => options.alpha = true,
                () if is(arg, "LIMIT") => {
                    let (start, count) = (value()?, value()?);
                    options.limit = (integer(start)?, integer(count)?);
                }
                () if is(arg, "BY") => {
                    let pattern = value()?;
                    if pattern.contains(&b'*') && !reads_all {
                        return Err(denied("BY"));
                    }
                    options.by = Some(pattern);
                }
                () if is(arg, "GET") => {
                    options.gets.push(value()?);
                    if !reads_all {
                        return Err(denied("GET"));
                    }
                }
                () if stores && is(arg, "STORE") => options.store = Some(value()?),
                () => return Err(CommandError::Syntax),
            }
        }
        Ok(options)
    }

    /// The part of `len` elements that `LIMIT` leaves.
    fn range(&self, len: usize) -> Range<usize> {
        let (start, count) = self.limit;
        let start = usize::try_from(start).unwrap_or(0).min(len);
        let count = usize::try_from(count).unwrap_or(len).min(len - start);
        start..start + count
    }
}

fn denied(option: &str) -> CommandError {
    let text = format!("ERR {option} option of SORT denied due to insufficient ACL permissions.");
    CommandError::text(text)
}

fn may_read_all_keys(session: &Session, request: Request<'_>) -> bool {
    session.user.as_ref().is_none_or(|user| {
        let command = CommandTable::shared().find(request.name(), |_| None);
        command.is_some_and(|command| user.may_read_all_keys(command, request))
    })
}

fn run(context: &mut Context<'_>, request: Request<'_>, stores: bool) -> CommandResult {
    let reads_all = may_read_all_keys(context.session, request);
    let mut options = Options::parse(request, stores, reads_all)?;
    let value = context.data.find(&request[1]);
    let is_set = matches!(value, Some(ValueRef::Set(_)));
    // A constant key to sort by means not to sort. What is stored from a set needs some order
    // though, the same for every replica.
    let mut sorts = options.by.is_none_or(|pattern| pattern.contains(&b'*'));
    if !sorts && is_set && options.store.is_some() {
        (sorts, options.alpha, options.by) = (true, true, None);
    }
    let len = value.map_or(0, ValueRef::element_count);
    let range = options.range(len);
    let chosen = if sorts {
        let elements = elements_of(value, 0..len)?;
        sorted(&mut context.data, elements, &options)?.drain(range).collect()
    } else if options.descending && !is_set {
        let mut elements = elements_of(value, len - range.end..len - range.start)?;
        elements.reverse();
        elements
    } else {
        elements_of(value, range)?
    };
    let answer: Vec<Option<Blob>> = if options.gets.is_empty() {
        chosen.into_iter().map(Some).collect()
    } else {
        let data = &mut context.data;
        let mut get = |element: &Blob, pattern: &[u8]| look_up(data, pattern, element);
        let each =
            chosen.iter().flat_map(|element| options.gets.iter().map(move |it| (element, *it)));
        each.map(|(element, pattern)| get(element, pattern)).collect()
    };
    match options.store {
        Some(key) => store(context, key, answer),
        None => reply(context, &answer),
    }
    Ok(())
}

/// Some elements of a list, a set or a sorted set, in its own order.
fn elements_of(
    value: Option<ValueRef<'_>>,
    range: Range<usize>,
) -> Result<Vec<Blob>, CommandError> {
    Ok(match value {
        None => Vec::new(),
        Some(ValueRef::List(list)) => list.range(range).map(Blob::from).collect(),
        Some(ValueRef::Set(set)) => {
            set.iter().skip(range.start).take(range.len()).map(Blob::from).collect()
        }
        Some(ValueRef::Zset(zset)) => zset.range(range).map(|it| Blob::from(it.member)).collect(),
        Some(_) => return Err(CommandError::WrongType),
    })
}

fn sorted(
    data: &mut Data<'_>,
    elements: Vec<Blob>,
    options: &Options<'_>,
) -> Result<Vec<Blob>, CommandError> {
    let directed = |order: Ordering| if options.descending { order.reverse() } else { order };
    let weigh = |element: &Blob| match options.by {
        None => Some(element.clone()),
        Some(pattern) => look_up(data, pattern, element),
    };
    if options.alpha {
        let weights = elements.iter().map(weigh).collect::<Vec<_>>();
        let mut weighed: Vec<_> = weights.into_iter().zip(elements).collect();
        weighed.sort_by(|a, b| directed(a.0.cmp(&b.0)));
        return Ok(weighed.into_iter().map(|(_, element)| element).collect());
    }
    let scores: Option<Vec<f64>> = elements
        .iter()
        .map(weigh)
        .map(|weight| weight.map_or(Some(0.0), |it| score(&it)))
        .collect();
    let scores = scores
        .ok_or(CommandError::text("ERR One or more scores can't be converted into double"))?;
    let mut weighed: Vec<(f64, Blob)> = scores.into_iter().zip(elements).collect();
    weighed.sort_by(|a, b| {
        // No score is NaN. Of equal ones the elements decide, so that replicas agree.
        let scores = a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal);
        directed(scores.then_with(|| a.1.cmp(&b.1)))
    });
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

/// A number as C's `strtod` reads it: blanks before it are passed over, a NUL ends the text, and
/// an empty text is 0.
fn score(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_blank(byte))?;
    parse_f64(&text[start..])
}

/// What stands at the key that `pattern` names for `element`: the element takes the place of the
/// first `*`, `->` leads to a field of a hash, and `#` is the element itself.
fn look_up(data: &mut Data<'_>, pattern: &[u8], element: &Blob) -> Option<Blob> {
    if pattern == b"#" {
        return Some(element.clone());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (head, tail) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = tail.windows(2).position(|pair| pair == b"->");
    // Without a name behind it the arrow is a part of the key.
    let (tail, field) = match arrow.filter(|at| at + 2 < tail.len()) {
        Some(at) => (&tail[..at], Some(&tail[at + 2..])),
        None => (tail, None),
    };
    let key = [head, element, tail].concat();
    let now = data.sight();
    match (data.find(&key)?, field) {
        (ValueRef::String(string), None) => Some(Blob::from(&*string.as_bytes())),
        (ValueRef::Hash(hash), Some(field)) => Live::new(hash, now).get(field).map(Blob::from),
        _ => None,
    }
}

fn reply(context: &mut Context<'_>, answer: &[Option<Blob>]) {
    context.reply.array(answer.len());
    for element in answer {
        match element {
            Some(element) => context.reply.bulk(element),
            None => context.reply.null(),
        }
    }
}

fn store(context: &mut Context<'_>, key: &[u8], answer: Vec<Option<Blob>>) {
    let len = answer.len();
    if len > 0 {
        let mut list = List::default();
        for element in answer {
            list.push_back(element.unwrap_or_default());
        }
        context.data.put(key, list.into_value(), None);
        context.data.changed(key, EventClass::List, "sortstore");
        context.data.changed_more(len - 1);
    } else if context.data.delete(key) {
        context.data.changed(key, EventClass::Generic, "del");
    }
    context.reply.integer(len as i64);
}
