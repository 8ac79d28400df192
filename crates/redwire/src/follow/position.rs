//! [`Position`]: a place in a stream, to go on from.

use std::fmt;
use std::str::FromStr;

use redwire_repl::{Offset, ReplId};

/// A place in a master's stream: what a later process needs to go on without loss or repetition.
///
/// As text it is `<replid> <offset> <db>`.
///
/// ```
/// use redwire::follow::Position;
///
/// let text = "0123456789abcdef0123456789abcdef01234567 1500 3";
/// let position: Position = text.parse()?;
/// assert_eq!((position.offset.get(), position.db), (1500, 3));
/// assert_eq!(position.to_string(), text);
/// # Ok::<(), redwire::follow::NotAPosition>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The stream's id.
    pub replid: ReplId,
    /// Bytes of the stream that are known.
    pub offset: Offset,
    /// The database that the stream was at: the next command may not say.
    pub db: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.replid, self.offset, self.db)
    }
}

/// A text that is no [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a position: expected 40 hex digits, an offset and a database")]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Position, NotAPosition> {
        let mut words = text.split_ascii_whitespace();
        let replid = words.next().and_then(|word| ReplId::parse(word.as_bytes()));
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        let offset = number().and_then(Offset::new);
        let db = number().and_then(|db| u32::try_from(db).ok());
        match (replid, offset, db, words.next()) {
            (Some(replid), Some(offset), Some(db), None) => Ok(Position { replid, offset, db }),
            _ => Err(NotAPosition),
        }
    }
}
