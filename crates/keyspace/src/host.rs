//! [`Host`]: what stands around the keyspace and runs the commands that are not about data.

use redwire_resp::Request;

#[cfg(doc)]
use crate::Noted;
use crate::acl::Denied;
use crate::command::Command;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::session::Session;
use crate::touches::Touched;

/// One of the commands that ran in one go ([`Host::ran`]).
#[derive(Debug, Clone, Copy)]
pub struct Ran {
    /// The command.
    pub command: &'static Command,
    /// How many of its requests ran, at least one.
    pub count: u64,
}

/// The server around a [`Keyspace`](crate::Keyspace): its own commands and its say in all others.
///
/// Every method has a default that does nothing, so `struct Nothing; impl Host for Nothing {}` is
/// enough to embed the data types alone ([`NoHost`] is that).
pub trait Host {
    /// The host's own commands, each declared by [`Command::host`].
    fn commands(&self) -> &'static [Command] {
        &[]
    }

    /// The host's command of this name, in lower case.
    fn find(&self, name: &[u8]) -> Option<&'static Command> {
        self.commands().iter().find(|command| command.name.as_bytes() == name)
    }

    /// Whether `command` may run now (`MISCONF`, `NOREPLICAS`, `MASTERDOWN` and the like are the
    /// host's to say). Asked when a command comes, also when it is to be queued.
    ///
    /// # Errors
    ///
    /// What the client is answered in the place of a reply.
    fn admit(&mut self, _session: &Session, _command: &Command) -> CommandResult {
        Ok(())
    }

    /// Called when the rights of the session's [`user`](Session::user) do not allow a request
    /// (`ACL LOG`): when it came, or, if it had been queued before, when it was to be executed.
    fn denied(
        &mut self,
        _session: &Session,
        _command: &Command,
        _request: Request<'_>,
        _denied: Denied,
    ) {
    }

    /// Runs one of [`Host::commands`].
    ///
    /// # Errors
    ///
    /// What the client is answered; whatever was written of a reply is taken back.
    fn run(
        &mut self,
        command: &'static Command,
        _context: &mut Context<'_>,
        _request: Request<'_>,
    ) -> CommandResult {
        Err(CommandError::text(format!("ERR unknown command '{}'", command.name)))
    }

    /// Called behind each command that changed keys, before [`after`](Host::after), if
    /// [`Touches`](crate::Touches) are wanted: what it changed, and what expired meanwhile.
    fn touched(&mut self, _session: &Session, _touched: Vec<Touched>) {}

    /// Called for a command that is refused before it runs.
    fn rejected(&mut self, _command: &Command, _request: Request<'_>) {}

    /// Called for a command that is answered by an error, before [`after`](Host::after).
    fn failed(
        &mut self,
        _session: &Session,
        _command: &Command,
        _request: Request<'_>,
        _error: &CommandError,
    ) {
    }

    /// Called before a command runs; for an `EXEC` before all that it runs.
    fn before(&mut self, _session: &Session, _command: &Command, _request: Request<'_>) {}

    /// Whether the session's next requests of this command, which is [quick](Noted::is_quick), may run in
    /// one go with others: then neither [`before`](Host::before) nor [`after`](Host::after) is called for
    /// each, but [`ran`](Host::ran) once for all. Only a host that answers true is ever told so.
    fn begin_run(&mut self, _session: &Session, _command: &Command) -> bool {
        false
    }

    /// Called after requests of these commands ran in one go. The last of them was one of `last`, and was
    /// answered by `error`, if there was one: [`failed`](Host::failed) was told of it as well.
    fn ran(
        &mut self,
        _session: &Session,
        _ran: &[Ran],
        _last: &Command,
        _error: Option<&CommandError>,
    ) {
    }

    /// Called behind a command whose reply has so many `bytes`, where they are as many as
    /// [`Settings::long_reply`](crate::Settings::long_reply) or more (`COMMANDLOG`).
    fn long_reply(
        &mut self,
        _session: &Session,
        _command: &Command,
        _request: Request<'_>,
        _bytes: usize,
    ) {
    }

    /// Called after a command ran (`MONITOR`, `SLOWLOG`); for an `EXEC` after all that it ran.
    fn after(&mut self, _session: &Session, _command: &Command, _request: Request<'_>) {}
}

/// A host with no commands of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHost;

impl Host for NoHost {}
