//! Redis and Valkey replication without I/O: backlog, replication history and both ends of PSYNC.
