//! `CLIENT PAUSE`, `CLIENT UNPAUSE` and `CLIENT UNBLOCK`.

use std::time::Duration;

use redwire_keyspace::{CommandError, CommandResult, Context, Flags, Keyspace, Session};
use redwire_resp::{Request, parse_i64};

use super::super::is;
use super::super::subcommands::unknown_or_wrong_arity;
use crate::core::{Action, Core, Pause, Unblocked};

/// Commands that write nothing and yet tell replicas something.
const MAY_REPLICATE: [&str; 3] = ["pfcount", "publish", "spublish"];

pub(super) fn pause(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let all = match request.arg(3) {
        _ if request.len() > 4 => return Err(unknown_or_wrong_arity("CLIENT", request)),
        None => true,
        Some(mode) if is(mode, "all") => true,
        Some(mode) if is(mode, "write") => false,
        Some(_) => return Err(CommandError::text("ERR CLIENT PAUSE mode must be WRITE or ALL")),
    };
    let until = core.now.checked_add(timeout(&request[2])?);
    let until = until.ok_or(CommandError::text("ERR timeout is out of range"))?;
    // A pause under way becomes neither shorter nor narrower.
    let old = core.pause.filter(|pause| pause.until > core.now);
    core.pause = Some(Pause {
        all: all || old.is_some_and(|pause| pause.all),
        until: old.map_or(until, |pause| pause.until.max(until)),
    });
    context.data.keyspace().pause_expiry(true);
    context.reply.ok();
    Ok(())
}

fn timeout(millis: &[u8]) -> Result<Duration, CommandError> {
    let millis = parse_i64(millis)
        .ok_or(CommandError::text("ERR timeout is not an integer or out of range"))?;
    let millis =
        u64::try_from(millis).map_err(|_| CommandError::text("ERR timeout is negative"))?;
    Ok(Duration::from_millis(millis))
}

pub(super) fn unpause(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    core.end_pause(context.data.keyspace());
    context.reply.ok();
    Ok(())
}

pub(super) fn unblock(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let how = match request.arg(3) {
        _ if request.len() > 4 => return Err(unknown_or_wrong_arity("CLIENT", request)),
        None => Unblocked::TimedOut,
        Some(reason) if is(reason, "timeout") => Unblocked::TimedOut,
        Some(reason) if is(reason, "error") => Unblocked::WithError,
        Some(_) => {
            let text = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR";
            return Err(CommandError::text(text));
        }
    };
    let id = parse_i64(&request[2]).ok_or(CommandError::NotInteger)?;
    // Who is held up by a pause waits for nothing that could be given up (Redis 7.0 and 8.0 crash
    // when they are asked to).
    let client = u64::try_from(id).ok().and_then(|id| core.clients.get_mut(&id));
    let waiting = client.filter(|client| client.is_blocked && !client.is_postponed);
    let unblocked = waiting.map(|client| {
        client.is_blocked = false;
        core.actions.push(Action::Unblock(client.id, how));
    });
    context.reply.integer(i64::from(unblocked.is_some()));
    Ok(())
}

impl Core {
    /// Ends the pause of clients, if there is one.
    pub(crate) fn end_pause(&mut self, keyspace: &mut Keyspace) {
        self.pause = None;
        keyspace.pause_expiry(self.failover.is_under_way());
    }

    /// Whether writes wait for the end of a pause, of a failover, or for the disk.
    pub(crate) fn is_paused(&self) -> bool {
        self.pause.is_some() || self.failover.is_under_way() || self.waits_for_disk()
    }

