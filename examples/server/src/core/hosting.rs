//! Core as the host of commands: whether one may run, and what is kept of it when it has.

use std::time::Instant;

use redwire_keyspace::acl::Denied;
use redwire_keyspace::{Command, CommandError, CommandResult, Context, Flags, Host};
use redwire_keyspace::{Origin, Ran, Session, Touched};
use redwire_resp::{Protocol, Request};

use super::Core;
use crate::clock::{NANOS_IN_MS, NANOS_IN_US};
use crate::config::Endpoint;
use crate::host;
use crate::host::Logged;

/// A `slowlog-log-slower-than` below so many us asks for the time of each command: else quick ones that
/// are run in one go are timed together, and none of them is in the slow log.
const TIMED_TOGETHER_BELOW: i64 = 1000;

impl Host for Core {
    fn commands(&self) -> &'static [Command] {
        host::COMMANDS
    }

    fn admit(&mut self, session: &Session, command: &Command) -> CommandResult {
        if session.origin() == Origin::Primary {
            return Ok(());
        }
        if self.loading.is_some() && !command.flags.has(Flags::LOADING) {
            return Err(CommandError::text("LOADING Redis is loading the dataset in memory"));
        }
        if self.eviction.out_of_memory && session.would_grow(command) {
            return Err(CommandError::text(
                "OOM command not allowed when used memory > 'maxmemory'.",
            ));
        }
        self.admit_here(session, command)?;
        admit_subscriber(session, command)?;
        self.admit_listener(session, command)?;
        let writes = command.flags.has(Flags::WRITE);
        if writes && !self.is_replica() {
            self.admit_write()?;
        }
        let stale = !self.config.replica_serve_stale_data && !self.link_is_up();
        if stale && !command.flags.has(Flags::STALE) {
            return Err(CommandError::text(
                "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            ));
        }
        Ok(())
    }

    fn run(
        &mut self,
        command: &'static Command,
        context: &mut Context<'_>,
        request: Request<'_>,
    ) -> CommandResult {
        host::run(self, command, context, request)
    }

    fn before(&mut self, session: &Session, command: &Command, request: Request<'_>) {
        // One that has waited was counted when it came.
        self.counters.commands += u64::from(!session.is_resuming());
        if !session.executing_transaction() {
            self.last_command = Some(host::full_name(command, request));
        }
        if self.config.measures_commands() || self.hotkeys.is_on() {
            // Around an `EXEC` there are the commands that it runs.
            let outer = session.in_transaction() && !session.executing_transaction();
            if outer {
                self.transaction_began = Some(crate::clock::nanos());
            } else {
                self.stopwatch.begin(crate::clock::nanos);
            }
        }
    }

    fn begin_run(&mut self, _session: &Session, command: &Command) -> bool {
        self.last_command = Some(command.name);
        let looked_at = self.monitors > 0 || self.tracking.is_on() || self.hotkeys.is_on();
        let together = !looked_at && !self.times_each();
        if together && self.config.measures_commands() {
            self.stopwatch.begin(crate::clock::nanos);
        }
        together
    }

    fn ran(
        &mut self,
        _session: &Session,
        ran: &[Ran],
        last: &Command,
        error: Option<&CommandError>,
    ) {
        self.last_command = Some(last.name);
        if let Some(error) = error {
            self.counters.note_error(&error.as_text());
        }
        let refused = std::mem::take(&mut self.command_failed);
        let took = self.stopwatch.end(crate::clock::nanos).unwrap_or_default();
        let total: u64 = ran.iter().map(|it| it.count).sum();
        self.counters.commands += total;
        for &Ran { command, count } in ran {
            // Each request is taken to be as long as the others.
            let took = if count == total { took } else { took * count / total };
            let done = count - u64::from(refused && std::ptr::eq(command, last));
            let stat = self.command_stats.of(command, command.name);
            stat.calls += done;
            stat.took += took;
            if self.config.latency_tracking && done > 0 {
                let times = stat.histogram.get_or_insert_default();
                times.note_many(took / count, done);
            }
            self.note_slow_command(command, took);
        }
    }

    fn rejected(&mut self, command: &Command, request: Request<'_>) {
        self.command_stats.of(command, host::full_name(command, request)).rejected += 1;
    }

    fn failed(
        &mut self,
        session: &Session,
        command: &Command,
        request: Request<'_>,
        error: &CommandError,
    ) {
        if session.executing_transaction() {
            self.counters.note_error(&error.as_text());
        }
        let stat = self.command_stats.of(command, host::full_name(command, request));
        if matches!(error, CommandError::Arity(_)) {
            // A subcommand, found to be called wrongly only now.
            stat.rejected += 1;
            self.stopwatch.forget();
            self.command_failed = true;
        } else {
            stat.failed += 1;
        }
    }

    fn denied(
        &mut self,
        session: &Session,
        command: &Command,
        request: Request<'_>,
        denied: Denied,
    ) {
        self.note_denied(session, command, request, denied);
    }

    fn touched(&mut self, session: &Session, touched: Vec<Touched>) {
        self.keys_touched(Some(session), touched);
    }

    fn long_reply(
        &mut self,
        session: &Session,
        command: &Command,
        request: Request<'_>,
        bytes: usize,
    ) {
        if self.hotkeys.is_on() {
            self.note_hot_keys(session, command, request, bytes);
        }
        // A primary's commands are answered to nobody.
        if session.origin() == Origin::Client && bytes >= self.config.long_reply() {
            self.log_command(Logged::LargeReply, bytes as u64, session, command, request);
        }
    }

    fn after(&mut self, session: &Session, command: &Command, request: Request<'_>) {
        if self.tracking.is_on() {
            self.track(session, command, request);
        }
        let refused = std::mem::take(&mut self.command_failed);
        let took = self.stopwatch.end(crate::clock::nanos).or_else(|| {
            let began = self.transaction_began.take()?;
            Some(crate::clock::nanos().saturating_sub(began))
        });
        if self.hotkeys.is_on() {
            self.hotkeys.note_time(took.unwrap_or_default());
        }
        if !refused {
            self.count_command(session, command, request, took.unwrap_or_default());
        }
        if let Some(took) = took.filter(|took| self.is_slow(*took)) {
            self.log_command(Logged::Slow, took / NANOS_IN_US, session, command, request);
        }
        if self.config.commandlog_request_larger_than >= 0 {
            self.judge_request(session, command, request);
        }
        if self.monitors > 0 && !session.is_resuming() {
            host::monitor::feed(self, session, command, request);
        }
    }
}

impl Core {
    /// Sends a client that can go elsewhere to this node's primary, if it asks for data (Valkey 8).
    fn admit_here(&self, session: &Session, command: &Command) -> CommandResult {
        if self.redirectable.is_empty() {
            return Ok(());
        }
        let Some(reads_here) = self.redirectable.get(&session.id()) else { return Ok(()) };
        // OBJECT is not said to read, but its subcommands do.
        let reads = command.flags.has(Flags::READONLY) || command.name == "object";
        let reads = reads && !reads_here;
        if !reads && !session.would_write(command) {
            return Ok(());
        }
        self.redirection().map_or(Ok(()), |text| Err(CommandError::text(text)))
    }

    /// What a client is told that this node sends to its primary, if it has one.
    pub(crate) fn redirection(&self) -> Option<String> {
        let Endpoint { host, port } = self.config.replicaof.as_ref()?;
        Some(format!("REDIRECT {host}:{port}"))
    }

    /// Replicas and monitors are there to listen: what they are sent is not to be mixed with
    /// what they could ask for.
    fn admit_listener(&self, session: &Session, command: &Command) -> CommandResult {
        let on_keys = command.flags.has(Flags::WRITE) || command.flags.has(Flags::READONLY);
        if !on_keys || !self.listeners.contains(&session.id()) {
            return Ok(());
        }
        Err(CommandError::text("ERR Replica can't interact with the keyspace"))
    }

    /// Whether a primary may take writes now.
    fn admit_write(&self) -> CommandResult {
        let config = &self.config;
        let saves = !config.save.is_empty();
        if saves && config.stop_writes_on_bgsave_error && self.saves.last_failed() {
            return Err(CommandError::text(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to \
                 persist to disk. Commands that may modify the data set are disabled, because \
                 this instance is configured to report errors during writes if RDB snapshotting \
                 fails (stop-writes-on-bgsave-error option). Please check the Redis logs for \
                 details about the RDB error.",
            ));
        }
        let wanted = config.min_replicas_to_write as usize;
        if wanted > 0 && !config.min_replicas_max_lag.is_zero() {
            let good = self.primary.good_replicas(config.min_replicas_max_lag, self.now);
            if good < wanted {
                return Err(CommandError::text("NOREPLICAS Not enough good replicas to write."));
            }
        }
        Ok(())
    }

    /// Counts a command that ran, and how many ns it took.
    fn count_command(
        &mut self,
        session: &Session,
        command: &Command,
        request: Request<'_>,
        took: u64,
    ) {
        let name = match self.last_command {
            Some(name) if !session.executing_transaction() => name,
            _ => host::full_name(command, request),
        };
        let stat = self.command_stats.of(command, name);
        // One that has waited was counted when it came.
        stat.calls += u64::from(!session.is_resuming());
        stat.took += took;
        if session.is_waiting() {
            return;
        }
        if self.config.latency_tracking {
            stat.histogram.get_or_insert_default().note(took);
        }
        self.note_slow_command(command, took);
    }

    /// Takes note of a command, or several in one go, that held the loop up for so many ns.
    #[inline]
    fn note_slow_command(&mut self, command: &Command, took: u64) {
        let threshold = self.config.latency_monitor_threshold;
        if threshold > 0 && took / NANOS_IN_MS >= threshold {
            let fast = command.flags.has(Flags::FAST);
            let event = if fast { "fast-command" } else { "command" };
            self.latency.note(event, self.unix_ms.0 / 1000, took / NANOS_IN_MS);
        }
    }

    /// Whether somebody wants the time of each command, even of a short one.
    #[inline]
    fn times_each(&self) -> bool {
        (0..TIMED_TOGETHER_BELOW).contains(&self.config.slowlog_log_slower_than)
    }

    /// Takes note of what held the loop up, since `began`.
    pub(crate) fn note_latency(&mut self, event: &'static str, began: Instant) {
        let threshold = self.config.latency_monitor_threshold;
        if threshold > 0 {
            let took = crate::clock::now().saturating_duration_since(began).as_millis() as u64;
            if took >= threshold {
                self.latency.note(event, self.unix_ms.0 / 1000, took);
            }
        }
    }

    /// Whether the slow log keeps a command that took so many ns.
    #[inline]
    fn is_slow(&self, took: u64) -> bool {
        let limit = u64::try_from(self.config.slowlog_log_slower_than).ok();
        limit.is_some_and(|limit| took >= limit.saturating_mul(NANOS_IN_US))
    }
}

/// In RESP2 a message cannot be told from a reply, so who listens to channels gets no replies.
fn admit_subscriber(session: &Session, command: &Command) -> CommandResult {
    const ALLOWED: [&str; 9] = [
        "subscribe",
        "unsubscribe",
        "psubscribe",
        "punsubscribe",
        "ssubscribe",
        "sunsubscribe",
        "ping",
        "quit",
        "reset",
    ];
    let listens = session.subscribed && session.protocol == Protocol::Resp2;
    if !listens || ALLOWED.contains(&command.name) {
        return Ok(());
    }
    Err(CommandError::text(format!(
        "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
         allowed in this context",
        command.name
    )))
}
