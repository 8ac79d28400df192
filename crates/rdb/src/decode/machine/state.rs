//! Where in a file the walk is.

use crate::{
    decode::{blob::Blob, pieces::Pieces, plain::Items, stream::StreamWalk, walk::Walk},
    types::{Item, Layout},
};

/// What has to be read next.
#[derive(Debug)]
pub(crate) enum State {
    Start,
    /// The type of a value without a key.
    Value,
    /// An opcode, or the type of a key's value.
    Top,
    /// Module data between keys.
    Between(Span, Walk),
    String,
    /// Inside a string that comes in pieces.
    Pieces(Pieces),
    /// The least expiry of a hash's fields, then `Count`.
    LeastExpiry(Item),
    /// How many items; their expiries count from the number here.
    Count(Item, u64),
    Plain(Items),
    /// The least expiry of a hash's fields, then as `Packed`.
    PackedExpiring(Layout),
    /// A packed value that is the whole of its key.
    Packed(Layout),
    /// How many nodes a list has.
    NodeCount {
        contained: bool,
    },
    Node {
        contained: bool,
        left: u64,
    },
    /// Inside a packed value, behind which `left` nodes of a list follow.
    Blob {
        blob: Blob,
        after: AfterBlob,
    },
    Opaque(Walk),
    Stream(Box<StreamWalk>),
    KeyEnd,
    /// The checksum.
    Trailer,
    /// A value without a key is complete.
    ValueEnd,
    Done,
}

/// What follows a packed value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AfterBlob {
    KeyEnd,
    Node { contained: bool, left: u64 },
}

/// Which opcode a span of bytes belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    ModuleAux,
    KeyMeta,
    SlotImport,
}
