//! [`CommandTable`]: the keyspace's commands by name.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::command::Command;
use crate::commands;

/// Longest command name that is looked up; what is longer is no command.
const NAME_MAX: usize = 32;

/// The commands of all files under `commands/`, by name.
#[derive(Debug)]
pub(crate) struct CommandTable {
    by_name: HashMap<&'static [u8], &'static Command, foldhash::fast::FixedState>,
}

impl CommandTable {
    /// The one table of the process.
    pub(crate) fn shared() -> &'static Self {
        static TABLE: OnceLock<CommandTable> = OnceLock::new();
        TABLE.get_or_init(|| {
            let commands = commands::all();
            Self { by_name: commands.map(|command| (command.name.as_bytes(), command)).collect() }
        })
    }

    /// The command of this name in whatever case; `otherwise` is asked with the lower-case name.
    pub(crate) fn find(
        &self,
        name: &[u8],
        otherwise: impl FnOnce(&[u8]) -> Option<&'static Command>,
    ) -> Option<&'static Command> {
        let mut lower = [0; NAME_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        self.by_name.get(&*lower).copied().or_else(|| otherwise(lower))
    }
}
