//! What listpacks and ziplists have in common: a header with the number of all bytes and of the
//! elements, the elements one behind the other, each with a length that is read from behind, and an
//! end mark.
//!
//! Who uses one takes it by its own name: [`Listpack`](crate::listpack::Listpack) and
//! [`Ziplist`](crate::ziplist::Ziplist) are a [`View`], and so on. What their elements look like
//! stands there, too.

mod builder;
mod cursor;
mod edit;
mod format;
#[cfg(test)]
pub(crate) mod tests;
mod view;

pub use builder::Builder;
pub use cursor::Cursor;
pub use edit::{Buf, CursorMut};
pub(crate) use format::{END, Format, UNCOUNTED, count, note, note_change};
pub use view::{Iter, View};
