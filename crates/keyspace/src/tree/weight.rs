//! Weights: elements found by the sum of what stands before them.

use std::fmt::Debug;
use std::sync::Arc;

use super::node::{Node, leaf_mut};
use super::path::{self, Path};
use super::{Element, Tree};

/// What elements of a [`Tree`] weigh: see [`Element::Weight`].
pub trait Weight: Copy + Default + Debug + PartialEq + Send + Sync {
    /// The sum of two.
    #[must_use]
    fn plus(self, other: Self) -> Self;

    /// What is left of a sum without one of its parts.
    #[must_use]
    fn minus(self, part: Self) -> Self;

    /// The sum of all.
    #[must_use]
    fn sum(all: impl Iterator<Item = Self>) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

impl Weight for () {
    fn plus(self, (): Self) {}

    fn minus(self, (): Self) {}

    fn sum(_: impl Iterator<Item = Self>) {}
}

impl Weight for usize {
    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn minus(self, part: Self) -> Self {
        self - part
    }
}

impl<T: Element> Tree<T> {
    /// What all elements weigh together; at the cost of one node.
    #[must_use]
    pub fn weight(&self) -> T::Weight {
        self.root.as_ref().map_or_else(T::Weight::default, Node::weight)
    }

    /// Changes the element at `index`, its weight perhaps, but not its hint; answers what `change`
    /// does, `None` without an element there.
    pub fn update<R>(&mut self, index: usize, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        if index >= self.len {
            return None;
        }
        let path = path::to_index(self.root.as_ref(), index);
        Some(update_below(self.root.as_mut()?, &path, 0, change))
    }
}

impl<T: Element<Weight = usize>> Tree<T> {
    /// The index of the element in which the sum of weights, from the first element on, exceeds
    /// `weight`, and how much of `weight` is left for it; `None` where all weigh no more.
    #[must_use]
    pub fn locate(&self, mut weight: usize) -> Option<(usize, usize)> {
        let (mut node, mut index) = (self.root.as_ref()?, 0);
        loop {
            match node {
                Node::Leaf(leaf) => {
                    let at = child_over(leaf.iter().map(T::weight), &mut weight)?;
                    return Some((index + at, weight));
                }
                Node::Branch(branch) => {
                    let slot = child_over(branch.weights().iter().copied(), &mut weight)?;
                    index += branch.counts()[..slot].iter().sum::<usize>();
                    node = &branch.children[slot];
                }
            }
        }
    }
}

/// The first of `weights` that is over what is left of `weight`.
fn child_over(mut weights: impl Iterator<Item = usize>, weight: &mut usize) -> Option<usize> {
    weights.position(|here| {
        let is_over = here > *weight;
        if !is_over {
            *weight -= here;
        }
        is_over
    })
}

fn update_below<T: Element, R>(
    node: &mut Node<T>,
    path: &Path,
    level: usize,
    change: impl FnOnce(&mut T) -> R,
) -> R {
    match node {
        Node::Leaf(leaf) => change(&mut leaf_mut(leaf, 0)[path.pos]),
        Node::Branch(branch) => {
            let branch = Arc::make_mut(branch);
            let slot = path.slot(level);
            let result = update_below(&mut branch.children[slot], path, level + 1, change);
            branch.refresh(slot);
            result
        }
    }
}
