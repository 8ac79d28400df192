//! The server's log, in Redis' line format, so that what operators grep for stays true:
//! `pid:role day month year hours:minutes:seconds.milliseconds level message`.
//!
//! Times are UTC; Redis prints local time. The log file is opened for each line,
//! as Redis does, so that it can be rotated by a rename and no signal. Who logs waits until the line
//! is written, but for a file that hangs: then lines wait for it, and nobody does.
//!
//! ```text
//! 4711:M 21 Nov 2026 02:22:38.763 * Ready to accept connections
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::LogLevel;

/// Bytes that a message is cut to, as in Redis.
const MAX_MESSAGE: usize = 1024;

/// How long a line is waited for before its file is one that hangs.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long lines that wait are waited for at the end of the process.
const LAST_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of lines that wait for a file that hangs. More of them are lost, and counted.
const WAITING_MAX: usize = 1 << 20;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// A process that is no server yet, or not any more.
    Child,
    /// A primary.
    Primary,
    /// A replica.
    Replica,
}

/// Writes a line at a level; the arguments are those of `format!`, and are not
/// looked at when the level is off.
macro_rules! log {
    ($level:expr, $($message:tt)+) => {
        if $crate::log::enabled($level) {
            $crate::log::write($level, format_args!($($message)+));
        }
    };
}

/// Writes a line of rarely useful detail.
macro_rules! verbose {
    ($($message:tt)+) => { $crate::log::log!($crate::config::LogLevel::Verbose, $($message)+) };
}

/// Writes a line that an operator wants to see.
macro_rules! notice {
    ($($message:tt)+) => { $crate::log::log!($crate::config::LogLevel::Notice, $($message)+) };
}

/// Writes a line that an operator must see.
macro_rules! warning {
    ($($message:tt)+) => { $crate::log::log!($crate::config::LogLevel::Warning, $($message)+) };
}

pub(crate) use {log, notice, verbose, warning};

/// Where lines go and which are written; one for the process.
struct Log {
    level: AtomicU8,
    role: AtomicU8,
    file: Mutex<Option<PathBuf>>,
    queue: Mutex<Queue>,
    /// The queue has changed.
    changed: Condvar,
}

/// Lines on their way to the thread that writes them.
struct Queue {
    lines: VecDeque<String>,
    bytes: usize,
    /// How many lines there were, and how many of them are written.
    queued: u64,
    written: u64,
    /// Lines that found no room.
    lost: u64,
    /// Whether there is a thread, and whether it has not come back from a line for a while.
    has_thread: bool,
    hangs: bool,
}

static LOG: Log = Log::new();

/// Has a thread write the lines from now on.
///
/// # Errors
///
/// That the system has no thread: who logs writes its line itself then, as before.
pub(crate) fn start_thread() -> io::Result<()> {
    LOG.start_thread()
}

/// Waits for the lines that are not written yet, as the process is about to end; for a file that hangs
/// not for long.
pub(crate) fn finish() {
    LOG.finish(LAST_PATIENCE);
}

/// Sends lines to a file from now on, or to the standard output.
///
/// The path should be absolute: it is opened again for each line.
pub(crate) fn set_file(path: Option<PathBuf>) {
    *lock(&LOG.file) = path;
}

/// Writes lines of this level and the more urgent ones from now on.
pub(crate) fn set_level(level: LogLevel) {
    LOG.level.store(level as u8, Ordering::Relaxed);
}

/// Marks lines with this role from now on; it is `Child` at first.
pub(crate) fn set_role(role: Role) {
    LOG.role.store(role.letter(), Ordering::Relaxed);
}

/// Whether lines of a level are written.
pub(crate) fn enabled(level: LogLevel) -> bool {
    level as u8 >= LOG.level.load(Ordering::Relaxed)
}

/// Writes a line, whatever its level: the macros ask [`enabled`] first.
pub(crate) fn write(level: LogLevel, message: fmt::Arguments<'_>) {
    LOG.append(LOG.line(level, message));
}

