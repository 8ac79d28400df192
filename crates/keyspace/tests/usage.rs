//! Idle times and frequencies: what counts as a use, what commands and files say of them.

use redwire_keyspace::{
    Dataset, EvictionPolicy, Keyspace, Loader, NoHost, Session, Settings, UnixMs,
};
use redwire_rdb::{DecodeOptions, Decoder, EncodeOptions, Encoder, Event};
use redwire_resp::RequestBuf;

/// A keyspace, its client, and the time in seconds.
struct Stage {
    keyspace: Keyspace,
    session: Session,
    now: u64,
}

impl Stage {
    fn new(policy: EvictionPolicy) -> Self {
        let mut settings = Settings::default();
        settings.eviction = policy;
        let (keyspace, session) = (Keyspace::new(settings, 42), Session::new(1));
        Self { keyspace, session, now: 1_700_000_000 }
    }

    fn run(&mut self, line: &str) -> String {
        let args: Vec<&str> = line.split(' ').collect();
        String::from_utf8_lossy(&self.call(&args)).trim_end().to_owned()
    }

    fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Vec<u8> {
        let request = RequestBuf::from_args(args);
        let mut out = Vec::new();
        let now = UnixMs(self.now * 1000);
        self.keyspace.execute(&mut NoHost, &mut self.session, request.as_request(), now, &mut out);
        out
    }

    /// Saves the data set, and loads it into another stage, `later` seconds after.
    fn reloaded(&mut self, policy: EvictionPolicy, later: u64) -> Self {
        assert!(self.keyspace.begin_snapshot());
        let mut items = Vec::new();
        while !self.keyspace.walk_snapshot(1000, &mut items) {}
        let mut encoder = Encoder::new(EncodeOptions::default());
        let mut file = Vec::new();
        encoder.start(&mut file);
        for item in items {
            encoder.select_db(&mut file, item.db, 1, 0);
            item.encode(&mut encoder, &mut file, &mut |_| {}).expect("every version holds it");
        }
        encoder.end(&mut file);
        let mut stage = Self::new(policy);
        stage.now = self.now + later;
        let loader = Loader::new(Dataset::new(16, 1), None);
        let mut loader = loader.dating(UnixMs(stage.now * 1000), stage.keyspace.settings());
        let mut decoder = Decoder::new(DecodeOptions::default());
        let mut unread = &file[..];
        loop {
            let decoded = decoder.decode(unread).expect("a file of ours");
            match decoded.event.expect("a whole file") {
                Event::End => break,
                event => loader.handle(&event).expect("a file of ours"),
            }
            unread = &unread[decoded.used..];
        }
        stage.keyspace.replace_data(loader.finish());
        stage
    }
}

#[test]
fn what_reads_or_writes_a_key_is_a_use_and_what_looks_at_it_is_none() {
    for (command, used) in [
        ("GET k", true),
        ("STRLEN k", true),
        ("APPEND k x", true),
        ("SET k v", true),
        ("EXPIRE k 100", true),
        ("TOUCH k", true),
        ("DUMP k", true),
        ("COPY k other", true),
        ("EXISTS k", false),
        ("TTL k", false),
        ("TYPE k", false),
        ("OBJECT ENCODING k", false),
        ("OBJECT IDLETIME k", false),
        ("SCAN 0 TYPE string", false),
        ("KEYS *", false),
        ("RANDOMKEY", false),
    ] {
        let mut stage = Stage::new(EvictionPolicy::Noeviction);
        stage.run("SET k v");
        stage.now += 100;
        stage.run(command);
        stage.now += 10;
        let expected = if used { ":10" } else { ":110" };
        assert_eq!(stage.run("OBJECT IDLETIME k"), expected, "{command}");
    }
}

#[test]
fn a_client_that_leaves_no_trace() {
    let mut stage = Stage::new(EvictionPolicy::Noeviction);
    stage.run("SET k v");
    stage.now += 100;
    stage.session.no_touch = true;
    stage.run("GET k");
    stage.run("APPEND k x");
    assert_eq!(stage.run("OBJECT IDLETIME k"), ":100");
    stage.run("TOUCH k");
    assert_eq!(stage.run("OBJECT IDLETIME k"), ":0");
}

