//! [`Command`]: the one way to declare a command.

use std::ops::BitOr;

use redwire_resp::Request;

use crate::context::Context;
use crate::error::CommandResult;

/// A command: what `COMMAND INFO` tells of it, and the function that runs it.
///
/// The keyspace has a table of its own, one slice for each file under `commands/`; a
/// [`Host`](crate::Host) adds those of the server around it.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// The name, in lower case.
    pub name: &'static str,
    /// How many arguments it takes, its name among them; at least as many, when negative.
    pub arity: i32,
    /// What kind of command it is.
    pub flags: Flags,
    /// Where its keys stand.
    pub keys: Keys,
    pub(crate) run: Run,
    /// [`UNNUMBERED`], or its place.
    number: usize,
}

/// The number of a command that is in no table.
const UNNUMBERED: usize = usize::MAX;

/// What runs a command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// A function over the data set.
    Data(fn(&mut Context<'_>, Request<'_>) -> CommandResult),
    /// `EXEC`, which runs other commands.
    Exec,
    /// The server around the keyspace.
    Host,
}

impl Command {
    /// A command that the keyspace runs.
    pub(crate) const fn data(
        name: &'static str,
        arity: i32,
        flags: Flags,
        keys: Keys,
        run: fn(&mut Context<'_>, Request<'_>) -> CommandResult,
    ) -> Self {
        Self { name, arity, flags, keys, run: Run::Data(run), number: UNNUMBERED }
    }

    pub(crate) const fn exec() -> Self {
        let flags = Flags::NOSCRIPT
            .with(Flags::LOADING)
            .with(Flags::STALE)
            .with(Flags::SKIP_SLOWLOG)
            .with(Flags::IMMEDIATE);
        let (keys, run) = (Keys::NONE, Run::Exec);
        Self { name: "exec", arity: 1, flags, keys, run, number: UNNUMBERED }
    }

    /// A command that [`Host::run`](crate::Host::run) runs.
    #[must_use]
    pub const fn host(name: &'static str, arity: i32, flags: Flags) -> Self {
        Self { name, arity, flags, keys: Keys::NONE, run: Run::Host, number: UNNUMBERED }
    }

    /// A host's commands, which get the numbers behind those of the keyspace's.
    #[must_use]
    pub const fn table<const COUNT: usize>(commands: [Self; COUNT]) -> [Self; COUNT] {
        Self::numbered(commands, crate::commands::COUNT)
    }

    /// The commands, numbered from `first` on.
    pub(crate) const fn numbered<const COUNT: usize>(
        mut commands: [Self; COUNT],
        first: usize,
    ) -> [Self; COUNT] {
        let mut at = 0;
        while at < COUNT {
            commands[at].number = first + at;
            at += 1;
        }
        commands
    }

    /// Its place among all commands, the keyspace's first and then those of the host's
    /// [`table`](Self::table), so that what is kept of each may be an array; `None` for one of a host's
    /// that is in no such table.
    #[must_use]
    #[inline]
    pub fn number(&self) -> Option<usize> {
        (self.number != UNNUMBERED).then_some(self.number)
    }

    /// The same, with its keys.
    #[must_use]
    pub const fn with_keys(self, keys: Keys) -> Self {
        Self { keys, ..self }
    }

    /// Whether [`Host::run`](crate::Host::run) runs it.
    #[must_use]
    pub fn is_hosts(&self) -> bool {
        matches!(self.run, Run::Host)
    }

