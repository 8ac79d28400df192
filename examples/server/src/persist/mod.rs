//! Snapshots on their way to a file and to replicas, and files on their way back.

mod atomic_file;
mod disk;
mod job;
mod load;
mod segments;
mod spool;
mod transfer;
mod unsynced;

pub(crate) use atomic_file::AtomicFile;
pub(crate) use disk::{Disk, DiskFile, Pending};
pub(crate) use job::{Job, JobEvent, JobPlan, Target, Written};
pub(crate) use load::{FileLoad, LoadFailure, Notes, RdbLoad};
pub(crate) use segments::{Outcome as SegmentOutcome, Segments};
pub(crate) use spool::{Next as Spooled, Spool};
pub(crate) use transfer::{Chunk, Transfer};
