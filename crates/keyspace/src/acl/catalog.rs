//! [`Catalog`]: the commands and subcommands that rules can name, each with a number.

use std::collections::HashMap;

use redwire_resp::Request;

use super::Categories;
use crate::command::Command;
use crate::commands::{self, reference};

/// The number of a command or subcommand in the catalog.
pub(super) type Id = usize;

/// What can be allowed and denied. It is made once for a server.
#[derive(Debug)]
pub(super) struct Catalog {
    /// Names and categories; a container's subcommands follow it.
    entries: Vec<(&'static str, Categories)>,
    commands: HashMap<&'static str, Place>,
}

/// Where a command and its subcommands stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) id: Id,
    /// How many subcommands follow it.
    pub(super) subcommands: usize,
}

impl Place {
    /// The command and its subcommands.
    pub(super) fn all(self) -> std::ops::RangeInclusive<Id> {
        self.id..=self.id + self.subcommands
    }
}

impl Catalog {
    pub(super) fn new(host: &'static [Command]) -> Self {
        let mut catalog = Self { entries: Vec::new(), commands: HashMap::new() };
        commands::all().chain(host).for_each(|command| catalog.add(command));
        catalog
    }

    fn add(&mut self, command: &'static Command) {
        let subcommands = reference::subcommands(command.name);
        let place = Place { id: self.entries.len(), subcommands: subcommands.clone().count() };
        if self.commands.insert(command.name, place).is_some() {
            debug_assert!(false, "{} is there twice", command.name);
            return;
        }
        self.entries.push((command.name, Categories::of(command)));
        let subcommands = subcommands.map(|it| (it.name, Categories::listed(&it.categories)));
        self.entries.extend(subcommands);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// A name as `ACL CAT` has it.
    pub(super) fn name(&self, id: Id) -> &'static str {
        self.entries[id].0
    }

    pub(super) fn of_category(&self, category: Categories) -> impl Iterator<Item = &str> {
        let of_it = move |entry: &&(&str, Categories)| entry.1.has(category);
        self.entries.iter().filter(of_it).map(|(name, _)| *name)
    }

    /// The numbers of those of a category.
    pub(super) fn ids_of_category(&self, category: Categories) -> impl Iterator<Item = Id> {
        (0..self.entries.len()).filter(move |id| self.entries[*id].1.has(category))
    }

    /// The command of this name, in whatever case.
    pub(super) fn command(&self, name: &[u8]) -> Option<Place> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.commands.get(name.as_str()).copied()
    }

    /// The subcommand of this name, in whatever case, of the command at `place`.
    pub(super) fn subcommand(&self, place: Place, name: &[u8]) -> Option<Id> {
        let prefix = self.name(place.id).len() + 1;
        (place.id + 1..=place.id + place.subcommands)
            .find(|id| self.name(*id).as_bytes()[prefix..].eq_ignore_ascii_case(name))
    }

    /// The command or subcommand that a request names; `None` if there is no such, so that it will
    /// be refused for that.
    pub(super) fn of_request(&self, request: Request<'_>) -> Option<Id> {
        let place = self.command(request.name())?;
        match request.arg(1) {
            Some(name) if place.subcommands > 0 => self.subcommand(place, name),
            _ => Some(place.id),
        }
    }
}
