//! [`Effects`]: the deterministic commands that a write leaves for replicas.

use redwire_resp::encode_request;

/// What writes have to tell replicas and an append-only file, in order, as RESP requests.
///
/// An effect is what makes a copy end in the same state whatever its clock and its random source:
/// `SPOP` leaves `SREM`, `EXPIRE` leaves `PEXPIREAT`, an expiry leaves `DEL`. The caller takes them
/// after each command (or batch) and feeds them to its backlog.
#[derive(Debug, Default)]
pub struct Effects {
    bytes: Vec<u8>,
    /// Database of each effect, and where its bytes end.
    ends: Vec<(u32, usize)>,
    unwanted: bool,
    muted: bool,
}

impl Effects {
    /// Whether effects are collected at all: without replicas and backlog nobody needs them.
    /// They are, until this is called.
    pub fn want(&mut self, wanted: bool) {
        self.unwanted = !wanted;
    }

    /// Whether nothing is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each effect as (database, RESP bytes), oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.ends.iter().scan(0, |start, (db, end)| {
            let bytes = &self.bytes[*start..*end];
            *start = *end;
            Some((*db, bytes))
        })
    }

    /// The same, those of one database that follow each other in one piece.
    pub fn pieces(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut start = 0;
        self.ends.chunk_by(|(db, _), (next, _)| db == next).filter_map(move |piece| {
            let (db, end) = *piece.last()?;
            let bytes = &self.bytes[start..end];
            start = end;
            Some((db, bytes))
        })
    }

    /// Drops what was taken.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(crate) fn push<I, A>(&mut self, db: u32, args: I)
    where
        I: IntoIterator<Item = A, IntoIter: ExactSizeIterator>,
        A: AsRef<[u8]>,
    {
        if !self.is_collecting() {
            return;
        }
        encode_request(&mut self.bytes, args);
        self.ends.push((db, self.bytes.len()));
    }

    /// Whether what comes now is kept.
    pub(crate) fn is_collecting(&self) -> bool {
        !self.unwanted && !self.muted
    }

    /// Leaves out what comes now: a primary's commands reach replicas as the very bytes that came.
    pub(crate) fn mute(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Where a group of effects begins that must be applied together.
    pub(crate) fn mark(&self) -> usize {
        self.ends.len()
    }

    /// Wraps what came since `mark` into `MULTI` and `EXEC`, unless one command is atomic anyway.
    #[inline]
    pub(crate) fn close_group(&mut self, mark: usize) {
        if self.ends.len() > mark + 1 {
            self.wrap_group(mark);
        }
    }

    fn wrap_group(&mut self, mark: usize) {
        let Some(&(last_db, _)) = self.ends.last() else { return };
        let start = if mark == 0 { 0 } else { self.ends[mark - 1].1 };
        let mut multi = Vec::new();
        encode_request(&mut multi, ["MULTI"]);
        let first_db = self.ends[mark].0;
        for (_, end) in &mut self.ends[mark..] {
            *end += multi.len();
        }
        self.ends.insert(mark, (first_db, start + multi.len()));
        self.bytes.splice(start..start, multi);
        self.push(last_db, ["EXEC"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_two_is_wrapped_and_one_is_not() {
        let mut effects = Effects::default();
        effects.push(0, ["SET", "a", "1"]);
        let mark = effects.mark();
        effects.close_group(mark);
        effects.push(3, ["DEL", "b"]);
        effects.close_group(mark);
        assert_eq!(effects.iter().count(), 2);
        effects.push(3, ["DEL", "c"]);
        let pieces: Vec<(u32, Vec<u8>)> =
            effects.pieces().map(|(db, bytes)| (db, bytes.to_vec())).collect();
        let effect = |at: usize| effects.iter().nth(at).map_or(&b""[..], |(_, bytes)| bytes);
        assert_eq!(pieces, [(0, effect(0).to_vec()), (3, [effect(1), effect(2)].concat())]);
        effects.clear();
        assert_eq!(effects.pieces().count(), 0);
        effects.push(0, ["SET", "a", "1"]);
        effects.push(3, ["DEL", "b"]);
        let mark = effects.mark();
        effects.push(3, ["SREM", "s", "x"]);
        effects.push(4, ["SREM", "s", "y"]);
        effects.close_group(mark);
        let seen: Vec<(u32, String)> = effects
            .iter()
            .map(|(db, bytes)| (db, String::from_utf8_lossy(bytes).replace("\r\n", " ")))
            .collect();
        assert_eq!(
            seen,
            [
                (0, "*3 $3 SET $1 a $1 1 ".to_owned()),
                (3, "*2 $3 DEL $1 b ".to_owned()),
                (3, "*1 $5 MULTI ".to_owned()),
                (3, "*3 $4 SREM $1 s $1 x ".to_owned()),
                (4, "*3 $4 SREM $1 s $1 y ".to_owned()),
                (4, "*1 $4 EXEC ".to_owned()),
            ]
        );
    }
}
