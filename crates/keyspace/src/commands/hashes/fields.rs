//! What the commands about expiring fields share: `FIELDS count field [field ...]`, and moments.

use redwire_resp::{Request, parse_i64};

use crate::UnixMs;
use crate::commands::options::{self, Base, Unit, is};
use crate::context::Data;
use crate::error::CommandError;

/// The latest moment at which a field may be told to expire, in ms since the Unix epoch: Redis keeps
/// it in 46 bits. What a primary says may be later, as Valkey has no such bound.
const LATEST: i64 = (1 << 46) - 1;

/// The fields that a request names at its end, behind `FIELDS` and their number.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldList<'a> {
    request: Request<'a>,
    first: usize,
}

impl<'a> FieldList<'a> {
    /// Reads the fields of `request`, whose argument `at` is to be `FIELDS`. `bad_count` is the error
    /// for a number that is none, or not positive.
    pub(super) fn parse(
        request: Request<'a>,
        at: usize,
        bad_count: &'static str,
    ) -> Result<Self, CommandError> {
        if !request.arg(at).is_some_and(|arg| is(arg, "FIELDS")) {
            return Err(CommandError::text(
                "ERR Mandatory argument FIELDS is missing or not at the right position",
            ));
        }
        let first = at + 2;
        let count = request.arg(at + 1).and_then(parse_i64).filter(|count| *count > 0);
        let count = count.ok_or(CommandError::text(bad_count))?;
        if usize::try_from(count) != Ok(request.len().saturating_sub(first)) {
            return Err(CommandError::text(
                "ERR The `numfields` parameter must match the number of arguments",
            ));
        }
        Ok(Self { request, first })
    }

    pub(super) fn len(&self) -> usize {
        self.request.len() - self.first
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.request.iter().skip(self.first)
    }
}

/// The moment that an argument names, which must not be negative; it may be past.
pub(super) fn moment(
    data: &Data<'_>,
    arg: &[u8],
    unit: Unit,
    base: Base,
    command: &'static str,
) -> Result<i64, CommandError> {
    if options::integer(arg)? < 0 {
        return Err(CommandError::text("ERR invalid expire time, must be >= 0"));
    }
    let at = options::moment(arg, unit, base, data.now(), command)?;
    if at > LATEST && !data.is_replicated() {
        return Err(CommandError::InvalidExpire(command));
    }
    Ok(at)
}

/// Tells replicas `name key at ... FIELDS count field ...`, the moment `at` as it is.
pub(super) fn effect_of_moment(
    data: &mut Data<'_>,
    key: &[u8],
    at: UnixMs,
    options: &[&[u8]],
    fields: &[&[u8]],
) {
    let (mut ms, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
    let mut args: Vec<&[u8]> = vec![b"HPEXPIREAT", key, ms.format(at.0).as_bytes()];
    args.extend(options);
    args.extend([b"FIELDS".as_slice(), count.format(fields.len()).as_bytes()]);
    args.extend(fields);
    data.effect(args);
}

/// Tells replicas that fields were deleted.
pub(super) fn effect_of_deletion(data: &mut Data<'_>, key: &[u8], fields: &[&[u8]]) {
    let args = [b"HDEL".as_slice(), key].into_iter().chain(fields.iter().copied());
    data.effect(args.collect::<Vec<_>>());
}
