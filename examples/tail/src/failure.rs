//! [`Failure`]: why the tool ends, and the exit status that says so.

use std::io;

/// Why the tool ends before it is told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments do not fit together.
    #[error("{0}")]
    Usage(String),
    /// Reading or writing a file, or the output, failed.
    #[error("{name}: {error}")]
    Io {
        /// The file.
        name: String,
        /// What the system says.
        error: io::Error,
    },
}

impl Failure {
    /// The exit status: 2 for wrong arguments, 3 for input and output.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { .. } => 3,
        }
    }

    /// Whether the reader of our output went away: `| head` is no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// An I/O failure of a named file.
    pub(crate) fn io(name: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let name = name.into();
        move |error| Self::Io { name, error }
    }
}
