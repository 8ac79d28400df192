//! This node's replicas: snapshots for them, their stream, their deadlines.

use std::mem;

use redwire_repl::{Framing, PrimaryEvent, SnapshotRequest};

use super::Server;
use crate::host::Wanted;
use crate::log::{notice, warning};
use crate::net::ClientId;
use crate::persist::{JobEvent, Target, Transfer, Written};
use crate::replication::{Outgoing, rdb_version};
use crate::saves::{Purpose, Running};

impl Server {
    /// Does what the primary machine wants done, and gives replicas their turn to be written to.
    pub(super) fn drive_primary(&mut self) {
        let now = self.core.now;
        self.core.primary.handle_timeout(now);
        if self.core.saves.running.is_none()
            && self.core.loading.is_none()
            && let Some(request) = self.core.primary.poll_snapshot(now)
        {
            self.begin_full_sync(request);
        }
        while let Some((id, bytes)) = self.core.primary.poll_transmit() {
            if let Some(client) = self.clients.get_mut(&id.0) {
                client.output.push_shared(bytes);
            }
        }
        while let Some(event) = self.core.primary.poll_event() {
            self.handle_primary_event(event);
        }
        let replicas = self.replicas.iter().filter_map(|id| self.clients.get(id));
        let primary = &self.core.primary;
        let sending = self.outgoings.ids();
        self.core.snapshot_memory = self.outgoings.in_memory();
        let due = replicas.filter(|it| it.has_output(primary) || sending.contains(&it.id));
        self.unsent.extend(due.filter(|it| !it.write_blocked).map(|it| it.id));
    }

    fn handle_primary_event(&mut self, event: PrimaryEvent) {
        match event {
            PrimaryEvent::Disconnect { id, reason, flush } => {
                let name = self.core.replica_name(id.0);
                notice!("Disconnecting replica {name}: {reason}");
                match self.clients.get_mut(&id.0) {
                    Some(client) if flush => {
                        client.closing = true;
                        self.unsent.push(id.0);
                    }
                    _ => self.close(id.0, &reason.to_string()),
                }
            }
            PrimaryEvent::Online { id } => {
                self.core.replica_is_online(id);
                let name = self.core.replica_name(id.0);
                notice!("Synchronization with replica {name} succeeded");
            }
            PrimaryEvent::BacklogCreated { replid } => {
                notice!(
                    "Replication backlog created, my new replication IDs are '{replid}' and '{}'",
                    self.core.primary.history().replid2()
                );
            }
            PrimaryEvent::BacklogFreed { replid } => {
                notice!("Replication backlog freed, my new replication ID is '{replid}'");
            }
            PrimaryEvent::SnapshotAbandoned => {
                let running = self.core.saves.running.as_ref();
                if running.is_some_and(|it| matches!(it.purpose, Purpose::Replicas { .. })) {
                    notice!("No replica waits for the snapshot any more, giving it up");
                    self.core.abandon_snapshot(&mut self.keyspace);
                }
            }
            _ => {}
        }
    }

    fn begin_full_sync(&mut self, request: SnapshotRequest) {
        let now = self.core.now;
        let Some(info) = self.core.primary.snapshot_started(now) else { return };
        let ids: Vec<ClientId> = info.replicas.iter().map(|id| id.0).collect();
        let (target, transfer) = match request.framing {
            Framing::Eof => {
                notice!("Starting BGSAVE for SYNC with target: replicas sockets");
                let transfer = Transfer::new(&self.core.config.dir, &self.core.disk);
                (Target::Links(transfer.clone()), Some(transfer))
            }
            Framing::Length => {
                notice!("Starting BGSAVE for SYNC with target: disk");
                (self.core.dump_target(), None)
            }
        };
        if let Some(transfer) = &transfer {
            for id in &ids {
                self.outgoings.insert(*id, Outgoing::of_transfer(transfer.clone()));
            }
        }
        self.core.admit_full_sync(&ids, self.outgoings.link_rate());
        let purpose = Purpose::Replicas { framing: request.framing };
        let version = rdb_version::wanted(self.core.config.repl_rdb_version, info.rdb_version);
        let (filter, stream_db) = (request.filter, Some(info.stream_db));
        let wanted = Wanted { target, purpose, filter, version, stream_db };
        match self.core.begin_snapshot(wanted, &mut self.keyspace) {
            Ok(()) => notice!("Background RDB transfer started"),
            Err(reason) => {
                warning!("BGSAVE for replication failed: {reason}");
                self.core.primary.snapshot_failed(now);
            }
        }
    }

    /// Lets the snapshot under way go on for a slice.
    pub(super) fn step_snapshot(&mut self) {
        let Some(running) = &mut self.core.saves.running else { return };
        let Some(event) = running.step(&mut self.keyspace) else { return };
        if let Some(running) = self.core.saves.running.take() {
            self.keyspace.abort_snapshot();
            self.end_snapshot(running, event);
        }
    }

    fn end_snapshot(&mut self, mut running: Running, event: JobEvent) {
        let now = self.core.now;
        let took = now.saturating_duration_since(running.began);
        let purpose = mem::replace(&mut running.purpose, Purpose::File);
        match (purpose, event) {
            (Purpose::File, event) => {
                let ok = self.core.end_save(event, running.changes, took).is_ok();
                notice!(
                    "Background saving {}",
                    if ok { "terminated with success" } else { "error" }
                );
            }
            (Purpose::Replicas { .. }, JobEvent::Failed(reason)) => {
                warning!("Background transfer error: {reason}");
                self.core.primary.snapshot_failed(now);
            }
            (Purpose::Replicas { framing: Framing::Eof }, JobEvent::Done(Written { len, .. })) => {
                notice!("Background RDB transfer terminated with success");
                self.core.admission.snapshot_len(len);
                self.core.primary.snapshot_finished(len, now);
            }
            (Purpose::Replicas { framing: Framing::Length }, JobEvent::Done(written)) => {
                self.core.save_has_ended(running.changes, took);
                self.core.admission.snapshot_len(written.len);
                self.send_file(written);
            }
        }
    }

    /// Sends the file that was just written to the replicas that wait for it.
    fn send_file(&mut self, Written { len, file }: Written) {
        // Only a file's job has this purpose.
        let Some(file) = file else { return self.core.primary.snapshot_failed(self.core.now) };
        for id in self.core.primary.snapshot_finished(len, self.core.now) {
            let outgoing = Outgoing::of_file(file.clone(), len, &self.core.disk);
            self.outgoings.insert(id.0, outgoing);
        }
    }
}
