//! Strings as arrays of bits: `SETBIT`, `GETBIT`, `BITCOUNT`, `BITPOS`, `BITOP`, `BITFIELD`.

mod field;
mod range;

use std::ops::{BitAnd, BitOr, BitXor};

use redwire_resp::{Request, parse_i64};

use self::range::{Unit, bit_range};
use super::options::{integer, is};
use crate::Value;
use crate::command::{Command, Flags, Keys};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::{Str, StrRef};

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.with(Flags::FAST);
const WRITE: Flags = Flags::WRITE.with(Flags::DENYOOM);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("setbit", 4, WRITE, Keys::ONE, setbit),
    Command::data("getbit", 3, READ_FAST, Keys::ONE, getbit),
    Command::data("bitcount", -2, READ, Keys::ONE, bitcount),
    Command::data("bitpos", -3, READ, Keys::ONE, bitpos),
    Command::data("bitop", -4, WRITE, Keys::span(2, -1, 1), bitop),
    Command::data("bitfield", -2, WRITE, Keys::ONE, field::bitfield),
    Command::data("bitfield_ro", -2, READ_FAST, Keys::ONE, field::bitfield_ro),
];

/// The offset of a bit within the longest string that may be, from text.
fn bit_offset(arg: &[u8], data: &Data<'_>) -> Result<usize, CommandError> {
    let limit = data.max_string_len().saturating_mul(8);
    let offset = parse_i64(arg).and_then(|offset| usize::try_from(offset).ok());
    offset.filter(|offset| *offset < limit).ok_or_else(offset_out_of_range)
}

fn offset_out_of_range() -> CommandError {
    CommandError::text("ERR bit offset is not an integer or out of range")
}

/// The string at `key` with room for the bit at `last`, and whether it had to grow for that.
fn make_room<'d>(
    data: &'d mut Data<'_>,
    key: &[u8],
    last: usize,
) -> Result<(&'d mut Vec<u8>, bool), CommandError> {
    let is_new = !data.check::<Str>(key)?;
    let bytes = data.write_or_new::<Str>(key)?.make_mut();
    let grows = bytes.len() <= last / 8;
    if grows {
        bytes.resize(last / 8 + 1, 0);
    }
    Ok((bytes, is_new || grows))
}

/// The bit at `offset`, counted from the highest of the first byte; 0 beyond the end.
fn bit_at(bytes: &[u8], offset: usize) -> bool {
    bytes.get(offset / 8).is_some_and(|byte| byte & mask_of(offset) != 0)
}

fn mask_of(offset: usize) -> u8 {
    0x80 >> (offset % 8)
}

fn setbit(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let key = &request[1];
    let offset = bit_offset(&request[2], &context.data)?;
    let on = match &request[3] {
        b"0" => false,
        b"1" => true,
        _ => return Err(CommandError::text("ERR bit is not an integer or out of range")),
    };
    let (bytes, grew) = make_room(&mut context.data, key, offset)?;
    let old = bit_at(bytes, offset);
    if on {
        bytes[offset / 8] |= mask_of(offset);
    } else {
        bytes[offset / 8] &= !mask_of(offset);
    }
    if grew || old != on {
        context.data.changed(key, EventClass::String, "setbit");
    }
    context.reply.integer(i64::from(old));
    Ok(())
}

fn getbit(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let offset = bit_offset(&request[2], &context.data)?;
    let string = context.data.read::<Str>(&request[1])?;
    let bit = string.is_some_and(|string| bit_at(&string.as_bytes(), offset));
    context.reply.integer(i64::from(bit));
    Ok(())
}

fn bitcount(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let Some(string) = context.data.read::<Str>(&request[1])? else {
        context.reply.integer(0);
        return Ok(());
    };
    let bytes = string.as_bytes();
    let bits = match request.len() {
        2 => 0..bytes.len() * 8,
        // The end may be left out since Valkey 8.0.
        3..=5 => {
            let (start, end) = (integer(&request[2])?, request.arg(3).map_or(Ok(-1), integer)?);
            if start < 0 && end < 0 && start > end {
                context.reply.integer(0);
                return Ok(());
            }
            bit_range(start, end, Unit::parse(request.arg(4))?, bytes.len())
        }
        _ => return Err(CommandError::Syntax),
    };
    context.reply.integer(range::count_ones(&bytes, bits) as i64);
    Ok(())
}

fn bitpos(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let bit = match integer(&request[2])? {
        0 => false,
        1 => true,
        _ => return Err(CommandError::text("ERR The bit argument must be 1 or 0.")),
    };
    let Some(string) = context.data.read::<Str>(&request[1])? else {
        context.reply.integer(if bit { -1 } else { 0 });
        return Ok(());
    };
    let bytes = string.as_bytes();
    if request.len() > 6 {
        return Err(CommandError::Syntax);
    }
    let start = request.arg(3).map_or(Ok(0), integer)?;
    let unit = Unit::parse(request.arg(5))?;
    let end = request.arg(4).map(integer).transpose()?;
    let bits = bit_range(start, end.unwrap_or(-1), unit, bytes.len());
    let is_empty = bits.is_empty();
    let position = match range::find(&bytes, bits, bit) {
        Some(position) => position as i64,
        // Zeros follow behind the end, unless an end was named.
        None if !bit && end.is_none() && !is_empty => bytes.len() as i64 * 8,
        None => -1,
    };
    context.reply.integer(position);
    Ok(())
}

