//! Packed values: their elements one by one.

use std::ops::ControlFlow;

use super::{
    Found,
    input::{Halt, Input},
    machine::Flow,
    seen::Seen,
    text::{Loc, Slot, Source, Texts},
};
use crate::{
    Event, Fault, intset, listpack,
    packed::{Broken, Value},
    types::{Form, Layout, Parts},
    ziplist, zipmap,
};

/// A packed value, stood at one of its elements. It stays where it is, in the unread bytes or
/// decompressed, until all of its elements are out.
#[derive(Debug)]
pub(crate) struct Blob {
    parts: Parts,
    cursor: Cursor,
    place: Place,
    /// Offset in the file of its first byte, or of the compressed string.
    offset: u64,
    refuse_duplicates: bool,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    /// At the start of the unread bytes.
    Input {
        len: usize,
    },
    Held {
        len: usize,
    },
}

#[derive(Debug)]
enum Cursor {
    Zipmap(zipmap::Cursor),
    Ziplist(ziplist::Cursor),
    Listpack(listpack::Cursor),
    Intset(intset::Cursor),
}

/// A value without the borrow.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Span { start: usize, end: usize },
    Int(i64),
}

#[derive(Debug, Clone, Copy)]
enum Pieces {
    Element(Piece),
    Scored(Piece, f64),
    Field(Piece, Piece, Option<u64>),
}

impl Blob {
    /// Opens the packed value that the string at `at` is, and passes what stands before its
    /// elements.
    pub(crate) fn open(
        layout: Layout,
        at: usize,
        input: &mut Input<'_>,
        texts: &mut Texts,
        seen: &mut Seen,
        options: &crate::DecodeOptions,
    ) -> Result<Self, Halt> {
        let (loc, next) = texts.read(input, at, Slot::Packed, &options.limits)?;
        let bytes = texts.get(input.bytes, loc);
        let len = bytes.len();
        let (place, offset, passed) = match loc.source {
            Source::Input => (Place::Input { len }, input.offset(loc.start), loc.start),
            _ => (Place::Held { len }, input.offset(at), next),
        };
        let cursor =
            Cursor::new(layout.form, bytes).map_err(|broken| place.halt(offset, broken))?;
        let refuse_duplicates = options.refuse_duplicates
            && layout.form != Form::Intset
            && layout.parts != Parts::ListElement;
        if refuse_duplicates {
            seen.begin(cursor.expected(bytes));
        }
        input.at = passed;
        Ok(Self { parts: layout.parts, cursor, place, offset, refuse_duplicates })
    }

    /// Finds the next element; goes on when the value is at its end, and passed.
    pub(crate) fn next(
        &mut self,
        input: &mut Input<'_>,
        texts: &mut Texts,
        seen: &mut Seen,
        found: &mut Found,
    ) -> Result<Flow, Halt> {
        let bytes = match self.place {
            Place::Input { len } => input.slice(input.at, len)?,
            Place::Held { len } => texts.get(&[], Loc::held(Slot::Packed, 0, len)),
        };
        let pieces =
            self.pieces(bytes, seen).map_err(|broken| self.place.halt(self.offset, broken))?;
        let Some(pieces) = pieces else {
            if let Place::Input { len } = self.place {
                input.at += len;
            }
            return Ok(Flow::Go);
        };
        let mut loc = |piece, slot| self.place.loc(piece, slot, input.at, texts);
        *found = match pieces {
            Pieces::Element(element) => Found::Element(loc(element, Slot::First)),
            Pieces::Scored(member, score) => Found::Scored(loc(member, Slot::First), score),
            Pieces::Field(field, value, expires_ms) => Found::Field {
                field: loc(field, Slot::First),
                value: loc(value, Slot::Second),
                expires_ms,
            },
        };
        Ok(Flow::Found)
    }

