//! What the link brings: a data set, then commands.

use std::time::Instant;

use redwire_keyspace::{Dataset, Keyspace, Loader, Session};
use redwire_rdb::DecodeOptions;
use redwire_repl::{Error, Offset, ReplId};

use super::{Birth, Received, Upstream, may_refuse};
use crate::core::Core;
use crate::net::Traffic;
use crate::persist::RdbLoad;
use crate::replication::empty_primary;

impl Upstream {
    pub(super) fn begin_load(
        &mut self,
        len: Option<u64>,
        core: &mut Core,
        keyspace: &Keyspace,
        received: &mut Vec<Received>,
    ) {
        self.load = Some(new_load(core, keyspace));
        self.load_began = Some(core.now);
        received.push(Received::SyncStarted(len));
    }

    pub(super) fn end_load(
        &mut self,
        replid: Option<ReplId>,
        offset: Offset,
        core: &mut Core,
        keyspace: &mut Keyspace,
        received: &mut Vec<Received>,
    ) {
        if let Some(load) = self.load.take() {
            received.push(Received::Synced { keys: load.stats().keys });
            self.install(load, replid, offset, core, keyspace);
            self.two_connections.failures = 0;
        }
    }

    /// The data set is whole: puts it in place, before the stream's commands come.
    pub(super) fn install(
        &mut self,
        load: RdbLoad,
        replid: Option<ReplId>,
        offset: Offset,
        core: &mut Core,
        keyspace: &mut Keyspace,
    ) {
        core.saves.last_load = load.stats();
        let (data, notes) = load.finish();
        self.session = Session::of_primary(0);
        self.session.db = notes.stream_db.unwrap_or(0);
        keyspace.replace_data(data);
        self.empty_primary.follow(replid);
        self.born = Some(Birth::now(core));
        (self.traffic, self.last_command) = (Traffic::default(), "NULL");
        let replid = replid.or(notes.replid).unwrap_or(ReplId::NONE);
        core.primary.adopt(replid, offset, notes.stream_db, core.now);
    }

    pub(super) fn load_bytes(
        &mut self,
        bytes: &[u8],
        core: &Core,
        keyspace: &Keyspace,
    ) -> Result<usize, Error> {
        let Some(load) = &mut self.load else { return Ok(0) };
        let now = core.now;
        let machine = self.side.as_mut().map_or(&mut self.machine, |side| &mut side.machine);
        match load.feed(bytes) {
            Ok((taken, false)) => {
                machine.rdb_taken(taken, now)?;
                Ok(taken)
            }
            Ok((taken, true)) => {
                // Before the machine knows that it is whole, and takes the new history for ours.
                let keys = load.stats().keys;
                if may_refuse(core, keyspace)
                    && self.empty_primary.refuses_data(self.announced, keys)
                {
                    return Err(machine.fail(empty_primary::REASON));
                }
                machine.rdb_finished(taken, now);
                Ok(taken)
            }
            Err(failure) => Err(machine.fail(failure.to_string())),
        }
    }

    /// Runs the whole commands in `bytes`, up to one that leaves something to be done; answers how
    /// many bytes they were.
    pub(super) fn apply(
        &mut self,
        bytes: &[u8],
        core: &mut Core,
        keyspace: &mut Keyspace,
        now: Instant,
    ) -> Result<usize, Error> {
        let mut done = 0;
        let mut reply = Vec::new();
        loop {
            let decoded = match self.decoder.decode(&bytes[done..]) {
                Ok(decoded) => decoded,
                Err(error) => return Err(self.machine.fail(error.to_string())),
            };
            let used = decoded.used;
            let command = &bytes[done..done + used];
            done += used;
            let Some(request) = decoded.request else {
                self.pass_on(command, core, now);
                return Ok(done);
            };
            reply.clear();
            let unix_ms = core.unix_ms;
            keyspace.execute(core, &mut self.session, request, unix_ms, &mut reply);
            self.last_command = core.last_command.take().unwrap_or(self.last_command);
            self.traffic.commands += 1;
            if reply.starts_with(b"-") {
                log_refused(request.name(), &reply);
                core.counters.refused_by_replica += 1;
            }
            if std::mem::take(&mut core.ack_requested) {
                self.machine.ack_now(now);
            }
            self.pass_on(command, core, now);
            if keyspace.has_woken() || core.is_to_judge_replicas() {
                self.interrupted = true;
                return Ok(done);
            }
        }
    }

    /// Counts bytes of the stream as applied and passes them on to this node's own replicas; those
    /// of a transaction with its `EXEC`, so that a broken link goes on from its `MULTI`.
    pub(super) fn pass_on(&mut self, bytes: &[u8], core: &mut Core, now: Instant) {
        if bytes.is_empty() {
            return;
        }
        if self.session.in_transaction() {
            self.machine.queued(bytes.len(), now);
            self.held.extend_from_slice(bytes);
            return;
        }
        self.machine.applied(bytes.len(), now);
        if !self.held.is_empty() {
            core.primary.feed_raw(&self.held);
            self.held.clear();
        }
        core.primary.feed_raw(bytes);
        core.primary.set_stream_db(self.session.db);
        core.stream_has_grown();
    }
}

fn new_load(core: &mut Core, keyspace: &Keyspace) -> RdbLoad {
    let data = Dataset::new(keyspace.settings().databases, core.entropy.number());
    let options =
        DecodeOptions { verify_checksum: core.config.rdbchecksum, ..DecodeOptions::default() };
    let loader = Loader::new(data, None).dating(core.unix_ms, keyspace.settings());
    RdbLoad::new(loader, options)
}

/// A command of the stream that this node could not run: its data is not the primary's any more.
fn log_refused(name: &[u8], reply: &[u8]) {
    let text = reply.strip_prefix(b"-").unwrap_or(reply).trim_ascii_end();
    crate::log::warning!(
        "== CRITICAL == This replica is sending an error to its master: '{}' after processing the \
         command '{}'",
        text.escape_ascii(),
        name.escape_ascii(),
    );
}
