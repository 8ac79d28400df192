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

/// Those that remember that they were larger ([`Forms::set_outgrown`]) say so by being others: no bit is
/// free elsewhere.
#[derive(Debug, Clone)]
pub(super) enum Large<B, T> {
    Block(B),
    Tree(T),
    OutgrownPack(Pack),
    OutgrownBlock(B),
    OutgrownTree(T),
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

    /// Takes another form; it remembers what it did.
    pub(super) fn become_form(&mut self, form: Self) {
        let outgrown = self.is_outgrown();
        *self = form;
        self.set_outgrown(outgrown);
    }

    /// Whether it was once larger than Redis' small forms, which it then has no more.
    pub(super) fn is_outgrown(&self) -> bool {
        let Self::Large(large) = self else { return false };
        match &**large {
            Large::OutgrownPack(_) | Large::OutgrownBlock(_) | Large::OutgrownTree(_) => true,
            Large::Block(_) | Large::Tree(_) => false,
        }
    }

    /// Has it remember that, or forget it.
    pub(super) fn set_outgrown(&mut self, outgrown: bool) {
        if outgrown == self.is_outgrown() {
            return;
        }
        *self = match (std::mem::take(self), outgrown) {
            (Self::Packed(pack), _) => Self::Large(Box::new(Large::OutgrownPack(pack))),
            (Self::Large(large), true) => Self::Large(Box::new(match *large {
                Large::OutgrownPack(pack) => Large::OutgrownPack(pack),
                Large::Block(block) | Large::OutgrownBlock(block) => Large::OutgrownBlock(block),
                Large::Tree(tree) | Large::OutgrownTree(tree) => Large::OutgrownTree(tree),
            })),
            (Self::Large(large), false) => match *large {
                Large::OutgrownPack(pack) => Self::Packed(pack),
                Large::Block(block) | Large::OutgrownBlock(block) => Self::block(block),
                Large::Tree(tree) | Large::OutgrownTree(tree) => Self::tree(tree),
            },
        };
    }

    #[inline]
    pub(super) fn form(&self) -> Form<'_, B, T> {
        match self {
            Self::Packed(pack) => Form::Packed(pack),
            Self::Large(large) => match &**large {
                Large::OutgrownPack(pack) => Form::Packed(pack),
                Large::Block(block) | Large::OutgrownBlock(block) => Form::Block(block),
                Large::Tree(tree) | Large::OutgrownTree(tree) => Form::Tree(tree),
            },
        }
    }

    #[inline]
    pub(super) fn form_mut(&mut self) -> FormMut<'_, B, T> {
        match self {
            Self::Packed(pack) => FormMut::Packed(pack),
            Self::Large(large) => match &mut **large {
                Large::OutgrownPack(pack) => FormMut::Packed(pack),
                Large::Block(block) | Large::OutgrownBlock(block) => FormMut::Block(block),
                Large::Tree(tree) | Large::OutgrownTree(tree) => FormMut::Tree(tree),
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
