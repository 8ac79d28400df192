//! [`Dataset::digest`]: what `DEBUG DIGEST` answers, so that two ends can be compared.

use redwire_resp::{DoubleBuffer, format_double_17g, format_double_digest};
use sha1::{Digest as _, Sha1};

use crate::database::EntryRef;
use crate::{Dataset, Hash, StrRef, Stream, StreamId, ValueRef, Zset};

/// How a score is printed where a digest takes it in: servers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScoreText {
    /// With 17 digits (`%.17g`), as servers before Redis 7.2 do.
    Digits17,
    /// With as many digits as tell it from other numbers, as Redis 7.2 and later and Valkey do.
    #[default]
    Shortest,
}

impl Dataset {
    /// The digest of all databases, as `DEBUG DIGEST` defines it: equal data have an equal digest,
    /// whatever the order of keys, fields and members and however they are kept.
    ///
    /// That a key or a field of a hash expires counts, the moment does not (as in Redis 7.4 and later;
    /// Valkey 9 leaves fields' expiries out). An empty data set has a digest of zeros.
    /// [`Opaque`](crate::Opaque) values are taken in as their RDB bytes, which no server does: with
    /// any of them the digest compares with that of another redwire only.
    ///
    /// ```
    /// use redwire_keyspace::{Dataset, ScoreText};
    ///
    /// assert_eq!(Dataset::new(16, 42).digest(ScoreText::default()), [0; 20]);
    /// ```
    #[must_use]
    pub fn digest(&self, scores: ScoreText) -> [u8; 20] {
        let mut all = Digest::default();
        for (db, database) in (0_u32..).zip(&self.databases) {
            if database.is_empty() {
                continue;
            }
            all.mix(&db.to_be_bytes());
            for entry in database.iter() {
                let mut digest = Digest::default();
                digest.mix(entry.key);
                digest.value(entry, scores);
                all.add(&digest.0);
            }
        }
        all.0
    }

    /// The digest of one value, as `DEBUG DIGEST-VALUE` defines it; zeros if the key is not there.
    #[must_use]
    pub fn value_digest(&self, db: u32, key: &[u8], scores: ScoreText) -> [u8; 20] {
        let mut digest = Digest::default();
        let database = self.databases.get(db as usize);
        if let Some(entry) = database.and_then(|database| database.find(key)) {
            digest.value(entry, scores);
        }
        digest.0
    }
}

/// A digest under way.
#[derive(Default)]
struct Digest([u8; 20]);

impl Digest {
    /// Takes `bytes` in so that the order of calls does not matter (Redis: `xorDigest`).
    fn add(&mut self, bytes: &[u8]) {
        for (byte, other) in self.0.iter_mut().zip(Sha1::digest(bytes)) {
            *byte ^= other;
        }
    }

