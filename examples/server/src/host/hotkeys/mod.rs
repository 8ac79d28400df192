//! `HOTKEYS` (Redis 8.6): which keys take the most processor time, and the most bytes of requests and
//! replies.
//!
//! A command's time and bytes are shared out evenly among its keys. Those of one in `MULTI` are its own,
//! where Redis counts for each the `EXEC` and all replies so far. Times are kept in ns, so that commands
//! of less than 1 us, which Redis leaves out, add up.

mod top;

use std::time::{Duration, Instant};

use redwire_keyspace::{
    Command, CommandError, CommandResult, Context, Keyspace, Origin, Session, UnixMs,
};
use redwire_resp::{Encoder, Request, parse_i64};

use self::top::Top;
use super::command_log::wire_bytes;
use super::info::CpuTime;
use super::is;
use super::subcommands::{Subcommand, dispatch};
use crate::clock::NANOS_IN_US;
use crate::core::Core;
use crate::entropy::Entropy;

/// Keys that are listed unless `COUNT` says otherwise, and at most.
const KEYS: usize = 10;
const MOST_KEYS: i64 = 64;
/// The most seconds of `DURATION`.
const MOST_SECONDS: i64 = 1_000_000;

/// What `HOTKEYS START` began, until `HOTKEYS RESET`.
#[derive(Debug, Default)]
pub(crate) struct HotKeys {
    /// It is under way.
    is_on: bool,
    /// How many ns the command under way took.
    took: u64,
    collection: Option<Box<Collection>>,
}

#[derive(Debug)]
struct Collection {
    began: Instant,
    began_unix: UnixMs,
    /// When it ends by itself.
    until: Option<Instant>,
    /// How long it lasted, once it is over.
    lasted: Option<Duration>,
    /// One command in so many is looked at.
    ratio: u32,
    random: Entropy,
    /// Of all commands with keys: ns, and bytes.
    nanos: u64,
    bytes: u64,
    cpu: Option<Cpu>,
    net: Option<Top>,
}

/// What is kept of processor time.
#[derive(Debug)]
struct Cpu {
    /// By keys, in ns.
    top: Top,
    /// User and system time of the process when it began, and since then once it is over.
    before: (Duration, Duration),
    spent: Option<(Duration, Duration)>,
}

impl HotKeys {
    /// Whether somebody wants to know of commands.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// The command under way took so many ns.
    pub(crate) fn note_time(&mut self, nanos: u64) {
        self.took = nanos;
    }

    /// Whether its time is over.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        let until = self.collection.as_ref().and_then(|it| it.until);
        self.is_on && until.is_some_and(|until| now >= until)
    }
}

impl Collection {
    /// Adds a command that took the ns and bytes to its keys, which there are some of.
    fn add<'k>(&mut self, keys: impl ExactSizeIterator<Item = &'k [u8]>, nanos: u64, bytes: u64) {
        self.nanos += nanos;
        self.bytes += bytes;
        if self.ratio > 1 && !self.random.number().is_multiple_of(self.ratio.into()) {
            return;
        }
        let count = keys.len() as u64;
        for key in keys {
            if let Some(cpu) = &mut self.cpu {
                cpu.top.add(key, nanos / count);
            }
            if let Some(net) = &mut self.net {
                net.add(key, bytes / count);
            }
        }
    }

    fn end(&mut self, now: Instant) {
        self.lasted = Some(now.saturating_duration_since(self.began));
        if let Some(cpu) = &mut self.cpu {
            cpu.spent = Some(cpu.spent());
        }
    }
}

impl Cpu {
    fn spent(&self) -> (Duration, Duration) {
        self.spent.unwrap_or_else(|| {
            let (user, system) = cpu_time();
            (user.saturating_sub(self.before.0), system.saturating_sub(self.before.1))
        })
    }
}

/// User and system time of this process.
fn cpu_time() -> (Duration, Duration) {
    CpuTime::of_process().map_or_else(Default::default, |it| (it.user, it.system))
}

impl Core {
    /// From how many bytes on the keyspace tells of replies: of each where keys are looked for.
    pub(crate) fn reply_threshold(&self) -> usize {
        if self.hotkeys.is_on { 0 } else { self.config.long_reply() }
    }

