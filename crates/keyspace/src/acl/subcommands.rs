//! The subcommands that rules can name (`+config|get`), with their categories.
//!
//! A container of subcommands is of no category but `slow` itself (`COMMAND` excepted).

use super::Categories as C;

/// A subcommand's name and categories, `slow` understood.
type Subcommand = (&'static str, C);

const NONE: C = C::NONE;
const ADMIN: C = C::ADMIN.with(C::DANGEROUS);
const CONNECTION: C = C::CONNECTION;
const ADMIN_CONNECTION: C = ADMIN.with(CONNECTION);
const KEYSPACE_READ: C = C::KEYSPACE.with(C::READ);
const STREAM_READ: C = C::STREAM.with(C::READ);
const STREAM_WRITE: C = C::STREAM.with(C::WRITE);
const SCRIPTING: C = C::SCRIPTING;
const SCRIPTING_WRITE: C = C::SCRIPTING.with(C::WRITE);

/// The subcommands of each container, as `ACL CAT` of Redis 7.0 and later has them.
pub(super) const CONTAINERS: &[(&str, &[Subcommand])] = &[
    (
        "acl",
        &[
            ("cat", NONE),
            ("deluser", ADMIN),
            ("dryrun", ADMIN),
            ("genpass", NONE),
            ("getuser", ADMIN),
            ("help", NONE),
            ("list", ADMIN),
            ("load", ADMIN),
            ("log", ADMIN),
            ("save", ADMIN),
            ("setuser", ADMIN),
            ("users", ADMIN),
            ("whoami", NONE),
        ],
    ),
    (
        "client",
        &[
            ("caching", CONNECTION),
            ("getname", CONNECTION),
            ("getredir", CONNECTION),
            ("help", CONNECTION),
            ("id", CONNECTION),
            ("info", CONNECTION),
            ("kill", ADMIN_CONNECTION),
            ("list", ADMIN_CONNECTION),
            ("no-evict", ADMIN_CONNECTION),
            ("no-touch", CONNECTION),
            ("pause", ADMIN_CONNECTION),
            ("reply", CONNECTION),
            ("setinfo", CONNECTION),
            ("setname", CONNECTION),
            ("tracking", CONNECTION),
            ("trackinginfo", CONNECTION),
            ("unblock", ADMIN_CONNECTION),
            ("unpause", ADMIN_CONNECTION),
        ],
    ),
    (
        "command",
        &[
            ("count", CONNECTION),
            ("docs", CONNECTION),
            ("getkeys", CONNECTION),
            ("getkeysandflags", CONNECTION),
            ("help", CONNECTION),
            ("info", CONNECTION),
            ("list", CONNECTION),
        ],
    ),
    (
        "config",
        &[("get", ADMIN), ("help", NONE), ("resetstat", ADMIN), ("rewrite", ADMIN), ("set", ADMIN)],
    ),
    (
        "function",
        &[
            ("delete", SCRIPTING_WRITE),
            ("dump", SCRIPTING),
            ("flush", SCRIPTING_WRITE),
            ("help", SCRIPTING),
            ("kill", SCRIPTING),
            ("list", SCRIPTING),
            ("load", SCRIPTING_WRITE),
            ("restore", SCRIPTING_WRITE),
            ("stats", SCRIPTING),
        ],
    ),
    (
        "latency",
        &[
            ("doctor", ADMIN),
            ("graph", ADMIN),
            ("help", NONE),
            ("histogram", ADMIN),
            ("history", ADMIN),
            ("latest", ADMIN),
            ("reset", ADMIN),
        ],
    ),
    (
        "memory",
        &[
            ("doctor", NONE),
            ("help", NONE),
            ("malloc-stats", NONE),
            ("purge", NONE),
            ("stats", NONE),
            ("usage", C::READ),
        ],
    ),
    (
        "module",
        &[("help", NONE), ("list", ADMIN), ("load", ADMIN), ("loadex", ADMIN), ("unload", ADMIN)],
    ),
    (
        "object",
        &[
            ("encoding", KEYSPACE_READ),
            ("freq", KEYSPACE_READ),
            ("help", C::KEYSPACE),
            ("idletime", KEYSPACE_READ),
            ("refcount", KEYSPACE_READ),
        ],
    ),
    (
        "pubsub",
        &[
            ("channels", C::PUBSUB),
            ("help", NONE),
            ("numpat", C::PUBSUB),
            ("numsub", C::PUBSUB),
            ("shardchannels", C::PUBSUB),
            ("shardnumsub", C::PUBSUB),
        ],
    ),
    (
        "script",
        &[
            ("debug", SCRIPTING),
            ("exists", SCRIPTING),
            ("flush", SCRIPTING),
            ("help", SCRIPTING),
            ("kill", SCRIPTING),
            ("load", SCRIPTING),
        ],
    ),
    ("slowlog", &[("get", ADMIN), ("help", NONE), ("len", ADMIN), ("reset", ADMIN)]),
    (
        "xgroup",
        &[
            ("create", STREAM_WRITE),
            ("createconsumer", STREAM_WRITE),
            ("delconsumer", STREAM_WRITE),
            ("destroy", STREAM_WRITE),
            ("help", C::STREAM),
            ("setid", STREAM_WRITE),
        ],
    ),
    (
        "xinfo",
        &[
            ("consumers", STREAM_READ),
            ("groups", STREAM_READ),
            ("help", C::STREAM),
            ("stream", STREAM_READ),
        ],
    ),
];

/// The subcommand of this name, in whatever case, of a container.
pub(super) fn named(container: &str, name: &[u8]) -> Option<&'static str> {
    let (_, subcommands) = CONTAINERS.iter().find(|(known, _)| *known == container)?;
    let is_it = |known: &&Subcommand| name.eq_ignore_ascii_case(known.0.as_bytes());
    subcommands.iter().find(is_it).map(|(name, _)| *name)
}
