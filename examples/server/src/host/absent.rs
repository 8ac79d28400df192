//! What a server for itself, without modules and without an append-only file, answers to commands about
//! them: clients ask, to learn that there is nothing of the kind.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::Request;

use super::info::REDIS_VERSION;
use super::subcommands::{Subcommand, dispatch};
use crate::core::Core;

/// `READONLY` and `READWRITE`: of a cluster, or of a client that can be sent to this node's primary.
pub(super) fn readonly(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    let reads_here = core.redirectable.get_mut(&context.session.id());
    let reads_here = reads_here.ok_or(CommandError::text(NO_CLUSTER))?;
    *reads_here = super::is(request.name(), "readonly");
    context.reply.ok();
    Ok(())
}

const NO_CLUSTER: &str = "ERR This instance has cluster support disabled";

/// `ASKING`, `CLUSTERSCAN` and all of `CLUSTER`.
pub(super) fn no_cluster(
    _core: &mut Core,
    _context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    Err(CommandError::text(NO_CLUSTER))
}

pub(super) static CLUSTER: &[Subcommand] = &[
    Subcommand::admin("cluster|addslots", -3, no_cluster),
    Subcommand::admin("cluster|addslotsrange", -4, no_cluster),
    Subcommand::admin("cluster|bumpepoch", 2, no_cluster),
    Subcommand::admin("cluster|cancelslotmigrations", 2, no_cluster),
    Subcommand::admin("cluster|count-failure-reports", 3, no_cluster),
    Subcommand::new("cluster|countkeysinslot", 3, no_cluster),
    Subcommand::admin("cluster|delslots", -3, no_cluster),
    Subcommand::admin("cluster|delslotsrange", -4, no_cluster),
    Subcommand::admin("cluster|failover", -2, no_cluster),
    Subcommand::admin("cluster|flushslots", 2, no_cluster),
    Subcommand::admin("cluster|flushslot", -3, no_cluster),
    Subcommand::admin("cluster|forget", 3, no_cluster),
    Subcommand::new("cluster|getkeysinslot", 4, no_cluster),
    Subcommand::admin("cluster|getslotmigrations", 2, no_cluster),
    Subcommand::new("cluster|help", 2, no_cluster),
    Subcommand::new("cluster|info", 2, no_cluster),
    Subcommand::new("cluster|keyslot", 3, no_cluster),
    Subcommand::new("cluster|links", 2, no_cluster),
    Subcommand::admin("cluster|meet", -4, no_cluster),
    Subcommand::admin("cluster|migrateslots", -4, no_cluster),
    Subcommand::admin("cluster|migration", -4, no_cluster),
    Subcommand::new("cluster|myid", 2, no_cluster),
    Subcommand::new("cluster|myshardid", 2, no_cluster),
    Subcommand::new("cluster|nodes", 2, no_cluster),
    Subcommand::admin("cluster|replicas", 3, no_cluster),
    Subcommand::admin("cluster|replicate", 3, no_cluster),
    Subcommand::admin("cluster|reset", -2, no_cluster),
    Subcommand::admin("cluster|saveconfig", 2, no_cluster),
    Subcommand::admin("cluster|set-config-epoch", 3, no_cluster),
    Subcommand::admin("cluster|setslot", -4, no_cluster),
    Subcommand::new("cluster|shards", 2, no_cluster),
    Subcommand::admin("cluster|slaves", 3, no_cluster),
    Subcommand::new("cluster|slot-stats", -4, no_cluster),
    Subcommand::new("cluster|slots", 2, no_cluster),
    Subcommand::admin("cluster|syncslots", -3, no_cluster),
];

pub(super) fn cluster(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(CLUSTER, core, context, request)
}

pub(super) static MODULE: &[Subcommand] = &[
    Subcommand::new("module|help", 2, |_, context, _| super::help(context, "MODULE", HELP)),
    Subcommand::admin("module|list", 2, no_modules),
    Subcommand::admin("module|load", -3, refuse_module),
    Subcommand::admin("module|loadex", -3, refuse_module),
    Subcommand::admin("module|unload", 3, refuse_module),
];

const HELP: &[&str] = &[
    "LIST",
    "    Return a list of loaded modules: there are none.",
    "LOAD, LOADEX, UNLOAD",
    "    Refused: modules cannot be loaded here.",
];

pub(super) fn module(
    core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    dispatch(MODULE, core, context, request)
}

fn no_modules(_core: &mut Core, context: &mut Context<'_>, _request: Request<'_>) -> CommandResult {
    context.reply.array(0);
    Ok(())
}

fn refuse_module(
    _core: &mut Core,
    _context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    Err(CommandError::text("ERR modules cannot be loaded here"))
}

pub(super) fn bgrewriteaof(
    _core: &mut Core,
    _context: &mut Context<'_>,
    _request: Request<'_>,
) -> CommandResult {
    Err(CommandError::text("ERR there is no append-only file here: the data is saved by BGSAVE"))
}

/// `LOLWUT`: as Redis answers where it has no drawing for the version.
pub(super) fn lolwut(
    _core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    if let (Some(word), Some(version)) = (request.arg(1), request.arg(2))
        && super::is(word, "VERSION")
        && redwire_resp::parse_i64(version).is_none()
    {
        return Err(CommandError::NotInteger);
    }
    context.reply.verbatim(*b"txt", format!("Redis ver. {REDIS_VERSION}\n").as_bytes());
    Ok(())
}
