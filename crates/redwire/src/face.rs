//! What the runners' types have alike, to the word: they differ in how they wait.

/// The methods of a `Follow` that wait for nothing.
macro_rules! follow_face {
    () => {
        /// Follows the server at `address` from the first call of [`next`](Follow::next) on, logged
        /// in as the address says.
        pub fn new(address: Address) -> Follow {
            Follow::with_config(address, default_config())
        }

        /// As [`new`](Follow::new), with other settings than [`default_config`]. The address' login
        /// stands in for theirs if it has one.
        pub fn with_config(address: Address, config: ReplicaConfig) -> Follow {
            let session = Session::new(&address, config, now());
            Follow { address, session, signal: Arc::default() }
        }

        /// All up to `position` is known already: asks to go on from there. To be called before the
        /// first [`next`](Follow::next).
        pub fn resume_from(&mut self, position: Position) {
            self.session.resume_from(position);
        }

        /// How much may wait here, and where, on the connections that are opened from now on.
        pub fn set_spool(&mut self, limits: SpoolLimits) {
            self.session.set_limits(limits);
        }

        /// What waits here, of both connections.
        #[must_use]
        pub fn spool(&self) -> SpoolStatus {
            self.session.spool()
        }

        /// The place behind all items that were handed out; `None` inside of a snapshot or of a
        /// transaction, and before the first snapshot.
        #[must_use]
        pub fn position(&self) -> Option<Position> {
            self.session.position()
        }

        /// Whether commands of a transaction were handed out, and its last was not.
        #[must_use]
        pub fn is_inside_transaction(&self) -> bool {
            self.session.is_inside_transaction()
        }

        /// The link, as INFO shows it.
        #[must_use]
        pub fn status(&self) -> ReplicaStatus {
            self.session.status(now())
        }

        fn tend(&mut self, at: Instant) -> io::Result<()> {
            self.session.tend(at)?;
            if let Some(which) = self.session.poll_connect() {
                let wire = Arc::<Line>::default();
                let inbox = self.session.open(which, at, wire.clone(), self.signal.clone());
                reader::start(self.address.clone(), inbox, wire);
            }
            self.session.transmit(at)
        }
    };
}

/// The methods of a `Live` that wait for nothing.
macro_rules! live_face {
    () => {
        /// A copy without data of the server at `address`; see [`Follow::new`].
        pub fn new(address: Address) -> Live {
            Live::with_config(address, default_config())
        }

        /// See [`Follow::with_config`].
        pub fn with_config(address: Address, config: ReplicaConfig) -> Live {
            let copy = LiveReplica::new(seed());
            Live { follow: Follow::with_config(address, config), copy }
        }

        /// See [`Follow::set_spool`].
        pub fn set_spool(&mut self, limits: SpoolLimits) {
            self.follow.set_spool(limits);
        }

        /// See [`LiveReplica::is_current`].
        #[must_use]
        pub fn is_current(&self) -> bool {
            self.copy.is_current()
        }

        /// The place in the master's stream that the data is at; see [`Follow::position`].
        #[must_use]
        pub fn position(&self) -> Option<Position> {
            self.follow.position()
        }

        /// The data.
        #[must_use]
        pub fn keyspace(&self) -> &Keyspace {
            self.copy.keyspace()
        }

        /// See [`LiveReplica::query`].
        pub fn query<A: AsRef<[u8]>>(&mut self, request: &[A]) -> Vec<u8> {
            self.copy.query(request, unix_ms())
        }
    };
}

pub(crate) use {follow_face, live_face};
