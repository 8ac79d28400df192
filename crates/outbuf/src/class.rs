//! [`Class`]: kinds of clients.

/// What a client is, as far as its output buffer is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// It gets replies to its commands, or everybody's commands: servers judge MONITOR by this
    /// class, too, although they count it among their replicas elsewhere.
    Normal,
    /// It gets the replication stream.
    Replica,
    /// It is subscribed to a channel or pattern.
    PubSub,
}

impl Class {
    /// All classes, in the order of the config file.
    pub const ALL: [Class; 3] = [Class::Normal, Class::Replica, Class::PubSub];

    /// The word of the config file; `slave` is its old spelling for `replica`, which CONFIG GET
    /// prints to this day.
    pub fn name(self) -> &'static str {
        match self {
            Class::Normal => "normal",
            Class::Replica => "slave",
            Class::PubSub => "pubsub",
        }
    }

    /// The class of a word of the config file, whatever its case: `replica` and `slave` are one.
    pub fn from_name(name: &[u8]) -> Option<Class> {
        if name.eq_ignore_ascii_case(b"replica") {
            return Some(Class::Replica);
        }
        Class::ALL.into_iter().find(|class| name.eq_ignore_ascii_case(class.name().as_bytes()))
    }
}
