//! Kills under load: primary and replica are ended as by kill -9, again and again, at any moment.
//!
//! `REDWIRE_KILLS` is how often, 20 unless it is set.

use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use redwire_testkit::workload::seed;
use redwire_testkit::{Client, Redwire, Rng, Server, assert_same_data, wait_caught_up, wait_until};

const LINK: Duration = Duration::from_secs(60);
const SAVES: &str = "3600 100000000";

/// What the writers may do.
struct Load {
    port: u16,
    /// Held shared by who writes, alone by who compares.
    gate: RwLock<()>,
    over: AtomicBool,
    written: AtomicU64,
}

impl Load {
    /// Writes until it is over, whatever happens to the server.
    fn write(&self, who: u64) {
        let mut number = who;
        while !self.over.load(Ordering::SeqCst) {
            let Ok(mut client) = Client::try_connect(self.port) else {
                thread::yield_now();
                continue;
            };
            while !self.over.load(Ordering::SeqCst) && self.write_some(&mut client, number) {
                number += 7;
            }
        }
    }

    /// A few commands, with a transaction and another database among them; false when the link broke.
    fn write_some(&self, client: &mut Client, number: u64) -> bool {
        let _open = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        let (key, list) = (format!("key:{}", number % 1000), format!("list:{}", number % 50));
        let value = format!("{number}").repeat(1 + (number % 40) as usize);
        let commands: [&[&str]; 8] = [
            &["SELECT", if number.is_multiple_of(3) { "5" } else { "0" }],
            &["SET", &key, &value],
            &["INCR", "counter"],
            &["MULTI"],
            &["RPUSH", &list, &value],
            &["LTRIM", &list, "-20", "-1"],
            &["EXEC"],
            &["SPOP", "set"],
        ];
        let done = commands.iter().all(|command| client.try_call(command).is_ok());
        self.written.fetch_add(u64::from(done), Ordering::SeqCst);
        done
    }

    /// Waits until something more was written.
    fn goes_on(&self) {
        let before = self.written.load(Ordering::SeqCst);
        wait_until("writes", LINK, || self.written.load(Ordering::SeqCst) > before + 20);
    }
}

fn number(server: &Server, field: &str) -> u64 {
    let text = server.client().info(field).unwrap_or_else(|| panic!("INFO has no {field}"));
    text.parse().unwrap_or_else(|_| panic!("{field} is {text}"))
}

fn wait_for_link(replica: &Server) {
    wait_until("the link to be up", LINK, || {
        replica.client().info("master_link_status").as_deref() == Some("up")
    });
}

#[test]
fn kills_under_load_cost_no_full_sync_and_no_difference() {
    let kills = env::var("REDWIRE_KILLS").map_or(20, |text| text.parse().unwrap_or(20));
    let mut primary = Redwire::start(&["--save", SAVES]);
    let place = format!("127.0.0.1 {}", primary.port());
    let mut replica = Redwire::start(&["--save", SAVES, "--replicaof", &place]);
    wait_for_link(&replica);
    for server in [&primary, &replica] {
        server.client().ok(&["SAVE"]);
    }
    let load = Load {
        port: primary.port(),
        gate: RwLock::new(()),
        over: AtomicBool::new(false),
        written: AtomicU64::new(0),
    };
    let mut rng = Rng::new(seed(71));
    thread::scope(|scope| {
        for who in 0..3 {
            let load = &load;
            scope.spawn(move || load.write(who));
        }
        // The writers end with the test, also when it fails.
        let _over = OnDrop(&load.over);
        // Those that earlier runs of the primary have counted.
        let mut full_syncs = 0;
        for kill in 0..kills {
            load.goes_on();
            if rng.below(5) == 0 {
                // At worst one runs already.
                primary.client().call(&["BGSAVE"]);
                replica.client().call(&["BGSAVE"]);
            }
            if rng.below(2) == 0 {
                full_syncs += number(&primary, "sync_full");
                primary.kill();
                primary.restart().unwrap_or_else(|failure| panic!("{failure}"));
            } else {
                replica.kill();
                load.goes_on();
                replica.restart().unwrap_or_else(|failure| panic!("{failure}"));
            }
            wait_for_link(&replica);
            load.goes_on();
            let closed = load.gate.write().unwrap_or_else(PoisonError::into_inner);
            wait_caught_up(&primary, &replica);
            assert_same_data(&primary, &replica);
            drop(closed);
            let now = number(&primary, "sync_full");
            assert!(full_syncs + now <= 1, "a full sync after kill {kill}: {}", primary.log());
        }
    });
}

/// Sets a flag at the end of its scope.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
