//! The steps that come once a file or a value, apart from those that come with each element.

use super::{AfterBlob, Machine, State, Step};
use crate::{
    Error, Version,
    decode::{
        Found,
        input::{Halt, Input},
        plain::Items,
    },
};

impl Machine {
    #[inline(never)]
    pub(super) fn rare_step(&mut self, input: &mut Input<'_>) -> Step {
        match self.state {
            State::Start => self.start(input),
            State::Value => {
                let byte = input.byte(input.at)?;
                self.key(input, byte)
            }
            State::ValueEnd => {
                self.state = State::Done;
                self.emit(Found::End(None))
            }
            State::LeastExpiry(item) => {
                let least = u64::from_le_bytes(input.array(input.at)?);
                input.at += 8;
                self.go(State::Count(item, least))
            }
            State::Count(item, base) => {
                let (count, end) = input.number(input.at)?;
                input.at = end;
                self.go(State::Plain(Items::new(item, count, base)))
            }
            State::PackedExpiring(layout) => {
                input.slice(input.at, 8)?;
                input.at += 8;
                self.go(State::Packed(layout))
            }
            State::Packed(layout) => self.open(layout, input, input.at, AfterBlob::KeyEnd),
            State::NodeCount { contained } => {
                let (left, end) = input.number(input.at)?;
                input.at = end;
                self.go(State::Node { contained, left })
            }
            State::Node { left: 0, .. } => self.go(State::KeyEnd),
            State::Node { contained, left } => self.node(input, contained, left - 1),
            State::Trailer => {
                let stored = u64::from_le_bytes(input.array(input.at)?);
                input.at += 8;
                self.state = State::Done;
                self.emit(Found::End(Some(stored)))
            }
            State::Done => Err(Halt::Missing(input.at + 1)),
            State::Stream(_) => self.stream(input),
            State::Pieces(_) => self.piece(input),
            _ => self.walk(input),
        }
    }

    /// The magic.
    fn start(&mut self, input: &mut Input<'_>) -> Step {
        let magic: [u8; 9] = input.array(0)?;
        let version = Version::from_magic(magic).ok_or_else(|| {
            let digits = magic.strip_prefix(b"REDIS").or(magic.strip_prefix(b"VALKEY"));
            Halt::Failed(Box::new(match digits {
                Some(digits) if digits.iter().all(u8::is_ascii_digit) => {
                    Error::UnknownVersion { magic }
                }
                _ => Error::Magic { found: magic },
            }))
        })?;
        input.at = magic.len();
        self.version = Some(version);
        self.state = State::Top;
        self.emit(Found::Start(version))
    }
}
