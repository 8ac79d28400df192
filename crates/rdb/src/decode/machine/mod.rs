//! The walk through a file: opcodes, keys, and which kind of value comes next.

mod duplicates;
mod each;
mod opcodes;
mod pass;
mod rare;
mod state;
mod values;

use self::duplicates::AllPrints;
pub(crate) use self::state::{AfterBlob, Span, State};
use super::{
    Found,
    input::{Halt, Input},
    pieces,
    seen::Seen,
    stream::StreamWalk,
    text::{Loc, Slot, Texts, plain_string},
    walk::Walk,
};
use crate::{
    DecodeOptions, Error, Event, Fault, KeyHeader, KeyName, Kind, Version,
    types::{Item, Shape, known_by_name, type_byte},
};

/// What opcodes said about the next key.
#[derive(Debug, Default)]
struct Pending {
    expire_ms: Option<u64>,
    idle: Option<u64>,
    freq: Option<u8>,
}

#[derive(Debug)]
pub(crate) struct Machine {
    options: DecodeOptions,
    version: Option<Version>,
    state: State,
    pending: Pending,
    /// The first bytes of the key whose value is read, one more than a message shows.
    key: Vec<u8>,
    in_key: bool,
    /// There is one value and nothing else.
    bare: bool,
    type_byte: u8,
    kind: Kind,
    /// True until the value's first element.
    empty: bool,
    found: Found,
    texts: Texts,
    seen: Seen,
    /// From which length on a string comes in pieces.
    pieces_from: u64,
    /// No option asks for more than [`string_key`](Self::string_key) does.
    straight: bool,
    /// The keys and the elements so far, where their duplicates are refused.
    prints: Option<Box<AllPrints>>,
}

/// Whether a step found something, which then stands in the machine: moved out through results,
/// it would be copied from place to place, at a third of the time of a string.
type Step = Result<Flow, Halt>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    Found,
    Go,
}

impl Machine {
    pub(crate) fn new(options: DecodeOptions) -> Self {
        Self {
            straight: !options.refuse_all_duplicates && !options.opaque_values,
            pieces_from: options.string_pieces.map_or(u64::MAX, |from| from.max(pieces::LEAST)),
            prints: options.refuse_all_duplicates.then(|| Box::new(AllPrints::with_keys())),
            options,
            version: None,
            state: State::Start,
            pending: Pending::default(),
            key: Vec::new(),
            in_key: false,
            bare: false,
            type_byte: 0,
            kind: Kind::String,
            empty: true,
            found: Found::Nothing,
            texts: Texts::default(),
            seen: Seen::new(),
        }
    }

    /// Reads one value without a key instead of a file.
    pub(crate) fn expect_value(&mut self, version: Version) {
        self.version = Some(version);
        self.bare = true;
        self.state = State::Value;
    }

    /// Reads on between two keys instead of at a file's magic.
    pub(crate) fn expect_key(&mut self, version: Version) {
        self.version = Some(version);
        self.state = State::Top;
    }

    pub(crate) fn version(&self) -> Option<Version> {
        self.version
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// The next event of a string key, and how many bytes it takes, where a plain length and the
    /// string behind it are there. Files are mostly that, and in one straight function it takes
    /// less than half of the time. For all else `None`, and nothing has changed for
    /// [`run`](Self::run).
    #[inline]
    pub(crate) fn string_key<'a>(&mut self, unread: &'a [u8]) -> Option<(Event<'a>, usize)> {
        match self.state {
            State::Top if self.straight && unread.first() == Some(&type_byte::STRING) => {
                let (key, end) = plain_string(unread, 1, self.options.limits.max_string)?;
                keep_name(&mut self.key, key);
                self.begin(type_byte::STRING, Kind::String);
                self.state = State::String;
                let pending = std::mem::take(&mut self.pending);
                Some((Event::Key(pending.header(key, Kind::String, type_byte::STRING)), end))
            }
            State::String => {
                let (value, end) = plain_string(unread, 0, self.options.limits.max_string)?;
                self.empty = false;
                self.state = State::KeyEnd;
                Some((Event::String(value), end))
            }
            State::KeyEnd if !self.bare => {
                self.in_key = false;
                self.state = State::Top;
                Some((Event::KeyEnd { empty: self.empty }, 0))
            }
            _ => None,
        }
    }

    /// Takes note of which value comes.
    #[inline(always)]
    fn begin(&mut self, type_byte: u8, kind: Kind) {
        self.in_key = !self.bare;
        self.empty = true;
        self.type_byte = type_byte;
        self.kind = kind;
    }