    /// Hands over the elements of a listpack or an intset. Where one is broken, or was there before, it
    /// stops before it and has noted nothing of it: [`next`](Self::next) finds the same.
    #[inline]
    pub(crate) fn each(
        &mut self,
        unread: &[u8],
        texts: &Texts,
        seen: &mut Seen,
        mut take: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let bytes = match self.place {
            Place::Input { len } => unread.get(..len).unwrap_or_default(),
            Place::Held { len } => texts.get(&[], Loc::held(Slot::Packed, 0, len)),
        };
        if let Cursor::Intset(intset) = &mut self.cursor {
            let mut cursor = *intset;
            while let Ok(Some(int)) = cursor.next(bytes) {
                *intset = cursor;
                take(Event::Element(itoa::Buffer::new().format(int).as_bytes()))?;
            }
        }
        let Cursor::Listpack(listpack) = &mut self.cursor else {
            return ControlFlow::Continue(());
        };
        let (mut flow, mut cursor) = (ControlFlow::Continue(()), *listpack);
        while flow.is_continue() {
            let at = cursor.position();
            let Ok(Some(first)) = cursor.next(bytes) else { break };
            let (mut digits, mut more) = (itoa::Buffer::new(), itoa::Buffer::new());
            let event = match self.parts {
                Parts::ListElement | Parts::SetMember => Event::Element(text(first, &mut digits)),
                Parts::Scored => {
                    let Ok(Some(score)) = cursor.next(bytes) else { break };
                    let Some(score) = score.score() else { break };
                    Event::Scored(text(first, &mut digits), score)
                }
                Parts::Field => {
                    let Ok(Some(value)) = cursor.next(bytes) else { break };
                    let (field, value) = (text(first, &mut digits), text(value, &mut more));
                    Event::Field { field, value, expires_ms: None }
                }
                Parts::ExpiringField => break,
            };
            let value_at = |at: u32| listpack::value_at(bytes, at as usize).ok();
            if self.refuse_duplicates && !seen.insert(first, at as u32, value_at) {
                break;
            }
            *listpack = cursor;
            flow = take(event);
        }
        flow
    }

    /// Passes all elements that are left, and the value; says whether there was one.
    pub(crate) fn pass(
        &mut self,
        input: &mut Input<'_>,
        texts: &Texts,
        seen: &mut Seen,
    ) -> Result<bool, Halt> {
        let bytes = match self.place {
            Place::Input { len } => input.slice(input.at, len)?,
            Place::Held { len } => texts.get(&[], Loc::held(Slot::Packed, 0, len)),
        };
        let mut some = false;
        let (place, offset) = (self.place, self.offset);
        while self.pieces(bytes, seen).map_err(|broken| place.halt(offset, broken))?.is_some() {
            some = true;
        }
        if let Place::Input { len } = self.place {
            input.at += len;
        }
        Ok(some)
    }

    // Within `next`, which is where the time of most files goes, it must not be a call.
    #[inline(always)]
    fn pieces(&mut self, bytes: &[u8], seen: &mut Seen) -> Result<Option<Pieces>, Broken> {
        if let Cursor::Zipmap(cursor) = &mut self.cursor {
            let at = cursor.position();
            let Some((field, value)) = cursor.next(bytes)? else { return Ok(None) };
            self.note(bytes, at, Value::Str(field), seen)?;
            let (field, value) = (Value::Str(field), Value::Str(value));
            return Ok(Some(Pieces::Field(piece(bytes, field), piece(bytes, value), None)));
        }
        let at = self.cursor.position();
        let Some(first) = self.cursor.next(bytes)? else { return Ok(None) };
        self.note(bytes, at, first, seen)?;
        let element = piece(bytes, first);
        let pieces = match self.parts {
            Parts::ListElement | Parts::SetMember => Pieces::Element(element),
            Parts::Scored => {
                let at = self.cursor.position();
                let score = self.cursor.part(bytes)?.score();
                Pieces::Scored(element, score.ok_or(Broken::new(at, Fault::Score))?)
            }
            Parts::Field => Pieces::Field(element, piece(bytes, self.cursor.part(bytes)?), None),
            Parts::ExpiringField => {
                let value = piece(bytes, self.cursor.part(bytes)?);
                let at = self.cursor.position();
                let expires_ms =
                    expiry(self.cursor.part(bytes)?).ok_or(Broken::new(at, Fault::FieldExpiry))?;
                Pieces::Field(element, value, expires_ms)
            }
        };
        Ok(Some(pieces))
    }

    /// Refuses an element that was there before.
    #[inline]
    fn note(
        &self,
        bytes: &[u8],
        at: usize,
        value: Value<'_>,
        seen: &mut Seen,
    ) -> Result<(), Broken> {
        let fresh = !self.refuse_duplicates
            || seen.insert(value, at as u32, |at| self.cursor.value_at(bytes, at as usize));
        if fresh { Ok(()) } else { Err(Broken::new(at, Fault::Duplicate)) }
    }
}

impl Place {
    #[cold]
    fn halt(self, offset: u64, broken: Broken) -> Halt {
        match self {
            Self::Input { .. } => Halt::broken(offset, broken),
            // Places in what was decompressed are no places in the file.
            Self::Held { .. } => Halt::fault(offset, broken.fault),
        }
    }

