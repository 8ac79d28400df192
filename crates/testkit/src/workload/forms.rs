//! Commands by their forms: what `FORMS` says in one line each is drawn at random.

use super::draw::{KEYS, index, key, member, named, score, score_bound, value};
use super::stream::{bound, consumer, group, id};
use super::zset::lex_bound;
use super::{DATABASES, geo, hyperloglog, stream};
use crate::{Command, Rng};

/// Commands and options that Redis 7.0 has, as forms.
///
/// `$name` is drawn at each place (see [`word`]), `A|B` is one of these words, what is between `[` and
/// `]` may be left out, and what is between `(` and `)` comes one to four times. Times from now on are
/// far away and told apart by more than a test takes.
pub(super) const FORMS: &[&str] = &[
    "SET $str $value [ nx|XX ] [ GET ] [ KEEPTTL ]",
    "SET $str $value [ NX|XX ] [ GET ] EX|PX $later",
    "SET $str $value [ NX|XX ] [ GET ] EXAT|PXAT $moment",
    "GETEX $str EX|PX $later",
    "GETEX $str EXAT|PXAT $moment",
    "GETEX $str [ PERSIST ]",
    "SUBSTR $str $index $index",
    "LCS $str $few",
    "LCS $short $short [ LEN ]",
    "LCS $short $short IDX [ MINMATCHLEN $few ] [ WITHMATCHLEN ]",
    "SET $short $word",
    "BITCOUNT $str [ $index $index [ BYTE|BIT ] ]",
    "BITPOS $str 0|1 [ $index [ $index [ BYTE|bit ] ] ]",
    "BITFIELD_RO $str ( GET u8|i5|u63|i64|u1|i13 $few )",
    "BITOP AND|OR|XOR $str ( $str )",
    "BLPOP ( $list ) 0.001",
    "BRPOP ( $list ) 0.001",
    "BRPOPLPUSH $list $list 0.001",
    "BLMOVE $list $list LEFT|RIGHT left|right 0.001",
    "BLMPOP 0.001 2 $list $list LEFT|RIGHT [ COUNT $some ]",
    "LMPOP 2 $list $list LEFT|RIGHT [ COUNT $some ]",
    "LPOS $list $member [ RANK -2|-1|1|2|3 ] [ COUNT $few ] [ MAXLEN $few ]",
    "RPUSH $text ( $word )",
    "DEL $text",
    "SORT $text ALPHA [ LIMIT $few $count ] [ ASC|desc ]",
    "SORT $list ALPHA [ LIMIT $few $count ] [ ASC|desc ] STORE $list",
    "SORT $ints [ LIMIT $few $count ] [ ASC|DESC ] [ STORE $list ]",
    "SORT $ints BY w:* [ LIMIT $few $count ] [ GET # ] [ GET w:* ] [ ASC|DESC ]",
    "SET $weight $few",
    "SORT $text BY nosort [ LIMIT $few $count ] GET w:* [ GET # ] [ GET h:*->1 ]",
    "SORT $lex BY nosort [ ASC|DESC ] [ LIMIT $few $count ] [ STORE $list ]",
    "SORT_RO $ints [ LIMIT $few $count ] [ GET # ] [ ASC|DESC ]",
    "SORT_RO $lex BY nosort [ LIMIT $few $count ] [ GET w:* ]",
    "SORT_RO $text ALPHA [ LIMIT $few $count ] [ ASC|DESC ]",
    "SORT_RO $ints BY w:* [ LIMIT $few $count ] [ GET # ] [ ASC|DESC ]",
    "SINTERCARD 3 $set $set $ints [ LIMIT $few ]",
    "SRANDMEMBER $set 1000000",
    "SSCAN $set 0 [ MATCH $pattern ] COUNT 1000000",
    "HRANDFIELD $hash 1000000 [ WITHVALUES ]",
    "HSCAN $hash 0 [ MATCH $pattern ] COUNT 1000000",
    "ZRANDMEMBER $zset 1000000 [ WITHSCORES ]",
    "ZSCAN $zset 0 [ MATCH $pattern ] COUNT 1000000",
    "ZADD $zset [ XX ] [ GT|LT ] [ CH ] ( $score $member )",
    "ZADD $zset NX [ CH ] ( $score $member )",
    "ZADD $zset [ NX|XX|GT|LT ] [ CH ] INCR $score $member",
    "ZRANGE $zset $bound $bound BYSCORE [ LIMIT $few $count ] [ WITHSCORES ]",
    "ZRANGE $zset $bound $bound BYSCORE REV [ LIMIT $few $count ] [ WITHSCORES ]",
    "ZRANGE $zset $index $index [ REV ] [ WITHSCORES ]",
    "ZRANGE $lex $lexbound $lexbound BYLEX [ REV ] [ LIMIT $few $count ]",
    "ZRANGEBYLEX $lex $lexbound $lexbound [ LIMIT $few $count ]",
    "ZREVRANGEBYLEX $lex $lexbound $lexbound [ LIMIT $few $count ]",
    "ZRANGEBYSCORE $zset $bound $bound [ WITHSCORES ] [ LIMIT $few $count ]",
    "ZREVRANGEBYSCORE $zset $bound $bound [ WITHSCORES ] [ LIMIT $few $count ]",
    "ZREVRANGE $zset $index $index [ WITHSCORES ]",
    "ZRANGESTORE $lex $lex $lexbound $lexbound BYLEX [ REV ] [ LIMIT $few $count ]",
    "ZRANGESTORE $zset $zset $bound $bound BYSCORE [ REV ] [ LIMIT $few $count ]",
    "ZUNION 2 $zset $zset [ WEIGHTS 2 0.5 ] [ AGGREGATE SUM|MIN|MAX ] [ WITHSCORES ]",
    "ZINTER 2 $zset $set [ WEIGHTS 2 0.5 ] [ AGGREGATE SUM|MIN|MAX ] [ WITHSCORES ]",
    "ZDIFF 2 $zset $zset [ WITHSCORES ]",
    "ZINTERCARD 2 $zset $zset [ LIMIT $few ]",
    "ZUNIONSTORE $zset 2 $zset $zset [ WEIGHTS 2 0.5 ] [ AGGREGATE SUM|MIN|MAX ]",
    "ZINTERSTORE $zset 2 $zset $zset [ WEIGHTS 2 0.5 ] [ AGGREGATE SUM|MIN|MAX ]",
    "ZMPOP 2 $zset $zset MIN|MAX [ COUNT $some ]",
    "BZMPOP 0.001 2 $zset $zset MIN|MAX [ COUNT $some ]",
    "BZPOPMIN ( $zset ) 0.001",
    "BZPOPMAX ( $zset ) 0.001",
    "XADD $stream [ NOMKSTREAM ] [ MAXLEN|MINID [ =|~ ] $few ] $tick ( $member $value )",
    "XREAD [ COUNT $some ] BLOCK 1 STREAMS $stream $stream $id $id",
    "XREADGROUP GROUP $group $consumer [ COUNT $some ] BLOCK 1 [ NOACK ] STREAMS $stream >",
    "XGROUP CREATE $stream $group 0|$ [ MKSTREAM ] [ ENTRIESREAD $few ]",
    "XGROUP SETID $stream $group 0|$ [ ENTRIESREAD $few ]",
    "XSETID $stream $tick [ ENTRIESADDED $many MAXDELETEDID $id ]",
    "XCLAIM $stream $group $consumer 0 ( $id ) [ IDLE 5 ] [ RETRYCOUNT $few ] [ FORCE ] [ JUSTID ]",
    "XPENDING $stream $group [ IDLE 0 ] $from $from $count [ $consumer ]",
    "XREVRANGE $stream $from $from [ COUNT $count ]",
    "XRANGE $stream $from $from [ COUNT $count ]",
    "XINFO STREAM $stream [ FULL [ COUNT $few ] ]",
    "GEOADD $geo [ NX|XX ] [ CH ] ( $lon $lat $member )",
    "GEODIST $geo $member $member [ m|km|ft|mi ]",
    "GEORADIUS $geo $lon $lat $radius m|km [ WITHCOORD ] [ WITHDIST ] [ WITHHASH ] ASC|DESC",
    "GEORADIUS $geo $lon $lat $radius m COUNT $some [ ANY ] ASC|DESC",
    "GEORADIUS $geo $lon $lat $radius m ASC STORE|STOREDIST $geo",
    "GEORADIUS_RO $geo $lon $lat $radius m|ft [ WITHDIST ] [ COUNT $some [ ANY ] ] ASC|DESC",
    "GEORADIUS_RO $geo $lon $lat $radius m [ WITHCOORD ] [ WITHHASH ] ASC",
    "GEORADIUSBYMEMBER $geo $member $radius m|mi [ WITHCOORD ] [ WITHDIST ] [ WITHHASH ] ASC|DESC",
    "GEORADIUSBYMEMBER $geo $member $radius m [ COUNT $some [ ANY ] ] ASC|DESC STORE|STOREDIST $geo",
    "GEORADIUSBYMEMBER $geo $member $radius km|ft COUNT $some [ ANY ] DESC",
    "GEORADIUSBYMEMBER_RO $geo $member $radius m|km|ft|mi [ WITHCOORD ] [ WITHDIST ] [ WITHHASH ] ASC|DESC",
    "GEORADIUSBYMEMBER_RO $geo $member $radius m|km|ft|mi [ COUNT $some [ ANY ] ] ASC|DESC",
    "GEORADIUS_RO $geo $lon $lat $few mi|km DESC",
    "GEORADIUS $geo $lon $lat $few mi|ft ASC",
    "GEOSEARCH $geo FROMMEMBER $member BYRADIUS $radius m|km ASC|DESC [ COUNT $some [ ANY ] ] [ WITHDIST ]",
    "GEOSEARCH $geo FROMLONLAT $lon $lat BYBOX $radius $radius mi|ft ASC [ WITHCOORD ] [ WITHHASH ]",
    "GEOSEARCHSTORE $geo $geo FROMMEMBER $member BYRADIUS $radius m|km|ft|mi ASC|DESC [ COUNT $some [ ANY ] ] [ STOREDIST ]",
    "GEOSEARCHSTORE $geo $geo FROMLONLAT $lon $lat BYBOX $radius $radius m|km|ft|mi ASC|DESC",
    "COPY $any $any [ DB $db ] [ REPLACE ]",
    "EXPIRE $any $later [ NX|XX|GT|LT ]",
    "PEXPIRE $any $later [ NX|XX|GT|LT ]",
    "EXPIREAT|PEXPIREAT $any $moment [ NX|XX|GT|LT ]",
    "EXPIRETIME|PEXPIRETIME $any",
    "TTL|PTTL $any",
    "OBJECT REFCOUNT|IDLETIME|FREQ|ENCODING $any",
    "SCAN 0 [ MATCH $pattern ] COUNT 1000000 [ TYPE string|hash|list|set|zset|stream ]",
    "DUMP $any",
    "RESTORE $any 0|$later $payload [ REPLACE ] [ IDLETIME $few ]",
    "RESTORE $any 0|$later $payload REPLACE [ FREQ $few ]",
    "RESTORE $any $moment $payload [ REPLACE ] ABSTTL",
    "FLUSHDB SYNC|ASYNC",
    "MSET ( $str $value )",
    "PFDEBUG ENCODING $hll",
    "PFCOUNT ( $hll )",
    "ECHO $value",
    "PING [ $value ]",
    "PUBLISH|SPUBLISH $word $value",
    "PUBSUB CHANNELS|SHARDCHANNELS [ $pattern ]",
    "PUBSUB NUMSUB|SHARDNUMSUB ( $word )",
    "PUBSUB NUMPAT",
];

