//! [`Forms`]: what a hash, a set or a sorted set is kept as, by how much it holds.

use super::pack::Pack;

/// A collection as one piece of bytes that is walked, as a block (`B`) in which one finds by columns, or
/// as a tree (`T`). It takes two words.
#[derive(Debug, Clone)]
pub(super) enum Forms<B, T> {
    Packed(Pack),
    /// Two words take no third form.
    Large(Box<Large<B, T>>),
}

#[derive(Debug, Clone)]
pub(super) enum Large<B, T> {
    Block(B),
    Tree(T),
}

/// The form that it has, to read.
pub(super) enum Form<'a, B, T> {
    Packed(&'a Pack),
    Block(&'a B),
    Tree(&'a T),
}

/// The form that it has, to change.
pub(super) enum FormMut<'a, B, T> {
    Packed(&'a mut Pack),
    Block(&'a mut B),
    Tree(&'a mut T),
}

impl<B, T> Default for Forms<B, T> {
    fn default() -> Self {
        Self::Packed(Pack::default())
    }
}

impl<B, T> Forms<B, T> {
    pub(super) fn block(block: B) -> Self {
        Self::Large(Box::new(Large::Block(block)))
    }

    pub(super) fn tree(tree: T) -> Self {
        Self::Large(Box::new(Large::Tree(tree)))
    }

    #[inline]
    pub(super) fn form(&self) -> Form<'_, B, T> {
        match self {
            Self::Packed(pack) => Form::Packed(pack),
            Self::Large(large) => match &**large {
                Large::Block(block) => Form::Block(block),
                Large::Tree(tree) => Form::Tree(tree),
            },
        }
    }

    #[inline]
    pub(super) fn form_mut(&mut self) -> FormMut<'_, B, T> {
        match self {
            Self::Packed(pack) => FormMut::Packed(pack),
            Self::Large(large) => match &mut **large {
                Large::Block(block) => FormMut::Block(block),
                Large::Tree(tree) => FormMut::Tree(tree),
            },
        }
    }

    /// The tree, if it is one.
    #[inline]
    pub(super) fn as_tree(&self) -> Option<&T> {
        match self.form() {
            Form::Tree(tree) => Some(tree),
            Form::Packed(_) | Form::Block(_) => None,
        }
    }

    /// The tree to change, for who has seen to it that it is one.
    #[inline]
    pub(super) fn expect_tree(&mut self) -> &mut T {
        match self.form_mut() {
            FormMut::Tree(tree) => tree,
            FormMut::Packed(_) | FormMut::Block(_) => {
                unreachable!("invariant: the caller made it a tree")
            }
        }
    }
}
