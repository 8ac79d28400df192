//! Values that consist of others: nodes of a list, parts of a stream, what is walked.

use super::{AfterBlob, Flow, Machine, State, Step};
use crate::{
    Fault,
    decode::{
        Found,
        blob::Blob,
        input::Halt,
        input::Input,
        pieces::Pieces,
        text::{Loc, Slot},
    },
    types::{Form, Layout, Parts, container},
};

impl Machine {
    /// Whether the string that comes is one that comes in pieces.
    #[inline(never)]
    pub(super) fn begin_pieces(&mut self, input: &mut Input<'_>) -> Result<bool, Halt> {
        let (from, limits) = (self.pieces_from, &self.options.limits);
        let Some((pieces, start)) = Pieces::begin(input, input.at, from, &mut self.texts, limits)?
        else {
            return Ok(false);
        };
        input.at = start;
        self.state = State::Pieces(pieces);
        Ok(true)
    }

    /// The next piece of a string.
    pub(super) fn piece(&mut self, input: &mut Input<'_>) -> Step {
        let State::Pieces(pieces) = &mut self.state else { return Ok(Flow::Go) };
        let (piece, left) = pieces.next(input, &mut self.texts)?;
        self.empty = false;
        if left == 0 {
            self.state = State::KeyEnd;
        }
        self.emit(Found::StringPart(piece, left))
    }

    /// A node of a list, behind which `left` follow.
    pub(super) fn node(&mut self, input: &mut Input<'_>, contained: bool, left: u64) -> Step {
        let after = AfterBlob::Node { contained, left };
        if !contained {
            return self.open(ZIPLIST_NODE, input, input.at, after);
        }
        match input.number(input.at)? {
            (container::PACKED, at) => self.open(LISTPACK_NODE, input, at, after),
            (container::PLAIN, at) => {
                let (element, end) =
                    self.texts.read(input, at, Slot::First, &self.options.limits)?;
                input.at = end;
                self.empty = false;
                self.state = State::Node { contained, left };
                self.emit(Found::Element(element))
            }
            _ => Err(Halt::fault(input.offset(input.at), Fault::Container)),
        }
    }

    pub(super) fn open(
        &mut self,
        layout: Layout,
        input: &mut Input<'_>,
        at: usize,
        after: AfterBlob,
    ) -> Step {
        let blob = Blob::open(layout, at, input, &mut self.texts, &mut self.seen, &self.options)?;
        self.go(State::Blob { blob, after })
    }

    /// The next part of a stream.
    pub(super) fn stream(&mut self, input: &mut Input<'_>) -> Step {
        let State::Stream(walk) = &mut self.state else { return Ok(Flow::Go) };
        let (part, end) = walk.advance(input, input.at, &mut self.texts, &self.options.limits)?;
        input.at = end;
        self.empty = false;
        if walk.is_done() {
            self.state = State::KeyEnd;
        }
        match part {
            Some(part) => self.emit(Found::Stream(part)),
            None => Ok(Flow::Go),
        }
    }

    /// Values and module data that are handed on as they stand.
    pub(super) fn walk(&mut self, input: &mut Input<'_>) -> Step {
        let (State::Opaque(walk) | State::Between(_, walk)) = &mut self.state else {
            return Ok(Flow::Go);
        };
        let len = walk.run(input, &mut self.texts, &self.options.limits)?;
        let body = Loc::input(input.at, input.at + len);
        input.at += len;
        if let State::Between(span, _) = self.state {
            self.state = State::Top;
            return self.emit(Found::Span(span, body));
        }
        self.empty = false;
        self.state = State::KeyEnd;
        self.emit(Found::Opaque(body))
    }
}

const ZIPLIST_NODE: Layout = Layout { form: Form::Ziplist, parts: Parts::ListElement };
const LISTPACK_NODE: Layout = Layout { form: Form::Listpack, parts: Parts::ListElement };
