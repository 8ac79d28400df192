//! `GEOSEARCH`, `GEORADIUS` and their kin.

use std::cmp::Ordering;

use redwire_resp::Request;

use super::cells::Area;
use super::hash::Point;
use super::partial_sort::partial_sort;
use super::polygon::Polygon;
use super::{point, unit, write_distance, write_point};
use crate::commands::options::{float, integer, is};
use crate::commands::store::store;
use crate::context::Context;
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::Kind as _;
use crate::{Blob, Scored, Value, Zset};

#[derive(Debug, Clone)]
enum Shape {
    /// In metres.
    Radius(f64),
    /// Width and height in metres.
    Box(f64, f64),
    Polygon(Polygon),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    None,
    Ascending,
    Descending,
}

/// What a search asks for.
struct Search<'a> {
    centre: Option<Point>,
    shape: Option<Shape>,
    /// Metres of the unit in which distances are told.
    unit: f64,
    order: Order,
    count: Option<usize>,
    any: bool,
    with_coordinates: bool,
    with_distance: bool,
    with_hash: bool,
    store: Option<&'a [u8]>,
    store_distances: bool,
}

/// The form of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Search,
    SearchStore,
    Radius,
    RadiusReadOnly,
}

impl Form {
    fn is_search(self) -> bool {
        matches!(self, Self::Search | Self::SearchStore)
    }
}

/// A member within the shape.
struct Found {
    member: Blob,
    score: f64,
    /// In the unit asked for.
    distance: f64,
    point: Point,
}

pub(super) fn geosearch(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    run(context, request, Form::Search, None, 2)
}

pub(super) fn geosearchstore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    run(context, request, Form::SearchStore, None, 3)
}

pub(super) fn georadius(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    around_point(context, request, Form::Radius)
}

pub(super) fn georadius_ro(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    around_point(context, request, Form::RadiusReadOnly)
}

pub(super) fn georadiusbymember(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    around_member(context, request, Form::Radius)
}

pub(super) fn georadiusbymember_ro(
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    around_member(context, request, Form::RadiusReadOnly)
}

fn around_point(context: &mut Context<'_>, request: Request<'_>, form: Form) -> CommandResult {
    context.data.check::<Zset>(&request[1])?;
    let centre = point(&request[2], &request[3])?;
    let (radius, metres) = (radius(&request[4])?, unit(&request[5])?);
    run(context, request, form, Some((centre, radius, metres)), 6)
}

fn around_member(context: &mut Context<'_>, request: Request<'_>, form: Form) -> CommandResult {
    context.data.check::<Zset>(&request[1])?;
    let centre = member_point(context, &request[1], &request[2])?;
    let around = match context.data.peek(&request[1]) {
        // Nothing will be found: servers do not even look at the radius.
        None => (centre, 0.0, 1.0),
        Some(_) => (centre, radius(&request[3])?, unit(&request[4])?),
    };
    run(context, request, form, Some(around), 5)
}

fn radius(arg: &[u8]) -> Result<f64, CommandError> {
    let radius = float(arg).map_err(|_| CommandError::text("ERR need numeric radius"))?;
    if radius < 0.0 {
        return Err(CommandError::text("ERR radius cannot be negative"));
    }
    Ok(radius)
}

/// Where a member is. Without the key nothing is looked up, so any member will do, at any place.
fn member_point(
    context: &mut Context<'_>,
    key: &[u8],
    member: &[u8],
) -> Result<Point, CommandError> {
    let Some(value) = context.data.peek(key) else {
        return Ok(Point { longitude: 0.0, latitude: 0.0 });
    };
    let score = Zset::of(value).and_then(|zset| zset.score(member));
    score.map(Point::decode).ok_or(CommandError::text("ERR could not decode requested zset member"))
}

fn run(
    context: &mut Context<'_>,
    request: Request<'_>,
    form: Form,
    around: Option<(Point, f64, f64)>,
    options_at: usize,
) -> CommandResult {
    let source = if form == Form::SearchStore { &request[2] } else { &request[1] };
    context.data.check::<Zset>(source)?;
    let search = Search::parse(context, request, form, around, options_at, source)?;
    let zset = context.data.read::<Zset>(source)?.cloned().unwrap_or_default();
    let Some(centre) = search.centre else { return Err(CommandError::Syntax) };
    let found = search.find(&zset, centre);
    match search.store {
        Some(destination) => {
            let distances = search.store_distances;
            let scored = found.into_iter().map(|found| Scored {
                score: if distances { found.distance } else { found.score },
                member: found.member,
            });
            let result = Zset::from_iter(scored).into_value();
            if matches!(search.shape, Some(Shape::Polygon(_))) {
                tell_of_result(context, destination, &result);
            }
            let event = if form.is_search() { "geosearchstore" } else { "georadiusstore" };
            store(context, destination, result, EventClass::Zset, event);
        }
        None => search.reply(context, &found),
    }
    Ok(())
}

