//! The commands, one file for each group; each file has its table, `COMMANDS`, on top.
//!
//! To add a command, add its line to the table of its file, the function below, and its paragraph to
//! the group's text in `reference/`: nothing else knows about it.

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
pub(crate) mod reference;
mod scan;
mod scripts;
mod server;
mod sets;
mod small;
mod sort;
mod store;
mod streams;
mod strings;
#[cfg(test)]
mod testing;
mod transactions;
mod zsets;

pub(crate) use keys::encoding_of;
pub(crate) use small::Small;

use crate::command::Command;

/// The tables, in the order in which `COMMAND` lists them.
const TABLES: [&[Command]; 18] = [
    strings::COMMANDS,
    bitmaps::COMMANDS,
    lists::COMMANDS,
    sets::COMMANDS,
    hashes::COMMANDS,
    zsets::COMMANDS,
    hyperloglog::COMMANDS,
    geo::COMMANDS,
    streams::COMMANDS,
    keys::COMMANDS,
    expiry::COMMANDS,
    sort::COMMANDS,
    transactions::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
    introspection::COMMANDS,
    functions::COMMANDS,
    scripts::COMMANDS,
];

/// How many commands the keyspace has.
pub(crate) const COUNT: usize = {
    let (mut count, mut table) = (0, 0);
    while table < TABLES.len() {
        count += TABLES[table].len();
        table += 1;
    }
    count
};

/// All of them, each with its number.
static ALL: [Command; COUNT] = {
    let mut all = [TABLES[0][0]; COUNT];
    let (mut count, mut table) = (0, 0);
    while table < TABLES.len() {
        let mut at = 0;
        while at < TABLES[table].len() {
            all[count] = TABLES[table][at];
            (count, at) = (count + 1, at + 1);
        }
        table += 1;
    }
    Command::numbered(all, 0)
};

/// The whole name of a command's subcommand, if there is such a one.
pub(crate) fn subcommand_of(container: &str, name: &[u8]) -> Option<&'static str> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    reference::find(&format!("{container}|{name}")).map(|entry| entry.name)
}

/// Every command of the keyspace.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> + Clone {
    ALL.iter()
}