/// Those that came with Redis 7.2 to 8.0, and that Valkey 9.1 has as well.
pub(super) const NEWER: &[&str] = &[
    "HTTL|HPTTL $hash FIELDS 1 $member",
    "HPEXPIRETIME|HEXPIRETIME|HPERSIST|HGETDEL $hash FIELDS 2 $member $member",
    "HSET $brief ( $member $value )",
    "HGETALL $brief",
    "HEXPIRE|HPEXPIRE $brief $later [ NX|XX|GT|LT ] FIELDS 2 $member $member",
    "HGETEX $brief EX|PX $later FIELDS 1 $member",
    "HSETEX $brief [ FNX|FXX ] EX|PX $later FIELDS 1 $member $value",
    "HTTL|HPTTL $brief FIELDS 2 $member $member",
    "ZRANK|ZREVRANK $zset $member [ WITHSCORE ]",
    "HSCAN $hash 0 [ MATCH $pattern ] COUNT 1000000 NOVALUES",
];

/// Those that came with Redis 8.2 to 8.6.
pub(super) const NEWEST: &[&str] = &[
    "SET $short $word [ GET ] IFEQ|IFNE $word",
    "SET $short $word IFDEQ|IFDNE 0123456789abcdef",
    "DELEX $short [ IFEQ|IFNE $word ]",
    "DELEX $short IFDEQ|IFDNE 0123456789abcdef",
    "DIGEST $str",
    "BITOP DIFF|DIFF1|ANDOR|ONE $str ( $str )",
    "MSETEX 2 $str $value $str $value [ NX|XX ] [ KEEPTTL ]",
    "MSETEX 1 $str $value [ NX|XX ] EX|PX $later",
    "MSETEX 1 $str $value [ NX|XX ] EXAT|PXAT $moment",
    "XDELEX $stream [ KEEPREF|DELREF|ACKED ] IDS 2 $id $id",
    "XACKDEL $stream $group [ KEEPREF|DELREF|ACKED ] IDS 2 $id $id",
    "XTRIM $stream MAXLEN|MINID [ =|~ ] $few [ KEEPREF|DELREF|ACKED ]",
    "XTRIM $stream MAXLEN ~ $few LIMIT $few KEEPREF|DELREF|ACKED",
    "XTRIM $stream MINID [ =|~ ] $id KEEPREF|DELREF|ACKED",
    "XADD $stream [ KEEPREF|DELREF|ACKED ] MAXLEN [ =|~ ] $few $tick ( $member $value )",
    "XREADGROUP GROUP $group $consumer [ COUNT $some ] CLAIM 0 STREAMS $stream >",
    "XCFGSET $stream [ IDMP-DURATION $few ] [ IDMP-MAXSIZE $few ]",
];

