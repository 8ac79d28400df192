//! The cells that a search looks into, in the order in which servers do: `COUNT n ANY` takes the
//! first that are found, and what is stored of them must be the same everywhere.

use std::ops::Range;

use super::hash::{BITS, EARTH_RADIUS, LATITUDES, LONGITUDES, Point, spread};

/// Metres around half of the Earth, as servers count when they choose a size of cells.
const HALF_ROUND: f64 = 20_037_726.37;
/// Latitudes from which on cells are too narrow, and one size more is taken.
const POLAR: [f64; 2] = [66.0, 80.0];

/// A cell of a grid that divides each coordinate into `1 << step` parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cell {
    step: u32,
    longitude: u32,
    latitude: u32,
}

/// What a search covers, in degrees, and how far it reaches from its centre, in metres.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    centre: Point,
    bounds: Bounds,
    /// From the centre to what is farthest.
    reach: f64,
}

/// The least and the greatest coordinates of an area.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) longitude: (f64, f64),
    pub(super) latitude: (f64, f64),
}

impl Bounds {
    /// Those of a box around `centre`, from which it is so many metres to its sides.
    fn around(centre: Point, half_width: f64, half_height: f64) -> Self {
        let Point { longitude, latitude } = centre;
        let lat_delta = (half_height / EARTH_RADIUS).to_degrees();
        // The side that is nearer to a pole is the wider one.
        let side = if latitude < 0.0 { latitude - lat_delta } else { latitude + lat_delta };
        let long_delta = (half_width / EARTH_RADIUS / side.to_radians().cos()).to_degrees();
        Self {
            longitude: (longitude - long_delta, longitude + long_delta),
            latitude: (latitude - lat_delta, latitude + lat_delta),
        }
    }
}

impl Area {
    /// A box around `centre`: how many metres it is to its sides and to what of it is farthest.
    pub(super) fn around(centre: Point, half_width: f64, half_height: f64, reach: f64) -> Self {
        Self { centre, bounds: Bounds::around(centre, half_width, half_height), reach }
    }

    /// What is within `bounds`, of which the farthest is so many metres from `centre`.
    pub(super) fn within(centre: Point, bounds: Bounds, reach: f64) -> Self {
        Self { centre, bounds, reach }
    }

    /// The scores of each cell, the first included, the last not.
    pub(super) fn cells(&self) -> Vec<Range<f64>> {
        let bounds = self.bounds;
        let mut step = self.step();
        let mut grid = Grid::around(self.centre, step);
        if step > 1 && !grid.covers(&bounds) {
            step -= 1;
            grid = Grid::around(self.centre, step);
        }
        let mut cells: Vec<Cell> = Vec::new();
        for (east, north) in ORDER {
            let useless = step >= 2 && grid.is_useless(&bounds, east, north);
            let cell = grid.centre.moved(east, north);
            // The same cell again, where the grid is so coarse that it comes round.
            let again = cells.len() > 1 && cells.last() == Some(&cell);
            if !useless && !again {
                cells.push(cell);
            }
        }
        cells.into_iter().map(Cell::scores).collect()
    }

    /// How fine the grid is to be, so that nine cells hold the area.
    fn step(&self) -> u32 {
        if self.reach == 0.0 {
            return BITS;
        }
        let (mut reach, mut step) = (self.reach, 1_i32);
        while reach < HALF_ROUND {
            reach *= 2.0;
            step += 1;
        }
        let polar = POLAR.iter().filter(|limit| self.centre.latitude.abs() > **limit).count();
        (step - 2 - polar as i32).clamp(1, BITS as i32) as u32
    }
}

/// Steps to east and north: the centre, the sides, the corners.
const ORDER: [(i32, i32); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

struct Grid {
    centre: Cell,
}

impl Grid {
    fn around(point: Point, step: u32) -> Self {
        let part = |value: f64, (min, max): (f64, f64)| {
            ((value - min) / (max - min) * f64::from(1_u32 << step)) as u32
        };
        let (longitude, latitude) =
            (part(point.longitude, LONGITUDES), part(point.latitude, LATITUDES));
        Self { centre: Cell { step, longitude, latitude } }
    }

    /// Whether the cells beside the centre reach as far as the area.
    fn covers(&self, bounds: &Bounds) -> bool {
        let latitudes = |north| self.centre.moved(0, north).latitudes();
        let longitudes = |east| self.centre.moved(east, 0).longitudes();
        latitudes(1).1 >= bounds.latitude.1
            && latitudes(-1).0 <= bounds.latitude.0
            && longitudes(1).1 >= bounds.longitude.1
            && longitudes(-1).0 <= bounds.longitude.0
    }

    /// Whether the centre's cell reaches farther than the area on the side where this one is.
    fn is_useless(&self, bounds: &Bounds, east: i32, north: i32) -> bool {
        let (latitudes, longitudes) = (self.centre.latitudes(), self.centre.longitudes());
        (north < 0 && latitudes.0 < bounds.latitude.0)
            || (north > 0 && latitudes.1 > bounds.latitude.1)
            || (east < 0 && longitudes.0 < bounds.longitude.0)
            || (east > 0 && longitudes.1 > bounds.longitude.1)
    }
}

impl Cell {
    /// The cell so many to the east and to the north; beyond the last comes the first. A centre on
    /// the very edge, at 180 degrees, is in a cell beyond the last, and stays there unless it moves.
    fn moved(self, east: i32, north: i32) -> Self {
        let mask = (1_u32 << self.step) - 1;
        let part = |part: u32, by: i32| match by {
            0 => part,
            _ => part.wrapping_add_signed(by) & mask,
        };
        Self { longitude: part(self.longitude, east), latitude: part(self.latitude, north), ..self }
    }

    fn longitudes(self) -> (f64, f64) {
        self.edges(self.longitude, LONGITUDES)
    }

    fn latitudes(self) -> (f64, f64) {
        self.edges(self.latitude, LATITUDES)
    }

    fn edges(self, part: u32, (min, max): (f64, f64)) -> (f64, f64) {
        let edge = |part: f64| min + part / f64::from(1_u32 << self.step) * (max - min);
        (edge(f64::from(part)), edge(f64::from(part) + 1.0))
    }

    fn scores(self) -> Range<f64> {
        let bits = spread(self.latitude) | spread(self.longitude) << 1;
        let shift = 2 * (BITS - self.step);
        ((bits << shift) as f64)..(((bits + 1) << shift) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_looked_for_in_its_cell_alone() {
        let centre = Point { longitude: 13.361_389, latitude: 38.115_556 };
        let area = Area::around(centre, 0.0, 0.0, 0.0);
        let score = centre.encode() as f64;
        assert_eq!(area.cells()[0], score..score + 1.0);
    }

    /// What is within reach is in one of the cells, wherever the centre is.
    #[test]
    fn cells_hold_what_is_near() {
        for (longitude, latitude) in [(0.0, 0.0), (13.3, 38.1), (-179.9, -70.0), (120.0, 84.0)] {
            let centre = Point { longitude, latitude };
            for metres in [1.0, 500.0, 20_000.0, 300_000.0] {
                let area = Area::around(centre, metres, metres, metres);
                let cells = area.cells();
                assert!(cells.len() <= 9);
                let degrees = (metres / EARTH_RADIUS).to_degrees() * 0.99;
                for north in [-degrees, 0.0, degrees] {
                    let near = Point { latitude: latitude + north, ..centre };
                    let score = near.encode() as f64;
                    let held = cells.iter().any(|cell| cell.contains(&score));
                    assert!(held || !near.is_valid(), "{centre:?} {metres} {north}");
                }
            }
        }
    }
}
