//! Redis data types and command semantics over an in-memory data set, with snapshots that need no fork.
pub mod tree;
