//! What a decoder accepts.

use crate::lzf;

/// How a [`Decoder`](crate::Decoder) reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Compare the checksum at the end of the file (default). A file whose checksum is 0 was
    /// written without one and passes either way.
    pub verify_checksum: bool,
    /// Refuse duplicates within the compact forms of sets, sorted sets and hashes (default).
    /// [`Entries`](crate::entry::Entries), whose memory follows the value anyway, refuse those within
    /// the large forms (types 2 to 5, 22 and 24), too, as servers do.
    pub refuse_duplicates: bool,
    /// Refuse duplicates within the large forms at the depth of events, too, and keys that come twice
    /// in a database, which every server refuses. Default false: it takes up to 40 bytes of memory for
    /// each key of the file, and for each element of the value that is read, where the memory of a
    /// decoder shall not follow their number; and a caller who builds a table of them sees duplicates
    /// there. They are told by 128 bits of a keyed hash.
    pub refuse_all_duplicates: bool,
    /// Deliver each stream as one [`Event::Opaque`](crate::Event::Opaque), its bytes as they stand,
    /// rather than in parts. Default false.
    pub opaque_streams: bool,
    /// Deliver each value as one [`Event::Opaque`](crate::Event::Opaque), its bytes as they stand:
    /// what `RESTORE` takes and a proxy passes on. Strings and packed values are not looked into,
    /// so of what is wrong in them nothing is found. Default false.
    pub opaque_values: bool,
    /// Deliver the value of a string key of so many bytes or more, as they are after decompression,
    /// in [`Event::StringPart`](crate::Event::StringPart)s as its bytes come, so that the memory it
    /// takes is that of a piece: what is at hand, or 80 KiB of what is compressed. What is below
    /// 16 KiB comes whole whatever this says. Default `None`: each string comes whole, as who keeps
    /// or compares strings wants them, and who does not match the pieces would miss a value.
    ///
    /// Elements of lists, sets, sorted sets and hashes come whole: they are bounded by
    /// [`Limits::max_string`] and [`Limits::max_decompressed`].
    pub string_pieces: Option<u64>,
    /// Sizes beyond which the input is refused.
    pub limits: Limits,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self {
            verify_checksum: true,
            refuse_duplicates: true,
            refuse_all_duplicates: false,
            opaque_streams: false,
            opaque_values: false,
            string_pieces: None,
            limits: Limits::default(),
        }
    }
}

impl From<Limits> for DecodeOptions {
    fn from(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }
}

/// Sizes beyond which the input is refused with [`Error::Limit`](crate::Error::Limit).
///
/// They bound what a caller has to buffer. The decoder itself allocates only for what it received:
/// whatever a length announces, at most 88 bytes for each byte of a compressed string, or some 16 KiB
/// where that is more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest string as it stands in the file, in bytes: keys, values, elements, packed blobs.
    /// Default 512 MiB, as `proto-max-bulk-len`.
    pub max_string: u64,
    /// Longest string after decompression, in bytes. Default 512 MiB.
    pub max_decompressed: u64,
    /// How many times its compressed length a string's length may be. Default 88, which is the most
    /// that LZF can say ([`lzf::MAX_RATIO`](crate::lzf::MAX_RATIO)) and servers write for long runs
    /// of one byte; what exceeds that is refused as malformed.
    pub max_ratio: u64,
    /// Longest string that comes in pieces ([`DecodeOptions::string_pieces`]), in bytes after
    /// decompression. It is bound by this alone. Default `u64::MAX`: it is never in memory whole.
    pub max_in_pieces: u64,
    /// Longest opaque body (a module's value of type 7 or opcode 247, what is wanted opaque), in bytes.
    /// Default 4 GiB.
    pub max_opaque: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_string: 512 << 20,
            max_decompressed: 512 << 20,
            max_ratio: lzf::MAX_RATIO,
            max_in_pieces: u64::MAX,
            max_opaque: 4 << 30,
        }
    }
}
