//! [`CommandTable`]: the keyspace's commands by name.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::command::Command;
use crate::commands;

/// Names of up to so many bytes, which nearly all commands have, are looked up as one number.
const SHORT: usize = size_of::<u64>();

/// Places of the table of short names: several times as many as there are, so that most stand where
/// they are looked for first.
const PLACES: usize = 1 << PLACE_BITS;
const PLACE_BITS: u32 = 10;

/// Longest command name that is looked up; what is longer is no command.
const NAME_MAX: usize = 32;

/// The commands of all files under `commands/`, by name.
#[derive(Debug)]
pub(crate) struct CommandTable {
    /// Those with short names: each in the first free place from that of its name on.
    short: Box<[Option<(u64, &'static Command)>; PLACES]>,
    long: HashMap<&'static [u8], &'static Command, foldhash::fast::FixedState>,
}

impl CommandTable {
    /// The one table of the process.
    pub(crate) fn shared() -> &'static Self {
        static TABLE: OnceLock<CommandTable> = OnceLock::new();
        TABLE.get_or_init(|| Self::of(commands::all()))
    }

    fn of(commands: impl Iterator<Item = &'static Command>) -> Self {
        let mut table = Self { short: Box::new([None; PLACES]), long: HashMap::default() };
        for command in commands {
            let name = command.name.as_bytes();
            if name.len() <= SHORT {
                let word = lower_word(name);
                let mut place = place(word);
                while table.short[place].is_some() {
                    place = (place + 1) % PLACES;
                }
                table.short[place] = Some((word, command));
            } else {
                table.long.insert(name, command);
            }
        }
        table
    }

    /// The command of this name in whatever case; `otherwise` is asked with the lower-case name.
    #[inline]
    pub(crate) fn find(
        &self,
        name: &[u8],
        otherwise: impl FnOnce(&[u8]) -> Option<&'static Command>,
    ) -> Option<&'static Command> {
        if name.len() > SHORT {
            return self.find_long(name, otherwise);
        }
        let word = lower_word(name);
        let mut place = place(word);
        while let Some((known, command)) = self.short[place] {
            // A NUL in a name is no more than the bytes that are not there.
            if known == word && command.name.len() == name.len() {
                return Some(command);
            }
            place = (place + 1) % PLACES;
        }
        otherwise(&word.to_le_bytes()[..name.len()])
    }

    fn find_long(
        &self,
        name: &[u8],
        otherwise: impl FnOnce(&[u8]) -> Option<&'static Command>,
    ) -> Option<&'static Command> {
        let mut lower = [0; NAME_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.long.get(&*lower).copied().or_else(|| otherwise(lower))
    }
}

/// Where a short name is looked for first.
#[inline]
fn place(word: u64) -> usize {
    // Any odd number that spreads the names well; this one is 2^64 by the golden ratio.
    (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACE_BITS)) as usize
}

/// A short name in lower case, its first byte the lowest, zeros behind it.
#[inline]
fn lower_word(name: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk())
        && let Some(behind) = name.len().checked_sub(4)
    {
        // The two halves overlap where the name is shorter than both.
        let (low, high) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return lower_case(u64::from(low) | u64::from(high) << (8 * (behind % 8)));
    }
    lower_case(match *name {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
        _ => 0,
    })
}

/// All eight bytes of `word` in lower case, as `u8::to_ascii_lowercase` has them.
#[inline]
fn lower_case(word: u64) -> u64 {
    let each = |byte: u8| u64::from_ne_bytes([byte; SHORT]);
    let (low, top) = (word & each(0x7f), each(0x80));
    // The top bit of each byte tells whether its other bits are an `A` or more, beyond a `Z`.
    let (from_a, beyond_z) = (low + each(0x80 - b'A'), low + each(0x7f - b'Z'));
    let upper = from_a & !beyond_z & !word & top;
    word | upper >> 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_every_command_in_any_case() {
        let table = CommandTable::shared();
        for command in commands::all() {
            for name in [command.name.to_owned(), command.name.to_uppercase()] {
                let found = table.find(name.as_bytes(), |_| None);
                assert!(found.is_some_and(|found| std::ptr::eq(found, command)), "{name}");
                for wrong in [format!("{name}\0"), format!("\0{name}"), format!(" {name}")] {
                    let asked = |name: &[u8]| {
                        assert_eq!(name, wrong.to_lowercase().as_bytes());
                        None
                    };
                    assert!(table.find(wrong.as_bytes(), asked).is_none(), "{wrong:?}");
                }
            }
        }
        for none in ["", "\0", "g", "gett", "ge", &"x".repeat(NAME_MAX), &"x".repeat(100)] {
            assert!(table.find(none.as_bytes(), |_| None).is_none(), "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn a_word_is_the_lower_case_name(name in prop::collection::vec(any::<u8>(), 0..=SHORT)) {
            let word = lower_word(&name).to_le_bytes();
            prop_assert_eq!(&word[..name.len()], name.to_ascii_lowercase());
            prop_assert!(word[name.len()..].iter().all(|byte| *byte == 0));
        }
    }
}