    /// Adds a command, whose reply has so many `bytes`, to what is known of its keys.
    #[cold]
    pub(crate) fn note_hot_keys(
        &mut self,
        session: &Session,
        command: &Command,
        request: Request<'_>,
        bytes: usize,
    ) {
        // As in Redis: not what waits, nor what has waited.
        if session.is_waiting() || session.is_resuming() {
            return;
        }
        let HotKeys { collection: Some(collection), took, .. } = &mut self.hotkeys else { return };
        let Some(keys) = command.keys.of(request).filter(|keys| !keys.is_empty()) else { return };
        let is_clients = session.origin() == Origin::Client;
        // A primary's commands are answered to nobody.
        let reply = if is_clients { bytes } else { 0 };
        let came_now = is_clients && !session.executing_transaction();
        let request = if came_now { self.request_bytes } else { wire_bytes(request) };
        collection.add(keys.iter().copied(), *took, (request + reply) as u64);
    }

    /// Ends what is under way, and leaves what was found out.
    pub(crate) fn end_hot_keys(&mut self, keyspace: &mut Keyspace) {
        self.hotkeys.is_on = false;
        if let Some(collection) = &mut self.hotkeys.collection {
            collection.end(self.now);
        }
        keyspace.settings_mut().long_reply = self.reply_threshold();
    }
}

pub(super) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::admin("hotkeys|start", -2, start),
    Subcommand::admin("hotkeys|stop", 2, stop),
    Subcommand::admin("hotkeys|get", 2, get),
    Subcommand::admin("hotkeys|reset", 2, reset),
    Subcommand::new("hotkeys|help", 2, |_, context, _| {
        context.reply.array(HELP.len());
        HELP.iter().for_each(|line| context.reply.simple(line));
        Ok(())
    }),
];

const HELP: &[&str] = &[
    "HOTKEYS <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "START <METRICS count [CPU] [NET]> [COUNT k] [DURATION duration] [SAMPLE ratio] [SLOTS count slot...]",
    "    Starts hotkeys tracking with specified metrics.",
    "    * METRICS count [CPU] [NET]",
    "        Specify count of metrics and choose amongst:",
    "        - CPU: Track hotkeys by CPU time percentage",
    "        - NET: Track hotkeys by network bytes percentage",
    "    * COUNT k",
    "        Specifies the value of K for the top-K hotkeys tracking. Default: 10",
    "    * DURATION duration",
    "        Specifies tracking duration in seconds. 0 means tracking will continue until manually stopped. Default: 0",
    "    * SAMPLE ratio",
    "        Keys are tracked with probability 1/ratio. Default: 1 (tracks every key)",
    "    * SLOTS count slot...",
    "        Specify which slots to track keys from. Only available in cluster mode. Default: empty (track all slots)",
    "STOP",
    "    Stop hotkeys tracking. Results are still available via GET",
    "GET",
    "    Get results from hotkeys tracking.",
    "RESET",
    "    Reset memory used for hotkeys tracking. Tracking must have been stopped.",
    "    Results will no longer be available after this command.",
    "HELP",
    "    Print this help.",
];

pub(super) fn hotkeys(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(SUBCOMMANDS, core, context, request)
}

/// What `HOTKEYS START` asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    cpu: bool,
    net: bool,
    keys: usize,
    seconds: Option<u64>,
    ratio: u32,
}

impl Wanted {
    fn parse(request: Request<'_>) -> Result<Self, CommandError> {
        let (mut wanted, mut at) = Self::metrics(request)?;
        while at < request.len() {
            let option = &request[at];
            let value = request.arg(at + 1).ok_or(CommandError::Syntax)?;
            let within = |range: std::ops::RangeInclusive<i64>, refusal: &str| {
                let number = parse_i64(value).filter(|number| range.contains(number));
                number.ok_or_else(|| CommandError::text(format!("ERR {refusal}")))
            };
            match option {
                it if is(it, "count") => {
                    let count = within(1..=MOST_KEYS, "COUNT must be between 1 and 64")?;
                    wanted.keys = count as usize;
                }
                it if is(it, "duration") => {
                    let refusal = "DURATION must be between 1 and 1000000";
                    wanted.seconds = Some(within(1..=MOST_SECONDS, refusal)? as u64);
                }
                it if is(it, "sample") => {
                    let ratio = within(1..=i32::MAX.into(), "SAMPLE ratio must be positive")?;
                    wanted.ratio = ratio as u32;
                }
                it if is(it, "slots") => {
                    return Err(CommandError::text(
                        "ERR SLOTS parameter cannot be used in non-cluster mode",
                    ));
                }
                _ => return Err(CommandError::Syntax),
            }
            at += 2;
        }
        Ok(wanted)
    }

