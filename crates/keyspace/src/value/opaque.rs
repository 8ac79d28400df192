//! [`Opaque`]: a value kept as the bytes that an RDB file had for it.

use std::sync::Arc;

/// A value of a type without commands here (a module's), as it stood in the RDB.
///
/// Nothing is lost on the way from one server to another: a full sync and a save write the same
/// bytes again.
#[derive(Debug, Clone)]
pub struct Opaque(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    type_byte: u8,
    body: Box<[u8]>,
}

impl Opaque {
    /// A value of RDB type `type_byte` with the bytes that follow its key.
    #[must_use]
    pub fn new(type_byte: u8, body: &[u8]) -> Self {
        Self(Arc::new(Kept { type_byte, body: body.into() }))
    }

    /// The RDB type byte.
    #[must_use]
    pub fn type_byte(&self) -> u8 {
        self.0.type_byte
    }

    /// The bytes after the key.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// What `TYPE` answers: a stream's name, else `opaque`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.0.type_byte {
            15 | 19 | 21 | 26 => "stream",
            _ => "opaque",
        }
    }
}
