"""redis-py's commands that wait: python3 waiting.py PORT PROTOCOL (2 or 3)."""

import sys
import threading
import time

import redis

PORT, PROTOCOL = int(sys.argv[1]), int(sys.argv[2])
PATIENCE = 20


def connect(**options):
    return redis.Redis(
        host="127.0.0.1", port=PORT, protocol=PROTOCOL, decode_responses=True, **options
    )


def while_waiting(wait, then):
    """What `wait` answers on a connection of its own, when `then` runs once it waits."""
    answers = []
    operator, waiter = connect(), connect(socket_timeout=PATIENCE)
    blocked = operator.info("clients")["blocked_clients"]
    thread = threading.Thread(target=lambda: answers.append(wait(waiter)))
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while operator.info("clients")["blocked_clients"] == blocked:
        assert time.monotonic() < deadline, "it does not wait"
    then(operator)
    thread.join(PATIENCE)
    assert len(answers) == 1, "no answer"
    return answers[0]


def lists():
    popped = while_waiting(lambda r: r.blpop(["a", "b"], 0), lambda r: r.rpush("b", "1", "2"))
    assert tuple(popped) == ("b", "1"), popped
    popped = while_waiting(lambda r: r.brpop("a", 10), lambda r: r.rpush("a", "1", "2"))
    assert tuple(popped) == ("a", "2"), popped
    moved = while_waiting(
        lambda r: r.blmove("c", "d", 10, "LEFT", "RIGHT"), lambda r: r.rpush("c", "x")
    )
    assert moved == "x", moved
    assert while_waiting(lambda r: r.brpoplpush("c", "d", 10), lambda r: r.rpush("c", "y")) == "y"
    popped = while_waiting(
        lambda r: r.blmpop(10, 2, "e", "f", direction="LEFT", count=2),
        lambda r: r.rpush("f", "1", "2", "3"),
    )
    assert popped == ["f", ["1", "2"]], popped


def sorted_sets():
    popped = while_waiting(lambda r: r.bzpopmin("z", 10), lambda r: r.zadd("z", {"m": 1, "n": 2}))
    assert list(popped) == ["z", "m", 1.0], popped
    assert connect().delete("z") == 1
    popped = while_waiting(lambda r: r.bzpopmax(["y", "z"], 0), lambda r: r.zadd("z", {"m": 1.5}))
    assert list(popped) == ["z", "m", 1.5], popped
    popped = while_waiting(
        lambda r: r.bzmpop(10, 1, ["z"], min=True), lambda r: r.zadd("z", {"m": 1})
    )
    assert popped[0] == "z" and "m" in str(popped[1]), popped


def streams():
    add = lambda r: r.xadd("s", {"f": "v"}, id="1-1")
    read = while_waiting(lambda r: r.xread({"s": "$"}, block=0), add)
    assert "1-1" in str(read) and "'f': 'v'" in str(read), read
    assert connect().xgroup_create("s", "g", "$") is True
    add = lambda r: r.xadd("s", {"f": "w"}, id="2-1")
    read = while_waiting(lambda r: r.xreadgroup("g", "c", {"s": ">"}, block=10_000), add)
    assert "2-1" in str(read), read
    assert connect().xpending("s", "g")["pending"] == 1


def timeouts():
    r = connect(socket_timeout=PATIENCE)
    for wait in (
        lambda: r.blpop("none", 0.1),
        lambda: r.blmove("none", "d", 0.1),
        lambda: r.brpoplpush("none", "d", 0.1),
        lambda: r.bzpopmin("none", 0.1),
        lambda: r.xread({"none": "$"}, block=100),
    ):
        began = time.monotonic()
        assert not wait()
        assert 0.1 <= time.monotonic() - began < PATIENCE / 2
    pipeline = r.pipeline(transaction=True)
    pipeline.blpop("none", 0).rpush("q", "1").blpop("q", 0)
    answers = pipeline.execute()
    assert answers[0] is None and tuple(answers[2]) == ("q", "1"), answers


def unblocked():
    number = []

    def wait(r):
        number.append(r.client_id())
        try:
            return r.blpop("none", 0)
        except redis.ResponseError as error:
            return str(error)

    answer = while_waiting(wait, lambda r: r.client_unblock(number[-1], error=True))
    assert answer == "UNBLOCKED client unblocked via CLIENT UNBLOCK", answer
    assert while_waiting(wait, lambda r: r.client_unblock(number[-1])) is None


connect().flushall()
lists()
sorted_sets()
streams()
timeouts()
unblocked()