    /// Goes on until something is found.
    #[inline(always)]
    pub(crate) fn run(&mut self, input: &mut Input<'_>) -> Result<(), Halt> {
        while self.step(input)? == Flow::Go {}
        Ok(())
    }

    /// The checksum that the file ends with, if its end was found.
    #[inline]
    pub(crate) fn end(&self) -> Option<Option<u64>> {
        match self.found {
            Found::End(stored) => Some(stored),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn has_stream_part(&self) -> bool {
        matches!(self.found, Found::Stream(_))
    }

    /// The part of a stream that was found, with its strings.
    pub(crate) fn stream_part<'a>(&'a self, unread: &'a [u8]) -> Option<Event<'a>> {
        match self.found {
            Found::Stream(part) => Some(Event::Stream(part.with(&self.texts, unread))),
            _ => None,
        }
    }

    /// What was found, with its strings, if that is no [`stream_part`](Self::stream_part).
    #[inline]
    pub(crate) fn event<'a>(&'a mut self, unread: &'a [u8]) -> Event<'a> {
        let pending = match self.found {
            Found::Key(_) => std::mem::take(&mut self.pending),
            _ => Pending::default(),
        };
        let bytes = |loc| self.texts.get(unread, loc);
        match self.found {
            Found::Start(version) => Event::Start(version),
            Found::Aux(key, value) => Event::Aux { key: bytes(key), value: bytes(value) },
            Found::Function(code) => Event::Function(bytes(code)),
            Found::SelectDb(db) => Event::SelectDb(db),
            Found::ResizeDb { keys, expires } => Event::ResizeDb { keys, expires },
            Found::SlotInfo { slot, keys, expires } => Event::SlotInfo { slot, keys, expires },
            Found::Span(Span::ModuleAux, body) => Event::ModuleAux(bytes(body)),
            Found::Span(Span::KeyMeta, body) => Event::KeyMeta(bytes(body)),
            Found::Span(Span::SlotImport, body) => Event::SlotImport(bytes(body)),
            Found::Key(key) => Event::Key(pending.header(bytes(key), self.kind, self.type_byte)),
            Found::String(value) => Event::String(bytes(value)),
            Found::StringPart(bytes_at, left) => Event::StringPart { bytes: bytes(bytes_at), left },
            Found::Element(element) => Event::Element(bytes(element)),
            Found::Scored(member, score) => Event::Scored(bytes(member), score),
            Found::Field { field, value, expires_ms } => {
                Event::Field { field: bytes(field), value: bytes(value), expires_ms }
            }
            Found::Opaque(body) => Event::Opaque { type_byte: self.type_byte, body: bytes(body) },
            Found::KeyEnd { empty } => Event::KeyEnd { empty },
            Found::Stream(_) | Found::End(_) | Found::Nothing => Event::End,
        }
    }

    /// Names key and type in an error inside of a value.
    #[cold]
    pub(crate) fn with_value(&self, mut error: Error) -> Error {
        if let Error::Malformed { key, type_byte, .. }
        | Error::Limit { key, type_byte, .. }
        | Error::Truncated { key, type_byte, .. } = &mut error
        {
            *key = self.in_key.then(|| KeyName::new(&self.key));
            let typed = self.in_key || self.bare && !matches!(self.state, State::Value);
            *type_byte = typed.then_some(self.type_byte);
        }
        error
    }

    #[inline(always)]
    fn step(&mut self, input: &mut Input<'_>) -> Step {
        match &mut self.state {
            State::Top => self.top(input),
            State::String => {
                if self.pieces_from < u64::MAX && self.begin_pieces(input)? {
                    return Ok(Flow::Go);
                }
                let (value, end) =
                    self.texts.read(input, input.at, Slot::First, &self.options.limits)?;
                input.at = end;
                self.empty = false;
                self.state = State::KeyEnd;
                self.emit(Found::String(value))
            }
            State::Plain(items) => {
                let start = input.at;
                let flow =
                    items.next(input, &mut self.texts, &self.options.limits, &mut self.found)?;
                if self.prints.is_some() {
                    self.note_element(input, start, flow)?;
                }
                self.element(flow, State::KeyEnd)
            }
            State::Blob { blob, after } => {
                let flow = blob.next(input, &mut self.texts, &mut self.seen, &mut self.found)?;
                let after = match *after {
                    AfterBlob::KeyEnd => State::KeyEnd,
                    AfterBlob::Node { contained, left } => State::Node { contained, left },
                };
                self.element(flow, after)
            }
            State::KeyEnd => {
                self.in_key = false;
                self.state = if self.bare { State::ValueEnd } else { State::Top };
                self.emit(Found::KeyEnd { empty: self.empty })
            }
            _ => self.rare_step(input),
        }
    }

    /// Passes an element on, or goes on to what follows the last.
    #[inline]
    fn element(&mut self, flow: Flow, after: State) -> Step {
        match flow {
            Flow::Found => self.empty = false,
            Flow::Go => self.state = after,
        }
        Ok(flow)
    }

    #[inline]
    fn emit(&mut self, found: Found) -> Step {
        self.found = found;
        Ok(Flow::Found)
    }

    fn go(&mut self, state: State) -> Step {
        self.state = state;
        Ok(Flow::Go)
    }

    /// An opcode, or a value's type and its key.
    #[inline(always)]
    fn top(&mut self, input: &mut Input<'_>) -> Step {
        let start = input.at;
        let byte = input.byte(start)?;
        if byte < LEAST_OPCODE {
            return self.key(input, byte);
        }
        let (found, end) = self.opcode(input, byte, start + 1)?;
        input.at = end;
        if let (Some(prints), Some(Found::SelectDb(db))) = (&mut self.prints, found) {
            prints.db = db;
        }
        match found {
            Some(found) => self.emit(found),
            None => Ok(Flow::Go),
        }
    }

    #[cold]
    fn unknown(&self, offset: u64, byte: u8) -> Halt {
        let version = self.version.unwrap_or(Version::REDIS_6_0);
        Halt::Failed(Box::new(match known_by_name(version, byte) {
            Some(name) => Error::KnownByName { offset, byte, name, version },
            None => Error::UnknownType { offset, byte, version },
        }))
    }

    /// A value's type, which stands at `input.at`, and its key.
    #[inline(always)]
    fn key(&mut self, input: &mut Input<'_>, byte: u8) -> Step {
        let at = input.at;
        let Some(shape) = self.version.and_then(|version| Shape::of(version, byte)) else {
            return Err(match byte {
                type_byte::MODULE_PRE_RELEASE => Halt::fault(input.offset(at), Fault::PreRelease),
                _ => self.unknown(input.offset(at), byte),
            });
        };
        let (loc, end) = match self.bare {
            true => (Loc::input(at, at), at + 1),
            false => self.texts.read(input, at + 1, Slot::First, &self.options.limits)?,
        };
        keep_name(&mut self.key, self.texts.get(input.bytes, loc));
        self.begin(byte, shape.kind());
        if self.prints.is_some() {
            self.note_key(input, at, loc)?;
        }
        let opaque = self.options.opaque_values
            || self.options.opaque_streams && matches!(shape, Shape::Stream(_))
            || shape.kind() == Kind::Opaque;
        if opaque {
            self.kind = Kind::Opaque;
        }
        self.state = match shape {
            _ if opaque => State::Opaque(Walk::value(shape)),
            Shape::String => State::String,
            Shape::Plain(item @ Item::RelativeExpiryThenField) => State::LeastExpiry(item),
            Shape::Plain(item) => State::Count(item, 0),
            Shape::Packed(layout) => State::Packed(layout),
            Shape::PackedExpiring(layout) => State::PackedExpiring(layout),
            Shape::Quicklist => State::NodeCount { contained: false },
            Shape::Quicklist2 => State::NodeCount { contained: true },
            Shape::Stream(generation) => State::Stream(Box::new(StreamWalk::new(generation))),
            Shape::Module | Shape::Array | Shape::Gcra => State::Opaque(Walk::value(shape)),
        };
        input.at = end;
        self.emit(Found::Key(loc))
    }
}

impl Pending {
    #[inline(always)]
    fn header(self, key: &[u8], kind: Kind, type_byte: u8) -> KeyHeader<'_> {
        let Self { expire_ms, idle, freq } = self;
        KeyHeader { key, expire_ms, idle, freq, kind, type_byte }
    }
}

/// Keeps what a message may show of a key.
#[inline]
fn keep_name(kept: &mut Vec<u8>, key: &[u8]) {
    kept.clear();
    kept.extend_from_slice(&key[..key.len().min(KeyName::SHOWN + 1)]);
}

/// Types of values are below, opcodes from here on. (107, 121, 101 and 102 of Redis Enterprise
/// are unknown types.)
const LEAST_OPCODE: u8 = 128;
