//! The few lines of RESP that replication itself writes and reads.
