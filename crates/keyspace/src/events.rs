//! [`Events`]: key events (`notify-keyspace-events`), collected for whoever publishes them.

use crate::Blob;

/// The class of an event, by the letter that `notify-keyspace-events` has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventClass {
    /// `g`: commands of no type (`DEL`, `EXPIRE`, `RENAME` ...).
    Generic,
    /// `$`: string commands.
    String,
    /// `l`: list commands.
    List,
    /// `s`: set commands.
    Set,
    /// `h`: hash commands.
    Hash,
    /// `z`: sorted set commands.
    Zset,
    /// `t`: stream commands.
    Stream,
    /// `x`: expired keys.
    Expired,
    /// `n`: new keys.
    New,
    /// `e`: evicted keys.
    Evicted,
    /// `m`: keys that were looked up and not there.
    Miss,
    /// `o`: keys with another value than before (Redis 8.2).
    Overwritten,
    /// `c`: keys with a value of another type than before (Redis 8.2).
    TypeChanged,
}

impl EventClass {
    /// The letter in `notify-keyspace-events`.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Generic => 'g',
            Self::String => '$',
            Self::List => 'l',
            Self::Set => 's',
            Self::Hash => 'h',
            Self::Zset => 'z',
            Self::Stream => 't',
            Self::Expired => 'x',
            Self::New => 'n',
            Self::Evicted => 'e',
            Self::Miss => 'm',
            Self::Overwritten => 'o',
            Self::TypeChanged => 'c',
        }
    }

    fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

/// Something that happened to a key.
#[derive(Debug, Clone)]
pub struct KeyEvent {
    /// The number of the database.
    pub db: u32,
    /// What happened, by the name that subscribers know (`set`, `expire`, `lpush` ...).
    pub event: &'static str,
    /// The key.
    pub key: Blob,
}

/// Events of the classes that somebody asked for, oldest first.
#[derive(Debug, Default)]
pub struct Events {
    wanted: u32,
    queue: Vec<KeyEvent>,
}

impl Events {
    /// Collects events of these classes from now on, and of no others.
    pub fn want(&mut self, classes: impl IntoIterator<Item = EventClass>) {
        self.wanted = classes.into_iter().fold(0, |wanted, class| wanted | class.bit());
    }

    /// Whether events of any class are collected.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        self.wanted != 0
    }

    /// Whether nothing has happened since the last call of [`take`](Events::take).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// What happened since the last call.
    pub fn take(&mut self) -> Vec<KeyEvent> {
        std::mem::take(&mut self.queue)
    }

    pub(crate) fn push(&mut self, class: EventClass, event: &'static str, db: u32, key: &[u8]) {
        if self.wanted & class.bit() != 0 {
            self.queue.push(KeyEvent { db, event, key: Blob::from(key) });
        }
    }
}
