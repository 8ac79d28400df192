//! What redwire-outbuf's ledger takes to note a client's memory and to say who is to be evicted,
//! with ten and with a hundred thousand clients, beside a B-tree by size.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

use redwire_benches::{Options, Outcome, Random, Subject, Table, machine, measure, ratio};
use redwire_outbuf::{Account, Class, Ledger};

const HELP: &[(&str, &str)] =
    &[("rounds", "N: rounds, 9"), ("milliseconds", "N: time of a sample, 50")];
/// Numbers of clients.
const CLIENTS: [usize; 5] = [10, 100, 1000, 10_000, 100_000];
/// Operations of one piece of work: as many changes, and as many questions.
const TURN: usize = 1000;

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let rounds = options.value("rounds", 9, 3)?;
    let time = Duration::from_millis(options.value("milliseconds", 50, 2)?);
    machine::print();
    println!("median of {rounds} samples of {time:?}; sizes from 100 B to 10 MB, at random");
    let mut subjects: Vec<_> =
        CLIENTS.iter().flat_map(|&clients| [tree(clients), ledger(clients)]).collect();
    let figures = measure(&mut subjects, rounds, time);
    let heads = ["clients", "B-tree ns", "redwire ns", "ours / B-tree"];
    let mut table = Table::new("a change and who is to be evicted", heads);
    for (clients, ns) in CLIENTS.iter().zip(figures.chunks_exact(2)) {
        let shown = |ns: f64| format!("{ns:.1}");
        table.row([clients.to_string(), shown(ns[0]), shown(ns[1]), ratio(ns[0], ns[1])]);
    }
    println!("{table}");
    Ok(())
}

/// Clients and sizes, in an order that no cache foresees.
fn changes(clients: usize) -> Vec<(usize, u64)> {
    let mut random = Random::new(clients as u64);
    let change = |_| {
        let magnitude = random.below(17);
        let client = random.below(clients as u64) as usize;
        (client, (100 << magnitude) + random.below(100 << magnitude))
    };
    (0..64 * TURN).map(change).collect()
}

fn tree(clients: usize) -> Subject<'static> {
    let (changes, mut at) = (changes(clients), 0);
    let mut sizes = vec![0; clients];
    let mut by_size: BTreeSet<(u64, usize)> = (0..clients).map(|client| (0, client)).collect();
    Subject::new("B-tree", move || {
        for (client, bytes) in &changes[at..at + TURN] {
            by_size.remove(&(sizes[*client], *client));
            sizes[*client] = *bytes;
            by_size.insert((*bytes, *client));
            black_box(by_size.last());
        }
        at = (at + TURN) % changes.len();
        TURN as u64
    })
}

fn ledger(clients: usize) -> Subject<'static> {
    let (changes, mut at) = (changes(clients), 0);
    let mut ledger = Ledger::new();
    let accounts: Vec<Account> =
        (0..clients).map(|client| ledger.open(client as u64, Class::Normal)).collect();
    Subject::new("redwire", move || {
        for (client, bytes) in &changes[at..at + TURN] {
            ledger.set(&accounts[*client], *bytes);
            black_box(ledger.to_evict(0));
        }
        at = (at + TURN) % changes.len();
        TURN as u64
    })
}