    /// Takes `bytes` in so that the order of calls matters (Redis: `mixDigest`).
    fn mix(&mut self, bytes: &[u8]) {
        self.add(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    /// Takes in a value with its type and whether it expires.
    fn value(&mut self, entry: EntryRef<'_>, scores: ScoreText) {
        self.mix(&type_number(entry.value).to_be_bytes());
        match entry.value {
            ValueRef::String(string) => self.string(string),
            ValueRef::List(list) => list.iter().for_each(|item| self.mix(item)),
            ValueRef::Set(set) => set.iter().for_each(|member| self.add(member)),
            ValueRef::Zset(zset) => self.zset(zset, scores),
            ValueRef::Hash(hash) => self.hash(hash),
            ValueRef::Stream(stream) => self.stream(stream),
            ValueRef::Opaque(opaque) => {
                self.mix(&[opaque.type_byte()]);
                self.mix(opaque.body());
            }
        }
        if entry.expires().is_some() {
            self.add(b"!!expire!!");
        }
    }

    fn string(&mut self, string: StrRef<'_>) {
        self.mix(&string.as_bytes());
    }

    fn zset(&mut self, zset: &Zset, scores: ScoreText) {
        let mut buffer = DoubleBuffer::new();
        for scored in zset.iter() {
            let score = match scores {
                ScoreText::Digits17 => format_double_17g(scored.score, &mut buffer),
                ScoreText::Shortest => format_double_digest(scored.score, &mut buffer),
            };
            self.pair(scored.member, score.as_bytes());
        }
    }

    fn hash(&mut self, hash: &Hash) {
        for (field, expires) in hash.iter_expiring() {
            let mut digest = Self::of_pair(field.name, field.value);
            if expires.is_some() {
                digest.add(b"!!hexpire!!");
            }
            self.add(&digest.0);
        }
    }

    /// Takes in the entries of a stream; groups do not count.
    fn stream(&mut self, stream: &Stream) {
        let mut text = Vec::new();
        for entry in stream.range(StreamId::MIN, StreamId::MAX) {
            self.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for part in entry.fields().flat_map(|(name, value)| [name, value]) {
                text.clear();
                part.write_to(&mut text);
                self.mix(&text);
            }
        }
    }

    /// Takes in an element of two parts, in whatever order elements come.
    fn pair(&mut self, first: &[u8], second: &[u8]) {
        self.add(&Self::of_pair(first, second).0);
    }

    fn of_pair(first: &[u8], second: &[u8]) -> Self {
        let mut digest = Self::default();
        digest.mix(first);
        digest.mix(second);
        digest
    }
}

/// The number that Redis has for the type (`OBJ_STRING` and so on).
fn type_number(value: ValueRef<'_>) -> u32 {
    match value {
        ValueRef::String(_) => 0,
        ValueRef::List(_) => 1,
        ValueRef::Set(_) => 2,
        ValueRef::Zset(_) => 3,
        ValueRef::Hash(_) => 4,
        ValueRef::Stream(_) => 6,
        ValueRef::Opaque(opaque) => match opaque.type_name() {
            "stream" => 6,
            _ => 5,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Entry;
    use crate::{List, Set, UnixMs};
    use crate::{Str, Value};

    /// The data whose digests the servers told.
    fn example() -> Dataset {
        let mut data = Dataset::new(16, 42);
        let mut insert = |db: usize, key: &str, value: Value, expires: Option<u64>| {
            let entry = Entry::new(key.as_bytes(), value, expires.map(UnixMs), 0);
            data.databases[db].insert(entry);
        };
        let string = |text: &str| Value::String(Str::new(text.as_bytes()));
        insert(0, "text", string("hello"), None);
        insert(0, "number", string("-42"), None);
        insert(0, "big", string(&"x".repeat(100)), None);
        insert(0, "empty", string(""), None);
        let mut list = List::default();
        ["a", "b", "1", "a"].into_iter().for_each(|item| list.push_back(item.as_bytes()));
        insert(0, "list", Value::List(list), None);
        let mut set = Set::default();
        ["x", "y", "7"].into_iter().for_each(|member| assert!(set.insert(member.as_bytes())));
        insert(0, "set", Value::Set(set), None);
        let mut hash = Hash::default();
        hash.set(b"f", b"v");
        insert(3, "hash", Value::Hash(hash.clone()), Some(1_000_000));
        hash.set(b"n", b"12");
        insert(0, "hash", Value::Hash(hash), None);
        let mut zset = Zset::default();
        let scores = [1.5, f64::NEG_INFINITY, 3.0, 1e20, 0.1, 1e9, 0.0];
        for (member, score) in ["a", "b", "c", "d", "e", "g", "h"].into_iter().zip(scores) {
            zset.insert(member.as_bytes(), score);
        }
        insert(0, "zset", Value::Zset(zset), None);
        insert(3, "text", string("hello"), Some(100_000));
        data
    }

    fn hex(digest: [u8; 20]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_data_set_as_servers_digest_it() {
        let digest = |scores| hex(example().digest(scores));
        // Redis 7.0.15, then Redis 8.0.2 and Valkey 9.1.2.
        assert_eq!(digest(ScoreText::Digits17), "b5d2c0cf0bf6ac0f29af65f65d7f2bd1ea3dfee7");
        assert_eq!(digest(ScoreText::Shortest), "cfd0fdfa5233b03af5c5a3041d3123a7efca67ef");
    }

    #[test]
    fn expiring_fields_as_redis_80_digests_them() {
        let mut hash = Hash::default();
        hash.set(b"a", b"1");
        hash.set(b"b", b"2");
        let mut digests = Vec::new();
        let mut take = |hash: &Hash| {
            let mut data = Dataset::new(1, 42);
            data.databases[0].insert(Entry::new(b"h", Value::Hash(hash.clone()), None, 0));
            digests.push(hex(data.value_digest(0, b"h", ScoreText::Shortest)));
        };
        take(&hash);
        hash.set_expires(b"a", Some(UnixMs(4_102_444_800_000)));
        take(&hash);
        hash.set_expires(b"b", Some(UnixMs(4_102_444_900_000)));
        take(&hash);
        assert_eq!(
            digests,
            [
                "6c8f22b3bf510fdcfd6122dd0f908a80e88243bf",
                "c07db73128914a41e685572f9d83e5ec946f598d",
                "25d61037a58d4d381c5c2c91e18cd2bb915e5aff",
            ]
        );
    }

    #[test]
    fn values_as_servers_digest_them() {
        let data = example();
        for (db, key, expected) in [
            (0, "text", "36b23a1456b2dce2c3ed252c456761301dba8060"),
            (0, "number", "ce70a5674f228eaf3e2c2d01f6152e36f7e792a7"),
            (0, "big", "6942b9b71aaff9a398b7a2f898756f5e28dd3cd1"),
            (0, "empty", "8b3447c33a834b810e3e181b6fd6a2ee1020921c"),
            (0, "list", "edb75ec996d7c1ff4813ec95d8d119af956d57f1"),
            (0, "set", "a6afcc473373536adb071da403abcb70a693d104"),
            (0, "hash", "76d7ce7d8cb69c65ddb54b94589fa9396351461b"),
            (0, "zset", "4494de197f4ab9f39956363db587ba6eeeedd43f"),
            (0, "nokey", "0000000000000000000000000000000000000000"),
            (3, "text", "d037c4eb8a8b36b602fbced4000daeab0714c1e3"),
            (3, "hash", "764290614375888283b5a431391762cb21ffb885"),
            (99, "text", "0000000000000000000000000000000000000000"),
        ] {
            let digest = data.value_digest(db, key.as_bytes(), ScoreText::Shortest);
            assert_eq!(hex(digest), expected, "{key} in {db}");
        }
    }
}