    #[inline]
    fn loc(self, piece: Piece, slot: Slot, at: usize, texts: &mut Texts) -> Loc {
        match (piece, self) {
            (Piece::Span { start, end }, Self::Input { .. }) => Loc::input(at + start, at + end),
            (Piece::Span { start, end }, Self::Held { .. }) => Loc::held(Slot::Packed, start, end),
            (Piece::Int(int), _) => texts.hold_int(slot, int),
        }
    }
}

impl Cursor {
    fn new(form: Form, bytes: &[u8]) -> Result<Self, Broken> {
        if bytes.len() > u32::MAX as usize {
            return Err(Broken::new(0, Fault::PackedSize));
        }
        match form {
            Form::Zipmap => zipmap::Cursor::new(bytes).map(Self::Zipmap),
            Form::Ziplist => ziplist::Cursor::new(bytes).map(Self::Ziplist),
            Form::Listpack => listpack::Cursor::new(bytes).map(Self::Listpack),
            Form::Intset => intset::Cursor::new(bytes).map(Self::Intset),
        }
    }

    /// How many elements there may be, by the header, but not more than there are bytes for.
    fn expected(&self, bytes: &[u8]) -> usize {
        let count = |at: usize| crate::packed::array(bytes, at).map_or(0, u16::from_le_bytes);
        let counted = match self {
            Self::Zipmap(_) => usize::from(bytes[0]),
            Self::Ziplist(_) => usize::from(count(8)),
            Self::Listpack(_) => usize::from(count(4)),
            Self::Intset(_) => 0,
        };
        counted.min(bytes.len() / 2)
    }

    #[inline]
    fn position(&self) -> usize {
        match self {
            Self::Zipmap(cursor) => cursor.position(),
            Self::Ziplist(cursor) => cursor.position(),
            Self::Listpack(cursor) => cursor.position(),
            Self::Intset(_) => 0,
        }
    }

    #[inline]
    fn next<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<Value<'b>>, Broken> {
        match self {
            Self::Ziplist(cursor) => next_of_ziplist(cursor, bytes),
            Self::Listpack(cursor) => cursor.next(bytes),
            Self::Intset(cursor) => Ok(cursor.next(bytes)?.map(Value::Int)),
            Self::Zipmap(cursor) => Ok(cursor.next(bytes)?.map(|(field, _)| Value::Str(field))),
        }
    }

    /// The next part of an element that has begun.
    #[inline]
    fn part<'b>(&mut self, bytes: &'b [u8]) -> Result<Value<'b>, Broken> {
        let at = self.position();
        self.next(bytes)?.ok_or(Broken::new(at, Fault::PackedPart))
    }

    fn value_at<'b>(&self, bytes: &'b [u8], at: usize) -> Option<Value<'b>> {
        match self {
            Self::Zipmap(_) => zipmap::field_at(bytes, at).ok().map(Value::Str),
            Self::Ziplist(_) => ziplist::value_at(bytes, at).ok(),
            Self::Listpack(_) => listpack::value_at(bytes, at).ok(),
            Self::Intset(_) => None,
        }
    }
}

/// A call, so that listpacks, as most files have them, are read without its saved registers: 1% of a
/// decoding.
#[inline(never)]
fn next_of_ziplist<'b>(
    cursor: &mut ziplist::Cursor,
    bytes: &'b [u8],
) -> Result<Option<Value<'b>>, Broken> {
    cursor.next(bytes)
}

/// The bytes that the value stands for.
#[inline]
fn text<'a>(value: Value<'a>, digits: &'a mut itoa::Buffer) -> &'a [u8] {
    match value {
        Value::Str(bytes) => bytes,
        Value::Int(int) => digits.format(int).as_bytes(),
    }
}

/// Where in `bytes` the value stands that was read from them.
#[inline]
fn piece(bytes: &[u8], value: Value<'_>) -> Piece {
    match value {
        Value::Int(int) => Piece::Int(int),
        Value::Str(part) => {
            let start = part.as_ptr().addr() - bytes.as_ptr().addr();
            Piece::Span { start, end: start + part.len() }
        }
    }
}

/// The expiry of a field in a packed hash, in ms: 0 says none.
fn expiry(value: Value<'_>) -> Option<Option<u64>> {
    match value {
        Value::Int(0) => Some(None),
        Value::Int(at) => u64::try_from(at).ok().map(Some),
        Value::Str(_) => None,
    }
}
