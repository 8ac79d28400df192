//! Function libraries: kept, told of and passed on, in a stream and in files.

use std::time::Duration;

use redwire_testkit::{Client, Peer, Redwire, Reply, Server, wait_caught_up, wait_until};

const LINK: Duration = Duration::from_secs(30);
const ONE: &str = "#!lua name=one\nredis.register_function('f', function(k, a) return 1 end)";
const OTHER: &str = "#!lua name=one\nredis.register_function{function_name='f', \
                     callback=function(k, a) return 2 end, flags={'no-writes'}}";
const TWO: &str = "#!lua name=two\nredis.register_function('g', function(k, a) return 3 end)";

/// The names and the code of the libraries, by name.
fn libraries(client: &mut Client) -> Vec<(String, String)> {
    let Reply::Array(found) = client.ok(&["FUNCTION", "LIST", "WITHCODE"]) else { panic!("list") };
    let library = |fields: &Reply| {
        let Reply::Array(fields) = fields else { panic!("fields") };
        (fields[1].text(), fields[7].text())
    };
    let mut libraries: Vec<_> = found.iter().map(library).collect();
    libraries.sort();
    libraries
}

fn pair(name: &str, code: &str) -> (String, String) {
    (name.to_owned(), code.to_owned())
}

fn follow(replica: &Server, primary: &Server) {
    replica.client().ok(&["REPLICAOF", "127.0.0.1", &primary.port_text()]);
    wait_until("the link", LINK, || {
        replica.client().info("master_link_status").as_deref() == Some("up")
    });
}

/// Real master, redwire, real replica: in the full sync, and then in the stream; the replica runs what
/// came by way of redwire.
#[test]
fn libraries_pass_through_a_chain() {
    let no_delay = ["--repl-diskless-sync-delay", "0"];
    for peer in [Peer::Redis70, Peer::Redis80, Peer::Valkey91] {
        let (Some(master), Some(last)) = (peer.start(&no_delay), peer.start(&[])) else { continue };
        let ours = Redwire::start(&no_delay);
        let mut client = master.client();
        client.ok(&["FUNCTION", "LOAD", ONE]);
        follow(&ours, &master);
        follow(&last, &ours);
        let all = |expected: &[(String, String)]| {
            wait_caught_up(&master, &last);
            for server in [&master, &ours, &last] {
                assert_eq!(libraries(&mut server.client()), expected, "{server:?}");
            }
        };
        all(&[pair("one", ONE)]);
        client.ok(&["FUNCTION", "LOAD", TWO]);
        client.ok(&["FUNCTION", "LOAD", "REPLACE", OTHER]);
        all(&[pair("one", OTHER), pair("two", TWO)]);
        assert_eq!(last.client().ok(&["FCALL_RO", "f", "0"]).int(), Some(2));
        client.ok(&["FUNCTION", "DELETE", "one"]);
        all(&[pair("two", TWO)]);
        let Reply::Bulk(dump) = client.ok(&["FUNCTION", "DUMP"]) else { panic!("a payload") };
        client.ok(&["FUNCTION", "FLUSH"]);
        all(&[]);
        client.ok(&[&b"FUNCTION"[..], b"RESTORE", &dump, b"FLUSH"]);
        all(&[pair("two", TWO)]);
        let refused = ours.client().call(&["FUNCTION", "FLUSH"]);
        assert!(refused.text().starts_with("READONLY"), "{refused:?}");
    }
}

/// Errors are those of Redis, dumps are taken by it, and files hold the libraries.
#[test]
fn libraries_are_kept_as_by_redis() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let mut ours = Redwire::start(&["--save", "100000 1"]);
    let (mut there, mut here) = (real.client(), ours.client());
    for command in [
        &["FUNCTION", "LOAD", ONE][..],
        &["FUNCTION", "LOAD", ONE],
        &["FUNCTION", "LOAD", "REPLACE", OTHER],
        &["FUNCTION", "LOAD", "foo", ONE],
        &["FUNCTION", "LOAD", "return 1"],
        &["FUNCTION", "LOAD", "#!lua\nreturn 1"],
        &["FUNCTION", "LOAD", "#!lua nam=x\n"],
        &["FUNCTION", "LOAD", "#!foo name=x\n"],
        &["FUNCTION", "LOAD", "#!lua name=a-b\n"],
        &["FUNCTION", "LOAD", "#!lua name=x name=y\n"],
        &["FUNCTION", "LOAD", "#!lua name=x"],
        &["FUNCTION", "LOAD"],
        &["FUNCTION", "LIST", "foo"],
        &["FUNCTION", "LIST", "LIBRARYNAME"],
        &["FUNCTION", "LIST", "LIBRARYNAME", "x*"],
        &["FUNCTION", "DELETE", "none"],
        &["FUNCTION", "FLUSH", "foo"],
        &["FUNCTION", "FLUSH", "ASYNC", "x"],
        &["FUNCTION", "RESTORE", "x"],
        &["FUNCTION", "RESTORE", "x", "foo"],
        &["FUNCTION", "RESTORE", "x", "APPEND", "y"],
        &["FUNCTION", "KILL"],
        &["FUNCTION", "NOSUCH"],
        &["FUNCTION"],
    ] {
        assert_eq!(here.call(command), there.call(command), "{command:?}");
    }
    here.ok(&["FUNCTION", "LOAD", TWO]);
    let Reply::Bulk(dump) = here.ok(&["FUNCTION", "DUMP"]) else { panic!("a payload") };
    let restore = [&b"FUNCTION"[..], b"RESTORE", &dump];
    assert_eq!(there.call(&restore), here.call(&restore));
    let replace = [&b"FUNCTION"[..], b"RESTORE", &dump, b"REPLACE"];
    assert_eq!(there.call(&replace), here.call(&replace));
    assert_eq!(libraries(&mut there), libraries(&mut here));
    for command in ["FCALL f 0", "FCALL_RO f 0", "EVAL x 0", "EVALSHA x 0"] {
        let words: Vec<&str> = command.split(' ').collect();
        assert!(here.call(&words).is_error(), "{command}");
    }
    let kept = libraries(&mut here);
    here.ok(&["SAVE"]);
    ours.kill();
    ours.restart().unwrap();
    assert_eq!(libraries(&mut ours.client()), kept);
}