    /// The name of the subcommand that `request` names (`object|encoding`), for a command of the
    /// keyspace that has some. Takes a look-up: ask for those commands only.
    #[must_use]
    pub fn subcommand(&self, request: Request<'_>) -> Option<&'static str> {
        crate::commands::subcommand_of(self.name, request.arg(1)?)
    }

    /// Whether it may run in one go with others like it, and be timed with them: it is quick whatever its
    /// arguments, about the data only, and has its reply at once.
    pub(crate) fn is_quick(&self) -> bool {
        let Flags(flags) = self.flags;
        let any = |of: Flags| flags & of.0 != 0;
        any(Flags::WRITE.with(Flags::READONLY))
            && any(Flags::FAST.with(Flags::QUICK))
            && !any(Flags::BLOCKING)
            && matches!(self.run, Run::Data(_))
    }

    /// Whether `count` arguments, the name among them, are what the command takes.
    #[must_use]
    pub fn accepts(&self, count: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { count >= wanted } else { count == wanted }
    }
}

/// The flags of a command; most have a name that `COMMAND INFO` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u32);

impl Flags {
    /// No flag at all.
    pub const NONE: Self = Self(0);
    /// May change data; refused on a read-only replica.
    pub const WRITE: Self = Self(1);
    /// Reads keys and changes nothing.
    pub const READONLY: Self = Self(1 << 1);
    /// May need more memory.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For operators.
    pub const ADMIN: Self = Self(1 << 3);
    /// Takes constant or logarithmic time.
    pub const FAST: Self = Self(1 << 4);
    /// Allowed while a data set is being loaded.
    pub const LOADING: Self = Self(1 << 5);
    /// Allowed on a replica that lost its primary and may not serve stale data.
    pub const STALE: Self = Self(1 << 6);
    /// Allowed before authentication.
    pub const NO_AUTH: Self = Self(1 << 7);
    /// Not allowed in a transaction.
    pub const NO_MULTI: Self = Self(1 << 8);
    /// Never queued by `MULTI`: it runs at once.
    pub const IMMEDIATE: Self = Self(1 << 9);
    /// Not shown to `MONITOR`.
    pub const SKIP_MONITOR: Self = Self(1 << 10);
    /// Not kept in the slow log.
    pub const SKIP_SLOWLOG: Self = Self(1 << 11);
    /// About channels.
    pub const PUBSUB: Self = Self(1 << 12);
    /// Not allowed in scripts.
    pub const NOSCRIPT: Self = Self(1 << 13);
    /// May block the connection.
    pub const BLOCKING: Self = Self(1 << 14);
    /// Its keys cannot be told from `keys` alone (`numkeys` arguments).
    pub const MOVABLE_KEYS: Self = Self(1 << 15);
    /// Has subcommands: what it is and does is theirs to say (`CONFIG GET`).
    pub const CONTAINER: Self = Self(1 << 16);
    /// As quick as those that are `fast`, though Redis does not say so: what `SET` overwrites may be
    /// large, but is freed elsewhere.
    pub(crate) const QUICK: Self = Self(1 << 17);

    const NAMES: [(Self, &'static str); 14] = [
        (Self::WRITE, "write"),
        (Self::READONLY, "readonly"),
        (Self::DENYOOM, "denyoom"),
        (Self::ADMIN, "admin"),
        (Self::PUBSUB, "pubsub"),
        (Self::NOSCRIPT, "noscript"),
        (Self::BLOCKING, "blocking"),
        (Self::LOADING, "loading"),
        (Self::STALE, "stale"),
        (Self::SKIP_MONITOR, "skip_monitor"),
        (Self::SKIP_SLOWLOG, "skip_slowlog"),
        (Self::FAST, "fast"),
        (Self::NO_AUTH, "no_auth"),
        (Self::NO_MULTI, "no_multi"),
    ];

    /// These flags and `other`'s.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags, as `COMMAND INFO` prints them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let movable = (Self::MOVABLE_KEYS, "movablekeys");
        Self::NAMES
            .into_iter()
            .chain([movable])
            .filter(move |(flag, _)| self.has(*flag))
            .map(|(_, name)| name)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

/// Where a command's keys stand among its arguments, as `COMMAND INFO` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// Position of the first key; 0 when there is none.
    pub first: i32,
    /// Position of the last key, counted from the end when negative (-1 is the last argument).
    pub last: i32,
    /// How far one key is from the next.
    pub step: i32,
    /// Position of an argument that says how many keys come right behind it; 0 when none does.
    pub count_at: usize,
    /// Whether something else stands behind each of the keys that `count_at` counts.
    pub counted_pairs: bool,
    /// An option whose argument is a key too, the last one if it comes more than once.
    pub option: Option<&'static str>,
    /// An option behind which keys stand, and as many arguments of another kind behind them.
    pub half_after: Option<&'static str>,
    /// An option behind which only keys stand, where the first key is empty and is none.
    pub instead_after: Option<Instead>,
}

/// Where keys stand instead of a first key that is empty (`MIGRATE host port "" db ms KEYS key ...`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instead {
    /// Position of the first option.
    pub options: usize,
    /// Options with so many arguments, which are no options whatever they say.
    pub with_arguments: &'static [(&'static str, usize)],
    /// The option behind which only keys stand.
    pub name: &'static str,
}

