//! The configuration at start: the command line, the file, and what it includes.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::Config;
use super::glob;
use super::grammar::{self, Unbalanced};
use super::setting::{ValueError, system_text};
use super::table::Parameter;

/// How deep files may include one another, so that a file which includes itself
/// is an error.
pub(super) const MAX_INCLUDE_DEPTH: usize = 16;

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Usage: redwire-server [/path/to/redis.conf] [options] [-]
       redwire-server - (read config from stdin)
       redwire-server -v or --version
       redwire-server -h or --help

Examples:
       redwire-server (run the server with default conf)
       echo 'maxmemory 128mb' | redwire-server -
       redwire-server /etc/redis/6379.conf
       redwire-server --port 7777
       redwire-server --port 7777 --replicaof 127.0.0.1 8888
       redwire-server /etc/myredis.conf --loglevel verbose -
       redwire-server /etc/myredis.conf --loglevel verbose
";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Invocation {
    /// `-v` or `--version`.
    Version,
    /// `-h` or `--help`.
    Help,
    /// To run the server.
    Run {
        /// The config file.
        file: Option<PathBuf>,
        /// Whether more configuration comes on the standard input.
        stdin: bool,
        /// The options, as lines of a config file.
        options: Vec<u8>,
    },
}

/// A configuration, with what a process that starts over needs to load it again.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The configuration.
    pub(crate) config: Config,
    /// What was read from the standard input.
    pub(crate) stdin: Option<Vec<u8>>,
}

/// Why the server does not start. Its text is what Redis prints, over several lines.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// A file that cannot be read.
    #[error("Fatal error, can't open config file '{}': {}", .path.display(), system_text(.error))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line that is wrong.
    #[error(
        "\n{}\nReading the configuration file, at line {line}{}\n>>> '{text}'\n{reason}",
        fatal(),
        .included.as_ref().map(|path| format!(" of {}", path.display())).unwrap_or_default()
    )]
    Line {
        /// Its number from 1; options count as lines after those of the file.
        line: usize,
        /// The file, if it is not the one of the command line.
        included: Option<PathBuf>,
        /// The line.
        text: String,
        /// What is wrong with it.
        reason: LineError,
    },
    /// The log file cannot be written.
    #[error("\n{}\nCan't open the log file: {}", fatal(), system_text(.0))]
    LogFile(io::Error),
    /// There is no working folder.
    #[error("\n{}\nCan't find the working folder: {}", fatal(), system_text(.0))]
    WorkingFolder(io::Error),
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum LineError {
    #[error("Bad directive or wrong number of arguments")]
    BadDirective,
    #[error("redwire does not support '{0}' yet")]
    Unsupported(&'static str),
    #[error("Files include one another more than {MAX_INCLUDE_DEPTH} deep")]
    IncludedTooDeep,
    #[error(
        "Error in user declaration '{0}': Duplicate user found. A user can only be defined once in \
         config files"
    )]
    DuplicateUser(String),
    #[error(transparent)]
    Unbalanced(#[from] Unbalanced),
    #[error(transparent)]
    Value(#[from] ValueError),
}

/// Directives of Redis that are not parameters, and that the server has not got.
const UNSUPPORTED: &[&str] = &["loadmodule", "rename-command", "sentinel"];

fn fatal() -> String {
    format!("*** FATAL CONFIG FILE ERROR (redwire {}) ***", env!("CARGO_PKG_VERSION"))
}

impl Invocation {
    /// Reads the arguments that follow the program's name.
    ///
    /// They mean what they mean to redis-server: a file first, `-` first or last
    /// for the standard input, and options. What follows an option is its
    /// value, whatever it looks like, up to the next word with `--`.
    pub(crate) fn of(arguments: &[OsString]) -> Self {
        let bytes: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
        match bytes.first() {
            Some(&(b"-v" | b"--version")) => return Self::Version,
            Some(&(b"-h" | b"--help")) => return Self::Help,
            _ => {}
        }
        let named = bytes.first().is_some_and(|first| !first.starts_with(b"-"));
        let file = named.then(|| PathBuf::from(&arguments[0]));
        let mut rest = &bytes[usize::from(named)..];
        let mut stdin = false;
        if let ([b"-", after @ ..], false) = (rest, named) {
            (rest, stdin) = (after, true);
        }
        if let [before @ .., b"-"] = rest {
            (rest, stdin) = (before, true);
        }
        Self::Run { file, stdin, options: option_lines(rest) }
    }

    /// Loads the configuration; `input` is read only if the command line says so.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, a line or an option is wrong, or the log file
    /// cannot be written. `Version` and `Help` load the defaults.
    pub(crate) fn load(&self, input: &mut dyn Read) -> Result<Loaded, LoadError> {
        let dir = std::env::current_dir().map_err(LoadError::WorkingFolder)?;
        let mut config = Config { dir, ..Config::default() };
        let Self::Run { file, stdin, options } = self else {
            return Ok(Loaded { config, stdin: None });
        };
        let mut text = Vec::new();
        if let Some(file) = file {
            let path = config.in_dir(file);
            text = read_file(&path)?;
            config.config_file = Some(path);
        }
        let stdin = stdin.then(|| read_input(input)).transpose()?;
        text.extend(stdin.iter().flatten());
        text.push(b'\n');
        text.extend(options);
        let mut loader = Loader { config, built_up: Vec::new() };
        loader.text(&text, None, 0)?;
        check_log_file(&loader.config)?;
        Ok(Loaded { config: loader.config, stdin })
    }
}

/// Options as lines of a config file: each `--name` begins one, and the words
/// after it are quoted.
fn option_lines(arguments: &[&[u8]]) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut wants_value = false;
    for (index, argument) in arguments.iter().enumerate() {
        match argument.strip_prefix(b"--") {
            Some(option) if !wants_value => {
                if !lines.is_empty() {
                    lines.push(b'\n');
                }
                lines.extend(option);
                // `--port 7777` may be one argument, which has its value then.
                let bare = grammar::words(argument).is_ok_and(|words| words.len() == 1);
                let next_is_value =
                    arguments.get(index + 1).is_some_and(|next| !next.starts_with(b"--"));
                if bare && option.eq_ignore_ascii_case(b"save") && !next_is_value {
                    lines.extend(b" \"\"");
                } else {
                    wants_value = bare;
                }
            }
            _ => {
                lines.push(b' ');
                lines.extend(grammar::quoted(argument));
                wants_value = false;
            }
        }
    }
    lines
}

