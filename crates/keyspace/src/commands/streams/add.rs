//! `XADD`, `XTRIM` and `XSETID`.

use std::borrow::Cow;

use redwire_resp::Request;

use super::ids::{NewId, strict_id};
use super::producers::Under;
use super::refs::{Dropped, References, tell_ids};
use crate::UnixMs;
use crate::commands::options::{integer, is};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::{ENTRY_BYTES, IdText, Keep, Pair, Stream, StreamId, Trim};

/// Most entries that a trim by `~` drops unless told otherwise: those of 100 nodes, at most a
/// million.
fn approximate_limit(data: &Data<'_>) -> Option<u64> {
    let entries = match data.node_limits().entries {
        0 => 100,
        entries => entries,
    };
    (!data.is_replicated()).then(|| entries.saturating_mul(100).min(1_000_000))
}

/// The options of `XADD` and `XTRIM`.
#[derive(Debug, Default)]
struct Options {
    trim: Option<Trim>,
    /// What becomes of references to entries that a trim drops, if anything is said of that.
    references: Option<References>,
    no_stream: bool,
    /// The id that its producer gave the entry.
    under: Option<Under>,
    id: Option<NewId>,
    /// Position of the id, or of what would be the id.
    end: usize,
}

/// What is given of a limit.
#[derive(Debug, Default, Clone, Copy)]
struct Limit(Option<u64>);