impl Keys {
    /// No keys.
    pub const NONE: Self = Self::span(0, 0, 0);
    /// One key, right after the name.
    pub const ONE: Self = Self::span(1, 1, 1);
    /// Two keys, right after the name.
    pub const TWO: Self = Self::span(1, 2, 1);
    /// Every argument is a key.
    pub const ALL: Self = Self::span(1, -1, 1);
    /// Keys and values in turn (`MSET`).
    pub const PAIRS: Self = Self::span(1, -1, 2);

    /// Keys from position `first` to `last`, counted from the end when negative, each `step` from
    /// the next.
    #[must_use]
    pub const fn span(first: i32, last: i32, step: i32) -> Self {
        Self {
            first,
            last,
            step,
            count_at: 0,
            counted_pairs: false,
            option: None,
            half_after: None,
            instead_after: None,
        }
    }

    /// These keys and as many more as the argument at position `at` says, right behind it
    /// (`ZUNIONSTORE dest numkeys key [key ...]`).
    #[must_use]
    pub const fn counted_at(self, at: usize) -> Self {
        Self { count_at: at, ..self }
    }

    /// The same, with a value behind each key (`MSETEX numkeys key value [key value ...]`).
    #[must_use]
    pub const fn counted_pairs_at(self, at: usize) -> Self {
        Self { count_at: at, counted_pairs: true, ..self }
    }

    /// These keys and the argument of the option `name` (`SORT key STORE dest`).
    #[must_use]
    pub const fn and_after(self, name: &'static str) -> Self {
        Self { option: Some(name), ..self }
    }

    /// These keys and the first half of what stands behind `name` (`XREAD STREAMS key id`).
    #[must_use]
    pub const fn half_after(self, name: &'static str) -> Self {
        Self { half_after: Some(name), ..self }
    }

    /// These keys, or, if the first is empty, those that stand elsewhere.
    #[must_use]
    pub const fn or(self, instead: Instead) -> Self {
        Self { instead_after: Some(instead), ..self }
    }

    /// The positions of the keys in a request of `count` arguments.
    pub fn positions(self, count: usize) -> impl Iterator<Item = usize> {
        let last = if self.last < 0 {
            count.saturating_sub(self.last.unsigned_abs() as usize)
        } else {
            (self.last as usize).min(count.saturating_sub(1))
        };
        let first = self.first as usize;
        let none = self.first == 0;
        (first..=last).step_by((self.step as usize).max(1)).filter(move |_| !none)
    }

    /// The keys of `request`; `None` if it names a number of keys that it does not have.
    #[must_use]
    pub fn of<'a>(&self, request: Request<'a>) -> Option<Vec<&'a [u8]>> {
        let args = |positions: &mut dyn Iterator<Item = usize>| -> Option<Vec<&'a [u8]>> {
            positions.map(|at| request.arg(at)).collect()
        };
        let mut keys = args(&mut self.positions(request.len()))?;
        if self.count_at > 0 {
            let count = redwire_resp::parse_i64(request.arg(self.count_at)?)?;
            let count =
                usize::try_from(count).ok().filter(|count| (1..request.len()).contains(count))?;
            let step = 1 + usize::from(self.counted_pairs);
            let first = self.count_at + 1;
            keys.extend(args(&mut (first..first + count * step).step_by(step))?);
        }
        if let Some(name) = self.option {
            let is_option = |arg: &[u8]| arg.eq_ignore_ascii_case(name.as_bytes());
            keys.extend(request.iter().rposition(is_option).and_then(|at| request.arg(at + 1)));
        }
        if let Some(name) = self.half_after {
            let is_option = |arg: &[u8]| arg.eq_ignore_ascii_case(name.as_bytes());
            let start = request.iter().position(is_option)? + 1;
            keys.extend(request.iter().skip(start).take((request.len() - start) / 2));
        }
        if let Some(start) = self.instead_from(request) {
            if keys.first().is_none_or(|first| !first.is_empty()) {
                return None;
            }
            keys = request.iter().skip(start).collect();
        }
        Some(keys)
    }

    /// Where the keys begin that stand behind an option instead of the first key, if it is there.
    pub(crate) fn instead_from(&self, request: Request<'_>) -> Option<usize> {
        let Instead { options, with_arguments, name } = self.instead_after?;
        let mut at = options;
        loop {
            let arg = request.arg(at)?;
            let is = |name: &str| arg.eq_ignore_ascii_case(name.as_bytes());
            if is(name) {
                return Some(at + 1);
            }
            at += 1 + with_arguments.iter().find(|(name, _)| is(name)).map_or(0, |(_, more)| *more);
        }
    }
}

