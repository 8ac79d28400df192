//! `SET` with its conditions and expiries, and the commands that it replaced.

use redwire_resp::Request;

use super::compare::{Comparison, Sort};
use super::reply_value;
use crate::UnixMs;
use crate::commands::expiry::{Expiry, moment_ahead};
use crate::commands::options::{Base, Unit, is};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;

/// What `SET` depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    Always,
    /// `NX`: the key is not there.
    Absent,
    /// `XX`: the key is there.
    Present,
    /// `IFEQ` and its kin: the value that is there compares so.
    Compared(Comparison<'a>),
}

/// The options of `SET`; `MSETEX` has some of them.
pub(super) struct Options<'a> {
    pub(super) condition: Condition<'a>,
    /// `GET`: the old value is the reply.
    pub(super) get: bool,
    pub(super) keep_ttl: bool,
    pub(super) expiry: Option<Expiry<'a>>,
}

impl<'a> Options<'a> {
    /// Reads those that stand from argument `at` on.
    pub(super) fn parse(request: Request<'a>, at: usize) -> Result<Self, CommandError> {
        let mut options =
            Self { condition: Condition::Always, get: false, keep_ttl: false, expiry: None };
        let mut args = request.iter().skip(at);
        while let Some(arg) = args.next() {
            let condition = options.condition;
            if is(arg, "NX") && matches!(condition, Condition::Always | Condition::Absent) {
                options.condition = Condition::Absent;
            } else if is(arg, "XX") && matches!(condition, Condition::Always | Condition::Present) {
                options.condition = Condition::Present;
            } else if let (Condition::Always, Some(sort)) = (condition, Sort::parse(arg)) {
                let operand = args.next().ok_or(CommandError::Syntax)?;
                options.condition = Condition::Compared(Comparison { sort, operand });
            } else if is(arg, "GET") {
                options.get = true;
            } else if is(arg, "KEEPTTL") && options.expiry.is_none() {
                options.keep_ttl = true;
            } else if !options.keep_ttl {
                options.expiry = Some(Expiry::parse(options.expiry, arg, &mut args)?);
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

pub(super) fn set(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let options = Options::parse(request, 3)?;
    let (key, value) = (&request[1], &request[2]);
    let now = context.data.now();
    let expires = options.expiry.map(|expiry| expiry.moment(now, "set")).transpose()?;
    if options.get {
        reply_value(context, key)?;
    }
    let allowed = match options.condition {
        Condition::Always => true,
        Condition::Absent => context.data.peek(key).is_none(),
        Condition::Present => context.data.peek(key).is_some(),
        Condition::Compared(comparison) => comparison.holds(&mut context.data, key)?,
    };
    if !allowed {
        if !options.get {
            context.reply.null();
        }
        return Ok(());
    }
    if options.keep_ttl {
        store_kept(context, key, value);
    } else {
        store(context, key, value, expires);
    }
    if let Condition::Compared(_) = options.condition {
        // A replica that does not know the condition need not: it held.
        if expires.is_none() {
            let kept: &[&[u8]] = if options.keep_ttl { &[b"KEEPTTL"] } else { &[] };
            let words = [b"SET".as_slice(), key, value];
            context.data.effect(words.iter().chain(kept).copied().collect::<Vec<_>>());
        }
    } else if options.get && expires.is_none() {
        let is_get = |arg: &[u8]| is(arg, "GET");
        let args = request.iter().enumerate().filter(|(at, arg)| *at < 3 || !is_get(arg));
        let args: Vec<&[u8]> = args.map(|(_, arg)| arg).collect();
        context.data.effect(args);
    }
    if !options.get {
        context.reply.ok();
    }
    Ok(())
}

pub(super) fn setnx(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let absent = context.data.peek(&request[1]).is_none();
    if absent {
        store(context, &request[1], &request[2], None);
    }
    context.reply.integer(i64::from(absent));
    Ok(())
}

pub(super) fn setex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_for(context, request, Unit::Seconds, "setex")
}

pub(super) fn psetex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_for(context, request, Unit::Milliseconds, "psetex")
}

fn set_for(
    context: &mut Context<'_>,
    request: Request<'_>,
    unit: Unit,
    command: &'static str,
) -> CommandResult {
    let expires = moment_ahead(&request[2], unit, Base::Now, context.data.now(), command)?;
    store(context, &request[1], &request[3], Some(expires));
    context.reply.ok();
    Ok(())
}

/// Makes `value` the value of `key`, whose expiry stays.
pub(super) fn store_kept(context: &mut Context<'_>, key: &[u8], value: &[u8]) {
    let kept = context.data.expires(key).flatten();
    context.data.put_string(key, value, kept);
    context.data.changed(key, EventClass::String, "set");
}

/// Makes `value` the value of `key`, with this expiry or none; tells replicas only of an expiry.
pub(super) fn store(context: &mut Context<'_>, key: &[u8], value: &[u8], expires: Option<UnixMs>) {
    context.data.put_string(key, value, expires);
    context.data.changed(key, EventClass::String, "set");
    if let Some(at) = expires {
        context.data.notify(key, EventClass::Generic, "expire");
        let mut digits = itoa::Buffer::new();
        let at = digits.format(at.0).as_bytes();
        context.data.effect([b"SET".as_slice(), key, value, b"PXAT", at]);
    }
}

pub(super) fn getset(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, value) = (&request[1], &request[2]);
    reply_value(context, key)?;
    store(context, key, value, None);
    context.data.effect([b"SET".as_slice(), key, value]);
    Ok(())
}

/// The option of `GETEX`.
enum Change<'a> {
    Nothing,
    Persist,
    Expire(Expiry<'a>),
}

impl<'a> Change<'a> {
    fn parse(request: Request<'a>) -> Result<Self, CommandError> {
        let mut change = Self::Nothing;
        let mut args = request.iter().skip(2);
        while let Some(arg) = args.next() {
            change = match change {
                Self::Nothing | Self::Persist if is(arg, "PERSIST") => Self::Persist,
                Self::Nothing => Self::Expire(Expiry::parse(None, arg, &mut args)?),
                Self::Expire(expiry) => Self::Expire(Expiry::parse(Some(expiry), arg, &mut args)?),
                Self::Persist => return Err(CommandError::Syntax),
            };
        }
        Ok(change)
    }
}

pub(super) fn getex(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let change = Change::parse(request)?;
    let key = &request[1];
    reply_value(context, key)?;
    if context.data.peek(key).is_none() {
        return Ok(());
    }
    match change {
        Change::Nothing => {}
        Change::Persist => {
            if context.data.expires(key).flatten().is_some() {
                context.data.set_expires(key, None);
                context.data.changed(key, EventClass::Generic, "persist");
                context.data.effect([b"PERSIST".as_slice(), key]);
            }
        }
        Change::Expire(expiry) => {
            let at = expiry.moment(context.data.now(), "getex")?;
            expire_at(context, key, at, expiry.base);
        }
    }
    Ok(())
}

fn expire_at(context: &mut Context<'_>, key: &[u8], at: UnixMs, base: Base) {
    if base == Base::Epoch && context.data.is_over(at.0 as i64) {
        context.data.delete(key);
        context.data.changed(key, EventClass::Generic, "del");
        context.data.effect([b"DEL".as_slice(), key]);
        return;
    }
    context.data.set_expires(key, Some(at));
    context.data.changed(key, EventClass::Generic, "expire");
    let mut digits = itoa::Buffer::new();
    context.data.effect([b"PEXPIREAT".as_slice(), key, digits.format(at.0).as_bytes()]);
}
