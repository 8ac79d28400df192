//! Replies as they are to be compared: without what a server may choose, and without moments.

use redwire_testkit::{Command, Reply};

/// Commands whose reply has no order of its own.
const UNORDERED: &[&str] =
    &["HKEYS", "HVALS", "KEYS", "SDIFF", "SINTER", "SMEMBERS", "SRANDMEMBER", "SUNION"];

/// Moments that a command has as they are lie behind this one; those that count from now on before.
const FAR: i64 = 4_000_000_000;

/// The reply without what is the server's choice or the clock's.
pub(crate) fn ordered(command: &Command, reply: Reply) -> Reply {
    let name = String::from_utf8_lossy(&command[0]).to_ascii_uppercase();
    let has = |word: &[u8]| command.iter().any(|arg| arg.eq_ignore_ascii_case(word));
    match &*name {
        "HGETALL" => pairs(reply),
        "HRANDFIELD" if has(b"WITHVALUES") => pairs(reply),
        "ZRANDMEMBER" if has(b"WITHSCORES") => shortest(pairs(reply)),
        "HRANDFIELD" | "ZRANDMEMBER" => reply.sorted(),
        "SCAN" | "SSCAN" | "HSCAN" | "ZSCAN" => scanned(reply, |found| match &*name {
            "ZSCAN" if !has(b"NOSCORES") => shortest(pairs(found)),
            "HSCAN" if !has(b"NOVALUES") => pairs(found),
            _ => found.sorted(),
        }),
        "TTL" | "PTTL" | "HTTL" | "HPTTL" => moments(reply, i64::MAX),
        "EXPIRETIME" | "HEXPIRETIME" => moments(reply, FAR),
        "PEXPIRETIME" | "HPEXPIRETIME" => moments(reply, FAR * 1000),
        "OBJECT" if has(b"IDLETIME") => moments(reply, i64::MAX),
        // Its version is the server's.
        "DUMP" => match reply {
            Reply::Bulk(_) => Reply::Bulk(Vec::new()),
            reply => reply,
        },
        "XPENDING" | "XINFO" => timeless(reply),
        "XREADGROUP" if has(b"CLAIM") => idle_less(reply),
        name if UNORDERED.contains(&name) => reply.sorted(),
        name if name.starts_with('Z') || name.starts_with("BZ") => shortest(reply),
        _ => reply,
    }
}

/// Fields and values in turn, or in pairs: the pairs stay.
fn pairs(reply: Reply) -> Reply {
    match reply {
        Reply::Array(flat) if flat.iter().all(|it| it.elements().is_empty()) => {
            let pairs = flat.chunks(2).map(|pair| Reply::Array(pair.to_vec())).collect();
            Reply::Array(pairs).sorted()
        }
        reply => reply.sorted(),
    }
}

/// A cursor, and what was found, by which `sort` is put in order.
fn scanned(reply: Reply, sort: impl Fn(Reply) -> Reply) -> Reply {
    match reply {
        Reply::Array(mut parts) if parts.len() == 2 => {
            parts[1] = sort(std::mem::replace(&mut parts[1], Reply::Null));
            Reply::Array(parts)
        }
        reply => reply,
    }
}

/// The reply with all that counts time up to `most` as one number.
fn moments(reply: Reply, most: i64) -> Reply {
    match reply {
        Reply::Int(time) if (0..most).contains(&time) => Reply::Int(0),
        Reply::Array(all) => Reply::Array(all.into_iter().map(|it| moments(it, most)).collect()),
        reply => reply,
    }
}

/// The reply with every score in its shortest form: Redis before 7.2 prints 17 digits, redwire and
/// later servers as few as tell the number from all others. (Members that are numbers change alike
/// on both sides.)
fn shortest(reply: Reply) -> Reply {
    let number = |text: &[u8]| str::from_utf8(text).ok()?.parse::<f64>().ok();
    match reply {
        Reply::Bulk(text) => Reply::Bulk(number(&text).map_or(text, |n| n.to_string().into())),
        Reply::Double(text) => Reply::Double(number(&text).map_or(text, |n| n.to_string().into())),
        Reply::Array(elements) => Reply::Array(elements.into_iter().map(shortest).collect()),
        reply => reply,
    }
}

/// The reply without moments and idle times, which no two servers have alike.
fn timeless(reply: Reply) -> Reply {
    const MOMENT: i64 = 1_000_000_000_000;
    match reply {
        Reply::Int(number) if number >= MOMENT => Reply::Int(0),
        Reply::Array(mut elements) => {
            match &mut elements[..] {
                [Reply::Bulk(_), Reply::Bulk(_), Reply::Int(idle), Reply::Int(_)] => *idle = 0,
                [.., Reply::Bulk(name), Reply::Int(idle)] if name == b"idle" => *idle = 0,
                _ => {}
            }
            Reply::Array(elements.into_iter().map(timeless).collect())
        }
        Reply::Map(pairs) => Reply::Map(
            pairs
                .into_iter()
                .map(|(name, value)| {
                    let is_idle = name.bytes() == Some(b"idle");
                    let value = if is_idle { Reply::Int(0) } else { timeless(value) };
                    (name, value)
                })
                .collect(),
        ),
        reply => reply,
    }
}

/// The reply without how long its entries have been pending.
fn idle_less(reply: Reply) -> Reply {
    match reply {
        Reply::Array(mut elements) => {
            if let [Reply::Bulk(_), Reply::Array(_), idle @ Reply::Int(_), _] = &mut elements[..] {
                *idle = Reply::Int(0);
            }
            Reply::Array(elements.into_iter().map(idle_less).collect())
        }
        Reply::Map(pairs) => {
            Reply::Map(pairs.into_iter().map(|(name, value)| (name, idle_less(value))).collect())
        }
        reply => reply,
    }
}
