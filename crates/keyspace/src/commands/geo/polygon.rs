//! [`Polygon`]: what `BYPOLYGON` looks into (Valkey 9.0).

use super::cells::{Area, Bounds};
use super::hash::Point;

/// The area within straight lines, by longitude and latitude, from each corner to the next and from the
/// last to the first.
#[derive(Debug, Clone)]
pub(super) struct Polygon(Vec<Point>);

impl Polygon {
    /// One of so many corners, of which there are three at least.
    pub(super) fn new(corners: Vec<Point>) -> Self {
        Self(corners)
    }

    /// What distances are told from: the middle of the corners, on the sphere.
    pub(super) fn centre(&self) -> Point {
        let count = self.0.len() as f64;
        let mut sum = [0.0; 3];
        for corner in &self.0 {
            let (longitude, latitude) =
                (corner.longitude.to_radians(), corner.latitude.to_radians());
            let direction = [
                latitude.cos() * longitude.cos(),
                latitude.cos() * longitude.sin(),
                latitude.sin(),
            ];
            sum.iter_mut().zip(direction).for_each(|(sum, part)| *sum += part);
        }
        let [x, y, z] = sum.map(|part| part / count);
        Point {
            longitude: y.atan2(x).to_degrees(),
            latitude: z.atan2((x * x + y * y).sqrt()).to_degrees(),
        }
    }

    /// Where to look: around the centre, as far as the corner of the box around it that is farthest.
    pub(super) fn area(&self, centre: Point) -> Area {
        let side = |part: fn(&Point) -> f64| {
            let parts = self.0.iter().map(part);
            parts.fold((f64::MAX, f64::MIN), |(least, most), at| (least.min(at), most.max(at)))
        };
        let bounds =
            Bounds { longitude: side(|it| it.longitude), latitude: side(|it| it.latitude) };
        let corners = [bounds.longitude.0, bounds.longitude.1].into_iter().flat_map(|longitude| {
            [bounds.latitude.0, bounds.latitude.1].map(|latitude| Point { longitude, latitude })
        });
        let reach = corners.map(|corner| centre.distance(corner)).fold(0.0, f64::max);
        Area::within(centre, bounds, reach)
    }

    /// Whether `place` is within: a line from it to the west crosses an odd number of sides.
    pub(super) fn holds(&self, place: Point) -> bool {
        let Point { longitude: x, latitude: y } = place;
        let mut is_within = false;
        let mut last = self.0.last().copied();
        for corner in &self.0 {
            let Some(before) = last.replace(*corner) else { continue };
            let (x1, y1) = (corner.longitude, corner.latitude);
            let (x2, y2) = (before.longitude, before.latitude);
            if (y1 > y) != (y2 > y) && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1 {
                is_within = !is_within;
            }
        }
        is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polygon(corners: &[(f64, f64)]) -> Polygon {
        let point = |&(longitude, latitude): &(f64, f64)| Point { longitude, latitude };
        Polygon::new(corners.iter().map(point).collect())
    }

    #[test]
    fn an_arrow_holds_what_is_between_its_sides() {
        let arrow = polygon(&[(0.0, 0.0), (4.0, 4.0), (8.0, 0.0), (4.0, 1.0)]);
        for (longitude, latitude, held) in [
            (4.0, 2.0, true),
            (1.0, 0.5, true),
            (4.0, 0.5, false),
            (0.5, 3.0, false),
            (7.0, 0.5, true),
            (9.0, 0.5, false),
            (-1.0, 0.5, false),
        ] {
            let place = Point { longitude, latitude };
            assert_eq!(arrow.holds(place), held, "{place:?}");
        }
    }

    #[test]
    fn what_is_held_is_in_the_cells_of_the_area() {
        for (west, south, width) in [(-3.0, 5.0, 0.01), (100.0, -60.0, 4.0), (-170.0, 60.0, 20.0)] {
            let (east, north) = (west + width, south + width);
            let shape = polygon(&[(west, south), (west, north), (east, north), (east, south)]);
            let area = shape.area(shape.centre());
            for (x, y) in [(0.01, 0.01), (0.5, 0.5), (0.99, 0.01), (0.01, 0.99)] {
                let place = Point { longitude: west + x * width, latitude: south + y * width };
                let score = place.encode() as f64;
                assert!(shape.holds(place));
                assert!(area.cells().iter().any(|cell| cell.contains(&score)), "{place:?}");
            }
        }
    }
}
