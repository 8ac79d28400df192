//! `MULTI`, `EXEC`, `DISCARD`, `WATCH`, `UNWATCH`.

use redwire_resp::Request;

use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::session::Transaction;
use crate::watch::WatchedKey;

const CONTROL: Flags = Flags::NOSCRIPT.with(Flags::LOADING).with(Flags::STALE).with(Flags::FAST);
const AT_ONCE: Flags = CONTROL.with(Flags::IMMEDIATE);

pub(super) static COMMANDS: &[Command] = &[
    Command::data("multi", 1, AT_ONCE, Keys::NONE, multi),
    Command::exec(),
    Command::data("discard", 1, AT_ONCE, Keys::NONE, discard),
    Command::data("watch", -2, AT_ONCE, Keys::ALL, watch),
    Command::data("unwatch", 1, CONTROL, Keys::NONE, unwatch),
];

fn multi(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    if context.session.in_transaction() {
        return Err(CommandError::text("ERR MULTI calls can not be nested"));
    }
    context.session.transaction = Some(Transaction::default());
    context.reply.ok();
    Ok(())
}

fn discard(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    if !context.session.in_transaction() {
        return Err(CommandError::text("ERR DISCARD without MULTI"));
    }
    context.data.keyspace.forget(context.session);
    context.reply.ok();
    Ok(())
}

fn watch(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    if context.session.in_transaction() {
        return Err(CommandError::text("ERR WATCH inside MULTI is not allowed"));
    }
    let db = context.session.db;
    for key in request.iter().skip(1) {
        let mut watched = WatchedKey::new(db, key);
        if context.session.watching.contains(&watched) {
            continue;
        }
        watched.expires = context.data.expires(key).flatten();
        context.data.keyspace.watches.watch(&mut watched);
        context.session.watched_bytes += key.len();
        context.session.watching.insert(watched);
    }
    context.reply.ok();
    Ok(())
}

fn unwatch(context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    context.data.keyspace.unwatch(context.session);
    context.reply.ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::commands::testing::Rig;

    /// Who watches very many keys, in whatever order and some of them twice, pays for each alone.
    #[test]
    fn many_keys_are_watched() {
        const MANY: usize = 100_000;
        let mut rig = Rig::new();
        for at in 0..MANY {
            rig.call(["WATCH".to_owned(), format!("k{}", at * 7 % MANY), format!("k{at}")]);
        }
        assert_eq!(rig.session.watched(), MANY);
        rig.check(&[("MULTI", "+OK"), ("PING", "+QUEUED"), ("EXEC", "*1 +PONG")]);
        assert_eq!((rig.session.watched(), rig.session.transaction_memory()), (0, 0));
        for other in ["SET j 1", "SET k9 1"] {
            rig.call((0..10).map(|at| if at == 0 { "WATCH".into() } else { format!("k{at}") }));
            rig.check(&[(other, "+OK"), ("MULTI", "+OK"), ("PING", "+QUEUED")]);
            let failed = rig.run("EXEC") == "*-1";
            assert_eq!(failed, other == "SET k9 1", "{other}");
        }
    }
}
