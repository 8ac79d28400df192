//! Where results go: standard output, or a file that is there whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use redwire_tools::Failure;
use tempfile::NamedTempFile;

/// An open output.
pub(crate) struct Output {
    name: String,
    to: To,
}

enum To {
    Standard(File),
    File { temporary: NamedTempFile, path: PathBuf },
}

impl Output {
    /// Opens `path`, or standard output for none and for `-`.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        match path {
            Some(path) if path != Path::new("-") => Self::file(path),
            _ => {
                let name = "standard output";
                // As a file: what comes here is large, and its lines are not to be looked for.
                let output =
                    io::stdout().as_fd().try_clone_to_owned().map_err(Failure::io(name))?;
                Ok(Self { name: name.into(), to: To::Standard(output.into()) })
            }
        }
    }

    /// A temporary file beside `path`, which [`finish`](Self::finish) puts in its place.
    pub(crate) fn file(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let temporary = tempfile::Builder::new()
            .prefix(".redwire-inspect-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder(path))
            .map_err(Failure::io(&*name))?;
        let to = To::File { temporary, path: path.to_path_buf() };
        Ok(Self { name, to })
    }

    /// Writes all of `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let result = match &mut self.to {
            To::Standard(out) => out.write_all(bytes),
            To::File { temporary, .. } => temporary.write_all(bytes),
        };
        result.map_err(Failure::io(&*self.name))
    }

    /// All is written: on disk before the name is, and the name before this returns.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.to {
            To::Standard(mut out) => out.flush(),
            To::File { temporary, path } => persist(temporary, &path),
        }
        .map_err(Failure::io(self.name))
    }
}

fn persist(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    File::open(folder(path))?.sync_all()
}

fn folder(path: &Path) -> &Path {
    let parent = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new("."))
}
