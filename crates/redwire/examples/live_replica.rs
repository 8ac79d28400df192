//! A live copy of a running server inside this process: `live_replica redis://host:port KEY` prints
//! how many keys there are and what KEY is, whenever something has come.

#![allow(clippy::disallowed_methods, reason = "a program reads the clock; libraries do not")]

use std::net::TcpStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use redwire::{Address, follow::default_config, keyspace::UnixMs, replica::LiveReplica};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address: Address =
        args.next().ok_or("usage: live_replica redis://host:port KEY")?.parse()?;
    let key = args.next().unwrap_or_default();
    let mut config = default_config();
    (config.masteruser, config.masterauth) = (address.user, address.password);

    let mut link = TcpStream::connect((address.host, address.port))?;
    let mut copy = LiveReplica::new(config, 7, Instant::now());
    copy.handle_connected(Instant::now());
    loop {
        copy.pump(&mut link, Instant::now, unix_ms()?)?;
        if copy.is_current() {
            let value = copy.query(&["GET", &key], unix_ms()?);
            println!("{} keys, {key}: {}", copy.keyspace().data().len(0), value.escape_ascii());
        }
    }
}

fn unix_ms() -> Result<UnixMs, Box<dyn std::error::Error>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(UnixMs(u64::try_from(since.as_millis())?))
}
