//! `ACL`: the users of this server, and what they may do.

mod file;
mod show;
mod users;

pub(crate) use users::bounds;

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_keyspace::{acl::Acl, acl::Categories, acl::DEFAULT_USER};
use redwire_resp::{Request, parse_i64};

use super::is;
use super::subcommands::{Subcommand, dispatch};
use crate::core::{Action, Core};

pub(super) static SUBCOMMANDS: &[Subcommand] = &[
    Subcommand::new("acl|cat", -2, cat),
    Subcommand::admin("acl|deluser", -3, deluser),
    Subcommand::admin("acl|dryrun", -4, dryrun),
    Subcommand::new("acl|genpass", -2, genpass),
    Subcommand::admin("acl|getuser", 3, show::getuser),
    Subcommand::new("acl|help", 2, |_, context, _| super::help(context, "ACL", HELP)),
    Subcommand::admin("acl|list", 2, show::list),
    Subcommand::admin("acl|load", 2, file::load),
    Subcommand::admin("acl|log", -2, show::log),
    Subcommand::admin("acl|save", 2, file::save),
    Subcommand::admin("acl|setuser", -3, setuser),
    Subcommand::admin("acl|users", 2, show::users),
    Subcommand::new("acl|whoami", 2, whoami),
];

const HELP: &[&str] = &[
    "CAT [<category>]",
    "    List all commands that belong to <category>, or all command categories",
    "    when no category is specified.",
    "DELUSER <username> [<username> ...]",
    "    Delete a list of users.",
    "DRYRUN <username> <command> [<arg> ...]",
    "    Returns whether the user can execute the given command without executing the command.",
    "GETUSER <username>",
    "    Get the user's details.",
    "GENPASS [<bits>]",
    "    Generate a secure 256-bit user password. The optional `bits` argument can",
    "    be used to specify a different size.",
    "LIST",
    "    Show users details in config file format.",
    "LOAD",
    "    Reload users from the ACL file.",
    "LOG [<count> | RESET]",
    "    Show the ACL log entries.",
    "SAVE",
    "    Save the current config to the ACL file.",
    "SETUSER <username> <attribute> [<attribute> ...]",
    "    Create or modify a user with the specified attributes.",
    "USERS",
    "    List all the registered usernames.",
    "WHOAMI",
    "    Return the current connection username.",
];

/// Most bits that `ACL GENPASS` makes, and how many unless told otherwise.
const MAX_PASSWORD_BITS: i64 = 4096;
const PASSWORD_BITS: i64 = 256;

pub(super) fn acl(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(SUBCOMMANDS, core, context, request)
}

fn setuser(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let name = &request[2];
    if name.iter().any(|byte| byte.is_ascii_whitespace() || *byte == 0x0b || *byte == 0) {
        let text = "ERR Usernames can't contain spaces or null characters";
        return Err(CommandError::text(text));
    }
    let rules: Vec<&[u8]> = request.iter().skip(3).collect();
    let set = core.acl.set_user(name, &rules).map(drop);
    set.map_err(|error| CommandError::text(format!("ERR {error}")))?;
    core.users_changed(context);
    context.reply.ok();
    Ok(())
}

fn deluser(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    if request.iter().skip(2).any(|name| name == DEFAULT_USER) {
        return Err(CommandError::text("ERR The 'default' user cannot be removed"));
    }
    let names = request.iter().skip(2);
    let deleted = names.filter_map(|name| core.acl.delete_user(name)).count();
    core.users_changed(context);
    context.reply.integer(deleted as i64);
    Ok(())
}

fn cat(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let reply = &mut context.reply;
    match (request.arg(2), request.len()) {
        (None, _) => {
            reply.array(Acl::categories().len());
            Acl::categories().for_each(|name| reply.bulk(name.as_bytes()));
        }
        (Some(name), 3) => {
            let category = Categories::named(name).ok_or_else(|| {
                let name = String::from_utf8_lossy(name);
                CommandError::text(format!("ERR Unknown category '{name}'"))
            })?;
            let commands: Vec<&str> = core.acl.commands_of(category).collect();
            reply.array(commands.len());
            commands.iter().for_each(|name| reply.bulk(name.as_bytes()));
        }
        _ => return Err(super::subcommands::unknown_or_wrong_arity("ACL", request)),
    }
    Ok(())
}

fn genpass(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let bits = match (request.arg(2), request.len()) {
        (None, _) => PASSWORD_BITS,
        (Some(bits), 3) => parse_i64(bits).ok_or(CommandError::NotInteger)?,
        _ => return Err(super::subcommands::unknown_or_wrong_arity("ACL", request)),
    };
    if !(1..=MAX_PASSWORD_BITS).contains(&bits) {
        return Err(CommandError::text(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a \
             positive number up to 4096",
        ));
    }
    let digits = (bits as usize).div_ceil(4);
    let mut password = String::new();
    while password.len() < digits {
        password += &core.entropy.hex_id();
    }
    context.reply.bulk(&password.as_bytes()[..digits]);
    Ok(())
}

fn whoami(core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    let name = core.user_name(context.session.id());
    context.reply.bulk(name);
    Ok(())
}

fn dryrun(core: &mut Core, context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let user = core.acl.user(&request[2]).cloned().ok_or_else(|| {
        let name = String::from_utf8_lossy(&request[2]);
        CommandError::text(format!("ERR User '{name}' not found"))
    })?;
    let inner = redwire_resp::RequestBuf::from_args(request.iter().skip(3));
    let inner = inner.as_request();
    let command = context.data.keyspace().find_command(core, inner.name());
    let name = core.acl.full_name(inner);
    let Some((command, name)) = command.zip(name) else {
        let name = String::from_utf8_lossy(inner.name());
        return Err(CommandError::text(format!("ERR Command '{name}' not found")));
    };
    if !command.accepts(inner.len()) || !super::subcommands::accepts(command.name, inner) {
        return Err(CommandError::Arity(name.to_owned().into()));
    }
    match user.check(command, inner) {
        Ok(()) => context.reply.ok(),
        Err(denied) => context.reply.bulk(show::denial(denied, name, inner).as_bytes()),
    }
    Ok(())
}

impl Core {
    /// Notes that users were changed: the caller's rights at once, the others' behind its command.
    pub(super) fn users_changed(&mut self, context: &mut Context<'_>) {
        let id = context.session.id();
        if let Some(client) = self.clients.get(&id) {
            let (user, logged_in) = (client.user.clone(), client.logged_in);
            context.session.authenticated = logged_in || self.acl.is_open();
            // One who is gone is let go of behind the reply.
            if let Some(user) = self.acl.user(&user) {
                context.session.user = bounds(user);
            }
        }
        self.actions.push(Action::UsersChanged { by: id });
    }
}

/// Whether `arg` is `RESET`.
fn is_reset(arg: &[u8]) -> bool {
    is(arg, "reset")
}
