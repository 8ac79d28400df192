"""Ordinary use of redis-py: python3 ordinary_use.py PORT PROTOCOL (2 or 3)."""

import sys

import redis

PORT, PROTOCOL = int(sys.argv[1]), int(sys.argv[2])


def connect(**options):
    return redis.Redis(
        host="127.0.0.1", port=PORT, protocol=PROTOCOL, socket_timeout=20, **options
    )


def strings_and_keys(r):
    assert r.ping() is True
    assert r.set("key", "value") is True
    assert r.get("key") == "value"
    assert r.set("key", "other", nx=True) is None
    assert r.set("key", "other", get=False, xx=True, ex=100) is True
    assert 0 < r.ttl("key") <= 100
    assert r.persist("key") is True and r.ttl("key") == -1 and r.ttl("none") == -2
    assert r.incr("n", 5) == 5 and r.decr("n") == 4
    assert r.incrbyfloat("f", 0.5) == 0.5
    assert r.mset({"a": 1, "b": 2}) is True
    assert r.mget("a", "none", "b") == ["1", None, "2"]
    assert r.append("key", "!") == 6 and r.strlen("key") == 6
    assert r.getrange("key", 0, 1) == "ot"
    assert r.exists("a", "b", "none") == 2
    assert r.type("a") == "string"
    assert sorted(r.keys("?")) == ["a", "b", "f", "n"]
    assert r.rename("a", "c") is True and r.delete("c", "none") == 1
    assert r.expire("b", 100) is True and r.expire("none", 100) is False
    assert r.dbsize() == len(r.keys())


def collections(r):
    assert r.rpush("l", "a", "b", "c") == 3
    assert r.lrange("l", 0, -1) == ["a", "b", "c"]
    assert r.lpop("l") == "a" and r.rpop("l") == "c" and r.llen("l") == 1
    assert r.lindex("l", 5) is None
    assert r.hset("h", mapping={"f": 1, "g": "two"}) == 2
    assert r.hgetall("h") == {"f": "1", "g": "two"}
    assert r.hget("h", "none") is None and r.hmget("h", ["g", "none"]) == ["two", None]
    assert r.hincrby("h", "f", 2) == 3 and r.hexists("h", "f") is True
    assert sorted(r.hkeys("h")) == ["f", "g"] and r.hdel("h", "f") == 1
    assert r.sadd("s", "a", "b", "c") == 3
    assert r.smembers("s") == {"a", "b", "c"}
    assert r.sismember("s", "a") == 1 and r.srem("s", "a") == 1
    assert r.sadd("t", "b") == 1 and r.sinter("s", "t") == {"b"} and r.sdiff("s", "t") == {"c"}
    assert r.spop("t") == "b" and r.spop("t") is None
    assert r.zadd("z", {"one": 1, "half": 0.5, "top": float("inf")}) == 3
    ranked = r.zrange("z", 0, -1, withscores=True)
    assert [tuple(pair) for pair in ranked] == [("half", 0.5), ("one", 1.0), ("top", float("inf"))]
    assert r.zscore("z", "half") == 0.5 and r.zscore("z", "none") is None
    assert r.zincrby("z", 2, "one") == 3.0 and r.zrank("z", "one") == 1
    assert r.zrangebyscore("z", 1, "+inf") == ["one", "top"]
    popped = r.zpopmin("z")
    assert len(popped) in (1, 2) and "half" in str(popped), popped
    assert r.zcard("z") == 2


def errors(r):
    r.set("text", "abc")
    for call in (lambda: r.lpush("text", 1), lambda: r.incr("text"), lambda: r.execute_command("NO")):
        try:
            call()
        except redis.ResponseError:
            continue
        raise AssertionError("an error was expected")


def transactions(r):
    with r.pipeline(transaction=True) as p:
        assert p.set("x", 1).incr("x").hset("xh", "f", "v").execute() == [True, 2, 1]
    with r.pipeline(transaction=False) as p:
        for i in range(500):
            p.set(f"many:{i}", "v" * i)
        assert p.execute() == [True] * 500
    with r.pipeline() as p:
        p.watch("x")
        r.set("x", "changed by another connection")
        p.multi()
        p.set("x", "lost")
        try:
            p.execute()
        except redis.WatchError:
            pass
        else:
            raise AssertionError("WATCH saw nothing")
    with r.pipeline() as p:
        p.lpush("x", 1)
        p.set("y", "still runs")
        replies = p.execute(raise_on_error=False)
        assert isinstance(replies[0], redis.ResponseError) and replies[1] is True
    assert r.transaction(lambda p: p.multi() or p.incr("count"), "count") == [1]


def messages(r):
    """What is pushed: by `>` in RESP3, as replies in RESP2."""
    p = r.pubsub()
    p.subscribe("news")
    p.psubscribe("n*")
    kinds = [p.get_message(timeout=20)["type"] for _ in range(2)]
    assert kinds == ["subscribe", "psubscribe"], kinds
    assert r.publish("news", "hello") == 2
    got = [p.get_message(timeout=20) for _ in range(2)]
    assert [(m["type"], m["channel"], m["data"]) for m in got] == [
        ("message", "news", "hello"),
        ("pmessage", "news", "hello"),
    ], got
    p.unsubscribe()
    assert p.get_message(timeout=20)["type"] == "unsubscribe"
    p.punsubscribe()
    assert p.get_message(timeout=20)["type"] == "punsubscribe"
    p.close()
    assert r.publish("news", "gone") == 0


def connections(r):
    raw = connect(db=3, client_name="worker")
    blob = bytes(range(256)) * 1000
    assert raw.set(b"\x00\xff", blob) is True and raw.get(b"\x00\xff") == blob
    assert raw.client_getname() in ("worker", b"worker")
    assert r.exists(b"\x00\xff") == 0
    assert raw.flushdb() is True and raw.dbsize() == 0
    names = [client["name"] for client in r.client_list()]
    assert "worker" in names, names
    assert r.client_id() > 0
    assert r.echo("hello") == "hello"
    assert r.time()[0] > 1_600_000_000
    info = r.info()
    assert info["role"] == "master" and info["redis_version"], info
    assert r.info("replication")["connected_slaves"] == 0
    assert r.config_get("databases") == {"databases": "16"}
    assert r.config_set("slowlog-max-len", 100) is True
    assert r.lastsave() is not None and r.slowlog_len() >= 0
    pool = redis.ConnectionPool(host="127.0.0.1", port=PORT, protocol=PROTOCOL, max_connections=8)
    clients = [redis.Redis(connection_pool=pool) for _ in range(8)]
    assert all(client.ping() for client in clients)


def main():
    r = connect(decode_responses=True)
    assert r.flushall() is True
    for part in (strings_and_keys, collections, errors, transactions, messages, connections):
        part(r)
        assert r.flushall() is True
    print(f"redis-py {redis.__version__}: RESP{PROTOCOL} fine")


main()
