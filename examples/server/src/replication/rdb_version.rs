//! Which RDB version replicas get: a setting, what they say of themselves, else the oldest that
//! holds the data.

use std::collections::BTreeSet;

use redwire_keyspace::Dataset;
use redwire_rdb::Version;

use crate::config::ReplRdbVersion;

/// The version that is wanted of a snapshot for replicas who are all known to read `common`.
pub(crate) fn wanted(setting: ReplRdbVersion, common: Option<u16>) -> Option<Version> {
    match setting {
        ReplRdbVersion::Auto => common.and_then(Version::from_number),
        ReplRdbVersion::Oldest => None,
        ReplRdbVersion::Redis60 => Some(Version::REDIS_6_0),
        ReplRdbVersion::Redis70 => Some(Version::REDIS_7_0),
        ReplRdbVersion::Redis72 => Some(Version::REDIS_7_2),
        ReplRdbVersion::Redis80 => Some(Version::REDIS_7_4),
        ReplRdbVersion::Redis86 => Some(Version::REDIS_8_6),
        ReplRdbVersion::Valkey9 => Some(Version::VALKEY_9),
    }
}

/// Whether all that is in `data` can be written in `version`.
pub(crate) fn holds(version: Version, data: &Dataset) -> bool {
    let functions = data.functions().next().is_some();
    let functions_fit = !functions || version.holds_functions();
    // For fields that expire each dialect has its own form.
    let fits =
        |form| version.holds_type(form) || form == EXPIRING_FIELDS && version == Version::VALKEY_9;
    functions_fit && data.needed_types().all(fits)
}

/// The RDB type of hashes with fields that expire, in Redis' dialect.
const EXPIRING_FIELDS: u8 = 24;

/// Replicas that broke their link off while they loaded what they seemed to read, by the address
/// that they name: the next attempt gets the oldest version that holds the data.
#[derive(Debug, Default)]
pub(crate) struct Distrusted {
    replicas: BTreeSet<(String, u16)>,
}

/// Most that are kept in mind.
const MAX_DISTRUSTED: usize = 1000;

impl Distrusted {
    pub(crate) fn insert(&mut self, ip: String, port: u16) {
        if self.replicas.len() < MAX_DISTRUSTED {
            self.replicas.insert((ip, port));
        }
    }

    pub(crate) fn contains(&self, ip: &str, port: u16) -> bool {
        self.replicas.contains(&(ip.to_owned(), port))
    }

    pub(crate) fn remove(&mut self, ip: &str, port: u16) {
        self.replicas.remove(&(ip.to_owned(), port));
    }
}