#[cfg(test)]
mod tests {
    use redwire_resp::RequestBuf;

    use super::*;

    #[test]
    fn key_positions() {
        let positions = |keys: Keys, count| keys.positions(count).collect::<Vec<_>>();
        assert_eq!(positions(Keys::NONE, 3), [0_usize; 0]);
        assert_eq!(positions(Keys::ONE, 3), [1]);
        assert_eq!(positions(Keys::TWO, 4), [1, 2]);
        assert_eq!(positions(Keys::ALL, 4), [1, 2, 3]);
        assert_eq!(positions(Keys::PAIRS, 5), [1, 3]);
        assert_eq!(positions(Keys::ONE, 1), [0_usize; 0]);
    }

    #[test]
    fn counted_keys() {
        let keys = |keys: Keys, line: &'static str| {
            let request = RequestBuf::from_args(line.split(' '));
            let found = keys.of(request.as_request())?;
            Some(found.iter().map(|key| String::from_utf8_lossy(key)).collect::<Vec<_>>().join(" "))
        };
        let dest = Keys::ONE.counted_at(2);
        assert_eq!(keys(dest, "ZUNIONSTORE d 2 a b WEIGHTS 1 2").as_deref(), Some("d a b"));
        assert_eq!(keys(Keys::NONE.counted_at(1), "LMPOP 1 a LEFT").as_deref(), Some("a"));
        for wrong in ["0 a b", "-1 a b", "x a b", "3 a b", "9223372036854775807 a b"] {
            let request =
                RequestBuf::from_args(["ZUNIONSTORE", "d"].into_iter().chain(wrong.split(' ')));
            assert_eq!(dest.of(request.as_request()), None, "{wrong}");
        }
        assert_eq!(keys(dest, "ZUNIONSTORE d"), None);
        let pairs = Keys::NONE.counted_pairs_at(1);
        assert_eq!(keys(pairs, "MSETEX 2 a 1 b 2 NX").as_deref(), Some("a b"));
        assert_eq!(keys(pairs, "MSETEX 3 a 1 b 2"), None);
        let stored = Keys::ONE.and_after("STORE");
        assert_eq!(keys(stored, "SORT a").as_deref(), Some("a"));
        assert_eq!(keys(stored, "SORT a store").as_deref(), Some("a"));
        assert_eq!(keys(stored, "SORT a STORE b GET x store c").as_deref(), Some("a c"));
        let streams = Keys::NONE.half_after("STREAMS");
        assert_eq!(keys(streams, "XREAD COUNT 2 streams a b 0 1").as_deref(), Some("a b"));
        assert_eq!(keys(streams, "XREAD COUNT 2"), None);
        let moved = Keys::span(3, 3, 1).or(Instead {
            options: 6,
            with_arguments: &[("auth", 1), ("auth2", 2)],
            name: "keys",
        });
        assert_eq!(keys(moved, "MIGRATE h 1 k 0 9").as_deref(), Some("k"));
        assert_eq!(keys(moved, "MIGRATE h 1  0 9 COPY keys a b").as_deref(), Some("a b"));
        assert_eq!(keys(moved, "MIGRATE h 1 k 0 9 KEYS a b"), None);
        let line = "MIGRATE h 1  0 9 AUTH keys auth2 keys KEYS replace KEYS a keys b";
        assert_eq!(keys(moved, line).as_deref(), Some("a keys b"));
    }
}
