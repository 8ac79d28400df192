//! `diff A B`: keys added, removed, changed, with what changed in them.
//!
//! Memory follows the number of keys and what differs, not the files: a first pass over A keeps 40
//! bytes or so for each key (hashes of its name and of its value), a pass over B meets them. Only
//! values of keys that differ are kept whole; a second pass over A fetches its side of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use redwire_rdb::{Event, KeyHeader};
use redwire_tools::{Failure, TypeName, text};

use crate::{
    filter::Filter,
    output::Output,
    source::Source,
    value::{Head, Value},
    walk::{KeyEnd, Visitor, walk},
};

/// A key of a database, as a hash of 128 bits: two keys of a file share one about never.
type KeyHash = u128;

fn hash(salt: u64, value: &impl Hash) -> u128 {
    let half = |half: u64| {
        let mut hasher = DefaultHasher::new();
        (half, salt).hash(&mut hasher);
        value.hash(&mut hasher);
        hasher.finish()
    };
    u128::from(half(0)) << 64 | u128::from(half(1))
}

/// Hashes a key and its value while they pass; the order of a set, sorted set or hash is nothing.
#[derive(Default)]
struct Print {
    key: KeyHash,
    value: u128,
    index: u64,
    /// Whether the place of an element counts.
    ordered: bool,
}

/// Places begin behind the other salts.
const FIRST: u64 = 8;

impl Print {
    fn begin(&mut self, db: u32, header: &KeyHeader<'_>) {
        let kind = TypeName::of(header);
        *self = Self {
            key: hash(1, &(db, header.key)),
            value: hash(2, &(kind, header.expire_ms)),
            index: FIRST,
            ordered: kind == TypeName::List,
        };
    }

    fn part(&mut self, event: &Event<'_>) {
        self.index += u64::from(self.ordered);
        let part = match *event {
            Event::String(bytes) | Event::Element(bytes) => hash(self.index, &bytes),
            Event::Opaque { type_byte, body } => hash(self.index, &(type_byte, body)),
            // 0 and -0 are one score.
            Event::Scored(member, score) => hash(3, &(member, (score + 0.0).to_bits())),
            Event::Field { field, value, expires_ms } => hash(4, &(field, value, expires_ms)),
            _ => 0,
        };
        self.value = self.value.wrapping_add(part);
    }
}

/// What a pass does with each key's print and value.
enum Pass<'p> {
    /// Keep the prints.
    First(&'p mut HashMap<KeyHash, u128>),
    /// Meet those of the other file; keep the values of keys that are new or differ.
    Second { left: &'p mut HashMap<KeyHash, u128>, found: &'p mut Side },
    /// Keep the values of the keys named.
    Third { wanted: &'p HashSet<KeyHash>, found: &'p mut Side },
}

/// Keys of one file that differ, by database and name.
type Side = BTreeMap<(u32, Vec<u8>), (Head, TypeName, Value)>;

struct Visit<'p> {
    pass: Pass<'p>,
    print: Print,
    current: Option<(u32, Head, TypeName, Value)>,
}

impl Visitor for Visit<'_> {
    fn key(&mut self, db: u32, header: &KeyHeader<'_>) -> Result<(), Failure> {
        self.print.begin(db, header);
        let keep = match &self.pass {
            Pass::First(_) => false,
            Pass::Second { .. } => true,
            Pass::Third { wanted, .. } => wanted.contains(&self.print.key),
        };
        self.current =
            keep.then(|| (db, Head::of(header), TypeName::of(header), Value::begin(header)));
        Ok(())
    }

    fn part(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        self.print.part(event);
        if let Some((.., value)) = &mut self.current {
            value.take(event);
        }
        Ok(())
    }

    fn key_end(&mut self, end: KeyEnd) -> Result<(), Failure> {
        let current = self.current.take();
        if !end.admitted || end.empty {
            return Ok(());
        }
        let Print { key, value: print, .. } = self.print;
        let found = match &mut self.pass {
            Pass::First(prints) => {
                prints.insert(key, print);
                return Ok(());
            }
            Pass::Second { left, found } => {
                if left.get(&key) == Some(&print) {
                    left.remove(&key);
                    return Ok(());
                }
                found
            }
            Pass::Third { found, .. } => found,
        };
        if let Some((db, head, kind, mut value)) = current {
            value.sort_scores();
            found.insert((db, head.key.clone()), (head, kind, value));
        }
        Ok(())
    }
}

fn pass(name: &str, filter: &Filter, pass: Pass<'_>) -> Result<(), Failure> {
    let mut source = Source::open(name)?;
    walk(&mut source, filter, &mut Visit { pass, print: Print::default(), current: None }).map(drop)
}