#[test]
fn only_changes_count_where_keys_are_evicted_by_them() {
    let mut stage = Stage::new(EvictionPolicy::AllkeysLrm);
    stage.run("RPUSH k a b");
    stage.now += 7;
    stage.run("LRANGE k 0 -1");
    assert_eq!(stage.run("OBJECT IDLETIME k"), ":7");
    stage.run("RPUSH k c");
    assert_eq!(stage.run("OBJECT IDLETIME k"), ":0");
}

#[test]
fn frequencies_go_with_their_keys() {
    let mut stage = Stage::new(EvictionPolicy::AllkeysLfu);
    let idle = stage.run("OBJECT IDLETIME k");
    assert_eq!(idle, "$-1");
    stage.run("SADD k a");
    assert_eq!(stage.run("OBJECT FREQ k"), ":5");
    assert!(stage.run("OBJECT IDLETIME k").starts_with("-ERR An LFU maxmemory policy is selected"));
    stage.run("SADD k b");
    assert_eq!(stage.run("OBJECT FREQ k"), ":6", "the first use of a new key always counts");
    let payload = stage.call(&["DUMP", "k"]);
    let payload = &payload[payload.iter().position(|byte| *byte == b'\n').unwrap() + 1..];
    let payload = &payload[..payload.len() - 2];
    stage.call(&[&b"RESTORE"[..], b"r", b"0", payload, b"FREQ", b"200"]);
    assert_eq!(stage.run("OBJECT FREQ r"), ":200");
    stage.run("RENAME r s");
    assert!([":200", ":201"].contains(&&*stage.run("OBJECT FREQ s")));
    stage.now += 600;
    assert!([":190", ":191"].contains(&&*stage.run("OBJECT FREQ s")), "less one each minute");
    let mut lru = Stage::new(EvictionPolicy::Noeviction);
    lru.call(&[&b"RESTORE"[..], b"r", b"0", payload, b"IDLETIME", b"5000"]);
    assert_eq!(lru.run("OBJECT IDLETIME r"), ":5000");
    assert!(lru.run("OBJECT FREQ r").starts_with("-ERR An LFU maxmemory policy is not selected"));
}

#[test]
fn files_carry_what_the_policy_goes_by() {
    let cases = [
        (EvictionPolicy::AllkeysLru, EvictionPolicy::AllkeysLru, "OBJECT IDLETIME k", ":100"),
        (EvictionPolicy::AllkeysLru, EvictionPolicy::Noeviction, "OBJECT IDLETIME k", ":100"),
        (EvictionPolicy::Noeviction, EvictionPolicy::AllkeysLru, "OBJECT IDLETIME k", ":0"),
        (EvictionPolicy::VolatileLfu, EvictionPolicy::AllkeysLfu, "OBJECT FREQ k", ":6"),
        (EvictionPolicy::VolatileLfu, EvictionPolicy::AllkeysLru, "OBJECT IDLETIME k", ":0"),
        (EvictionPolicy::AllkeysLru, EvictionPolicy::AllkeysLfu, "OBJECT FREQ k", ":5"),
    ];
    for (saved, loaded, question, answer) in cases {
        let mut stage = Stage::new(saved);
        stage.run("SET k v");
        stage.run("GET k");
        if !saved.is_lfu() {
            stage.now += 100;
            stage.run("PING");
        }
        let mut other = stage.reloaded(loaded, 50);
        assert_eq!(other.run(question), answer, "{saved:?} to {loaded:?}");
    }
}

/// A snapshot under way gives what was when it began, of keys that are used meanwhile too.
#[test]
fn a_key_that_is_used_while_a_snapshot_runs_is_not_idle_for_ever() {
    let mut stage = Stage::new(EvictionPolicy::AllkeysLru);
    stage.run("SET k v");
    stage.now += 5;
    stage.run("PING");
    assert!(stage.keyspace.begin_snapshot());
    stage.now += 60;
    stage.run("GET k");
    let mut items = Vec::new();
    while !stage.keyspace.walk_snapshot(1000, &mut items) {}
    assert_eq!(items[0].usage, Some(redwire_keyspace::KeyUsage::Idle(0)));
}
