//! [`Resume`]: the file that says where a later run goes on.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use redwire::follow::Position;
use redwire_tools::Failure;

/// What was written, and the place in the stream that it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) position: Position,
    /// Length of the output file behind it; 0 where the output is none.
    pub(crate) output_len: u64,
}

/// A file with one line: a position and the length of the output.
#[derive(Debug, Clone)]
pub(crate) struct Resume {
    path: PathBuf,
}

impl Resume {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// What an earlier run left; none when there was none, and one can be written.
    pub(crate) fn read(&self) -> Result<Option<Checkpoint>, Failure> {
        let name = self.path.display().to_string();
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.beside().map(|_| None).map_err(Failure::io(name));
            }
            Err(error) => return Err(Failure::io(name)(error)),
        };
        let checkpoint = parse(&text).ok_or_else(|| {
            Failure::Usage(format!("{name}: not a file that redwire-tail --resume wrote"))
        })?;
        Ok(Some(checkpoint))
    }

    /// Puts `checkpoint` in the place of what was there, whole or not at all.
    pub(crate) fn write(&self, checkpoint: Checkpoint) -> Result<(), Failure> {
        let write = || {
            let mut file = self.beside()?;
            writeln!(file, "{} {}", checkpoint.position, checkpoint.output_len)?;
            file.persist(&self.path).map_err(|error| error.error).map(drop)
        };
        write().map_err(Failure::io(self.path.display().to_string()))
    }

    /// A new file in the same folder.
    fn beside(&self) -> io::Result<tempfile::NamedTempFile> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
    }
}

fn parse(text: &str) -> Option<Checkpoint> {
    let (position, output_len) = text.trim_end().rsplit_once(' ')?;
    let (position, output_len) = (position.parse().ok()?, output_len.parse().ok()?);
    Some(Checkpoint { position, output_len })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let resume = Resume::new(&folder.path().join("state"));
        assert_eq!(resume.read().unwrap(), None);
        for output_len in [0, 12] {
            let position = format!("{} 1500 3", "ab".repeat(20)).parse().unwrap();
            let checkpoint = Checkpoint { position, output_len };
            resume.write(checkpoint).unwrap();
            assert_eq!(resume.read().unwrap(), Some(checkpoint));
        }
        fs::write(folder.path().join("state"), "something else\n").unwrap();
        assert!(matches!(resume.read(), Err(Failure::Usage(_))));
    }
}
