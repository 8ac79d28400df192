//! Expiries: `EXPIRE` and its kin, `TTL` and its kin, and the options with which `SET` and `GETEX`
//! set one.

use redwire_resp::{Args, Request};

use super::options::{Base, Unit, integer, is, moment, quoted};
use crate::UnixMs;
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::database::EntryRef;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;

const READ: Flags = Flags::READONLY.with(Flags::FAST);
const WRITE: Flags = Flags::WRITE.with(Flags::FAST);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("expire", -3, WRITE, Keys::ONE, expire),
    Command::data("pexpire", -3, WRITE, Keys::ONE, pexpire),
    Command::data("expireat", -3, WRITE, Keys::ONE, expireat),
    Command::data("pexpireat", -3, WRITE, Keys::ONE, pexpireat),
    Command::data("persist", 2, WRITE, Keys::ONE, persist),
    Command::data("ttl", 2, READ, Keys::ONE, ttl),
    Command::data("pttl", 2, READ, Keys::ONE, pttl),
    Command::data("expiretime", 2, READ, Keys::ONE, expiretime),
    Command::data("pexpiretime", 2, READ, Keys::ONE, pexpiretime),
];

/// An option that sets an expiry: `EX`, `PX`, `EXAT` or `PXAT`, with its argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry<'a> {
    arg: &'a [u8],
    unit: Unit,
    pub(super) base: Base,
}

impl<'a> Expiry<'a> {
    /// Reads the option `name`, its argument from `args`. There may be one such option, though it
    /// may come again, so what came `before` matters.
    pub(super) fn parse(
        before: Option<Self>,
        name: &[u8],
        args: &mut impl Iterator<Item = &'a [u8]>,
    ) -> Result<Self, CommandError> {
        let (unit, base) = match () {
            () if is(name, "EX") => (Unit::Seconds, Base::Now),
            () if is(name, "PX") => (Unit::Milliseconds, Base::Now),
            () if is(name, "EXAT") => (Unit::Seconds, Base::Epoch),
            () if is(name, "PXAT") => (Unit::Milliseconds, Base::Epoch),
            () => return Err(CommandError::Syntax),
        };
        if before.is_some_and(|before| (before.unit, before.base) != (unit, base)) {
            return Err(CommandError::Syntax);
        }
        let arg = args.next().ok_or(CommandError::Syntax)?;
        Ok(Self { arg, unit, base })
    }

    /// The moment that it names, as [`moment_ahead`] reads it.
    pub(super) fn moment(self, now: UnixMs, command: &'static str) -> Result<UnixMs, CommandError> {
        moment_ahead(self.arg, self.unit, self.base, now, command)
    }
}

/// The moment that an expiry argument names, which must be a positive number; in the past it may
/// be all the same.
pub(super) fn moment_ahead(
    arg: &[u8],
    unit: Unit,
    base: Base,
    now: UnixMs,
    command: &'static str,
) -> Result<UnixMs, CommandError> {
    if integer(arg)? <= 0 {
        return Err(CommandError::InvalidExpire(command));
    }
    // Positive, as its parts are.
    moment(arg, unit, base, now, command).map(|at| UnixMs(at as u64))
}

fn expire(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_expiry(context, request, Unit::Seconds, Base::Now, "expire")
}

fn pexpire(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_expiry(context, request, Unit::Milliseconds, Base::Now, "pexpire")
}

fn expireat(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_expiry(context, request, Unit::Seconds, Base::Epoch, "expireat")
}

fn pexpireat(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_expiry(context, request, Unit::Milliseconds, Base::Epoch, "pexpireat")
}

/// What `EXPIRE` depends on; each may come with others that do not contradict it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Conditions {
    /// `NX`: the key has no expiry.
    absent: bool,
    /// `XX`: it has one.
    present: bool,
    /// `GT`: the new one is later.
    later: bool,
    /// `LT`: the new one is earlier.
    earlier: bool,
}