/// Tells replicas what is stored, and not what was searched for, which most servers do not know.
fn tell_of_result(context: &mut Context<'_>, destination: &[u8], result: &Value) {
    if !context.data.begin_effect() {
        return;
    }
    let payload = result.to_payload(context.data.thresholds());
    match payload.filter(|_| result.element_count() > 0) {
        Some(payload) => {
            context.data.effect([b"RESTORE", destination, b"0", &payload, b"REPLACE"]);
        }
        None if context.data.peek(destination).is_some() => {
            context.data.effect([b"DEL", destination]);
        }
        None => {}
    }
}

impl<'a> Search<'a> {
    fn parse(
        context: &mut Context<'_>,
        request: Request<'a>,
        form: Form,
        around: Option<(Point, f64, f64)>,
        options_at: usize,
        source: &[u8],
    ) -> Result<Self, CommandError> {
        let mut search = Self {
            centre: around.map(|(centre, _, _)| centre),
            shape: around.map(|(_, radius, unit)| Shape::Radius(radius * unit)),
            unit: around.map_or(1.0, |(_, _, unit)| unit),
            order: Order::None,
            count: None,
            any: false,
            with_coordinates: false,
            with_distance: false,
            with_hash: false,
            store: request.arg(1).filter(|_| form == Form::SearchStore),
            store_distances: false,
        };
        let mut args = request.iter().skip(options_at);
        while let Some(arg) = args.next() {
            let left = args.len();
            match () {
                () if is(arg, "WITHDIST") => search.with_distance = true,
                () if is(arg, "WITHHASH") => search.with_hash = true,
                () if is(arg, "WITHCOORD") => search.with_coordinates = true,
                () if is(arg, "ANY") => search.any = true,
                () if is(arg, "ASC") => search.order = Order::Ascending,
                () if is(arg, "DESC") => search.order = Order::Descending,
                () if is(arg, "COUNT") && left > 0 => {
                    let count = integer(args.next().unwrap_or_default())?;
                    if count <= 0 {
                        return Err(CommandError::text("ERR COUNT must be > 0"));
                    }
                    search.count = Some(count as usize);
                }
                () if form == Form::Radius && left > 0 && is(arg, "STORE") => {
                    search.store = args.next();
                    search.store_distances = false;
                }
                () if form == Form::Radius && left > 0 && is(arg, "STOREDIST") => {
                    search.store = args.next();
                    search.store_distances = true;
                }
                () if form == Form::SearchStore && is(arg, "STOREDIST") => {
                    search.store_distances = true;
                }
                () if form.is_search() => search.area(context, arg, &mut args, source)?,
                () => return Err(CommandError::Syntax),
            }
        }
        search.check(form, request)
    }

