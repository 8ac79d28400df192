//! The oldest version that holds what is in a file: what `convert` writes when no target is named.

use redwire_rdb::{Event, KeyHeader, Needs, Version};
use redwire_tools::Failure;

use crate::walk::{KeyEnd, Visitor};

/// Gathers what of a file not every version holds.
#[derive(Debug, Default)]
pub(crate) struct Oldest {
    all: Needs,
    /// Of the key under way, which may yet not pass the filters.
    of_key: Needs,
}

impl Oldest {
    /// The oldest version that holds all. Where none does, the newest that servers were seen to load:
    /// who writes it is told which key is too much.
    pub(crate) fn version(&self) -> Version {
        self.all.oldest().unwrap_or(Version::REDIS_8_6)
    }
}

impl Visitor for Oldest {
    const PIECES: Option<u64> = Some(1 << 20);

    fn start(&mut self, version: Version) -> Result<(), Failure> {
        self.all.event(&Event::Start(version));
        Ok(())
    }

    fn file(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        self.all.event(event);
        Ok(())
    }

    fn key(&mut self, _db: u32, _header: &KeyHeader<'_>) -> Result<(), Failure> {
        self.of_key = Needs::default();
        Ok(())
    }

    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        self.of_key.event(event);
        Ok(())
    }

    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure> {
        if end.admitted {
            self.all.add(&self.of_key);
        }
        Ok(())
    }
}
