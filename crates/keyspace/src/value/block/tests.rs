//! The block against a vector of groups.

use proptest::prelude::*;

use super::*;

/// A name with a value and two columns of the owner's, of which one is wider.
#[derive(Debug)]
struct Pairs;

impl Shape for Pairs {
    const ITEMS: usize = 2;
    const OWN: &'static [usize] = &[3, 1];
}

type Naive = Vec<(Vec<u8>, Vec<u8>, [u8; 4])>;

#[derive(Debug, Clone)]
enum Step {
    /// A group of this name, or another value for it.
    Put(u8, usize),
    Remove(usize),
    /// What the owner has of a group.
    Own(usize, [u8; 4]),
}

/// Names of all lengths that agree in most of their bytes.
fn name(number: u8) -> Vec<u8> {
    let mut name = vec![b'n'; usize::from(number) / 3];
    name.push(number);
    name
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = prop_oneof![20 => 0_usize..20, 2 => 100_usize..256, 1 => 256_usize..300];
    let step = move |names: u8| {
        prop_oneof![
            8 => (0..names, len.clone()).prop_map(|(number, len)| Step::Put(number, len)),
            1 => any::<usize>().prop_map(Step::Remove),
            1 => (any::<usize>(), any::<[u8; 4]>()).prop_map(|(group, own)| Step::Own(group, own)),
        ]
    };
    (1_u8..=255).prop_flat_map(move |names| proptest::collection::vec(step(names), 0..300))
}

fn own(block: &Block<Pairs>, group: usize) -> [u8; 4] {
    let wide = &block.column(0)[group * 3..][..3];
    [wide[0], wide[1], wide[2], block.column(1)[group]]
}

fn seen(block: &Block<Pairs>) -> Naive {
    let items: Vec<&[u8]> = block.iter().collect();
    let groups = items.chunks_exact(2).enumerate();
    groups.map(|(group, it)| (it[0].to_vec(), it[1].to_vec(), own(block, group))).collect()
}

/// What the groups take at least: the head, for each group its columns, and their bytes.
fn least(naive: &Naive, room: usize) -> usize {
    4 + room * 7 + naive.iter().map(|(name, value, _)| name.len() + value.len()).sum::<usize>()
}

fn take(block: &mut Block<Pairs>, naive: &mut Naive, step: &Step) -> Result<(), TestCaseError> {
    match *step {
        Step::Put(number, len) => {
            let (name, value) = (name(number), vec![number; len]);
            let known = naive.iter().position(|it| it.0 == name);
            let found = block.find(&name);
            prop_assert_eq!(found.map(|it| it.group), known);
            let mut wanted = naive.clone();
            match known {
                Some(group) => wanted[group].1 = value.clone(),
                None => wanted.push((name.clone(), value.clone(), [0; 4])),
            }
            let done = match found {
                Some(place) => block.replace(place, 1, &value),
                None => block.push(&[&name, &value]),
            };
            let fits =
                len <= 255 && wanted.len() <= 128 && least(&wanted, wanted.len()) <= BLOCK_BYTES;
            // The columns may have room for some more groups than there are.
            prop_assert!(done == fits || least(&wanted, 128) > BLOCK_BYTES);
            if done {
                *naive = wanted;
            }
        }
        Step::Remove(at) if !naive.is_empty() => {
            let at = at % naive.len();
            naive.remove(at);
            block.remove(at);
        }
        Step::Own(at, bytes) if !naive.is_empty() => {
            let at = at % naive.len();
            naive[at].2 = bytes;
            block.column_mut(0)[at * 3..][..3].copy_from_slice(&bytes[..3]);
            block.column_mut(1)[at] = bytes[3];
        }
        Step::Remove(_) | Step::Own(..) => {}
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_block_is_a_vector_of_groups(steps in steps()) {
        let mut block = Block::<Pairs>::of([].into_iter()).expect("nothing fits");
        let mut naive = Naive::new();
        for step in &steps {
            let (clone, before) = (block.clone(), naive.clone());
            take(&mut block, &mut naive, step)?;
            prop_assert_eq!(seen(&block), naive.clone());
            prop_assert_eq!(seen(&clone), before);
        }
        prop_assert_eq!((block.len(), block.iter().len()), (naive.len(), naive.len() * 2));
        prop_assert!(block.heap_bytes() <= 16 * 1024);
        let used = least(&naive, naive.len());
        prop_assert!(block.heap_bytes() < used * 3 + 256, "{} for {used}", block.heap_bytes());
        for (group, (name, value, _)) in naive.iter().enumerate() {
            let place = block.place(group);
            prop_assert_eq!(block.find(name), Some(place));
            prop_assert_eq!((block.item(place, 0), block.item(place, 1)), (&name[..], &value[..]));
        }
        let items = naive.iter().flat_map(|(name, value, _)| [&name[..], &value[..]]);
        let again = Block::<Pairs>::of(items).map(|it| seen(&it));
        let unowned = naive.iter().map(|(name, value, _)| (name.clone(), value.clone(), [0; 4]));
        prop_assert_eq!(again, Some(unowned.collect()));
    }

    #[test]
    fn a_position_is_that_of_a_search_byte_by_byte(
        bytes in proptest::collection::vec(prop_oneof![0_u8..3, 126_u8..131, 254_u8..=255], 0..40),
        byte in prop_oneof![0_u8..3, 126_u8..131, 254_u8..=255],
        from in 0_usize..40,
    ) {
        let bytes = &bytes[..bytes.len() / 8 * 8];
        let naive = bytes.iter().enumerate().position(|(at, it)| at >= from && *it == byte);
        prop_assert_eq!(position(bytes, byte, |at| at >= from), naive);
    }
}

#[test]
fn what_is_too_much_is_refused() {
    let names: Vec<Vec<u8>> = (0..129).map(name).collect();
    let groups = |count: usize, value: &'static [u8]| {
        let items: Vec<&[u8]> = names[..count].iter().flat_map(|name| [&name[..], value]).collect();
        Block::<Pairs>::of(items.into_iter())
    };
    assert!(groups(128, b"v").is_some() && groups(129, b"v").is_none());
    assert!(groups(1, &[b'v'; 255]).is_some() && groups(1, &[b'v'; 256]).is_none());
    assert!(groups(50, &[b'v'; 255]).is_some() && groups(70, &[b'v'; 255]).is_none());
}
