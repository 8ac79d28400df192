//! redis-rs' ordinary use.
#![expect(clippy::disallowed_methods, reason = "a client that waits is a thread of its own")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::thread;

use redis::geo::{Coord, RadiusOptions, Unit};
use redis::streams::{StreamRangeReply, StreamReadOptions, StreamReadReply};
use redis::{Client, Commands, Connection, ErrorKind, RedisResult, ServerErrorKind};
use redwire_testkit::Server;

type Done = RedisResult<()>;

pub(crate) fn passes(server: &Server) {
    for protocol in ["", "?protocol=resp3"] {
        let address = format!("redis://127.0.0.1:{}/{protocol}", server.port_text());
        let client = Client::open(address).expect("an address");
        let mut connection = client.get_connection().expect("connect");
        for part in [strings_and_keys, collections, streams, errors, connections] {
            redis::cmd("FLUSHALL").query::<()>(&mut connection).expect("FLUSHALL");
            part(&mut connection).expect("a part of the ordinary use");
        }
        transactions(&client, &mut connection).expect("transactions");
        messages(&client, &mut connection).expect("messages");
        waiting(&client, &mut connection).expect("a command that waits");
    }
}

fn strings_and_keys(r: &mut Connection) -> Done {
    assert_eq!(redis::cmd("PING").query::<String>(r)?, "PONG");
    r.set::<_, _, ()>("key", "value")?;
    assert_eq!(r.get::<_, Option<String>>("key")?.as_deref(), Some("value"));
    assert_eq!(r.get::<_, Option<String>>("none")?, None);
    let _: () = redis::cmd("SET").arg(&["key", "x", "EX", "9", "XX"]).query(r)?;
    assert!((1..=9).contains(&r.ttl::<_, i64>("key")?));
    assert!(r.persist::<_, bool>("key")?);
    assert_eq!(r.incr::<_, _, i64>("n", 5)?, 5);
    assert!((r.incr::<_, _, f64>("f", 0.5)? - 0.5).abs() < f64::EPSILON);
    r.mset::<_, _, ()>(&[("a", "1"), ("b", "2")])?;
    let values: Vec<Option<i64>> = r.mget(&["a", "none", "b"])?;
    assert_eq!(values, [Some(1), None, Some(2)]);
    let keys: BTreeSet<String> = r.scan()?.collect::<RedisResult<_>>()?;
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["a", "b", "f", "key", "n"]);
    assert_eq!(r.del::<_, usize>(&["a", "none"])?, 1);
    let blob: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    r.set::<_, _, ()>(&b"\0\xff"[..], &blob)?;
    assert_eq!(r.get::<_, Vec<u8>>(&b"\0\xff"[..])?, blob);
    Ok(())
}

fn collections(r: &mut Connection) -> Done {
    assert_eq!(r.rpush::<_, _, usize>("l", &["a", "b", "c"])?, 3);
    assert_eq!(r.lrange::<_, Vec<String>>("l", 0, -1)?, ["a", "b", "c"]);
    assert_eq!(r.lpop::<_, Option<String>>("l", None)?.as_deref(), Some("a"));
    r.hset_multiple::<_, _, _, ()>("h", &[("f", "1"), ("g", "two")])?;
    let fields: HashMap<String, String> = r.hgetall("h")?;
    assert_eq!(
        fields,
        HashMap::from([("f", "1"), ("g", "two")].map(|(f, v)| (f.into(), v.into())))
    );
    assert_eq!(r.sadd::<_, _, usize>("s", &["a", "b"])?, 2);
    let members: BTreeSet<String> = r.smembers("s")?;
    assert_eq!(members.len(), 2);
    let pairs = [(1.0, "one"), (f64::INFINITY, "top")];
    assert_eq!(r.zadd_multiple::<_, _, _, usize>("z", &pairs)?, 2);
    let ranked: Vec<(String, f64)> = r.zrange_withscores("z", 0, -1)?;
    assert_eq!(ranked, [("one".into(), 1.0), ("top".into(), f64::INFINITY)]);
    assert_eq!(r.zscore::<_, _, Option<f64>>("z", "none")?, None);
    assert!(r.pfadd::<_, _, bool>("hll", &["a", "b"])?);
    assert_eq!(r.pfcount::<_, usize>("hll")?, 2);
    let palermo = (Coord::lon_lat(13.361_389, 38.115_556), "Palermo");
    assert_eq!(r.geo_add::<_, _, usize>("g", palermo)?, 1);
    let near: Vec<String> = Commands::geo_radius(
        r,
        "g",
        13.0,
        38.0,
        100.0,
        Unit::Kilometers,
        RadiusOptions::default(),
    )?;
    assert_eq!(near, ["Palermo"]);
    Ok(())
}

