//! [`Failure`]: why a command came to nothing, and the exit status that says so.

use std::io;

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The input is no RDB file, or a damaged one.
    #[error("{name}: {error}")]
    Damaged {
        /// Which input.
        name: String,
        /// What is wrong, and where.
        error: redwire_rdb::Error,
    },
    /// The input breaks a rule that is this tool's to check: twice the same key, a bad JSON line.
    #[error("{0}")]
    Refused(String),
    /// A value that the target cannot hold.
    #[error("{0}")]
    Target(redwire_rdb::Error),
    /// Reading or writing failed.
    #[error("{name}: {error}")]
    Io {
        /// The file, or the address.
        name: String,
        /// What the system says.
        error: io::Error,
    },
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// The exit status: 1 for damaged input and for what a target cannot hold, 2 for wrong
    /// arguments, 3 for input and output.
    pub fn status(&self) -> u8 {
        match self {
            Self::Damaged { .. } | Self::Refused(_) | Self::Target(_) => 1,
            Self::Usage(_) => 2,
            Self::Io { .. } => 3,
        }
    }

    /// Whether the reader of our output went away: `| head` is no failure.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// An I/O failure of a named file.
    pub fn io(name: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let name = name.into();
        move |error| Self::Io { name, error }
    }
}
