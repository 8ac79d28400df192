//! Where bytes come from: a file, standard input, or a server through replication.

use std::env::temp_dir;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Seek as _, Write as _};

use redwire_tools::Failure;

use crate::link;

/// An open input.
pub(crate) struct Source {
    /// For messages.
    pub(crate) name: String,
    /// Its length in bytes, where it is known.
    pub(crate) len: Option<u64>,
    /// A link to a server: nothing of interest follows the RDB.
    pub(crate) is_link: bool,
    reader: Reader,
}

enum Reader {
    /// Which can be read again.
    File(File),
    Other(Box<dyn Read>),
    /// What is read is copied, to be read again.
    Kept {
        reader: Box<dyn Read>,
        copy: File,
    },
}

impl Read for Reader {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(room),
            Self::Other(reader) => reader.read(room),
            Self::Kept { reader, copy } => {
                let read = reader.read(room)?;
                copy.write_all(&room[..read]).map_err(|error| {
                    io::Error::other(format!("its copy in {}: {error}", temp_dir().display()))
                })?;
                Ok(read)
            }
        }
    }
}

impl Source {
    /// Opens `name`: a path, `-` for standard input, or `redis://[user:password@]host[:port]`.
    pub(crate) fn open(name: &str) -> Result<Self, Failure> {
        if name == "-" {
            let reader = Reader::Other(Box::new(io::stdin().lock()));
            return Ok(Self { name: "standard input".into(), len: None, is_link: false, reader });
        }
        if name.starts_with("redis://") {
            let (reader, shown) = link::open(name)?;
            let reader = Reader::Other(reader);
            return Ok(Self { name: shown, len: None, is_link: true, reader });
        }
        let file = File::open(name).map_err(Failure::io(name))?;
        let about = file.metadata().map_err(Failure::io(name))?;
        let len = about.is_file().then_some(about.len());
        let reader = match len {
            Some(_) => Reader::File(file),
            None => Reader::Other(Box::new(file)),
        };
        Ok(Self { name: name.to_owned(), len, is_link: false, reader })
    }

    /// As [`open`](Self::open), for who wants all that there is: a link to a server has no end.
    pub(crate) fn open_ending(name: &str) -> Result<Self, Failure> {
        if name.starts_with("redis://") {
            let what = "expected a file or standard input, not a server";
            return Err(Failure::Usage(what.into()));
        }
        Self::open(name)
    }

    /// The same, to be read twice: what is no file is copied to an unnamed one while it is read.
    pub(crate) fn kept(self) -> Result<Self, Failure> {
        let reader = match self.reader {
            Reader::Other(reader) => {
                let copy = tempfile::tempfile().map_err(Failure::io("a temporary copy"))?;
                Reader::Kept { reader, copy }
            }
            other => other,
        };
        Ok(Self { reader, ..self })
    }

    /// A source that was [`kept`](Self::kept), at its beginning.
    pub(crate) fn rewound(self) -> Result<Self, Failure> {
        let Self { name, len, is_link, reader } = self;
        let rewind = |mut file: File| file.rewind().map(|()| file).map_err(Failure::io(&*name));
        let reader = match reader {
            Reader::File(file) => Reader::File(rewind(file)?),
            Reader::Kept { reader, copy } => Reader::Other(Box::new(rewind(copy)?.chain(reader))),
            Reader::Other(reader) => Reader::Other(reader),
        };
        Ok(Self { name, len, is_link, reader })
    }

    /// Reads more behind what `buffer` holds, about `wanted` bytes; 0 at the end.
    pub(crate) fn fill(&mut self, buffer: &mut Vec<u8>, wanted: usize) -> Result<usize, Failure> {
        let start = buffer.len();
        buffer.resize(start + wanted, 0);
        let read = self.read(&mut buffer[start..])?;
        buffer.truncate(start + read);
        Ok(read)
    }

    fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        loop {
            match self.reader.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(Failure::io(&*self.name)),
            }
        }
    }

    /// The bytes, for who reads lines.
    pub(crate) fn into_reader(self) -> impl Read {
        self.reader
    }

    /// Reads all of it.
    pub(crate) fn read_to_end(mut self) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes).map_err(Failure::io(self.name))?;
        Ok(bytes)
    }
}

/// The bytes of a source that are read, and not used yet.
#[derive(Default)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    /// Where those end that were read; what is behind them is room.
    end: usize,
}

impl Window {
    /// The bytes.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    /// The first `count` are used.
    pub(crate) fn used(&mut self, count: usize) {
        self.bytes.copy_within(count..self.end, 0);
        self.end -= count;
    }

    /// Reads more, about `wanted` bytes; 0 at the end.
    ///
    /// Memory follows what came: at most `wanted`, which the decoder bounds by what is there.
    pub(crate) fn fill(&mut self, source: &mut Source, wanted: usize) -> Result<usize, Failure> {
        let end = self.end + wanted;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let read = source.read(&mut self.bytes[self.end..end])?;
        self.end += read;
        Ok(read)
    }
}

/// A line on standard error that shows how far a large input is, when a person looks.
pub(crate) struct Progress {
    total: Option<u64>,
    shown: u64,
    on: bool,
}

/// Bytes between two drawings.
const EVERY: u64 = 32 << 20;

impl Progress {
    /// For an input of `total` bytes. Draws nothing unless standard error is a terminal.
    pub(crate) fn new(total: Option<u64>) -> Self {
        Self { total, shown: 0, on: io::stderr().is_terminal() }
    }

    /// So many bytes are done.
    pub(crate) fn at(&mut self, done: u64) {
        if !self.on || done < self.shown + EVERY {
            return;
        }
        self.shown = done;
        let line = match self.total {
            Some(total) => {
                let part = (done.min(total) * 30 / total.max(1)) as usize;
                format!("[{:<30}] {} of {} MB", "#".repeat(part), done >> 20, total >> 20)
            }
            None => format!("{} MB", done >> 20),
        };
        let _ = write!(io::stderr(), "\r{line}\x1b[K");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.on && self.shown > 0 {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
