//! Values that are handed on as they stand: their structure, to find and check their end.

use super::{
    input::{Halt, Input},
    plain,
    stream::StreamWalk,
    text::{self, Slot, Texts},
};
use crate::{
    Fault, Limits,
    types::{Item, Shape, StreamType, container},
};

/// A walk through bytes that stay unread until it is at their end. It goes on where it halted.
#[derive(Debug)]
pub(crate) struct Walk {
    step: Step,
    /// How far it is, from the first byte.
    len: usize,
}

/// What has to be read next.
#[derive(Debug)]
enum Step {
    /// A module's id.
    ModuleId,
    /// A module's id, and when its data is to be loaded.
    AuxHead,
    /// How many classes of metadata a key has.
    ClassCount,
    /// The id of a class, if one is left.
    Class {
        left: u64,
    },
    /// What a module wrote, up to an end mark; then the next class.
    Operations {
        left: u64,
    },
    /// The name of a slot import, and how many ranges it has.
    ImportHead,
    /// First and last slot of a range.
    Ranges {
        left: u64,
    },
    Stream(Box<StreamWalk>),
    /// The least expiry of a hash's fields, then as many fields as a count says, or one packed
    /// value.
    LeastExpiry(Option<Item>),
    /// How many of these follow.
    Count(Unit),
    /// How many elements an array has, and its insert cursor, if it has one.
    ArrayHead,
    Number,
    /// So many of these.
    Units {
        unit: Unit,
        left: u64,
    },
    Done,
}

/// What repeats in a value.
#[derive(Debug, Clone, Copy)]
enum Unit {
    Item(Item),
    /// A string, whatever it packs.
    String,
    /// A container and a string.
    Node,
    /// An index, a tag, and what the tag says.
    Indexed,
}

/// How an element of an array is written.
mod tag {
    pub(super) const STRING: u64 = 0;
    pub(super) const INT: u64 = 1;
    pub(super) const F64: u64 = 2;
    pub(super) const SHORT: u64 = 3;
}

/// What a module can write: opcodes within its data.
mod operation {
    pub(super) const END: u64 = 0;
    pub(super) const SIGNED: u64 = 1;
    pub(super) const UNSIGNED: u64 = 2;
    pub(super) const F32: u64 = 3;
    pub(super) const F64: u64 = 4;
    pub(super) const STRING: u64 = 5;
}

impl Walk {
    /// Type 7.
    pub(crate) fn module() -> Self {
        Self::new(Step::ModuleId)
    }

    /// Opcode 247.
    pub(crate) fn module_aux() -> Self {
        Self::new(Step::AuxHead)
    }

    /// Opcode 243 of Redis.
    pub(crate) fn key_meta() -> Self {
        Self::new(Step::ClassCount)
    }

    /// Opcode 243 of Valkey.
    pub(crate) fn slot_import() -> Self {
        Self::new(Step::ImportHead)
    }

    pub(crate) fn stream(generation: StreamType) -> Self {
        Self::new(Step::Stream(Box::new(StreamWalk::new(generation))))
    }

    /// A value of any type. Its strings are passed, not looked into.
    pub(crate) fn value(shape: Shape) -> Self {
        Self::new(match shape {
            Shape::String | Shape::Packed(_) => Step::Units { unit: Unit::String, left: 1 },
            Shape::Plain(item @ Item::RelativeExpiryThenField) => Step::LeastExpiry(Some(item)),
            Shape::Plain(item) => Step::Count(Unit::Item(item)),
            Shape::PackedExpiring(_) => Step::LeastExpiry(None),
            Shape::Quicklist => Step::Count(Unit::String),
            Shape::Quicklist2 => Step::Count(Unit::Node),
            Shape::Stream(generation) => return Self::stream(generation),
            Shape::Module => return Self::module(),
            Shape::Array => Step::ArrayHead,
            Shape::Gcra => Step::Number,
        })
    }

    fn new(step: Step) -> Self {
        Self { step, len: 0 }
    }

    /// Goes on to the end, and says how many bytes from `input.at` on belong to it.
    pub(crate) fn run(
        &mut self,
        input: &Input<'_>,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<usize, Halt> {
        while !matches!(self.step, Step::Done) {
            let at = input.at + self.len;
            let end = self.advance(input, at, texts, limits)?;
            self.len = end - input.at;
            if self.len as u64 > limits.max_opaque {
                let offset = input.offset(input.at);
                return Err(Halt::limit(offset, "max_opaque", self.len as u64, limits.max_opaque));
            }
        }
        Ok(self.len)
    }

