//! Snapshots on their way to a file and to replicas, and files on their way back.

mod atomic_file;
mod job;
mod load;
mod segments;
mod transfer;
mod unsynced;

pub(crate) use atomic_file::AtomicFile;
pub(crate) use job::{Job, JobEvent, JobPlan, Target};
pub(crate) use load::{FileLoad, LoadFailure, Notes, RdbLoad};
pub(crate) use segments::{Outcome as SegmentOutcome, Segments};
pub(crate) use transfer::Transfer;
