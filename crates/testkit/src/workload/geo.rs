use super::command;
use super::draw::{KEYS, member, named, repeated};
use crate::{Command, Rng};

/// A random command on places. Any few of what is found are those that a server finds first.
pub(super) fn command(rng: &mut Rng) -> Command {
    let name = key(rng);
    let search = Search {
        longitude: degrees(rng, 180),
        latitude: degrees(rng, 85),
        order: rng.pick(&["ASC", "desc"]),
        unit: rng.pick(&["m", "KM", "mi", "ft"]),
        radius: rng.between(0, 20_000_000).to_string(),
        some: rng.between(1, 9).to_string(),
    };
    match rng.below(12) {
        0..=2 => repeated(rng, command!["GEOADD", name], 5, |rng, to| {
            to.extend([degrees(rng, 180), degrees(rng, 85), member(rng)]);
        }),
        3 => {
            let Search { longitude, latitude, .. } = search;
            command!["GEOADD", name, "XX", "CH", longitude, latitude, member(rng)]
        }
        4 => repeated(rng, command!["GEOPOS", name], 3, |rng, to| to.push(member(rng))),
        5 => repeated(rng, command!["GEOHASH", name], 3, |rng, to| to.push(member(rng))),
        6 => command!["GEODIST", name, member(rng), member(rng), search.unit],
        way => search.command(way, name, rng),
    }
}

/// What a search may ask for.
struct Search {
    longitude: Vec<u8>,
    latitude: Vec<u8>,
    order: &'static str,
    unit: &'static str,
    radius: String,
    some: String,
}

impl Search {
    /// A search of the places of a key, in one of the ways from 7 on.
    fn command(self, way: u64, name: Vec<u8>, rng: &mut Rng) -> Command {
        let Search { longitude, latitude, order, unit, radius, some } = self;
        match way {
            7 => command![
                "GEORADIUS",
                name,
                longitude,
                latitude,
                radius,
                "m",
                "WITHDIST",
                "WITHHASH",
                order
            ],
            8 => command![
                "GEOSEARCH",
                name,
                "FROMLONLAT",
                longitude,
                latitude,
                "BYBOX",
                radius,
                radius,
                "m",
                order,
                "WITHCOORD"
            ],
            9 => command![
                "GEORADIUS",
                name,
                longitude,
                latitude,
                radius,
                "m",
                "COUNT",
                some,
                "ANY",
                "STORE",
                key(rng)
            ],
            10 => command![
                "GEOSEARCH",
                name,
                "FROMLONLAT",
                longitude,
                latitude,
                "BYBOX",
                some,
                radius,
                unit,
                "COUNT",
                some,
                "ANY"
            ],
            _ => command![
                "GEOSEARCHSTORE",
                key(rng),
                name,
                "FROMLONLAT",
                longitude,
                latitude,
                "BYRADIUS",
                radius,
                "m"
            ],
        }
    }
}

pub(super) fn key(rng: &mut Rng) -> Vec<u8> {
    named("g", rng.below(KEYS))
}

pub(super) fn degrees(rng: &mut Rng, most: i64) -> Vec<u8> {
    let most = if rng.one_in(60) { 400 } else { most };
    format!("{}.{:04}", rng.between(-most + 1, most - 1), rng.below(10_000)).into_bytes()
}