/// Those that only Valkey has.
pub(super) const VALKEY: &[&str] = &[
    "SET $short $word IFEQ $word [ GET ]",
    "DELIFEQ $short $word",
    "BITCOUNT $str $index",
    "HSETEX $hash NX|XX FIELDS 1 $member $value",
    "ZSCAN $zset 0 [ MATCH $pattern ] COUNT 1000000 NOSCORES",
    "GEOSEARCH $geo BYPOLYGON 3 $lon $lat $lon $lat $lon $lat ASC|DESC [ WITHCOORD ] [ WITHDIST ]",
    "GEOSEARCHSTORE $geo $geo BYPOLYGON 3 $lon $lat $lon $lat $lon $lat ASC [ COUNT $some ]",
];

/// What `DUMP` of a Redis 6.0 answers, for a value of each type; the last one is damaged.
const PAYLOADS: &[&[u8]] = &[
    b"\x00\x08restored\x09\x00e\x97\xe9\x14\x86\xe9iE",
    b"\x00\xc190\x09\x00Mf\xbb\xeb\xc7zk\x08",
    b"\x0e\x01\x14\x14\x00\x00\x00\x0f\x00\x00\x00\x03\x00\x00\x01a\x03\xf2\x02\x02bb\xff\x09\x00E\xb8\
      \xd5\xc623\xec\xc9",
    b"\x0d\x16\x16\x00\x00\x00\x13\x00\x00\x00\x04\x00\x00\x01f\x03\x01v\x03\x01g\x03\xf3\xff\x09\x00\
      \xb2t\xea9#\x85\x9d\x9a",
    b"\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00,\x01\x09\x005\xe2\xe3B/\x13J\x1b",
    b"\x02\x02\x01b\x01a\x09\x00\xa5+\xccO\x0a~<\xd4",
    b"\x0c\x18\x18\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01a\x03\xf2\x02\x01b\x03\x032.5\xff\x09\x00\
      \x8c\xa5LQ\xc0\xe9\xcd\x06",
    b"\x0f\x01\x10\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x1d\x1d\x00\x00\x00\
      \x0a\x00\x01\x01\x00\x01\x01\x01\x81f\x02\x00\x01\x02\x01\x00\x01\x00\x01\x81v\x02\x04\x01\xff\
      \x01\x01\x01\x01\x01g\x00\x00\x00\x00\x09\x00\x1ck\xffud(\x86\xc8",
    b"\x00\x08reShored\x09\x00e\x97\xe9\x14\x86\xe9iE",
];

