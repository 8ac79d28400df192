//! From a request to its reply: look-up, checks, transactions, effects.

use redwire_resp::{Encoder, Request, RequestBuf};

use crate::UnixMs;
use crate::acl::{self, Denied, Reason};
use crate::ahead::{Ahead, Key, Noted, Upcoming};
use crate::command::{Command, Flags, Run};
use crate::context::{Context, Data, EffectPlan};
use crate::database::Place;
use crate::error::{CommandError, CommandResult};
use crate::host::{Host, Ran};
use crate::keyspace::{Keyspace, Role};
use crate::session::{Origin, Session, Transaction};

/// How many bytes of a command's name or arguments an error text quotes.
const QUOTED_MAX: usize = 128;

/// How many commands run in one go, at most, whose requests come by turns.
const RUNS: usize = 4;

/// Everything that one command runs with, short of the keyspace itself.
struct Call<'c> {
    host: &'c mut dyn Host,
    session: &'c mut Session,
    now: UnixMs,
    out: &'c mut Vec<u8>,
}

impl Keyspace {
    /// Runs one request of `session` at the moment `now` and appends its reply to `out`.
    ///
    /// What replicas have to be told is in [`Keyspace::effects`] afterwards. Every request gets
    /// exactly one reply, an error included; a host's command may choose to write none. Where the
    /// session [may wait](Session::may_wait), that of a command that waits comes later: see
    /// [`Keyspace::resume`].
    ///
    /// ```
    /// use redwire_keyspace::{Keyspace, NoHost, Session, Settings, UnixMs};
    /// use redwire_resp::RequestBuf;
    ///
    /// let mut keyspace = Keyspace::new(Settings::default(), 42);
    /// let mut session = Session::new(1);
    /// let mut out = Vec::new();
    /// for request in [["SET", "greeting", "hello"].as_slice(), &["GET", "greeting"]] {
    ///     let request = RequestBuf::from_args(request);
    ///     keyspace.execute(&mut NoHost, &mut session, request.as_request(), UnixMs(0), &mut out);
    /// }
    /// assert_eq!(out, b"+OK\r\n$5\r\nhello\r\n");
    /// assert_eq!(keyspace.effects().iter().count(), 1);
    /// ```
    pub fn execute(
        &mut self,
        host: &mut dyn Host,
        session: &mut Session,
        request: Request<'_>,
        now: UnixMs,
        out: &mut Vec<u8>,
    ) {
        self.execute_noted(host, session, request, Noted::default(), now, out);
    }

    /// [`Keyspace::execute`] of a request of which `noted` is known from
    /// [`Keyspace::note_ahead`].
    pub fn execute_noted(
        &mut self,
        host: &mut dyn Host,
        session: &mut Session,
        request: Request<'_>,
        noted: Noted,
        now: UnixMs,
        out: &mut Vec<u8>,
    ) {
        let mut call = Call { host, session, now, out };
        if let Err(error) = self.accept(&mut call, request, noted) {
            call.session.abort_transaction();
            call.reply().error(&*error.as_text());
        }
    }

    /// Runs the command of a session that waits again, and answers whether it was through: then
    /// its reply is in `out`. Else it found nothing, and waits on in its place.
    ///
    /// Called for the sessions that [`poll_woken`](Keyspace::poll_woken) names. The command is
    /// subject to the same checks as one that comes now.
    pub fn resume(
        &mut self,
        host: &mut dyn Host,
        session: &mut Session,
        now: UnixMs,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(wait) = self.waits.get(session.id()) else { return !session.waiting };
        let request = wait.request.clone();
        session.resuming = true;
        session.waiting = false;
        self.execute(host, session, request.as_request(), now, out);
        session.resuming = false;
        if !session.waiting {
            self.waits.end(session.id());
        }
        !session.waiting
    }

    /// The command that `request` names, of the keyspace or of `host`, if it takes so many
    /// arguments.
    #[must_use]
    pub fn command(&self, host: &dyn Host, request: Request<'_>) -> Option<&'static Command> {
        let command = self.table.find(request.name(), |name| host.find(name));
        command.filter(|command| command.accepts(request.len()))
    }

    /// The command of this name, in whatever case, of the keyspace or of `host`.
    #[must_use]
    pub fn find_command(&self, host: &dyn Host, name: &[u8]) -> Option<&'static Command> {
        self.table.find(name, |name| host.find(name))
    }

