//! A data set that remembers all that was ever written to it, and its snapshot.

use redwire_resp::encode_request;

/// Writes in their order, with the database they went to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) writes: Vec<(u32, Vec<u8>)>,
}

impl Data {
    pub(crate) fn run(&mut self, db: u32, args: &[&[u8]]) {
        assert_eq!(args.len(), 2);
        self.writes.push((db, args[1].to_vec()));
    }

    /// How many writes, then each with its database and length.
    pub(crate) fn to_rdb(&self) -> Vec<u8> {
        let mut rdb = (self.writes.len() as u32).to_le_bytes().to_vec();
        for (db, value) in &self.writes {
            rdb.extend(db.to_le_bytes());
            rdb.extend((value.len() as u32).to_le_bytes());
            rdb.extend(value);
        }
        rdb
    }
}

/// Takes whole writes only, as decoders do: what is incomplete stays in the input.
#[derive(Debug, Default)]
pub(crate) struct RdbDecoder {
    left: Option<u32>,
    pub(crate) data: Data,
}

impl RdbDecoder {
    /// Bytes taken, and whether that was all.
    pub(crate) fn feed(&mut self, unread: &[u8]) -> (usize, bool) {
        let mut rest = unread;
        while self.left != Some(0) && self.step(&mut rest).is_some() {}
        (unread.len() - rest.len(), self.left == Some(0))
    }

    fn step(&mut self, rest: &mut &[u8]) -> Option<()> {
        let (first, behind) = number(rest)?;
        let Some(left) = &mut self.left else {
            self.left = Some(first);
            *rest = behind;
            return Some(());
        };
        let (len, behind) = number(behind)?;
        let (value, behind) = behind.split_at_checked(len as usize)?;
        self.data.writes.push((first, value.to_vec()));
        *left -= 1;
        *rest = behind;
        Some(())
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

pub(crate) fn encode(args: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_request(&mut out, args);
    out
}
