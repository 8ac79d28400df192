//! Commands of commands: how `CLIENT LIST`, `CONFIG GET` and their kin are found and checked.

use redwire_keyspace::{Command, CommandError, CommandResult, Context, Flags};
use redwire_resp::Request;

use super::{
    Run, acl, clients, config, is, latency, memory, pubsub, quoted, slow_log, unknown_subcommand,
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
pub(crate) fn full_name(command: &'static str, request: Request<'_>) -> &'static str {
    find(table(command), request).map_or(command, |subcommand| subcommand.name)
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
        "config" => config::SUBCOMMANDS,
        "latency" => latency::SUBCOMMANDS,
        "memory" => memory::SUBCOMMANDS,
        "pubsub" => pubsub::SUBCOMMANDS,
        "slowlog" => slow_log::SUBCOMMANDS,
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
            assert_eq!(full_name(command.name, request.as_request()), name);
            assert_eq!(is_shown(command, request.as_request()), shown, "{words:?}");
        }
    }

    #[test]
    fn every_table_is_of_one_container() {
        for container in ["acl", "client", "config", "latency", "memory", "pubsub", "slowlog"] {
            let of_it = |it: &Subcommand| it.name.split_once('|').unwrap().0 == container;
            assert!(table(container).iter().all(of_it), "{container}");
        }
    }
}
