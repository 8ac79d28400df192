//! Both runners behind one face, so that one test is for both.
#![allow(dead_code, unused_imports, unused_macros, reason = "each test takes what it needs")]

use std::io;
use std::time::Duration;

use redwire::follow::{Item, Position, default_config};
use redwire::keyspace::{Keyspace, ScoreText};
use redwire::repl::ReplicaConfig;
use redwire::{Address, SpoolLimits, SpoolStatus, blocking};
use redwire_testkit::Server;

/// How long a master may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What follows a master.
pub(crate) trait Follows {
    fn with(address: Address, config: ReplicaConfig) -> Self;
    fn resume_from(&mut self, position: Position);
    fn set_spool(&mut self, limits: SpoolLimits);
    fn spool(&self) -> SpoolStatus;
    fn position(&self) -> Option<Position>;
    fn next<T>(&mut self, take: impl FnOnce(Item<'_>) -> T) -> io::Result<T>;
}

/// What is a copy of a master.
pub(crate) trait Copies {
    fn with(address: Address, config: ReplicaConfig) -> Self;
    fn changed(&mut self) -> io::Result<()>;
    fn is_current(&self) -> bool;
    fn keyspace(&self) -> &Keyspace;
    fn query(&mut self, request: &[&str]) -> Vec<u8>;
}

impl Follows for blocking::Follow {
    fn with(address: Address, config: ReplicaConfig) -> Self {
        Self::with_config(address, config)
    }
    fn resume_from(&mut self, position: Position) {
        self.resume_from(position);
    }
    fn set_spool(&mut self, limits: SpoolLimits) {
        self.set_spool(limits);
    }
    fn spool(&self) -> SpoolStatus {
        self.spool()
    }
    fn position(&self) -> Option<Position> {
        self.position()
    }
    fn next<T>(&mut self, take: impl FnOnce(Item<'_>) -> T) -> io::Result<T> {
        let next = self.next_within(PATIENCE, take).transpose();
        next.expect("it takes no minute")
    }
}

impl Copies for blocking::Live {
    fn with(address: Address, config: ReplicaConfig) -> Self {
        Self::with_config(address, config)
    }
    fn changed(&mut self) -> io::Result<()> {
        self.changed()
    }
    fn is_current(&self) -> bool {
        self.is_current()
    }
    fn keyspace(&self) -> &Keyspace {
        self.keyspace()
    }
    fn query(&mut self, request: &[&str]) -> Vec<u8> {
        self.query(request)
    }
}

#[cfg(feature = "tokio")]
pub(crate) mod on_tokio {
    use std::future::Future;

    use redwire::tokio::{Follow, Live};
    use tokio::runtime::{Builder, Runtime};
    use tokio::time::timeout;

    use super::*;

    /// A runner, and the runtime on which its tasks go on while the test does something else.
    pub(crate) struct On<R> {
        runtime: Runtime,
        runner: R,
    }

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    }

    fn wait<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
        let within = async { timeout(PATIENCE, future).await.expect("it takes no minute") };
        runtime.block_on(within)
    }

    impl Follows for On<Follow> {
        fn with(address: Address, config: ReplicaConfig) -> Self {
            On { runtime: runtime(), runner: Follow::with_config(address, config) }
        }
        fn resume_from(&mut self, position: Position) {
            self.runner.resume_from(position);
        }
        fn set_spool(&mut self, limits: SpoolLimits) {
            self.runner.set_spool(limits);
        }
        fn spool(&self) -> SpoolStatus {
            self.runner.spool()
        }
        fn position(&self) -> Option<Position> {
            self.runner.position()
        }
        fn next<T>(&mut self, take: impl FnOnce(Item<'_>) -> T) -> io::Result<T> {
            wait(&self.runtime, self.runner.next(take))
        }
    }

    impl Copies for On<Live> {
        fn with(address: Address, config: ReplicaConfig) -> Self {
            On { runtime: runtime(), runner: Live::with_config(address, config) }
        }
        fn changed(&mut self) -> io::Result<()> {
            wait(&self.runtime, self.runner.changed())
        }
        fn is_current(&self) -> bool {
            self.runner.is_current()
        }
        fn keyspace(&self) -> &Keyspace {
            self.runner.keyspace()
        }
        fn query(&mut self, request: &[&str]) -> Vec<u8> {
            self.runner.query(request)
        }
    }
}

/// Tests that both runners are to pass: each line is a test's name, and the function with its
/// arguments.
macro_rules! both {
    ($runner:ident: $($name:ident => $test:ident($($arg:expr),*),)*) => {
        mod blocking {
            use super::*;
            $(#[test] fn $name() { $test::<redwire::blocking::$runner>($($arg),*); })*
        }
        #[cfg(feature = "tokio")]
        mod on_tokio {
            use super::*;
            $(#[test] fn $name() {
                $test::<support::on_tokio::On<redwire::tokio::$runner>>($($arg),*);
            })*
        }
    };
}
pub(crate) use both;

pub(crate) fn address(server: &Server) -> Address {
    format!("redis://127.0.0.1:{}", server.port()).parse().expect("an address")
}

/// The default settings, with attempts that follow each other at once: links are broken on purpose.
pub(crate) fn config() -> ReplicaConfig {
    let (backoff_min, backoff_max) = (Duration::from_millis(10), Duration::from_millis(20));
    ReplicaConfig { backoff_min, backoff_max, ..default_config() }
}

/// `DEBUG DIGEST`, as a master that writes scores so answers it.
pub(crate) fn digest(keyspace: &Keyspace, scores: ScoreText) -> String {
    keyspace.data().digest(scores).iter().map(|byte| format!("{byte:02x}")).collect()
}
