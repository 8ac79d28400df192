//! RDB files and DUMP payloads of Redis and Valkey, read and written as a stream.
