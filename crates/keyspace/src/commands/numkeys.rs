//! Arguments that begin with a number of keys.

use redwire_resp::Request;

use super::options;
use crate::error::CommandError;

/// A number of keys, which must be positive.
pub(super) fn numkeys(arg: &[u8]) -> Result<usize, CommandError> {
    positive(arg, "ERR numkeys should be greater than 0")
}

/// What follows `LIMIT` in `SINTERCARD` and `ZINTERCARD`, 0 being no limit.
pub(super) fn limit(arg: &[u8]) -> Result<usize, CommandError> {
    let limit =
        options::count(arg).map_err(|_| CommandError::text("ERR LIMIT can't be negative"))?;
    Ok(if limit == 0 { usize::MAX } else { limit })
}

fn positive(arg: &[u8], message: &'static str) -> Result<usize, CommandError> {
    let number = options::count(arg).ok().filter(|number| *number > 0);
    number.ok_or(CommandError::text(message))
}

/// The arguments of `LMPOP` and `ZMPOP`: `numkeys key [key ...] <which end> [COUNT count]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct PopArguments<'a> {
    request: Request<'a>,
    numkeys: usize,
    /// Which end: `LEFT`, `RIGHT`, `MIN`, `MAX`.
    pub(super) end: &'a [u8],
}

impl<'a> PopArguments<'a> {
    pub(super) fn parse(request: Request<'a>) -> Result<Self, CommandError> {
        let numkeys = numkeys(&request[1])?;
        let end = request.arg(numkeys.saturating_add(2)).ok_or(CommandError::Syntax)?;
        Ok(Self { request, numkeys, end })
    }

    /// How many elements to pop at most; the options come last, so read it after the rest.
    pub(super) fn count(&self) -> Result<usize, CommandError> {
        let mut options = self.request.iter().skip(self.numkeys + 3);
        let Some(option) = options.next() else { return Ok(1) };
        let value = options.next().filter(|_| options::is(option, "count"));
        let count =
            positive(value.ok_or(CommandError::Syntax)?, "ERR count should be greater than 0")?;
        if options.next().is_some() { Err(CommandError::Syntax) } else { Ok(count) }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        self.request.iter().skip(2).take(self.numkeys)
    }
}
