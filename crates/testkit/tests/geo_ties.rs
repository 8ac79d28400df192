//! Members at the very same distance: which of them a search with `COUNT` takes, and stores, is decided
//! by the steps of a sort, which are those of real servers.

use redwire_testkit::{Client, Peer, Redwire, Rng, Server};

/// Few places, so that most members have company.
const PLACES: [&str; 6] = ["0 0", "1 1", "-1 1", "1 -1", "0.5 0", "0 3"];

fn members(rng: &mut Rng) -> Vec<String> {
    let count = 2 + rng.below(150);
    let mut words = vec!["GEOADD".to_owned(), "k".to_owned()];
    for member in 0..count {
        let places = &PLACES[..1 + rng.below(PLACES.len() as u64) as usize];
        let place = places[rng.below(places.len() as u64) as usize];
        words.extend(place.split(' ').map(str::to_owned));
        words.push(format!("m{}", (member * 37) % 1000));
    }
    words
}

fn searches(rng: &mut Rng) -> [String; 3] {
    let count = 1 + rng.below(160);
    let order = ["ASC", "DESC"][rng.below(2) as usize];
    let area = ["BYRADIUS 9000 km", "BYBOX 900 900 km", "BYRADIUS 100 km"][rng.below(3) as usize];
    [
        format!("GEOSEARCH k FROMLONLAT 0 0 {area} {order} COUNT {count}"),
        format!("GEOSEARCHSTORE d k FROMLONLAT 0 0 {area} {order} COUNT {count}"),
        format!("GEORADIUS k 0 0 9000 km COUNT {count} {order} STOREDIST e"),
    ]
}

fn call(client: &mut Client, line: &str) -> String {
    format!("{line}: {:?}", client.call(&line.split(' ').collect::<Vec<_>>()))
}

fn rounds(server: &Server, seed: u64) -> Vec<String> {
    let (mut rng, mut client, mut seen) = (Rng::new(seed), server.client(), Vec::new());
    for _ in 0..100 {
        client.ok(&["DEL", "k", "d", "e"]);
        client.ok(&members(&mut rng));
        for _ in 0..5 {
            seen.extend(searches(&mut rng).map(|line| call(&mut client, &line)));
            seen.extend(["d", "e"].map(|key| call(&mut client, &format!("ZRANGE {key} 0 -1"))));
        }
    }
    seen
}

#[test]
fn ties_are_taken_as_by_real_servers() {
    let ours = Redwire::start(&[]);
    for seed in 0..3 {
        let here = rounds(&ours, seed);
        for peer in [Peer::Redis70, Peer::Redis80, Peer::Redis86, Peer::Valkey91] {
            let Some(real) = peer.start(&[]) else { continue };
            for (ours, theirs) in here.iter().zip(rounds(&real, seed)) {
                assert_eq!(*ours, theirs, "at {}, seed {seed}", peer.name());
            }
        }
    }
}
