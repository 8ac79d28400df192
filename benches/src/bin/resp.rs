//! Nanoseconds a frame of redwire-resp beside other crates.

use std::time::Duration;

use redwire_benches::resp::cases;
use redwire_benches::{Options, Outcome, Table, machine, measure, ratio};

const HELP: &[(&str, &str)] = &[
    ("rounds", "N: rounds of each case, 15"),
    ("milliseconds", "N: time of a sample, 50"),
    ("only", "A,B: cases whose name contains one of these"),
];

fn main() -> Outcome<()> {
    let options = Options::parse(HELP)?;
    let rounds = options.value("rounds", 15, 3)?;
    let time = Duration::from_millis(options.value("milliseconds", 50, 2)?);
    machine::print();
    println!("ns a frame, median of {rounds} samples of {time:?}");
    for mut case in cases().into_iter().filter(|case| options.chooses("only", case.name)) {
        let figures = measure(&mut case.subjects, rounds, time);
        let mut table = Table::new(case.name, ["who", "ns", "peer / ours"]);
        for (subject, figure) in case.subjects.iter().zip(&figures) {
            let against = ratio(*figure, figures[0]);
            table.row([subject.name.clone(), format!("{figure:.1}"), against]);
        }
        println!("{table}");
    }
    Ok(())
}
