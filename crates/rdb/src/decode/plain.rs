//! Values that are a count and as many items.

use std::ops::ControlFlow;

use super::{
    CRC_RUN, Found,
    input::{Halt, Input},
    machine::Flow,
    text::{Loc, Slot, Texts, short_string},
};
use crate::{Event, Fault, Limits, packed::array, score, types::Item};

/// The items of a value that are still to come.
#[derive(Debug)]
pub(crate) struct Items {
    item: Item,
    left: u64,
    /// What the fields' expiries count from.
    base: u64,
}

impl Items {
    pub(crate) fn new(item: Item, left: u64, base: u64) -> Self {
        Self { item, left, base }
    }

    /// Finds the next item; goes on after the last.
    #[inline]
    pub(crate) fn next(
        &mut self,
        input: &mut Input<'_>,
        texts: &mut Texts,
        limits: &Limits,
        found: &mut Found,
    ) -> Result<Flow, Halt> {
        if self.left == 0 {
            return Ok(Flow::Go);
        }
        let at = input.at;
        let next = match self.item {
            Item::ListElement | Item::SetMember => {
                let (element, next) = texts.read(input, at, Slot::First, limits)?;
                *found = Found::Element(element);
                next
            }
            Item::Scored => {
                let (member, next) = texts.read(input, at, Slot::First, limits)?;
                let score = f64::from_le_bytes(input.array(next)?);
                if score.is_nan() {
                    return Err(Halt::fault(input.offset(next), Fault::Score));
                }
                *found = Found::Scored(member, score);
                next + 8
            }
            Item::TextScored => {
                let (member, next) = texts.read(input, at, Slot::First, limits)?;
                let (score, next) = text_score(input, next)?;
                *found = Found::Scored(member, score);
                next
            }
            Item::Field => pair(input, at, texts, limits, None, found)?,
            Item::FieldThenExpiry => field_then_expiry(input, at, texts, limits, found)?,
            Item::ExpiryThenField | Item::RelativeExpiryThenField => {
                let (expiry, next) = input.number(at)?;
                let expires_ms = self.expiry(expiry, input.offset(at))?;
                pair(input, next, texts, limits, expires_ms, found)?
            }
        };
        input.at = next;
        self.left -= 1;
        Ok(Flow::Found)
    }

    /// Hands over items as long as their strings are short; stops where [`next`](Self::next) is to go
    /// on, or when a run of bytes is done with, so that the checksum finds it in the cache. Answers
    /// how many bytes are.
    #[inline]
    pub(crate) fn each(
        &mut self,
        bytes: &[u8],
        max: u64,
        mut take: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> (usize, ControlFlow<()>) {
        let (mut at, mut flow) = (0, ControlFlow::Continue(()));
        while self.left > 0 && at < CRC_RUN && flow.is_continue() {
            let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
            let Some((text, next)) = short_string(bytes, at, max, &mut first) else { break };
            let (event, next) = match self.item {
                Item::ListElement | Item::SetMember => (Event::Element(text), next),
                Item::Scored => match array(bytes, next).map(f64::from_le_bytes) {
                    Some(score) if !score.is_nan() => (Event::Scored(text, score), next + 8),
                    _ => break,
                },
                Item::Field => match short_string(bytes, next, max, &mut second) {
                    Some((value, next)) => {
                        (Event::Field { field: text, value, expires_ms: None }, next)
                    }
                    None => break,
                },
                _ => break,
            };
            at = next;
            self.left -= 1;
            flow = take(event);
        }
        (at, flow)
    }

    /// The time that an expiry before a field stands for: 0 says none, otherwise it counts from
    /// one less than the base.
    fn expiry(&self, expiry: u64, offset: u64) -> Result<Option<u64>, Halt> {
        if expiry == 0 {
            return Ok(None);
        }
        let at = match self.item {
            Item::RelativeExpiryThenField => self.base.checked_add(expiry - 1),
            _ => Some(expiry),
        };
        match at.filter(|at| i64::try_from(*at).is_ok()) {
            Some(at) => Ok(Some(at)),
            None => Err(Halt::fault(offset, Fault::FieldExpiry)),
        }
    }
}

fn pair(
    input: &Input<'_>,
    at: usize,
    texts: &mut Texts,
    limits: &Limits,
    expires_ms: Option<u64>,
    found: &mut Found,
) -> Result<usize, Halt> {
    let (field, at) = texts.read(input, at, Slot::First, limits)?;
    let (value, at) = texts.read(input, at, Slot::Second, limits)?;
    *found = Found::Field { field, value, expires_ms };
    Ok(at)
}

fn field_then_expiry(
    input: &Input<'_>,
    at: usize,
    texts: &mut Texts,
    limits: &Limits,
    found: &mut Found,
) -> Result<usize, Halt> {
    let (field, at): (Loc, usize) = texts.read(input, at, Slot::First, limits)?;
    let (value, at) = texts.read(input, at, Slot::Second, limits)?;
    let expires_ms = match i64::from_le_bytes(input.array(at)?) {
        -1 => None,
        expiry => match u64::try_from(expiry) {
            Ok(expiry) => Some(expiry),
            Err(_) => return Err(Halt::fault(input.offset(at), Fault::FieldExpiry)),
        },
    };
    *found = Found::Field { field, value, expires_ms };
    Ok(at + 8)
}

/// A score of a sorted set of type 3: a length and digits, or a length that is a name.
pub(super) fn text_score(input: &Input<'_>, at: usize) -> Result<(f64, usize), Halt> {
    let refuse = || Halt::fault(input.offset(at), Fault::Score);
    match input.byte(at)? {
        253 => Err(refuse()),
        254 => Ok((f64::INFINITY, at + 1)),
        255 => Ok((f64::NEG_INFINITY, at + 1)),
        len => {
            let digits = input.slice(at + 1, usize::from(len))?;
            Ok((score::parse(digits).ok_or_else(refuse)?, at + 1 + digits.len()))
        }
    }
}
