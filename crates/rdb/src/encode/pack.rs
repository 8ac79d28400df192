//! The packed form that a target reads: ziplists before Redis 7.0, listpacks since.

use crate::{Version, listpack, packed::Value, ziplist};

/// Builds packed values, one after the other.
#[derive(Debug)]
pub(crate) enum Pack {
    Ziplist(ziplist::Builder),
    Listpack(listpack::Builder),
}

impl Pack {
    pub(crate) fn new(target: Version) -> Self {
        if has_listpacks(target) {
            Self::Listpack(listpack::Builder::new())
        } else {
            Self::Ziplist(ziplist::Builder::new())
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::Ziplist(builder) => builder.clear(),
            Self::Listpack(builder) => builder.clear(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Value<'_>) {
        match self {
            Self::Ziplist(builder) => builder.push(value),
            Self::Listpack(builder) => builder.push(value),
        }
    }

    pub(crate) fn finish(&mut self) -> &[u8] {
        match self {
            Self::Ziplist(builder) => builder.finish(),
            Self::Listpack(builder) => builder.finish(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Ziplist(builder) => builder.count() == 0,
            Self::Listpack(builder) => builder.count() == 0,
        }
    }
}

/// Whether a version packs in listpacks.
pub(crate) fn has_listpacks(target: Version) -> bool {
    target.number() >= Version::REDIS_7_0.number()
}
