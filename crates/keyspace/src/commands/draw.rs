//! Random draws from a collection: what `SRANDMEMBER`, `HRANDFIELD` and `ZRANDMEMBER` share.

use std::collections::HashSet;

use redwire_resp::{Encoder, Request};

use super::{options, pairs};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};

/// Most bytes of a reply that draws the same elements again and again: a count of -2^60 asks for
/// more than any memory, out of one element. Redis goes on until the client's output buffer limit.
const REPEATED_BYTES_MAX: usize = 128 << 20;

/// What a command asked for: how many elements, and whether as pairs (`WITHVALUES`, `WITHSCORES`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Draw {
    amount: Amount,
    pub(super) pairs: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    /// Without a count: an element, not an array of them.
    One,
    /// Up to so many, each at most once.
    Distinct(usize),
    /// Just so many, each out of all: a negative count.
    Repeated(usize),
}

impl Draw {
    /// Reads the count of `request`, its argument 2, and `pair_option` behind it.
    pub(super) fn parse(
        request: Request<'_>,
        pair_option: Option<&str>,
    ) -> Result<Self, CommandError> {
        let Some(count) = request.arg(2) else {
            return Ok(Self { amount: Amount::One, pairs: false });
        };
        if pair_option.is_none() && request.len() > 3 {
            return Err(CommandError::Syntax);
        }
        let count = options::integer(count)?;
        if count == i64::MIN {
            let max = i64::MAX;
            return Err(CommandError::text(format!(
                "ERR value is out of range, value must between -{max} and {max}"
            )));
        }
        let pairs = request.len() > 3;
        let is_pair_option = |arg| pair_option.is_some_and(|name| options::is(arg, name));
        if request.len() > 4 || !request.iter().skip(3).all(is_pair_option) {
            return Err(CommandError::Syntax);
        }
        if pairs && count.unsigned_abs() > i64::MAX as u64 / 2 {
            return Err(out_of_range());
        }
        let number = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        let amount = if count < 0 { Amount::Repeated(number) } else { Amount::Distinct(number) };
        Ok(Self { amount, pairs })
    }

    /// Writes the reply: `write` is called with the position of each element drawn out of `len`, and
    /// writes it, or both of its pair.
    pub(super) fn write(
        self,
        context: &mut Context<'_>,
        len: usize,
        mut write: impl FnMut(&mut Encoder<'_>, usize),
    ) -> CommandResult {
        let Context { data, reply, .. } = context;
        match self.amount {
            Amount::One if len == 0 => reply.null(),
            Amount::One => write(reply, data.random_below(len)),
            _ if len == 0 => reply.array(0),
            Amount::Distinct(count) => {
                self.write_head(reply, count.min(len));
                distinct(data, count, len, |position| {
                    self.write_element(reply, position, &mut write);
                });
            }
            Amount::Repeated(count) => {
                self.write_head(reply, count);
                let start = reply.len();
                for _ in 0..count {
                    self.write_element(reply, data.random_below(len), &mut write);
                    if reply.len() - start > REPEATED_BYTES_MAX {
                        return Err(out_of_range());
                    }
                }
            }
        }
        Ok(())
    }

    fn write_head(self, reply: &mut Encoder<'_>, count: usize) {
        if self.pairs {
            pairs::array(reply, count);
        } else {
            reply.array(count);
        }
    }

    fn write_element(
        self,
        reply: &mut Encoder<'_>,
        position: usize,
        write: &mut impl FnMut(&mut Encoder<'_>, usize),
    ) {
        if self.pairs {
            pairs::begin(reply);
        }
        write(reply, position);
    }
}

/// Draws `count` distinct positions below `len`, or all if there are no more; each subset is as
/// likely as any other (Floyd's sampling).
fn distinct(data: &mut Data<'_>, count: usize, len: usize, mut draw: impl FnMut(usize)) {
    if count >= len {
        return (0..len).for_each(draw);
    }
    let mut drawn = HashSet::with_hasher(foldhash::fast::FixedState::default());
    for last in len - count..len {
        let position = data.random_below(last + 1);
        // All drawn so far are below `last`, so it is free.
        let position = if drawn.contains(&position) { last } else { position };
        drawn.insert(position);
        draw(position);
    }
}

fn out_of_range() -> CommandError {
    CommandError::text("ERR value is out of range")
}