/// A command of one of the forms; `now` is what ids of streams count from.
pub(super) fn draw(rng: &mut Rng, forms: &[&str], now: u64) -> Command {
    let words: Vec<&str> = rng.pick(forms).split(' ').collect();
    let mut command = Command::new();
    fill(rng, &words, now, &mut command);
    command
}

fn fill(rng: &mut Rng, words: &[&str], now: u64, to: &mut Command) {
    let mut at = 0;
    while let Some(first) = words.get(at) {
        let times = match *first {
            "[" => rng.below(2),
            "(" => 1 + rng.below(4),
            _ => {
                let choices: Vec<&str> = first.split('|').collect();
                let choice = rng.pick(&choices);
                to.push(word(rng, choice, now));
                at += 1;
                continue;
            }
        };
        let end = at + closing(&words[at..]);
        for _ in 0..times {
            fill(rng, &words[at + 1..end], now, to);
        }
        at = end + 1;
    }
}

/// Where the bracket that opens at the first of `words` is closed.
fn closing(words: &[&str]) -> usize {
    let mut depth = 0;
    for (at, word) in words.iter().enumerate() {
        match *word {
            "[" | "(" => depth += 1,
            "]" | ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    panic!("a bracket is left open: {words:?}");
}

/// What a word of a form stands for.
fn word(rng: &mut Rng, word: &str, now: u64) -> Vec<u8> {
    let Some(name) = word.strip_prefix('$').filter(|name| !name.is_empty()) else {
        return word.into();
    };
    match name {
        "str" => key(rng, "s"),
        "list" => key(rng, "l"),
        "hash" => key(rng, "h"),
        // Fields of these may expire at moments that count from now on: no two servers have those alike.
        "brief" => format!("brief:{}", rng.below(5)).into(),
        "set" => key(rng, "e"),
        "ints" => key(rng, "i"),
        "zset" => key(rng, "z"),
        "any" => {
            let initial = rng.pick(&["s", "l", "h", "e", "i", "z"]);
            key(rng, initial)
        }
        "lex" => named("x", rng.below(KEYS)),
        "geo" => geo::key(rng),
        "hll" => hyperloglog::key(rng),
        "stream" => stream::key(rng),
        // Strings for which all pairs may be compared.
        "short" => named("short", rng.below(6)),
        // Never a set, which has no order, and without zeros, where a real server's comparison ends.
        "text" => named("text", rng.below(3)),
        "weight" => format!("w:{}", rng.between(-9, 99)).into(),
        "member" => member(rng),
        "value" => value(rng),
        "word" => rng.pick(&["", "a", "abcab", "banana", "ananas", "12", "bandanna"]).into(),
        "score" => score(rng),
        "bound" => score_bound(rng),
        "lexbound" => lex_bound(rng),
        "lon" => geo::degrees(rng, 180),
        "lat" => geo::degrees(rng, 85),
        "radius" => rng.between(0, 20_000_000).to_string().into(),
        "group" => group(rng).into(),
        "consumer" => consumer(rng).into(),
        "id" => id(rng, now).into(),
        "from" => bound(rng, now).into(),
        "tick" => format!("{now}-*").into(),
        "payload" => PAYLOADS[rng.below(PAYLOADS.len() as u64) as usize].to_vec(),
        "pattern" => {
            rng.pick(&["*", "s:1*", "?:[0-4]", "e:[^3]", "h:\\1", "*1*", "nothing"]).into()
        }
        "index" => index(rng),
        other => number(rng, other).to_string().into(),
    }
}

fn number(rng: &mut Rng, name: &str) -> i64 {
    match name {
        "few" => rng.between(0, 9),
        "some" => rng.between(1, 9),
        "count" => rng.between(-1, 20),
        "many" => rng.between(1000, 9999),
        "db" => rng.between(0, DATABASES as i64 - 1),
        // In seconds or milliseconds: from now on, and a moment.
        "later" => rng.between(100_000_000, 900_000_000),
        "moment" => rng.between(4_102_444_800_000, 4_102_448_400_000),
        other => panic!("a form has ${other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_form_can_be_drawn() {
        let mut rng = Rng::new(1);
        for form in [FORMS, NEWER, NEWEST, VALKEY].concat() {
            for _ in 0..50 {
                let command = draw(&mut rng, &[form], 1000);
                assert!(!command[0].is_empty(), "{form}");
            }
        }
    }

    #[test]
    fn brackets_nest() {
        let mut rng = Rng::new(2);
        let form = "A [ b [ c ] ] ( d|e )";
        let drawn = |command: Command| String::from_utf8(command.join(&b' ')).unwrap();
        let all: BTreeSet<_> = (0..500).map(|_| drawn(draw(&mut rng, &[form], 0))).collect();
        assert!(all.contains("A d") && all.contains("A b e") && all.contains("A b c d e d"));
        assert!(all.iter().all(|it| !it.contains(['[', ']', '(', ')', '|'])));
    }
}
