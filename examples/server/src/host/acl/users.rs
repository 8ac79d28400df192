//! Who a connection is: log-ins, and what becomes of connections when users change.

use std::sync::Arc;

use redwire_keyspace::acl::{Acl, DEFAULT_USER, DenialContext, Denied, LogEntry, Reason, User};
use redwire_keyspace::{Command, CommandError, CommandResult, Context, Session};
use redwire_resp::Request;

use super::super::full_name;
use crate::config::{AclPubsubDefault, Config};
use crate::core::{Action, Core};
use crate::net::ClientId;

const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";

/// The user who bounds the sessions that are his; `None` if he may do everything.
pub(crate) fn bounds(user: &Arc<User>) -> Option<Arc<User>> {
    (!user.is_unrestricted()).then(|| Arc::clone(user))
}

impl Core {
    /// The users that a server of this configuration begins with, but for those of a file.
    pub(crate) fn first_users(config: &Config) -> Acl {
        let mut acl = Acl::new(super::super::COMMANDS);
        acl.set_pubsub_default(config.acl_pubsub_default == AclPubsubDefault::AllChannels);
        if let Some(password) = &config.requirepass {
            acl.set_default_password(Some(password.as_bytes()));
        }
        acl
    }

    /// Takes the `user` lines of the configuration, or the file of users.
    ///
    /// # Errors
    ///
    /// A line for the log that says what is wrong with them.
    pub(crate) fn load_users(&mut self) -> Result<(), String> {
        if self.config.aclfile.is_some() && !self.config.users.is_empty() {
            return Err("Configuring redwire with users defined in redis.conf and at the same \
                        setting an ACL file path is invalid: define either an ACL file or users \
                        in redis.conf, but not both."
                .into());
        }
        if self.config.aclfile.is_some() {
            let loaded = super::file::read(self);
            return loaded.map_err(|reason| {
                format!("Aborting redwire startup because of ACL errors: {reason}")
            });
        }
        for words in &self.config.users {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            self.acl.define(&words).map_err(|error| {
                let name = String::from_utf8_lossy(words[0]);
                format!("Error loading the ACL rules of the user named '{name}': {error}")
            })?;
        }
        Ok(())
    }

    /// Whether the default user needs no password.
    pub(crate) fn needs_no_password(&self) -> bool {
        self.acl.user(DEFAULT_USER).is_some_and(|user| user.needs_no_password())
    }

    /// The name of a connection's user.
    pub(crate) fn user_name(&self, id: ClientId) -> &[u8] {
        self.clients.get(&id).map_or(DEFAULT_USER, |client| &client.user)
    }

    /// Makes a new connection that of the default user; so does `RESET`.
    pub(crate) fn begin_session(&self, session: &mut Session) {
        session.authenticated = self.acl.is_open();
        session.user = self.acl.user(DEFAULT_USER).and_then(bounds);
    }

    /// Logs a connection in.
    ///
    /// # Errors
    ///
    /// `WRONGPASS`.
    pub(in super::super) fn log_in(
        &mut self,
        context: &mut Context<'_>,
        request: Request<'_>,
        name: &[u8],
        password: &[u8],
    ) -> CommandResult {
        let id = context.session.id();
        let Some(user) = self.acl.authenticate(name, password) else {
            self.log_denial(context.session, None, request.name(), name);
            return Err(CommandError::text(WRONG_PASSWORD));
        };
        context.session.user = bounds(user);
        context.session.authenticated = true;
        if let Some(client) = self.clients.get_mut(&id) {
            client.user = name.to_vec();
            client.logged_in = true;
        }
        self.actions.push(Action::Authenticated(id, true));
        Ok(())
    }

    /// Notes what a session was denied (`ACL LOG`).
    pub(crate) fn note_denied(
        &mut self,
        session: &Session,
        command: &Command,
        request: Request<'_>,
        denied: Denied,
    ) {
        let object = match denied.reason {
            Reason::Command => self.acl.full_name(request).unwrap_or_default().as_bytes().to_vec(),
            Reason::Key | Reason::Channel => request[denied.position].to_vec(),
        };
        let name = self.user_name(session.id()).to_vec();
        // An EXEC is under way if any command is.
        self.last_command.get_or_insert(full_name(command, request));
        self.log_denial(session, Some(denied.reason), &object, &name);
    }

    fn log_denial(
        &mut self,
        session: &Session,
        reason: Option<Reason>,
        object: &[u8],
        username: &[u8],
    ) {
        self.counters.note_denied(reason);
        let in_transaction = session.in_transaction() || session.executing_transaction();
        let context = if in_transaction { DenialContext::Multi } else { DenialContext::Toplevel };
        let mut entry = LogEntry::new(reason, context, object, username, self.unix_ms);
        if let Some(mut client) = self.clients.get(&session.id()).cloned() {
            // What EXEC runs has been taken off the queue.
            if !session.executing_transaction() {
                client.update_session(session);
            }
            client.last_command = self.last_command.unwrap_or(client.last_command);
            entry.client_info = client.line(self);
        }
        self.acl_log.add(entry, self.config.acllog_max_len as usize);
    }

    /// Whether a connection listens to something that its user may not listen to.
    pub(crate) fn listens_unallowed(&self, id: ClientId, user: &User) -> bool {
        self.pubsub
            .listened(id)
            .iter()
            .any(|(topic, is_pattern)| !user.may_listen(topic, *is_pattern))
    }
}
