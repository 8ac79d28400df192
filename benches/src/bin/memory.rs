//! Resident bytes a key, of redwire's server beside the real ones: strings, and small collections of
//! each type.

use redwire_benches::contender::{Contender, fill, keys};
use redwire_benches::generator::workload::{VALUE, key};
use redwire_benches::generator::{self, Batches, Expect, Extent};
use redwire_benches::{Options, Outcome, Table, machine, process, ratio};
use redwire_testkit::Server;

const HELP: &[(&str, &str)] = &[
    ("keys", "N: strings, 5000000"),
    ("collections", "N: collections of each type, 200000"),
    ("only", "A,B: kinds whose name contains one of these"),
    ("peers", "A,B: peers whose name contains one of these"),
];

/// Elements of a small collection.
const ELEMENTS: usize = 5;

/// What the keys hold.
#[derive(Clone, Copy)]
enum Kind {
    String,
    Counter,
    Hash,
    List,
    Set,
    Zset,
}

impl Kind {
    const ALL: [Kind; 6] =
        [Kind::String, Kind::Counter, Kind::Hash, Kind::List, Kind::Set, Kind::Zset];

    fn name(self) -> String {
        match self {
            Kind::String => format!("string of {VALUE} B"),
            Kind::Counter => "counter".to_owned(),
            Kind::Hash => format!("hash of {ELEMENTS} fields"),
            Kind::List => format!("list of {ELEMENTS} items"),
            Kind::Set => format!("set of {ELEMENTS} members"),
            Kind::Zset => format!("sorted set of {ELEMENTS} members"),
        }
    }

    /// The command that makes the key of this number.
    fn command(self, number: u64) -> Vec<Vec<u8>> {
        let element = |at: usize| format!("element:{at}").into_bytes();
        let score = |at: usize| (number % 1000 * 7 + at as u64).to_string().into_bytes();
        let value = |at: usize| format!("value:{}", number * 5 + at as u64).into_bytes();
        let (name, each): (&str, fn(_, _) -> Vec<_>) = match self {
            Kind::String | Kind::Counter => ("SET", |_, value| vec![value]),
            Kind::Hash => ("HSET", |element, value| vec![element, value]),
            Kind::List => ("RPUSH", |_, value| vec![value]),
            Kind::Set => ("SADD", |_, value| vec![value]),
            Kind::Zset => ("ZADD", |score, value| vec![score, value]),
        };
        let mut command = vec![name.as_bytes().to_vec(), key("key", number)];
        match self {
            Kind::String | Kind::Counter => command.push(number.to_string().into_bytes()),
            Kind::Zset => command.extend((0..ELEMENTS).flat_map(|at| each(score(at), value(at)))),
            _ => command.extend((0..ELEMENTS).flat_map(|at| each(element(at), value(at)))),
        }
        command
    }

    fn load(self, server: &Server, count: u64) -> Outcome<()> {
        if matches!(self, Kind::String) {
            return fill(server, count, VALUE);
        }
        // In portions: the requests of all would be as large as the data.
        for start in (0..count).step_by(50_000) {
            let numbers = start..count.min(start + 50_000);
            let commands = numbers.map(|number| self.command(number));
            generator::run(server, &Batches::new(16, Expect::Any, commands), Extent::Once)?;
        }
        Ok(())
    }
}

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let strings: u64 = options.value("keys", 5_000_000, 20_000)?;
    let collections: u64 = options.value("collections", 200_000, 5_000)?;
    machine::print();
    let contenders = Contender::chosen(&options)?;
    contenders.iter().for_each(|server| println!("{}: {}", server.name, server.version()));
    let names = contenders.iter().map(|contender| contender.name);
    let heads: Vec<_> = ["keys"].into_iter().chain(names).chain(["of best peer"]).collect();
    let mut table = Table::new("resident bytes a key, beyond those of an empty server", heads);
    for kind in Kind::ALL.into_iter().filter(|kind| options.chooses("only", &kind.name())) {
        let count = if matches!(kind, Kind::String) { strings } else { collections };
        let mut figures = Vec::new();
        for contender in &contenders {
            figures.push(bytes_a_key(contender, kind, count)?);
            eprintln!("{} of {}: {:.1}", kind.name(), contender.name, figures[figures.len() - 1]);
        }
        let best = figures.iter().skip(1).copied().fold(f64::NAN, f64::min);
        let cells = figures.iter().map(|figure| format!("{figure:.1}"));
        let row = [format!("{count} x {}", kind.name())].into_iter().chain(cells);
        table.row(row.chain([ratio(figures[0], best)]));
    }
    println!("{table}");
    Ok(())
}

/// Resident bytes of a server for each of `count` keys of one kind.
fn bytes_a_key(contender: &Contender, kind: Kind, count: u64) -> Outcome<f64> {
    let server = contender.start(&[]);
    let empty = process::memory(server.pid())?;
    kind.load(&server, count)?;
    let mut client = server.client();
    if keys(&mut client) != count {
        return Err(format!("{} keys in {}", keys(&mut client), contender.name).into());
    }
    // A table that is being rehashed is there twice; each question gives the server time for some.
    while client.info("mem_overhead_db_hashtable_rehashing").is_some_and(|bytes| bytes != "0") {}
    Ok((process::memory(server.pid())? - empty) * 1e6 / count as f64)
}
