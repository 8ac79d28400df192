//! `REPLICAOF`, `ROLE`, `PSYNC`, `SYNC`, `REPLCONF`, `WAIT`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use redwire_keyspace::{CommandError, CommandResult, Context, Origin};
use redwire_repl::{Decision, LinkState, ReplconfReply, ReplicaId};
use redwire_resp::{Encoder, Request, parse_i64};

use super::is;
use crate::config::Endpoint;
use crate::core::{Action, Core};
use crate::log::notice;
use crate::net::ReplicaWait;

pub(super) fn replicaof(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    if is(&request[1], "no") && is(&request[2], "one") {
        if core.is_replica() {
            let client = client_text(core, context);
            notice!("MASTER MODE enabled (user request from '{client}')");
            core.actions.push(Action::ReplicaOf(None));
        }
        context.reply.ok();
        return Ok(());
    }
    if core.primary.is_replica(ReplicaId(context.session.id())) {
        return Err(CommandError::text("ERR Command is not valid when client is a replica."));
    }
    let port = parse_i64(&request[2]).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(CommandError::text("ERR Invalid master port"))?;
    let host = String::from_utf8_lossy(&request[1]).into_owned();
    let endpoint = Endpoint { host, port };
    if core.config.replicaof.as_ref() == Some(&endpoint) {
        context.reply.simple("OK Already connected to specified master");
        return Ok(());
    }
    let client = client_text(core, context);
    notice!("REPLICAOF {endpoint} enabled (user request from '{client}')");
    core.actions.push(Action::ReplicaOf(Some(endpoint)));
    context.reply.ok();
    Ok(())
}

fn client_text(core: &Core, context: &Context<'_>) -> String {
    let info = core.clients.get(&context.session.id());
    info.map_or_else(String::new, |info| format!("id={} addr={}", info.id, info.addr))
}

pub(super) fn role(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    let reply = &mut context.reply;
    if let (Some(endpoint), Some(upstream)) = (&core.config.replicaof, &core.upstream) {
        let status = upstream.status(core.now);
        reply.array(5);
        reply.bulk(b"slave");
        reply.bulk(endpoint.host.as_bytes());
        reply.integer(i64::from(endpoint.port));
        reply.bulk(status.phase.name().as_bytes());
        let offset = if upstream.is_up() { status.applied.get() as i64 } else { -1 };
        reply.integer(offset);
        return Ok(());
    }
    let online: Vec<_> =
        core.primary.replicas(core.now).filter(|view| view.state == LinkState::Online).collect();
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(core.primary.offset().get() as i64);
    reply.array(online.len());
    for view in online {
        let peer = core.clients.get(&view.id.0).map_or("", |info| info.peer_ip());
        reply.array(3);
        reply.bulk(view.ip.unwrap_or(peer).as_bytes());
        reply.bulk(view.port.to_string().as_bytes());
        reply.bulk(view.acked.get().to_string().as_bytes());
    }
    Ok(())
}

pub(super) fn psync(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let id = ReplicaId(context.session.id());
    let args: Vec<&[u8]> = request.iter().skip(1).collect();
    core.refuse_pending_output(context)?;
    core.distrust_again(id);
    let partial = args.first().is_some_and(|replid| *replid != b"?");
    let decision = core.primary.psync(id, &args, core.now);
    if let (Decision::TakeOver, [replid, offset, ..]) = (&decision, &args[..]) {
        let (replid, offset) = (replid.to_vec(), offset.to_vec());
        core.actions.push(Action::TakeOver { id: id.0, replid, offset });
        return Ok(());
    }
    decide(core, context, decision, partial)
}

pub(super) fn sync(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    core.refuse_pending_output(context)?;
    let id = ReplicaId(context.session.id());
    core.distrust_again(id);
    let decision = core.primary.sync(id, core.now);
    decide(core, context, decision, false)
}

fn decide(
    core: &mut Core,
    context: &mut Context<'_>,
    decision: Decision,
    partial: bool,
) -> CommandResult {
    let id = context.session.id();
    if matches!(
        decision,
        Decision::Continue { .. }
            | Decision::FullResync(_)
            | Decision::RdbChannel { is_replica: true, .. }
    ) {
        core.actions.push(Action::BecameReplica(id));
    }
    if let Some(reply) = core.decided(id, decision, partial).map_err(CommandError::text)? {
        context.reply.raw(&reply);
    }
    Ok(())
}