    /// Reads an option that says where to look.
    fn area(
        &mut self,
        context: &mut Context<'_>,
        arg: &[u8],
        args: &mut (impl ExactSizeIterator<Item = &'a [u8]> + Clone),
        source: &[u8],
    ) -> CommandResult {
        let left = args.len();
        let mut next = || args.next().unwrap_or_default();
        match () {
            () if is(arg, "FROMMEMBER") && left > 0 && self.centre.is_none() => {
                self.centre = Some(member_point(context, source, next())?);
            }
            () if is(arg, "FROMLONLAT") && left > 1 && self.centre.is_none() => {
                self.centre = Some(point(next(), next())?);
            }
            () if is(arg, "BYRADIUS") && left > 1 && self.shape.is_none() => {
                let radius = radius(next())?;
                self.unit = unit(next())?;
                self.shape = Some(Shape::Radius(radius * self.unit));
            }
            () if is(arg, "BYBOX") && left > 2 && self.shape.is_none() => {
                let side = |arg, text| float(arg).map_err(|_| CommandError::text(text));
                let width = side(next(), "ERR need numeric width")?;
                let height = side(next(), "ERR need numeric height")?;
                if width < 0.0 || height < 0.0 {
                    return Err(CommandError::text("ERR height or width cannot be negative"));
                }
                self.unit = unit(next())?;
                self.shape = Some(Shape::Box(width * self.unit, height * self.unit));
            }
            () if is(arg, "BYPOLYGON") && left > 0 && self.may_be_polygon() => {
                let polygon = polygon(args)?;
                self.centre = Some(polygon.centre());
                self.shape = Some(Shape::Polygon(polygon));
            }
            () => return Err(CommandError::Syntax),
        }
        Ok(())
    }

    /// Whether a polygon may be named: it has a centre of its own.
    fn may_be_polygon(&self) -> bool {
        match self.shape {
            None => self.centre.is_none(),
            Some(Shape::Polygon(_)) => true,
            Some(Shape::Radius(_) | Shape::Box(..)) => false,
        }
    }

    fn check(mut self, form: Form, request: Request<'_>) -> Result<Self, CommandError> {
        let name = String::from_utf8_lossy(request.name());
        let shows = self.with_coordinates || self.with_distance || self.with_hash;
        if self.store.is_some() && shows {
            let command =
                if form.is_search() { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(CommandError::text(format!(
                "ERR {command} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        if form.is_search() && self.centre.is_none() {
            return Err(CommandError::text(format!(
                "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
            )));
        }
        if form.is_search() && self.shape.is_none() {
            return Err(CommandError::text(format!(
                "ERR exactly one of BYRADIUS and BYBOX can be specified for {name}"
            )));
        }
        if self.any && self.count.is_none() {
            return Err(CommandError::text("ERR the ANY argument requires COUNT argument"));
        }
        if self.count.is_some() && !self.any && self.order == Order::None {
            self.order = Order::Ascending;
        }
        Ok(self)
    }

    fn find(&self, zset: &Zset, centre: Point) -> Vec<Found> {
        let mut found = Vec::new();
        let Some(shape) = &self.shape else { return found };
        let ranks = shape.area(centre).cells().into_iter().map(|scores| {
            zset.rank_of_score(scores.start, false)..zset.rank_of_score(scores.end, false)
        });
        for scored in ranks.flat_map(|ranks| zset.range(ranks)) {
            let place = Point::decode(scored.score);
            let Some(distance) = shape.holds(centre, place) else { continue };
            found.push(Found {
                member: Blob::from(scored.member),
                score: scored.score,
                distance: distance / self.unit,
                point: place,
            });
            if self.any && Some(found.len()) == self.count {
                break;
            }
        }
        let wanted = self.count.unwrap_or(usize::MAX);
        match self.order {
            Order::None => {}
            Order::Ascending => sort(&mut found, wanted, |a, b| a.distance.total_cmp(&b.distance)),
            Order::Descending => sort(&mut found, wanted, |a, b| b.distance.total_cmp(&a.distance)),
        }
        found.truncate(wanted);
        found
    }

    fn reply(&self, context: &mut Context<'_>, found: &[Found]) {
        let reply = &mut context.reply;
        let shown = [self.with_distance, self.with_hash, self.with_coordinates];
        let shown = shown.into_iter().filter(|shown| *shown).count();
        reply.array(found.len());
        for found in found {
            if shown > 0 {
                reply.array(1 + shown);
            }
            reply.bulk(&found.member);
            if self.with_distance {
                write_distance(reply, found.distance);
            }
            if self.with_hash {
                reply.integer(found.score as i64);
            }
            if self.with_coordinates {
                write_point(reply, found.point);
            }
        }
    }
}

/// Reads the corners of a polygon, behind their number.
fn polygon<'a>(
    args: &mut (impl ExactSizeIterator<Item = &'a [u8]> + Clone),
) -> Result<Polygon, CommandError> {
    let count =
        integer(args.next().unwrap_or_default()).ok().filter(|count| i32::try_from(*count).is_ok());
    let count = count.ok_or(CommandError::text("ERR invalid number of vertices"))?;
    let count = usize::try_from(count).ok().filter(|count| (3..=args.len() / 2).contains(count));
    let count =
        count.ok_or(CommandError::text("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"))?;
    let mut corner = || point(args.next().unwrap_or_default(), args.next().unwrap_or_default());
    Ok(Polygon::new((0..count).map(|_| corner()).collect::<Result<_, _>>()?))
}

/// Sorts as servers do, who leave ties in another order where they need not sort all.
fn sort(found: &mut [Found], wanted: usize, order: impl Fn(&Found, &Found) -> Ordering) {
    if wanted < found.len() {
        partial_sort(found, wanted, order);
    } else {
        found.sort_by(order);
    }
}

impl Shape {
    fn area(&self, centre: Point) -> Area {
        match self {
            Self::Radius(reach) => Area::around(centre, *reach, *reach, *reach),
            Self::Box(width, height) => {
                let (half_width, half_height) = (width / 2.0, height / 2.0);
                let reach = (half_width * half_width + half_height * half_height).sqrt();
                Area::around(centre, half_width, half_height, reach)
            }
            Self::Polygon(polygon) => polygon.area(centre),
        }
    }

    /// The distance of `place` from the centre, if it is within.
    fn holds(&self, centre: Point, place: Point) -> Option<f64> {
        let distance = || centre.distance(place);
        match self {
            Self::Radius(radius) => Some(distance()).filter(|distance| distance <= radius),
            Self::Polygon(polygon) => polygon.holds(place).then(distance),
            Self::Box(width, height) => {
                let beside = Point { latitude: place.latitude, ..centre };
                let within = place.distance(beside) <= width / 2.0
                    && centre.distance(Point { longitude: centre.longitude, ..place })
                        <= height / 2.0;
                within.then(distance)
            }
        }
    }
}
