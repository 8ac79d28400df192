//! `FAILOVER`: what it asks for, and how far it is.

use std::time::{Duration, Instant};

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_repl::LinkState;
use redwire_resp::{Request, parse_i64};

use super::is;
use crate::config::Endpoint;
use crate::core::{Action, Core};
use crate::log::notice;

/// How far a failover that this node was asked for is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Failover {
    /// None is under way.
    #[default]
    None,
    /// Writes wait until a replica has all there is.
    WaitForSync {
        /// This replica; any when `None`.
        target: Option<Endpoint>,
        /// Until then.
        deadline: Option<Instant>,
        /// At the deadline the target takes over, whatever it has.
        force: bool,
    },
    /// This node follows the target, and has asked it to take over.
    InProgress,
}

impl Failover {
    /// The word in `INFO`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::None => "no-failover",
            Self::WaitForSync { .. } => "waiting-for-sync",
            Self::InProgress => "failover-in-progress",
        }
    }

    pub(crate) fn is_under_way(&self) -> bool {
        *self != Self::None
    }
}

/// What the arguments say.
#[derive(Debug, Default)]
struct Asked {
    timeout: Option<Duration>,
    target: Option<Endpoint>,
    force: bool,
}

pub(super) fn failover(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    if request.len() == 2 && is(&request[1], "abort") {
        if !core.failover.is_under_way() {
            return Err(CommandError::text("ERR No failover in progress."));
        }
        core.actions.push(Action::AbortFailover("Failover manually aborted"));
        context.reply.ok();
        return Ok(());
    }
    let asked = parse(request)?;
    if core.failover.is_under_way() {
        return Err(CommandError::text("ERR FAILOVER already in progress."));
    }
    if core.is_replica() {
        return Err(CommandError::text("ERR FAILOVER is not valid when server is a replica."));
    }
    if core.primary.replicas(core.now).next().is_none() {
        return Err(CommandError::text("ERR FAILOVER requires connected replicas."));
    }
    if asked.force && (asked.timeout.is_none() || asked.target.is_none()) {
        return Err(CommandError::text(
            "ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
        ));
    }
    if let Some(target) = &asked.target {
        match core.replica_at(target) {
            None => {
                let text = "ERR FAILOVER target HOST and PORT is not a replica.";
                return Err(CommandError::text(text));
            }
            Some(state) if state != LinkState::Online => {
                return Err(CommandError::text("ERR FAILOVER target replica is not online."));
            }
            Some(_) => {}
        }
        notice!("FAILOVER requested to {target}.");
    } else {
        notice!("FAILOVER requested.");
    }
    let deadline = asked.timeout.and_then(|timeout| core.now.checked_add(timeout));
    core.failover = Failover::WaitForSync { target: asked.target, deadline, force: asked.force };
    // Whoever is level says so at once, not in its next second.
    core.primary.request_acks();
    core.primary.hold_stream(true);
    context.data.keyspace().pause_expiry(true);
    context.reply.ok();
    Ok(())
}

fn parse(request: Request<'_>) -> Result<Asked, CommandError> {
    let mut asked = Asked::default();
    let mut args = request.iter().skip(1);
    while let Some(word) = args.next() {
        if is(word, "timeout") && asked.timeout.is_none() {
            let millis = args.next().ok_or(CommandError::Syntax)?;
            let millis = parse_i64(millis).ok_or(CommandError::NotInteger)?;
            let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0);
            let text = "ERR FAILOVER timeout must be greater than 0";
            asked.timeout = Some(Duration::from_millis(millis.ok_or(CommandError::text(text))?));
        } else if is(word, "to") && asked.target.is_none() {
            let (Some(host), Some(port)) = (args.next(), args.next()) else {
                return Err(CommandError::Syntax);
            };
            let port = parse_i64(port).ok_or(CommandError::NotInteger)?;
            let host = String::from_utf8_lossy(host).into_owned();
            // What is no port is no replica's.
            asked.target = Some(Endpoint { host, port: u16::try_from(port).unwrap_or(0) });
        } else if is(word, "force") && !asked.force {
            asked.force = true;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok(asked)
}

impl Core {
    /// The state of the replica at this address, if there is one.
    fn replica_at(&self, target: &Endpoint) -> Option<LinkState> {
        let views = self.primary.replicas(self.now);
        let mut found = views.filter(|view| self.endpoint_of(view) == *target);
        found.next().map(|view| view.state)
    }

    /// Where a replica listens.
    pub(crate) fn endpoint_of(&self, view: &redwire_repl::ReplicaView<'_>) -> Endpoint {
        let peer = self.clients.get(&view.id.0).map_or("", |info| info.peer_ip());
        Endpoint { host: view.ip.unwrap_or(peer).to_owned(), port: view.port }
    }
}
