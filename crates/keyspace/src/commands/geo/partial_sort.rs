//! The first so many of a slice in order, ties as servers leave them.
//!
//! Servers sort by Bentley's and McIlroy's quicksort ("Engineering a Sort Function", 1993), and
//! leave out parts that hold none of what is asked for. It is not stable:
//! which of several equal elements come first is decided by its very steps. Those are followed here,
//! as who stores what a search found (`GEOSEARCHSTORE` with `COUNT`) has to store the same.

use std::cmp::Ordering;

/// Shorter ranges are sorted by insertion.
const SHORT: usize = 7;
/// In longer ones the pivot is a median of nine.
const LONG: usize = 40;

/// Has the `wanted` first elements in front and in order; those behind them are in no order.
pub(super) fn partial_sort<T>(items: &mut [T], wanted: usize, order: impl Fn(&T, &T) -> Ordering) {
    // The part that comes first is sorted first, so no more than a few parts ever wait.
    let mut parts = vec![(0, items.len())];
    while let Some((start, end)) = parts.pop() {
        if let Some((before, behind)) = partition(&mut items[start..end], &order) {
            let behind_at = end - behind;
            if behind > 1 && behind_at < wanted {
                parts.push((behind_at, end));
            }
            if before > 1 {
                parts.push((start, start + before));
            }
        }
    }
}

/// Parts a range into what is less than a pivot, what equals it, and what is greater; answers how many
/// are less and how many greater, or `None` where the range is short, and sorted by now.
fn partition<T>(items: &mut [T], order: &impl Fn(&T, &T) -> Ordering) -> Option<(usize, usize)> {
    let count = items.len();
    if count < SHORT {
        insertion_sort(items, order);
        return None;
    }
    items.swap(0, pivot(items, order));
    // Equals are kept at both ends (before `equal`, behind `last`) until the end.
    let (mut equal, mut at) = (1, 1);
    let (mut back, mut last) = (count - 1, count - 1);
    loop {
        while at <= back {
            match order(&items[at], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(equal, at);
                    equal += 1;
                }
                Ordering::Less => {}
            }
            at += 1;
        }
        while at <= back {
            match order(&items[back], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    items.swap(back, last);
                    last -= 1;
                }
                Ordering::Greater => {}
            }
            back -= 1;
        }
        if at > back {
            break;
        }
        items.swap(at, back);
        at += 1;
        back -= 1;
    }
    let (less, greater) = (at - equal, last - back);
    swap_ranges(items, 0, at, equal.min(less));
    swap_ranges(items, at, count, greater.min(count - 1 - last));
    Some((less, greater))
}

/// Changes `count` elements from `from` on with the last ones before `end`.
fn swap_ranges<T>(items: &mut [T], from: usize, end: usize, count: usize) {
    for at in 0..count {
        items.swap(from + at, end - count + at);
    }
}

fn insertion_sort<T>(items: &mut [T], order: &impl Fn(&T, &T) -> Ordering) {
    for next in 1..items.len() {
        let mut at = next;
        while at > 0 && order(&items[at - 1], &items[at]).is_gt() {
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// Where the element is by which a range is parted.
fn pivot<T>(items: &[T], order: &impl Fn(&T, &T) -> Ordering) -> usize {
    let (first, middle, last) = (0, items.len() / 2, items.len() - 1);
    let median = |a: usize, b: usize, c: usize| median(items, order, [a, b, c]);
    match items.len() {
        SHORT => middle,
        count if count <= LONG => median(first, middle, last),
        count => {
            let step = count / 8;
            let first = median(first, first + step, first + 2 * step);
            let middle = median(middle - step, middle, middle + step);
            let last = median(last - 2 * step, last - step, last);
            median(first, middle, last)
        }
    }
}

fn median<T>(items: &[T], order: &impl Fn(&T, &T) -> Ordering, [a, b, c]: [usize; 3]) -> usize {
    let compare = |x: usize, y: usize| order(&items[x], &items[y]);
    if compare(a, b).is_lt() {
        match () {
            () if compare(b, c).is_lt() => b,
            () if compare(a, c).is_lt() => c,
            () => a,
        }
    } else {
        match () {
            () if compare(b, c).is_gt() => b,
            () if compare(a, c).is_lt() => a,
            () => c,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_are_those_of_a_sort(
            keys in proptest::collection::vec(0_u16..30, 0..120),
            wanted in 0_usize..130,
        ) {
            let mut items: Vec<(u16, usize)> = keys.iter().copied().zip(0..).collect();
            partial_sort(&mut items, wanted, |a, b| a.0.cmp(&b.0));
            let mut sorted = keys;
            sorted.sort_unstable();
            let wanted = wanted.min(items.len());
            let first: Vec<u16> = items[..wanted].iter().map(|item| item.0).collect();
            prop_assert_eq!(first, &sorted[..wanted]);
            let mut places: Vec<usize> = items.iter().map(|item| item.1).collect();
            places.sort_unstable();
            prop_assert!(places.into_iter().eq(0..items.len()));
        }
    }
}
