//! The check of a file: all that decoding finds wrong, and nothing else.

use super::{Decoder, input::Input};
use crate::{DecodeOptions, Error, Version};

/// Reads an RDB file that arrives in pieces of any size for its faults alone: what a
/// [`Decoder`] refuses, a checker refuses with the same error, but it delivers no events and so takes
/// less time.
///
/// ```
/// use redwire_rdb::{Checker, DecodeOptions};
///
/// # fn file() -> Vec<u8> { b"REDIS0009\xfe\0\0\x01k\x01v\xff\0\0\0\0\0\0\0\0".to_vec() }
/// let file: Vec<u8> = file();
/// let mut checker = Checker::new(DecodeOptions::default());
/// let mut unread = Vec::new();
/// for piece in file.chunks(5) {
///     unread.extend_from_slice(piece);
///     let used = checker.check(&unread)?;
///     unread.drain(..used);
/// }
/// checker.finish()?;
/// assert_eq!(checker.keys(), 1);
/// # Ok::<(), redwire_rdb::Error>(())
/// ```
///
/// # Memory
///
/// As a decoder's, but a large string of a string key passes in pieces whatever
/// [`DecodeOptions::string_pieces`] says. [`DecodeOptions::refuse_all_duplicates`] takes memory for
/// each key and each element of a value; without it keys that come twice, and duplicates in large forms,
/// which servers refuse, are not found.
#[derive(Debug)]
pub struct Checker {
    decoder: Decoder,
    tally: Tally,
}

/// What was counted while values passed.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) keys: u64,
    pub(crate) empty: u64,
}

/// How many bytes pass before the checksum takes them in, so that it finds them in the cache.
const RUN: usize = 128 << 10;

impl Checker {
    /// A checker at the first byte of a file. What `options` want opaque is not looked into: its
    /// structure is checked, but not what its strings pack.
    #[must_use]
    pub fn new(options: impl Into<DecodeOptions>) -> Self {
        let options = DecodeOptions { string_pieces: Some(0), ..options.into() };
        Self { decoder: Decoder::new(options), tally: Tally::default() }
    }

    /// Checks what it can of `unread`, and says how many bytes that was. They are done with: the
    /// next call must begin with the first that was not used. After the end of the file it uses
    /// nothing.
    ///
    /// # Errors
    ///
    /// What a server would refuse, and what is over a limit. The same error answers every later
    /// call.
    pub fn check(&mut self, unread: &[u8]) -> Result<usize, Error> {
        let mut used = 0;
        loop {
            let (more, goes_on) = self.pass(&unread[used..])?;
            used += more;
            if !goes_on {
                return Ok(used);
            }
        }
    }

    /// Passes about [`RUN`] bytes; how many it was, and whether there may be more to pass.
    fn pass(&mut self, unread: &[u8]) -> Result<(usize, bool), Error> {
        let decoder = &mut self.decoder;
        if let Some(error) = &decoder.failed {
            return Err(error.clone());
        }
        let mut input = Input::new(unread, decoder.offset);
        match decoder.machine.pass(&mut input, RUN, &mut self.tally) {
            Ok(()) => match decoder.machine.end() {
                Some(stored) => Ok((decoder.end(unread, input.at, stored)?.used, false)),
                None => {
                    decoder.advance(unread, input.at);
                    Ok((input.at, true))
                }
            },
            Err(halt) => Ok((decoder.halt(halt, unread, input.at)?, false)),
        }
    }

    /// Keys so far. One whose value is under way counts.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.tally.keys
    }

    /// Keys so far whose value has no element: servers drop them with a warning.
    #[must_use]
    pub fn empty_keys(&self) -> u64 {
        self.tally.empty
    }

    /// How long `unread` must be at least before [`check`](Self::check) can go on, counted from the
    /// first byte not used; see [`Decoder::wanted`].
    #[must_use]
    pub fn wanted(&self) -> usize {
        self.decoder.wanted()
    }

    /// Offset in the file of the first byte that is not used.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.decoder.offset()
    }

    /// The file's version, once its first bytes are read.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.decoder.version()
    }

    /// True when the end of the file was found, and all was right.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.decoder.is_done()
    }

    /// To be asked when the input has ended: was the file complete?
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when it was not, or the error that ended the check.
    pub fn finish(&self) -> Result<(), Error> {
        self.decoder.finish()
    }
}
