use super::DATABASES;
use super::command;
use super::draw::{index, key, member, repeated, score, score_bound, value};
use crate::{Command, Rng};

/// A random command, or a form of one, that came with Redis 6.2 or 7.0.
pub(super) fn command(rng: &mut Rng) -> Command {
    match rng.below(5) {
        0 => strings(rng),
        1 => lists(rng),
        2 => sets(rng),
        3 => zsets(rng),
        _ => keys(rng),
    }
}

fn strings(rng: &mut Rng) -> Command {
    let name = key(rng, "s");
    match rng.below(8) {
        0 => command!["GETDEL", name],
        1 => command!["GETEX", name],
        2 => command!["GETEX", name, "PERSIST"],
        3 => command!["GETEX", name, "EX", "100000"],
        4 => command!["SET", name, value(rng), "GET"],
        5 => command!["SET", name, value(rng), "XX", "GET", "KEEPTTL"],
        6 => command!["SET", name, value(rng), "PXAT", "4102444800000", "NX"],
        _ => command!["BITCOUNT", name, "3", "-5", "BIT"],
    }
}

fn lists(rng: &mut Rng) -> Command {
    let name = key(rng, "l");
    let (from, to) = (rng.pick(&["LEFT", "right"]), rng.pick(&["left", "RIGHT"]));
    let count = rng.below(6).to_string();
    match rng.below(8) {
        0 => command!["LPOP", name, count],
        1 => command!["RPOP", name, count],
        2..=3 => command!["LMOVE", name, key(rng, "l"), from, to],
        4 => command!["LMPOP", "2", name, key(rng, "l"), from],
        5 => command!["LMPOP", "1", name, from, "COUNT", "3"],
        6 => command!["LPOS", name, member(rng), "RANK", rng.pick(&["1", "-2"])],
        _ => command!["LPOS", name, member(rng), "COUNT", "0", "MAXLEN", "50"],
    }
}

fn sets(rng: &mut Rng) -> Command {
    let name = key(rng, "e");
    match rng.below(4) {
        0 => repeated(rng, command!["SMISMEMBER", name], 5, |rng, to| to.push(member(rng))),
        1 => command!["SINTERCARD", "2", name, key(rng, "e")],
        2 => command!["SINTERCARD", "2", name, key(rng, "i"), "LIMIT", "3"],
        _ => command!["SORT", name, "ALPHA", "DESC", "LIMIT", "1", "90", "STORE", key(rng, "l")],
    }
}

fn zsets(rng: &mut Rng) -> Command {
    let name = key(rng, "z");
    let side = rng.pick(&["MIN", "max"]);
    match rng.below(16) {
        0..=1 => command!["ZADD", name, "GT", "CH", score(rng), member(rng)],
        2..=3 => {
            command!["ZADD", name, "XX", "LT", score(rng), member(rng), score(rng), member(rng)]
        }
        4 => command!["ZADD", name, "GT", "INCR", score(rng), member(rng)],
        5 => repeated(rng, command!["ZMSCORE", name], 5, |rng, to| to.push(member(rng))),
        6 => command!["ZDIFF", "2", name, key(rng, "z"), "WITHSCORES"],
        7 => command!["ZDIFFSTORE", name, "2", key(rng, "z"), key(rng, "e")],
        8 => command!["ZINTER", "2", name, key(rng, "e"), "WITHSCORES"],
        9 => command!["ZUNION", "2", name, key(rng, "z"), "AGGREGATE", side],
        10 => command!["ZINTERCARD", "2", name, key(rng, "z"), "LIMIT", "2"],
        11 => command!["ZMPOP", "2", name, key(rng, "z"), side, "COUNT", "3"],
        12 => command!["ZRANGESTORE", key(rng, "z"), name, index(rng), index(rng), "REV"],
        13 => {
            let (from, to) = (score_bound(rng), score_bound(rng));
            command!["ZRANGESTORE", key(rng, "z"), name, from, to, "BYSCORE", "LIMIT", "1", "9"]
        }
        14 => command!["ZRANGE", name, score_bound(rng), score_bound(rng), "BYSCORE", "WITHSCORES"],
        _ => command!["ZRANGE", name, index(rng), index(rng), "REV"],
    }
}

fn keys(rng: &mut Rng) -> Command {
    let initial = rng.pick(&["s", "l", "h", "e", "i", "z"]);
    let name = key(rng, initial);
    match rng.below(7) {
        0..=1 => command!["COPY", name, key(rng, initial)],
        2 => command!["COPY", name, key(rng, initial), "REPLACE"],
        3 => command!["COPY", name, name, "DB", rng.below(DATABASES).to_string()],
        4 => command!["EXPIRE", name, "200000", rng.pick(&["NX", "XX"])],
        5 => command!["PEXPIREAT", name, "4102444800500", rng.pick(&["GT", "LT"])],
        _ => command!["SET", name, value(rng), "EXAT", "4102444800"],
    }
}