/// Writes what differs; whether anything does.
pub(crate) fn run(a: &str, b: &str, filter: &Filter, mut output: Output) -> Result<bool, Failure> {
    if a == "-" || a.contains("://") {
        return Err(Failure::Usage("the first file is read twice: it must be a file".into()));
    }
    let (mut left, mut new) = (HashMap::new(), Side::new());
    pass(a, filter, Pass::First(&mut left))?;
    pass(b, filter, Pass::Second { left: &mut left, found: &mut new })?;
    let wanted: HashSet<KeyHash> = left.into_keys().collect();
    let mut old = Side::new();
    if !wanted.is_empty() {
        pass(a, filter, Pass::Third { wanted: &wanted, found: &mut old })?;
    }
    let names: BTreeSet<_> = old.keys().chain(new.keys()).cloned().collect();
    for name in &names {
        let mut lines = Vec::new();
        compare(&mut lines, old.get(name), new.get(name));
        output.write(&lines)?;
    }
    output.finish()?;
    Ok(!names.is_empty())
}

type Item = (Head, TypeName, Value);

fn compare(out: &mut Vec<u8>, old: Option<&Item>, new: Option<&Item>) {
    let line = |out: &mut Vec<u8>, sign: char, (head, kind, _): &Item| {
        let key = text::shown(&head.key);
        out.extend_from_slice(format!("{sign} {} {key}\n", kind.name()).as_bytes());
    };
    match (old, new) {
        (None, Some(new)) => line(out, '+', new),
        (Some(old), None) => line(out, '-', old),
        (Some(old), Some(new)) => {
            line(out, '~', new);
            changes(out, old, new);
        }
        (None, None) => {}
    }
}

/// Characters of a changed value that are shown.
const SHOWN: usize = 200;

/// The beginning of a value, and how long it is when that is not all.
fn clipped(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

fn detail(out: &mut Vec<u8>, sign: char, what: &str) {
    out.extend_from_slice(format!("    {sign} {what}\n").as_bytes());
}

fn changes(out: &mut Vec<u8>, (old, old_kind, old_value): &Item, (new, kind, value): &Item) {
    if old_kind != kind {
        detail(out, '~', &format!("type {} -> {}", old_kind.name(), kind.name()));
        return;
    }
    if old.expire_ms != new.expire_ms {
        let shown = |at: Option<u64>| at.map_or("none".into(), |at| at.to_string());
        let (old, new) = (shown(old.expire_ms), shown(new.expire_ms));
        detail(out, '~', &format!("expire_ms {old} -> {new}"));
    }
    let (old, new) = (parts(old_value), parts(value));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    for name in names {
        let shown = text::shown(name);
        let join = |value: &str| match (name.is_empty(), value.is_empty()) {
            (true, _) => value.to_owned(),
            (false, true) => shown.clone(),
            (false, false) => format!("{shown} = {value}"),
        };
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) if old != new => {
                let (old, new) = (clipped(old), clipped(new));
                detail(out, '~', &join(&format!("{old} -> {new}")));
            }
            (Some(old), None) => detail(out, '-', &join(&clipped(old))),
            (None, Some(new)) => detail(out, '+', &join(&clipped(new))),
            _ => {}
        }
    }
}

/// A value as named parts: index, member or field, and what stands there.
fn parts(value: &Value) -> BTreeMap<Vec<u8>, String> {
    match value {
        Value::String(bytes) => [(Vec::new(), text::shown(bytes))].into(),
        Value::List(items) => {
            let named = |(index, item): (usize, &Vec<u8>)| {
                (format!("[{index:06}]").into_bytes(), text::shown(item))
            };
            items.iter().enumerate().map(named).collect()
        }
        Value::Set(items) => items.iter().map(|item| (item.clone(), String::new())).collect(),
        Value::Zset(items) => {
            items.iter().map(|(member, score)| (member.clone(), text::score(score + 0.0))).collect()
        }
        Value::Hash(items) => items.iter().map(field).collect(),
        Value::Opaque { type_byte, body } => {
            let mut json = Vec::new();
            let text = match crate::stream::json(&mut json, *type_byte, body) {
                Ok(()) => String::from_utf8_lossy(&json).into_owned(),
                Err(_) => format!("{} bytes", body.len()),
            };
            [(Vec::new(), text)].into()
        }
    }
}

fn field((name, value, expires_ms): &crate::value::Field) -> (Vec<u8>, String) {
    let expiry = expires_ms.map(|at| format!(" (expire_ms {at})")).unwrap_or_default();
    (name.clone(), text::shown(value) + &expiry)
}
