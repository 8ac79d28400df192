use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::{Client, Reply, Server, wait_until, workload};

/// How many differing keys a failure names.
const NAMED: usize = 12;

/// Checks that two servers of the same version hold the same data, by `DEBUG DIGEST`.
///
/// # Panics
///
/// When they do not; the message names keys that differ and how.
pub fn assert_same_data(left: &Server, right: &Server) {
    let (mut a, mut b) = (left.client(), right.client());
    let digests = (a.digest(), b.digest());
    if digests.0 != digests.1 {
        let difference = difference(&mut a, &mut b).join("\n");
        panic!("{left:?} has digest {}, {right:?} {}:\n{difference}", digests.0, digests.1);
    }
}

/// Checks that the consumer groups of two servers are equal, which `DEBUG DIGEST` does not see: how
/// far each group is, and which entries are pending with whom. (Moments and counts are left out:
/// reading the history changes them at a master only.)
///
/// # Panics
///
/// When they are not, with both sides.
pub fn assert_same_groups(left_server: &Server, right_server: &Server) {
    let (mut a, mut b) = (left_server.client(), right_server.client());
    let (groups, others) = (groups(&mut a), groups(&mut b));
    for (left, right) in groups.iter().zip(&others) {
        assert_eq!(left, right, "a group of {left_server:?} and of {right_server:?}");
    }
    assert_eq!(groups.len(), others.len(), "groups of {left_server:?} and of {right_server:?}");
}

/// Database, key, group, its last id, and each pending entry's id and consumer.
type Group = (u64, Vec<u8>, String, String, Vec<(String, String)>);

fn groups(client: &mut Client) -> Vec<Group> {
    let mut all = Vec::new();
    for database in 0..workload::DATABASES {
        client.ok(&["SELECT", &database.to_string()]);
        let mut names = client.ok(&["KEYS", "t:*"]).elements().to_vec();
        names.sort_by_key(|name| name.bytes().map(<[u8]>::to_vec));
        for key in names.iter().filter_map(Reply::bytes) {
            let groups = client.call(&[&b"XINFO"[..], b"GROUPS", key]);
            for group in groups.elements() {
                // The pairs of a map, in RESP2.
                let (name, last) = (&group.elements()[1], &group.elements()[7]);
                let most = b"1000000";
                let query = [b"XPENDING", key, name.bytes().unwrap_or_default(), b"-", b"+", most];
                let pending = client.ok(&query);
                let pending = pending.elements().iter().map(|entry| {
                    let parts = entry.elements();
                    (parts[0].text(), parts[1].text())
                });
                all.push((database, key.to_vec(), name.text(), last.text(), pending.collect()));
            }
        }
    }
    all
}

/// Checks that the hashes of two servers have the same fields, of which the same expire at the same
/// moments: `DEBUG DIGEST` does not see the moments, and on Valkey not even that there are some.
///
/// # Panics
///
/// When they do not, with both sides.
pub fn assert_same_fields(left_server: &Server, right_server: &Server) {
    let (left, right) = (fields(&mut left_server.client()), fields(&mut right_server.client()));
    let servers = format!("of {left_server:?} and of {right_server:?}");
    for (one, other) in left.iter().zip(&right) {
        assert_eq!(one, other, "a field {servers}");
    }
    assert_eq!(left.len(), right.len(), "fields {servers}");
}

/// Checks that two servers hold the same values as commands answer them, which `DEBUG DIGEST` of
/// different versions says in different words: elements and scores, entries, whether keys and fields
/// expire.
///
/// # Panics
///
/// When they do not, with both sides of the first key.
pub fn assert_same_values(left_server: &Server, right_server: &Server) {
    let (mut left, mut right) = (left_server.client(), right_server.client());
    for database in 0..workload::DATABASES {
        let keys = [&mut left, &mut right].map(|client| {
            client.ok(&["SELECT", &database.to_string()]);
            client.ok(&["KEYS", "*"]).sorted()
        });
        assert_eq!(keys[0], keys[1], "keys of {left_server:?} and {right_server:?}");
        for key in keys[0].elements().iter().filter_map(Reply::bytes) {
            let values = [&mut left, &mut right].map(|client| value(client, key));
            let shown = key.escape_ascii();
            assert_eq!(values[0], values[1], "{shown} of {left_server:?} and {right_server:?}");
        }
    }
}

