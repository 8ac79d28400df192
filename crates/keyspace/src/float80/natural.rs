//! [`Natural`]: a natural number of any size, with the few operations that reading and printing
//! need.

use std::cmp::Ordering;
use std::fmt;

/// The largest power of ten that a limb holds, and its number of zeros.
const CHUNK: u64 = 10_u64.pow(CHUNK_DIGITS);
const CHUNK_DIGITS: u32 = 19;

/// A natural number: limbs of 64 bits, lowest first, the highest of them not 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Natural(Vec<u64>);

impl Natural {
    /// The number of these decimal digits.
    pub(super) fn from_digits(digits: impl Iterator<Item = u8>) -> Self {
        let mut number = Self(Vec::new());
        let (mut chunk, mut scale) = (0, 1);
        for digit in digits {
            chunk = chunk * 10 + u64::from(digit - b'0');
            scale *= 10;
            if scale == CHUNK {
                number.multiply_add(scale, chunk);
                (chunk, scale) = (0, 1);
            }
        }
        number.multiply_add(scale, chunk);
        number
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bits it has: the position of its highest one, from 1.
    pub(super) fn bits(&self) -> u32 {
        let high = self.0.last().map_or(0, |limb| u64::BITS - limb.leading_zeros());
        (self.0.len() as u32).saturating_sub(1) * u64::BITS + high
    }

    /// This number times 10 to the `power`.
    pub(super) fn times_ten_to(mut self, power: u32) -> Self {
        for _ in 0..power / CHUNK_DIGITS {
            self.multiply_add(CHUNK, 0);
        }
        self.multiply_add(10_u64.pow(power % CHUNK_DIGITS), 0);
        self
    }

    /// This number times `factor`, which is not 0, plus `addend`.
    pub(super) fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = addend;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + u128::from(carry);
            *limb = product as u64;
            carry = (product >> 64) as u64;
        }
        if carry != 0 {
            self.0.push(carry);
        }
    }

    /// This number times 2 to the `by`.
    pub(super) fn shifted(mut self, by: u32) -> Self {
        if self.is_zero() {
            return self;
        }
        self.multiply_add(1 << (by % 64), 0);
        let limbs = (by / 64) as usize;
        self.0.splice(0..0, std::iter::repeat_n(0, limbs));
        self
    }

    /// This number less `other`, which is not larger.
    pub(super) fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let (less, under) = limb.overflowing_sub(other.0.get(index).copied().unwrap_or(0));
            let (less, under_too) = less.overflowing_sub(u64::from(borrow));
            *limb = less;
            borrow = under || under_too;
        }
        debug_assert!(!borrow, "the other number is not larger");
        self.trim();
    }

    /// Divides by `divisor`, which is not 0, and answers the remainder.
    fn divide(&mut self, divisor: u64) -> u64 {
        let mut rest = 0;
        for limb in self.0.iter_mut().rev() {
            let dividend = u128::from(rest) << 64 | u128::from(*limb);
            // The remainder is below the divisor, so the quotient fits in a limb.
            *limb = (dividend / u128::from(divisor)) as u64;
            rest = (dividend % u128::from(divisor)) as u64;
        }
        self.trim();
        rest
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl From<u64> for Natural {
    fn from(value: u64) -> Self {
        let mut number = Self(vec![value]);
        number.trim();
        number
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        let lengths = self.0.len().cmp(&other.0.len());
        lengths.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// In decimal.
impl fmt::Display for Natural {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.clone();
        let mut chunks = Vec::new();
        while !rest.is_zero() {
            chunks.push(rest.divide(CHUNK));
        }
        write!(f, "{}", chunks.pop().unwrap_or(0))?;
        for chunk in chunks.iter().rev() {
            write!(f, "{chunk:0width$}", width = CHUNK_DIGITS as usize)?;
        }
        Ok(())
    }
}
