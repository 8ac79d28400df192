//! The bytes of a stored segment.
//!
//! All numbers are little-endian. A head of 112 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `RWSEG` 0 1 and a line feed: magic and version of the format |
//! | 8 | start: the [`Offset`] of the first byte |
//! | 40, 40, 8 | the history at that time: replid, replid2, second offset (all ones: none) |
//! | 8 | CRC-64/XZ of all before it |
//!
//! Then pieces, as the stream came: 4 bytes of length, 8 of CRC-64/XZ, and the bytes. The checksum
//! covers the one before it, the length and the bytes, so that a piece counts only in its place
//! behind the right head.

use crate::{History, Offset, ReplId};

use super::SegmentId;

const MAGIC: &[u8; 8] = b"RWSEG\x00\x01\n";
const HEAD: usize = 8 + 8 + 40 + 40 + 8 + 8;
const PIECE_HEAD: usize = 4 + 8;
const NO_SECOND: u64 = u64::MAX;

/// The largest piece that is written, in bytes.
pub(super) const PIECE_MAX: usize = 1 << 30;

/// A segment read back, as far as it is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub(super) id: SegmentId,
    pub(super) history: History,
    /// The bytes of the stream.
    pub(super) payload: Vec<u8>,
    /// How much of the file that is.
    pub(super) file_len: u64,
    /// Checksum of the last sound piece.
    pub(super) crc: u64,
}

impl Segment {
    /// Reads a segment's file. What follows the first damaged or torn piece is left out; `None`
    /// when already the head is damaged.
    pub fn read(file: &[u8]) -> Option<Segment> {
        let (id, history, mut crc) = read_head(file)?;
        let mut at = HEAD;
        let mut payload = Vec::with_capacity(file.len() - HEAD);
        while let Some((bytes, next)) = read_piece(&file[at..], crc) {
            payload.extend_from_slice(bytes);
            at += PIECE_HEAD + bytes.len();
            crc = next;
        }
        id.start.checked_add(payload.len() as u64)?;
        Some(Segment { id, history, payload, file_len: at as u64, crc })
    }

    /// Its name.
    pub fn id(&self) -> SegmentId {
        self.id
    }

    /// The ids of the stream when it was begun.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The place behind its last sound byte.
    pub fn end(&self) -> Offset {
        let end = self.id.start.checked_add(self.payload.len() as u64);
        end.expect("invariant: checked when it was read")
    }

    /// How much of its file is sound, in bytes.
    pub fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Its part of the stream.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// The head of a segment that starts at `start`, and its checksum.
pub(super) fn head(start: Offset, history: &History) -> (Vec<u8>, u64) {
    let mut head = Vec::with_capacity(HEAD);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&start.get().to_le_bytes());
    head.extend_from_slice(history.replid().as_bytes());
    head.extend_from_slice(history.replid2().as_bytes());
    let second = history.second_offset().map_or(NO_SECOND, Offset::get);
    head.extend_from_slice(&second.to_le_bytes());
    let crc = checksum(&[&head]);
    head.extend_from_slice(&crc.to_le_bytes());
    (head, crc)
}

/// What goes ahead of a piece of `chunks`, and the piece's checksum; `before` is the checksum of
/// the piece or head ahead of it.
pub(super) fn piece_head<D: AsRef<[u8]>>(before: u64, chunks: &[D]) -> ([u8; PIECE_HEAD], u64) {
    let len: usize = chunks.iter().map(|chunk| chunk.as_ref().len()).sum();
    let len = u32::try_from(len).expect("invariant: a piece is at most PIECE_MAX");
    let parts = [before.to_le_bytes().to_vec(), len.to_le_bytes().to_vec()];
    let parts = parts.iter().map(Vec::as_slice).chain(chunks.iter().map(AsRef::as_ref));
    let crc = checksum(&parts.collect::<Vec<_>>());
    let mut head = [0; PIECE_HEAD];
    head[..4].copy_from_slice(&len.to_le_bytes());
    head[4..].copy_from_slice(&crc.to_le_bytes());
    (head, crc)
}

