//! Opcodes: what stands between keys, and what is said of the next key.

use super::{Machine, Span, State};
use crate::{
    Dialect, Fault, Version,
    decode::{
        Found,
        input::{Halt, Input},
        text::Slot,
        walk::Walk,
    },
    types::opcode,
};

/// The version from which on files end with a checksum.
const FIRST_WITH_CRC: u16 = 5;

impl Machine {
    /// The opcode `byte`, which `at` stands behind.
    #[inline(never)]
    pub(super) fn opcode(
        &mut self,
        input: &Input<'_>,
        byte: u8,
        at: usize,
    ) -> Result<(Option<Found>, usize), Halt> {
        match byte {
            opcode::EXPIRE_MS => {
                self.pending.expire_ms = expiry(i64::from_le_bytes(input.array(at)?));
                Ok((None, at + 8))
            }
            opcode::EXPIRE => {
                let seconds = i64::from(i32::from_le_bytes(input.array(at)?));
                self.pending.expire_ms = expiry(seconds * 1000);
                Ok((None, at + 4))
            }
            opcode::IDLE => {
                let (idle, end) = input.number(at)?;
                self.pending.idle = Some(idle);
                Ok((None, end))
            }
            opcode::FREQ => {
                self.pending.freq = Some(input.byte(at)?);
                Ok((None, at + 1))
            }
            opcode::AUX | opcode::FUNCTION => self.note(input, byte, at),
            opcode::SELECT_DB | opcode::RESIZE_DB | opcode::SLOT_INFO => counts(input, byte, at),
            opcode::EOF if self.has_checksum() => {
                self.state = State::Trailer;
                Ok((None, at))
            }
            opcode::EOF => {
                self.state = State::Done;
                Ok((Some(Found::End(None)), at))
            }
            opcode::MODULE_AUX | opcode::KEY_META => {
                self.state = self.between(byte);
                Ok((None, at))
            }
            opcode::FUNCTION_PRE_RELEASE => {
                Err(Halt::fault(input.offset(at - 1), Fault::PreRelease))
            }
            _ => Err(self.unknown(input.offset(at - 1), byte)),
        }
    }

    /// A note about the file, or a function library.
    fn note(
        &mut self,
        input: &Input<'_>,
        byte: u8,
        at: usize,
    ) -> Result<(Option<Found>, usize), Halt> {
        let limits = &self.options.limits;
        let (first, end) = self.texts.read(input, at, Slot::First, limits)?;
        if byte == opcode::FUNCTION {
            return Ok((Some(Found::Function(first)), end));
        }
        let (second, end) = self.texts.read(input, end, Slot::Second, limits)?;
        Ok((Some(Found::Aux(first, second)), end))
    }

    fn between(&self, byte: u8) -> State {
        let dialect = self.version.map_or(Dialect::Redis, Version::dialect);
        match (byte, dialect) {
            (opcode::MODULE_AUX, _) => State::Between(Span::ModuleAux, Walk::module_aux()),
            (_, Dialect::Redis) => State::Between(Span::KeyMeta, Walk::key_meta()),
            (_, Dialect::Valkey) => State::Between(Span::SlotImport, Walk::slot_import()),
        }
    }

    fn has_checksum(&self) -> bool {
        self.version.is_some_and(|version| version.number() >= FIRST_WITH_CRC)
    }
}

/// Opcodes that are up to three numbers.
fn counts(input: &Input<'_>, byte: u8, at: usize) -> Result<(Option<Found>, usize), Halt> {
    let (first, end) = input.number(at)?;
    if byte == opcode::SELECT_DB {
        let db =
            u32::try_from(first).map_err(|_| Halt::fault(input.offset(at), Fault::Database))?;
        return Ok((Some(Found::SelectDb(db)), end));
    }
    let (second, end) = input.number(end)?;
    if byte == opcode::RESIZE_DB {
        return Ok((Some(Found::ResizeDb { keys: first, expires: second }), end));
    }
    let (third, end) = input.number(end)?;
    Ok((Some(Found::SlotInfo { slot: first, keys: second, expires: third }), end))
}

/// An expiry of a key: -1 says none, and what is before 1970 is as past as 1970.
fn expiry(ms: i64) -> Option<u64> {
    (ms != -1).then(|| u64::try_from(ms).unwrap_or(0))
}