    /// `METRICS`, which comes first, and where what is behind it begins. As in Redis a word that is none
    /// of the metrics is passed over beside one that is.
    fn metrics(request: Request<'_>) -> Result<(Self, usize), CommandError> {
        let error = |text: &str| Err(CommandError::text(format!("ERR {text}")));
        let Some(count) = request.arg(3).filter(|_| is(&request[2], "metrics")) else {
            return error("METRICS parameter is required");
        };
        let Some(count @ (1 | 2)) = parse_i64(count) else {
            return error("METRICS count must be > 0 and <= 2");
        };
        let end = 4 + count as usize;
        if end > request.len() {
            return error("METRICS count does not match number of metric types provided");
        }
        let mut wanted = Self { cpu: false, net: false, keys: KEYS, seconds: None, ratio: 1 };
        for at in 4..end {
            let (name, metric) = match &request[at] {
                it if is(it, "cpu") => ("CPU", &mut wanted.cpu),
                it if is(it, "net") => ("NET", &mut wanted.net),
                _ => continue,
            };
            if std::mem::replace(metric, true) {
                return error(&format!("METRICS {name} defined more than once!"));
            }
        }
        if !wanted.cpu && !wanted.net {
            return error("METRICS no valid metrics passed. Supported: CPU|NET");
        }
        Ok((wanted, end))
    }
}

fn start(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    if core.hotkeys.is_on {
        return Err(CommandError::text("ERR hotkey tracking session already in progress"));
    }
    let wanted = Wanted::parse(request)?;
    let mut random = core.entropy.fork();
    let mut top = || Top::new(wanted.keys, random.number());
    let (cpu, net) = (wanted.cpu.then(&mut top), wanted.net.then(&mut top));
    core.hotkeys.collection = Some(Box::new(Collection {
        began: core.now,
        began_unix: core.unix_ms,
        until: wanted.seconds.map(|seconds| core.now + Duration::from_secs(seconds)),
        lasted: None,
        ratio: wanted.ratio,
        random,
        nanos: 0,
        bytes: 0,
        cpu: cpu.map(|top| Cpu { top, before: cpu_time(), spent: None }),
        net,
    }));
    core.hotkeys.is_on = true;
    context.data.keyspace().settings_mut().long_reply = core.reply_threshold();
    context.reply.ok();
    Ok(())
}

fn stop(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    if !core.hotkeys.is_on {
        context.reply.null();
        return Ok(());
    }
    core.end_hot_keys(context.data.keyspace());
    context.reply.ok();
    Ok(())
}

fn reset(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    if core.hotkeys.is_on {
        return Err(CommandError::text(
            "ERR hotkey tracking session in progress, stop tracking first",
        ));
    }
    core.hotkeys.collection = None;
    context.reply.ok();
    Ok(())
}

fn get(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let reply = &mut context.reply;
    let Some(collection) = &core.hotkeys.collection else {
        reply.null();
        return Ok(());
    };
    let lasted = collection.lasted;
    let lasted = lasted.unwrap_or_else(|| core.now.saturating_duration_since(collection.began));
    reply.array(1);
    reply.map(
        7 + 3 * usize::from(collection.cpu.is_some()) + 2 * usize::from(collection.net.is_some()),
    );
    field(reply, "tracking-active", u64::from(core.hotkeys.is_on));
    field(reply, "sample-ratio", collection.ratio.into());
    reply.bulk(b"selected-slots");
    reply.array(1);
    reply.array(2);
    reply.integer(0);
    reply.integer(16383);
    field(reply, "all-commands-all-slots-us", collection.nanos / NANOS_IN_US);
    field(reply, "net-bytes-all-commands-all-slots", collection.bytes);
    field(reply, "collection-start-time-unix-ms", collection.began_unix.0);
    field(reply, "collection-duration-ms", lasted.as_millis() as u64);
    if let Some(cpu) = &collection.cpu {
        let (user, system) = cpu.spent();
        field(reply, "total-cpu-time-user-ms", user.as_millis() as u64);
        field(reply, "total-cpu-time-sys-ms", system.as_millis() as u64);
    }
    if let Some(net) = &collection.net {
        field(reply, "total-net-bytes", net.total());
    }
    if let Some(cpu) = &collection.cpu {
        list(reply, "by-cpu-time-us", &cpu.top, NANOS_IN_US);
    }
    if let Some(net) = &collection.net {
        list(reply, "by-net-bytes", net, 1);
    }
    Ok(())
}

fn field(reply: &mut Encoder<'_>, name: &str, value: u64) {
    reply.bulk(name.as_bytes());
    reply.integer(value as i64);
}

/// Keys, each with what it took in so many units.
fn list(reply: &mut Encoder<'_>, name: &str, top: &Top, unit: u64) {
    let keys = top.keys();
    reply.bulk(name.as_bytes());
    reply.array(2 * keys.len());
    for (key, amount) in keys {
        reply.bulk(key);
        reply.integer((amount / unit) as i64);
    }
}

#[cfg(test)]
mod tests;