impl Conditions {
    fn parse(options: Args<'_>) -> Result<Self, CommandError> {
        let mut conditions = Self::default();
        for option in options {
            if !conditions.add(option) {
                let option = quoted(option);
                return Err(CommandError::text(format!("ERR Unsupported option {option}")));
            }
        }
        let Self { absent, present, later, earlier } = conditions;
        if absent && (present || later || earlier) {
            return Err(CommandError::text(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if later && earlier {
            return Err(CommandError::text(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(conditions)
    }

    /// Adds the condition that `option` names; answers whether it names one.
    pub(super) fn add(&mut self, option: &[u8]) -> bool {
        match () {
            () if is(option, "NX") => self.absent = true,
            () if is(option, "XX") => self.present = true,
            () if is(option, "GT") => self.later = true,
            () if is(option, "LT") => self.earlier = true,
            () => return false,
        }
        true
    }

    /// Whether what expires at `old` may be told to expire at `new`; no expiry is later than
    /// any.
    pub(super) fn allow(self, old: Option<UnixMs>, new: i64) -> bool {
        let old = old.map(|at| at.0 as i64);
        !(self.absent && old.is_some()
            || self.present && old.is_none()
            || self.later && old.is_none_or(|old| new <= old)
            || self.earlier && old.is_some_and(|old| new >= old))
    }
}

fn set_expiry(
    context: &mut Context<'_>,
    request: Request<'_>,
    unit: Unit,
    base: Base,
    command: &'static str,
) -> CommandResult {
    let key = &request[1];
    let mut options = request.iter();
    options.nth(2);
    let conditions = Conditions::parse(options)?;
    let at = moment(&request[2], unit, base, context.data.now(), command)?;
    let old = context.data.expires(key);
    if !old.is_some_and(|old| conditions.allow(old, at)) {
        context.reply.integer(0);
        return Ok(());
    }
    if context.data.is_over(at) {
        context.data.delete(key);
        context.data.changed(key, EventClass::Generic, "del");
        context.data.effect([b"DEL".as_slice(), key]);
    } else {
        // On a replica a moment before 1970 is as good as any in the past.
        context.data.set_expires(key, Some(UnixMs(at.max(0) as u64)));
        context.data.changed(key, EventClass::Generic, "expire");
        if (unit, base) != (Unit::Milliseconds, Base::Epoch) {
            let mut digits = itoa::Buffer::new();
            let mut args = vec![b"PEXPIREAT".as_slice(), key, digits.format(at).as_bytes()];
            args.extend(request.iter().skip(3));
            context.data.effect(args);
        }
    }
    context.reply.integer(1);
    Ok(())
}

fn persist(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let expires = context.data.expires(key).flatten().is_some();
    if expires {
        context.data.set_expires(key, None);
        context.data.changed(key, EventClass::Generic, "persist");
    }
    context.reply.integer(i64::from(expires));
    Ok(())
}

fn ttl(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let now = context.data.now();
    reply_expiry(context, &request[1], |at| to_seconds(at.0.saturating_sub(now.0)))
}

fn pttl(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let now = context.data.now();
    reply_expiry(context, &request[1], |at| at.0.saturating_sub(now.0))
}

fn expiretime(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_expiry(context, &request[1], |at| to_seconds(at.0))
}

fn pexpiretime(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_expiry(context, &request[1], |at| at.0)
}

/// To the nearest second.
fn to_seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1000
}

/// Answers what `show` makes of the key's expiry: -1 if it has none, -2 without the key.
fn reply_expiry(
    context: &mut Context<'_>,
    key: &[u8],
    show: impl FnOnce(UnixMs) -> u64,
) -> CommandResult {
    let answer = match context.data.look(key).map(EntryRef::expires) {
        None => -2,
        Some(None) => -1,
        Some(Some(at)) => show(at) as i64,
    };
    context.reply.integer(answer);
    Ok(())
}