    /// Checks a request and runs or queues it; an error means that it was not accepted at all.
    #[inline]
    fn accept(&mut self, call: &mut Call<'_>, request: Request<'_>, noted: Noted) -> CommandResult {
        let find = || self.table.find(request.name(), |name| call.host.find(name));
        let command = noted.command.or_else(find).ok_or_else(|| unknown_command(request))?;
        if let Err(error) = self.admit(call, command, request) {
            call.host.rejected(command, request);
            if !matches!(command.run, Run::Exec) {
                return Err(error);
            }
            // An EXEC that may not run ends the transaction all the same.
            self.forget(call.session);
            let error = error.to_string();
            // Redis has no code here where it has the others'.
            let error =
                if command.accepts(request.len()) { &*error } else { &error["ERR ".len()..] };
            let text = format!("EXECABORT Transaction discarded because of: {error}");
            return Err(CommandError::text(text));
        }
        if call.session.in_transaction() && !command.flags.has(Flags::IMMEDIATE) {
            return call.queue(command, request);
        }
        let mark = self.effects.mark();
        self.effects.mute(call.session.origin() == Origin::Primary);
        match command.run {
            Run::Exec => {
                call.host.before(call.session, command, request);
                let result = self.exec(call);
                if let Err(error) = &result {
                    call.host.failed(call.session, command, request, error);
                }
                call.host.after(call.session, command, request);
                result?;
            }
            Run::Data(_) | Run::Host => self.call(call, command, request, noted),
        }
        self.effects.close_group(mark);
        Ok(())
    }

    /// The checks that need no look at what the arguments say.
    fn admit(&self, call: &mut Call<'_>, command: &Command, request: Request<'_>) -> CommandResult {
        if !command.accepts(request.len()) {
            return Err(CommandError::Arity(command.name.into()));
        }
        let session = &*call.session;
        if !session.authenticated && !command.flags.has(Flags::NO_AUTH) {
            return Err(CommandError::text("NOAUTH Authentication required."));
        }
        self.admit_user(call, command, request)?;
        let session = &*call.session;
        call.host.admit(session, command)?;
        let read_only = matches!(self.role, Role::Replica { read_only: true });
        if read_only && session.origin() == Origin::Client && session.would_write(command) {
            return Err(CommandError::text(
                "READONLY You can't write against a read only replica.",
            ));
        }
        Ok(())
    }

    /// Whether the session's user may run this request.
    #[inline]
    fn admit_user(
        &self,
        call: &mut Call<'_>,
        command: &Command,
        request: Request<'_>,
    ) -> CommandResult {
        match &call.session.user {
            None => Ok(()),
            Some(user) => {
                let checked = user.check(command, request);
                checked.map_err(|denied| call.deny(command, request, denied))
            }
        }
    }

    /// Runs a command that was accepted, and writes its reply.
    fn call(
        &mut self,
        call: &mut Call<'_>,
        command: &'static Command,
        request: Request<'_>,
        noted: Noted,
    ) {
        call.host.before(call.session, command, request);
        let db = call.session.db;
        let mark = call.out.len();
        let result = self.run(call, command, request, noted, &[]);
        let wish = call.session.wish.take();
        if let Err(error) = result {
            call.fail(command, request, mark, &error);
        } else if let Some(wish) = wish {
            call.session.waiting = true;
            // One that waits already keeps its place.
            if !call.session.resuming {
                self.waits.begin(call.session.id(), db, *wish, request.into());
            }
        }
        if !self.touches.is_empty() {
            call.host.touched(call.session, self.touches.take());
        }
        call.host.after(call.session, command, request);
        self.judge_reply(call, command, request, mark);
    }

    /// Tells the host of a reply, which stands in the output from `mark` on, if it is a long one.
    #[inline]
    fn judge_reply(
        &self,
        call: &mut Call<'_>,
        command: &Command,
        request: Request<'_>,
        mark: usize,
    ) {
        let bytes = call.out.len() - mark;
        if bytes >= self.settings.long_reply {
            call.host.long_reply(call.session, command, request, bytes);
        }
    }

    /// Runs a command, and takes down what replicas are told of it. What it wrote of a reply before it
    /// answered an error is the caller's to take back.
    #[inline]
    fn run(
        &mut self,
        call: &mut Call<'_>,
        command: &'static Command,
        request: Request<'_>,
        noted: Noted,
        keys: &[Key],
    ) -> CommandResult {
        let changes = self.dirty;
        let db = call.session.db;
        let first = self.first_key(db, command, request, noted);
        let writes = command.flags.has(Flags::WRITE);
        let data = Data::new(self, call.session, call.now, writes, first, keys);
        let reply = Encoder::new(call.out, call.session.protocol);
        let host_commands = call.host.commands();
        let mut context = Context { data, reply, session: call.session, host_commands };
        let result = match command.run {
            Run::Data(run) => run(&mut context, request),
            Run::Host => call.host.run(command, &mut context, request),
            Run::Exec => Err(CommandError::text("ERR EXEC calls can not be nested")),
        };
        let plan = context.data.effect_plan();
        drop(context);
        let changed = self.dirty != changes;
        if plan == EffectPlan::Forced || (plan == EffectPlan::Verbatim && changed) {
            self.effects.push(db, request.iter());
        }
        result
    }

