//! A live copy of a running server inside this process: `live_replica redis://host:port KEY` prints
//! how many keys there are and what KEY is, whenever something has come.

use redwire::blocking::Live;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().ok_or("usage: live_replica redis://host:port KEY")?;
    let key = args.next().unwrap_or_default();

    let mut copy = Live::new(address.parse()?);
    loop {
        copy.changed()?;
        if copy.is_current() {
            let value = copy.query(&["GET", &key]);
            println!("{} keys, {key}: {}", copy.keyspace().data().len(0), value.escape_ascii());
        }
    }
}
