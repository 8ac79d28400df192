//! `XCLAIM` and `XAUTOCLAIM`.

use redwire_resp::{Encoder, Protocol, Request};

use super::ids::{range_start, strict_id};
use super::tell::{see_consumer, tell_last_id, tell_pending};
use super::{no_group, quoted, write_entry, write_id};
use crate::UnixMs;
use crate::commands::options::{integer, is};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::value::{Pending, Stream, StreamId};

/// How many pending entries `XAUTOCLAIM` looks at for each that it may claim.
const ATTEMPTS: i64 = 10;
/// Bytes of an id, which bound `COUNT` in servers.
const ID_BYTES: i64 = 16;

/// How entries change hands.
struct Claim<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    min_idle: i64,
    /// When they count as delivered; by default now.
    delivered: UnixMs,
    /// How often they count as delivered; by default once more.
    count: Option<u64>,
    force: bool,
    only_ids: bool,
}

/// What became of an entry.
enum Outcome {
    Claimed,
    /// It was deleted, and is not pending any more.
    Gone,
    /// It is not pending, or not for long enough.
    Left,
}

/// The options of `XCLAIM` behind its ids.
#[derive(Default)]
struct Options {
    delivered: Option<i64>,
    count: Option<u64>,
    force: bool,
    only_ids: bool,
    last_id: StreamId,
}

impl Options {
    fn parse(request: Request<'_>, from: usize, now: UnixMs) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut args = request.iter().skip(from);
        while let Some(arg) = args.next() {
            let more = args.len() > 0;
            let mut number = |name: &str| {
                let invalid = format!("ERR Invalid {name} option argument for XCLAIM");
                integer(args.next().unwrap_or_default()).map_err(|_| CommandError::text(invalid))
            };
            if is(arg, "FORCE") {
                options.force = true;
            } else if is(arg, "JUSTID") {
                options.only_ids = true;
            } else if is(arg, "IDLE") && more {
                options.delivered = Some((now.0 as i64).wrapping_sub(number("IDLE")?));
            } else if is(arg, "TIME") && more {
                options.delivered = Some(number("TIME")?);
            } else if is(arg, "RETRYCOUNT") && more {
                options.count = u64::try_from(number("RETRYCOUNT")?).ok();
            } else if is(arg, "LASTID") && more {
                options.last_id = strict_id(args.next().unwrap_or_default())?;
            } else {
                return Err(CommandError::text(format!(
                    "ERR Unrecognized XCLAIM option '{}'",
                    quoted(arg)
                )));
            }
        }
        Ok(options)
    }

    /// When entries count as delivered: now, where no moment is given or one that cannot be.
    fn delivered(&self, now: UnixMs) -> UnixMs {
        let given = self.delivered.and_then(|at| u64::try_from(at).ok()).map(UnixMs);
        given.filter(|at| at.0 <= now.0).unwrap_or(now)
    }
}

/// The least idle time, of the argument behind the consumer.
fn min_idle(arg: &[u8], command: &str) -> Result<i64, CommandError> {
    let invalid = format!("ERR Invalid min-idle-time argument for {command}");
    Ok(integer(arg).map_err(|_| CommandError::text(invalid))?.max(0))
}

fn check_group(data: &mut Data<'_>, key: &[u8], group: &[u8]) -> CommandResult {
    let stream = data.read::<Stream>(key)?;
    let found = stream.and_then(|stream| stream.group(group));
    found.map(|_| ()).ok_or_else(|| no_group(key, group))
}

pub(super) fn xclaim(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, group) = (&request[1], &request[2]);
    let data = &mut context.data;
    check_group(data, key, group)?;
    let min_idle = min_idle(&request[4], "XCLAIM")?;
    // What is no id begins the options.
    let ids: Vec<StreamId> = request.iter().skip(5).map_while(|arg| strict_id(arg).ok()).collect();
    let now = data.now();
    let options = Options::parse(request, 5 + ids.len(), now)?;
    let claim = Claim {
        key,
        group,
        consumer: &request[3],
        min_idle,
        delivered: options.delivered(now),
        count: options.count,
        force: options.force,
        only_ids: options.only_ids,
    };
    let mut untold = claim.raise_last_id(data, options.last_id)?;
    let (mut bytes, mut claimed) = (Vec::new(), 0);
    for id in ids {
        match claim.entry(data, id, &mut bytes, context.reply.protocol())? {
            Outcome::Claimed => (claimed, untold) = (claimed + 1, false),
            Outcome::Gone => untold = false,
            Outcome::Left => {}
        }
    }
    if untold {
        tell_last_id(data, key, group)?;
        data.changed_more(1);
    }
    context.reply.array(claimed);
    context.reply.raw(&bytes);
    Ok(())
}

