//! `HGETEX`, `HSETEX` and `HGETDEL`.

use redwire_resp::{Request, parse_i64};

use super::fields::{self, FieldList};
use crate::commands::options::{Base, Unit, is, quoted};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::{Blob, Hash, UnixMs};

const BAD_COUNT: &str = "ERR Number of fields must be a positive integer";

/// What becomes of the expiries of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expiry {
    /// What the command does if it is not told.
    Default,
    /// `EX`, `PX`, `EXAT`, `PXAT`: this moment, in ms.
    At(i64),
    /// `PERSIST`: they have none any more.
    Persist,
    /// `KEEPTTL`: what they have.
    Keep,
}

/// The unit and the base of an option that names a moment.
fn unit_of(option: &[u8]) -> Option<(Unit, Base)> {
    match () {
        () if is(option, "EX") => Some((Unit::Seconds, Base::Now)),
        () if is(option, "PX") => Some((Unit::Milliseconds, Base::Now)),
        () if is(option, "EXAT") => Some((Unit::Seconds, Base::Epoch)),
        () if is(option, "PXAT") => Some((Unit::Milliseconds, Base::Epoch)),
        () => None,
    }
}

pub(super) fn hgetdel(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    context.data.check::<Hash>(key)?;
    let fields = FieldList::parse(request, 2, BAD_COUNT)?;
    context.data.expire_named(key, fields.iter());
    context.reply.array(fields.len());
    let small = context.data.small();
    let mut hash = context.data.write::<Hash>(key)?;
    let mut deleted = 0;
    for field in fields.iter() {
        match hash.as_mut().and_then(|hash| small.remove_field(hash, field)) {
            Some(value) => {
                deleted += 1;
                context.reply.bulk(&value);
            }
            None => context.reply.null(),
        }
    }
    if deleted > 0 {
        delete_told(&mut context.data, key, deleted);
        let fields: Vec<&[u8]> = fields.iter().collect();
        fields::effect_of_deletion(&mut context.data, key, &fields);
    }
    Ok(())
}

/// Tells of `count` fields that were deleted.
fn delete_told(data: &mut Data<'_>, key: &[u8], count: usize) {
    data.changed(key, EventClass::Hash, "hdel");
    data.changed_more(count - 1);
    data.delete_if_gone::<Hash>(key);
}

pub(super) fn hgetex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    context.data.check::<Hash>(key)?;
    let (expiry, at_fields) = hgetex_option(&context.data, request)?;
    if at_fields + 1 >= request.len() {
        return Err(CommandError::Arity("hgetex".into()));
    }
    let fields = FieldList::parse(request, at_fields, BAD_COUNT)?;
    context.data.expire_named(key, fields.iter());
    if expiry == Expiry::Default {
        return reply_values(context, key, fields);
    }
    let is_over = matches!(expiry, Expiry::At(at) if context.data.is_over(at));
    context.reply.array(fields.len());
    let small = context.data.small();
    let mut hash = context.data.write::<Hash>(key)?;
    let mut changed = Vec::new();
    for field in fields.iter() {
        let value: Option<Blob> = hash.as_ref().and_then(|hash| hash.get(field).map(Blob::from));
        match &value {
            Some(value) => context.reply.bulk(value),
            None => context.reply.null(),
        }
        let Some(hash) = hash.as_mut().filter(|_| value.is_some()) else { continue };
        let does = match expiry {
            Expiry::At(_) if is_over => small.remove_field(hash, field).is_some(),
            Expiry::At(at) => hash.set_expires(field, Some(UnixMs(at as u64))),
            _ => hash.set_expires(field, None),
        };
        if does {
            changed.push(field);
        }
    }
    match expiry {
        _ if changed.is_empty() => {}
        Expiry::At(_) if is_over => {
            delete_told(&mut context.data, key, changed.len());
            fields::effect_of_deletion(&mut context.data, key, &changed);
        }
        _ => {
            tell_of_expiry(&mut context.data, key, expiry, fields);
            context.data.changed_more(changed.len() - 1);
        }
    }
    Ok(())
}

