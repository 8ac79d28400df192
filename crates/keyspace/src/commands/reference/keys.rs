//! Key specifications: where the keys of a command stand, and what is done to them.
//!
//! Their notation: flags parted by commas, then where to begin (`index:at`, `keyword:WORD:from`,
//! `unknown`), then how to go on from there (`range:last:step:limit`, `keynum:at:first:step`,
//! `unknown`).

use redwire_resp::{Encoder, Request, parse_i64};

/// A key specification.
#[derive(Debug, Clone)]
pub(in super::super) struct KeySpec {
    pub(in super::super) flags: Vec<&'static str>,
    begin: Begin,
    find: Find,
    /// What is to be said about it.
    pub(super) note: Option<&'static str>,
}

#[derive(Debug, Clone, Copy)]
enum Begin {
    Index(i64),
    /// Behind a word that is looked for from an argument on, from the end if it is negative.
    Keyword(&'static str, i64),
    Unknown,
}

#[derive(Debug, Clone, Copy)]
enum Find {
    /// The last key, from the beginning, or from the end if it is negative; the step; of what there is
    /// one part in so many, if it is more than 1.
    Range {
        last: i64,
        step: i64,
        limit: i64,
    },
    /// Where their number stands, the first of them (both from the beginning), and the step.
    Count {
        at: i64,
        first: i64,
        step: i64,
    },
    Unknown,
}

impl KeySpec {
    pub(super) fn parse(text: &'static str) -> Option<Self> {
        let mut words = text.split(' ');
        let flags = words.next()?.split(',').collect();
        let mut begin = words.next()?.split(':');
        let number = |part: Option<&str>| part?.parse::<i64>().ok();
        let begin = match begin.next()? {
            "index" => Begin::Index(number(begin.next())?),
            "keyword" => Begin::Keyword(begin.next()?, number(begin.next())?),
            _ => Begin::Unknown,
        };
        let mut find = words.next()?.split(':');
        let kind = find.next()?;
        let mut next = || number(find.next());
        let find = match kind {
            "range" => Find::Range { last: next()?, step: next()?, limit: next()? },
            "keynum" => Find::Count { at: next()?, first: next()?, step: next()? },
            _ => Find::Unknown,
        };
        Some(Self { flags, begin, find, note: None })
    }

    /// Whether it is of keys, not of what only belongs to a slot as they do (a shard channel).
    pub(in super::super) fn is_of_keys(&self) -> bool {
        !self.flags.contains(&"not_key")
    }

    /// Whether the keys can be told by it.
    pub(in super::super) fn is_known(&self) -> bool {
        !matches!(self.begin, Begin::Unknown) && !matches!(self.find, Find::Unknown)
    }

    /// The positions of its keys in a request; `None` if they are not there as it says.
    pub(in super::super) fn positions(&self, request: Request<'_>) -> Option<Vec<usize>> {
        let count = request.len() as i64;
        let Some(begin) = self.begin(request) else { return Some(Vec::new()) };
        let (first, last, step) = match self.find {
            Find::Range { last, step, limit } => {
                let last = match last {
                    0.. => begin + last,
                    // Of what is left, one part.
                    -1 if limit > 1 => begin + (count - begin) / limit - 1,
                    _ => count + last,
                };
                (begin, last, step)
            }
            Find::Count { at, first, step } => {
                let number = parse_i64(request.arg(usize::try_from(begin + at).ok()?)?)?;
                let number = (1..count).contains(&number).then_some(number)?;
                (begin + first, begin + first + (number - 1) * step, step)
            }
            Find::Unknown => return Some(Vec::new()),
        };
        // An option whose argument is not there names no key.
        let is_option =
            matches!((self.begin, self.find), (Begin::Keyword(..), Find::Range { last: 0.., .. }));
        if is_option && last >= count {
            return Some(Vec::new());
        }
        let fits = last < count;
        let positions = (first..=last).step_by(step.max(1) as usize);
        fits.then(|| positions.filter_map(|at| usize::try_from(at).ok()).collect())
    }

    fn begin(&self, request: Request<'_>) -> Option<i64> {
        let is = |at: &usize, word: &str| {
            request.arg(*at).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
        };
        match self.begin {
            Begin::Index(at) => Some(at),
            Begin::Keyword(word, from @ 0..) => {
                let found = (from as usize..request.len()).find(|at| is(at, word));
                found.map(|at| at as i64 + 1)
            }
            Begin::Keyword(word, from) => {
                let end = request.len().checked_sub(from.unsigned_abs() as usize)?;
                (1..=end).rev().find(|at| is(at, word)).map(|at| at as i64 + 1)
            }
            Begin::Unknown => None,
        }
    }

    /// Writes it as `COMMAND INFO` does.
    pub(in super::super) fn write(&self, reply: &mut Encoder<'_>) {
        reply.map(3 + usize::from(self.note.is_some()));
        if let Some(note) = self.note {
            reply.bulk(b"notes");
            reply.bulk(note.as_bytes());
        }
        reply.bulk(b"flags");
        reply.set(self.flags.len());
        self.flags.iter().for_each(|flag| reply.simple(flag));
        reply.bulk(b"begin_search");
        match self.begin {
            Begin::Index(at) => part(reply, "index", &[("index", at)], None),
            Begin::Keyword(word, from) => {
                part(reply, "keyword", &[("startfrom", from)], Some(("keyword", word)));
            }
            Begin::Unknown => part(reply, "unknown", &[], None),
        }
        reply.bulk(b"find_keys");
        match self.find {
            Find::Range { last, step, limit } => {
                let fields = [("lastkey", last), ("keystep", step), ("limit", limit)];
                part(reply, "range", &fields, None);
            }
            Find::Count { at, first, step } => {
                let fields = [("keynumidx", at), ("firstkey", first), ("keystep", step)];
                part(reply, "keynum", &fields, None);
            }
            Find::Unknown => part(reply, "unknown", &[], None),
        }
    }
}

fn part(reply: &mut Encoder<'_>, kind: &str, numbers: &[(&str, i64)], word: Option<(&str, &str)>) {
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(kind.as_bytes());
    reply.bulk(b"spec");
    reply.map(numbers.len() + usize::from(word.is_some()));
    if let Some((name, word)) = word {
        reply.bulk(name.as_bytes());
        reply.bulk(word.as_bytes());
    }
    for (name, number) in numbers {
        reply.bulk(name.as_bytes());
        reply.integer(*number);
    }
}
