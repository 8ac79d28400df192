//! `INFO` and `TIME`.

mod commands;
mod counters;
mod never;
mod page;
mod process;
mod replication;
mod sections;

pub(crate) use counters::{Counters, Rates, Recent};
pub(super) use process::{CpuTime, resident_memory};

use redwire_keyspace::{CommandResult, Context, Keyspace};
use redwire_resp::Request;

use super::is;
use crate::core::Core;
use page::Page;

/// The version of Redis that this server speaks like: clients choose what to send by it.
pub(super) const REDIS_VERSION: &str = "7.0.15";

/// Writes what one section has to say.
type Write = fn(&mut Page, &Core, &Keyspace);

/// A section: the word that asks for it, its title, and what writes it.
struct Section {
    name: &'static str,
    title: &'static str,
    write: Write,
    /// Whether it is among those that come unless others are asked for.
    default: bool,
}

const fn section(name: &'static str, title: &'static str, write: Write) -> Section {
    Section { name, title, write, default: true }
}

/// A section that comes only if it is asked for, or `all` are.
const fn further(name: &'static str, title: &'static str, write: Write) -> Section {
    Section { name, title, write, default: false }
}

/// The sections, in Redis' order.
static SECTIONS: &[Section] = &[
    section("server", "Server", sections::server),
    section("clients", "Clients", sections::clients),
    section("memory", "Memory", sections::memory),
    section("persistence", "Persistence", sections::persistence),
    section("stats", "Stats", sections::stats),
    section("replication", "Replication", replication::replication),
    section("cpu", "CPU", sections::cpu),
    section("modules", "Modules", |_, _, _| {}),
    further("commandstats", "Commandstats", commands::commandstats),
    section("errorstats", "Errorstats", sections::errorstats),
    further("latencystats", "Latencystats", commands::latencystats),
    section("cluster", "Cluster", |_, _, _| {}),
    section("keyspace", "Keyspace", sections::keyspace),
];

/// Words that ask for all of them.
const ALL: [&str; 2] = ["all", "everything"];

pub(super) fn info(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let wanted: Vec<&[u8]> = request.iter().skip(1).collect();
    let text = text(&wanted, core, context.data.keyspace());
    context.reply.verbatim(*b"txt", text.as_bytes());
    Ok(())
}

/// The sections that the words ask for, each once, in their own order; no word asks for all.
fn text(wanted: &[&[u8]], core: &Core, keyspace: &Keyspace) -> String {
    let asked = |name: &str| wanted.iter().any(|word| is(word, name));
    let all = ALL.iter().any(|word| asked(word));
    let default = wanted.is_empty() || asked("default");
    let wants = |it: &&Section| all || (default && it.default) || asked(it.name);
    let mut page = Page::default();
    for section in SECTIONS.iter().filter(wants) {
        page.title(section.title);
        (section.write)(&mut page, core, keyspace);
        never::never(&mut page, section.title);
    }
    page.into_text()
}

pub(super) fn time(
    _core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    let now = crate::clock::since_epoch();
    context.reply.array(2);
    context.reply.bulk(now.as_secs().to_string().as_bytes());
    context.reply.bulk(now.subsec_micros().to_string().as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests;
