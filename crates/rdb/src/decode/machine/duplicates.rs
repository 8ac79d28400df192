//! Duplicates of keys, and in large forms, where they are refused: what came before is told by
//! fingerprints.

use super::{Flow, Machine};
use crate::{
    Fault, Kind,
    decode::{
        Found,
        input::{Halt, Input},
        prints::Prints,
        text::Loc,
    },
};

/// The elements of the value under way, and the keys so far where those are wanted.
#[derive(Debug, Default)]
pub(super) struct AllPrints {
    pub(super) db: u32,
    keys: Option<Prints>,
    elements: Prints,
}

impl AllPrints {
    pub(super) fn with_keys() -> Self {
        Self { keys: Some(Prints::default()), ..Self::default() }
    }
}

impl Machine {
    /// Refuses what comes twice in a large form.
    pub(crate) fn refuse_repeated_elements(&mut self) {
        self.prints.get_or_insert_default();
    }

    /// Refuses the element at `start` that was found if it came before in its value.
    #[inline(never)]
    pub(super) fn note_element(
        &mut self,
        input: &Input<'_>,
        start: usize,
        flow: Flow,
    ) -> Result<(), Halt> {
        let name = match self.found {
            Found::Element(name) if self.kind == Kind::Set => name,
            Found::Scored(name, _) | Found::Field { field: name, .. } => name,
            _ => return Ok(()),
        };
        let Some(prints) = self.prints.as_mut().filter(|_| flow == Flow::Found) else {
            return Ok(());
        };
        match prints.elements.insert(0, self.texts.get(input.bytes, name)) {
            true => Ok(()),
            false => Err(Halt::fault(input.offset(start), Fault::Duplicate)),
        }
    }

    /// Begins a value; refuses the key whose type stands at `start` if it came before in its
    /// database and that is to be found.
    #[inline(never)]
    pub(super) fn note_key(
        &mut self,
        input: &Input<'_>,
        start: usize,
        key: Loc,
    ) -> Result<(), Halt> {
        let Some(prints) = &mut self.prints else { return Ok(()) };
        prints.elements.clear();
        let Some(keys) = &mut prints.keys else { return Ok(()) };
        match keys.insert(prints.db, self.texts.get(input.bytes, key)) {
            true => Ok(()),
            false => Err(Halt::fault(input.offset(start), Fault::DuplicateKey)),
        }
    }
}
