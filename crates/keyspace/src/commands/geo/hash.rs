//! Geohashes of 52 bits as sorted sets have them for scores, and distances.

/// Metres.
pub(super) const EARTH_RADIUS: f64 = 6_372_797.560_856;
/// Bits of each coordinate.
pub(super) const BITS: u32 = 26;
pub(super) const LONGITUDES: (f64, f64) = (-180.0, 180.0);
/// The latitudes that a sorted set's geohash covers (those of EPSG:3857).
pub(super) const LATITUDES: (f64, f64) = (-85.051_128_78, 85.051_128_78);
/// The latitudes of the geohashes that people write as text.
const ALL_LATITUDES: (f64, f64) = (-90.0, 90.0);
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";

/// A place on Earth, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

impl Point {
    /// Whether a geohash can hold it.
    pub(super) fn is_valid(self) -> bool {
        (LONGITUDES.0..=LONGITUDES.1).contains(&self.longitude)
            && (LATITUDES.0..=LATITUDES.1).contains(&self.latitude)
    }

    /// The geohash.
    pub(super) fn encode(self) -> u64 {
        self.encode_within(LATITUDES)
    }

    fn encode_within(self, latitudes: (f64, f64)) -> u64 {
        let part = |value: f64, (min, max): (f64, f64)| {
            ((value - min) / (max - min) * f64::from(1_u32 << BITS)) as u32
        };
        spread(part(self.latitude, latitudes)) | spread(part(self.longitude, LONGITUDES)) << 1
    }

    /// The middle of the cell that a geohash, a score, stands for.
    pub(super) fn decode(score: f64) -> Self {
        let bits = score as u64;
        let middle = |part: u32, (min, max): (f64, f64)| {
            let edge = |part: f64| min + part / f64::from(1_u32 << BITS) * (max - min);
            let (low, high) = (edge(f64::from(part)), edge(f64::from(part) + 1.0));
            ((low + high) / 2.0).clamp(min, max)
        };
        Self {
            longitude: middle(squash(bits >> 1), LONGITUDES),
            latitude: middle(squash(bits), LATITUDES),
        }
    }

    /// The geohash in eleven characters, the last of them always `0`.
    pub(super) fn text(self) -> [u8; 11] {
        let bits = self.encode_within(ALL_LATITUDES);
        let mut text = [b'0'; 11];
        for (index, character) in text.iter_mut().take(10).enumerate() {
            *character = ALPHABET[(bits >> (52 - (index + 1) * 5) & 31) as usize];
        }
        text
    }

    /// The distance in metres.
    pub(super) fn distance(self, other: Self) -> f64 {
        let (latitude, other_latitude) = (self.latitude.to_radians(), other.latitude.to_radians());
        let v = ((other.longitude.to_radians() - self.longitude.to_radians()) / 2.0).sin();
        if v == 0.0 {
            return EARTH_RADIUS * (other_latitude - latitude).abs();
        }
        let u = ((other_latitude - latitude) / 2.0).sin();
        let a = u * u + latitude.cos() * other_latitude.cos() * v * v;
        2.0 * EARTH_RADIUS * a.sqrt().asin()
    }
}

/// The bits of `part`, a zero behind each.
pub(super) fn spread(part: u32) -> u64 {
    (0..32).map(|bit| u64::from(part >> bit & 1) << (2 * bit)).sum()
}

/// Every other bit of `bits`, from the lowest on.
fn squash(bits: u64) -> u32 {
    (0..32).map(|bit| ((bits >> (2 * bit) & 1) as u32) << bit).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_servers_have_it() {
        let palermo = Point { longitude: 13.361_389, latitude: 38.115_556 };
        let catania = Point { longitude: 15.087_269, latitude: 37.502_669 };
        assert_eq!(palermo.encode(), 3_479_099_956_230_698);
        assert_eq!(catania.encode(), 3_479_447_370_796_909);
        let [a, b] = [palermo, catania].map(|point| Point::decode(point.encode() as f64));
        assert_eq!(format!("{:.4}", a.distance(b)), "166274.1516");
        assert_eq!(&a.text(), b"sqc8b49rny0");
    }
}
