//! What is freed goes back to the system: by itself, and at once by `MEMORY PURGE`.

use std::time::Duration;

use redwire_testkit::{Client, Redwire, wait_until};

/// Bytes of values that are written.
const DATA: u64 = 48 << 20;
/// Bytes beyond those of an empty server that do not matter: the allocator's books, caches of threads and of connections.
const LITTLE: u64 = 16 << 20;
/// Bytes of a value.
const VALUE: usize = 400;
const KEYS: usize = DATA as usize / VALUE;

fn number(client: &mut Client, field: &str) -> u64 {
    client.info(field).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {field}"))
}

fn resident(client: &mut Client) -> u64 {
    number(client, "used_memory_rss")
}

/// The keys are in few slots, as many to each as in a data set of some gigabytes.
fn key(number: usize) -> Vec<u8> {
    format!("{{{}}}:{number}", number % 64).into_bytes()
}

fn pipeline(client: &mut Client, commands: impl Iterator<Item = Vec<Vec<u8>>>) {
    let commands: Vec<_> = commands.collect();
    commands.chunks(1000).for_each(|batch| drop(client.pipeline(batch)));
}

/// Writes the data: as short strings, which share pages, or every other key as a list.
fn fill(client: &mut Client, lists: bool) {
    let value = vec![b'v'; VALUE];
    pipeline(
        client,
        (0..KEYS).map(|at| {
            let name = if lists && at % 2 == 1 { "RPUSH" } else { "SET" };
            vec![name.into(), key(at), value.clone()]
        }),
    );
    assert!(resident(client) > DATA);
}

/// Asks to give back, and waits until no more than `most` bytes are resident.
fn purge(client: &mut Client, most: u64) {
    client.ok(&["MEMORY", "PURGE"]);
    wait_until("memory to be given back", Duration::from_secs(10), || resident(client) <= most);
}

#[test]
fn purge_gives_back_what_was_flushed_or_deleted() {
    let server = Redwire::start(&[]);
    let mut client = server.client();
    let empty = resident(&mut client);
    for freed in ["FLUSHALL", "FLUSHALL ASYNC", "DEL"] {
        fill(&mut client, true);
        if freed == "DEL" {
            pipeline(&mut client, (0..KEYS).map(|at| vec![b"DEL".to_vec(), key(at)]));
        } else {
            client.ok(&freed.split(' ').collect::<Vec<_>>());
        }
        purge(&mut client, empty + LITTLE);
    }
}

/// Keys that go here and there leave no pages half empty.
#[test]
fn purge_gives_back_what_was_evicted() {
    let server = Redwire::start(&[]);
    let mut client = server.client();
    let empty = resident(&mut client);
    fill(&mut client, false);
    let limit = DATA * 2 / 5;
    for (name, value) in [
        ("maxmemory-policy", "allkeys-random"),
        // The next command waits for all of it.
        ("maxmemory-eviction-tenacity", "100"),
        ("maxmemory", &limit.to_string()),
    ] {
        client.ok(&["CONFIG", "SET", name, value]);
    }
    // What a connection and its reply take is in it, too.
    wait_until("eviction", Duration::from_secs(10), || {
        number(&mut client, "used_memory") <= limit + (1 << 20)
    });
    purge(&mut client, empty + LITTLE + limit * 5 / 4);
}

/// Nobody has to ask.
#[test]
fn what_is_free_is_given_back_in_time() {
    let server = Redwire::start(&[]);
    let mut client = server.client();
    let empty = resident(&mut client);
    fill(&mut client, true);
    client.ok(&["FLUSHALL"]);
    wait_until("memory to be given back", Duration::from_secs(60), || {
        resident(&mut client) <= empty + LITTLE
    });
}

/// What `INFO memory` says of the allocator agrees with what the process has.
#[test]
fn books_agree_with_the_process() {
    let server = Redwire::start(&[]);
    let mut client = server.client();
    fill(&mut client, true);
    let [used, rss] = ["used_memory", "used_memory_rss"].map(|it| number(&mut client, it));
    let [allocated, active, held] = ["allocated", "active", "resident"]
        .map(|it| number(&mut client, &format!("allocator_{it}")));
    println!("{used} used, {allocated} allocated, {active} active, {held} held, {rss} resident");
    assert!(used <= allocated && allocated <= active && active <= held);
    // What the allocator rounds up, and the ends of its pages.
    assert!(active < used * 3 / 2);
    assert!(held.abs_diff(rss) < LITTLE);
    assert!(client.info("mem_allocator").is_some_and(|name| name.starts_with("jemalloc-")));
}
