//! `check`: is the file whole, and would a server load it?

use redwire_rdb::{Checker, DecodeOptions};
use redwire_tools::Failure;

use crate::{
    source::Source,
    walk::{self, Halt, Reader, Walked},
};

/// What there is to say of a file that is well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    /// Bytes of the RDB.
    pub(crate) bytes: u64,
    pub(crate) keys: u64,
    /// Keys without elements, which servers drop.
    pub(crate) empty: u64,
    /// Something follows the RDB.
    pub(crate) tail: bool,
}

/// Checks the RDB that `source` begins with. With `duplicates` false keys that come twice are not
/// found, nor elements in the large forms, and memory does not follow the number of keys.
pub(crate) fn check(source: &mut Source, duplicates: bool) -> Result<Checked, Failure> {
    let options = DecodeOptions { refuse_all_duplicates: duplicates, ..DecodeOptions::default() };
    let mut checker = Checker::new(options);
    let Walked { bytes, mut tail } = walk::read(source, &mut checker)?;
    let tail = !source.is_link && (!tail.is_empty() || source.fill(&mut tail, 1)? > 0);
    Ok(Checked { bytes, keys: checker.keys(), empty: checker.empty_keys(), tail })
}

impl Reader for Checker {
    fn feed(&mut self, unread: &[u8]) -> Result<usize, Halt> {
        self.check(unread).map_err(Halt::Decoder)
    }

    fn wanted(&self) -> Option<usize> {
        (!self.is_done()).then(|| self.wanted())
    }

    fn offset(&self) -> u64 {
        self.offset()
    }

    fn finish(&self) -> Result<(), redwire_rdb::Error> {
        self.finish()
    }
}
