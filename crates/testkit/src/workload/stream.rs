use super::command;
use super::draw::{member, named, repeated, value};
use crate::{Command, Rng};

/// How many streams a database has.
const STREAMS: u64 = 5;
/// Commands for each millisecond of ids: a few ids to hit.
pub(super) const TICKS: u64 = 96;

/// A random command on streams. Ids count from `tick`, which grows, so that most are above those
/// that are there; `decided` leaves out those that the server takes from its clock.
pub(super) fn command(rng: &mut Rng, tick: u64, decided: bool) -> Command {
    let (name, now) = (key(rng), tick / TICKS);
    match rng.below(40) {
        0..=9 => add(rng, name, now, decided),
        10 => trim(rng, command!["XTRIM", name], now),
        11..=12 => ids(rng, command!["XDEL", name], now),
        13..=14 => {
            let mut group = command!["XGROUP", "CREATE", name, group(rng), id_or_last(rng, now)];
            if rng.one_in(2) {
                group.push(b"MKSTREAM".to_vec());
            }
            group
        }
        15..=17 => read_group(rng, name, now),
        18 => {
            let start = command!["XACK", name, group(rng)];
            ids(rng, start, now)
        }
        19 => claim(rng, name, now),
        20..=21 => auto_claim(rng, name, now),
        22 => manage(rng, name, now),
        23 => command!["XSETID", name, id(rng, now + 1)],
        24..=26 => {
            command![rng.pick(&["XRANGE", "xrange"]), name, bound(rng, now), bound(rng, now)]
        }
        27..=28 => {
            let count = rng.between(-1, 5).to_string();
            command!["XREVRANGE", name, bound(rng, now), bound(rng, now), "COUNT", count]
        }
        29..=30 => read(rng, name, now),
        31 => command!["XLEN", name],
        32 => command!["XPENDING", name, group(rng)],
        33..=34 => pending(rng, name, now),
        35 => command!["XINFO", "STREAM", name],
        36 => {
            command!["XINFO", "STREAM", name, "FULL", "COUNT", rng.below(30).to_string()]
        }
        37 => command!["XINFO", "GROUPS", name],
        38 => command!["XINFO", "CONSUMERS", name, group(rng)],
        _ => elsewhere(rng, name),
    }
}

pub(super) fn key(rng: &mut Rng) -> Vec<u8> {
    let initial = if rng.one_in(40) { rng.pick(&["s", "l", "h", "z"]) } else { "t" };
    named(initial, rng.below(STREAMS))
}

pub(super) fn group(rng: &mut Rng) -> &'static str {
    if rng.one_in(30) { "no group" } else { rng.pick(&["g", "group 2"]) }
}

pub(super) fn consumer(rng: &mut Rng) -> &'static str {
    rng.pick(&["ann", "bob", "a consumer of a long name", ""])
}

/// An id of a while ago, now and then none.
pub(super) fn id(rng: &mut Rng, now: u64) -> String {
    let ms = now.saturating_sub(rng.below(60));
    match rng.below(30) {
        0 => ms.to_string(),
        1 => {
            rng.pick(&["x", "0-0", "-", "1-x", "18446744073709551615-18446744073709551615"]).into()
        }
        2..=4 => format!("{ms}-{}", rng.below(4)),
        _ => format!("{ms}-0"),
    }
}

fn id_or_last(rng: &mut Rng, now: u64) -> String {
    match rng.below(3) {
        0 => "$".to_owned(),
        1 => "0".to_owned(),
        _ => id(rng, now),
    }
}

pub(super) fn bound(rng: &mut Rng, now: u64) -> String {
    match rng.below(6) {
        0 => "-".to_owned(),
        1 => "+".to_owned(),
        2 => format!("({}", id(rng, now)),
        _ => id(rng, now),
    }
}

fn ids(rng: &mut Rng, start: Command, now: u64) -> Command {
    repeated(rng, start, 8, |rng, to| to.push(id(rng, now).into_bytes()))
}

fn add(rng: &mut Rng, name: Vec<u8>, now: u64, decided: bool) -> Command {
    let mut add = command!["XADD", name];
    if rng.one_in(10) {
        add.push(b"NOMKSTREAM".to_vec());
    }
    if rng.one_in(6) {
        add = trim(rng, add, now);
    }
    add.push(match rng.below(12) {
        0 if !decided => b"*".to_vec(),
        0..=2 => format!("{now}-0").into_bytes(),
        3 => id(rng, now + 30).into_bytes(),
        _ => format!("{now}-*").into_bytes(),
    });
    if rng.one_in(2) {
        add.extend(command!["field", value(rng), "other", rng.below(1000).to_string()]);
        return add;
    }
    repeated(rng, add, 3, |rng, to| to.extend([member(rng), value(rng)]))
}