    /// Runs requests of commands that are [quick](Noted::is_quick), one behind the other, as
    /// [`execute_noted`](Self::execute_noted) would, and answers how many it ran. What is to be done or
    /// looked at for each of many is done once for all, or once for those of one command, so that it takes
    /// less time.
    ///
    /// It ends early: behind a request that is answered by an error or wakes a session that waits, or
    /// with `most` bytes in `out`; before one of a command that is not quick, that is refused, or that is the
    /// fifth. It runs none
    /// where one by one makes a difference: in a transaction, for a user of few rights, where the host
    /// wants to be told of each ([`begin_run`](Host::begin_run)) or key events are wanted. Then the next
    /// one is to be run by itself.
    ///
    /// ```
    /// use redwire_keyspace::{Ahead, Host, Keyspace, Session, Settings, UnixMs, Upcoming};
    /// use redwire_resp::RequestBuf;
    ///
    /// struct Quiet;
    ///
    /// impl Host for Quiet {
    ///     fn begin_run(&mut self, _: &Session, _: &redwire_keyspace::Command) -> bool {
    ///         true
    ///     }
    /// }
    ///
    /// let (mut keyspace, mut session) = (Keyspace::new(Settings::default(), 42), Session::new(1));
    /// let (mut ahead, mut out) = (Ahead::default(), Vec::new());
    /// let requests = [["SET", "a", "1"], ["SET", "b", "2"]].map(RequestBuf::from_args);
    /// let noted = requests.each_ref().map(|request| {
    ///     keyspace.note_ahead(&mut ahead, &session, request.as_request())
    /// });
    /// assert!(noted.iter().all(|noted| noted.is_quick()));
    /// let requests = requests.iter().map(RequestBuf::as_request).zip(noted);
    /// let quick = Upcoming { ahead: &mut ahead, requests };
    /// let ran = keyspace.execute_quick(&mut Quiet, &mut session, quick, UnixMs(0), &mut out, 1000);
    /// assert_eq!((ran, &out[..]), (2, &b"+OK\r\n+OK\r\n"[..]));
    /// ```
    pub fn execute_quick<'r>(
        &mut self,
        host: &mut dyn Host,
        session: &mut Session,
        upcoming: Upcoming<'_, impl IntoIterator<Item = (Request<'r>, Noted)>>,
        now: UnixMs,
        out: &mut Vec<u8>,
        most: usize,
    ) -> usize {
        let mut call = Call { host, session, now, out };
        if !call.session.is_plain() || self.events.are_wanted() {
            return 0;
        }
        self.effects.mute(false);
        let Upcoming { ahead, requests } = upcoming;
        let mut runs = std::mem::take(&mut self.runs);
        let (mut at, mut last, mut error) = (0, None::<&Command>, None);
        for (request, noted) in requests {
            let Some(command) = noted.quick_command() else { break };
            if !last.is_some_and(|last| std::ptr::eq(last, command)) {
                let is_it = |run: &Ran| std::ptr::eq(run.command, command);
                at = runs.iter().position(is_it).unwrap_or(runs.len());
                // Whoever refuses it says so when it is run by itself.
                if at == runs.len() {
                    if at == RUNS || !self.begins_run(&mut call, command, request) {
                        break;
                    }
                    runs.push(Ran { command, count: 0 });
                }
            }
            if !command.accepts(request.len()) {
                break;
            }
            runs[at].count += 1;
            last = Some(command);
            self.bring_in(ahead, noted.end());
            error = self.run_one_of_many(&mut call, command, request, noted, ahead).err();
            if error.is_some() || call.out.len() >= most || self.has_woken() {
                break;
            }
        }
        let total = runs.iter().map(|run| run.count as usize).sum();
        if let Some(last) = last {
            call.host.ran(call.session, &runs, last, error.as_ref());
        }
        runs.clear();
        self.runs = runs;
        total
    }

    /// Whether requests of a command may run in one go from this one on.
    #[inline]
    fn begins_run(
        &self,
        call: &mut Call<'_>,
        command: &'static Command,
        request: Request<'_>,
    ) -> bool {
        self.admit(call, command, request).is_ok() && call.host.begin_run(call.session, command)
    }

    /// Runs one of several requests, and answers it.
    #[inline]
    fn run_one_of_many(
        &mut self,
        call: &mut Call<'_>,
        command: &'static Command,
        request: Request<'_>,
        noted: Noted,
        ahead: &Ahead,
    ) -> CommandResult {
        let (mark, effects) = (call.out.len(), self.effects.mark());
        let keys = ahead.keys_of(&noted, call.session.db, self.generation);
        let result = self.run(call, command, request, noted, keys);
        if !self.touches.is_empty() {
            call.host.touched(call.session, self.touches.take());
        }
        self.effects.close_group(effects);
        if let Err(error) = &result {
            call.fail(command, request, mark, error);
        }
        self.judge_reply(call, command, request, mark);
        result
    }

    /// The key that `command` is about, and its place, if its arguments begin with one.
    #[inline]
    fn first_key<'a>(
        &self,
        db: u32,
        command: &Command,
        request: Request<'a>,
        noted: Noted,
    ) -> Option<(&'a [u8], Place)> {
        if command.keys.first != 1 {
            return None;
        }
        let key = request.arg(1)?;
        let find = || self.data.databases[db as usize].place(key);
        Some((key, noted.place(self.generation).unwrap_or_else(find)))
    }

    /// `EXEC`: runs what was queued, unless a queued command was refused or a watched key changed.
    fn exec(&mut self, call: &mut Call<'_>) -> CommandResult {
        let Some(transaction) = call.session.transaction.take() else {
            return Err(CommandError::text("ERR EXEC without MULTI"));
        };
        let sees_past = self.sees_past(call.session);
        let unchanged = call.session.watching.iter().all(|watched| {
            let expired = watched.expires.is_some_and(|at| call.now.is_past(at));
            self.watches.unchanged(watched) && (sees_past || !expired)
        });
        self.forget(call.session);
        if transaction.aborted {
            return Err(CommandError::text(
                "EXECABORT Transaction discarded because of previous errors.",
            ));
        }
        if !unchanged {
            call.reply().null_array();
            return Ok(());
        }
        call.reply().array(transaction.queue.len());
        call.session.executing = true;
        for (command, request) in &transaction.queue {
            let request = request.as_request();
            match call.still_allowed(command, request) {
                Ok(()) => self.call(call, command, request, Noted::default()),
                Err(error) => call.reply().error(&*error.as_text()),
            }
        }
        call.session.executing = false;
        Ok(())
    }
}

