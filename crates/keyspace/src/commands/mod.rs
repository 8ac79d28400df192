//! The commands, one file for each group; each file has its table, `COMMANDS`, on top.
//!
//! To add a command, add its line to the table of its file and the function below: nothing else
//! knows about it.

mod bitmaps;
mod connection;
mod draw;
mod expiry;
mod functions;
mod geo;
mod hashes;
mod hyperloglog;
mod introspection;
mod keys;
mod lists;
mod numkeys;
mod options;
mod pairs;
mod reference;
mod scan;
mod server;
mod sets;
mod sort;
mod store;
mod streams;
mod strings;
#[cfg(test)]
mod testing;
mod transactions;
mod zsets;

pub(crate) use keys::encoding_of;

use crate::command::Command;

/// The tables, each with the name that `COMMAND DOCS` has for its group.
pub(crate) fn groups() -> [(&'static str, &'static [Command]); 17] {
    [
        ("string", strings::COMMANDS),
        ("bitmap", bitmaps::COMMANDS),
        ("list", lists::COMMANDS),
        ("set", sets::COMMANDS),
        ("hash", hashes::COMMANDS),
        ("sorted-set", zsets::COMMANDS),
        ("hyperloglog", hyperloglog::COMMANDS),
        ("geo", geo::COMMANDS),
        ("stream", streams::COMMANDS),
        ("generic", keys::COMMANDS),
        ("generic", expiry::COMMANDS),
        ("generic", sort::COMMANDS),
        ("transactions", transactions::COMMANDS),
        ("connection", connection::COMMANDS),
        ("server", server::COMMANDS),
        ("server", introspection::COMMANDS),
        ("scripting", functions::COMMANDS),
    ]
}

/// The whole name of a command's subcommand, if there is such a one.
pub(crate) fn subcommand_of(container: &str, name: &[u8]) -> Option<&'static str> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    reference::find(&format!("{container}|{name}")).map(|entry| entry.name)
}

/// Every command of the keyspace.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> + Clone {
    groups().into_iter().flat_map(|(_, commands)| commands)
}
