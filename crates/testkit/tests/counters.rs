//! What a command counts as hits and misses of keys, beside a real server.

use redwire_testkit::{Client, Peer, Redwire};

/// Commands on keys that are there and that are not, by groups; each line is one command.
const COMMANDS: &str = "
SET s 1
GET s
GET none
MGET s none l
SET s 2 GET
SET s 3 XX
SET none2 3 XX
SETNX s 1
GETSET s 1
GETDEL none
GETEX s
STRLEN s
APPEND s x
SETRANGE s 0 y
GETRANGE s 0 1
INCR n
DECR n
INCRBYFLOAT n 1
LCS s n
MSETNX s 1 n 2
SETBIT b 1 1
GETBIT b 1
BITCOUNT b
BITPOS b 1
BITOP AND b2 b none
BITFIELD b GET u4 0
BITFIELD b SET u4 0 1
BITFIELD_RO b GET u4 0
PFADD h a
PFADD h a b
PFCOUNT h
PFCOUNT h
PFCOUNT h none
PFMERGE h2 h none
RPUSH l a b c
LPUSHX none a
LLEN l
LINDEX l 0
LPOS l a
LRANGE l 0 -1
LSET l 0 x
LINSERT l BEFORE b y
LREM l 0 y
LTRIM l 0 5
LPOP l
RPOP none
LMOVE l l2 LEFT LEFT
LMPOP 2 none l LEFT
RPUSH l a b c
SADD m a b c
SISMEMBER m a
SMISMEMBER m a z
SCARD m
SMEMBERS m
SRANDMEMBER m
SREM m c
SADD m2 b
SINTER m m2
SINTERCARD 2 m m2
SUNION m none
SDIFF m none
SINTERSTORE m3 m m2
SUNIONSTORE m3 m m2
SMOVE m m2 a
SPOP none
SSCAN m 0
HSET f a 1 b 2
HGET f a
HGET none a
HMGET f a z
HGETALL f
HLEN f
HEXISTS f a
HKEYS f
HSTRLEN f a
HINCRBY f a 1
HSETNX f a 1
HDEL f b
HRANDFIELD f
HSCAN f 0
ZADD z 1 a 2 b
ZADD z XX 1 a
ZSCORE z a
ZMSCORE z a q
ZCARD z
ZCOUNT z 0 9
ZLEXCOUNT z - +
ZRANK z a
ZRANGE z 0 -1
ZRANGEBYSCORE z 0 9
ZRANGESTORE z2 z 0 -1
ZINCRBY z 1 a
ZUNION 2 z none
ZINTERCARD 2 z z2
ZUNIONSTORE z3 2 z none
ZDIFFSTORE z3 2 z none
ZRANDMEMBER z
ZSCAN z 0
ZREM z a
ZPOPMIN none
ZMPOP 1 z MIN
ZREMRANGEBYRANK z2 0 0
GEOADD g 13.3 38.1 p
GEOPOS g p
GEODIST g p q
GEOHASH g p
GEOSEARCH g FROMLONLAT 13 38 BYRADIUS 100 km
GEOSEARCHSTORE g2 g FROMLONLAT 13 38 BYRADIUS 100 km
XADD x 1-1 a b
XLEN x
XRANGE x - +
XREAD STREAMS x none 0 0
XGROUP CREATE x grp 0
XREADGROUP GROUP grp me STREAMS x >
XPENDING x grp
XACK x grp 1-1
XINFO STREAM x
XINFO GROUPS x
XTRIM x MAXLEN 5
XDEL x 1-1
EXISTS s none
TYPE s
TTL s
PTTL none
EXPIRETIME s
EXPIRE s 100
PERSIST s
TOUCH s none
OBJECT ENCODING s
OBJECT REFCOUNT none
DUMP s
RENAME s s2
RENAMENX s2 n
COPY s2 s3
MOVE s2 1
SORT l ALPHA
SORT_RO l ALPHA
SORT l BY w_* GET v_*
SCAN 0
KEYS *
RANDOMKEY
DEL s2 none
UNLINK s3 none
BLPOP l 1
BZPOPMIN z2 1
";

/// Hits and misses so far.
fn counted(client: &mut Client) -> [u64; 2] {
    ["keyspace_hits", "keyspace_misses"]
        .map(|name| client.info(name).and_then(|value| value.parse().ok()).expect("a number"))
}

#[test]
fn hits_and_misses_are_those_of_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let (mut real, mut ours) = (real.client(), ours.client());
    let mut different = Vec::new();
    let mut before = [[0; 2]; 2];
    for line in COMMANDS.lines().filter(|line| !line.is_empty()) {
        let command: Vec<&str> = line.split(' ').collect();
        let after = [&mut real, &mut ours].map(|client| {
            let reply = client.call(&command);
            assert!(!reply.is_error(), "{line}: {}", reply.text());
            counted(client)
        });
        let [real, ours] = [0, 1].map(|at| [0, 1].map(|kind| after[at][kind] - before[at][kind]));
        if real != ours {
            different.push(format!("{line}: {ours:?}, Redis {real:?}"));
        }
        before = after;
    }
    assert!(different.is_empty(), "[hits, misses]\n{}", different.join("\n"));
}