/// The type of a key, whether it expires, what it holds, and which fields of a hash expire.
fn value(client: &mut Client, key: &[u8]) -> (String, bool, Reply, Vec<bool>) {
    let kind = client.ok(&[&b"TYPE"[..], key]).text();
    let expires = client.ok(&[&b"PTTL"[..], key]).int() != Some(-1);
    let (command, more): (&str, &[&str]) = match &*kind {
        "list" => ("LRANGE", &["0", "-1"]),
        "set" => ("SMEMBERS", &[]),
        "hash" => ("HKEYS", &[]),
        "zset" => ("ZRANGE", &["0", "-1", "WITHSCORES"]),
        "stream" => ("XRANGE", &["-", "+"]),
        _ => ("GET", &[]),
    };
    let head = [command.as_bytes(), key];
    let args = head.into_iter().chain(more.iter().map(|word| word.as_bytes()));
    let held = client.ok(&args.collect::<Vec<_>>());
    if kind != "hash" {
        return (
            kind.clone(),
            expires,
            if kind == "set" { held.sorted() } else { held },
            Vec::new(),
        );
    }
    let names = held.sorted();
    let fields: Vec<&[u8]> = names.elements().iter().filter_map(Reply::bytes).collect();
    let count = fields.len().to_string();
    let values = client.ok(&[&[&b"HMGET"[..], key], &fields[..]].concat());
    let head = [b"HPTTL", key, b"FIELDS", count.as_bytes()];
    let times = client.ok(&[&head[..], &fields].concat());
    let expiring = times.elements().iter().map(|time| time.int() != Some(-1));
    let expiring = expiring.collect();
    (kind, expires, Reply::Array(vec![names.clone(), values]), expiring)
}

/// Database, key, field and value, and the moment, -1 if there is none.
type Field = (u64, Vec<u8>, Vec<u8>, Vec<u8>, i64);

/// Every field of every hash.
fn fields(client: &mut Client) -> Vec<Field> {
    let mut all = Vec::new();
    for database in 0..workload::DATABASES {
        client.ok(&["SELECT", &database.to_string()]);
        for key in client.ok(&["KEYS", "*"]).elements().iter().filter_map(Reply::bytes) {
            if client.ok(&[&b"TYPE"[..], key]).text() != "hash" {
                continue;
            }
            let pairs = client.ok(&[&b"HGETALL"[..], key]);
            let pairs: Vec<&[u8]> = pairs.elements().iter().filter_map(Reply::bytes).collect();
            let names: Vec<&[u8]> = pairs.iter().step_by(2).copied().collect();
            let count = names.len().to_string();
            let head = [b"HPEXPIRETIME", key, b"FIELDS", count.as_bytes()];
            let moments = client.ok(&[&head[..], &names].concat());
            for (pair, at) in pairs.chunks(2).zip(moments.elements()) {
                let at = at.int().expect("a moment");
                all.push((database, key.to_vec(), pair[0].to_vec(), pair[1].to_vec(), at));
            }
        }
    }
    all.sort();
    all
}

/// Writes a mark (the key `caught-up`) at `primary` and waits until it shows at `replica`, however
/// many servers lie between: all that was written before it has arrived, too.
///
/// # Panics
///
/// When that takes more than two minutes.
pub fn wait_caught_up(primary: &Server, replica: &Server) {
    static MARK: AtomicU64 = AtomicU64::new(1);
    let mark = MARK.fetch_add(1, Ordering::Relaxed).to_string();
    primary.client().ok(&["SET", "caught-up", &mark]);
    let mut client = replica.client();
    wait_until("the replica to catch up", Duration::from_secs(120), || {
        client.call(&["GET", "caught-up"]).bytes() == Some(mark.as_bytes())
    });
}

/// What differs between the data of two servers, one line for each key, cut to a few.
fn difference(a: &mut Client, b: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    for database in 0..workload::DATABASES {
        let (left, right) = (keys(a, database), keys(b, database));
        for (name, value) in &left {
            let shown = name.escape_ascii();
            match right.get(name) {
                None => lines.push(format!("db {database} {shown}: {value:?} only on the left")),
                Some(other) if other != value => {
                    lines.push(format!("db {database} {shown}: {value:?} against {other:?}"));
                }
                Some(_) => {}
            }
        }
        for (name, value) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
            let shown = name.escape_ascii();
            lines.push(format!("db {database} {shown}: {value:?} only on the right"));
        }
    }
    let all = lines.len();
    lines.truncate(NAMED);
    lines.push(format!("({all} keys differ)"));
    lines
}

/// Type, digest and whether there is an expiry, of every key of a database.
fn keys(client: &mut Client, database: u64) -> BTreeMap<Vec<u8>, (String, String, bool)> {
    client.ok(&["SELECT", &database.to_string()]);
    let names = client.ok(&["KEYS", "*"]);
    let mut all = BTreeMap::new();
    for name in names.elements().iter().filter_map(|reply| reply.bytes()) {
        let kind = client.ok(&[&b"TYPE"[..], name]).text();
        let digest = client.ok(&[&b"DEBUG"[..], b"DIGEST-VALUE", name]).elements()[0].text();
        let expires = client.ok(&[&b"PTTL"[..], name]).int() != Some(-1);
        all.insert(name.to_vec(), (kind, digest, expires));
    }
    all
}
