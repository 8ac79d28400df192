//! Plays what a real Redis 7.0.15 answered (`tests/recorded/*.txt`) against the keyspace; what that
//! has not got yet, a later one did.
//!
//! A transcript's line `> SET k v EX 10` is a request (`>*`: the order of the reply's elements is
//! open); below it stand the reply, what replicas were told (`= 0 SET k v PXAT @ms+10000`, with the
//! number of the database) and what was published (`! 0 set k`). `~ 150` lets 150 ms pass, `==`
//! begins anew with an empty data set (speaking RESP3 where it says so), `@ms+N` and `@s+N` are
//! moments counted from the present one.

#![allow(clippy::unwrap_used, reason = "a test that reads its own files")]

use redwire_keyspace::{EventClass, Keyspace, NoHost, Session, Settings, UnixMs};
use redwire_resp::{Protocol, RequestBuf};

const START: u64 = 1_700_000_000_000;

#[test]
fn strings() {
    play("strings", include_str!("recorded/strings.txt"));
}

#[test]
fn bitmaps() {
    play("bitmaps", include_str!("recorded/bitmaps.txt"));
}

#[test]
fn dump() {
    play("dump", include_str!("recorded/dump.txt"));
}

#[test]
fn encodings() {
    play("encodings", include_str!("recorded/encodings.txt"));
}

#[test]
fn hash_expiry() {
    play("hash_expiry", include_str!("recorded/hash_expiry.txt"));
}

#[test]
fn keys() {
    play("keys", include_str!("recorded/keys.txt"));
}

#[test]
fn lcs() {
    play("lcs", include_str!("recorded/lcs.txt"));
}

#[test]
fn resp3() {
    play("resp3", include_str!("recorded/resp3.txt"));
}

#[test]
fn sort() {
    play("sort", include_str!("recorded/sort.txt"));
}

#[test]
fn server() {
    play("server", include_str!("recorded/server.txt"));
}

fn play(name: &str, transcript: &str) {
    let mut server = Server::new();
    let mut wanted: Vec<&str> = Vec::new();
    let mut got: Vec<String> = Vec::new();
    let mut request = "";
    let mut failures = Vec::new();
    for (at, line) in transcript.lines().chain(["=="]).enumerate() {
        let begins = ["==", "~ ", ">"].iter().any(|mark| line.starts_with(mark));
        if begins && wanted != got {
            failures.push(format!(
                "{name}.txt before line {}: {request}\n  redis:   {}\n  redwire: {}\n",
                at + 1,
                wanted.join("\n           "),
                got.join("\n           "),
            ));
        }
        if begins {
            (wanted, got) = (Vec::new(), Vec::new());
        }
        if line.starts_with("==") {
            server = Server::new();
            if line.contains("RESP3") {
                server.session.protocol = Protocol::Resp3;
            }
        } else if let Some(ms) = line.strip_prefix("~ ") {
            server.now += ms.trim().parse::<u64>().unwrap();
        } else if line.starts_with('>') {
            request = line;
            got = server.run(line);
        } else if !line.is_empty() && !line.starts_with('#') {
            wanted.push(line);
        }
    }
    assert!(failures.is_empty(), "{} differences\n{}", failures.len(), failures.concat());
}

struct Server {
    keyspace: Keyspace,
    session: Session,
    now: u64,
}

impl Server {
    fn new() -> Self {
        let mut keyspace = Keyspace::new(Settings::default(), 1);
        keyspace.events().want([
            EventClass::Generic,
            EventClass::String,
            EventClass::List,
            EventClass::Set,
            EventClass::Hash,
            EventClass::Zset,
            EventClass::Expired,
            EventClass::New,
        ]);
        Self { keyspace, session: Session::new(1), now: START }
    }

    /// Runs a request line; answers the lines that are to stand below it.
    fn run(&mut self, line: &str) -> Vec<String> {
        let (line, any_order) = match line.strip_prefix(">*") {
            Some(line) => (line, true),
            None => (&line[1..], false),
        };
        let request = RequestBuf::from_args(split(line, self.now));
        let mut out = Vec::new();
        self.keyspace.execute(
            &mut NoHost,
            &mut self.session,
            request.as_request(),
            UnixMs(self.now),
            &mut out,
        );
        let mut lines = vec![show_all(&out, self.now, any_order)];
        let effects: Vec<(u32, Vec<u8>)> =
            self.keyspace.effects().iter().map(|(db, bytes)| (db, bytes.to_vec())).collect();
        self.keyspace.effects().clear();
        for (db, effect) in effects {
            let args = elements(&effect);
            let args: Vec<String> = args.iter().map(|arg| token(arg, self.now)).collect();
            lines.push(format!("= {db} {}", args.join(" ")));
        }
        for event in self.keyspace.events().take() {
            lines.push(format!("! {} {} {}", event.db, event.event, token(&event.key, self.now)));
        }
        lines
    }
}

