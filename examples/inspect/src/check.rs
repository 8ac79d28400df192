//! `check`: is the file whole, and would a server load it?

use redwire_rdb::{Checker, DecodeOptions};
use redwire_tools::Failure;

use crate::{
    source::{Progress, Source},
    walk,
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
    let mut progress = Progress::new(source.len);
    let mut buffer = Vec::new();
    loop {
        let used = checker.check(&buffer).map_err(|error| walk::damaged(source, error))?;
        buffer.drain(..used);
        progress.at(checker.offset());
        if checker.is_done() {
            break;
        }
        let wanted = checker.wanted().saturating_sub(buffer.len()).max(walk::CHUNK);
        if source.fill(&mut buffer, wanted)? == 0 {
            checker.finish().map_err(|error| walk::damaged(source, error))?;
        }
    }
    let tail = !source.is_link && (!buffer.is_empty() || source.fill(&mut buffer, 1)? > 0);
    let (bytes, keys, empty) = (checker.offset(), checker.keys(), checker.empty_keys());
    Ok(Checked { bytes, keys, empty, tail })
}
