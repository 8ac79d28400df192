//! Commands of commands: how `CLIENT LIST`, `CONFIG GET` and their kin are found and checked.

use redwire_keyspace::{Command, CommandError, CommandResult, Context, Flags};
use redwire_resp::Request;

use super::{
    Run, absent, acl, clients, command_log, config, hotkeys, is, latency, memory, pubsub, quoted,
    unknown_subcommand,
};
use crate::core::Core;

/// A subcommand: to add one, add its line to the table of its file.
#[derive(Debug)]
pub(super) struct Subcommand {
    /// The whole name, as `CLIENT LIST` shows it: `client|list`.
    name: &'static str,
    /// How many arguments it takes, the container's name and its own among them; at least as
    /// many, when negative.
    arity: i32,
    /// Whether it is for operators, and so not shown to monitors.
    admin: bool,
    run: Run,
}

impl Subcommand {
    pub(super) const fn new(name: &'static str, arity: i32, run: Run) -> Self {
        Self { name, arity, admin: false, run }
    }

    pub(super) const fn admin(name: &'static str, arity: i32, run: Run) -> Self {
        Self { name, arity, admin: true, run }
    }

    fn accepts(&self, count: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { count >= wanted } else { count == wanted }
    }
}

/// Runs the subcommand of `table` that `request` names.
pub(super) fn dispatch(
    table: &'static [Subcommand],
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let Some(subcommand) = find(table, request) else {
        let container = request.name().to_ascii_uppercase();
        return Err(unknown_subcommand(&String::from_utf8_lossy(&container), request));
    };
    if !subcommand.accepts(request.len()) {
        return Err(CommandError::Arity(subcommand.name.into()));
    }
    (subcommand.run)(core, context, request)
}

/// The name of a command, or of the subcommand that `request` names.
#[inline]
pub(crate) fn full_name(command: &Command, request: Request<'_>) -> &'static str {
    if command.flags.has(Flags::CONTAINER) {
        subcommand_name(command, request).unwrap_or(command.name)
    } else {
        command.name
    }
}

#[cold]
fn subcommand_name(command: &Command, request: Request<'_>) -> Option<&'static str> {
    if command.is_hosts() {
        find(table(command.name), request).map(|subcommand| subcommand.name)
    } else {
        command.subcommand(request)
    }
}

/// Whether the subcommand of `command` that `request` names, if there is one, takes so many arguments.
pub(super) fn accepts(command: &str, request: Request<'_>) -> bool {
    find(table(command), request).is_none_or(|subcommand| subcommand.accepts(request.len()))
}

/// Whether monitors are shown `request`: not what is for operators, nor what was refused because
/// there is no such subcommand.
pub(super) fn is_shown(command: &Command, request: Request<'_>) -> bool {
    match (table(command.name), find(table(command.name), request)) {
        ([], _) => !command.flags.has(Flags::ADMIN),
        (_, None) => false,
        (_, Some(subcommand)) => !subcommand.admin && subcommand.accepts(request.len()),
    }
}

/// The error of a subcommand that is there but does not take so many arguments, or is not there,
/// where Redis does not tell one from the other.
pub(super) fn unknown_or_wrong_arity(container: &str, request: Request<'_>) -> CommandError {
    let name = quoted(request.arg(1).unwrap_or_default());
    CommandError::text(format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."
    ))
}

/// The subcommands of a command; none for most.
fn table(command: &str) -> &'static [Subcommand] {
    match command {
        "acl" => acl::SUBCOMMANDS,
        "client" => clients::SUBCOMMANDS,
        "cluster" => absent::CLUSTER,
        "commandlog" => command_log::COMMANDLOG,
        "config" => config::SUBCOMMANDS,
        "hotkeys" => hotkeys::SUBCOMMANDS,
        "latency" => latency::SUBCOMMANDS,
        "memory" => memory::SUBCOMMANDS,
        "module" => absent::MODULE,
        "pubsub" => pubsub::SUBCOMMANDS,
        "slowlog" => command_log::SLOWLOG,
        _ => &[],
    }
}

