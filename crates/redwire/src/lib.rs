//! The server side of Redis and Valkey as a library: RESP, RDB, replication and keyspace behind one name.