/// What `BITOP` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
    /// What the first has and none of the others (this one and those below came with Redis 8.2).
    Diff,
    /// What any of the others has and not the first.
    Diff1,
    /// What the first has and any of the others, too.
    AndOr,
    /// What one alone has.
    One,
}

impl Operation {
    const NAMES: [(&'static str, Self); 8] = [
        ("AND", Self::And),
        ("OR", Self::Or),
        ("XOR", Self::Xor),
        ("NOT", Self::Not),
        ("DIFF", Self::Diff),
        ("DIFF1", Self::Diff1),
        ("ANDOR", Self::AndOr),
        ("ONE", Self::One),
    ];

    /// Reads it, and looks whether it is for so many strings.
    fn parse(arg: &[u8], strings: usize) -> Result<Self, CommandError> {
        let found = Self::NAMES.into_iter().find(|(name, _)| is(arg, name));
        let (name, operation) = found.ok_or(CommandError::Syntax)?;
        match operation {
            Self::Not if strings != 1 => {
                Err(CommandError::text("ERR BITOP NOT must be called with a single source key."))
            }
            Self::Diff | Self::Diff1 | Self::AndOr if strings < 2 => Err(CommandError::text(
                format!("ERR BITOP {name} must be called with at least two source keys."),
            )),
            _ => Ok(operation),
        }
    }

    /// Whether servers before Redis 8.2 lack it.
    fn is_recent(self) -> bool {
        matches!(self, Self::Diff | Self::Diff1 | Self::AndOr | Self::One)
    }

    /// The string that comes of `strings`, as long as the longest of them: those that are shorter end in
    /// zeros.
    fn of(self, strings: &[Str]) -> Vec<u8> {
        match self {
            Self::And => fold(strings, u8::bitand),
            Self::Or => fold(strings, u8::bitor),
            Self::Xor => fold(strings, u8::bitxor),
            Self::Not => fold(strings, |byte, _| byte).into_iter().map(|byte| !byte).collect(),
            Self::One => one(strings),
            Self::Diff | Self::Diff1 | Self::AndOr => {
                let (first, others) = strings.split_at(1.min(strings.len()));
                let (mut first, mut others) = (fold(first, u8::bitor), fold(others, u8::bitor));
                let len = first.len().max(others.len());
                first.resize(len, 0);
                others.resize(len, 0);
                let combine: fn(u8, u8) -> u8 = match self {
                    Self::Diff => |first, others| first & !others,
                    Self::Diff1 => |first, others| !first & others,
                    _ => u8::bitand,
                };
                first
                    .iter_mut()
                    .zip(others)
                    .for_each(|(byte, other)| *byte = combine(*byte, other));
                first
            }
        }
    }
}

/// The strings combined one after the other.
fn fold(strings: &[Str], combine: fn(u8, u8) -> u8) -> Vec<u8> {
    let len = strings.iter().map(Str::len).max().unwrap_or(0);
    let mut strings = strings.iter();
    let mut result = strings.next().map_or_else(Vec::new, |first| first.as_bytes().into_owned());
    result.resize(len, 0);
    for string in strings {
        let bytes = string.as_bytes();
        let (common, beyond) = result.split_at_mut(bytes.len());
        common.iter_mut().zip(&*bytes).for_each(|(byte, other)| *byte = combine(*byte, *other));
        beyond.iter_mut().for_each(|byte| *byte = combine(*byte, 0));
    }
    result
}

/// The bits that one of the strings has and no other.
fn one(strings: &[Str]) -> Vec<u8> {
    let mut once = vec![0; strings.iter().map(Str::len).max().unwrap_or(0)];
    let mut more = once.clone();
    for string in strings {
        for ((once, more), byte) in once.iter_mut().zip(&mut more).zip(&*string.as_bytes()) {
            *more |= *once & byte;
            *once |= byte;
        }
    }
    once.iter_mut().zip(more).for_each(|(once, more)| *once &= !more);
    once
}

fn bitop(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let to = &request[2];
    let operation = Operation::parse(&request[1], request.len() - 3)?;
    let mut strings = Vec::with_capacity(request.len() - 3);
    for key in request.iter().skip(3) {
        strings.push(context.data.read::<Str>(key)?.map(StrRef::to_str).unwrap_or_default());
    }
    let result = operation.of(&strings);
    let len = result.len();
    if len > 0 {
        if operation.is_recent() && context.data.begin_effect() {
            context.data.effect([b"SET", to, &result]);
        }
        context.data.put(to, Value::String(Str::from(result)), None);
        context.data.changed(to, EventClass::String, "set");
    } else if context.data.delete(to) {
        if operation.is_recent() {
            context.data.effect([b"DEL", to]);
        }
        context.data.changed(to, EventClass::Generic, "del");
    }
    context.reply.integer(len as i64);
    Ok(())
}
