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

/// The arguments of `LMPOP` and `ZMPOP`, and of those that wait behind their timeout:
/// `numkeys key [key ...] <which end> [COUNT count]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct PopArguments<'a> {
    request: Request<'a>,
    /// Position of the number of keys.
    at: usize,
    numkeys: usize,
    /// Which end: `LEFT`, `RIGHT`, `MIN`, `MAX`.
    pub(super) end: &'a [u8],
}

impl<'a> PopArguments<'a> {
    /// Parses the arguments from the number of keys on, which stands at position `at`.
    pub(super) fn parse(request: Request<'a>, at: usize) -> Result<Self, CommandError> {
        let numkeys = numkeys(&request[at])?;
        let end = request.arg(numkeys.saturating_add(at + 1)).ok_or(CommandError::Syntax)?;
        Ok(Self { request, at, numkeys, end })
    }

    /// How many elements to pop at most; the options come last, so read it after the rest.
    pub(super) fn count(&self) -> Result<usize, CommandError> {
        let mut options = self.request.iter().skip(self.at + self.numkeys + 2);
        let Some(option) = options.next() else { return Ok(1) };
        let value = options.next().filter(|_| options::is(option, "count"));
        let count =
            positive(value.ok_or(CommandError::Syntax)?, "ERR count should be greater than 0")?;
        if options.next().is_some() { Err(CommandError::Syntax) } else { Ok(count) }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        self.request.iter().skip(self.at + 1).take(self.numkeys)
    }
}
