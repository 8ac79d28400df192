//! `MONITOR`.

use std::time::Duration;

use redwire_keyspace::{Command, CommandResult, Context, Flags, Origin, Session};
use redwire_resp::Request;

use super::redact::redacted;
use super::subcommands::is_shown;
use crate::core::{Action, Core};
use crate::net::Standing;

/// Tells monitors of a command that has run. (As in Redis, a `SELECT` shows the database that it
/// selected, and an `EXEC` comes behind what it ran.)
pub(crate) fn feed(core: &mut Core, session: &Session, command: &Command, request: Request<'_>) {
    if command.flags.has(Flags::SKIP_MONITOR) || !is_shown(command, request) {
        return;
    }
    let time = crate::clock::since_epoch();
    let line = line(time, session.db, &source(core, session), redacted(request));
    core.actions.push(Action::FeedMonitors(line));
}

pub(super) fn monitor(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    let id = context.session.id();
    // One that listens already gets no reply, as in Redis.
    if core.clients.get(&id).is_some_and(|client| client.standing == Standing::Client) {
        core.actions.push(Action::Monitor(id));
        context.reply.ok();
    }
    Ok(())
}

/// Where a command came from, as monitors are told it.
fn source(core: &Core, session: &Session) -> String {
    if session.origin() == Origin::Primary {
        let primary = core.config.replicaof.as_ref();
        return primary.map_or_else(String::new, |it| format!("{}:{}", it.host, it.port));
    }
    let Some(client) = core.clients.get(&session.id()) else { return "?".into() };
    if client.is_unix {
        format!("unix:{}", client.addr.trim_end_matches(":0"))
    } else {
        client.addr.clone()
    }
}

/// `+<seconds>.<microseconds> [<db> <source>] "<arg>" "<arg>" ...`
fn line<'a>(
    time: Duration,
    db: u32,
    source: &str,
    args: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let (seconds, micros) = (time.as_secs(), time.subsec_micros());
    let mut line = format!("+{seconds}.{micros:06} [{db} {source}]").into_bytes();
    for arg in args {
        line.push(b' ');
        quote(arg, &mut line);
    }
    line.extend_from_slice(b"\r\n");
    line
}

/// Appends `bytes` in quotes, what does not print escaped, as Redis' `sdscatrepr` does.
pub(super) fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(*byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_as_redis_quotes_them() {
        let cases: [(&[u8], &str); 6] = [
            (b"", r#""""#),
            (b"plain ' text~", r#""plain ' text~""#),
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"\n\r\t\x07\x08", r#""\n\r\t\a\b""#),
            (b"\x00\x01\x0b\x1b\x7f", r#""\x00\x01\x0b\x1b\x7f""#),
            (b"\x80\xff", r#""\x80\xff""#),
        ];
        for (bytes, quoted) in cases {
            let mut out = Vec::new();
            quote(bytes, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), quoted);
        }
    }

    #[test]
    fn a_line_is_as_redis_documents_it() {
        let args: [&[u8]; 2] = [b"keys", b"*"];
        let time = Duration::new(1_339_518_083, 107_412_999);
        let line = line(time, 0, "127.0.0.1:60866", args.into_iter());
        let text = "+1339518083.107412 [0 127.0.0.1:60866] \"keys\" \"*\"\r\n";
        assert_eq!(String::from_utf8_lossy(&line), text);
        let early = super::line(Duration::new(1, 7_000), 3, "unix:/tmp/s", [].into_iter());
        assert_eq!(early, b"+1.000007 [3 unix:/tmp/s]\r\n");
    }
}
