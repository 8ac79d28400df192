use std::time::Duration;

use ::tokio::io::AsyncWriteExt as _;
use ::tokio::net::{TcpListener, TcpStream};
use ::tokio::time::timeout;
use redwire_rdb::{EncodeOptions, Encoder, Event};
use redwire_repl::TwoConnections;
use redwire_testkit::Peer;

use super::*;
use crate::follow::default_config;

/// A master that the test plays.
async fn master() -> (TcpListener, Address) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("redis://127.0.0.1:{port}").parse().unwrap())
}

fn config(timeout: Duration) -> ReplicaConfig {
    let (backoff_min, backoff_max) = (Duration::from_millis(1), Duration::from_millis(2));
    ReplicaConfig { timeout, backoff_min, backoff_max, ..default_config() }
}

/// All that a master says up to the stream, with an empty data set.
fn opening() -> Vec<u8> {
    let mut encoder = Encoder::new(EncodeOptions::default());
    let mut rdb = Vec::new();
    encoder.start(&mut rdb);
    encoder.end(&mut rdb);
    let id = "ab".repeat(20);
    let mut said = b"+PONG\r\n+OK\r\n+OK\r\n+OK\r\n".to_vec();
    said.extend(format!("+FULLRESYNC {id} 1000\r\n${}\r\n", rdb.len()).into_bytes());
    said.extend(rdb);
    said
}

fn ignore(_: Item<'_>) {}

async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.unwrap().0
}

/// However much the master sends, what is read and not taken is one read and what hangs over.
#[::tokio::test]
async fn nothing_is_read_ahead_of_what_is_taken() {
    let (listener, address) = master().await;
    let sending = ::tokio::spawn(async move {
        let mut stream = accept(&listener).await;
        stream.write_all(&opening()).await.unwrap();
        let mut command = Vec::new();
        let value = "v".repeat(1000);
        redwire_resp::encode_request(&mut command, ["SET", "k", &value]);
        while stream.write_all(&command).await.is_ok() {}
    });
    let mut follow = Follow::new(address, config(Duration::from_secs(60)), 7);
    let mut commands = 0;
    while commands < 3000 {
        commands +=
            follow.next(|item| usize::from(matches!(item, Item::Command { .. }))).await.unwrap();
        let held = follow.link.held();
        assert!(held <= (64 << 10) + 1100, "{held} bytes are held");
    }
    drop(follow);
    sending.await.unwrap();
}

/// A silent master is given up, and tried again; one that went away, too.
#[::tokio::test]
async fn a_link_that_is_of_no_use_is_closed_and_opened_anew() {
    let (listener, address) = master().await;
    let mut follow = Follow::new(address, config(Duration::from_millis(30)), 7);
    let (error, _silent) = ::tokio::join!(follow.next(ignore), accept(&listener));
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let (again, _accepted) = ::tokio::join!(follow.next(ignore), accept(&listener));
    assert_eq!(again.unwrap_err().kind(), io::ErrorKind::TimedOut);

    let mut follow = Follow::new(follow.link.address, config(Duration::from_secs(60)), 7);

    let (error, ()) = ::tokio::join!(follow.next(ignore), async {
        drop(accept(&listener).await);
    });
    let kind = error.unwrap_err().kind();
    assert!(matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset));

    let (error, _refusing) = ::tokio::join!(follow.next(ignore), async {
        let mut stream = accept(&listener).await;
        stream.write_all(b"what\r\n").await.unwrap();
        stream
    });
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::InvalidData);

    let (item, stream) = ::tokio::join!(
        follow.next(|item| matches!(item, Item::SnapshotStart { history_gone: false, .. })),
        async {
            let mut stream = accept(&listener).await;
            stream.write_all(&opening()).await.unwrap();
            stream
        }
    );
    assert!(item.unwrap());
    assert_eq!(follow.position(), None);

    drop((stream, listener));
    let broken = async { while follow.next(ignore).await.is_ok() {} };
    timeout(Duration::from_secs(20), broken).await.expect("nobody listens any more");
}

/// Who is slow to take lives by acknowledgements, and is not taken for one whose master is silent.
#[::tokio::test]
async fn slow_work_beside_a_link_that_is_kept_alive() {
    use ::tokio::io::AsyncReadExt as _;

    let (listener, address) = master().await;
    let mut follow = Follow::new(address, config(Duration::from_millis(2500)), 7);
    let mut stream = None;
    let whole = async {
        while !follow.next(|item| matches!(item, Item::SnapshotEnd { .. })).await.unwrap() {}
    };
    ::tokio::join!(whole, async {
        let mut accepted = accept(&listener).await;
        accepted.write_all(&opening()).await.unwrap();
        stream = Some(accepted);
    });
    let mut stream = stream.unwrap();
    let heard = async {
        let (mut said, mut buffer) = (Vec::new(), [0; 1000]);
        let acks = |said: &[u8]| said.windows(3).filter(|bytes| *bytes == b"ACK").count();
        while acks(&said) < 4 {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "it keeps the link");
            said.extend_from_slice(&buffer[..count]);
        }
    };
    ::tokio::select! {
        error = follow.keep_alive() => panic!("{error}"),
        () = heard => {}
    }
}

/// However much is written while a snapshot is taken, the stream that waits for it has its bound;
/// what is beyond it waits with the master.
#[test]
fn a_stream_that_waits_has_a_bound() {
    const KEYS: usize = 100;
    const BOUND: usize = 256 << 10;
    let Some(server) = Peer::Redis70.start(&["--rdbcompression", "no"]) else { return };
    let mut client = server.client();
    let value = "v".repeat(100_000);
    for n in 0..KEYS {
        client.ok(&["SET", &format!("key{n}"), &value]);
    }
    let address = format!("redis://127.0.0.1:{}", server.port()).parse().unwrap();
    let two_connections = TwoConnections::Always;
    let config = ReplicaConfig { two_connections, ..config(Duration::from_secs(60)) };
    let (mut pushes, mut written, mut most) = (0, 0, 0);
    let followed = async {
        let mut follow = Follow::new(address, config, 7);
        follow.set_stream_buffer(BOUND);
        while pushes < KEYS {
            let mut key = false;
            let next = follow.next(|item| match item {
                Item::Snapshot { event: Event::Key(_), .. } => key = true,
                Item::Command { .. } => pushes += 1,
                _ => {}
            });
            next.await.unwrap();
            most = most.max(follow.link.held());
            if key && written < KEYS {
                client.ok(&["RPUSH", "list", &value]);
                written += 1;
            }
        }
    };
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(60), followed).await.unwrap() });
    // A read of the stream beyond it, and of the snapshot one and the value that hangs over.
    assert!((BOUND..BOUND + (3 << 17)).contains(&most), "{most} bytes were held");
}
