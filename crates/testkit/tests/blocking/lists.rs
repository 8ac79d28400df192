//! Scenes with lists.

use crate::stage::{ALL, same_at};

pub(crate) const LISTS: &[&str] = &[
    "a: BLPOP k 0
     op: RPUSH k 1 2 3
     a?
     op: LRANGE k 0 -1",
    // Who came first is served first, one element each.
    "a: BLPOP k 0
     b: BRPOP k 0
     c: BLPOP k 0
     op: RPUSH k 1 2
     a?
     b?
     op: EXISTS k
     op: RPUSH k 3
     c?",
    // The first of its keys that has something.
    "a: BLPOP x y z 0
     op: RPUSH y 1
     a?
     b: BLPOP x y z 0
     op: RPUSH z 1
     op: RPUSH x 1
     b?
     op: LLEN x",
    "a: BLPOP k k 0
     op: RPUSH k 1 2
     a?
     op: LLEN k",
    // All that one command pushes is there before anybody is served.
    "a: BLMPOP 0 1 k LEFT COUNT 10
     b: BLPOP k 0
     op: RPUSH k 1 2 3
     a?
     op: RPUSH k 4
     b?",
    "a: BLMPOP 0 2 x y RIGHT COUNT 2
     op: RPUSH y 1 2 3
     a?
     op: LRANGE y 0 -1",
    "a: BLMOVE x y LEFT RIGHT 0
     op: RPUSH x 1 2
     a?
     op: LRANGE y 0 -1
     b: BRPOPLPUSH z y 0
     op: RPUSH z 3
     b?
     op: LRANGE y 0 -1",
    // What one moves on serves the next, and the last.
    "a: BLMOVE x y LEFT RIGHT 0
     b: BRPOPLPUSH y z 0
     c: BLPOP z 0
     op: RPUSH x 1
     a?
     b?
     c?
     op: EXISTS x y z",
    // Onto itself.
    "a: BRPOPLPUSH k k 0
     op: RPUSH k 1 2
     a?
     op: LRANGE k 0 -1",
    // A destination of another type.
    "op: SET y v
     a: BLMOVE x y LEFT LEFT 0
     b: BLPOP x 0
     op: RPUSH x 1
     a?
     b?
     op: EXISTS x",
    // One key of another type is an error at once, if it comes before one that has something.
    "op: SET s v
     op: RPUSH k 1
     op: BLPOP s k 0
     op: BLPOP k s 0
     op: BLPOP none s 0",
    // Another type is nothing that is waited for.
    "a: BLPOP k 0
     op: SET k v
     op: DEL k
     op: SADD k v
     op: DEL k
     op: ZADD k 1 v
     op: DEL k
     op: HSET k f v
     op: SET k v
     op: DEL k
     op: RPUSH k 1
     a?",
    // A value that comes and goes within one transaction was never there.
    "a: BLPOP k 0
     op: MULTI
     op: RPUSH k 1
     op: DEL k
     op: EXEC
     op: MULTI
     op: RPUSH k 1
     op: LPOP k
     op: EXEC
     op: MULTI
     op: RPUSH k 1
     op: DEL k
     op: SET k v
     op: EXEC
     op: DEL k
     op: MULTI
     op: RPUSH k 2
     op: DEL k
     op: RPUSH k 3 4
     op: EXEC
     a?
     op: LRANGE k 0 -1",
    "a: BLPOP k 0
     b: BLPOP k 0
     op: MULTI
     op: RPUSH k 1
     op: RPUSH k 2
     op: LPUSH k 0
     op: EXEC
     a?
     b?
     op: LRANGE k 0 -1",
    // In a transaction nobody waits.
    "op: MULTI
     op: BLPOP k 0
     op: BRPOP k 0
     op: BLMOVE k l LEFT LEFT 0
     op: BRPOPLPUSH k l 0
     op: BLMPOP 0 1 k LEFT
     op: BZPOPMIN k 0
     op: BZPOPMAX k 0
     op: BZMPOP 0 1 k MIN
     op: XREAD BLOCK 0 STREAMS k $
     op: RPUSH k 1
     op: BLPOP k 0
     op: EXEC",
    // From everywhere.
    "a: BLPOP k 0
     op: RPUSH other 1
     op: RENAME other k
     a?
     a: BLPOP k 0
     op: SET k v
     op: RPUSH other 1
     op: RENAME other k
     a?
     a: BLPOP k 0
     op: RPUSH other 1 2
     op: COPY other k
     a?
     op: DEL k
     a: BLPOP k 0
     op: SORT other STORE k
     a?
     op: DEL k
     a: BLPOP k 0
     op: LMOVE other k LEFT LEFT
     a?
     a: BLPOP k 0
     op: RPOPLPUSH other k
     a?",
    "a: BLPOP k 0
     op: SELECT 1
     op: RPUSH k 1
     op: LRANGE k 0 -1
     op: MOVE k 0
     op: SELECT 0
     a?",
    "a: BLPOP k 0
     op: SELECT 1
     op: RPUSH k 1
     op: SWAPDB 0 1
     op: SELECT 0
     a?
     op: DBSIZE",
    // In the database in which it waits.
    "a: BLPOP k 0
     op: SELECT 3
     op: RPUSH k 1
     op: LPOP k
     op: SELECT 0
     op: RPUSH k 2
     a?",
    "a: BLPOP k 0
     op: FLUSHALL
     op: FLUSHDB
     op: RPUSH k 1
     a?",
    // One that leaves has no place any more.
    "a: BLPOP k 0
     b: BLPOP k 0
     a!
     op: RPUSH k 1
     b?
     op: EXISTS k",
    // A key whose time is over.
    "a: BLPOP k 0
     op: MULTI
     op: RPUSH k 1
     op: PEXPIRE k 0
     op: EXEC
     op: RPUSH k 2
     a?",
    "a~: BLPOP k 0.01
     a?
     a~: BLMOVE k l LEFT LEFT 0.01
     a?
     a~: BRPOPLPUSH k l 0.0001
     a?
     a~: BLMPOP 0.01 1 k LEFT
     a?
     a~: BZPOPMIN k 0.01
     a?
     a~: BZMPOP 0.01 1 k MAX
     a?
     a~: XREAD BLOCK 10 STREAMS k $
     a?
     op: RPUSH k 1
     op: LRANGE k 0 -1",
];

#[test]
fn lists() {
    same_at(&ALL, LISTS);
}
