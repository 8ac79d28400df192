#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

pub mod acl;
mod ahead;
mod blob;
mod blocking;
mod build;
mod command;
mod command_table;
mod commands;
mod context;
mod cpu;
mod database;
mod databases;
mod dataset;
mod debug;
mod digest;
mod dispatch;
mod effects;
mod error;
mod events;
mod evict;
mod field_expiries;
mod float80;
mod glob;
mod host;
mod keyspace;
mod load;
mod memory;
mod payload;
mod save;
mod session;
mod settings;
mod slot;
mod snapshot;
mod time;
mod touches;
pub mod tree;
mod usage;
mod value;
mod waits;
mod watch;

pub use ahead::{Ahead, Noted, Upcoming};
pub use blob::Blob;
pub use blocking::WaitEnd;
pub use command::{Command, Flags, Instead, Keys};
pub use context::{Context, Data};
pub use dataset::Dataset;
pub use debug::ValueInfo;
pub use digest::ScoreText;
pub use effects::Effects;
pub use error::{CommandError, CommandResult};
pub use events::{EventClass, Events, KeyEvent};
pub use evict::EvictionPolicy;
pub use glob::matches as glob_matches;
pub use host::{Host, NoHost, Ran};
pub use keyspace::{Garbage, Keyspace, Role, Stats};
pub use load::{LoadError, LoadStats, Loader};
pub use payload::Parcel;
pub use session::{Origin, Session};
pub use settings::Settings;
pub use slot::{SLOTS, key_slot};
pub use snapshot::SnapshotItem;
pub use time::UnixMs;
pub use touches::{Touched, Touches};
pub use usage::KeyUsage;
pub use value::{
    Consumer, Fields, Group, Hash, HashField, HashIter, List, ListIter, Opaque, Pair, Pending,
    Scored, ScoredRef, Set, SetIter, Str, StrRef, Stream, StreamEntry, StreamFields, StreamId,
    Value, ValueRef, Zset, ZsetIter,
};
