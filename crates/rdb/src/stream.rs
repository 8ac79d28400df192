//! Nodes of streams: listpacks of entries that leave out what they have in common.
//!
//! A node begins with its master entry: how many entries are live, how many deleted, how many
//! fields the master has, their names, 0. Each entry then is: flags, the differences of its id to
//! the node's (ms, sequence), the number of fields and their names unless it has the master's, the
//! values, and the number of elements before this one, to step back.

use crate::{
    Fault,
    listpack::Cursor,
    packed::{Broken, Value},
};

const DELETED: i64 = 1;
/// The entry has the master's fields, whose names it leaves out.
const SAME_FIELDS: i64 = 2;

/// Checks that a node's listpack is made as described; returns how many entries are live.
pub(crate) fn check_node(bytes: &[u8]) -> Result<u64, Broken> {
    let mut node = Node { bytes, cursor: Cursor::new(bytes)? };
    let live = node.count()?;
    let deleted = node.count()?;
    let fields = node.count()?;
    node.skip(fields)?;
    if node.int()? != 0 {
        return Err(node.malformed());
    }
    let mut found = 0;
    let total = live.checked_add(deleted).ok_or_else(|| node.malformed())?;
    for _ in 0..total {
        found += u64::from(node.entry(fields)? & DELETED != 0);
    }
    if found != deleted || node.cursor.next(bytes)?.is_some() {
        return Err(node.malformed());
    }
    Ok(live)
}

struct Node<'a> {
    bytes: &'a [u8],
    cursor: Cursor,
}

impl Node<'_> {
    /// Passes an entry; returns its flags.
    fn entry(&mut self, master_fields: u64) -> Result<i64, Broken> {
        let before = self.cursor.seen();
        let flags = self.int()?;
        self.int()?;
        self.int()?;
        if flags & SAME_FIELDS != 0 {
            self.skip(master_fields)?;
        } else {
            let fields = self.count()?;
            self.skip(fields)?;
            self.skip(fields)?;
        }
        let elements = self.cursor.seen() - before;
        if u64::try_from(self.int()?) != Ok(elements) {
            return Err(self.malformed());
        }
        Ok(flags)
    }

    fn int(&mut self) -> Result<i64, Broken> {
        match self.cursor.next(self.bytes)? {
            Some(Value::Int(int)) => Ok(int),
            _ => Err(self.malformed()),
        }
    }

    fn count(&mut self) -> Result<u64, Broken> {
        u64::try_from(self.int()?).map_err(|_| self.malformed())
    }

    fn skip(&mut self, elements: u64) -> Result<(), Broken> {
        for _ in 0..elements {
            if self.cursor.next(self.bytes)?.is_none() {
                return Err(self.malformed());
            }
        }
        Ok(())
    }

    fn malformed(&self) -> Broken {
        Broken::new(self.cursor.position(), Fault::StreamEntries)
    }
}