    /// Whether `request` is to wait for the end of what holds up writes. What would be refused
    /// unheard, an unknown command say, does not wait.
    pub(crate) fn holds_up(
        &self,
        keyspace: &Keyspace,
        session: &Session,
        request: Request<'_>,
    ) -> bool {
        if !self.is_paused() {
            return false;
        }
        let Some(command) = keyspace.command(self, request) else { return false };
        let writes = session.would_write(command) || MAY_REPLICATE.contains(&command.name);
        let heard = session.authenticated || command.flags.has(Flags::NO_AUTH);
        heard && (writes || self.pause.is_some_and(|pause| pause.all))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{Server, client};
    use super::*;
    use crate::config::Config;
    use crate::host::ClientInfo;
    use redwire_resp::{Protocol, RequestBuf};

    fn holds_up(server: &Server, words: &str) -> bool {
        let request = RequestBuf::from_args(words.split(' '));
        server.core.holds_up(&server.keyspace, &server.session, request.as_request())
    }

    #[test]
    fn errors_have_redis_texts() {
        Server::new(Config::default()).expect(
            Protocol::Resp2,
            &[
                ("CLIENT PAUSE", "-ERR wrong number of arguments for 'client|pause' command"),
                ("CLIENT PAUSE x", "-ERR timeout is not an integer or out of range"),
                ("CLIENT PAUSE -1", "-ERR timeout is negative"),
                ("CLIENT PAUSE 1 BOTH", "-ERR CLIENT PAUSE mode must be WRITE or ALL"),
                ("CLIENT UNBLOCK x", "-ERR value is not an integer or out of range"),
                ("CLIENT UNBLOCK -1", ":0"),
                ("CLIENT UNBLOCK 7", ":0"),
                ("CLIENT UNBLOCK 7 NOW", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
                ("CLIENT UNPAUSE", "+OK"),
            ],
        );
    }

    #[test]
    fn a_pause_of_writes_holds_up_what_replicas_would_be_told() {
        let mut server = Server::new(Config::default());
        assert!(!holds_up(&server, "SET k v"));
        server.run("CLIENT PAUSE 1000 WRITE");
        for words in ["SET k v", "DEL k", "PFCOUNT k", "PUBLISH c m"] {
            assert!(holds_up(&server, words), "{words}");
        }
        for words in ["GET k", "PING", "EXEC", "NOSUCH", "SET k", "CLIENT UNPAUSE"] {
            assert!(!holds_up(&server, words), "{words}");
        }
        server.run("MULTI");
        server.run("SET k v");
        assert!(holds_up(&server, "EXEC"));
        server.run("CLIENT PAUSE 1 ALL");
        server.run("DISCARD");
        server.run("CLIENT PAUSE 1 ALL");
        assert!(holds_up(&server, "GET k") && !holds_up(&server, "NOSUCH"));
        server.session.authenticated = false;
        assert!(!holds_up(&server, "GET k"), "NOAUTH is said at once");
        assert!(holds_up(&server, "AUTH secret"));
    }

    #[test]
    fn a_pause_is_not_cut_short_by_another() {
        let mut server = Server::new(Config::default());
        let at = |millis| server.core.now + Duration::from_millis(millis);
        let (long, longer) = (at(900), at(1000));
        server.run("CLIENT PAUSE 900 ALL");
        server.run("CLIENT PAUSE 10 WRITE");
        assert_eq!(server.core.pause, Some(Pause { all: true, until: long }));
        server.run("CLIENT PAUSE 1000 WRITE");
        assert_eq!(server.core.pause, Some(Pause { all: true, until: longer }));
        server.run("CLIENT UNPAUSE");
        assert_eq!(server.core.pause, None);
    }

    #[test]
    fn the_data_set_does_not_change_in_a_pause() {
        let mut server = Server::new(Config::default());
        server.run("SET k v PXAT 1000001");
        server.run("CLIENT PAUSE 900 WRITE");
        server.now.0 += 10;
        assert_eq!(server.run("GET k"), "$-1\r\n");
        assert_eq!(server.keyspace.expire_due(server.now, 10), 0);
        assert_eq!(server.run("DBSIZE"), ":1\r\n", "there, though unseen");
        server.run("CLIENT UNPAUSE");
        assert_eq!(server.keyspace.expire_due(server.now, 10), 1);
    }

    #[test]
    fn only_those_who_wait_for_something_are_unblocked() {
        let mut server = Server::new(Config::default());
        let now = server.core.now;
        let waiting = ClientInfo { is_blocked: true, ..client(8, now) };
        let postponed = ClientInfo { is_blocked: true, is_postponed: true, ..client(9, now) };
        server.core.clients.extend([(8, waiting), (9, postponed)]);
        assert_eq!(server.run("CLIENT UNBLOCK 9"), ":0\r\n");
        assert_eq!(server.run("CLIENT UNBLOCK 8 ERROR"), ":1\r\n");
        assert_eq!(server.run("CLIENT UNBLOCK 8"), ":0\r\n", "once is enough");
        let [Action::Unblock(8, Unblocked::WithError)] = server.core.actions[..] else {
            panic!("{:?}", server.core.actions)
        };
    }
}
