//! Channels: `SUBSCRIBE`, `PUBLISH` and their kin, and the events of keys.
//!
//! Shard channels have names of their own: who listens to one does not hear what is published to the
//! channel of that name. In a cluster they belong to the slot of their name; here all slots are ours.

mod topics;

use redwire_keyspace::{CommandError, CommandResult, Context, KeyEvent, glob_matches};
use redwire_resp::{Encoder, Protocol, Request};

use super::subcommands::{Subcommand, dispatch};
use crate::core::{Action, Core};
use crate::net::ClientId;
use topics::Topics;

/// Who listens to which channels and patterns.
#[derive(Debug, Default)]
pub(crate) struct PubSub {
    channels: Topics,
    patterns: Topics,
    shard_channels: Topics,
}

/// What a connection listens to: a channel, all channels of a pattern, or a shard channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Channel,
    Pattern,
    ShardChannel,
}

impl Kind {
    /// What confirms that one is listened to, and that it is not any more.
    fn words(self) -> [&'static [u8]; 2] {
        match self {
            Self::Channel => [b"subscribe", b"unsubscribe"],
            Self::Pattern => [b"psubscribe", b"punsubscribe"],
            Self::ShardChannel => [b"ssubscribe", b"sunsubscribe"],
        }
    }
}

impl PubSub {
    /// Lets go of a connection, if it listens to anything.
    pub(crate) fn forget(&mut self, client: ClientId) {
        self.channels.forget(client);
        self.patterns.forget(client);
        self.shard_channels.forget(client);
    }

    /// How many channels somebody listens to.
    pub(super) fn channel_count(&self) -> usize {
        self.channels.len()
    }

    /// How many patterns somebody listens to.
    pub(super) fn pattern_count(&self) -> usize {
        self.patterns.len()
    }

    /// How many shard channels somebody listens to.
    pub(super) fn shard_channel_count(&self) -> usize {
        self.shard_channels.len()
    }

    /// To what a client listens: each channel, or pattern of channels (`true`).
    pub(super) fn listened(&self, client: ClientId) -> Vec<(Vec<u8>, bool)> {
        let channels = [&self.channels, &self.shard_channels].into_iter();
        let channels = channels.flat_map(|topics| topics.of(client)).map(|topic| (topic, false));
        channels.chain(self.patterns.of(client).into_iter().map(|topic| (topic, true))).collect()
    }

    fn topics(&mut self, kind: Kind) -> &mut Topics {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::ShardChannel => &mut self.shard_channels,
        }
    }

    /// To how much a client listens, as confirmations count it: channels and patterns together,
    /// shard channels by themselves.
    fn count(&self, client: ClientId, kind: Kind) -> usize {
        match kind {
            Kind::Channel | Kind::Pattern => {
                self.channels.count(client) + self.patterns.count(client)
            }
            Kind::ShardChannel => self.shard_channels.count(client),
        }
    }

    /// Hands a message to all who listen; answers to how many, as `PUBLISH` counts them: one that
    /// listens by a channel and by a pattern gets it twice.
    fn publish(&self, channel: &[u8], message: &[u8], actions: &mut Vec<Action>) -> usize {
        let parts: [&[u8]; 3] = [b"message", channel, message];
        let mut receivers = deliver(self.channels.listeners(channel), &parts, actions);
        for pattern in self.patterns.iter().filter(|pattern| glob_matches(pattern, channel)) {
            let parts = [b"pmessage", pattern, channel, message];
            receivers += deliver(self.patterns.listeners(pattern), &parts, actions);
        }
        receivers
    }

    /// Hands a message to all who listen to a shard channel; answers to how many.
    fn publish_to_shard(&self, channel: &[u8], message: &[u8], actions: &mut Vec<Action>) -> usize {
        let parts: [&[u8]; 3] = [b"smessage", channel, message];
        deliver(self.shard_channels.listeners(channel), &parts, actions)
    }
}

/// Has a message sent to those who listen, and answers how many they are.
fn deliver(
    listeners: impl ExactSizeIterator<Item = ClientId>,
    parts: &[&[u8]],
    actions: &mut Vec<Action>,
) -> usize {
    let count = listeners.len();
    if count > 0 {
        actions.push(Action::Deliver { to: listeners.collect(), message: push(parts) });
    }
    count
}

/// A message as RESP3 has it; in RESP2 only its first byte is another.
fn push(parts: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::new();
    let mut encoder = Encoder::new(&mut message, Protocol::Resp3);
    encoder.push(parts.len());
    parts.iter().for_each(|part| encoder.bulk(part));
    message
}

impl Core {
    /// Publishes what happened to keys, as far as `notify-keyspace-events` wants it.
    pub(crate) fn publish_key_events(&mut self, events: Vec<KeyEvent>) {
        let wanted = self.config.notify_keyspace_events;
        for KeyEvent { db, event, key } in events {
            if wanted.has('K') {
                let channel = [format!("__keyspace@{db}__:").as_bytes(), &key].concat();
                self.pubsub.publish(&channel, event.as_bytes(), &mut self.actions);
            }
            if wanted.has('E') {
                let channel = format!("__keyevent@{db}__:{event}");
                self.pubsub.publish(channel.as_bytes(), &key, &mut self.actions);
            }
        }
    }
}

pub(super) fn subscribe(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    listen(core, context, request, Kind::Channel)
}

pub(super) fn psubscribe(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    listen(core, context, request, Kind::Pattern)
}

pub(super) fn unsubscribe(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    leave(core, context, request, Kind::Channel)
}