pub(super) fn replconf(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    if context.session.origin() == Origin::Primary {
        // In the stream there is one that a replica answers.
        core.ack_requested = request.arg(1).is_some_and(|option| is(option, "getack"));
        return Ok(());
    }
    let args: Vec<&[u8]> = request.iter().skip(1).collect();
    match core.primary.replconf(ReplicaId(context.session.id()), &args, core.now) {
        ReplconfReply::Ok => context.reply.ok(),
        ReplconfReply::Error(text) => return Err(CommandError::text(text)),
        ReplconfReply::Silent => {}
    }
    Ok(())
}

pub(super) fn wait(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    if core.is_replica() {
        return Err(CommandError::text(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis \
             4.0 if a replica is configured to be writable (which is not the default) writes to \
             replicas are just local and are not propagated.",
        ));
    }
    let replicas = parse_i64(&request[1]).ok_or(CommandError::NotInteger)?;
    let deadline = deadline(core, &request[2])?;
    let wait = ReplicaWait {
        replicas: usize::try_from(replicas).unwrap_or(0),
        offset: core.primary.offset(),
        on_disk: false,
        deadline,
    };
    let done = core.replicas_that_have(wait);
    if core.must_wait(context, wait, done) {
        return Ok(());
    }
    context.reply.integer(done as i64);
    Ok(())
}

/// There is no AOF here: it can only be waited for others'.
pub(super) fn waitaof(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let local = parse_i64(&request[1]).ok_or(CommandError::NotInteger)?;
    if !(0..=1).contains(&local) {
        let text = "ERR value is out of range, value must between 0 and 1";
        return Err(CommandError::text(text));
    }
    let replicas = parse_i64(&request[2]).and_then(|replicas| usize::try_from(replicas).ok());
    let replicas =
        replicas.ok_or(CommandError::text("ERR value is out of range, must be positive"))?;
    let deadline = deadline(core, &request[3])?;
    if core.is_replica() {
        return Err(CommandError::text(
            "ERR WAITAOF cannot be used with replica instances. Please also note that writes to \
             replicas are just local and are not propagated.",
        ));
    }
    if local > 0 {
        return Err(CommandError::text(
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ));
    }
    let wait = ReplicaWait { replicas, offset: core.primary.offset(), on_disk: true, deadline };
    let done = core.replicas_that_have(wait);
    if !core.must_wait(context, wait, done) {
        write_waitaof(&mut context.reply, done);
    }
    Ok(())
}

/// What `WAITAOF` answers: this node's own AOF, which there is not, and so many replicas'.
pub(crate) fn write_waitaof(reply: &mut Encoder<'_>, replicas: usize) {
    reply.array(2);
    reply.integer(0);
    reply.integer(replicas as i64);
}

/// When a wait of so many milliseconds ends; never for 0.
fn deadline(core: &Core, millis: &[u8]) -> Result<Option<Instant>, CommandError> {
    let millis = parse_i64(millis)
        .ok_or(CommandError::text("ERR timeout is not an integer or out of range"))?;
    let millis =
        u64::try_from(millis).map_err(|_| CommandError::text("ERR timeout is negative"))?;
    Ok((millis > 0).then(|| core.now + Duration::from_millis(millis)))
}

impl Core {
    /// How many replicas have what is waited for.
    pub(crate) fn replicas_that_have(&self, wait: ReplicaWait) -> usize {
        if wait.on_disk {
            self.primary.fsynced_by(wait.offset)
        } else {
            self.primary.acked_by(wait.offset)
        }
    }

    /// Blocks the client unless enough replicas have it, or it may not wait; whether it does.
    fn must_wait(&mut self, context: &Context<'_>, wait: ReplicaWait, done: usize) -> bool {
        if done >= wait.replicas || context.session.executing_transaction() {
            return false;
        }
        self.primary.request_acks();
        self.actions.push(Action::Block(context.session.id(), wait));
        true
    }

