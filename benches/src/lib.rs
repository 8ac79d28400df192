//! Benchmarks of redwire beside its peers.
