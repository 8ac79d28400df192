//! What the simulators of a pair and of a cluster have in common.

pub(crate) mod budget;
pub(crate) mod data;
pub(crate) mod pipe;
pub(crate) mod schedules;
