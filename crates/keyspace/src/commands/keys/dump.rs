//! `DUMP` and `RESTORE`.

use redwire_resp::Request;

use crate::commands::options::{integer, is};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::payload::PayloadError;
use crate::{KeyUsage, UnixMs, Value};

pub(super) fn dump(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let Some(parcel) = context.data.parcel(&request[1]) else {
        context.reply.null();
        return Ok(());
    };
    let payload = parcel.payload();
    let payload = payload.ok_or(CommandError::text("ERR no version can hold the value"))?;
    context.reply.bulk(&payload);
    Ok(())
}

/// The options of `RESTORE`.
#[derive(Debug, Default)]
struct Options {
    replace: bool,
    /// `ABSTTL`: the expiry is a moment.
    absolute: bool,
    /// `IDLETIME` or `FREQ`.
    usage: Option<KeyUsage>,
}

impl Options {
    fn parse(request: Request<'_>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut args = request.iter().skip(4);
        while let Some(arg) = args.next() {
            if is(arg, "REPLACE") {
                options.replace = true;
            } else if is(arg, "ABSTTL") {
                options.absolute = true;
            } else if is(arg, "IDLETIME")
                && args.len() > 0
                && !matches!(options.usage, Some(KeyUsage::Frequency(_)))
            {
                let idle = u64::try_from(integer(args.next().unwrap_or_default())?);
                let error = |_| CommandError::text("ERR Invalid IDLETIME value, must be >= 0");
                options.usage = Some(KeyUsage::Idle(idle.map_err(error)?));
            } else if is(arg, "FREQ")
                && args.len() > 0
                && !matches!(options.usage, Some(KeyUsage::Idle(_)))
            {
                let count = u8::try_from(integer(args.next().unwrap_or_default())?);
                let error =
                    |_| CommandError::text("ERR Invalid FREQ value, must be >= 0 and <= 255");
                options.usage = Some(KeyUsage::Frequency(count.map_err(error)?));
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

pub(super) fn restore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let options = Options::parse(request)?;
    let key = &request[1];
    let data = &mut context.data;
    if !options.replace && data.look_quietly(key).is_some() {
        return Err(CommandError::text("BUSYKEY Target key name already exists."));
    }
    let ttl = integer(&request[2])?;
    if ttl < 0 {
        return Err(CommandError::text("ERR Invalid TTL value, must be >= 0"));
    }
    let value = Value::from_payload(&request[3], data.thresholds());
    let value = value.map_err(|error| match error {
        PayloadError::Footer => {
            CommandError::text("ERR DUMP payload version or checksum are wrong")
        }
        PayloadError::Value => CommandError::text("ERR Bad data format"),
    })?;
    let now = if options.absolute { 0 } else { data.now().0 };
    // Not negative, as its parts are.
    let expires = (ttl > 0).then(|| UnixMs((ttl as u64).saturating_add(now)));
    let old = data.old_type(key);
    let deleted = data.delete(key);
    if expires.is_some_and(|at| data.is_over(at.0 as i64)) {
        if deleted {
            data.changed(key, EventClass::Generic, "del");
            data.effect([b"DEL".as_slice(), key]);
        }
    } else {
        data.put(key, value, expires);
        data.know_usage(key, options.usage);
        data.changed(key, EventClass::Generic, "restore");
        data.overwritten(key, old);
        if let Some(at) = expires.filter(|_| !options.absolute) {
            let mut digits = itoa::Buffer::new();
            let mut args: Vec<&[u8]> = request.iter().collect();
            args[2] = digits.format(at.0).as_bytes();
            args.push(b"ABSTTL");
            data.effect(args);
        }
    }
    context.reply.ok();
    Ok(())
}
