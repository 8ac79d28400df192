//! [`AtomicFile`]: a file that is there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How much is written before the disk is asked to keep up (`rdb-save-incremental-fsync`).
const SYNC_EVERY: u64 = 4 << 20;

/// A file under a temporary name, which [`AtomicFile::commit`] gives its real one.
///
/// A crash at any moment leaves the old file or the new one: the bytes are on disk before the
/// name is, and the name is on disk before `commit` returns. Dropped before that, the temporary
/// file is removed.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    committed: bool,
    incremental_sync: bool,
    unsynced: u64,
}

impl AtomicFile {
    /// Creates the temporary file beside `path`.
    pub(crate) fn create(path: &Path, incremental_sync: bool) -> io::Result<Self> {
        let name = format!("temp-{}.rdb", std::process::id());
        let temporary = path.with_file_name(name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?;
        let path = path.to_path_buf();
        Ok(Self { file, temporary, path, committed: false, incremental_sync, unsynced: 0 })
    }

    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.unsynced += bytes.len() as u64;
        if self.incremental_sync && self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Puts the file in place of whatever has its name.
    pub(crate) fn commit(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.temporary, &self.path)?;
        self.committed = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing depends on it: the next save writes over it.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("dump.rdb");
        std::fs::write(&path, "old")?;
        let mut file = AtomicFile::create(&path, true)?;
        file.write(b"half")?;
        drop(file);
        assert_eq!(std::fs::read(&path)?, b"old");
        let mut file = AtomicFile::create(&path, false)?;
        file.write(b"new")?;
        assert_eq!(std::fs::read(&path)?, b"old");
        file.commit()?;
        assert_eq!(std::fs::read(&path)?, b"new");
        assert_eq!(std::fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }
}
