//! `BITFIELD`: integers of any width at any bit of a string.

use redwire_resp::{Request, parse_i64};

use super::{bit_at, bit_offset, make_room, mask_of, offset_out_of_range};
use crate::commands::options::{integer, is};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::{Str, StrRef};

/// What becomes of a number that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overflow {
    Wrap,
    Saturate,
    /// Nothing is written, and null is the reply.
    Fail,
}

/// Where an integer stands, and how wide it is.
#[derive(Debug, Clone, Copy)]
struct Field {
    signed: bool,
    /// From 1 to 64.
    bits: u32,
    offset: usize,
}

#[derive(Debug, Clone, Copy)]
enum Operation {
    Get,
    Set(i64, Overflow),
    Increase(i64, Overflow),
}

pub(super) fn bitfield(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let operations = parse(request, &context.data)?;
    run(context, &request[1], &operations)
}

pub(super) fn bitfield_ro(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let operations = parse(request, &context.data)?;
    if last_written(&operations).is_some() {
        return Err(CommandError::text("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    run(context, &request[1], &operations)
}

fn parse(request: Request<'_>, data: &Data<'_>) -> Result<Vec<(Field, Operation)>, CommandError> {
    let mut operations = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut args = request.iter().skip(2);
    while let Some(name) = args.next() {
        let left = args.len();
        if is(name, "OVERFLOW") && left >= 1 {
            overflow = Overflow::parse(args.next().unwrap_or_default())?;
            continue;
        }
        let operation: fn(i64, Overflow) -> Operation = match () {
            () if is(name, "GET") && left >= 2 => |_, _| Operation::Get,
            () if is(name, "SET") && left >= 3 => Operation::Set,
            () if is(name, "INCRBY") && left >= 3 => Operation::Increase,
            () => return Err(CommandError::Syntax),
        };
        let mut next = || args.next().unwrap_or_default();
        let field = Field::parse(next(), next(), data)?;
        let number = if is(name, "GET") { 0 } else { integer(next())? };
        operations.push((field, operation(number, overflow)));
    }
    Ok(operations)
}

/// The last bit that any of the operations may write.
fn last_written(operations: &[(Field, Operation)]) -> Option<usize> {
    let writes = operations.iter().filter(|(_, operation)| !matches!(operation, Operation::Get));
    writes.map(|(field, _)| field.offset + field.bits as usize - 1).max()
}

fn run(context: &mut Context<'_>, key: &[u8], operations: &[(Field, Operation)]) -> CommandResult {
    let Context { data, reply, .. } = context;
    let Some(last) = last_written(operations) else {
        let string = data.read::<Str>(key)?.map(StrRef::to_str).unwrap_or_default();
        reply.array(operations.len());
        for (field, _) in operations {
            reply.integer(field.get(&string.as_bytes()));
        }
        return Ok(());
    };
    let (bytes, grew) = make_room(data, key, last)?;
    reply.array(operations.len());
    let mut changes = 0;
    for (field, operation) in operations {
        let old = field.get(bytes);
        let (new, answer) = match *operation {
            Operation::Get => (Some(old), Some(old)),
            Operation::Set(value, overflow) => {
                let new = field.fit(value, 0, overflow);
                (new, new.map(|_| old))
            }
            Operation::Increase(by, overflow) => {
                let new = field.fit(old, by, overflow);
                (new, new)
            }
        };
        let writes = !matches!(operation, Operation::Get);
        if let Some(new) = new.filter(|new| writes && (grew || *new != old)) {
            field.set(bytes, new);
            changes += 1;
        }
        match answer {
            Some(answer) => reply.integer(answer),
            None => reply.null(),
        }
    }
    if changes > 0 {
        data.changed(key, EventClass::String, "setbit");
        data.changed_more(changes - 1);
    } else if grew {
        // By operations that all failed: Redis has neither an event nor a failed EXEC for it, and does
        // not tell replicas, which have another string then. They are told here.
        data.changed_more(1);
    }
    Ok(())
}

impl Overflow {
    fn parse(arg: &[u8]) -> Result<Self, CommandError> {
        match () {
            () if is(arg, "WRAP") => Ok(Self::Wrap),
            () if is(arg, "SAT") => Ok(Self::Saturate),
            () if is(arg, "FAIL") => Ok(Self::Fail),
            () => Err(CommandError::text("ERR Invalid OVERFLOW type specified")),
        }
    }
}

impl Field {
    /// Reads a type such as `u8` or `i64`, and an offset, which counts fields after a `#`.
    fn parse(kind: &[u8], offset: &[u8], data: &Data<'_>) -> Result<Self, CommandError> {
        let (signed, width, widest) = match kind {
            [b'i', width @ ..] => (true, width, 64),
            [b'u', width @ ..] => (false, width, 63),
            _ => return Err(invalid_type()),
        };
        let bits = parse_i64(width).and_then(|bits| u32::try_from(bits).ok());
        let bits = bits.filter(|bits| (1..=widest).contains(bits)).ok_or_else(invalid_type)?;
        let offset = match offset {
            [b'#', count @ ..] => {
                let count = parse_i64(count).ok_or_else(offset_out_of_range)?;
                let offset = count.checked_mul(i64::from(bits)).ok_or_else(offset_out_of_range)?;
                bit_offset(itoa::Buffer::new().format(offset).as_bytes(), data)?
            }
            offset => bit_offset(offset, data)?,
        };
        Ok(Self { signed, bits, offset })
    }

    /// The integer that stands there; beyond the end are zeros.
    fn get(self, bytes: &[u8]) -> i64 {
        let positions = self.offset..self.offset + self.bits as usize;
        let bits = positions.map(|at| i64::from(bit_at(bytes, at)));
        self.cut(bits.fold(0, |value, bit| value << 1 | bit))
    }

    fn set(self, bytes: &mut [u8], value: i64) {
        for (nth, at) in (self.offset..self.offset + self.bits as usize).rev().enumerate() {
            if value >> nth & 1 == 1 {
                bytes[at / 8] |= mask_of(at);
            } else {
                bytes[at / 8] &= !mask_of(at);
            }
        }
    }

    /// `value + increment` as it is written; `None` if it is not, because it does not fit.
    ///
    /// An unsigned field's `value` is one in 64 bits: what is negative is large. The arithmetic is
    /// Redis' own, with what wraps in it: a `SET` of a number near an `i64`'s lowest end saturates
    /// at the field's highest. A replica that runs the command must come to the same.
    fn fit(self, value: i64, increment: i64, overflow: Overflow) -> Option<i64> {
        let (beyond, min, max) = if self.signed {
            let max = i64::MAX >> (i64::BITS - self.bits);
            let min = !max;
            (signed_overflow(self.bits, value, increment, min, max), min, max)
        } else {
            let max = i64::MAX >> (i64::BITS - 1 - self.bits);
            (unsigned_overflow(value, increment, max), 0, max)
        };
        let sum = value.wrapping_add(increment);
        match (beyond, overflow) {
            (None, _) => Some(sum),
            (Some(_), Overflow::Wrap) => Some(self.cut(sum)),
            (Some(Beyond::Above), Overflow::Saturate) => Some(max),
            (Some(Beyond::Below), Overflow::Saturate) => Some(min),
            (Some(_), Overflow::Fail) => None,
        }
    }

    /// The lowest bits of `value` as an integer of this kind.
    fn cut(self, value: i64) -> i64 {
        let unused = u64::BITS - self.bits;
        let high = (value as u64) << unused;
        if self.signed { high as i64 >> unused } else { (high >> unused) as i64 }
    }
}

/// On which side a number is out of a field's range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    Above,
    Below,
}

fn signed_overflow(bits: u32, value: i64, increment: i64, min: i64, max: i64) -> Option<Beyond> {
    let (room_above, room_below) = (max.wrapping_sub(value), min.wrapping_sub(value));
    let narrow = bits < i64::BITS;
    let above = increment > room_above && (narrow || (value >= 0 && increment > 0));
    let below = increment < room_below && (narrow || (value < 0 && increment < 0));
    if value > max || above {
        Some(Beyond::Above)
    } else if value < min || below {
        Some(Beyond::Below)
    } else {
        None
    }
}

fn unsigned_overflow(value: i64, increment: i64, max: i64) -> Option<Beyond> {
    if value as u64 > max as u64 || increment > max.wrapping_sub(value) {
        Some(Beyond::Above)
    } else if increment < value.wrapping_neg() {
        Some(Beyond::Below)
    } else {
        None
    }
}

fn invalid_type() -> CommandError {
    CommandError::text(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but \
         i64 is.",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::commands::testing::Rig;

    #[test]
    fn a_string_that_grew_by_what_failed_is_told_to_replicas_alone() {
        let mut rig = Rig::new();
        rig.keyspace.events().want([EventClass::String]);
        let failing = "BITFIELD k OVERFLOW FAIL INCRBY u8 #2 300";
        rig.run("WATCH k");
        rig.check_traces(&[(failing, &[failing], &[]), (failing, &[], &[])]);
        rig.run("MULTI");
        assert_eq!(rig.run("EXEC"), "*0", "as in Redis");
        let writing = "BITFIELD k OVERFLOW FAIL INCRBY u8 #3 300 SET u8 0 0 GET u8 0";
        rig.run("WATCH k");
        rig.check_traces(&[(writing, &[writing], &["setbit k"]), (writing, &[], &[])]);
        rig.run("MULTI");
        assert_eq!(rig.run("EXEC"), "*-1");
    }

    proptest! {
        #[test]
        fn what_is_set_is_got(
            signed in any::<bool>(), bits in 1_u32..64, offset in 0_usize..70, value in any::<i64>(),
            around in any::<u8>(),
        ) {
            let field = Field { signed, bits, offset };
            let mut bytes = vec![around; 20];
            field.set(&mut bytes, value);
            prop_assert_eq!(field.get(&bytes), field.cut(value));
            let outside = (0..160).filter(|at| !(offset..offset + bits as usize).contains(at));
            for at in outside {
                prop_assert_eq!(bit_at(&bytes, at), bit_at(&[around; 20], at));
            }
        }

        /// Against wider arithmetic, where nothing wraps.
        #[test]
        fn an_increase_stays_in_the_field(
            signed in any::<bool>(), bits in 1_u32..64, old in any::<i64>(), by in any::<i64>(),
        ) {
            let field = Field { signed, bits, offset: 0 };
            let old = field.cut(old);
            let (min, max) = if signed {
                (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1)
            } else {
                (0, (1_i128 << bits) - 1)
            };
            let by = by >> (bits % 64);
            let sum = i128::from(old) + i128::from(by);
            let fits = (min..=max).contains(&sum);
            let fit = |overflow| field.fit(old, by, overflow).map(i128::from);
            prop_assert_eq!(fit(Overflow::Fail), fits.then_some(sum));
            prop_assert_eq!(fit(Overflow::Saturate), Some(sum.clamp(min, max)));
            let wrapped = (sum - min).rem_euclid(max - min + 1) + min;
            prop_assert_eq!(fit(Overflow::Wrap), Some(wrapped));
        }
    }
}
