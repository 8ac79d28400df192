//! Real servers as peers, strategies and naive twins for the tests of redwire.
