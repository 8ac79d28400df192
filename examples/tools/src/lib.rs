//! What `redwire-inspect` and `redwire-tail` share: values as text, names of types, failures.

mod failure;
mod payload;
pub mod text;
mod types;

pub use self::failure::Failure;
pub use self::payload::payload;
pub use self::types::TypeName;
