//! The strict mode of redwire-resp refuses what Valkey 9 refuses, in the same words.
//!
//! (Quotes of inline requests apart: there it lets text follow a closing quote, and Redis does not.)

use std::time::Duration;

use redwire_resp::{Limits, Mode, RequestDecoder};
use redwire_testkit::{Peer, Server, printable};

/// Each is followed by [`PROBE`].
const CASES: &[&[u8]] = &[
    b"*1\r\n$4\r\nPING\r\n",
    b"*1\rX$4\r\nPING\r\n",
    b"*1\r\n$4\rXPING\r\n",
    b"*1\r\r\n$4\r\nPING\r\n",
    b"*1\n$4\nPING\n",
    b"*0\rX",
    b"*-1\r\n",
    b"*0\r\n",
    b"*x\r\n",
    b"*01\r\n",
    b"*2147483648\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$04\r\nPING\r\n",
    b"*1\r\n$536870913\r\n",
    b"PING\n",
    b"PING \"a\r\n",
    b"*1\r\n$4\r\nPINGXX",
    b"*1\r\n$4\r\nPING\rX",
    b"\r\n\n",
];

const PROBE: &[u8] = b"*1\r\n$4\r\nQUIT\r\n";

/// What the decoder has to say, or the requests that it found.
fn decode(bytes: &[u8]) -> Result<usize, String> {
    let mut decoder = RequestDecoder::new(Mode::Strict, Limits::default());
    decoder.set_authenticated(true);
    let (mut used, mut requests) = (0, 0);
    loop {
        let decoded = decoder
            .decode(&bytes[used..])
            .map_err(|error| error.reply().escape_ascii().to_string())?;
        used += decoded.used;
        if decoded.request.is_none() {
            return Ok(requests);
        }
        requests += 1;
    }
}

fn answer(server: &Server, bytes: &[u8]) -> String {
    let mut client = server.client();
    client.send(bytes);
    let answer = client.read_to_end(Duration::from_secs(15));
    answer.unwrap_or_else(|answer| answer).escape_ascii().to_string()
}

#[test]
fn as_valkey_91() {
    let Some(real) = Peer::Valkey91.start(&[]) else { return };
    let mut differing = Vec::new();
    for case in CASES {
        let bytes = [case, PROBE].concat();
        let answer = answer(&real, &bytes);
        let refused = answer.find("-ERR Protocol error").map(|at| answer[at..].to_owned());
        let decoded = decode(&bytes);
        if refused != decoded.clone().err() {
            differing.push(format!("\"{}\": {answer}, but {decoded:?}", printable(&[case])));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
