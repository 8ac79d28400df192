use redwire_resp::Protocol;

use super::super::testing::Server;
use crate::config::Config;

#[test]
fn replies_are_those_of_redis() {
    let mut server = Server::new(Config::default());
    let cases = [
        ("LATENCY", "-ERR wrong number of arguments for 'latency' command"),
        ("LATENCY foo", "-ERR unknown subcommand 'foo'. Try LATENCY HELP."),
        ("LATENCY HISTORY", "-ERR wrong number of arguments for 'latency|history' command"),
        ("LATENCY HISTORY foo", "*0"),
        ("LATENCY LATEST", "*0"),
        ("LATENCY RESET foo", ":0"),
        ("LATENCY GRAPH foo", "-ERR No samples available for event 'foo'"),
        ("LATENCY HISTOGRAM foo set", "*0"),
    ];
    server.expect(Protocol::Resp2, &cases);
    server.core.latency.note("command", 100, 7);
    server.core.latency.note("command", 101, 5);
    server.core.latency.note("fast-command", 101, 5);
    let cases = [
        ("LATENCY HISTORY command", "*2\r\n*2\r\n:100\r\n:7\r\n*2\r\n:101\r\n:5"),
        ("LATENCY RESET fast-command x", ":1"),
        ("LATENCY LATEST", "*1\r\n*4\r\n$7\r\ncommand\r\n:101\r\n:5\r\n:7"),
        ("LATENCY RESET", ":1"),
    ];
    server.expect(Protocol::Resp2, &cases);
}

#[test]
fn commands_are_counted_as_in_redis() {
    let mut server = Server::new(Config::default());
    for line in [
        "SET k v",
        "SET k v",
        "SET k",
        "LPUSH k v",
        "NOSUCH",
        "CONFIG GET port",
        "CONFIG GET",
        "MULTI",
        "GET k",
        "LPUSH k v",
        "EXEC",
        "EXEC",
        "LATENCY HISTOGRAM",
    ] {
        server.run(line);
    }
    let counts = |name: &str| {
        let stats = server.core.command_stats.sorted();
        let stat = stats.into_iter().find(|it| it.name == name).expect("a command that came");
        let tracked = stat.times().map_or(0, super::histogram::Histogram::total);
        (stat.calls, stat.rejected, stat.failed, tracked)
    };
    assert_eq!(counts("set"), (2, 1, 0, 2));
    assert_eq!(counts("lpush"), (2, 0, 2, 2));
    assert_eq!(counts("get"), (1, 0, 0, 1));
    assert_eq!(counts("config|get"), (1, 1, 0, 1));
    assert_eq!(counts("multi"), (1, 0, 0, 1));
    assert_eq!(counts("exec"), (2, 0, 1, 2));
    let info = server.run("INFO commandstats");
    assert!(info.contains("cmdstat_set:calls=2,usec="), "{info}");
    assert!(info.contains("rejected_calls=1,failed_calls=0"), "{info}");
    let info = server.run("INFO latencystats");
    assert!(info.contains("latency_percentiles_usec_set:p50="), "{info}");
    assert!(!server.run("INFO").contains("cmdstat_"));
    let all = server.run("INFO everything");
    assert!(all.contains("cmdstat_") && all.contains("latency_percentiles"), "{all}");
    server.run("CONFIG SET latency-tracking no");
    assert_eq!(server.run("INFO latencystats"), "$16\r\n# Latencystats\r\n\r\n");
    server.run("CONFIG RESETSTAT");
    assert_eq!(server.core.command_stats.sorted().len(), 1, "itself alone");
}
