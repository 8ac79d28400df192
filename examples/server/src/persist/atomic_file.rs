//! [`AtomicFile`]: a file that is there whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

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
    temporary: Temporary,
    path: PathBuf,
    incremental_sync: bool,
    unsynced: u64,
}

/// A name under which nothing is to stay.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl AtomicFile {
    /// Creates the temporary file beside `path`.
    pub(crate) fn create(path: &Path, incremental_sync: bool) -> io::Result<Self> {
        // One that is given up may still be under way when the next begins.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("temp-{}-{number}.rdb", std::process::id());
        let temporary = Temporary { path: path.with_file_name(name), renamed: false };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.open(&temporary.path)?;
        let path = path.to_path_buf();
        Ok(Self { file, temporary, path, incremental_sync, unsynced: 0 })
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

    /// Puts the file in place of whatever has its name; answers it, to be read.
    pub(crate) fn commit(mut self) -> io::Result<File> {
        self.file.sync_all()?;
        std::fs::rename(&self.temporary.path, &self.path)?;
        self.temporary.renamed = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
        Ok(self.file)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing depends on it.
            let _ = std::fs::remove_file(&self.path);
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
