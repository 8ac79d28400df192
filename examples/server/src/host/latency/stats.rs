//! [`CommandStats`]: what commands came to, for `INFO commandstats` and `latencystats` and `LATENCY
//! HISTOGRAM`.

use std::collections::HashMap;

use redwire_keyspace::Command;

use super::histogram::Histogram;

/// What each command came to, or each subcommand (`config|get`).
#[derive(Debug, Default)]
pub(crate) struct CommandStats {
    /// Those of commands, by [their numbers](Command::number), some of which never came.
    commands: Vec<CommandStat>,
    /// Those of subcommands, and where among them a name is, by where the name itself is: each has one
    /// place in the program.
    subcommands: Vec<CommandStat>,
    by_name: HashMap<(usize, usize), usize>,
}

/// What one command came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommandStat {
    pub(crate) name: &'static str,
    pub(crate) calls: u64,
    /// How long they took in all, in ns.
    pub(crate) took: u64,
    /// Refused before they ran.
    pub(crate) rejected: u64,
    /// Answered by an error.
    pub(crate) failed: u64,
    /// Nothing as long as no time was tracked.
    pub(crate) histogram: Option<Histogram>,
}

impl CommandStats {
    /// What a command came to, or its subcommand of this whole name, to be added to.
    #[inline]
    pub(crate) fn of(&mut self, command: &Command, name: &'static str) -> &mut CommandStat {
        match command.number() {
            Some(number) if std::ptr::eq(name, command.name) => self.of_command(number, name),
            _ => self.of_subcommand(name),
        }
    }

    #[inline]
    fn of_command(&mut self, number: usize, name: &'static str) -> &mut CommandStat {
        if number >= self.commands.len() {
            self.commands.resize(number + 1, CommandStat::default());
        }
        let stat = &mut self.commands[number];
        stat.name = name;
        stat
    }

    fn of_subcommand(&mut self, name: &'static str) -> &mut CommandStat {
        let next = self.subcommands.len();
        let at = *self.by_name.entry((name.as_ptr() as usize, name.len())).or_insert(next);
        if at == next {
            self.subcommands.push(CommandStat { name, ..CommandStat::default() });
        }
        &mut self.subcommands[at]
    }

    /// Every command that came, by name.
    pub(crate) fn sorted(&self) -> Vec<&CommandStat> {
        let commands = self.commands.iter().filter(|it| !it.name.is_empty());
        let mut all: Vec<_> = commands.chain(&self.subcommands).collect();
        all.sort_by_key(|it| it.name);
        all
    }
}

impl CommandStat {
    /// Whether it is `name`, or a subcommand of that.
    pub(crate) fn is_of(&self, name: &str) -> bool {
        let container = self.name.split_once('|').map(|(container, _)| container);
        self.name.eq_ignore_ascii_case(name)
            || container.is_some_and(|it| it.eq_ignore_ascii_case(name))
    }

    /// The times, if there are any.
    pub(crate) fn times(&self) -> Option<&Histogram> {
        self.histogram.as_ref().filter(|histogram| histogram.total() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_one_place() {
        let mut stats = CommandStats::default();
        let commands = crate::host::COMMANDS;
        let named = |name: &str| commands.iter().find(|it| it.name == name).unwrap();
        let (config, info) = (named("config"), named("info"));
        let subcommand = "config|get";
        for (command, name) in [
            (info, info.name),
            (config, subcommand),
            (info, info.name),
            (config, config.name),
            (config, subcommand),
            (info, info.name),
        ] {
            stats.of(command, name).calls += 1;
        }
        let counts: Vec<_> = stats.sorted().iter().map(|it| (it.name, it.calls)).collect();
        assert_eq!(counts, [("config", 1), ("config|get", 2), ("info", 3)]);
        let of = |name| stats.sorted().iter().filter(|it| it.is_of(name)).count();
        assert_eq!((of("CONFIG"), of("info"), of("config|get"), of("con")), (2, 1, 1, 0));
    }

    #[test]
    fn all_commands_have_numbers_of_their_own() {
        let mut numbers: Vec<_> = crate::host::COMMANDS.iter().map(Command::number).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), crate::host::COMMANDS.len());
        assert!(numbers.iter().all(Option::is_some));
    }
}
