//! What a decoder accepts.

/// How a [`Decoder`](crate::Decoder) reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Compare the checksum at the end of the file (default). A file whose checksum is 0 was
    /// written without one and passes either way.
    pub verify_checksum: bool,
    /// Refuse duplicates within the compact forms of sets, sorted sets and hashes (default).
    pub refuse_duplicates: bool,
    /// Refuse duplicates in the large forms of sets, sorted sets and hashes, too (types 2 to 5, 22
    /// and 24), and keys that come twice in a database. Default false: it takes up to 40 bytes of
    /// memory for each key of the file, and for each element of the value that is read, and a caller
    /// who builds a table of them sees duplicates there. They are told by 128 bits of a keyed hash.
    pub refuse_all_duplicates: bool,
    /// Deliver each stream as one [`Event::Opaque`](crate::Event::Opaque), its bytes as they stand,
    /// rather than in parts. Default false.
    pub opaque_streams: bool,
    /// Deliver each value as one [`Event::Opaque`](crate::Event::Opaque), its bytes as they stand:
    /// what `RESTORE` takes and a proxy passes on. Strings and packed values are not looked into,
    /// so of what is wrong in them nothing is found. Default false.
    pub opaque_values: bool,
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
/// whatever a length announces, at most 88 bytes for each byte of a compressed string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest string as it stands in the file, in bytes: keys, values, elements, packed blobs.
    /// Default 512 MiB, as `proto-max-bulk-len`.
    pub max_string: u64,
    /// Longest string after decompression, in bytes. Default 512 MiB.
    pub max_decompressed: u64,
    /// Longest opaque body (a module's value, what is wanted opaque), in bytes. Default 4 GiB.
    pub max_opaque: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_string: 512 << 20, max_decompressed: 512 << 20, max_opaque: 4 << 30 }
    }
}