pub(super) fn punsubscribe(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    leave(core, context, request, Kind::Pattern)
}

pub(super) fn ssubscribe(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    if context.session.executing_transaction() {
        let text = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client";
        return Err(CommandError::text(text));
    }
    listen(core, context, request, Kind::ShardChannel)
}

pub(super) fn sunsubscribe(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    leave(core, context, request, Kind::ShardChannel)
}

fn listen(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
    kind: Kind,
) -> CommandResult {
    let id = context.session.id();
    for topic in request.iter().skip(1) {
        core.pubsub.topics(kind).add(id, topic);
        confirm(core, context, kind, kind.words()[0], Some(topic));
    }
    note(core, context);
    Ok(())
}

fn leave(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
    kind: Kind,
) -> CommandResult {
    let id = context.session.id();
    let word = kind.words()[1];
    let all = core.pubsub.topics(kind).of(id);
    let named: Vec<&[u8]> = request.iter().skip(1).collect();
    let topics = if named.is_empty() { all.iter().map(Vec::as_slice).collect() } else { named };
    for topic in &topics {
        core.pubsub.topics(kind).remove(id, topic);
        confirm(core, context, kind, word, Some(topic));
    }
    if topics.is_empty() {
        confirm(core, context, kind, word, None);
    }
    note(core, context);
    Ok(())
}

/// Tells the caller of one channel or pattern that it listens to, or does not any more.
fn confirm(core: &Core, context: &mut Context<'_>, kind: Kind, word: &[u8], topic: Option<&[u8]>) {
    let count = core.pubsub.count(context.session.id(), kind);
    let reply = &mut context.reply;
    reply.push(3);
    reply.bulk(word);
    match topic {
        Some(topic) => reply.bulk(topic),
        None => reply.null(),
    }
    reply.integer(count as i64);
}

/// Notes beside the connection what it listens to.
fn note(core: &mut Core, context: &mut Context<'_>) {
    let id = context.session.id();
    let PubSub { channels, patterns, shard_channels } = &core.pubsub;
    let counts = [channels, patterns, shard_channels].map(|topics| topics.count(id));
    context.session.subscribed = counts != [0; 3];
    if let Some(client) = core.clients.get_mut(&id) {
        [client.channels, client.patterns, client.shard_channels] = counts;
        let memory = [channels, patterns, shard_channels].map(|topics| topics.memory(id));
        client.usage.subscriptions = memory.iter().sum::<usize>() as u64;
    }
}

/// Ends all that the caller listens to, without a word.
pub(super) fn reset(core: &mut Core, context: &mut Context<'_>) {
    core.pubsub.forget(context.session.id());
    note(core, context);
}

pub(super) fn publish(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let receivers = core.pubsub.publish(&request[1], &request[2], &mut core.actions);
    context.data.force_effect();
    context.reply.integer(receivers as i64);
    Ok(())
}

pub(super) fn spublish(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let receivers = core.pubsub.publish_to_shard(&request[1], &request[2], &mut core.actions);
    context.data.force_effect();
    context.reply.integer(receivers as i64);
    Ok(())
}

pub(super) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::new("pubsub|channels", -2, channels),
    Subcommand::new("pubsub|help", 2, |_, context, _| super::help(context, "PUBSUB", HELP)),
    Subcommand::new("pubsub|numpat", 2, numpat),
    Subcommand::new("pubsub|numsub", -2, numsub),
    Subcommand::new("pubsub|shardchannels", -2, shardchannels),
    Subcommand::new("pubsub|shardnumsub", -2, shardnumsub),
];

const HELP: &[&str] = &[
    "CHANNELS [<pattern>]",
    "    Return the currently active channels matching a <pattern> (default: '*').",
    "NUMPAT",
    "    Return number of subscriptions to patterns.",
    "NUMSUB [<channel> ...]",
    "    Return the number of subscribers for the specified channels, excluding",
    "    pattern subscriptions(default: no channels).",
    "SHARDCHANNELS [<pattern>]",
    "    Return the currently active shard level channels matching a <pattern> (default: '*').",
    "SHARDNUMSUB [<shardchannel> ...]",
    "    Return the number of subscribers for the specified shard level channel(s)",
];

pub(super) fn pubsub(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(SUBCOMMANDS, core, context, request)
}

fn channels(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    write_names(&core.pubsub.channels, context, request)
}

fn shardchannels(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    write_names(&core.pubsub.shard_channels, context, request)
}

fn write_names(
    channels: &Topics,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    if request.len() > 3 {
        return Err(super::subcommands::unknown_or_wrong_arity("PUBSUB", request));
    }
    let pattern = request.arg(2);
    let found: Vec<&[u8]> = channels
        .iter()
        .filter(|channel| pattern.is_none_or(|pattern| glob_matches(pattern, channel)))
        .collect();
    context.reply.array(found.len());
    found.into_iter().for_each(|channel| context.reply.bulk(channel));
    Ok(())
}

fn numsub(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    write_counts(&core.pubsub.channels, context, request)
}

fn shardnumsub(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    write_counts(&core.pubsub.shard_channels, context, request)
}

fn write_counts(
    channels: &Topics,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    context.reply.array((request.len() - 2) * 2);
    for channel in request.iter().skip(2) {
        context.reply.bulk(channel);
        context.reply.integer(channels.listeners(channel).len() as i64);
    }
    Ok(())
}

fn numpat(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    context.reply.integer(core.pubsub.patterns.len() as i64);
    Ok(())
}

#[cfg(test)]
mod tests;
