//! Arguments as long as may be, at each kind of place of each command, and longer ones.
//!
//! `REDWIRE_HUGE` says how many bytes they have, 1 MB by default. 512 MB (536870912), which is what
//! servers take unless told otherwise, wants some 6 GB of memory and a quarter of an hour: of arguments
//! that are so long each command gets one, at a place that `REDWIRE_SEED` draws.

use std::fs;

use redwire_testkit::{Client, Command, Peer, Redwire, Reply, Rng, Server};

use super::{Role, Shape, fill, is_known, look, own_shapes, peak, seed, seen};

/// What a server takes while it has, and answers, an argument: beside the argument itself what it makes of
/// it, its reply, and what else the allocator holds.
const TIMES: u64 = 4;
const MORE_KB: u64 = 64 << 10;

fn size() -> usize {
    let asked = std::env::var("REDWIRE_HUGE").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(1 << 20)
}

/// From so many bytes on each command gets one such argument.
const MUCH: usize = 64 << 20;

/// A command with one argument that is long.
struct Long {
    words: Command,
    /// Where it is.
    at: usize,
    /// It is asked in a transaction, where it does not wait.
    queued: bool,
}

impl Long {
    /// One at a place of each role, and one at the end.
    fn all(shape: &Shape, rng: &mut Rng) -> Vec<Long> {
        let queued = shape.blocks || ["wait", "waitaof"].contains(&&*shape.name);
        let names = shape.name.split('|').count();
        let line = shape.line(rng);
        let mut places: Vec<usize> = [Role::Key, Role::Number, Role::Word, Role::Other]
            .iter()
            .filter_map(|role| (names..line.words.len()).find(|at| line.roles[*at] == *role))
            .collect();
        places.push(line.words.len());
        let long = |at: usize| {
            let mut words = line.words.clone();
            words.resize(words.len().max(at + 1), Vec::new());
            Long { words, at, queued }
        };
        places.into_iter().map(long).collect()
    }

    /// Sends the command, of which the long argument is not copied.
    fn send(&self, client: &mut Client, long: &[u8]) {
        client.send(format!("*{}\r\n", self.words.len()).as_bytes());
        for (at, word) in self.words.iter().enumerate() {
            let word = if at == self.at { long } else { word };
            client.send(format!("${}\r\n", word.len()).as_bytes());
            client.send(word);
            client.send(b"\r\n");
        }
    }

    /// The reply, and whether the data are as they were.
    fn outcome(&self, client: &mut Client, long: &[u8], base: &str) -> (Reply, bool) {
        client.ok(&["RESET"]);
        fill(client);
        if self.queued {
            client.ok(&["MULTI"]);
        }
        self.send(client, long);
        let mut reply = client.read();
        if self.queued {
            let done = client.call(&["EXEC"]);
            if !reply.is_error() {
                reply = done.elements().first().cloned().unwrap_or(done);
            }
        }
        client.ok(&["RESET"]);
        // The digest of what is long takes its time, and is only asked for where there must be none.
        let is_same = !reply.is_error() || seen(client) == base;
        (reply, is_same)
    }

    fn shown(&self) -> String {
        let mut words = self.words.clone();
        words[self.at] = b"LONG".to_vec();
        redwire_testkit::printable(&words)
    }
}

/// Has the kernel measure anew what a process took at most.
fn forget_peak(server: &Server) {
    fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").expect("write to /proc");
}

/// Runs `what`, and answers what it had the server take in kB beyond what it had before.
fn measured<T>(server: &Server, what: impl FnOnce() -> T) -> (T, u64) {
    forget_peak(server);
    let before = peak(server);
    let outcome = what();
    (outcome, peak(server).saturating_sub(before))
}

fn check(peer: Peer, before: &[Peer]) {
    let size = size();
    let limit = size.to_string();
    let settings = ["--proto-max-bulk-len", &limit, "--databases", "2"];
    let Some(real) = peer.start(&settings) else { return };
    let ours = Redwire::start(&settings);
    let (mut there, mut here) = (real.client(), ours.client());
    let shapes = own_shapes(&mut there, &mut here, before);
    let base = look(&mut here);
    let mut rng = Rng::new(seed(92));
    let long = vec![b'x'; size];
    let (mut sent, mut refused, mut most, mut worst) = (0, 0, (0, 0), String::new());
    let mut differing = Vec::new();
    for shape in &shapes {
        let mut lines = Long::all(shape, &mut rng);
        if size >= MUCH {
            lines = vec![lines.swap_remove(rng.below(lines.len() as u64) as usize)];
        }
        for line in lines {
            let ((expected, _), taken) = measured(&real, || line.outcome(&mut there, &long, ""));
            let ((got, is_same), own) = measured(&ours, || line.outcome(&mut here, &long, &base));
            let error = |reply: &Reply| reply.is_error().then(|| reply.text());
            let known =
                is_known(peer, &shape.name, error(&expected).as_deref(), error(&got).as_deref());
            let shown = line.shown();
            println!("{shown}: {own} kB, {taken} there");
            sent += 1;
            refused += usize::from(expected.is_error());
            let too_much = own > TIMES * (size as u64 >> 10) + MORE_KB;
            if (error(&expected) != error(&got) && !known) || !is_same || too_much {
                let what = if is_same { "" } else { ", and changed" };
                println!("  real: {expected:?}\n  ours: {got:?}{what}");
                differing.push(format!("{shown}: {own} kB"));
            }
            if own > most.0 {
                (most, worst) = ((own, taken), shown);
            }
        }
    }
    println!("{}: {} commands, {refused} of {sent} lines were refused", peer.name(), shapes.len());
    println!("with {size} bytes most was taken by {worst}: {} kB, {} there", most.0, most.1);
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
    assert!(refused > sent / 5, "{refused} of {sent}");
}

#[test]
fn of_redis_70() {
    check(Peer::Redis70, &[]);
}

#[test]
fn of_redis_80() {
    check(Peer::Redis80, &[Peer::Redis70]);
}

#[test]
fn of_valkey_91() {
    check(Peer::Valkey91, &[Peer::Redis70, Peer::Redis80]);
}

/// A byte more than may be is refused as soon as it is announced, at each place of each command.
#[test]
fn a_longer_argument_is_refused_before_it_comes() {
    let Some(real) = Peer::Redis70.start(&[]) else { return };
    let ours = Redwire::start(&[]);
    let shapes = own_shapes(&mut real.client(), &mut ours.client(), &[]);
    let mut rng = Rng::new(seed(94));
    let (_, grown) = measured(&ours, || {
        for shape in &shapes {
            let line = shape.line(&mut rng);
            for at in 0..=line.words.len() {
                let mut bytes = format!("*{}\r\n", line.words.len() + 1).into_bytes();
                for word in &line.words[..at] {
                    bytes.extend(format!("${}\r\n", word.len()).into_bytes());
                    bytes.extend_from_slice(word);
                    bytes.extend_from_slice(b"\r\n");
                }
                bytes.extend(format!("${}\r\n", (512 << 20) + 1).into_bytes());
                let [expected, got] = [&real, &ours].map(|server| {
                    let mut client = server.client();
                    client.send(&bytes);
                    client.read_to_end(std::time::Duration::from_secs(60)).expect("it is closed")
                });
                assert_eq!(got, expected, "{} at {at}", shape.name);
                assert_eq!(got, b"-ERR Protocol error: invalid bulk length\r\n");
            }
        }
    });
    assert!(grown < 16 << 10, "{grown} kB");
}
