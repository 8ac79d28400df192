//! The oldest version that holds what is in a file: what `convert` writes when no target is named.

use std::collections::BTreeSet;

use redwire_rdb::{
    Dialect, Event, KeyHeader, Version,
    stream::{StreamPart, parts_of},
};
use redwire_tools::Failure;

use crate::walk::{KeyEnd, Visitor};

/// Gathers what of a file not every version holds.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    from: Option<Version>,
    needs: BTreeSet<Need>,
    /// Of the key under way, which may yet not pass the filters.
    of_key: Option<Need>,
}

/// What not every version holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Functions,
    /// Fields of hashes that expire.
    FieldExpiries,
    /// The type of a stream or of what is passed on as it stands.
    Type(u8),
}

/// Streams with counts, which clients see (Redis 7.0), and those with idempotent producers (8.6).
const COUNTED: u8 = 19;
const IDEMPOTENT: u8 = 26;

impl Need {
    fn is_met_by(self, version: Version) -> bool {
        match self {
            Self::Functions => version.holds_functions(),
            Self::FieldExpiries => match version.dialect() {
                Dialect::Redis => version >= Version::REDIS_7_4,
                Dialect::Valkey => true,
            },
            Self::Type(byte) => version.holds_type(byte),
        }
    }
}

impl Needs {
    /// The oldest version that holds all; where the dialects differ, of the input's own if that one
    /// does. Where none does, the newest that servers were seen to load: who writes it is told which
    /// key is too much.
    pub(crate) fn oldest(&self) -> Version {
        let dialect = self.from.map_or(Dialect::Redis, Version::dialect);
        let holds = |version| self.needs.iter().all(|need| need.is_met_by(version));
        Version::oldest_that(dialect, holds).unwrap_or(Version::REDIS_8_6)
    }
}

impl Visitor for Needs {
    const PIECES: Option<u64> = Some(1 << 20);

    fn start(&mut self, version: Version) -> Result<(), Failure> {
        self.from = Some(version);
        Ok(())
    }

    fn file(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        if let Event::Function(_) = event {
            self.needs.insert(Need::Functions);
        }
        Ok(())
    }

    fn key(&mut self, _db: u32, _header: &KeyHeader<'_>) -> Result<(), Failure> {
        self.of_key = None;
        Ok(())
    }

    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match *event {
            Event::Field { expires_ms: Some(_), .. } => self.of_key = Some(Need::FieldExpiries),
            Event::Opaque { type_byte, body } => {
                self.of_key = Some(Need::Type(opaque(type_byte, body)));
            }
            _ => {}
        }
        Ok(())
    }

    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure> {
        if end.admitted {
            self.needs.extend(self.of_key);
        }
        Ok(())
    }
}

/// The oldest type that holds what clients see of a value.
fn opaque(type_byte: u8, body: &[u8]) -> u8 {
    match type_byte {
        COUNTED..=21 => COUNTED,
        IDEMPOTENT if !has_producers(body) => COUNTED,
        other => other,
    }
}

fn has_producers(body: &[u8]) -> bool {
    let mut found = false;
    let parts = parts_of(IDEMPOTENT, body, |part| {
        found |= matches!(part, StreamPart::Producer { .. });
    });
    // The walk has checked the bytes; of what it could not read nothing may get lost.
    found || parts.is_err()
}
