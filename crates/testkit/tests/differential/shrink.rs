//! A sequence of commands that fails, made short.

use std::collections::BTreeSet;

use redwire_testkit::Command;

/// Commands that are run in all while shrinking: what comes out is the shortest up to there.
const EFFORT: usize = 5_000_000;

/// A short part of `commands`, in their order, that still `fails`.
///
/// `fails` is asked whether a sequence fails, and answers how many of its commands it takes to.
pub(crate) fn shrink(
    mut commands: Vec<Command>,
    mut fails: impl FnMut(&[Command]) -> Option<usize>,
) -> Vec<Command> {
    let mut effort = EFFORT;
    let mut attempt = |part: Vec<Command>| {
        effort = effort.checked_sub(part.len())?;
        let needed = fails(&part)?;
        Some(part.into_iter().take(needed).collect::<Vec<_>>())
    };
    if let Some(shorter) = attempt(related(&commands)) {
        commands = shorter;
    }
    let mut chunk = commands.len().div_ceil(2);
    while chunk > 0 {
        let mut at = 0;
        while at < commands.len() {
            let end = (at + chunk).min(commands.len());
            let without = [&commands[..at], &commands[end..]].concat();
            match attempt(without) {
                Some(shorter) => commands = shorter,
                None => at = end,
            }
        }
        chunk /= 2;
    }
    commands
}

/// The commands that have an argument in common with the last, and those that go for all.
fn related(commands: &[Command]) -> Vec<Command> {
    let Some(last) = commands.last() else { return Vec::new() };
    let words: BTreeSet<&[u8]> = last[1..].iter().map(Vec::as_slice).collect();
    let general = [&b"SELECT"[..], b"SWAPDB", b"FLUSHDB"];
    let is_related = |command: &&Command| {
        general.contains(&command[0].as_slice())
            || command[1..].iter().any(|word| words.contains(word.as_slice()))
    };
    let mut related: Vec<Command> = commands.iter().filter(is_related).cloned().collect();
    if last.len() == 1 {
        related.push(last.clone());
    }
    related
}

#[test]
fn what_is_needed_is_left() {
    let command = |n: usize| vec![b"SET".to_vec(), n.to_string().into_bytes()];
    let all: Vec<Command> = (0..3000).map(command).collect();
    let needed = [17, 1800, 2222].map(command);
    // Fails once all three have come, in this order.
    let fails = |part: &[Command]| {
        let mut wanted = needed.iter().peekable();
        for (index, command) in part.iter().enumerate() {
            wanted.next_if(|next| *next == command);
            if wanted.peek().is_none() {
                return Some(index + 1);
            }
        }
        None
    };
    assert_eq!(shrink(all, fails), needed);
}
