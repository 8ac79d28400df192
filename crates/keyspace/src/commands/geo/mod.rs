//! Commands on places, which are sorted sets with geohashes for scores.

mod cells;
mod hash;
mod partial_sort;
mod polygon;
mod search;

use redwire_resp::{Encoder, Protocol, Request, RequestBuf};

use self::hash::Point;
use super::options::{float, is};
use super::zsets::add;
use crate::Zset;
use crate::command::{Command, Flags, Keys};
use crate::context::Context;
use crate::error::{CommandError, CommandResult};

const READ: Flags = Flags::READONLY;
const GROW: Flags = Flags::WRITE.with(Flags::DENYOOM);
const GROW_MANY: Flags = GROW.with(Flags::MOVABLE_KEYS);
const STORING: Keys = Keys::ONE.and_after("STORE");

pub(super) static COMMANDS: &[Command] = &[
    Command::data("geoadd", -5, GROW, Keys::ONE, geoadd),
    Command::data("geopos", -2, READ, Keys::ONE, geopos),
    Command::data("geodist", -4, READ, Keys::ONE, geodist),
    Command::data("geohash", -2, READ, Keys::ONE, geohash),
    Command::data("geosearch", -7, READ, Keys::ONE, search::geosearch),
    Command::data("geosearchstore", -8, GROW, Keys::TWO, search::geosearchstore),
    Command::data("georadius", -6, GROW_MANY, STORING, search::georadius),
    Command::data("georadius_ro", -6, READ, Keys::ONE, search::georadius_ro),
    Command::data("georadiusbymember", -5, GROW_MANY, STORING, search::georadiusbymember),
    Command::data("georadiusbymember_ro", -5, READ, Keys::ONE, search::georadiusbymember_ro),
];

/// Reads a longitude and a latitude.
fn point(longitude: &[u8], latitude: &[u8]) -> Result<Point, CommandError> {
    let point = Point { longitude: float(longitude)?, latitude: float(latitude)? };
    if point.is_valid() {
        return Ok(point);
    }
    let Point { longitude, latitude } = point;
    Err(CommandError::text(format!(
        "ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
    )))
}

/// How many metres the unit of this name has.
fn unit(name: &[u8]) -> Result<f64, CommandError> {
    match () {
        () if is(name, "m") => Ok(1.0),
        () if is(name, "km") => Ok(1000.0),
        () if is(name, "ft") => Ok(0.3048),
        () if is(name, "mi") => Ok(1609.34),
        () => Err(CommandError::text("ERR unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// A `ZADD` of geohashes, which is what replicas are told.
fn geoadd(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let is_option = |arg: &&[u8]| is(arg, "NX") || is(arg, "XX") || is(arg, "CH");
    let options: Vec<&[u8]> = request.iter().skip(2).take_while(is_option).collect();
    let has = |name| options.iter().any(|option| is(option, name));
    let triples: Vec<&[u8]> = request.iter().skip(2 + options.len()).collect();
    if !triples.len().is_multiple_of(3) || (has("NX") && has("XX")) {
        return Err(CommandError::Syntax);
    }
    let mut args: Vec<Vec<u8>> = vec![b"ZADD".to_vec(), request[1].to_vec()];
    args.extend(options.iter().map(|option| option.to_vec()));
    for triple in triples.chunks(3) {
        args.push(point(triple[0], triple[1])?.encode().to_string().into_bytes());
        args.push(triple[2].to_vec());
    }
    let changes = context.data.keyspace.changes();
    let zadd = RequestBuf::from_args(&args);
    add::zadd(context, zadd.as_request())?;
    if context.data.keyspace.changes() != changes {
        context.data.effect(&args);
    }
    Ok(())
}

fn geopos(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let zset = context.data.read::<Zset>(&request[1])?;
    context.reply.array(request.len() - 2);
    for member in request.iter().skip(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => write_point(&mut context.reply, Point::decode(score)),
            None => context.reply.null_array(),
        }
    }
    Ok(())
}

fn geohash(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let zset = context.data.read::<Zset>(&request[1])?;
    context.reply.array(request.len() - 2);
    for member in request.iter().skip(2) {
        match zset.and_then(|zset| zset.score(member)) {
            Some(score) => context.reply.bulk(&Point::decode(score).text()),
            None => context.reply.null(),
        }
    }
    Ok(())
}

fn geodist(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let metres = match request.len() {
        4 => 1.0,
        5 => unit(&request[4])?,
        _ => return Err(CommandError::Syntax),
    };
    let zset = context.data.read::<Zset>(&request[1])?;
    let place = |at: usize| zset?.score(&request[at]).map(Point::decode);
    match place(2).zip(place(3)) {
        Some((from, to)) => write_distance(&mut context.reply, from.distance(to) / metres),
        None => context.reply.null(),
    }
    Ok(())
}

fn write_distance(reply: &mut Encoder<'_>, distance: f64) {
    reply.bulk(format!("{distance:.4}").as_bytes());
}

/// Both coordinates with up to 17 digits behind the point.
fn write_point(reply: &mut Encoder<'_>, point: Point) {
    reply.array(2);
    for coordinate in [point.longitude, point.latitude] {
        let text = format!("{coordinate:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        match reply.protocol() {
            Protocol::Resp2 => reply.bulk(text.as_bytes()),
            Protocol::Resp3 => reply.raw(format!(",{text}\r\n").as_bytes()),
        }
    }
}
