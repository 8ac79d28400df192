//! The commands, one file for each group; each file has its table, `COMMANDS`, on top.
//!
//! To add a command, add its line to the table of its file and the function below: nothing else
//! knows about it.

mod draw;
mod expiry;
mod hashes;
mod keys;
mod lists;
mod numkeys;
mod options;
mod pairs;
mod scan;
mod server;
mod sets;
mod store;
mod strings;
#[cfg(test)]
mod testing;
mod transactions;
mod zsets;

use crate::command::Command;

/// Every command of the keyspace.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    [
        strings::COMMANDS,
        lists::COMMANDS,
        sets::COMMANDS,
        hashes::COMMANDS,
        zsets::COMMANDS,
        keys::COMMANDS,
        expiry::COMMANDS,
        transactions::COMMANDS,
        server::COMMANDS,
    ]
    .into_iter()
    .flatten()
}
