//! The decoder: bytes in, events out.

use crate::{DecodeOptions, Decoded, Error};

/// Reads an RDB file that arrives in pieces of any size.
///
/// The input stays with the caller: each call gets the bytes that are not used yet, and the next
/// call must begin with the first byte that was not used.
#[derive(Debug)]
pub struct Decoder {
    options: DecodeOptions,
    offset: u64,
}

impl Decoder {
    /// A decoder at the first byte of a file.
    #[must_use]
    pub fn new(options: impl Into<DecodeOptions>) -> Self {
        Self { options: options.into(), offset: 0 }
    }

    /// Takes the next event from `unread`.
    ///
    /// # Errors
    ///
    /// Anything that a server would refuse. The same error answers every later call.
    pub fn decode<'a>(&'a mut self, unread: &'a [u8]) -> Result<Decoded<'a>, Error> {
        let _ = (&self.options, unread);
        Ok(Decoded { used: 0, event: None })
    }

    /// How long `unread` must be at least before [`decode`](Self::decode) can go on, as far as
    /// the bytes received justify it: an announced length alone does not make it large. It can
    /// grow again when that much is there.
    #[must_use]
    pub fn wanted(&self) -> usize {
        1
    }

    /// Offset in the file of the first byte that is not used.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// True after [`Event::End`](crate::Event::End).
    #[must_use]
    pub fn is_done(&self) -> bool {
        false
    }

    /// To be asked when the input has ended: was the file complete?
    ///
    /// # Errors
    ///
    /// [`Error::Truncated`] when it was not, or the error that ended decoding.
    pub fn finish(&self) -> Result<(), Error> {
        Err(Error::Truncated { offset: self.offset, key: None })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DecodeOptions::default())
    }
}
