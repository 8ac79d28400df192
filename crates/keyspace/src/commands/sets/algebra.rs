//! Intersections, unions and differences.

use redwire_resp::Request;

use super::write_members;
use crate::Set;
use crate::commands::small::Small;
use crate::commands::store::store;
use crate::commands::{numkeys, options};
use crate::context::{Context, Data};
use crate::error::{CommandError, CommandResult};
use crate::events::EventClass;
use crate::value::Kind;

/// The sets at `keys`, empty ones where there is no key.
fn read_all<'a>(
    data: &mut Data<'_>,
    keys: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Set>, CommandError> {
    keys.map(|key| Ok(data.read::<Set>(key)?.cloned().unwrap_or_default())).collect()
}

fn union(mut sets: Vec<Set>) -> Set {
    sets.sort_by_key(Set::len);
    let mut sets = sets.into_iter().rev();
    let mut all = sets.next().unwrap_or_default();
    sets.for_each(|set| all.unite(&set));
    all
}

fn difference(sets: Vec<Set>) -> Set {
    let mut sets = sets.into_iter();
    let mut left = sets.next().unwrap_or_default();
    sets.for_each(|set| left.subtract(&set));
    left
}

/// Whether the difference of these sets is no intset in Redis though its members would make one: where
/// that seems less work, it makes the first set anew and takes the others' members out.
fn difference_is_outgrown(sets: &[Set], small: Small) -> bool {
    let Some(first) = sets.first() else { return false };
    let there = sets.iter().filter(|set| !set.is_empty());
    let (searched, read) =
        there.fold((0, 0), |(searched, read), set| (searched + first.len(), read + set.len()));
    searched / 2 > read && !small.fits_intset(first)
}

type Combine = fn(Vec<Set>) -> Set;

fn reply_with(context: &mut Context<'_>, request: Request<'_>, combine: Combine) -> CommandResult {
    let sets = read_all(&mut context.data, request.iter().skip(1))?;
    write_members(&mut context.reply, &combine(sets));
    Ok(())
}

fn store_with(
    context: &mut Context<'_>,
    request: Request<'_>,
    combine: Combine,
    event: &'static str,
) -> CommandResult {
    let sets = read_all(&mut context.data, request.iter().skip(2))?;
    store_set(context, &request[1], combine(sets), false, event);
    Ok(())
}

/// Stores what may be one of the sets as it was, so that it is `outgrown` is said anew.
fn store_set(
    context: &mut Context<'_>,
    destination: &[u8],
    mut set: Set,
    outgrown: bool,
    event: &'static str,
) {
    set.set_outgrown(outgrown);
    store(context, destination, set.into_value(), EventClass::Set, event);
}

pub(super) fn sinter(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_with(context, request, |sets| Set::intersection(&sets))
}

pub(super) fn sinterstore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    store_with(context, request, |sets| Set::intersection(&sets), "sinterstore")
}

pub(super) fn sunion(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_with(context, request, union)
}

pub(super) fn sunionstore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    store_with(context, request, union, "sunionstore")
}

pub(super) fn sdiff(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    reply_with(context, request, difference)
}

pub(super) fn sdiffstore(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let sets = read_all(&mut context.data, request.iter().skip(2))?;
    let outgrown = difference_is_outgrown(&sets, context.data.small());
    store_set(context, &request[1], difference(sets), outgrown, "sdiffstore");
    Ok(())
}

pub(super) fn sintercard(context: &mut Context<'_>, request: Request<'_>) -> CommandResult {
    let count = numkeys::numkeys(&request[1])?;
    if count > request.len() - 2 {
        return Err(CommandError::text("ERR Number of keys can't be greater than number of args"));
    }
    let mut limit = usize::MAX;
    let mut args = request.iter().skip(2 + count);
    while let Some(option) = args.next() {
        let value = args.next().filter(|_| options::is(option, "limit"));
        limit = numkeys::limit(value.ok_or(CommandError::Syntax)?)?;
    }
    let sets = read_all(&mut context.data, request.iter().skip(2).take(count))?;
    context.reply.integer(Set::intersection_len(&sets, limit) as i64);
    Ok(())
}
