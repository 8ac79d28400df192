//! What happens by the clock: expiry, save points, idle clients, deadlines.

use std::time::Duration;

use super::Server;
use crate::log::notice;
use crate::net::ClientId;

/// Keys and fields that one turn deletes because they expired.
const EXPIRIES: usize = 256;

impl Server {
    /// Does what is due.
    pub(super) fn tick(&mut self) {
        self.end_pause();
        self.end_migrations();
        self.serve_aged();
        self.end_waits();
        if self.expiry_behind {
            self.expire();
        }
        if self.core.eviction.behind {
            self.make_room();
        }
        let now = self.core.now;
        if now < self.next_tick {
            return;
        }
        let hz = self.core.config.hz.max(1);
        self.next_tick = now + Duration::from_secs(1) / hz;
        self.core.rates.sample(now, &self.core.counters);
        self.core.admission.sample(self.core.primary.offset().get(), now);
        if self.core.hotkeys.is_due(now) {
            self.core.end_hot_keys(&mut self.keyspace);
        }
        self.core.note_memory_peak();
        self.expire();
        self.make_room();
        if self.core.loading.is_none() {
            self.save_if_due();
        }
        self.look_after_clients();
        self.accept_held_up();
        self.core.migrations.close_unused(now);
    }

    fn expire(&mut self) {
        if !self.core.active_expire || self.core.loading.is_some() {
            self.expiry_behind = false;
            return;
        }
        let began = crate::clock::now();
        let deleted = self.keyspace.expire_due(self.core.unix_ms, EXPIRIES);
        self.core.note_latency("expire-cycle", began);
        self.expiry_behind = deleted >= EXPIRIES;
        let counters = &mut self.core.counters;
        counters.in_expiry += crate::clock::now().saturating_duration_since(began);
        counters.expiry_capped += u64::from(self.expiry_behind);
        self.core.feed_effects(&mut self.keyspace);
        self.run_actions();
        self.publish_key_events();
        self.serve_woken();
    }

    fn make_room(&mut self) {
        self.core.make_room(&mut self.keyspace);
        self.publish_key_events();
        self.run_actions();
        self.serve_woken();
    }

    fn save_if_due(&mut self) {
        if self.core.saves.running.is_some() {
            return;
        }
        let scheduled = std::mem::take(&mut self.core.saves.scheduled);
        let now = self.core.now;
        let points = &self.core.config.save;
        let since_epoch = crate::clock::since_epoch();
        let due = self.core.saves.due(points, &self.keyspace, now, since_epoch);
        if let Some(point) = due {
            notice!("{} changes in {} seconds. Saving...", point.changes, point.period.as_secs());
        }
        if (scheduled || due.is_some())
            && let Err(reason) = self.core.begin_save(&mut self.keyspace)
        {
            crate::log::warning!("Can't save in background: {reason}");
            self.core.saves.ended(None, Duration::ZERO, since_epoch);
        }
    }

    /// Runs what a pause of clients has held up, if it is over.
    fn end_pause(&mut self) {
        if self.core.pause.is_some_and(|pause| self.core.now >= pause.until) {
            self.core.end_pause(&mut self.keyspace);
        }
        if self.core.is_paused() {
            return;
        }
        for id in std::mem::take(&mut self.postponed) {
            self.go_on(id);
        }
        self.serve_woken();
    }

    /// Runs what a connection has sent since its next request was held up.
    pub(super) fn go_on(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.postponed = false;
            self.client_may_go_on(id, true, false);
            self.run_input(id);
        }
    }
}
