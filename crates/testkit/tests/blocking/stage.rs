//! Where scenes are played.

use std::collections::BTreeMap;
use std::time::Duration;

use redwire_testkit::{Client, Peer, Redwire, Reply, Server, request, wait_until};

pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A scene: lines of `client: command`, where the client is
///
/// * `op`, who is answered at once,
/// * another name, who is left waiting: the next line is played when the server says so,
/// * another name with `~`, who may not wait for long.
///
/// `client?` reads the next reply of one that waits, `client!` has it leave. `{client}` stands for
/// a client's number. A blank in an argument is written `_`.
pub(crate) struct Stage<'s> {
    server: &'s Server,
    op: Client,
    /// By name, with their numbers.
    clients: BTreeMap<String, (Client, String)>,
    seen: Vec<String>,
}

impl<'s> Stage<'s> {
    pub(crate) fn new(server: &'s Server, protocol: &str) -> Self {
        let mut op = server.client();
        op.ok(&["FLUSHALL"]);
        op.ok(&["HELLO", protocol]);
        Self { server, op, clients: BTreeMap::new(), seen: Vec::new() }
    }

    /// What the scene comes to, line by line.
    pub(crate) fn play(mut self, protocol: &str, scene: &str) -> Vec<String> {
        for line in scene.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(name) = line.strip_suffix('?') {
                let (client, _) = self.clients.get_mut(name).expect("one who came");
                let reply = client.read();
                self.note(line, &reply);
            } else if let Some(name) = line.strip_suffix('!') {
                self.clients.remove(name);
                self.wait_until_gone();
            } else {
                let (name, command) = line.split_once(": ").expect("name: command");
                let mut command = command.to_owned();
                for (name, (_, id)) in &self.clients {
                    command = command.replace(&format!("{{{name}}}"), id);
                }
                let words = command.split(' ').map(|word| word.replace('_', " "));
                let words: Vec<String> = words.collect();
                if name == "op" {
                    let reply = self.op.call(&words);
                    self.note(line, &reply);
                } else if let Some(name) = name.strip_suffix('~') {
                    self.send(protocol, name, &words);
                } else {
                    self.send(protocol, name, &words);
                    let (op, id) = (&mut self.op, &self.clients[name].1);
                    wait_until(&format!("{name} to wait: {words:?}"), SOON, || is_blocked(op, id));
                }
            }
        }
        self.seen
    }

    fn note(&mut self, line: &str, reply: &Reply) {
        self.seen.push(format!("{line} -> {reply:?}"));
    }

    fn send(&mut self, protocol: &str, name: &str, words: &[String]) {
        let server = self.server;
        let (client, _) = self.clients.entry(name.to_owned()).or_insert_with(|| {
            let mut client = server.client();
            client.ok(&["HELLO", protocol]);
            let id = client.ok(&["CLIENT", "ID"]).int().expect("a number").to_string();
            (client, id)
        });
        client.send(&request(words));
    }

    fn wait_until_gone(&mut self) {
        // The connections that are left, and the operator's own.
        let left = (self.clients.len() + 1).to_string();
        wait_until("one to be gone", SOON, || {
            self.op.info("connected_clients") == Some(left.clone())
        });
    }
}

pub(crate) fn is_blocked(op: &mut Client, id: &str) -> bool {
    let line = op.ok(&["CLIENT", "LIST", "ID", id]).text();
    let flags = line.split(' ').find_map(|field| field.strip_prefix("flags="));
    flags.is_some_and(|flags| flags.contains('b'))
}

/// Plays scenes at the peers and at redwire, in both protocols, and compares what they come to.
pub(crate) fn same_at(peers: &[Peer], scenes: &[&str]) {
    let ours = Redwire::start(&[]);
    let theirs: Vec<Server> = peers.iter().filter_map(|peer| peer.start(&[])).collect();
    for protocol in ["2", "3"] {
        for scene in scenes {
            let seen = Stage::new(&ours, protocol).play(protocol, scene);
            for real in &theirs {
                let expected = Stage::new(real, protocol).play(protocol, scene);
                assert_eq!(expected, seen, "{real:?}, RESP{protocol}, of{scene}");
            }
        }
    }
}

pub(crate) const ALL: [Peer; 3] = [Peer::Redis70, Peer::Redis80, Peer::Valkey91];
/// Servers that run a woken command anew, as redwire does. Redis 7.0 serves the one key that woke.
pub(crate) const ANEW: [Peer; 2] = [Peer::Redis80, Peer::Valkey91];

pub(crate) fn servers(peers: &[Peer]) -> impl Iterator<Item = Server> {
    let real = peers.iter().filter_map(|peer| peer.start(&[]));
    real.chain(std::iter::once_with(|| Redwire::start(&[])))
}
