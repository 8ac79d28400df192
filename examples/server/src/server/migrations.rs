//! `MIGRATE` in the loop: orders are given to threads, and what they moved is deleted.

use std::mem;

use super::Server;
use crate::log::warning;
use crate::migrate::{Order, Outcome};
use crate::net::{Blocked, ClientId};

impl Server {
    /// Has a thread carry out what a client waits for.
    pub(super) fn begin_migration(&mut self, id: ClientId, order: Order) {
        if let Err(error) = self.core.migrations.begin(id, order) {
            warning!("No thread for MIGRATE: {error}");
            return self.answer(id, |reply| reply.error("ERR Can't create a thread"));
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.blocked = Some(Blocked::Migration);
        }
    }

    /// Deletes what other servers have taken, answers who waits for it, and runs what was held up.
    pub(super) fn end_migrations(&mut self) {
        let mut any = false;
        while let Some((client, outcome)) = self.core.migrations.poll(self.core.now) {
            self.end_migration(client, outcome);
            any = true;
        }
        if any {
            for id in mem::take(&mut self.held) {
                self.go_on(id);
            }
            self.serve_woken();
        }
    }

    fn end_migration(&mut self, client: ClientId, outcome: Outcome) {
        self.core.note_migration(&outcome);
        let Outcome { order, taken, result, .. } = outcome;
        // A replica has what its primary has: that was told to become one meanwhile.
        if !order.copy && !self.core.is_replica() {
            let keys = taken.iter().map(|at| order.parcels[*at].key.as_slice());
            self.keyspace.remove_moved(order.from_db, keys);
            self.core.pass_on(&mut self.keyspace);
            self.publish_key_events();
        }
        let waits = |it: &crate::net::Client| matches!(it.blocked, Some(Blocked::Migration));
        if self.clients.get(&client).is_some_and(waits) {
            self.end_wait_with(client, |reply| match result {
                Ok(()) => reply.simple("OK"),
                Err(text) => reply.error(text),
            });
        }
    }
}