impl Options {
    /// `told` is the limit of a trim by `~` that is told none; `None` where a primary has told the
    /// outcome of its own.
    fn parse(request: Request<'_>, adds: bool, told: Option<u64>) -> Result<Self, CommandError> {
        let mut options = Self { end: request.len(), ..Self::default() };
        let mut limit = Limit::default();
        let mut at = 2;
        while let Some(arg) = request.arg(at) {
            let last = at + 1 == request.len();
            if adds && arg == b"*" {
                (options.id, options.end) = (Some(NewId::Next), at);
                break;
            } else if (is(arg, "MAXLEN") || is(arg, "MINID")) && !last {
                at = options.strategy(request, at)?;
            } else if is(arg, "LIMIT") && !last {
                at += 1;
                let number = integer(&request[at])?;
                let number = u64::try_from(number);
                limit.0 = Some(number.map_err(|_| text("ERR The LIMIT argument must be >= 0."))?);
            } else if let Some(references) =
                References::parse(arg).filter(|_| options.references.is_none())
            {
                options.references = Some(references);
            } else if adds && is(arg, "NOMKSTREAM") {
                options.no_stream = true;
            } else if adds && let Some((under, end)) = Under::parse(request, at)? {
                if options.under.replace(under).is_some() {
                    return Err(text("ERR syntax error, IDMP/IDMPAUTO specified multiple times"));
                }
                at = end;
            } else if adds {
                (options.id, options.end) = (Some(NewId::parse(arg)?), at);
                break;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        // A primary has given the entry its id.
        let given = options.id.is_some_and(|id| id != NewId::Next) && told.is_some();
        if options.under.is_some() && given {
            return Err(text(
                "ERR syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs",
            ));
        }
        options.limit(limit, adds, told)?;
        Ok(options)
    }

    /// Reads `MAXLEN` or `MINID` at `at` with what belongs to it; answers where that ends.
    fn strategy(&mut self, request: Request<'_>, at: usize) -> Result<usize, CommandError> {
        if self.trim.is_some() {
            return Err(text(
                "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
            ));
        }
        let sign = Some(&request[at + 1]).filter(|arg| {
            at + 2 < request.len() && (*arg == b"~".as_slice() || *arg == b"=".as_slice())
        });
        let value_at = at + 1 + usize::from(sign.is_some());
        let value = &request[value_at];
        let keep = if is(&request[at], "MAXLEN") {
            let most = u64::try_from(integer(value)?);
            Keep::Last(most.map_err(|_| text("ERR The MAXLEN argument must be >= 0."))?)
        } else {
            Keep::From(strict_id(value)?)
        };
        let approximate = sign.is_some_and(|sign| sign == b"~".as_slice());
        self.trim = Some(Trim { keep, approximate, limit: 0 });
        Ok(value_at)
    }

    /// Makes the limit that was given, or that a trim by `~` has, one of the trim.
    fn limit(&mut self, limit: Limit, adds: bool, told: Option<u64>) -> CommandResult {
        let Some(trim) = &mut self.trim else {
            if limit.0.is_some_and(|limit| limit > 0) {
                return Err(text(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                ));
            }
            return if adds {
                Ok(())
            } else {
                Err(text("ERR syntax error, XTRIM must be called with a trimming strategy"))
            };
        };
        let Some(unless_told) = told else { return Ok(()) };
        trim.limit = match limit.0 {
            Some(_) if !trim.approximate => {
                return Err(text(
                    "ERR syntax error, LIMIT cannot be used without the special ~ option",
                ));
            }
            Some(limit) => limit,
            None if trim.approximate => unless_told,
            None => 0,
        };
        Ok(())
    }
}

fn text(text: &'static str) -> CommandError {
    CommandError::text(text)
}

/// What a trim did.
#[derive(Debug)]
struct Trimmed {
    /// How many entries it dropped.
    count: u64,
    /// The exact trim that leaves what the stream now has.
    outcome: Trim,
    /// The entries that it deleted, where it spared others.
    deleted: Vec<StreamId>,
    dropped: Dropped,
}

impl Trimmed {
    fn tell_references(&self, data: &mut Data<'_>, key: &[u8]) {
        tell_ids(data, &[b"XDEL", key], &self.deleted);
        self.dropped.tell(data, key);
    }
}

impl Trim {
    /// Trims a stream.
    fn apply(self, stream: &mut Stream, references: Option<References>) -> Trimmed {
        let mut dropped = Dropped::default();
        let mut deleted = Vec::new();
        let count = match references {
            None | Some(References::Keep) => stream.trim(self),
            Some(References::Delete) => {
                let before = stream.clone();
                // As in Redis 8.6 only a limit is then one of whole nodes.
                let count = stream.trim(Trim { approximate: false, ..self });
                let gone = before.range(StreamId::MIN, StreamId::MAX).take(count as usize);
                gone.for_each(|entry| dropped.drop_references(stream, entry.id));
                count
            }
            Some(References::Acknowledged) => {
                deleted = stream.trim_unreferenced(self);
                deleted.len() as u64
            }
        };
        Trimmed { count, outcome: self.outcome(stream), deleted, dropped }
    }

    /// The exact trim that leaves what `stream` now has.
    fn outcome(self, stream: &Stream) -> Self {
        let keep = match self.keep {
            Keep::Last(_) => Keep::Last(stream.len() as u64),
            Keep::From(_) if stream.is_empty() => Keep::From(StreamId::MAX),
            Keep::From(_) => Keep::From(stream.first_id()),
        };
        Self { keep, approximate: false, limit: 0 }
    }

    /// The words of this trim, as an exact one.
    fn words(self) -> [String; 3] {
        let (name, value) = match self.keep {
            Keep::Last(most) => ("MAXLEN", most.to_string()),
            Keep::From(id) => ("MINID", id.to_string()),
        };
        [name.to_owned(), "=".to_owned(), value]
    }
}

/// The id of the next entry.
fn next_id(asked: NewId, last: StreamId, now: UnixMs) -> Result<StreamId, CommandError> {
    if asked == NewId::Given(StreamId::MIN) {
        return Err(text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    if last == StreamId::MAX {
        return Err(text(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    let id = match asked {
        NewId::Next if now.0 > last.ms => Some(StreamId { ms: now.0, seq: 0 }),
        NewId::Next => last.next(),
        NewId::NextIn(ms) if ms == last.ms => {
            last.seq.checked_add(1).map(|seq| StreamId { ms, seq })
        }
        NewId::NextIn(ms) => Some(StreamId { ms, seq: 0 }),
        NewId::Given(id) => Some(id),
    };
    id.filter(|id| *id > last).ok_or(text(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    ))
}

pub(super) fn xadd(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let data = &mut context.data;
    let options = Options::parse(request, true, approximate_limit(data))?;
    let fields = request.len().saturating_sub(options.end + 1);
    let (Some(asked), true) = (options.id, fields >= 2 && fields.is_multiple_of(2)) else {
        return Err(CommandError::Arity("xadd".into()));
    };
    let key = &request[1];
    if asked == NewId::Given(StreamId::MIN) {
        next_id(asked, StreamId::MIN, data.now())?;
    }
    let now = data.now();
    let under = options.under.map(|it| (it.producer(request), it.id(request, options.end + 1)));
    // What a primary gave no id it has found to be there.
    let told_again = data.is_replicated() && asked == NewId::Next && under.is_some();
    let last = match data.peek_as::<Stream>(key)? {
        Some(stream) => {
            let known = stream.known(under.as_ref().filter(|_| asked == NewId::Next), now);
            let last = stream.last_id;
            if let Some(entry) = known.or(told_again.then_some(last)) {
                return came_again(context, key, entry);
            }
            last
        }
        None if options.no_stream => {
            context.reply.null();
            return Ok(());
        }
        None => StreamId::MIN,
    };
    let id = next_id(asked, last, now)?;
    let pair = |at: usize| (&request[at], &request[at + 1]);
    let (one, several): ([Pair<'_>; 1], Vec<Pair<'_>>);
    let pairs: &[Pair<'_>] = if fields == 2 {
        // No memory is needed for it.
        one = [pair(options.end + 1)];
        &one
    } else {
        several = (options.end + 1..request.len()).step_by(2).map(pair).collect();
        &several
    };
    if pairs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > ENTRY_BYTES {
        return Err(text("ERR Elements are too large to be stored"));
    }
    let limits = data.node_limits();
    let stream = data.write_or_new::<Stream>(key)?;
    stream.push(id, pairs, limits);
    let trimmed = options.trim.map(|trim| trim.apply(stream, options.references));
    if let Some((producer, given)) = under {
        data.change_producers(key, |producers| producers.record(producer, &given, id, now))?;
    }
    added(data, request, &options, id, trimmed);
    context.reply.bulk(IdText::from(id).as_bytes());
    Ok(())
}

/// Has all know of an entry that was added, and of what was trimmed for it: those who watch or wait for the
/// key, and replicas.
fn added(
    data: &mut Data<'_>,
    request: Request<'_>,
    options: &Options,
    id: StreamId,
    trimmed: Option<Trimmed>,
) {
    let key = &request[1];
    data.changed(key, EventClass::Stream, "xadd");
    data.signal(key);
    if trimmed.as_ref().is_some_and(|trimmed| trimmed.count > 0) {
        data.touched(key, EventClass::Stream, "xtrim");
    }
    tell_added(data, request, options, id, trimmed.as_ref());
    if let Some(trimmed) = trimmed {
        trimmed.tell_references(data, key);
    }
}

/// A producer, and the id that it gave an entry.
type ProducerId<'a> = (&'a [u8], Cow<'a, [u8]>);

impl Stream {
    /// The entry that was added under this id.
    fn known(&self, under: Option<&ProducerId<'_>>, now: UnixMs) -> Option<StreamId> {
        let (producer, id) = under?;
        self.producers()?.entry(producer, id, now)
    }
}

/// Answers for an entry that its producer sends again: it is `entry`.
fn came_again(context: &mut Context<'_>, key: &[u8], entry: StreamId) -> CommandResult {
    context.data.change_producers(key, |producers| producers.duplicates += 1)?;
    context.data.changed_more(1);
    context.reply.bulk(IdText::from(entry).as_bytes());
    Ok(())
}

/// Tells replicas the id that was given, and what a trim came to.
fn tell_added(
    data: &mut Data<'_>,
    request: Request<'_>,
    options: &Options,
    id: StreamId,
    trimmed: Option<&Trimmed>,
) {
    let decided = matches!(options.id, Some(NewId::Given(_)));
    let exact = options.trim.is_none_or(|trim| !trim.approximate);
    if (decided && exact && options.references.is_none()) || !data.begin_effect() {
        return;
    }
    // Of a trim that spares entries what it deleted is told.
    let spares = options.references == Some(References::Acknowledged);
    let words = options.trim.zip(trimmed).filter(|_| !spares).map(|(trim, trimmed)| {
        if trim.approximate { trimmed.outcome.words() } else { trim.words() }
    });
    let id = IdText::from(id);
    let mut args: Vec<&[u8]> = vec![&request[0], &request[1]];
    if options.no_stream {
        args.push(b"NOMKSTREAM");
    }
    args.extend(options.under.into_iter().flat_map(|under| under.words(request)));
    args.extend(words.iter().flatten().map(String::as_bytes));
    args.push(id.as_bytes());
    args.extend(request.iter().skip(options.end + 1));
    data.effect(args);
}

pub(super) fn xtrim(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let data = &mut context.data;
    let options = Options::parse(request, false, approximate_limit(data))?;
    let key = &request[1];
    let (Some(trim), Some(stream)) = (options.trim, data.write::<Stream>(key)?) else {
        context.reply.integer(0);
        return Ok(());
    };
    let trimmed = trim.apply(stream, options.references);
    if trimmed.count > 0 {
        data.changed(key, EventClass::Stream, "xtrim");
        data.changed_more(trimmed.count as usize - 1);
        let spares = options.references == Some(References::Acknowledged);
        if !spares && (trim.approximate || options.references.is_some()) && data.begin_effect() {
            let [name, sign, value] = &trimmed.outcome.words();
            let words = [&request[0], key, name.as_bytes(), sign.as_bytes(), value.as_bytes()];
            data.effect(words);
        }
        trimmed.tell_references(data, key);
    }
    context.reply.integer(trimmed.count as i64);
    Ok(())
}

/// The options of `XSETID`.
#[derive(Debug, Default)]
struct SetOptions {
    added: Option<u64>,
    deleted: StreamId,
}

impl SetOptions {
    fn parse(request: Request<'_>, id: StreamId) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut args = request.iter().skip(3);
        while let Some(arg) = args.next() {
            let value = args.next().ok_or(CommandError::Syntax)?;
            if is(arg, "ENTRIESADDED") {
                let added = u64::try_from(integer(value)?);
                options.added =
                    Some(added.map_err(|_| text("ERR entries_added must be positive"))?);
            } else if is(arg, "MAXDELETEDID") {
                options.deleted = strict_id(value)?;
                if id < options.deleted {
                    return Err(text(
                        "ERR The ID specified in XSETID is smaller than the provided \
                         max_deleted_entry_id",
                    ));
                }
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

pub(super) fn xsetid(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let id = strict_id(&request[2])?;
    let options = SetOptions::parse(request, id)?;
    let stream = context.data.write::<Stream>(key)?.ok_or(CommandError::NoSuchKey)?;
    if !stream.is_empty() && id < stream.last_entry_id() {
        return Err(text(
            "ERR The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if !stream.is_empty() && options.added.is_some_and(|added| added < stream.len() as u64) {
        return Err(text(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    stream.last_id = id;
    if let Some(added) = options.added {
        stream.entries_added = added;
    }
    if options.deleted != StreamId::MIN {
        stream.max_deleted_id = options.deleted;
    }
    context.data.changed_aside(key, EventClass::Stream, "xsetid");
    context.reply.ok();
    Ok(())
}
