use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[test]
fn a_small_hash_is_two_words() {
    assert_eq!(size_of::<Hash>(), 16);
}

fn pairs(hash: &Hash) -> Vec<(Vec<u8>, Vec<u8>)> {
    hash.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

fn is_packed(hash: &Hash) -> bool {
    matches!(hash.0, Forms::Packed(_))
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, usize),
    Replace(u8, usize),
    Remove(u8),
    Expire(u8, Option<u64>),
    Expired(u64),
}

/// Hashes that stay small, and such as do not.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = |fields: u8, len: usize| {
        let field = 0..fields;
        let len = 0..len;
        prop_oneof![
            12 => (field.clone(), len.clone()).prop_map(|(field, len)| Step::Set(field, len)),
            4 => (field.clone(), len).prop_map(|(field, len)| Step::Replace(field, len)),
            6 => field.clone().prop_map(Step::Remove),
            1 => (field, proptest::option::of(0_u64..20))
                .prop_map(|(field, at)| Step::Expire(field, at)),
            1 => (0_u64..20).prop_map(Step::Expired),
        ]
    };
    (1_u8..90, prop_oneof![2_usize..12, 2_usize..400])
        .prop_flat_map(move |(fields, len)| proptest::collection::vec(step(fields, len), 0..150))
}

type Naive = BTreeMap<u8, (usize, Option<u64>)>;

fn take(hash: &mut Hash, naive: &mut Naive, step: &Step) -> Result<(), TestCaseError> {
    let value = |len: usize| vec![b'v'; len];
    match *step {
        Step::Set(field, len) => {
            let is_new = naive.insert(field, (len, None)).is_none();
            prop_assert_eq!(hash.set(&[field], &value(len)), is_new);
        }
        Step::Replace(field, len) => {
            let at = naive.get(&field).and_then(|(_, at)| *at);
            let is_new = naive.insert(field, (len, at)).is_none();
            prop_assert_eq!(hash.replace(&[field], &value(len)), is_new);
        }
        Step::Remove(field) => {
            let removed = naive.remove(&field).map(|(len, _)| value(len));
            prop_assert_eq!(hash.remove(&[field]).map(|it| it.to_vec()), removed);
        }
        Step::Expire(field, at) => {
            let found = naive.get_mut(&field);
            let does =
                found.is_some_and(|(_, old)| std::mem::replace(old, at).is_some() || at.is_some());
            prop_assert_eq!(hash.set_expires(&[field], at.map(UnixMs)), does);
        }
        Step::Expired(now) => {
            let before = naive.len();
            let now = UnixMs(now);
            naive.retain(|_, (_, at)| !at.is_some_and(|at| now.is_past(UnixMs(at))));
            prop_assert_eq!(hash.expire(now, usize::MAX).len(), before - naive.len());
        }
    }
    Ok(())
}

fn check(hash: &Hash, naive: &Naive) -> Result<(), TestCaseError> {
    prop_assert_eq!(hash.len(), naive.len());
    prop_assert_eq!(hash.is_empty(), naive.is_empty());
    let seen: Naive = hash
        .iter_expiring()
        .map(|(field, at)| (field.name[0], (field.value.len(), at.map(|at| at.0))))
        .collect();
    prop_assert_eq!(&seen, naive);
    prop_assert_eq!(hash.iter().len(), naive.len());
    prop_assert_eq!(hash.expiring(), naive.values().filter(|(_, at)| at.is_some()).count());
    let drawn = (0..hash.len()).map(|index| hash.nth(index));
    prop_assert!(drawn.eq(hash.iter().map(Some)));
    prop_assert_eq!(hash.nth(hash.len()), None);
    for field in 0..90 {
        let found = hash.get(&[field]).map(<[u8]>::len);
        prop_assert_eq!(found, naive.get(&field).map(|(len, _)| *len));
    }
    let (mut cursor, mut met) = (0, Vec::new());
    loop {
        let (next, fields) = hash.scan(cursor, 3);
        met.extend(fields.iter().map(|field| field.name[0]));
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    met.sort_unstable();
    prop_assert!(met.iter().eq(naive.keys()));
    Ok(())
}

proptest! {
    #[test]
    fn a_hash_is_a_map_in_either_form(steps in steps()) {
        let (mut hash, mut naive) = (Hash::default(), Naive::new());
        for step in &steps {
            let (clone, before) = (hash.clone(), naive.clone());
            take(&mut hash, &mut naive, step)?;
            check(&hash, &naive)?;
            check(&clone, &before)?;
        }
        // A name of a byte with its length, and the value with its own; and a byte for the count.
        let field = |len: usize| 2 + len + if len < 240 { 1 } else { 2 };
        let bytes: usize = 1 + naive.values().map(|(len, _)| field(*len)).sum::<usize>();
        // Once a tree, always a tree; small until then.
        let is_right = match hash.0.form() {
            Form::Packed(_) => bytes <= 1024 && naive.len() <= 16,
            Form::Block(_) => naive.values().all(|(len, _)| *len <= 255),
            Form::Tree(_) => true,
        };
        prop_assert!(is_right);
        let blob = |bytes: &[u8]| Blob::from(bytes);
        let fields = hash.iter().map(|field| (blob(field.name), blob(field.value))).collect();
        let expiries = naive.iter().filter_map(|(name, (_, at))| Some((blob(&[*name]), UnixMs((*at)?))));
        check(&Hash::build(fields, expiries.collect()), &naive)?;
    }

    #[test]
    fn a_hash_built_at_once_is_one_built_step_by_step(
        fields in proptest::collection::vec((0_u8..90, any::<u8>()), 0..200),
    ) {
        let blob = |byte: &u8| Blob::from([*byte].as_slice());
        let at_once: Hash = fields.iter().map(|(name, value)| (blob(name), blob(value))).collect();
        let mut stepwise = Hash::default();
        for (name, value) in &fields {
            stepwise.set(&[*name], &[*value]);
        }
        let sorted = |hash: &Hash| pairs(hash).into_iter().collect::<BTreeMap<_, _>>();
        prop_assert_eq!(at_once.len(), stepwise.len());
        prop_assert_eq!(sorted(&at_once), sorted(&stepwise));
        let naive: BTreeMap<Vec<u8>, Vec<u8>> =
            fields.iter().map(|(name, value)| (vec![*name], vec![*value])).collect();
        prop_assert_eq!(sorted(&at_once), naive);
    }
}

#[test]
fn a_small_hash_keeps_the_order_in_which_fields_came() {
    let mut hash = Hash::default();
    for field in [b"b", b"a", b"c", b"a"] {
        hash.set(field, b"1");
    }
    assert!(is_packed(&hash));
    let names: Vec<&[u8]> = hash.iter().map(|field| field.name).collect();
    assert_eq!(names, [b"b", b"a", b"c"]);
}
