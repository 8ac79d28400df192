//! As much JSON as the truth files of the corpus need.

use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parser = Parser { bytes: text.as_bytes(), at: 0 };
        parser.value()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    pub(crate) fn str(&self) -> &str {
        match self {
            Self::String(text) => text,
            other => panic!("{other:?} is no string"),
        }
    }

    pub(crate) fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            other => panic!("{other:?} is no number"),
        }
    }

    pub(crate) fn array(&self) -> &[Self] {
        match self {
            Self::Array(items) => items,
            other => panic!("{other:?} is no array"),
        }
    }

    pub(crate) fn object(&self) -> &BTreeMap<String, Self> {
        match self {
            Self::Object(members) => members,
            other => panic!("{other:?} is no object"),
        }
    }

    /// Text, or bytes as `{"b64": ...}`.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self.get("b64") {
            Some(text) => base64(text.str()),
            None => self.str().as_bytes().to_vec(),
        }
    }
}

pub(crate) fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for digit in text.bytes().take_while(|digit| *digit != b'=') {
        bits = bits << 6 | DIGITS.iter().position(|d| *d == digit).unwrap() as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> u8 {
        while self.bytes[self.at].is_ascii_whitespace() {
            self.at += 1;
        }
        self.bytes[self.at]
    }

    fn word(&mut self, word: &str, value: Json) -> Json {
        assert!(self.bytes[self.at..].starts_with(word.as_bytes()));
        self.at += word.len();
        value
    }

    fn value(&mut self) -> Json {
        match self.next() {
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'"' => Json::String(self.string()),
            b'[' => Json::Array(self.items(b']', Self::value)),
            b'{' => Json::Object(self.items(b'}', Self::member).into_iter().collect()),
            _ => {
                let start = self.at;
                while b"+-.eE0123456789".contains(&self.bytes[self.at]) {
                    self.at += 1;
                }
                let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap();
                Json::Number(text.parse().unwrap())
            }
        }
    }

    fn items<T>(&mut self, end: u8, item: fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.at += 1;
        while self.next() != end {
            items.push(item(self));
            if self.next() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        items
    }

    fn member(&mut self) -> (String, Json) {
        self.next();
        let name = self.string();
        assert_eq!(self.next(), b':');
        self.at += 1;
        (name, self.value())
    }

    fn string(&mut self) -> String {
        let mut units: Vec<u16> = Vec::new();
        self.at += 1;
        let mut start = self.at;
        loop {
            let byte = self.bytes[self.at];
            if byte != b'"' && byte != b'\\' {
                self.at += 1;
                continue;
            }
            let plain = std::str::from_utf8(&self.bytes[start..self.at]).unwrap();
            units.extend(plain.encode_utf16());
            self.at += 1;
            if byte == b'"' {
                return String::from_utf16(&units).unwrap();
            }
            units.push(self.escape());
            start = self.at;
        }
    }

    fn escape(&mut self) -> u16 {
        self.at += 1;
        match self.bytes[self.at - 1] {
            b'n' => 10,
            b't' => 9,
            b'r' => 13,
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let digits = std::str::from_utf8(&self.bytes[self.at..self.at + 4]).unwrap();
                self.at += 4;
                u16::from_str_radix(digits, 16).unwrap()
            }
            other => u16::from(other),
        }
    }
}
