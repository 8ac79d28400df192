//! [`CommandStats`]: what commands came to, for `INFO commandstats` and `latencystats` and `LATENCY
//! HISTOGRAM`.

use std::collections::HashMap;

use super::histogram::Histogram;

/// What each command came to, by its name, or that of its subcommand (`config|get`).
#[derive(Debug, Default)]
pub(crate) struct CommandStats {
    commands: Vec<CommandStat>,
    /// Where in `commands` a name is, by where the name itself is: each has one place in the program.
    by_name: HashMap<(usize, usize), usize>,
    /// The command before, which most often is the same.
    last: Option<(&'static str, usize)>,
}

/// What one command came to.
#[derive(Debug, Clone)]
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
    /// What the command of this name came to, to be added to.
    #[inline]
    pub(crate) fn of(&mut self, name: &'static str) -> &mut CommandStat {
        let at = match self.last {
            Some((last, at)) if std::ptr::eq(last, name) => at,
            _ => self.find(name),
        };
        &mut self.commands[at]
    }

    fn find(&mut self, name: &'static str) -> usize {
        let next = self.commands.len();
        let at = *self.by_name.entry((name.as_ptr() as usize, name.len())).or_insert(next);
        if at == next {
            self.commands.push(CommandStat::new(name));
        }
        self.last = Some((name, at));
        at
    }

    /// Every command that came, by name.
    pub(crate) fn sorted(&self) -> Vec<&CommandStat> {
        let mut all: Vec<_> = self.commands.iter().collect();
        all.sort_by_key(|it| it.name);
        all
    }
}

impl CommandStat {
    fn new(name: &'static str) -> Self {
        Self { name, calls: 0, took: 0, rejected: 0, failed: 0, histogram: None }
    }

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
    fn each_name_has_one_place() {
        let mut stats = CommandStats::default();
        let names = ["get", "set", "get", "config|get", "get", "config|get"];
        for name in names {
            // Each of them has the place of the first that is the same.
            let name = names.into_iter().find(|it| *it == name).unwrap();
            stats.of(name).calls += 1;
        }
        let counts: Vec<_> = stats.sorted().iter().map(|it| (it.name, it.calls)).collect();
        assert_eq!(counts, [("config|get", 2), ("get", 3), ("set", 1)]);
        let of = |name| stats.commands.iter().filter(|it| it.is_of(name)).count();
        assert_eq!((of("CONFIG"), of("get"), of("config|get"), of("con")), (1, 1, 1, 0));
    }
}