/// The arguments of a request line.
fn split(line: &str, now: u64) -> Vec<Vec<u8>> {
    let mut args = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (arg, tail) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (from_stamp(&rest[..end], now), &rest[end..])
            }
        };
        args.push(arg);
        rest = tail.trim_start();
    }
    args
}

/// `@ms+N`, `@s+N` as the moment that it means, `*N` as a string of N bytes.
fn from_stamp(word: &str, now: u64) -> Vec<u8> {
    let number = |text: &str| text.parse::<i64>().unwrap();
    if let Some(offset) = word.strip_prefix("@ms") {
        (now as i64 + number(offset)).to_string().into_bytes()
    } else if let Some(offset) = word.strip_prefix("@s") {
        (now as i64 / 1000 + number(offset)).to_string().into_bytes()
    } else if let Some(count) = word.strip_prefix('*').and_then(|count| count.parse().ok()) {
        vec![b'x'; count]
    } else {
        word.as_bytes().to_vec()
    }
}

/// The bytes of a quoted string whose first quote is off, and what comes behind the last.
fn unquote(text: &str) -> (Vec<u8>, &str) {
    let mut bytes = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (bytes, &text[at + 1..]),
            '\\' => match chars.next().map(|(_, char)| char) {
                Some('n') => bytes.push(b'\n'),
                Some('r') => bytes.push(b'\r'),
                Some('t') => bytes.push(b'\t'),
                Some('x') => {
                    bytes.push(u8::from_str_radix(&text[at + 2..at + 4], 16).unwrap());
                    chars.nth(1);
                }
                other => bytes.extend(other.map(|char| char as u8)),
            },
            char => bytes.extend(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    panic!("no closing quote in {text}");
}

/// An integer that is a moment near the present one, counted from that.
fn stamp(text: String, now: u64) -> String {
    let Ok(number) = text.parse::<i128>() else { return text };
    let now = i128::from(now);
    let (ms, seconds) = (number - now, number - now / 1000);
    match text.len() {
        13 if ms.abs() < 1_000_000_000 => format!("@ms{ms:+}"),
        10 if seconds.abs() < 1_000_000 => format!("@s{seconds:+}"),
        _ => text,
    }
}

/// An argument, in quotes where it needs them.
fn token(bytes: &[u8], now: u64) -> String {
    let text = escape(bytes, now);
    let plain = !text.is_empty() && !text.contains([' ', '"', '\\']);
    if plain { text } else { format!("\"{text}\"") }
}

fn escape(bytes: &[u8], now: u64) -> String {
    // As `escape_ascii`, but for the single quote.
    let text = bytes.escape_ascii().to_string().replace("\\'", "'");
    stamp(text, now)
}

/// The arguments of an effect.
fn elements(effect: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = Reader { rest: effect };
    let (_, count) = reader.line();
    (0..count.parse().unwrap())
        .map(|_| {
            let (_, len) = reader.line();
            reader.take(len.parse().unwrap())
        })
        .collect()
}

/// All replies in `out`, as a transcript shows them.
fn show_all(out: &[u8], now: u64, any_order: bool) -> String {
    let mut reader = Reader { rest: out };
    let mut replies = Vec::new();
    while !reader.rest.is_empty() {
        replies.push(reader.show(now, any_order));
    }
    replies.join(" | ")
}

/// A naive reader of well-formed RESP.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn line(&mut self) -> (char, String) {
        let end = self.rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let kind = char::from(self.rest[0]);
        let text = String::from_utf8_lossy(&self.rest[1..end]).into_owned();
        self.rest = &self.rest[end + 2..];
        (kind, text)
    }

    fn take(&mut self, len: usize) -> Vec<u8> {
        let bytes = self.rest[..len].to_vec();
        self.rest = &self.rest[len + 2..];
        bytes
    }

    fn show(&mut self, now: u64, any_order: bool) -> String {
        let (kind, text) = self.line();
        match (kind, text.as_str()) {
            ('$', "-1") => "nil".to_owned(),
            ('*', "-1") => "nil array".to_owned(),
            ('$', len) => format!("\"{}\"", escape(&self.take(len.parse().unwrap()), now)),
            ('=', len) => format!("=\"{}\"", escape(&self.take(len.parse().unwrap()), now)),
            (':', _) => format!(":{}", stamp(text, now)),
            ('*', count) => format!("[{}]", self.show_many(count, now, any_order)),
            ('~', count) => format!("~[{}]", self.show_many(count, now, any_order)),
            ('%', count) => {
                let pairs = (0..count.parse().unwrap()).map(|_| {
                    let name = self.show(now, any_order);
                    format!("{name}: {}", self.show(now, any_order))
                });
                let mut pairs: Vec<String> = pairs.collect();
                if any_order {
                    pairs.sort();
                }
                format!("{{{}}}", pairs.join(", "))
            }
            _ => format!("{kind}{text}"),
        }
    }

    fn show_many(&mut self, count: &str, now: u64, any_order: bool) -> String {
        let mut items: Vec<String> =
            (0..count.parse().unwrap()).map(|_| self.show(now, any_order)).collect();
        if any_order {
            items.sort();
        }
        items.join(", ")
    }
}