impl Claim<'_> {
    /// Moves the group on to `id`, unless it is there; answers whether it was moved.
    fn raise_last_id(&self, data: &mut Data<'_>, id: StreamId) -> Result<bool, CommandError> {
        let stream = data.write::<Stream>(self.key)?;
        let group = stream.and_then(|stream| stream.group_mut(self.group));
        let Some(group) = group.filter(|group| id > group.last_id) else { return Ok(false) };
        group.last_id = id;
        Ok(true)
    }

    /// Claims an entry if that may be, writes it to `bytes` and tells replicas.
    fn entry(
        &self,
        data: &mut Data<'_>,
        id: StreamId,
        bytes: &mut Vec<u8>,
        protocol: Protocol,
    ) -> Result<Outcome, CommandError> {
        let now = data.now();
        let Some(stream) = data.write::<Stream>(self.key)? else { return Ok(Outcome::Left) };
        let there = stream.get(id).is_some();
        let Some(group) = stream.group_mut(self.group) else { return Ok(Outcome::Left) };
        let (last_id, pending) = (group.last_id, group.pending(id).cloned());
        if !there {
            let Some(pending) = pending else { return Ok(Outcome::Left) };
            group.acknowledge(id);
            tell_pending(data, self.key, self.group, &pending, last_id);
            data.changed_more(1);
            return Ok(Outcome::Gone);
        }
        let count = match &pending {
            // Without a least time even what was delivered in the future, by another clock.
            Some(pending) if self.min_idle > 0 && idle(now, pending) < self.min_idle => {
                return Ok(Outcome::Left);
            }
            Some(pending) => pending.count,
            None if self.force => 1,
            None => return Ok(Outcome::Left),
        };
        let count = self.count.unwrap_or(count.saturating_add(u64::from(!self.only_ids)));
        // A consumer that claims nothing is not made.
        see_consumer(data, self.key, self.group, self.consumer)?;
        let Some(stream) = data.write::<Stream>(self.key)? else { return Ok(Outcome::Left) };
        let Some(group) = stream.group_mut(self.group) else { return Ok(Outcome::Left) };
        group.assign(id, self.consumer, self.delivered, count);
        if let Some(consumer) = group.consumer_mut(self.consumer) {
            consumer.active = Some(now);
        }
        let mut reply = Encoder::new(bytes, protocol);
        match stream.get(id).filter(|_| !self.only_ids) {
            Some(entry) => write_entry(&mut reply, &entry),
            None => write_id(&mut reply, id),
        }
        let (consumer, delivered) = (self.consumer.into(), self.delivered);
        let pending = Pending { id, consumer, delivered, count };
        tell_pending(data, self.key, self.group, &pending, last_id);
        data.changed_more(1);
        Ok(Outcome::Claimed)
    }
}

/// For how long an entry was not delivered, in ms.
fn idle(now: UnixMs, pending: &Pending) -> i64 {
    (now.0 as i64).wrapping_sub(pending.delivered.0 as i64)
}

/// `COUNT` and `JUSTID` of `XAUTOCLAIM`.
fn auto_options(request: Request<'_>) -> Result<(i64, bool), CommandError> {
    let (mut count, mut only_ids) = (100, false);
    let mut args = request.iter().skip(6);
    while let Some(arg) = args.next() {
        if is(arg, "COUNT") && args.len() > 0 {
            let given = integer(args.next().unwrap_or_default()).ok();
            let given = given.filter(|given| (1..=i64::MAX / ID_BYTES).contains(given));
            count = given.ok_or(CommandError::text("ERR COUNT must be > 0"))?;
        } else if is(arg, "JUSTID") {
            only_ids = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok((count, only_ids))
}

pub(super) fn xautoclaim(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let (key, group) = (&request[1], &request[2]);
    let min_idle = min_idle(&request[4], "XAUTOCLAIM")?;
    let start = range_start(&request[5])?;
    let (count, only_ids) = auto_options(request)?;
    let data = &mut context.data;
    check_group(data, key, group)?;
    let now = data.now();
    let claim = Claim {
        key,
        group,
        consumer: &request[3],
        min_idle,
        delivered: now,
        count: None,
        force: false,
        only_ids,
    };
    let attempts = usize::try_from(count.saturating_mul(ATTEMPTS)).unwrap_or(usize::MAX);
    let (mut left, mut next) = (count, StreamId::MIN);
    let (mut bytes, mut claimed, mut gone) = (Vec::new(), 0, Vec::new());
    for (at, id) in pending_ids(data, key, group, start, attempts)?.into_iter().enumerate() {
        if left == 0 || at == attempts {
            next = id;
            break;
        }
        match claim.entry(data, id, &mut bytes, context.reply.protocol())? {
            Outcome::Claimed => (claimed, left) = (claimed + 1, left - 1),
            Outcome::Gone => {
                gone.push(id);
                left -= 1;
            }
            Outcome::Left => {}
        }
    }
    let reply = &mut context.reply;
    reply.array(3);
    write_id(reply, next);
    reply.array(claimed);
    reply.raw(&bytes);
    reply.array(gone.len());
    gone.into_iter().for_each(|id| write_id(reply, id));
    Ok(())
}

/// The pending entries from `start` on, one more than are looked at.
fn pending_ids(
    data: &mut Data<'_>,
    key: &[u8],
    group: &[u8],
    start: StreamId,
    attempts: usize,
) -> Result<Vec<StreamId>, CommandError> {
    let stream = data.peek_as::<Stream>(key)?;
    let group = stream.and_then(|stream| stream.group(group));
    let ids = group.map(|group| {
        let pending = group.pending_from(start).take(attempts.saturating_add(1));
        pending.map(|pending| pending.id).collect()
    });
    Ok(ids.unwrap_or_default())
}
