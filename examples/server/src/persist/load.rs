//! [`FileLoad`]: `dump.rdb` on its way into the data set, a slice at a time.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use redwire_keyspace::{Dataset, LoadError, LoadStats, Loader};
use redwire_rdb::{DecodeOptions, Decoder, Event};
use redwire_repl::{Offset, ReplId};

/// Bytes that one slice reads.
const SLICE: usize = 256 << 10;

/// The RDB events of one stream on their way into a new data set; used for files and full syncs.
#[derive(Debug)]
pub(crate) struct RdbLoad {
    decoder: Decoder,
    loader: Loader,
    pub(crate) notes: Notes,
}

/// What a file says about the replication stream that it belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    pub(crate) replid: Option<ReplId>,
    pub(crate) offset: Option<Offset>,
    /// The database that the stream was in.
    pub(crate) stream_db: Option<u32>,
}

/// Why a load came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadFailure {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Malformed(#[from] redwire_rdb::Error),
    #[error("{error} (at offset {offset})")]
    Refused { error: LoadError, offset: u64 },
    #[error("the file ends too early, at offset {0}")]
    Truncated(u64),
}

impl RdbLoad {
    pub(crate) fn new(loader: Loader, options: DecodeOptions) -> Self {
        // The keyspace keeps streams as the bytes that they are.
        let options = DecodeOptions { opaque_streams: true, ..options };
        Self { decoder: Decoder::new(options), loader, notes: Notes::default() }
    }

    /// Takes what it can of `bytes`; answers how many bytes those were and whether the file is
    /// whole now.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(usize, bool), LoadFailure> {
        let Self { decoder, loader, notes } = self;
        let mut whole = false;
        let mut refused = None;
        let used = decoder.decode_each(bytes, |event| {
            match event {
                Event::End => whole = true,
                Event::Aux { key, value } => notes.read(key, value),
                event => refused = loader.handle(&event).err(),
            }
            if whole || refused.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        match refused {
            Some(error) => Err(LoadFailure::Refused { error, offset: decoder.offset() }),
            None => Ok((used, whole)),
        }
    }

    /// How many bytes more the value under way needs at least.
    pub(crate) fn wanted(&self) -> usize {
        self.decoder.wanted()
    }

    pub(crate) fn stats(&self) -> LoadStats {
        self.loader.stats()
    }

    pub(crate) fn finish(self) -> (Dataset, Notes) {
        (self.loader.finish(), self.notes)
    }
}

impl Notes {
    fn read(&mut self, key: &[u8], value: &[u8]) {
        let number = || redwire_resp::parse_i64(value);
        match key {
            b"repl-id" => self.replid = ReplId::parse(value),
            b"repl-offset" => {
                self.offset = number().and_then(|n| u64::try_from(n).ok()).and_then(Offset::new);
            }
            b"repl-stream-db" => self.stream_db = number().and_then(|n| u32::try_from(n).ok()),
            _ => {}
        }
    }
}

/// A file being loaded while clients are answered `-LOADING`.
#[derive(Debug)]
pub(crate) struct FileLoad {
    file: File,
    path: PathBuf,
    unread: Vec<u8>,
    load: RdbLoad,
    pub(crate) total: u64,
    pub(crate) read: u64,
}

impl FileLoad {
    /// Opens `path`; `None` when no such file is there.
    pub(crate) fn open(path: &Path, load: RdbLoad) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let total = file.metadata()?.len();
        let path = path.to_path_buf();
        Ok(Some(Self { file, path, unread: Vec::new(), load, total, read: 0 }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn stats(&self) -> LoadStats {
        self.load.stats()
    }

    /// Loads a slice; answers whether the file is whole now. What follows its end is left alone,
    /// as servers do.
    pub(crate) fn step(&mut self) -> Result<bool, LoadFailure> {
        let want = self.load.wanted().clamp(SLICE, SLICE * 64);
        let read = (&mut self.file).take(want as u64).read_to_end(&mut self.unread)?;
        self.read += read as u64;
        let (used, whole) = self.load.feed(&self.unread)?;
        self.unread.drain(..used);
        if !whole && read == 0 {
            return Err(LoadFailure::Truncated(self.read));
        }
        Ok(whole)
    }

    pub(crate) fn finish(self) -> (Dataset, Notes) {
        self.load.finish()
    }
}
