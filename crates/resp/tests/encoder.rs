//! The encoder, type by type, in both protocols.

use redwire_resp::{Encoder, Protocol, encode_request};

fn written(protocol: Protocol, write: impl Fn(&mut Encoder<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out, protocol));
    out.escape_ascii().to_string()
}

type Write = fn(&mut Encoder<'_>);

/// Each with what Redis sends to clients of RESP2 and of RESP3.
#[test]
fn writes_each_type() {
    let cases: &[(Write, &str, &str)] = &[
        (|out| out.ok(), r"+OK\r\n", r"+OK\r\n"),
        (|out| out.queued(), r"+QUEUED\r\n", r"+QUEUED\r\n"),
        (|out| out.simple("PONG"), r"+PONG\r\n", r"+PONG\r\n"),
        (|out| out.simple(b"a\r\nb"), r"+a  b\r\n", r"+a  b\r\n"),
        (|out| out.error("ERR no"), r"-ERR no\r\n", r"-ERR no\r\n"),
        (|out| out.error("\r\nERR a\nb\r\n"), r"-ERR a b\r\n", r"-ERR a b\r\n"),
        (|out| out.error("\r\n"), r"-\r\n", r"-\r\n"),
        (|out| out.error(b"ERR \xff"), r"-ERR \xff\r\n", r"-ERR \xff\r\n"),
        (|out| out.bulk_error(b"ERR a\nb"), r"-ERR a b\r\n", r"!7\r\nERR a\nb\r\n"),
        (|out| out.integer(i64::MIN), r":-9223372036854775808\r\n", r":-9223372036854775808\r\n"),
        (|out| out.bulk(b""), r"$0\r\n\r\n", r"$0\r\n\r\n"),
        (|out| out.bulk(b"a\r\nb"), r"$4\r\na\r\nb\r\n", r"$4\r\na\r\nb\r\n"),
        (|out| out.bulk_integer(-5), r"$2\r\n-5\r\n", r"$2\r\n-5\r\n"),
        (|out| out.null(), r"$-1\r\n", r"_\r\n"),
        (|out| out.null_array(), r"*-1\r\n", r"_\r\n"),
        (|out| out.array(3), r"*3\r\n", r"*3\r\n"),
        (|out| out.map(3), r"*6\r\n", r"%3\r\n"),
        (|out| out.set(3), r"*3\r\n", r"~3\r\n"),
        (|out| out.push(3), r"*3\r\n", r">3\r\n"),
        (|out| out.double(-0.25), r"$5\r\n-0.25\r\n", r",-0.25\r\n"),
        (|out| out.double(f64::INFINITY), r"$3\r\ninf\r\n", r",inf\r\n"),
        (|out| out.boolean(true), r":1\r\n", r"#t\r\n"),
        (|out| out.boolean(false), r":0\r\n", r"#f\r\n"),
        (|out| out.big_number("-12"), r"$3\r\n-12\r\n", r"(-12\r\n"),
        (|out| out.verbatim(*b"txt", b"hi"), r"$2\r\nhi\r\n", r"=6\r\ntxt:hi\r\n"),
        (|out| out.raw(b":1\r\n"), r":1\r\n", r":1\r\n"),
    ];
    for &(write, resp2, resp3) in cases {
        assert_eq!(written(Protocol::Resp2, write), resp2);
        assert_eq!(written(Protocol::Resp3, write), resp3);
    }
}

#[test]
fn lengths_have_all_their_digits() {
    for len in [0, 9, 10, 99, 100, 101, 999, 1000, 1010, 65_536, usize::MAX] {
        let header = written(Protocol::Resp3, |out| out.array(len));
        assert_eq!(header, format!(r"*{len}\r\n"));
    }
    let mut out = Vec::new();
    encode_request(&mut out, [&b"x"[..], &[b'y'; 1234]]);
    assert_eq!(out, [&b"*2\r\n$1\r\nx\r\n$1234\r\n"[..], &[b'y'; 1234], b"\r\n"].concat());
}

#[test]
fn attributes_are_for_resp3() {
    let write = |out: &mut Encoder<'_>| {
        if out.attribute(1) {
            out.simple("ttl");
            out.integer(9);
        }
        out.ok();
    };
    assert_eq!(written(Protocol::Resp2, write), r"+OK\r\n");
    assert_eq!(written(Protocol::Resp3, write), r"|1\r\n+ttl\r\n:9\r\n+OK\r\n");
}

#[test]
fn takes_back_half_a_reply() {
    let mut out = b"+before\r\n".to_vec();
    let mut reply = Encoder::new(&mut out, Protocol::Resp2);
    assert!(!reply.is_empty());
    let mark = reply.len();
    reply.array(2);
    reply.bulk(b"half");
    reply.truncate(mark);
    reply.set_protocol(Protocol::Resp3);
    assert_eq!(reply.protocol(), Protocol::Resp3);
    reply.null();
    assert_eq!(out, b"+before\r\n_\r\n");
}
