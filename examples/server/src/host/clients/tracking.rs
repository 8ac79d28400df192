//! `CLIENT TRACKING`, `TRACKINGINFO`, `CACHING` and `GETREDIR`.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::{Request, parse_i64};

use super::super::is;
use super::super::tracking::{Kind, Mode};
use super::on_or_off;
use crate::core::Core;
use crate::net::ClientId;

/// What `CLIENT TRACKING ON` asks for.
#[derive(Default)]
struct Options<'a> {
    redirect: Option<ClientId>,
    broadcast: bool,
    optin: bool,
    optout: bool,
    noloop: bool,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(core: &Core, request: Request<'a>) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut args = request.iter().skip(3);
        while let Some(arg) = args.next() {
            match arg {
                arg if is(arg, "redirect") => {
                    let id = args.next().ok_or(CommandError::Syntax)?;
                    if options.redirect.is_some() {
                        let text = "ERR A client can only redirect to a single other client";
                        return Err(CommandError::text(text));
                    }
                    options.redirect = Some(other_client(core, id)?);
                }
                arg if is(arg, "prefix") => {
                    options.prefixes.push(args.next().ok_or(CommandError::Syntax)?);
                }
                arg if is(arg, "bcast") => options.broadcast = true,
                arg if is(arg, "optin") => options.optin = true,
                arg if is(arg, "optout") => options.optout = true,
                arg if is(arg, "noloop") => options.noloop = true,
                _ => return Err(CommandError::Syntax),
            }
        }
        Ok(options)
    }

    /// Checks the options against each other and against the mode that is on.
    fn check(&self, old: Option<Kind>) -> CommandResult {
        let texts = [
            (
                !self.broadcast && !self.prefixes.is_empty(),
                "ERR PREFIX option requires BCAST mode to be enabled",
            ),
            (
                old.is_some_and(|old| (old == Kind::Broadcast) != self.broadcast),
                "ERR You can't switch BCAST mode on/off before disabling tracking for this \
                 client, and then re-enabling it with a different mode.",
            ),
            (
                self.broadcast && (self.optin || self.optout),
                "ERR OPTIN and OPTOUT are not compatible with BCAST",
            ),
            (self.optin && self.optout, "ERR You can't specify both OPTIN mode and OPTOUT mode"),
            (
                (self.optin && old == Some(Kind::OptOut))
                    || (self.optout && old == Some(Kind::OptIn)),
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this \
                 client, and then re-enabling it with a different mode.",
            ),
        ];
        match texts.into_iter().find(|(wrong, _)| *wrong) {
            Some((_, text)) => Err(CommandError::text(text)),
            None => Ok(()),
        }
    }

    /// No key may begin with two prefixes of one client.
    fn check_prefixes<'p>(&self, old: impl Iterator<Item = &'p [u8]> + Clone) -> CommandResult {
        let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
        let error = |prefix: &[u8], what: &str, other: &[u8]| {
            let [prefix, other] = [prefix, other].map(String::from_utf8_lossy);
            Err(CommandError::text(format!(
                "ERR Prefix '{prefix}' overlaps with {what} prefix '{other}'. Prefixes for a \
                 single client must not overlap."
            )))
        };
        for (at, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = old.clone().find(|other| overlap(prefix, other)) {
                return error(prefix, "an existing", other);
            }
            let mut behind = self.prefixes[at + 1..].iter();
            if let Some(other) = behind.find(|other| overlap(prefix, other)) {
                return error(prefix, "another provided", other);
            }
        }
        Ok(())
    }

    fn kind(&self) -> Kind {
        match () {
            () if self.broadcast => Kind::Broadcast,
            () if self.optin => Kind::OptIn,
            () if self.optout => Kind::OptOut,
            () => Kind::Read,
        }
    }
}

fn other_client(core: &Core, id: &[u8]) -> Result<ClientId, CommandError> {
    let id = parse_i64(id).ok_or(CommandError::NotInteger)?;
    let known = u64::try_from(id).ok().filter(|id| core.clients.contains_key(id));
    known.ok_or(CommandError::text("ERR The client ID you want redirect to does not exist"))
}

pub(super) fn tracking(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let id = context.session.id();
    let options = Options::parse(core, request)?;
    if on_or_off(&request[2])? {
        options.check(core.tracking.mode(id).map(|mode| mode.kind))?;
        options.check_prefixes(core.tracking.prefixes_of(id).collect::<Vec<_>>().into_iter())?;
        let Options { noloop, redirect, .. } = options;
        let mode = Mode { kind: options.kind(), noloop, redirect, ..Mode::default() };
        core.tracking.begin(id, mode, &options.prefixes);
    } else {
        core.tracking.end(id);
    }
    let on = core.tracking.is_on();
    context.data.keyspace().touches().want(on);
    context.reply.ok();
    Ok(())
}

pub(super) fn trackinginfo(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    let id = context.session.id();
    let mode = core.tracking.mode(id);
    let flags = mode.map_or(vec!["off"], |mode| {
        let flags = [
            ("on", true),
            ("bcast", mode.kind == Kind::Broadcast),
            ("optin", mode.kind == Kind::OptIn),
            ("caching-yes", mode.kind == Kind::OptIn && mode.caching),
            ("optout", mode.kind == Kind::OptOut),
            ("caching-no", mode.kind == Kind::OptOut && mode.caching),
            ("noloop", mode.noloop),
            ("broken_redirect", mode.broken),
        ];
        flags.into_iter().filter_map(|(name, set)| set.then_some(name)).collect()
    });
    let prefixes: Vec<&[u8]> = core.tracking.prefixes_of(id).collect();
    let reply = &mut context.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(redirection(mode));
    reply.bulk(b"prefixes");
    reply.array(prefixes.len());
    prefixes.iter().for_each(|prefix| reply.bulk(prefix));
    Ok(())
}

/// Who is told in a client's place; 0 if nobody is, -1 if tracking is off.
pub(super) fn redirection(mode: Option<&Mode>) -> i64 {
    mode.map_or(-1, |mode| mode.redirect.map_or(0, |id| id as i64))
}

pub(super) fn getredir(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    let mode = core.tracking.mode(context.session.id());
    context.reply.integer(redirection(mode));
    Ok(())
}

pub(super) fn caching(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let mode = core.tracking.mode_mut(context.session.id()).ok_or(CommandError::text(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or \
         OPTOUT mode enabled",
    ))?;
    let wanted = match &request[2] {
        word if is(word, "yes") => Kind::OptIn,
        word if is(word, "no") => Kind::OptOut,
        _ => return Err(CommandError::Syntax),
    };
    if mode.kind != wanted {
        return Err(CommandError::text(if wanted == Kind::OptIn {
            "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."
        } else {
            "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."
        }));
    }
    mode.caching = true;
    context.reply.ok();
    Ok(())
}
