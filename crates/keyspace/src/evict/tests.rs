use proptest::prelude::*;
use redwire_resp::RequestBuf;

use super::*;
use crate::{Garbage, NoHost, Session, Settings};

const NOW: u64 = 1_700_000_000_000;

fn keyspace(policy: EvictionPolicy) -> Keyspace {
    let mut keyspace = Keyspace::new(Settings { eviction: policy, ..Settings::default() }, 42);
    keyspace.events().want([EventClass::Evicted]);
    keyspace
}

fn run(keyspace: &mut Keyspace, session: &mut Session, now: u64, line: &str) -> String {
    let request = RequestBuf::from_args(line.split(' '));
    let mut out = Vec::new();
    keyspace.execute(&mut NoHost, session, request.as_request(), UnixMs(now), &mut out);
    String::from_utf8_lossy(&out).trim_end().to_owned()
}

/// The keys that are evicted until there is none to evict, each as database and name.
fn evict_all(keyspace: &mut Keyspace, now: u64) -> Vec<(u32, String)> {
    keyspace.events().take();
    while keyspace.evict(UnixMs(now)).is_some() {}
    let events = keyspace.events().take();
    let name = |key: &Blob| String::from_utf8_lossy(key).into_owned();
    events.iter().map(|event| (event.db, name(&event.key))).collect()
}

#[test]
fn every_policy_evicts_what_it_may_and_tells_of_it() {
    for policy in EvictionPolicy::ALL {
        let (mut keyspace, mut session) = (keyspace(policy), Session::new(1));
        for n in 0..200 {
            let db = n % 3;
            run(&mut keyspace, &mut session, NOW, &format!("SELECT {db}"));
            let set = if n % 2 == 0 { format!("SET k{n} v EX 100") } else { format!("SET k{n} v") };
            run(&mut keyspace, &mut session, NOW, &set);
        }
        keyspace.effects().clear();
        let mut evicted = evict_all(&mut keyspace, NOW);
        let effects: Vec<(u32, String)> = keyspace
            .effects()
            .iter()
            .map(|(db, bytes)| {
                let words = String::from_utf8_lossy(bytes).into_owned();
                (db, words.split("\r\n").nth(4).unwrap().to_owned())
            })
            .collect();
        assert_eq!(effects, evicted, "{policy:?}: a DEL for each");
        evicted.sort();
        let may = |n: &i32| match policy {
            EvictionPolicy::Noeviction => false,
            policy => !policy.is_volatile() || n % 2 == 0,
        };
        let mut expected: Vec<_> =
            (0..200).filter(may).map(|n| ((n % 3) as u32, format!("k{n}"))).collect();
        expected.sort();
        assert_eq!(evicted, expected, "{policy:?}");
        assert_eq!(keyspace.stats().evicted_keys, expected.len() as u64);
        let left: usize = (0..3).map(|db| keyspace.data().len(db)).sum();
        assert_eq!(left, 200 - expected.len(), "{policy:?}");
    }
}

#[test]
fn a_replica_tells_nobody() {
    let (mut keyspace, mut session) = (keyspace(EvictionPolicy::AllkeysRandom), Session::new(1));
    run(&mut keyspace, &mut session, NOW, "SET k v");
    keyspace.effects().clear();
    keyspace.set_role(Role::Replica { read_only: true });
    assert!(keyspace.evict(UnixMs(NOW)).is_some());
    assert!(keyspace.effects().is_empty());
}

#[test]
fn a_watched_key_is_changed_by_its_eviction() {
    let (mut keyspace, mut session) = (keyspace(EvictionPolicy::AllkeysLru), Session::new(1));
    for line in ["SET k v", "WATCH k", "MULTI", "PING"] {
        run(&mut keyspace, &mut session, NOW, line);
    }
    assert!(keyspace.evict(UnixMs(NOW)).is_some());
    assert_eq!(run(&mut keyspace, &mut session, NOW, "EXEC"), "*-1");
}

/// How many of 1000 keys that are evicted are among the half that should go.
fn quality(policy: EvictionPolicy, prepare: impl Fn(&mut Keyspace, &mut Session, u64)) -> usize {
    let (mut keyspace, mut session) = (keyspace(policy), Session::new(1));
    for n in 0..2000 {
        prepare(&mut keyspace, &mut session, n);
    }
    keyspace.events().take();
    let mut good = 0;
    for _ in 0..1000 {
        assert!(keyspace.evict(UnixMs(NOW + 2_000_000)).is_some());
        let event = keyspace.events().take().pop().unwrap();
        let n: u64 = String::from_utf8_lossy(&event.key[1..]).parse().unwrap();
        good += usize::from(n < 1000);
    }
    good
}