fn find(table: &'static [Subcommand], request: Request<'_>) -> Option<&'static Subcommand> {
    let wanted = request.arg(1)?;
    table.iter().find(|subcommand| {
        subcommand.name.split_once('|').is_some_and(|(_, name)| is(wanted, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use redwire_resp::RequestBuf;

    #[test]
    fn names_and_flags() {
        let cases: [(&[&str], &str, bool); 9] = [
            (&["client", "LIST"], "client|list", false),
            (&["client", "id"], "client|id", true),
            (&["client", "id", "7"], "client|id", false),
            (&["client", "nosuch"], "client", false),
            (&["config", "GET", "*"], "config|get", false),
            (&["config", "help"], "config|help", true),
            (&["slowlog", "reset"], "slowlog|reset", false),
            (&["debug", "sleep", "0"], "debug", false),
            (&["info", "all"], "info", true),
        ];
        for (words, name, shown) in cases {
            let request = RequestBuf::from_args(words);
            let command = super::super::COMMANDS.iter().find(|it| it.name == words[0]).unwrap();
            assert_eq!(full_name(command, request.as_request()), name);
            assert_eq!(is_shown(command, request.as_request()), shown, "{words:?}");
        }
    }

    #[test]
    fn every_table_is_of_one_container() {
        for container in [
            "acl",
            "client",
            "cluster",
            "commandlog",
            "config",
            "hotkeys",
            "latency",
            "memory",
            "module",
            "pubsub",
            "slowlog",
        ] {
            let of_it = |it: &Subcommand| it.name.split_once('|').unwrap().0 == container;
            assert!(table(container).iter().all(of_it), "{container}");
        }
    }

    /// What `COMMAND INFO` says of a name: its arity, and the names of its flags; `None` if it is not
    /// known.
    fn described(
        server: &mut super::super::testing::Server,
        name: &str,
    ) -> Option<(i32, Vec<String>)> {
        let reply = server.run(&format!("COMMAND INFO {name}"));
        let mut lines = reply.split("\r\n").skip(2).filter(|line| !line.starts_with('$'));
        lines.next()?;
        let arity = lines.next()?.strip_prefix(':')?.parse().ok()?;
        let count: usize = lines.next()?.strip_prefix('*')?.parse().ok()?;
        let flags = lines.take(count).map(|flag| flag.trim_start_matches('+').to_owned());
        Some((arity, flags.collect()))
    }

    /// Commands whose flags say how they are run here, which is not in all as in Redis.
    const OWN_FLAGS: [&str; 5] = ["monitor", "psync", "sync", "replconf", "waitaof"];

    #[test]
    fn commands_are_declared_as_they_are_described() {
        let mut server = super::super::testing::Server::new(crate::config::Config::default());
        let mut differences = Vec::new();
        for command in super::super::COMMANDS {
            let Some((arity, flags)) = described(&mut server, command.name) else {
                differences.push(format!("{} is not described", command.name));
                continue;
            };
            let own = OWN_FLAGS.contains(&command.name) || !table(command.name).is_empty();
            let meant =
                |flag: &String| !["allow_busy", "no_async_loading"].contains(&flag.as_str());
            let flags: Vec<String> = flags.into_iter().filter(meant).collect();
            let declared: Vec<&str> = command.flags.names().collect();
            let same = declared.len() == flags.len()
                && flags.iter().all(|flag| declared.contains(&flag.as_str()));
            if arity != command.arity || !(same || own) {
                let declared = (command.arity, declared);
                differences.push(format!("{}: {declared:?}, not {arity} {flags:?}", command.name));
            }
            for subcommand in table(command.name) {
                match described(&mut server, subcommand.name) {
                    Some((arity, _)) if arity == subcommand.arity => {}
                    other => differences
                        .push(format!("{}: {}, not {other:?}", subcommand.name, subcommand.arity)),
                }
            }
        }
        assert!(differences.is_empty(), "{differences:#?}");
        for command in super::super::COMMANDS {
            let is_container = command.flags.has(Flags::CONTAINER);
            assert_eq!(is_container, !table(command.name).is_empty(), "{}", command.name);
        }
    }
}
