//! The arguments; their doc comments are the text of `--help`.

#![allow(rustdoc::broken_intra_doc_links, rustdoc::bare_urls, reason = "help texts have brackets")]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use redwire_rdb::Version;

use crate::{filter::Filter, top::By};

/// Looks into RDB files of Redis and Valkey, of every version.
///
/// INPUT is a file (an AOF that begins with an RDB preamble, too), - for standard input, or
/// redis://[user:password@]host[:port], which takes the data of a running server by replication.
#[derive(Debug, Parser)]
#[command(name = "redwire-inspect", version, about, long_about, after_help = STATUS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const STATUS: &str =
    "Exit status: 0 all well; 1 the input is damaged, files differ (diff), something was lost
(repair), or the target cannot hold a value; 2 wrong arguments; 3 reading or writing failed.";

/// An input and filters.
#[derive(Debug, Args)]
pub(crate) struct From {
    /// File, - or redis://[user:password@]host[:port]
    pub(crate) input: String,
    #[command(flatten)]
    pub(crate) filter: Filter,
}

/// Where one output goes.
#[derive(Debug, Args)]
pub(crate) struct To {
    /// Write to this file, which appears only when it is whole; else to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Version, server, and keys by type, encoding, database and expiry
    Summary {
        #[command(flatten)]
        from: From,
    },
    /// One JSON object a line, nothing lost
    Json {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        to: To,
        /// Only keys: neither the version, aux fields, functions nor modules' data
        #[arg(long)]
        keys_only: bool,
    },
    /// The commands that write the data, for redis-cli --pipe
    Resp {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        to: To,
        /// Leave function libraries out
        #[arg(long)]
        no_functions: bool,
    },
    /// An RDB file from the lines that json wrote
    FromJson {
        /// File of JSON lines, or -
        input: String,
        /// The RDB file
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Server that is to load it, e.g. 7.2 or valkey-9.1; else the version that the JSON names, or
        /// 9, which Redis 5.0 and all later servers load
        #[arg(long, value_name = "TARGET")]
        to: Option<Version>,
        /// Longest line that is read into memory
        #[arg(long, value_name = "BYTES", default_value_t = 4 << 30)]
        max_line: u64,
    },
    /// The largest keys, or prefixes
    Top {
        #[command(flatten)]
        from: From,
        /// How many
        #[arg(long, short = 'n', default_value_t = 20)]
        count: usize,
        /// Largest by what
        #[arg(long, value_enum, default_value_t = By::Memory)]
        by: By,
        /// Add up keys that begin alike
        #[arg(long)]
        prefix: bool,
        /// What ends a prefix, one byte
        #[arg(long, default_value = ":", value_parser = one_byte)]
        separator: u8,
        /// Parts of a prefix, at most
        #[arg(long, default_value_t = 1)]
        depth: usize,
    },
    /// A line of CSV for each key, or an HTML page with a treemap
    Memory {
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        to: To,
        /// The page; it needs no network
        #[arg(long)]
        html: bool,
        /// What ends a prefix, one byte
        #[arg(long, default_value = ":", value_parser = one_byte)]
        separator: u8,
    },
    /// Keys added, removed and changed between two files, with what changed in them
    ///
    /// Memory: about 50 bytes for each key of the first file, and the values that differ.
    Diff {
        /// The older file, read twice
        old: String,
        #[command(flatten)]
        from: From,
        #[command(flatten)]
        to: To,
    },
    /// An RDB file for another version
    Convert {
        #[command(flatten)]
        from: From,
        /// Server that is to load it, e.g. 6.2, 7.2, 8.0 or valkey-9.1; else the oldest version that
        /// holds the data: the input is read twice, what is no file from a copy in the folder for
        /// temporary files
        #[arg(long, value_name = "TARGET")]
        to: Option<Version>,
        /// The RDB file
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Whether the file is whole and a server would load it; the first error with its offset
    Check {
        /// File, - or redis://...
        input: String,
        /// Don't look for keys and elements that come twice, which takes memory for each key
        #[arg(long)]
        no_duplicates: bool,
    },
    /// What can be read of a damaged file, into a new one; reports what was lost
    ///
    /// Reads the file into memory. The new file is of the same version, 9 (Redis 5.0) at least: see
    /// convert for another.
    Repair {
        #[command(flatten)]
        from: From,
        /// The new RDB file
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Several RDB files in a folder, by cluster slot or by database
    ///
    /// They are of the input's version, 9 (Redis 5.0) at least: see convert for another.
    Split {
        #[command(flatten)]
        from: From,
        /// The folder, which is made if it is not there
        #[arg(long, short, value_name = "FOLDER")]
        output: PathBuf,
        /// This many files of equal parts of the 16384 slots
        #[arg(long, value_name = "FILES", conflicts_with = "by_db", required_unless_present = "by_db",
              value_parser = clap::value_parser!(u16).range(1..=512))]
        by_slot: Option<u16>,
        /// A file for each database
        #[arg(long)]
        by_db: bool,
    },
}

fn one_byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err("expected one byte".into()),
    }
}
