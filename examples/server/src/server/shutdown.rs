//! The end: signals, `SHUTDOWN`, and what changes with `CONFIG SET`.

use std::process::ExitCode;

use mio::Token;

use super::Server;
use crate::log::{notice, warning};
use crate::net::Listener;

impl Server {
    pub(super) fn handle_signals(&mut self) {
        while let Some(signal) = self.signals.take() {
            notice!("Received {} scheduling shutdown...", signal.name());
            self.shutdown(None, false);
        }
    }

    /// Ends the server, after a save if there are save points (or as `save` says). A failed save
    /// keeps it alive unless `force`. Answers whether the server ends.
    pub(super) fn shutdown(&mut self, save: Option<bool>, force: bool) -> bool {
        warning!("User requested shutdown...");
        let save_asked = save;
        let save = save.unwrap_or(!self.core.config.save.is_empty());
        if save && self.core.loading.is_none() {
            notice!("Saving the final RDB snapshot before exiting.");
            if let Err(reason) = self.core.save_now(&mut self.keyspace) {
                warning!("Error trying to save the DB, can't exit: {reason}");
                if !force {
                    self.signals.shutdown_failed();
                    return false;
                }
            }
        } else {
            self.core.abandon_snapshot(&mut self.keyspace);
        }
        self.drive_primary();
        if save_asked == Some(false) {
            self.forget_segments();
        } else {
            self.finish_segments();
        }
        self.drive_primary();
        self.write_clients();
        warning!("Redis is now ready to exit, bye bye...");
        self.exit = Some(ExitCode::SUCCESS);
        true
    }

    /// Takes over what `CONFIG SET` changed about the sockets.
    pub(super) fn reconfigure(&mut self, added: Vec<Listener>) {
        if !added.is_empty() || !self.listeners.iter().all(|it| it.is_wanted(&self.core.config)) {
            self.listen_anew(added);
        }
        let limit = self.core.config.proto_max_bulk_len;
        for client in self.clients.values_mut() {
            client.decoder.limits_mut().bulk_len = limit;
        }
        // In this turn there may be too much memory in use where there was not.
        self.core.eviction.behind = self.core.config.maxmemory > 0;
    }

    /// Closes the listening sockets that are not wanted any more, and puts new ones beside the rest.
    fn listen_anew(&mut self, added: Vec<Listener>) {
        let registry = self.poll.registry();
        for listener in &mut self.listeners {
            // One that is closed below leaves the poll by that as well.
            let _ = listener.deregister(registry);
        }
        let config = &self.core.config;
        self.listeners.retain(|listener| listener.is_wanted(config));
        self.listeners.extend(added);
        for (index, listener) in self.listeners.iter_mut().enumerate() {
            if let Err(error) = listener.register(registry, Token(index)) {
                warning!("A listening socket can't be watched: {error}");
            }
        }
    }
}