impl Log {
    const fn new() -> Self {
        let (level, role) = (LogLevel::Notice as u8, Role::Child.letter());
        Self {
            level: AtomicU8::new(level),
            role: AtomicU8::new(role),
            file: Mutex::new(None),
            queue: Mutex::new(Queue {
                lines: VecDeque::new(),
                bytes: 0,
                queued: 0,
                written: 0,
                lost: 0,
                has_thread: false,
                hangs: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn start_thread(&'static self) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("log".into());
        thread.spawn(|| self.write_lines())?;
        lock(&self.queue).has_thread = true;
        Ok(())
    }

    /// A line of now.
    #[expect(clippy::disallowed_methods, reason = "a log line carries the time of the wall clock")]
    fn line(&self, level: LogLevel, message: fmt::Arguments<'_>) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let role = char::from(self.role.load(Ordering::Relaxed));
        line(std::process::id(), role, unix_ms, level, message)
    }

    fn append(&self, line: String) {
        let mut queue = lock(&self.queue);
        if !queue.has_thread {
            // The lock keeps lines of several threads whole.
            return self.write(&line);
        }
        if queue.bytes + line.len() > WAITING_MAX {
            queue.lost += 1;
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        queue.queued += 1;
        let number = queue.queued;
        self.changed.notify_all();
        if !queue.hangs {
            let is_waiting = |queue: &mut Queue| queue.written < number;
            let waited = self.changed.wait_timeout_while(queue, PATIENCE, is_waiting);
            let (mut queue, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            queue.hangs |= waited.timed_out();
        }
    }

    fn finish(&self, patience: Duration) {
        let is_behind = |queue: &mut Queue| queue.has_thread && queue.written < queue.queued;
        // With the time over they are lost, and there is nobody to tell.
        drop(self.changed.wait_timeout_while(lock(&self.queue), patience, is_behind));
    }

    /// Writes lines as they come: what the thread does.
    fn write_lines(&self) {
        let mut queue = lock(&self.queue);
        loop {
            let Some(line) = queue.lines.pop_front() else {
                let lost = std::mem::take(&mut queue.lost);
                if lost == 0 {
                    queue.hangs = false;
                    queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                drop(queue);
                let text = format_args!("{lost} lines of the log were lost: its file hung");
                self.write(&self.line(LogLevel::Warning, text));
                queue = lock(&self.queue);
                continue;
            };
            drop(queue);
            self.write(&line);
            queue = lock(&self.queue);
            queue.bytes -= line.len();
            queue.written += 1;
            self.changed.notify_all();
        }
    }

    fn write(&self, line: &str) {
        let file = lock(&self.file).clone();
        // A line that cannot be written is lost: there is nobody to tell.
        let _ = match file {
            Some(path) => OpenOptions::new()
                .append(true)
                .create(true)
                .open(path)
                .and_then(|mut file| file.write_all(line.as_bytes())),
            None => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush())
            }
        };
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Role {
    const fn letter(self) -> u8 {
        match self {
            Self::Child => b'C',
            Self::Primary => b'M',
            Self::Replica => b'S',
        }
    }
}

/// A whole line. Control characters are escaped, so that what a client sends
/// cannot pass for a line of its own.
fn line(
    pid: u32,
    role: char,
    unix_ms: u64,
    level: LogLevel,
    message: fmt::Arguments<'_>,
) -> String {
    let level = match level {
        LogLevel::Debug => '.',
        LogLevel::Verbose => '-',
        LogLevel::Notice => '*',
        LogLevel::Warning => '#',
    };
    let mut text = message.to_string();
    text.truncate(text.floor_char_boundary(MAX_MESSAGE));
    let mut line = format!("{pid}:{role} {} {level} ", Timestamp { unix_ms });
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line.push('\n');
    line
}

/// A time in UTC, shown as `21 Nov 2026 02:22:38.763`.
struct Timestamp {
    unix_ms: u64,
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (seconds, ms) = (self.unix_ms / 1000, self.unix_ms % 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        write!(f, "{day:02} {} {year} ", MONTHS[month])?;
        write!(f, "{:02}:{:02}:{:02}.{ms:03}", second / 3600, second / 60 % 60, second % 60)
    }
}

/// Year, month from 0, and day from 1, of a number of days since 1 January 1970
/// in the Gregorian calendar.
fn civil(days: u64) -> (u64, usize, u64) {
    // Years are counted from 1 March 0000, so that a leap day is a year's last,
    // and in eras of 400 years, which are all of one length.
    const DAYS_PER_ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March on are 153 days in each five.
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    (year, month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    use rustix::fs::{CWD, FileType};

    /// Days since 1970 to a date, by counting them one at a time.
    fn naive_calendar(days: u64) -> impl Iterator<Item = (u64, usize, u64)> {
        let mut date = (1970, 0, 1);
        (0..days).map(move |_| {
            let today = date;
            let (year, month, day) = date;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            date = match (day < length[month], month < 11) {
                (true, _) => (year, month, day + 1),
                (false, true) => (year, month + 1, 1),
                (false, false) => (year + 1, 0, 1),
            };
            today
        })
    }

    #[test]
    fn dates_agree_with_counted_days() {
        for (days, date) in naive_calendar(500 * 366).enumerate() {
            assert_eq!(civil(days as u64), date);
        }
    }

    #[test]
    fn lines_have_redis_format() {
        let at = 1_795_227_758_763;
        let text = line(5955, 'M', at, LogLevel::Notice, format_args!("Ready to accept {}", 1));
        assert_eq!(text, "5955:M 21 Nov 2026 02:22:38.763 * Ready to accept 1\n");
        let levels = [LogLevel::Debug, LogLevel::Verbose, LogLevel::Warning];
        let marks = levels.map(|level| line(1, 'C', 0, level, format_args!("x")));
        let start = "1:C 01 Jan 1970 00:00:00.000";
        assert_eq!(marks, ['.', '-', '#'].map(|mark| format!("{start} {mark} x\n")));
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        let text = line(1, 'M', 0, LogLevel::Notice, format_args!("a\n1:M forged\u{1b}[0m"));
        assert!(text.ends_with(" * a\\n1:M forged\\u{1b}[0m\n"), "{text}");
        let long = line(1, 'M', 0, LogLevel::Notice, format_args!("{}", "é".repeat(1000)));
        assert!(long.len() < MAX_MESSAGE + 64, "{} bytes", long.len());
    }

    #[test]
    fn lines_are_appended_to_the_file_even_after_it_moved() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join("log"), dir.path().join("log.1"));
        let log = Log::new();
        *log.file.lock().unwrap() = Some(path.clone());
        log.append("one\n".into());
        log.append("two\n".into());
        std::fs::rename(&path, &moved).unwrap();
        log.append("three\n".into());
        assert_eq!(std::fs::read_to_string(moved).unwrap(), "one\ntwo\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "three\n");
    }

    /// A pipe that nobody reads hangs whoever opens it to write.
    #[test]
    fn a_file_that_hangs_keeps_lines_and_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let (mode, kind) = (rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, FileType::Fifo);
        rustix::fs::mknodat(CWD, &pipe, kind, mode, 0).unwrap();
        let log: &'static Log = Box::leak(Box::new(Log::new()));
        *log.file.lock().unwrap() = Some(dir.path().join("log"));
        log.start_thread().unwrap();
        log.append("zero\n".into());
        log.finish(Duration::from_secs(60));
        assert_eq!(std::fs::read_to_string(dir.path().join("log")).unwrap(), "zero\n");
        *log.file.lock().unwrap() = Some(pipe.clone());
        let long = "x".repeat(999) + "\n";
        (0..2000).for_each(|_| log.append(long.clone()));
        {
            let queue = log.queue.lock().unwrap();
            assert!(queue.hangs && queue.bytes <= WAITING_MAX, "{} bytes", queue.bytes);
            assert_eq!((queue.lost, queue.written), (2000 - 1048, 1));
        }
        *log.file.lock().unwrap() = Some(dir.path().join("rest"));
        // The first line is written when somebody reads, and then the others, to where they go now.
        assert_eq!(std::fs::read_to_string(&pipe).unwrap(), long);
        let mut queue = log.queue.lock().unwrap();
        while queue.hangs {
            queue = log.changed.wait_timeout(queue, PATIENCE).unwrap().0;
        }
        drop(queue);
        let rest = std::fs::read_to_string(dir.path().join("rest")).unwrap();
        assert_eq!(rest.matches(&long).count(), 1047);
        assert!(rest.ends_with(" # 952 lines of the log were lost: its file hung\n"));
        log.append("last\n".into());
        log.finish(Duration::from_secs(60));
        assert!(std::fs::read_to_string(dir.path().join("rest")).unwrap().ends_with("\nlast\n"));
    }

    #[test]
    fn levels_below_the_one_set_are_off() {
        set_level(LogLevel::Verbose);
        assert!(!enabled(LogLevel::Debug) && enabled(LogLevel::Verbose));
        log!(LogLevel::Debug, "{}", unreachable_argument());
        set_level(LogLevel::Notice);
        assert!(!enabled(LogLevel::Verbose) && enabled(LogLevel::Warning));
    }

    fn unreachable_argument() -> u8 {
        panic!("an argument of a line that is off was looked at")
    }
}
