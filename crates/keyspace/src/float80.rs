//! [`Float80`]: the x87 extended float (`long double`) that `INCRBYFLOAT` and `HINCRBYFLOAT`
//! compute with, in integers alone.
//!
//! Redis reads both numbers with `strtold`, adds them with 64 bits of mantissa and prints the sum
//! with `%.17Lf` less its trailing zeros. Replies and what replicas get have to be the same bytes,
//! which no `f64` gives: 0.1 + 0.2 is to be 0.3.

mod natural;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;

use natural::Natural;

/// The exponent of the lowest bit that a number can have: the smallest one is 2 to this power.
const EXPONENT_MIN: i32 = -16445;

/// Numbers from 2 to this power on are infinite.
const EXPONENT_LIMIT: i32 = 16384;

/// Digits behind the point that are printed.
const FRACTION_DIGITS: u32 = 17;

/// A number of 64 bits of mantissa and 15 of exponent, or an infinity; there is no NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Float80 {
    Infinite { negative: bool },
    Finite(Finite),
}

/// `mantissa` times 2 to the `exponent`, which is at least [`EXPONENT_MIN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finite {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

/// Why [`add_decimal`] gives no sum; in the order in which `HINCRBYFLOAT` looks for faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatError {
    /// The increment is no number.
    Increment,
    /// The increment is infinite.
    InfiniteIncrement,
    /// The current value is no number.
    Current,
    /// The sum would be infinite or NaN.
    OutOfRange,
}

/// The sum of two numbers in text, printed as `INCRBYFLOAT` and `HINCRBYFLOAT` answer it.
pub(crate) fn add_decimal(current: &[u8], increment: &[u8]) -> Result<String, FloatError> {
    let increment = Float80::parse(increment).ok_or(FloatError::Increment)?;
    if increment.is_infinite() {
        return Err(FloatError::InfiniteIncrement);
    }
    let current = Float80::parse(current).ok_or(FloatError::Current)?;
    let sum = current.checked_add(increment).ok_or(FloatError::OutOfRange)?;
    Ok(sum.to_string())
}

impl Float80 {
    pub(crate) fn is_infinite(self) -> bool {
        matches!(self, Self::Infinite { .. })
    }

    /// The sum, rounded to nearest, halves to even; `None` where it is infinite or NaN.
    pub(crate) fn checked_add(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Finite(a), Self::Finite(b)) => Some(a.add(b)).filter(|sum| !sum.is_infinite()),
            _ => None,
        }
    }
}

impl Finite {
    /// Bits of room below the larger mantissa, where the smaller one is brought to.
    const ROOM: u32 = 62;

    fn add(self, other: Self) -> Float80 {
        let (a, b) = (self.normalized(), other.normalized());
        let (large, small) = if a.exponent >= b.exponent { (a, b) } else { (b, a) };
        let distance = large.exponent.abs_diff(small.exponent);
        let large_bits = u128::from(large.mantissa) << Self::ROOM;
        let small_bits = shift_right_sticky(u128::from(small.mantissa) << Self::ROOM, distance);
        let (negative, sum) = if large.negative == small.negative {
            (large.negative, large_bits + small_bits)
        } else if large_bits >= small_bits {
            (large.negative, large_bits - small_bits)
        } else {
            (small.negative, small_bits - large_bits)
        };
        round(negative, sum, large.exponent - Self::ROOM as i32)
    }

    /// The same number with the highest bit of the mantissa set, where the exponent allows it.
    fn normalized(self) -> Self {
        let room = self.exponent.abs_diff(EXPONENT_MIN);
        let shift = self.mantissa.leading_zeros().min(room);
        if self.mantissa == 0 {
            return Self { exponent: EXPONENT_MIN, ..self };
        }
        Self { mantissa: self.mantissa << shift, exponent: self.exponent - shift as i32, ..self }
    }
}

/// `bits` times 2 to the `exponent` as the nearest number that there is.
fn round(negative: bool, bits: u128, exponent: i32) -> Float80 {
    let length = (u128::BITS - bits.leading_zeros()) as i32;
    let drop = (length - 64).max(EXPONENT_MIN - exponent).max(0);
    // What is below a number's lowest bit is less than 2^126, and so is what a sum drops.
    let drop = drop.min(127) as u32;
    let kept = bits >> drop;
    let rest = bits & ((1 << drop) - 1);
    let half = if drop == 0 { u128::MAX } else { 1 << (drop - 1) };
    let up = rest > half || (rest == half && kept & 1 == 1);
    finish(negative, kept + u128::from(up), exponent + drop as i32)
}

/// A rounded mantissa, which may have carried into a 65th bit, with its exponent.
fn finish(negative: bool, mantissa: u128, exponent: i32) -> Float80 {
    let carried = (mantissa >> 64) as i32;
    let mantissa = (mantissa >> carried) as u64;
    let exponent = exponent + carried;
    if exponent + (u64::BITS - mantissa.leading_zeros()) as i32 > EXPONENT_LIMIT {
        return Float80::Infinite { negative };
    }
    Float80::Finite(Finite { negative, mantissa, exponent })
}

/// `bits` shifted right, its lowest bit set if any bit fell off.
fn shift_right_sticky(bits: u128, distance: u32) -> u128 {
    let kept = bits.checked_shr(distance).unwrap_or(0);
    let lost = distance >= u128::BITS || kept << distance != bits;
    kept | u128::from(lost && bits != 0)
}

/// As `%.17Lf` prints it, less the zeros at the end, the point if nothing is behind it, and the
/// sign of a zero.
impl fmt::Display for Float80 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finite { negative, mantissa, exponent } = match *self {
            Self::Infinite { negative } => {
                return f.write_str(if negative { "-inf" } else { "inf" });
            }
            Self::Finite(finite) => finite,
        };
        let (whole, fraction) = match u32::try_from(exponent) {
            Ok(exponent) => (Natural::from(mantissa).shifted(exponent).to_string(), 0),
            Err(_) => {
                let scaled = scaled_fraction(mantissa, exponent.unsigned_abs());
                let unit = 10_u128.pow(FRACTION_DIGITS);
                ((scaled / unit).to_string(), scaled % unit)
            }
        };
        let sign = if negative && (whole != "0" || fraction != 0) { "-" } else { "" };
        write!(f, "{sign}{whole}")?;
        if fraction == 0 {
            return Ok(());
        }
        let digits = format!("{fraction:0width$}", width = FRACTION_DIGITS as usize);
        write!(f, ".{}", digits.trim_end_matches('0'))
    }
}

/// `mantissa` divided by 2 to the `shift` and times 10 to the [`FRACTION_DIGITS`], rounded to
/// nearest, halves to even.
fn scaled_fraction(mantissa: u64, shift: u32) -> u128 {
    // Less than 2^64 times 10^17, which is less than 2^121: no overflow, and nothing is left of it
    // by a larger shift.
    let scaled = u128::from(mantissa) * 10_u128.pow(FRACTION_DIGITS);
    if shift > 122 {
        return 0;
    }
    let whole = scaled >> shift;
    let rest = scaled - (whole << shift);
    let half = 1_u128 << (shift - 1);
    let up = rest > half || (rest == half && whole & 1 == 1);
    whole + u128::from(up)
}