/// What becomes of the expiries, and where `FIELDS` is to be.
fn hgetex_option(data: &Data<'_>, request: Request<'_>) -> Result<(Expiry, usize), CommandError> {
    let option = &request[2];
    if is(option, "PERSIST") {
        return Ok((Expiry::Persist, 3));
    }
    let Some((unit, base)) = unit_of(option) else { return Ok((Expiry::Default, 2)) };
    let at = fields::moment(data, &request[3], unit, base, "hgetex")?;
    Ok((Expiry::At(at), 4))
}

fn reply_values(context: &mut Context<'_>, key: &[u8], fields: FieldList<'_>) -> CommandResult {
    let hash = context.data.read_hash(key)?;
    context.reply.array(fields.len());
    for field in fields.iter() {
        match hash.and_then(|hash| hash.get(field)) {
            Some(value) => context.reply.bulk(value),
            None => context.reply.null(),
        }
    }
    Ok(())
}

/// Tells of fields whose expiry was set or cleared.
fn tell_of_expiry(data: &mut Data<'_>, key: &[u8], expiry: Expiry, fields: FieldList<'_>) {
    let fields: Vec<&[u8]> = fields.iter().collect();
    if let Expiry::At(at) = expiry {
        data.fields_expire(key);
        data.changed(key, EventClass::Hash, "hexpire");
        fields::effect_of_moment(data, key, UnixMs(at as u64), &[], &fields);
        return;
    }
    data.changed(key, EventClass::Hash, "hpersist");
    let mut count = itoa::Buffer::new();
    let count = count.format(fields.len()).as_bytes();
    let args = [b"HPERSIST".as_slice(), key, b"FIELDS", count];
    data.effect(args.into_iter().chain(fields).collect::<Vec<_>>());
}

/// What `HSETEX` depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// `FNX`: none of the fields is there.
    NoField,
    /// `FXX`: all of them are.
    AllFields,
}

/// Whether an option of `HSETEX` wants its key to be there, or not to be.
fn key_condition(option: &[u8]) -> Option<bool> {
    match () {
        () if is(option, "NX") => Some(false),
        () if is(option, "XX") => Some(true),
        () => None,
    }
}

/// The arguments of `HSETEX`.
#[derive(Debug)]
struct SetRequest<'a> {
    request: Request<'a>,
    /// Whether the key must be there (`XX`) or must not (`NX`), as Valkey has it.
    key_is_there: Option<bool>,
    condition: Option<Condition>,
    expiry: Expiry,
    /// Where the option of the expiry is, if there is one.
    expiry_at: usize,
    /// The first field; from there on fields and values in turn.
    first: usize,
}

impl<'a> SetRequest<'a> {
    /// Reads the request. A Valkey takes an option that comes twice, and passes it on so.
    fn parse(data: &Data<'_>, request: Request<'a>) -> Result<Self, CommandError> {
        let arity = || CommandError::Arity("hsetex".into());
        let (mut condition, mut expiry, mut expiry_at) = (None, Expiry::Default, 0);
        let (mut key_is_there, mut at) = (None, 2);
        loop {
            let option = request.arg(at).ok_or_else(arity)?;
            let wanted = match () {
                () if is(option, "FNX") => Some(Condition::NoField),
                () if is(option, "FXX") => Some(Condition::AllFields),
                () => None,
            };
            if is(option, "FIELDS") {
                let count = parse_i64(request.arg(at + 1).ok_or_else(arity)?);
                let count = count.and_then(|it| usize::try_from(it).ok());
                let count = count.filter(|count| (1..=i32::MAX as usize).contains(count));
                let count = count.ok_or(CommandError::text("ERR invalid number of fields"))?;
                let first = at + 2;
                if request.len() - first != count * 2 {
                    return Err(arity());
                }
                return Ok(Self { request, key_is_there, condition, expiry, expiry_at, first });
            } else if let Some(wanted) = key_condition(option) {
                if key_is_there.replace(wanted).is_some_and(|other| other != wanted) {
                    return Err(CommandError::Syntax);
                }
            } else if wanted.is_some() {
                if condition.is_some() {
                    return Err(CommandError::text(
                        "ERR Only one of FXX or FNX arguments can be specified",
                    ));
                }
                condition = wanted;
            } else if is(option, "KEEPTTL") || unit_of(option).is_some() {
                if expiry != Expiry::Default && !data.is_replicated() {
                    return Err(CommandError::text(
                        "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
                    ));
                }
                (expiry, expiry_at) = (Expiry::Keep, at);
                if let Some((unit, base)) = unit_of(option) {
                    at += 1;
                    let arg = request.arg(at).ok_or_else(arity)?;
                    expiry = Expiry::At(fields::moment(data, arg, unit, base, "hsetex")?);
                }
            } else {
                let option = quoted(option);
                return Err(CommandError::text(format!("ERR unknown argument: {option}")));
            }
            at += 1;
        }
    }

    fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.request.iter().skip(self.first).step_by(2)
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.fields().zip(self.request.iter().skip(self.first + 1).step_by(2))
    }

    /// Whether the condition holds. A primary's did: what it set is set, whatever is still here.
    fn is_met(&self, data: &mut Data<'_>) -> Result<bool, CommandError> {
        let replicated = data.is_replicated();
        let is_there = data.check::<Hash>(&self.request[1])?;
        if !replicated && self.key_is_there.is_some_and(|wanted| wanted != is_there) {
            return Ok(false);
        }
        let hash = data.read_hash(&self.request[1])?;
        let is_there = |field| hash.is_some_and(|hash| hash.get(field).is_some());
        Ok(match self.condition {
            Some(Condition::NoField) => replicated || !self.fields().any(is_there),
            Some(Condition::AllFields) => replicated || self.fields().all(is_there),
            None => true,
        })
    }

    /// Tells replicas the request, its moment as `PXAT` if it has one, and without `NX` and `XX`, which
    /// not all of them know.
    fn effect(&self, data: &mut Data<'_>, at: Option<i64>) {
        let mut digits = itoa::Buffer::new();
        let mut args: Vec<&[u8]> = self.request.iter().collect();
        if let Some(at) = at {
            args[self.expiry_at] = b"PXAT";
            args[self.expiry_at + 1] = digits.format(at).as_bytes();
        }
        let (options, fields) = args.split_at(self.first - 2);
        let options = options.iter().enumerate();
        let told = options.filter(|(at, option)| *at < 2 || key_condition(option).is_none());
        let told: Vec<&[u8]> = told.map(|(_, option)| *option).collect();
        data.effect([&told, fields].concat());
    }
}

pub(super) fn hsetex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let set = SetRequest::parse(&context.data, request)?;
    let key = &request[1];
    let data = &mut context.data;
    data.expire_named(key, set.fields());
    if !set.is_met(data)? {
        context.reply.integer(0);
        return Ok(());
    }
    let small = data.small();
    let hash = data.write_or_new::<Hash>(key)?;
    for (field, value) in set.pairs() {
        small.set_field(hash, field, value, matches!(set.expiry, Expiry::Keep));
    }
    data.changed(key, EventClass::Hash, "hset");
    data.changed_more(set.fields().count() - 1);
    if let Expiry::At(at) = set.expiry {
        expire_set_fields(data, &set, at)?;
    } else if set.key_is_there.is_some() {
        set.effect(data, None);
    }
    context.reply.integer(1);
    Ok(())
}

/// Has the fields that were set expire at `at`: at once, if that is past.
fn expire_set_fields(data: &mut Data<'_>, set: &SetRequest<'_>, at: i64) -> CommandResult {
    let key = &set.request[1];
    let (is_over, small) = (data.is_over(at), data.small());
    let Some(hash) = data.write::<Hash>(key)? else { return Ok(()) };
    let mut deleted = 0;
    for field in set.fields() {
        if is_over {
            deleted += usize::from(small.remove_field(hash, field).is_some());
        } else {
            hash.set_expires(field, Some(UnixMs(at as u64)));
        }
    }
    if is_over {
        delete_told(data, key, deleted);
        let fields: Vec<&[u8]> = set.fields().collect();
        fields::effect_of_deletion(data, key, &fields);
    } else {
        data.fields_expire(key);
        data.touched(key, EventClass::Hash, "hexpire");
        set.effect(data, Some(at));
    }
    Ok(())
}
