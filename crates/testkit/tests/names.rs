//! What the real servers have by name, commands with their subcommands and settings: all of it is here,
//! but for what is listed below with the reason.

use std::collections::BTreeSet;

use redwire_testkit::{Client, Peer, Redwire, Reply};

/// Names that begin so are not here, and why.
const ABSENT: &[(&str, &[&str])] = &[
    (
        "commands of a module, vector sets, which Redis 8 comes with",
        &["VADD", "VCARD", "VDIM", "VEMB"],
    ),
    ("likewise", &["VGETATTR", "VINFO", "VISMEMBER", "VLINKS", "VRANDMEMBER", "VRANGE"]),
    ("likewise", &["VREM", "VSETATTR", "VSIM"]),
    ("there is no TLS", &["tls-"]),
    ("settings that 7.0 has no more", &["gopher-enabled", "lua-replicate-commands"]),
    ("settings for tests, which 7.0 does not show", &["key-load-delay", "rdb-key-save-delay"]),
    ("likewise", &["use-exit-on-panic", "watchdog-period"]),
    ("commands that 7.0 has no more", &["host:", "post", "stralgo"]),
];

fn is_absent(name: &str) -> bool {
    ABSENT.iter().any(|(_, starts)| starts.iter().any(|start| name.starts_with(start)))
}

/// Commands, before 7.0 without those within others.
fn commands(client: &mut Client) -> BTreeSet<String> {
    let list = client.call(&["COMMAND", "LIST"]);
    if !list.is_error() {
        return list.elements().iter().map(Reply::text).collect();
    }
    let all = client.ok(&["COMMAND"]);
    all.elements().iter().map(|entry| entry.elements()[0].text()).collect()
}

fn settings(client: &mut Client) -> BTreeSet<String> {
    let all = client.ok(&["CONFIG", "GET", "*"]);
    all.elements().iter().step_by(2).map(Reply::text).collect()
}

#[test]
fn what_real_servers_have_is_here() {
    let ours = Redwire::start(&[]);
    let mut ours = ours.client();
    let (own_commands, own_settings) = (commands(&mut ours), settings(&mut ours));
    let mut missing = Vec::new();
    for peer in Peer::ALL {
        let Some(real) = peer.start(&[]) else { continue };
        let mut real = real.client();
        let (commands, settings) = (commands(&mut real), settings(&mut real));
        assert!(commands.len() > 200 && settings.len() > 130, "{}", peer.name());
        let lacking = commands.difference(&own_commands).chain(settings.difference(&own_settings));
        let lacking = lacking.filter(|name| !is_absent(name));
        missing.extend(lacking.map(|name| format!("{}: {name}", peer.name())));
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// A reason for what is here is none.
#[test]
fn what_is_absent_is_not_here() {
    let ours = Redwire::start(&[]);
    let mut client = ours.client();
    for name in commands(&mut client) {
        assert!(!is_absent(&name), "{name}");
    }
}
