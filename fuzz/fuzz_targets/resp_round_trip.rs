//! Any value, encoded and decoded, is itself, however it is cut; any request likewise, by both ways
//! to encode.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_resp::{
    Encoder, Limits, Mode, Protocol, ReplyDecoder, ReplyLimits, RequestBuf, RequestDecoder, Value,
    encode_request,
};

/// Reads a program: a byte says what, further ones how much of it.
struct Program<'a>(&'a [u8]);

impl Program<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn bytes(&mut self) -> Vec<u8> {
        let len = usize::from(self.byte()) * usize::from(self.byte() % 16 + 1);
        (0..len).map(|i| (i as u8).wrapping_mul(self.0.first().copied().unwrap_or(7))).collect()
    }

    /// What a line can hold.
    fn text(&mut self) -> Vec<u8> {
        let mut text = self.bytes();
        text.retain(|byte| !matches!(byte, b'\r' | b'\n'));
        text
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte())) >> (self.byte() % 64)
    }

    fn values(&mut self, depth: usize) -> Vec<Value> {
        let count = if depth > 8 { 0 } else { self.byte() % 6 };
        (0..count).map(|_| self.value(depth + 1)).collect()
    }

    fn pairs(&mut self, depth: usize) -> Vec<(Value, Value)> {
        let count = if depth > 8 { 0 } else { self.byte() % 4 };
        (0..count).map(|_| (self.value(depth + 1), self.value(depth + 1))).collect()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.byte() % 16 {
            0 => Value::Null,
            1 => Value::Simple(self.text()),
            2 => Value::Error(self.text()),
            3 | 4 => Value::Integer(self.number().cast_signed()),
            5 | 6 => Value::Bulk(self.bytes()),
            7 => {
                let value = f64::from_bits(self.number());
                Value::Double(if value.is_nan() { 0.5 } else { value })
            }
            8 => Value::Boolean(self.byte() % 2 == 0),
            9 => Value::BigNumber(self.number().to_string().into_bytes()),
            10 => Value::BulkError(self.bytes()),
            11 => Value::Verbatim { format: *b"txt", text: self.bytes() },
            12 => Value::Map(self.pairs(depth).into()),
            13 => Value::Set(self.values(depth).into()),
            14 => Value::Push(self.values(depth).into()),
            _ => Value::Array(self.values(depth).into()),
        }
    }
}

fn replies(bytes: &[u8], piece: usize) -> Vec<Value> {
    let mut decoder = ReplyDecoder::new(ReplyLimits::default());
    let (mut found, mut used, mut end) = (Vec::new(), 0, 0);
    while end < bytes.len() {
        end = (end + piece).min(bytes.len());
        while let Some((value, len)) = decoder.decode(&bytes[used..end]).expect("our own bytes") {
            found.push(value);
            used += len;
        }
    }
    assert_eq!(used, bytes.len());
    found
}

fuzz_target!(|input: &[u8]| {
    let mut program = Program(input);
    let piece = usize::from(program.byte()) + 1;
    let mut values = Vec::new();
    while !program.0.is_empty() && values.len() < 8 {
        values.push(program.value(0));
    }
    let mut bytes = Vec::new();
    values.iter().for_each(|value| value.encode(&mut Encoder::new(&mut bytes, Protocol::Resp3)));
    assert_eq!(replies(&bytes, piece), values);

    let args: Vec<Vec<u8>> = values
        .iter()
        .filter_map(|value| value.as_bytes().map(<[u8]>::to_vec))
        .chain([b"last".to_vec()])
        .collect();
    let mut bytes = Vec::new();
    for _ in 0..3 {
        encode_request(&mut bytes, &args);
    }
    let mut decoder = RequestDecoder::new(Mode::Strict, Limits::default());
    decoder.set_authenticated(true);
    let (mut used, mut end, mut found) = (0, 0, 0);
    while end < bytes.len() {
        end = (end + piece).min(bytes.len());
        loop {
            let decoded = decoder.decode(&bytes[used..end]).expect("our own bytes");
            used += decoded.used;
            let Some(request) = decoded.request else { break };
            assert_eq!(RequestBuf::from(request), RequestBuf::from_args(&args));
            found += 1;
        }
    }
    assert_eq!((found, used), (3, bytes.len()));
});
