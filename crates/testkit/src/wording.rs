//! Errors that servers say in other words than redwire.
//!
//! It answers as Redis 7.0 does, which it says it is, and commands that came later as the server that had
//! them first; other servers have other words for some, or look at other things first.

use crate::{Command, Peer};

/// That commands are refused in other words by some servers, and why.
struct Different {
    peers: &'static [Peer],
    /// What the command begins with.
    command: &'static str,
    /// How their errors begin, and ours, one or the other way where there are several (`|`); nothing for
    /// none.
    real: &'static str,
    ours: &'static str,
    #[allow(dead_code, reason = "for who reads it")]
    why: &'static str,
}

impl Different {
    fn is(&self, peer: Peer, command: &Command, real: Option<&str>, ours: Option<&str>) -> bool {
        let begins = |text: Option<&str>, with: &str| match (text, with) {
            (_, ANY_OR_NONE) | (Some(_), ANY) => true,
            (Some(text), with) => {
                !with.is_empty() && with.split('|').any(|with| text.starts_with(with))
            }
            (None, with) => with.is_empty(),
        };
        let name = String::from_utf8_lossy(&command[0]).to_ascii_uppercase();
        self.peers.contains(&peer)
            && self.command.split(' ').any(|it| it == name)
            && begins(real, self.real)
            && begins(ours, self.ours)
    }
}

/// Whether a server is known to answer a command with another error than redwire, where `None` is no
/// error.
#[must_use]
pub fn is_known(peer: Peer, command: &Command, real: Option<&str>, ours: Option<&str>) -> bool {
    DIFFERENT.iter().any(|it| it.is(peer, command, real, ours))
}

/// Any error.
const ANY: &str = "*";
/// Any error, or none.
const ANY_OR_NONE: &str = "?";

/// Those that came after Redis 7.0.
const LATER: &[Peer] = &[Peer::Redis80, Peer::Redis86, Peer::Valkey91];

/// Commands on fields that expire.
const FIELDS: &str = "HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HTTL HPTTL HEXPIRETIME HPEXPIRETIME HPERSIST \
                      HGETEX HSETEX HGETDEL";

const DIFFERENT: &[Different] = &[
    Different {
        peers: &[Peer::Valkey91],
        command: "GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO GEOSEARCH GEOSEARCHSTORE",
        real: "ERR member ",
        ours: "ERR could not decode requested zset member",
        why: "Valkey names the member that is not there",
    },
    Different {
        peers: &[Peer::Redis86],
        command: FIELDS,
        real: "ERR unknown argument: |ERR wrong number of arguments|ERR FIELDS requires at least|\
               ERR missing expire time|ERR Parameter `numFields`|ERR invalid number of fields",
        ours: "ERR The `numfields` parameter must match|ERR Mandatory argument FIELDS is missing",
        why: "options may stand behind the fields since 8.4",
    },
    Different {
        peers: &[Peer::Redis86],
        command: FIELDS,
        real: "ERR invalid number of fields",
        ours: "ERR Number of fields must be a positive integer",
        why: "8.4 has other words",
    },
    Different {
        peers: &[Peer::Redis86],
        command: "HSETEX",
        real: "ERR wrong number of arguments",
        ours: "ERR wrong number of arguments for 'hsetex' command",
        why: "likewise",
    },
    Different {
        peers: &[Peer::Valkey91],
        command: FIELDS,
        real: "ERR Unsupported option |ERR invalid expire time in '|ERR syntax error|WRONGTYPE|\
               ERR numfields should be greater than 0 and match|ERR value is not an integer",
        ours: "ERR Mandatory argument FIELDS is missing|ERR Number of fields must be|WRONGTYPE|\
               ERR Parameter `numFields` should be|ERR The `numfields` parameter must match|\
               ERR invalid expire time, must be|ERR invalid number of fields|\
               ERR unknown argument: |ERR value is not an integer|\
               ERR wrong number of arguments for 'hsetex' command",
        why: "Valkey's own words for what Redis had first, and its own order of looking at things",
    },
    Different {
        peers: LATER,
        command: "XREAD XREADGROUP",
        real: "ERR Unbalanced '",
        ours: "ERR Unbalanced XREAD list",
        why: "the name of the command stands in the text since 7.2",
    },
    Different {
        peers: LATER,
        command: "ZRANK ZREVRANK",
        real: "ERR syntax error",
        ours: "ERR wrong number of arguments",
        why: "a fourth word is an option since 7.2",
    },
    Different {
        peers: LATER,
        command: "BITCOUNT BITPOS GETEX HGETEX",
        real: ANY,
        ours: "",
        why: "arguments are looked at before the key since 7.2, in others since Valkey 9",
    },
    Different {
        peers: LATER,
        command: "BITCOUNT BITPOS",
        real: ANY,
        ours: ANY,
        why: "likewise, where the key is of the wrong type",
    },
    Different {
        peers: &[Peer::Redis70, Peer::Redis80, Peer::Redis86],
        command: "BITCOUNT",
        real: "ERR syntax error",
        ours: "",
        why: "the end may be left out since Valkey 8",
    },
    Different {
        peers: &[Peer::Redis70],
        command: "BITCOUNT",
        real: "ERR syntax error",
        ours: "ERR value is not an integer",
        why: "likewise",
    },
    Different {
        peers: &[Peer::Redis80, Peer::Redis86],
        command: "HSETEX",
        real: "ERR unknown argument: ",
        ours: ANY_OR_NONE,
        why: "NX and XX are options of Valkey's",
    },
];