#[test]
fn what_goes_is_what_is_needed_least() {
    let set = |keyspace: &mut Keyspace, session: &mut Session, n: u64| {
        run(keyspace, session, NOW + n * 1000, &format!("SET k{n} v EX {}", 9000 - n));
    };
    // A draw of 5 at a time is as good as Redis'; at random it would be 500.
    let good = quality(EvictionPolicy::AllkeysLru, set);
    assert!(good > 850, "{good} by time");
    let good = quality(EvictionPolicy::VolatileLru, set);
    assert!(good > 850, "{good} by time of those that expire");
    let good = quality(EvictionPolicy::AllkeysLfu, |keyspace, session, n| {
        keyspace.settings_mut().lfu_decay_time = 0;
        run(keyspace, session, NOW, &format!("SET k{n} v"));
        if n >= 1000 {
            (0..3).for_each(|_| drop(run(keyspace, session, NOW, &format!("GET k{n}"))));
        }
    });
    assert!(good > 850, "{good} by frequency");
    let good = quality(EvictionPolicy::AllkeysLrm, |keyspace, session, n| {
        run(keyspace, session, NOW + n * 1000, &format!("SET k{n} v"));
        run(keyspace, session, NOW + 2_000_000, &format!("GET k{n}"));
    });
    assert!(good > 850, "{good} by time of change");
    let good = quality(EvictionPolicy::VolatileTtl, |keyspace, session, n| {
        run(keyspace, session, NOW, &format!("SET k{n} v EX {}", 10_000 + n));
    });
    assert_eq!(good, 1000, "by expiry, exactly");
}

/// A key that is rare among those that do not expire is found all the same.
#[test]
fn a_few_that_expire_among_many_are_found() {
    let (mut keyspace, mut session) = (keyspace(EvictionPolicy::VolatileLru), Session::new(1));
    for n in 0..5000 {
        run(&mut keyspace, &mut session, NOW, &format!("SET k{n} v"));
    }
    for n in 0..3 {
        run(&mut keyspace, &mut session, NOW, &format!("SET e{n} v EX {}", n * 1000 + 10));
    }
    assert_eq!(evict_all(&mut keyspace, NOW).len(), 3);
    assert_eq!(keyspace.data().len(0), 5000);
}

/// What waits to be freed is not evicted for once more: its bytes are known without a sum.
#[test]
fn large_values_wait_with_their_bytes() {
    let (mut keyspace, mut session) = (keyspace(EvictionPolicy::AllkeysRandom), Session::new(1));
    let members: String = (0..200).map(|n| format!(" member{n}")).collect();
    for key in 0..10 {
        run(&mut keyspace, &mut session, NOW, &format!("SADD s{key}{members}"));
    }
    while keyspace.evict(UnixMs(NOW)).is_some() {
        let sum: usize = keyspace.garbage().iter().map(Garbage::bytes).sum();
        assert_eq!(keyspace.garbage_bytes(), sum as u64);
    }
    assert!(keyspace.garbage_bytes() > 10 * 200 * 7);
    assert_eq!(keyspace.take_garbage().len(), 10);
    assert_eq!(keyspace.garbage_bytes(), 0);
}

/// What eviction frees are tables too: they shrink as their keys go, and are gone with the last.
#[test]
fn tables_shrink_as_their_keys_go() {
    let (mut keyspace, mut session) = (keyspace(EvictionPolicy::AllkeysRandom), Session::new(1));
    for n in 0..1000 {
        run(&mut keyspace, &mut session, NOW, &format!("SET {{t}}{n} v"));
    }
    let slot = usize::from(crate::key_slot(b"{t}"));
    while keyspace.evict(UnixMs(NOW)).is_some() {
        let left = keyspace.data().len(0);
        let (entries, buckets) = keyspace.data.databases[0].size_of_slot(slot);
        assert_eq!(entries, left);
        assert!(left < 4 || left * 16 > buckets / 8 * 7 * 7, "{left} in {buckets}");
        assert!(left > 0 || buckets <= 1, "an empty table takes no memory");
    }
}

proptest! {
    #[test]
    fn the_pool_keeps_the_best(scores in proptest::collection::vec(0_u64..40, 0..80)) {
        let mut pool = Pool::default();
        for (n, score) in scores.iter().enumerate() {
            pool.offer(*score, 0, &Blob::from_integer(n as i64));
        }
        let mut best = scores.clone();
        best.sort_unstable();
        let best = best.split_off(best.len().saturating_sub(POOL));
        let kept: Vec<u64> = pool.candidates.iter().map(|it| it.score).collect();
        prop_assert_eq!(kept, best);
    }

    #[test]
    fn a_sample_is_of_different_keys_and_of_those_wanted(
        keys in 0_usize..300,
        expiring in 0_usize..300,
        count in 1_usize..20,
        tagged in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let (mut keyspace, mut session) = (keyspace(EvictionPolicy::Noeviction), Session::new(1));
        let tag = if tagged { "{t}" } else { "" };
        for n in 0..keys {
            let expires = if n < expiring { format!(" EX {}", 10 + n * 7) } else { String::new() };
            run(&mut keyspace, &mut session, NOW, &format!("SET {tag}k{n} v{expires}"));
        }
        let expiring = expiring.min(keys);
        let mut random = Random::new(seed);
        for (only_expiring, there) in [(false, keys), (true, expiring)] {
            let mut seen = Vec::new();
            let database = &keyspace.data.databases[0];
            let mut below = |bound| random.below(bound);
            database.sample(count, only_expiring, &mut below, &mut |entry| {
                assert!(!only_expiring || entry.expires().is_some());
                seen.push(entry.key.to_vec());
            });
            let drawn = seen.len();
            seen.sort();
            seen.dedup();
            // Of those that expire one may be drawn twice, in the two ways in which they are looked for.
            if !only_expiring {
                prop_assert_eq!(seen.len(), drawn);
            }
            prop_assert_eq!(drawn, count.min(there));
        }
    }
}
