//! What is said of a full sync before it begins.

use std::time::Duration;

use redwire_testkit::{Peer, Redwire, Server, wait_until};

fn field(server: &Server, name: &str) -> String {
    server.client().info(name).unwrap_or_default()
}

fn number(server: &Server, name: &str) -> u64 {
    field(server, name).parse().unwrap_or_else(|_| panic!("{name} is {}", field(server, name)))
}

/// Much data, and values in the stream.
fn write(server: &Server, megabytes: u32) {
    let set = |n: u32| vec![b"SET".to_vec(), format!("k{n}").into_bytes(), vec![b'x'; 1 << 20]];
    server.client().pipeline(&(0..megabytes).map(set).collect::<Vec<_>>());
}

#[test]
fn a_full_sync_is_estimated() {
    let Some((first, second)) = Peer::Redis70.start(&[]).zip(Peer::Redis70.start(&[])) else {
        return;
    };
    let primary = Redwire::start(&["--repl-backlog-disk", "0"]);
    primary.client().ok(&["CONFIG", "SET", "rdbcompression", "no"]);
    write(&primary, 64);
    assert_eq!(field(&primary, "redwire_sync_outlook"), "");
    first.follow(&primary);
    assert_eq!(field(&primary, "redwire_sync_outlook"), "unknown");
    assert!(primary.log().contains("Full sync estimate: "), "{}", primary.log());

    // There is a stream now, and a link whose speed is known. (A value of the stream is output, here
    // as in Redis, so the limit has to have room for it.)
    primary.client().ok(&["CONFIG", "SET", "client-output-buffer-limit", "replica 16mb 0 0"]);
    wait_until("writes to be seen", Duration::from_secs(60), || {
        write(&primary, 8);
        second.client().ok(&["REPLICAOF", "NO", "ONE"]);
        second.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
        wait_until("the link to be up", Duration::from_secs(60), || {
            field(&second, "master_link_status") == "up"
        });
        second.client().ok(&["DEBUG", "CHANGE-REPL-ID"]);
        // The first full sync may have been under way when the second was estimated.
        number(&primary, "redwire_sync_write_rate") > 0
            && number(&primary, "redwire_sync_link_rate") > 0
    });
    let data = number(&primary, "redwire_sync_data_bytes");
    assert!((64 << 20..66 << 20).contains(&data), "{data}");
    assert_eq!(number(&primary, "redwire_sync_held_limit"), 16 << 20);
    let (write, link) =
        (number(&primary, "redwire_sync_write_rate"), number(&primary, "redwire_sync_link_rate"));
    let held = number(&primary, "redwire_sync_held_bytes");
    let expected = u128::from(data) * u128::from(write) / u128::from(link);
    assert!(u128::from(held).abs_diff(expected) <= 1 + expected / 100, "{held}, not {expected}");
    let outlook = if link <= write {
        "link-too-slow"
    } else if held > 16 << 20 {
        "budget-too-small"
    } else {
        "finishes"
    };
    assert_eq!(field(&primary, "redwire_sync_outlook"), outlook);
}