impl Call<'_> {
    fn reply(&mut self) -> Encoder<'_> {
        Encoder::new(self.out, self.session.protocol)
    }

    /// Answers `error` in the place of what stands in the output from `mark` on.
    #[cold]
    fn fail(&mut self, command: &Command, request: Request<'_>, mark: usize, error: &CommandError) {
        self.out.truncate(mark);
        self.host.failed(self.session, command, request, error);
        self.reply().error(&*error.as_text());
    }

    /// Tells the host, and makes the error.
    #[cold]
    fn deny(&mut self, command: &Command, request: Request<'_>, denied: Denied) -> CommandError {
        self.host.denied(self.session, command, request, denied);
        let text = match denied.reason {
            Reason::Command => {
                let name = acl::full_name(command, request);
                format!("NOPERM this user has no permissions to run the '{name}' command")
            }
            Reason::Key => {
                "NOPERM this user has no permissions to access one of the keys used as arguments"
                    .into()
            }
            Reason::Channel => {
                "NOPERM this user has no permissions to access one of the channels used as \
                 arguments"
                    .into()
            }
        };
        CommandError::text(text)
    }

    /// Whether the user may still run what he queued.
    fn still_allowed(&mut self, command: &Command, request: Request<'_>) -> CommandResult {
        let Some(user) = &self.session.user else { return Ok(()) };
        let Err(denied) = user.check(command, request) else { return Ok(()) };
        self.host.denied(self.session, command, request, denied);
        let reason = match denied.reason {
            Reason::Command => "no permission to execute the command or subcommand",
            Reason::Key => "no permission to touch the specified keys",
            Reason::Channel => "no permission to access one of the channels used as arguments",
        };
        Err(CommandError::text(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the \
             EXEC call. This command is no longer allowed for the following reason: {reason}"
        )))
    }

    fn queue(&mut self, command: &'static Command, request: Request<'_>) -> CommandResult {
        if command.flags.has(Flags::NO_MULTI) {
            return Err(CommandError::text("ERR Command not allowed inside a transaction"));
        }
        let transaction = self.session.transaction.get_or_insert_with(Transaction::default);
        let request = RequestBuf::from(request);
        transaction.memory += request.memory();
        transaction.queue.push((command, request));
        self.reply().queued();
        Ok(())
    }
}

/// Redis' text for a name that is no command.
fn unknown_command(request: Request<'_>) -> CommandError {
    // A NUL ends what is quoted, as it ends a C string.
    let quote = |bytes: &[u8], max: usize| {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end.min(max)]).into_owned()
    };
    let mut args = String::new();
    for arg in request.iter().skip(1) {
        if args.len() >= QUOTED_MAX {
            break;
        }
        args.push_str(&format!("'{}' ", quote(arg, QUOTED_MAX - args.len())));
    }
    CommandError::text(format!(
        "ERR unknown command '{}', with args beginning with: {args}",
        quote(request.name(), QUOTED_MAX),
    ))
}
