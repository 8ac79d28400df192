//! Prints a running server's changes, and connects again when the link breaks:
//! `tokio_follow redis://host:port`.

use redwire::follow::Item;
use redwire::tokio::Follow;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("usage: tokio_follow redis://host:port")?;
    let mut master = Follow::new(address.parse()?);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        loop {
            let printed = master.next(|item| match item {
                Item::Command { db, request, .. } => println!("{db}: {request:?}"),
                Item::SnapshotEnd { position } => println!("snapshot complete: {position:?}"),
                Item::Resumed { position } => println!("going on from {position}"),
                _ => {}
            });
            if let Err(error) = printed.await {
                eprintln!("{error}; connecting again");
            }
        }
    })
}