fn streams(r: &mut Connection) -> Done {
    let id: String = r.xadd("x", "*", &[("field", "value")])?;
    let range: StreamRangeReply = r.xrange_all("x")?;
    assert_eq!(range.ids[0].id, id);
    assert_eq!(range.ids[0].get::<String>("field").as_deref(), Some("value"));
    let _: () = r.xgroup_create("x", "group", "0")?;
    let options = StreamReadOptions::default().group("group", "me").count(1);
    let read: Option<StreamReadReply> = r.xread_options(&["x"], &[">"], &options)?;
    assert_eq!(read.expect("an entry").keys[0].ids[0].id, id);
    assert_eq!(r.xack::<_, _, _, usize>("x", "group", &[&id])?, 1);
    Ok(())
}

fn errors(r: &mut Connection) -> Done {
    r.set::<_, _, ()>("text", "abc")?;
    let wrong = r.lpush::<_, _, usize>("text", "1").expect_err("a wrong type");
    assert_eq!(wrong.code(), Some("WRONGTYPE"));
    let text = r.incr::<_, _, i64>("text", 1).expect_err("no number");
    assert_eq!(text.kind(), ErrorKind::Server(ServerErrorKind::ResponseError));
    redis::cmd("NO").query::<()>(r).expect_err("no such command");
    Ok(())
}

fn connections(r: &mut Connection) -> Done {
    let info: redis::InfoDict = redis::cmd("INFO").query(r)?;
    assert_eq!(info.get::<String>("role").as_deref(), Some("master"));
    let databases: BTreeMap<String, String> =
        redis::cmd("CONFIG").arg("GET").arg("databases").query(r)?;
    assert_eq!(databases["databases"], "16");
    let replies: Vec<String> = {
        let mut pipe = redis::pipe();
        for number in 0..500 {
            pipe.set(format!("many:{number}"), "v".repeat(number));
        }
        pipe.query(r)?
    };
    assert!(replies.len() == 500 && replies.iter().all(|reply| reply == "OK"));
    Ok(())
}

fn transactions(client: &Client, r: &mut Connection) -> Done {
    let mut pipe = redis::pipe();
    let done: (String, i64) = pipe.atomic().set("x", 1).incr("x", 1).query(r)?;
    assert_eq!(done, ("OK".into(), 2));
    let mut other = client.get_connection()?;
    let mut tries = 0;
    let sum: (i64,) = redis::transaction(&mut other, &["x"], |r, pipe| {
        tries += 1;
        let x: i64 = r.get("x")?;
        if tries == 1 {
            // By another connection: the first try is lost.
            client.get_connection()?.set::<_, _, ()>("x", 10)?;
        }
        pipe.set("x", x + 1).ignore().get("x").query(r)
    })?;
    assert_eq!((tries, sum), (2, (11,)));
    Ok(())
}

fn messages(client: &Client, r: &mut Connection) -> Done {
    let mut reader = client.get_connection()?;
    let mut news = reader.as_pubsub();
    news.subscribe("news")?;
    news.psubscribe("n*")?;
    assert_eq!(r.publish::<_, _, usize>("news", "hello")?, 2);
    for _ in 0..2 {
        let message = news.get_message()?;
        assert_eq!(message.get_channel_name(), "news");
        assert_eq!(message.get_payload::<String>()?, "hello");
    }
    Ok(())
}

fn waiting(client: &Client, r: &mut Connection) -> Done {
    let mut waiter = client.get_connection()?;
    let popped = thread::spawn(move || waiter.blpop(&["a", "b"], 20.0));
    let blocked = |r: &mut Connection| -> RedisResult<Option<usize>> {
        Ok(redis::cmd("INFO").arg("clients").query::<redis::InfoDict>(r)?.get("blocked_clients"))
    };
    while blocked(r)? != Some(1) {}
    let _: usize = r.rpush("b", "x")?;
    let popped: (String, String) = popped.join().expect("the waiting thread")?;
    assert_eq!(popped, ("b".into(), "x".into()));
    Ok(())
}
