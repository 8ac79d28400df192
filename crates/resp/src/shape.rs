//! What the last requests looked like, to know the next one at a glance when it looks the same.
//!
//! Behind a header one only knows where the next header is once the first is read: that chain, not
//! the bytes, is what decoding costs. A client that pipelines sends requests of one shape, though, or of
//! two by turns (the same lengths, other bytes), and whether a request has a known shape can be asked of
//! all its headers at once.

use crate::request::Span;

/// Arguments of a request that is remembered, at most.
const ARGS: usize = 8;

/// Bytes that a header is compared in: with the line end before it, a length of three digits.
const WORD: usize = size_of::<u64>();

/// Requests that go by before another shape is remembered, once one was not met again: where
/// lengths change all the time, looking for a shape costs more than it spares.
const PAUSE: u32 = 32;

/// Shapes that are remembered.
pub(crate) const SHAPES: usize = 2;

/// The shapes of the last requests, as far as they were met again.
#[derive(Debug, Default)]
pub(crate) struct Shapes {
    shapes: [Shape; SHAPES],
    /// The one that was met or remembered last.
    last: usize,
    /// The one that was met behind each, the last time.
    next: [usize; SHAPES],
    pause: u32,
}

/// The headers of a request: those in which another is the same has its arguments at the same
/// places.
#[derive(Debug, Default)]
struct Shape {
    /// Bytes of the request; 0 when none is remembered.
    len: usize,
    count: usize,
    headers: [Header; ARGS],
    args: [Span; ARGS],
}

/// A header, and what else stands in the word that begins where it does, masked out.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    at: usize,
    bits: u64,
    mask: u64,
}

impl Header {
    /// The bytes from `at` to `end`, which are at most a word.
    fn new(bytes: &[u8], at: usize, end: usize) -> Option<Self> {
        let unused = WORD.checked_sub(end - at)?;
        let mask = u64::MAX.checked_shr(8 * unused as u32)?;
        Some(Self { at, bits: word(bytes, at)? & mask, mask })
    }
}

impl Shapes {
    /// Which shape `bytes` begin with a whole request of, and the length of that.
    #[inline]
    pub(crate) fn find(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        let last = self.last;
        let likely = self.next[last];
        for shape in [likely, SHAPES - 1 - likely] {
            if let Some(used) = self.shapes[shape].matches(bytes) {
                (self.next[last], self.last) = (shape, shape);
                return Some((shape, used));
            }
        }
        if self.shapes.iter().all(|shape| shape.len > 0) {
            self.forget();
            self.pause = PAUSE;
        }
        None
    }

    /// The arguments of a request of the shape that [`find`](Self::find) answered.
    #[inline]
    pub(crate) fn args(&self, shape: usize) -> &[Span] {
        let Shape { args, count, .. } = &self.shapes[shape];
        args.get(..*count).unwrap_or_default()
    }

    /// Remembers the request in `bytes`, which has these arguments and only short headers, beside the
    /// one that was met last.
    #[inline]
    pub(crate) fn learn(&mut self, bytes: &[u8], args: &[Span]) {
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        let place = SHAPES - 1 - self.last;
        match Shape::of(bytes, args) {
            Some(shape) => (self.shapes[place], self.last) = (shape, place),
            None => self.pause = PAUSE,
        }
    }

    /// Forgets all: what they were allowed by has changed.
    pub(crate) fn forget(&mut self) {
        self.shapes.iter_mut().for_each(|shape| shape.len = 0);
    }
}

impl Shape {
    /// That of the request in `bytes`, if it has few arguments and short headers.
    fn of(bytes: &[u8], args: &[Span]) -> Option<Self> {
        let last = args.last().filter(|_| args.len() <= ARGS)?;
        let mut shape = Self { len: last.end + 2, count: args.len(), ..Self::default() };
        let mut at = 0;
        for (index, arg) in args.iter().enumerate() {
            shape.headers[index] = Header::new(bytes, at, arg.start)?;
            shape.args[index] = *arg;
            at = arg.end;
        }
        Some(shape)
    }

    /// Whether `bytes` begin with a whole request of this shape; the length of that.
    #[inline]
    fn matches(&self, bytes: &[u8]) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let request = bytes.get(..self.len)?;
        let mut differing = 0;
        for header in &self.headers[..self.count.min(ARGS)] {
            differing |= (word(request, header.at)? ^ header.bits) & header.mask;
        }
        (differing == 0 && request.ends_with(b"\r\n")).then_some(self.len)
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at.checked_add(WORD)?)?;
    word.try_into().ok().map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::encoder::encode_request;

    fn request(args: &[&str]) -> (Vec<u8>, Vec<Span>) {
        let mut bytes = Vec::new();
        encode_request(&mut bytes, args);
        let mut spans = Vec::new();
        let mut end = 4; // behind `*n` CR LF
        for arg in args {
            let start = end + 4; // behind `$n` CR LF
            end = start + arg.len() + 2;
            spans.push(Span { start, end: end - 2 });
        }
        (bytes, spans)
    }

    /// How many of these requests, again and again, are known by their shape.
    fn known(requests: &[&[&str]]) -> usize {
        let mut shapes = Shapes::default();
        let all = requests.iter().cycle().take(100).map(|args| request(args));
        all.filter(|(bytes, args)| match shapes.find(bytes) {
            Some((shape, used)) => {
                assert_eq!((shapes.args(shape), used), (&args[..], bytes.len()));
                true
            }
            None => {
                shapes.learn(bytes, args);
                false
            }
        })
        .count()
    }

    #[test]
    fn knows_two_shapes_by_turns() {
        assert_eq!(known(&[&["GET", "a"]]), 99);
        assert_eq!(known(&[&["LPUSH", "a", "b"], &["LPOP", "a"]]), 98);
        assert_eq!(known(&[&["GET", "a"], &["SET", "a", "b"], &["GET", "b"]]), 98);
        // Of three, two are forgotten as the third comes, and after a pause remembered again.
        assert_eq!(known(&[&["GET", "a"], &["GET", "ab"], &["GET", "abc"]]), 0);
        let long = ["a"; ARGS + 1];
        assert_eq!(known(&[&long]), 0);
    }
}
