//! Finds what stands twice in a packed value.

use super::hash::Hash;
use crate::packed::Value;

/// The elements of one packed value so far, by where they stand in it.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Upper half of an element's hash, and its position; 0 where none is. No packed form has
    /// an element at 0. The length is a power of two.
    slots: Vec<u64>,
    count: usize,
    /// By which no file can make all elements meet in one slot.
    hash: Hash,
}

const LEAST_SLOTS: usize = 64;

impl Seen {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), count: 0, hash: Hash::default() }
    }

    /// Forgets all, with room for `expected` elements.
    pub(crate) fn begin(&mut self, expected: usize) {
        self.count = 0;
        self.slots.clear();
        self.slots.resize((expected * 2).next_power_of_two().max(LEAST_SLOTS), 0);
    }

    /// Notes the element at `position`; false when it is there already. `value_at` gives the
    /// element at an earlier position.
    pub(crate) fn insert<'v>(
        &mut self,
        value: Value<'v>,
        position: u32,
        value_at: impl Fn(u32) -> Option<Value<'v>>,
    ) -> bool {
        let value = normal(value);
        let hash = self.hash(value);
        let tag = hash & TAG;
        let mask = self.slots.len() - 1;
        let mut index = hash as usize & mask;
        while self.slots[index] != 0 {
            let slot = self.slots[index];
            if slot & TAG == tag && value_at(slot as u32).map(normal) == Some(value) {
                return false;
            }
            index = (index + 1) & mask;
        }
        self.slots[index] = tag | u64::from(position);
        self.count += 1;
        if self.count * 2 > self.slots.len() {
            self.grow(|slot| value_at(slot as u32));
        }
        true
    }

    #[cold]
    fn grow<'v>(&mut self, value_of: impl Fn(u64) -> Option<Value<'v>>) {
        let old = std::mem::take(&mut self.slots);
        self.slots.resize(old.len() * 2, 0);
        let mask = self.slots.len() - 1;
        for slot in old.into_iter().filter(|slot| *slot != 0) {
            let hash = value_of(slot).map(normal).map_or(slot, |value| self.hash(value));
            let mut index = hash as usize & mask;
            while self.slots[index] != 0 {
                index = (index + 1) & mask;
            }
            self.slots[index] = slot;
        }
    }

    fn hash(&self, value: Value<'_>) -> u64 {
        match value {
            Value::Int(int) => self.hash.int(int),
            Value::Str(bytes) => self.hash.bytes(bytes),
        }
    }
}

const TAG: u64 = 0xffff_ffff_0000_0000;

/// Digits are the integer that they are, so that both forms of one element are equal.
fn normal(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Str(bytes) => Value::of(bytes),
        int => int,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_set_finds(
            items in vec(prop_oneof!["[ab0-3]{0,3}", "[a-z]{8,20}"], 0..400), hint in 0..500usize
        ) {
            let mut seen = Seen::new();
            seen.begin(hint);
            let mut naive = HashSet::new();
            for (index, item) in items.iter().enumerate() {
                let at = |position: u32| {
                    items.get(position as usize - 1).map(|item| Value::Str(item.as_bytes()))
                };
                let value = Value::of(item.as_bytes());
                prop_assert_eq!(seen.insert(value, index as u32 + 1, at), naive.insert(item));
            }
        }
    }
}
