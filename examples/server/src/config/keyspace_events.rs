//! `notify-keyspace-events`.

use std::fmt;

use super::setting::{Setting, Value, ValueError};

/// `notify-keyspace-events`: which events are published, and on which channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyspaceEvents(u16);

/// The letters of single classes, in the order in which Redis prints them
/// (which leaves `n` out after `A`, and so loses it, and 8.6 `o` and `c`; here they stay); bit `n` of
/// [`KeyspaceEvents`] is letter `n`.
const EVENT_LETTERS: &[u8; 16] = b"g$lshzxetdnKEmoc";
/// The classes that `A` stands for: all up to and with `d`.
const EVENT_ALL: u16 = 0b11_1111_1111;

impl KeyspaceEvents {
    /// No event.
    pub(crate) const fn empty() -> Self {
        Self(0)
    }

    /// Whether a class is among these, by its letter; `K` and `E` are the
    /// channels `__keyspace@<db>__` and `__keyevent@<db>__`.
    pub(crate) fn has(self, letter: char) -> bool {
        let bit = EVENT_LETTERS.iter().position(|known| char::from(*known) == letter);
        bit.is_some_and(|bit| self.0 & 1 << bit != 0)
    }

    /// Reads the letters of redis.conf; `None` if one of them names no class.
    pub(crate) fn from_letters(letters: &[u8]) -> Option<Self> {
        letters.iter().try_fold(Self::empty(), |events, letter| {
            if *letter == b'A' {
                return Some(Self(events.0 | EVENT_ALL));
            }
            let bit = EVENT_LETTERS.iter().position(|known| known == letter)?;
            Some(Self(events.0 | 1 << bit))
        })
    }
}

impl fmt::Display for KeyspaceEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0 & EVENT_ALL == EVENT_ALL;
        if all {
            f.write_str("A")?;
        }
        for (bit, letter) in EVENT_LETTERS.iter().enumerate() {
            let class = 1 << bit;
            if self.0 & class != 0 && !(all && EVENT_ALL & class != 0) {
                write!(f, "{}", char::from(*letter))?;
            }
        }
        Ok(())
    }
}

impl Setting for KeyspaceEvents {
    fn value(&self) -> Value {
        Value::Text(self.to_string().into_bytes())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let unknown = "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
        *self = Self::from_letters(&value.text()?).ok_or(ValueError::Other(unknown))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back_in_redis_order() {
        let cases = [
            ("", ""),
            ("KEA", "AKE"),
            ("KEg$lshzxetdm", "AKEm"),
            ("gK", "gK"),
            ("mKEndl$g", "g$ldnKEm"),
            ("Ad", "A"),
            ("Aoc", "Aoc"),
            ("Kzz", "zK"),
            // Redis prints A here, and so forgets the n at CONFIG REWRITE.
            ("An", "An"),
        ];
        for (letters, shown) in cases {
            let events = KeyspaceEvents::from_letters(letters.as_bytes()).unwrap();
            assert_eq!(events.to_string(), shown);
            assert_eq!(KeyspaceEvents::from_letters(shown.as_bytes()), Some(events));
        }
        assert_eq!(KeyspaceEvents::from_letters(b"Ky"), None);
        assert_eq!(KeyspaceEvents::from_letters(b"K E"), None);
    }

    #[test]
    fn all_is_every_class_but_misses_and_new_keys() {
        let all = KeyspaceEvents::from_letters(b"A").unwrap();
        assert!("g$lshzxetd".chars().all(|letter| all.has(letter)));
        assert!(!"mnocKEA?".chars().any(|letter| all.has(letter)));
    }
}