fn trim(rng: &mut Rng, mut to: Command, now: u64) -> Command {
    let by_id = rng.one_in(3);
    to.push(rng.pick(&[if by_id { "MINID" } else { "MAXLEN" }]).as_bytes().to_vec());
    let sign = rng.pick(&["~", "=", ""]);
    if !sign.is_empty() {
        to.push(sign.as_bytes().to_vec());
    }
    let far = now.saturating_sub(100);
    to.push(if by_id { id(rng, far) } else { rng.below(150).to_string() }.into_bytes());
    if rng.one_in(if sign == "~" { 2 } else { 30 }) {
        to.extend(command!["LIMIT", rng.below(300).to_string()]);
    }
    to
}

fn read(rng: &mut Rng, name: Vec<u8>, now: u64) -> Command {
    match rng.below(4) {
        0 => command!["XREAD", "STREAMS", name, key(rng), id(rng, now), id(rng, now)],
        1 => command!["XREAD", "STREAMS", name, "$"],
        _ => command!["XREAD", "COUNT", rng.below(4).to_string(), "STREAMS", name, id(rng, now)],
    }
}

fn read_group(rng: &mut Rng, name: Vec<u8>, now: u64) -> Command {
    let mut read = command!["XREADGROUP", "GROUP", group(rng), consumer(rng)];
    if rng.one_in(2) {
        read.extend(command!["COUNT", rng.below(6).to_string()]);
    }
    if rng.one_in(6) {
        read.push(b"NOACK".to_vec());
    }
    read.extend(match rng.below(6) {
        0 => command!["STREAMS", name, id(rng, now)],
        1 => command!["STREAMS", name, "0"],
        2 => command!["STREAMS", name, key(rng), ">", ">"],
        _ => command!["STREAMS", name, ">"],
    });
    read
}

fn claim(rng: &mut Rng, name: Vec<u8>, now: u64) -> Command {
    let start = command!["XCLAIM", name, group(rng), consumer(rng), "0"];
    let mut claim = ids(rng, start, now);
    for _ in 0..rng.below(3) {
        claim.extend(match rng.below(6) {
            0 | 1 => command!["FORCE"],
            2 => command!["JUSTID"],
            3 => command!["RETRYCOUNT", rng.below(9).to_string()],
            4 => command!["TIME", "1000000000000"],
            _ => command!["LASTID", id(rng, now)],
        });
    }
    claim
}

fn auto_claim(rng: &mut Rng, name: Vec<u8>, now: u64) -> Command {
    // What is idle for so long was given the time of `claim`.
    let idle = rng.pick(&["0", "0", "100000000"]);
    let mut claim = command!["XAUTOCLAIM", name, group(rng), consumer(rng), idle, bound(rng, now)];
    if rng.one_in(2) {
        claim.extend(command!["COUNT", rng.between(-1, 5).max(0).to_string()]);
    }
    if rng.one_in(3) {
        claim.push(b"JUSTID".to_vec());
    }
    claim
}

fn manage(rng: &mut Rng, name: Vec<u8>, now: u64) -> Command {
    match rng.below(6) {
        0 => command!["XGROUP", "DESTROY", name, group(rng)],
        1 => command!["XGROUP", "CREATECONSUMER", name, group(rng), consumer(rng)],
        2 => command!["XGROUP", "DELCONSUMER", name, group(rng), consumer(rng)],
        3 => {
            let read = rng.between(-2, 40).to_string();
            command!["XGROUP", "SETID", name, group(rng), id(rng, now), "ENTRIESREAD", read]
        }
        _ => command!["XGROUP", "SETID", name, group(rng), id_or_last(rng, now)],
    }
}

fn pending(rng: &mut Rng, name: Vec<u8>, now: u64) -> Command {
    let mut pending = command!["XPENDING", name, group(rng)];
    if rng.one_in(4) {
        pending.extend(command!["IDLE", "100000000"]);
    }
    let count = rng.between(-1, 20).to_string();
    pending.extend(command![bound(rng, now), bound(rng, now), count]);
    if rng.one_in(2) {
        pending.push(consumer(rng).as_bytes().to_vec());
    }
    pending
}

/// What other groups have for keys.
fn elsewhere(rng: &mut Rng, name: Vec<u8>) -> Command {
    match rng.below(8) {
        0 if rng.one_in(4) => command!["DEL", name],
        0 | 1 => command!["RENAME", name, key(rng)],
        2 => command!["COPY", name, key(rng), "REPLACE"],
        3 => command!["EXPIRE", name, "1000000"],
        4 => command!["PERSIST", name],
        5 => command!["OBJECT", "ENCODING", name],
        6 => command!["SORT", name],
        _ => command!["TYPE", name],
    }
}
