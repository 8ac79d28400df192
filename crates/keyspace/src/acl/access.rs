//! What commands do to their keys, for rules about reading and writing (`%R~`, `%W~`).

use redwire_resp::Request;

use crate::command::{Command, Flags};

/// What a command does to a key: what a rule has to allow for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Access {
    /// It tells what the key holds.
    pub(super) reads: bool,
    /// It changes what the key holds.
    pub(super) writes: bool,
}

/// Neither: it looks at what is about the value (`EXISTS`), and any rule about the key is enough.
const LOOK: Access = Access { reads: false, writes: false };
const READ: Access = Access { reads: true, writes: false };
const WRITE: Access = Access { reads: false, writes: true };
const BOTH: Access = Access { reads: true, writes: true };

impl Access {
    /// What `command` does to its first key, and to those after it.
    pub(super) fn of(command: &Command, request: Request<'_>) -> [Self; 2] {
        let has = |word: &str| request.iter().any(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        match command.name {
            "set" => return [if has("get") { BOTH } else { WRITE }; 2],
            "bitfield" => {
                let writes = has("set") || has("incrby");
                return [if writes { BOTH } else { READ }; 2];
            }
            _ => {}
        }
        let listed = TABLE.iter().find(|(names, _)| names.contains(&command.name));
        listed.map_or_else(
            || [if command.flags.has(Flags::WRITE) { WRITE } else { READ }; 2],
            |(_, access)| *access,
        )
    }
}

/// The commands that do not merely read as those that are read-only, or merely write as those that
/// are not: from the key specifications in `COMMAND INFO` of Redis 7.0 and later.
const TABLE: &[(&[&str], [Access; 2])] = &[
    (
        &[
            "exists",
            "hexists",
            "hlen",
            "hstrlen",
            "llen",
            "memory",
            "object",
            "scard",
            "sismember",
            "strlen",
            "touch",
            "type",
            "watch",
            "xlen",
            "zcard",
        ],
        [LOOK; 2],
    ),
    (
        &[
            "blmpop",
            "blpop",
            "brpop",
            "bzmpop",
            "bzpopmax",
            "bzpopmin",
            "decr",
            "decrby",
            "eval",
            "evalsha",
            "fcall",
            "getdel",
            "getex",
            "getset",
            "hgetdel",
            "hgetex",
            "hincrby",
            "hincrbyfloat",
            "incr",
            "incrby",
            "incrbyfloat",
            "lmpop",
            "lpop",
            "migrate",
            "move",
            "rpop",
            "setbit",
            "spop",
            "zincrby",
            "zmpop",
            "zpopmax",
            "zpopmin",
        ],
        [BOTH; 2],
    ),
    (&["blmove", "brpoplpush", "lmove", "rename", "renamenx", "rpoplpush", "smove"], [BOTH, WRITE]),
    (&["pfmerge"], [BOTH, READ]),
    (&["copy", "georadius", "georadiusbymember", "sort"], [READ, WRITE]),
    (
        &[
            "bitop",
            "geosearchstore",
            "sdiffstore",
            "sinterstore",
            "sunionstore",
            "zdiffstore",
            "zinterstore",
            "zrangestore",
            "zunionstore",
        ],
        [WRITE, READ],
    ),
    (&["xreadgroup"], [READ; 2]),
];