struct Loader {
    config: Config,
    /// The accumulating parameters that a line has set, and lines add to since.
    built_up: Vec<&'static str>,
}

impl Loader {
    fn text(&mut self, text: &[u8], path: Option<&Path>, depth: usize) -> Result<(), LoadError> {
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let Some(directive) = grammar::directive(line) else { continue };
            let included = match self.directive(directive) {
                Ok(Some(_)) if depth == MAX_INCLUDE_DEPTH => Err(LineError::IncludedTooDeep),
                other => other,
            };
            let included = included.map_err(|reason| LoadError::Line {
                line: index + 1,
                included: path.map(Path::to_owned),
                text: String::from_utf8_lossy(directive).into_owned(),
                reason,
            })?;
            for path in included.unwrap_or_default() {
                self.text(&read_file(&path)?, Some(&path), depth + 1)?;
            }
        }
        Ok(())
    }

    /// Takes one line; gives the files to include if it says so.
    fn directive(&mut self, line: &[u8]) -> Result<Option<Vec<PathBuf>>, LineError> {
        let words = grammar::words(line)?;
        let Some((name, values)) = words.split_first() else { return Ok(None) };
        if let (true, [path]) = (name.eq_ignore_ascii_case(b"include"), values) {
            return Ok(Some(self.files(path)));
        }
        if let Some(parameter) = Parameter::find(name) {
            let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            self.parameter(parameter, &values)?;
            return Ok(None);
        }
        if name.eq_ignore_ascii_case(b"user") {
            self.user(values)?;
            return Ok(None);
        }
        let known = |known: &&&str| name.eq_ignore_ascii_case(known.as_bytes());
        Err(UNSUPPORTED
            .iter()
            .find(known)
            .map_or(LineError::BadDirective, |name| LineError::Unsupported(name)))
    }

    fn parameter(&mut self, parameter: &Parameter, values: &[&[u8]]) -> Result<(), ValueError> {
        // No value at all is an error here, and not an empty list.
        if values.is_empty() {
            return Err(ValueError::WrongNumber);
        }
        if self.built_up.contains(&parameter.name) {
            return parameter.set(&mut self.config, values);
        }
        self.built_up.extend(parameter.accumulates.then_some(parameter.name));
        parameter.replace(&mut self.config, values)
    }

    /// Takes a user, whose rules are read when the commands are known that they name.
    fn user(&mut self, words: &[Vec<u8>]) -> Result<(), LineError> {
        let name = words.first().ok_or(LineError::BadDirective)?;
        if self.config.users.iter().any(|known| known.first() == Some(name)) {
            return Err(LineError::DuplicateUser(String::from_utf8_lossy(name).into_owned()));
        }
        self.config.users.push(words.to_vec());
        Ok(())
    }

    /// The files that `include` names; a pattern may name none.
    fn files(&self, path: &[u8]) -> Vec<PathBuf> {
        let full = self.config.in_dir(Path::new(OsStr::from_bytes(path)));
        if glob::is_pattern(path) { glob::paths(&full) } else { vec![full] }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    fs::read(path).map_err(|error| LoadError::Unreadable { path: path.to_owned(), error })
}

fn read_input(input: &mut dyn Read) -> Result<Vec<u8>, LoadError> {
    let mut text = Vec::new();
    let read = input.read_to_end(&mut text);
    let path = PathBuf::from(OsString::from_vec(b"-".to_vec()));
    read.map_err(|error| LoadError::Unreadable { path, error })?;
    Ok(text)
}

/// Finds out now that the log file cannot be written, while somebody looks.
fn check_log_file(config: &Config) -> Result<(), LoadError> {
    let Some(path) = &config.logfile else { return Ok(()) };
    let open = fs::OpenOptions::new().append(true).create(true).open(config.in_dir(path));
    open.map(drop).map_err(LoadError::LogFile)
}

#[cfg(test)]
mod tests;
