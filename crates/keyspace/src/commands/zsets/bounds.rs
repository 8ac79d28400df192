//! The ends of ranges by score and by member, and what they come to in ranks.

use std::ops::Range;

use redwire_resp::parse_f64;

use crate::Zset;
use crate::error::CommandError;

/// One end of a range by score: `1.5`, or `(1.5` when the score itself is not meant.
#[derive(Debug, Clone, Copy)]
struct ScoreBound {
    score: f64,
    exclusive: bool,
}

impl ScoreBound {
    fn parse(arg: &[u8]) -> Option<Self> {
        let (exclusive, number) = match arg {
            [b'(', number @ ..] => (true, number),
            number => (false, number),
        };
        Some(Self { score: strtod(number)?, exclusive })
    }
}

/// A number as C's `strtod` reads it, which is less strict than what scores are read with: blanks
/// before it, nothing at all for 0, and what is too large or too small becomes infinity or 0.
fn strtod(arg: &[u8]) -> Option<f64> {
    let text = arg.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_blank(byte))?;
    let number = &text[start..];
    let lossy = || str::from_utf8(number).ok()?.parse().ok().filter(|score: &f64| !score.is_nan());
    parse_f64(number).or_else(lossy)
}

/// A range by score (`ZCOUNT`, `BYSCORE`).
#[derive(Debug, Clone, Copy)]
pub(super) struct ScoreRange {
    min: ScoreBound,
    max: ScoreBound,
}

impl ScoreRange {
    pub(super) fn parse(min: &[u8], max: &[u8]) -> Result<Self, CommandError> {
        let bounds = ScoreBound::parse(min).zip(ScoreBound::parse(max));
        let (min, max) = bounds.ok_or(CommandError::text("ERR min or max is not a float"))?;
        Ok(Self { min, max })
    }

    /// The ranks of the members within.
    pub(super) fn ranks(self, zset: &Zset) -> Range<usize> {
        let start = zset.rank_of_score(self.min.score, self.min.exclusive);
        let end = zset.rank_of_score(self.max.score, !self.max.exclusive);
        start..end.max(start)
    }
}

/// One end of a range by member.
#[derive(Debug, Clone, Copy)]
enum LexBound<'a> {
    /// `-`: before all members.
    Least,
    /// `[a`.
    Inclusive(&'a [u8]),
    /// `(a`.
    Exclusive(&'a [u8]),
    /// `+`: behind all members.
    Greatest,
}

impl<'a> LexBound<'a> {
    fn parse(arg: &'a [u8]) -> Option<Self> {
        match arg {
            [b'-'] => Some(Self::Least),
            [b'+'] => Some(Self::Greatest),
            [b'[', member @ ..] => Some(Self::Inclusive(member)),
            [b'(', member @ ..] => Some(Self::Exclusive(member)),
            _ => None,
        }
    }

    /// How many members stand before this end; `takes` says whether a member that is the end itself
    /// does.
    fn rank(self, zset: &Zset, takes_inclusive: bool) -> usize {
        match self {
            Self::Least => 0,
            Self::Inclusive(member) => zset.rank_of_member(member, takes_inclusive),
            Self::Exclusive(member) => zset.rank_of_member(member, !takes_inclusive),
            Self::Greatest => zset.len(),
        }
    }
}

/// A range by member (`ZLEXCOUNT`, `BYLEX`), of use where all scores are the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct LexRange<'a> {
    min: LexBound<'a>,
    max: LexBound<'a>,
}

impl<'a> LexRange<'a> {
    pub(super) fn parse(min: &'a [u8], max: &'a [u8]) -> Result<Self, CommandError> {
        let bounds = LexBound::parse(min).zip(LexBound::parse(max));
        let (min, max) =
            bounds.ok_or(CommandError::text("ERR min or max not valid string range item"))?;
        Ok(Self { min, max })
    }

    /// The ranks of the members within.
    pub(super) fn ranks(self, zset: &Zset) -> Range<usize> {
        let start = self.min.rank(zset, false);
        start..self.max.rank(zset, true).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_what_strtod_takes() {
        for (arg, expected) in [
            ("", Some(0.0)),
            (" 1", Some(1.0)),
            ("\t\n-2.5e1", Some(-25.0)),
            ("1\0x", Some(1.0)),
            ("0x10", Some(16.0)),
            ("1e999", Some(f64::INFINITY)),
            ("-1e999", Some(f64::NEG_INFINITY)),
            ("1e-999", Some(0.0)),
            ("+inf", Some(f64::INFINITY)),
            ("-Infinity", Some(f64::NEG_INFINITY)),
            (" ", None),
            ("1 ", None),
            ("nan", None),
            ("-nan", None),
            ("1x", None),
            ("1e", None),
            ("-", None),
        ] {
            assert_eq!(strtod(arg.as_bytes()), expected, "{arg:?}");
        }
    }
}