    /// Takes a step at `at`, and says where it ends.
    fn advance(
        &mut self,
        input: &Input<'_>,
        at: usize,
        texts: &mut Texts,
        limits: &Limits,
    ) -> Result<usize, Halt> {
        let (step, end) = match &mut self.step {
            Step::ModuleId => (Step::Operations { left: 1 }, input.number(at)?.1),
            Step::AuxHead => (Step::Operations { left: 1 }, aux_head(input, at)?),
            Step::ClassCount => counted(input, at, |left| Step::Class { left })?,
            Step::Class { left: 0 }
            | Step::Ranges { left: 0 }
            | Step::Units { left: 0, .. }
            | Step::Done => (Step::Done, at),
            Step::Class { left } => (Step::Operations { left: *left }, past(input, at, 4)?),
            Step::Operations { left } => match operation(input, at, texts, limits)? {
                (operation::END, end) if *left == 1 => (Step::Done, end),
                (operation::END, end) => (Step::Class { left: *left - 1 }, end),
                (_, end) => return Ok(end),
            },
            Step::ImportHead => {
                let (_, end) = texts.read(input, at, Slot::First, limits)?;
                counted(input, end, |left| Step::Ranges { left })?
            }
            Step::Ranges { left } => {
                let last = input.number(at)?.1;
                (Step::Ranges { left: *left - 1 }, input.number(last)?.1)
            }
            Step::Stream(walk) => match walk.advance(input, at, texts, limits)? {
                (_, end) if walk.is_done() => (Step::Done, end),
                (_, end) => return Ok(end),
            },
            Step::LeastExpiry(Some(item)) => (Step::Count(Unit::Item(*item)), past(input, at, 8)?),
            Step::LeastExpiry(None) => {
                (Step::Units { unit: Unit::String, left: 1 }, past(input, at, 8)?)
            }
            Step::Count(unit) => counted(input, at, |left| Step::Units { unit: *unit, left })?,
            Step::ArrayHead => array_head(input, at)?,
            Step::Number => (Step::Done, input.number(at)?.1),
            Step::Units { unit, left } => {
                let end = unit.end(input, at, limits)?;
                *left -= 1;
                return Ok(end);
            }
        };
        self.step = step;
        Ok(end)
    }
}

impl Unit {
    /// Where the one at `at` ends.
    fn end(self, input: &Input<'_>, at: usize, limits: &Limits) -> Result<usize, Halt> {
        let string = |at| text::end_of_string(input, at, limits);
        let eight = |at| past(input, at, 8);
        match self {
            Self::String | Self::Item(Item::ListElement | Item::SetMember) => string(at),
            Self::Node => match input.number(at)? {
                (container::PLAIN | container::PACKED, next) => string(next),
                _ => Err(Halt::fault(input.offset(at), Fault::Container)),
            },
            Self::Indexed => {
                let (_, next) = input.number(at)?;
                match input.number(next)? {
                    (tag::STRING | tag::SHORT, next) => string(next),
                    (tag::INT | tag::F64, next) => eight(next),
                    _ => Err(Halt::fault(input.offset(next), Fault::ArrayTag)),
                }
            }
            Self::Item(Item::Scored) => eight(string(at)?),
            Self::Item(Item::TextScored) => Ok(plain::text_score(input, string(at)?)?.1),
            Self::Item(Item::Field) => string(string(at)?),
            Self::Item(Item::FieldThenExpiry) => eight(string(string(at)?)?),
            Self::Item(Item::ExpiryThenField | Item::RelativeExpiryThenField) => {
                string(string(input.number(at)?.1)?)
            }
        }
    }
}

/// The step that comes so often as the number at `at` says, and where it begins.
fn counted(
    input: &Input<'_>,
    at: usize,
    step: impl FnOnce(u64) -> Step,
) -> Result<(Step, usize), Halt> {
    let (count, end) = input.number(at)?;
    Ok((step(count), end))
}

/// The end of `len` bytes that are not looked into.
fn past(input: &Input<'_>, at: usize, len: usize) -> Result<usize, Halt> {
    input.slice(at, len).map(|_| at + len)
}

/// How many elements an array has, behind which its insert cursor stands if a flag says so.
fn array_head(input: &Input<'_>, at: usize) -> Result<(Step, usize), Halt> {
    let (left, at) = input.number(at)?;
    let elements = Step::Units { unit: Unit::Indexed, left };
    match input.number(at)? {
        (0, end) => Ok((elements, end)),
        (1, cursor) => Ok((elements, input.number(cursor)?.1)),
        _ => Err(Halt::fault(input.offset(at), Fault::ArrayTag)),
    }
}

/// A module's id, and when its data is to be loaded, which is written as a module's number.
fn aux_head(input: &Input<'_>, at: usize) -> Result<usize, Halt> {
    let (_, at) = input.number(at)?;
    let (kind, end) = input.number(at)?;
    if kind != operation::UNSIGNED {
        return Err(Halt::fault(input.offset(at), Fault::ModuleOpcode));
    }
    Ok(input.number(end)?.1)
}

/// One thing that a module wrote, and where it ends.
fn operation(
    input: &Input<'_>,
    at: usize,
    texts: &mut Texts,
    limits: &Limits,
) -> Result<(u64, usize), Halt> {
    let (code, next) = input.number(at)?;
    let end = match code {
        operation::END => next,
        operation::SIGNED | operation::UNSIGNED => input.number(next)?.1,
        operation::F32 => input.slice(next, 4).map(|_| next + 4)?,
        operation::F64 => input.slice(next, 8).map(|_| next + 8)?,
        operation::STRING => texts.read(input, next, Slot::First, limits)?.1,
        _ => return Err(Halt::fault(input.offset(at), Fault::ModuleOpcode)),
    };
    Ok((code, end))
}