    /// Logs and counts what was decided about a connection that asks to be a replica; what it is
    /// answered, or the error.
    pub(crate) fn decided(
        &mut self,
        id: u64,
        decision: Decision,
        partial: bool,
    ) -> Result<Option<Bytes>, &'static str> {
        let replica = self.replica_name(id);
        if let Some(info) = self.clients.get_mut(&id) {
            info.replica_name = Some(replica.clone());
        }
        match decision {
            Decision::Continue { reply, from, unread } => {
                self.counters.sync_partial_ok += 1;
                notice!(
                    "Partial resynchronization request from {replica} accepted. Sending {unread} \
                     bytes of backlog starting from offset {}.",
                    from.next_byte()
                );
                Ok(Some(reply))
            }
            Decision::RdbChannel { reply, reason, .. } => {
                notice!("Replica {replica} asks for synchronization");
                self.counters.sync_partial_err += u64::from(partial);
                for line in reason.log_lines(&replica) {
                    notice!("{line}");
                }
                notice!("Full sync of replica {replica} goes on with a connection for the RDB");
                Ok(Some(reply))
            }
            Decision::FullResync(reason) => {
                notice!("Replica {replica} asks for synchronization");
                self.counters.sync_partial_err += u64::from(partial);
                for line in reason.log_lines(&replica) {
                    notice!("{line}");
                }
                self.counters.sync_full += 1;
                Ok(None)
            }
            Decision::Error(text) => Err(text),
            // Taking over comes first, and asks again.
            Decision::Ignored | Decision::TakeOver => Ok(None),
        }
    }

    /// A snapshot is taken for these replicas: says whether their full sync can finish.
    pub(crate) fn admit_full_sync(&mut self, ids: &[u64], link_rate: Option<u64>) {
        let beside = |id: &u64| self.primary.streams_beside(ReplicaId(*id));
        let two_connections = ids.iter().all(beside);
        let memory = super::info::resident_memory();
        self.admission.admit(&self.config, memory, link_rate, two_connections);
    }

    /// This connection is gone: if it was a replica that was loading a newer RDB than it had to be
    /// sent, it gets an older one when it comes again.
    pub(crate) fn replica_is_gone(&mut self, id: u64) {
        let setting = self.config.repl_rdb_version;
        if setting.is_order() {
            if self.primary.is_loading(ReplicaId(id)) {
                notice!(
                    "Replica {} left before it had loaded its RDB, which is of version {} by \
                     repl-rdb-version. If it does not read that, it never will: set an older one, \
                     or auto",
                    self.replica_name(id),
                    setting.name()
                );
            }
            return;
        }
        let Some(version) = self.primary.loads_version(ReplicaId(id)) else { return };
        let Some(ip) = self.clients.get(&id).map(|info| info.peer_ip().to_owned()) else { return };
        let replica = self.replica_name(id);
        notice!(
            "Replica {replica} left before it had loaded an RDB of version {version}: it gets an \
             older one at its next attempt"
        );
        self.distrusted.insert(ip, self.primary.announced_port(ReplicaId(id)));
    }

    /// This connection asks for synchronization, be it one that broke its last load off.
    fn distrust_again(&mut self, id: ReplicaId) {
        let Some(info) = self.clients.get(&id.0) else { return };
        if self.distrusted.contains(info.peer_ip(), self.primary.announced_port(id)) {
            self.primary.distrust(id);
        }
    }

    /// This replica has loaded its data set.
    pub(crate) fn replica_is_online(&mut self, id: ReplicaId) {
        if let Some(info) = self.clients.get(&id.0) {
            self.distrusted.remove(info.peer_ip(), self.primary.announced_port(id));
        }
    }

    /// How the log names a replica: address and announced port. It keeps its name when the machine
    /// knows it no more.
    pub(crate) fn replica_name(&self, id: u64) -> String {
        let info = self.clients.get(&id);
        let ip = info.map_or("?", |info| info.peer_ip());
        match self.primary.replica(ReplicaId(id), self.now) {
            Some(view) if view.port != 0 => format!("{}:{}", view.ip.unwrap_or(ip), view.port),
            _ => info
                .and_then(|info| info.replica_name.clone())
                .unwrap_or_else(|| format!("{ip}:<unknown-replica-port>")),
        }
    }

    /// `SYNC` and `PSYNC` want a connection on which no reply is under way: the bytes of the
    /// snapshot could not be told from it.
    fn refuse_pending_output(&self, context: &Context<'_>) -> CommandResult {
        let queued = self.clients.get(&context.session.id()).map_or(0, |info| info.output.len);
        if queued > 0 || !context.reply.is_empty() {
            return Err(CommandError::text("ERR SYNC and PSYNC are invalid with pending output"));
        }
        Ok(())
    }
}
