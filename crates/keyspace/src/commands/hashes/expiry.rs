//! Expiries of fields: `HEXPIRE` and its kin, `HTTL` and its kin, `HPERSIST`.

use redwire_resp::Request;

use super::fields::{self, FieldList};
use crate::commands::expiry::Conditions;
use crate::commands::options::{Base, Unit};
use crate::context::Context;
use crate::error::CommandResult;
use crate::events::EventClass;
use crate::{Hash, UnixMs};

/// What these commands answer for a field that is not there.
const MISSING: i64 = -2;
/// ... and for one that never expires.
const ENDLESS: i64 = -1;

const COUNT_TO_SET: &str = "ERR Parameter `numFields` should be greater than 0";
const COUNT_TO_ASK: &str = "ERR Number of fields must be a positive integer";

pub(super) fn hexpire(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_expiries(context, request, Unit::Seconds, Base::Now, "hexpire")
}

pub(super) fn hpexpire(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_expiries(context, request, Unit::Milliseconds, Base::Now, "hpexpire")
}

pub(super) fn hexpireat(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_expiries(context, request, Unit::Seconds, Base::Epoch, "hexpireat")
}

pub(super) fn hpexpireat(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    set_expiries(context, request, Unit::Milliseconds, Base::Epoch, "hpexpireat")
}

/// The conditions that stand before `FIELDS`, and where that is to be. There may be one; what comes
/// from a primary may have more, as a Valkey's does.
fn conditions(request: Request<'_>, most: usize) -> (Conditions, usize) {
    let mut conditions = Conditions::default();
    let options = request.iter().skip(3).take(most);
    let count = options.take_while(|option| conditions.add(option)).count();
    (conditions, 3 + count)
}

fn set_expiries(
    context: &mut Context<'_>,
    request: Request<'_>,
    unit: Unit,
    base: Base,
    command: &'static str,
) -> CommandResult {
    let key = &request[1];
    context.data.check::<Hash>(key)?;
    let at = fields::moment(&context.data, &request[2], unit, base, command)?;
    let most = if context.data.is_replicated() { usize::MAX } else { 1 };
    let (conditions, at_fields) = conditions(request, most);
    let fields = FieldList::parse(request, at_fields, COUNT_TO_SET)?;
    context.data.expire_named(key, fields.iter());
    let is_over = context.data.is_over(at);
    // Not negative, as `moment` has seen to.
    let moment = UnixMs(at as u64);

    context.reply.array(fields.len());
    let (mut changed, small) = (Vec::new(), context.data.small());
    let mut hash = context.data.write::<Hash>(key)?;
    for field in fields.iter() {
        let answer = match &mut hash {
            Some(hash) if hash.contains(field) => {
                let allowed = conditions.allow(hash.expires(field), at);
                if allowed {
                    changed.push(field);
                }
                match (allowed, is_over) {
                    (false, _) => 0,
                    (true, false) => i64::from(hash.set_expires(field, Some(moment))),
                    (true, true) => small.remove_field(hash, field).map_or(0, |_| 2),
                }
            }
            _ => MISSING,
        };
        context.reply.integer(answer);
    }
    if changed.is_empty() {
        return Ok(());
    }
    let data = &mut context.data;
    if is_over {
        data.changed(key, EventClass::Hash, "hdel");
        data.delete_if_gone::<Hash>(key);
        fields::effect_of_deletion(data, key, &changed);
    } else {
        data.fields_expire(key);
        data.changed(key, EventClass::Hash, "hexpire");
        let options: Vec<&[u8]> = request.iter().take(at_fields).skip(3).collect();
        fields::effect_of_moment(data, key, moment, &options, &changed);
    }
    data.changed_more(changed.len() - 1);
    Ok(())
}

pub(super) fn hpersist(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    context.data.check::<Hash>(key)?;
    let fields = FieldList::parse(request, 2, COUNT_TO_ASK)?;
    context.data.expire_named(key, fields.iter());
    context.reply.array(fields.len());
    let mut persisted = 0;
    let mut hash = context.data.write::<Hash>(key)?;
    for field in fields.iter() {
        let answer = match &mut hash {
            Some(hash) if hash.contains(field) => {
                let expired = hash.set_expires(field, None);
                persisted += usize::from(expired);
                if expired { 1 } else { ENDLESS }
            }
            _ => MISSING,
        };
        context.reply.integer(answer);
    }
    if persisted > 0 {
        context.data.changed(key, EventClass::Hash, "hpersist");
        context.data.changed_more(persisted - 1);
    }
    Ok(())
}

pub(super) fn httl(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let now = context.data.now();
    reply_expiries(context, request, |at| to_seconds(at.0.saturating_sub(now.0)))
}

pub(super) fn hpttl(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let now = context.data.now();
    reply_expiries(context, request, |at| at.0.saturating_sub(now.0))
}

pub(super) fn hexpiretime(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_expiries(context, request, |at| to_seconds(at.0))
}

pub(super) fn hpexpiretime(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_expiries(context, request, |at| at.0)
}

/// Up to the next second: unlike `TTL`, which takes the nearest.
fn to_seconds(ms: u64) -> u64 {
    ms.div_ceil(1000)
}

/// Answers what `show` makes of each field's expiry.
fn reply_expiries(
    context: &mut Context<'_>,
    request: Request<'_>,
    show: impl Fn(UnixMs) -> u64,
) -> CommandResult {
    let hash = context.data.read_hash(&request[1])?;
    let fields = FieldList::parse(request, 2, COUNT_TO_ASK)?;
    context.reply.array(fields.len());
    for field in fields.iter() {
        let expiry = hash.and_then(|hash| hash.expiry(field));
        let answer = expiry.map_or(MISSING, |at| at.map_or(ENDLESS, |at| show(at) as i64));
        context.reply.integer(answer);
    }
    Ok(())
}
