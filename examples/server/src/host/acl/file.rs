//! `ACL SAVE`, `ACL LOAD`, and the users that `CONFIG REWRITE` writes.

use std::fs;

use redwire_keyspace::acl::DEFAULT_USER;
use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::Request;

use crate::config::{replace_file, system_text};
use crate::core::Core;
use crate::log::warning;

const NO_FILE: &str = "ERR This Redis instance is not configured to use an ACL file. You may want \
                       to specify users via the ACL SETUSER command and then issue a CONFIG \
                       REWRITE (assuming you have a Redis configuration file set) in order to \
                       store users in the Redis configuration.";

pub(super) fn save(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    let file = core.config.aclfile.as_ref().ok_or(CommandError::text(NO_FILE))?;
    let path = core.config.in_dir(file);
    let text: Vec<u8> = core.acl.lines().flat_map(|line| [line, b"\n".to_vec()].concat()).collect();
    replace_file(&path, &text).map_err(|error| {
        warning!("Saving ACLs to '{}' failed: {}", path.display(), system_text(&error));
        let text = "ERR There was an error trying to save the ACLs. Please check the server logs \
                    for more information";
        CommandError::text(text)
    })?;
    context.reply.ok();
    Ok(())
}

pub(super) fn load(
    core: &mut Core,
    context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    if core.config.aclfile.is_none() {
        return Err(CommandError::text(NO_FILE));
    }
    read(core).map_err(|reason| CommandError::text(format!("ERR {reason}")))?;
    core.users_changed(context);
    context.reply.ok();
    Ok(())
}

/// Puts the users of the file in the place of those that are there; answers why not.
pub(super) fn read(core: &mut Core) -> Result<(), String> {
    let Some(file) = &core.config.aclfile else { return Ok(()) };
    let shown = file.display().to_string();
    let text = fs::read(core.config.in_dir(file)).map_err(|error| {
        format!("Error loading ACLs, opening file '{shown}': {}", system_text(&error))
    })?;
    core.acl.load(&text).map_err(|errors| {
        let errors: String = errors.iter().map(|error| error.describe(&shown)).collect();
        format!(
            "{errors}WARNING: ACL errors detected, no change to the previously active ACL rules was \
             performed"
        )
    })
}

impl Core {
    /// The words of the `user` lines that `CONFIG REWRITE` writes: none where a file has the users,
    /// or where they are those that `requirepass` alone makes.
    pub(in super::super) fn configured_users(&self) -> Vec<Vec<Vec<u8>>> {
        let plain = Self::first_users(&self.config);
        let is_plain = self.acl.users().len() == 1
            && self.acl.user(DEFAULT_USER).map(|user| user.line())
                == plain.user(DEFAULT_USER).map(|user| user.line());
        if self.config.aclfile.is_some() || is_plain {
            return Vec::new();
        }
        let words =
            |line: Vec<u8>| line.split(|byte| *byte == b' ').skip(1).map(<[u8]>::to_vec).collect();
        self.acl.lines().map(words).collect()
    }
}