fn read_head(file: &[u8]) -> Option<(SegmentId, History, u64)> {
    let (head, crc) = file.get(..HEAD)?.split_last_chunk::<8>()?;
    let crc = u64::from_le_bytes(*crc);
    let rest = head.strip_prefix(MAGIC)?;
    if checksum(&[head]) != crc {
        return None;
    }
    let (start, rest) = rest.split_first_chunk()?;
    let (replid, rest) = rest.split_at_checked(40)?;
    let (replid2, second) = rest.split_at_checked(40)?;
    let replid = ReplId::parse(replid)?;
    let second = u64::from_le_bytes(second.try_into().ok()?);
    let previous = match second {
        NO_SECOND => None,
        second => Some((ReplId::parse(replid2)?, Offset::new(second)?)),
    };
    let start = Offset::new(u64::from_le_bytes(*start))?;
    Some((SegmentId { replid, start }, History::from_parts(replid, previous), crc))
}

/// The bytes of the piece at the front and its checksum; `None` when none is there whole.
fn read_piece(file: &[u8], before: u64) -> Option<(&[u8], u64)> {
    let (len, rest) = file.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<8>()?;
    let bytes = rest.get(..u32::from_le_bytes(*len) as usize).filter(|bytes| !bytes.is_empty())?;
    let crc = u64::from_le_bytes(*crc);
    (checksum(&[&before.to_le_bytes(), len, bytes]) == crc).then_some((bytes, crc))
}

fn checksum(parts: &[&[u8]]) -> u64 {
    let mut digest = crc64fast::Digest::new();
    parts.iter().for_each(|part| digest.write(part));
    digest.sum64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(pieces: &[&[u8]]) -> (SegmentId, History, Vec<u8>) {
        let mut history = History::new(ReplId::from_random([1; 20]));
        history.shift(ReplId::from_random([2; 20]), Offset::new(70).unwrap());
        let start = Offset::new(100).unwrap();
        let (mut file, mut crc) = head(start, &history);
        for piece in pieces {
            let (head, next) = piece_head(crc, &[piece]);
            file.extend(head);
            file.extend_from_slice(piece);
            crc = next;
        }
        (SegmentId { replid: history.replid(), start }, history, file)
    }

    /// The check value of CRC-64/XZ.
    #[test]
    fn the_checksum_is_crc_64_xz() {
        assert_eq!(checksum(&[b"1234", b"56789"]), 0x995d_c9bb_df19_39fa);
    }

    #[test]
    fn a_segment_comes_back_cut_at_any_byte_up_to_its_last_whole_piece() {
        let pieces: [&[u8]; 3] = [b"one", b"two and", b"three"];
        let (id, history, whole) = file(&pieces);
        for cut in 0..=whole.len() {
            let read = Segment::read(&whole[..cut]);
            assert_eq!(read.is_some(), cut >= HEAD);
            let Some(read) = read else { continue };
            assert_eq!((read.id, read.history), (id, history));
            let ends = pieces.iter().scan(HEAD, |at, piece| {
                *at += PIECE_HEAD + piece.len();
                Some(*at)
            });
            let there = ends.filter(|end| *end <= cut).count();
            assert_eq!(read.payload, pieces[..there].concat());
        }
    }

    #[test]
    fn a_flipped_bit_ends_a_segment_before_its_piece() {
        let (_, _, whole) = file(&[b"one", b"two and", b"three"]);
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            let read = Segment::read(&damaged);
            assert_eq!(read.is_some(), at >= HEAD, "byte {at}");
            let whole_before = [(HEAD + 15, 3), (HEAD + 34, 10), (usize::MAX, 15)];
            let lens = [0, 3, 10];
            let piece = whole_before.iter().position(|(end, _)| at < *end).unwrap();
            if let Some(read) = read {
                assert_eq!(read.payload.len(), lens[piece], "byte {at}");
            }
        }
    }

    #[test]
    fn a_piece_counts_only_in_its_place() {
        let (_, _, one) = file(&[b"one", b"two"]);
        // The second piece moved to the first place.
        let moved = [&one[..HEAD], &one[HEAD + PIECE_HEAD + 3..]].concat();
        assert_eq!(Segment::read(&moved).unwrap().payload, b"");
    }
}
