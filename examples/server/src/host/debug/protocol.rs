//! `DEBUG PROTOCOL`: a reply of each type, for the tests of clients.

use redwire_keyspace::{CommandError, CommandResult, Context};
use redwire_resp::{Encoder, Protocol, Request};

use super::super::is;
use crate::core::Core;

const WRONG_TYPE: &str = "ERR Wrong protocol type name. Please use one of the following: \
     string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";

pub(super) fn protocol(
    _core: &mut Core,
    context: &mut Context<'_>,
    request: Request<'_>,
) -> CommandResult {
    write(&mut context.reply, &request[2])
}

#[expect(clippy::approx_constant, reason = "the number that Redis sends")]
fn write(reply: &mut Encoder<'_>, kind: &[u8]) -> CommandResult {
    match kind {
        kind if is(kind, "string") => reply.bulk(b"Hello World"),
        kind if is(kind, "integer") => reply.integer(12_345),
        kind if is(kind, "double") => reply.double(3.141),
        kind if is(kind, "bignum") => reply.big_number("1234567999999999999999999999999999999"),
        kind if is(kind, "null") => reply.null(),
        kind if is(kind, "array") => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        kind if is(kind, "set") => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        kind if is(kind, "map") => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        kind if is(kind, "attrib") => {
            if reply.attribute(1) {
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        kind if is(kind, "push") => {
            if reply.protocol() == Protocol::Resp2 {
                return Err(CommandError::text("ERR RESP2 is not supported by this command"));
            }
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        kind if is(kind, "verbatim") => reply.verbatim(*b"txt", b"This is a verbatim\nstring"),
        kind if is(kind, "true") => reply.boolean(true),
        kind if is(kind, "false") => reply.boolean(false),
        _ => return Err(CommandError::text(WRONG_TYPE)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What redis-server 7.0.15 answers, in RESP2 and in RESP3.
    const REPLIES: [(&str, &str, &str); 12] = [
        ("string", "$11\r\nHello World\r\n", "$11\r\nHello World\r\n"),
        ("integer", ":12345\r\n", ":12345\r\n"),
        ("double", "$5\r\n3.141\r\n", ",3.141\r\n"),
        (
            "bignum",
            "$37\r\n1234567999999999999999999999999999999\r\n",
            "(1234567999999999999999999999999999999\r\n",
        ),
        ("null", "$-1\r\n", "_\r\n"),
        ("array", "*3\r\n:0\r\n:1\r\n:2\r\n", "*3\r\n:0\r\n:1\r\n:2\r\n"),
        ("set", "*3\r\n:0\r\n:1\r\n:2\r\n", "~3\r\n:0\r\n:1\r\n:2\r\n"),
        (
            "map",
            "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n",
            "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n",
        ),
        (
            "attrib",
            "$39\r\nSome real reply following the attribute\r\n",
            "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply \
             following the attribute\r\n",
        ),
        (
            "verbatim",
            "$25\r\nThis is a verbatim\nstring\r\n",
            "=29\r\ntxt:This is a verbatim\nstring\r\n",
        ),
        ("true", ":1\r\n", "#t\r\n"),
        ("FALSE", ":0\r\n", "#f\r\n"),
    ];

    #[test]
    fn replies_are_redis_own() {
        for (kind, resp2, resp3) in REPLIES {
            for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
                let mut out = Vec::new();
                write(&mut Encoder::new(&mut out, protocol), kind.as_bytes()).unwrap();
                assert_eq!(String::from_utf8_lossy(&out), expected, "{kind} {protocol:?}");
            }
        }
    }

    #[test]
    fn a_push_comes_before_its_reply_and_not_in_resp2() {
        let mut out = Vec::new();
        write(&mut Encoder::new(&mut out, Protocol::Resp3), b"push").unwrap();
        assert!(out.starts_with(b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\n"));
        assert!(write(&mut Encoder::new(&mut out, Protocol::Resp2), b"push").is_err());
        assert!(write(&mut Encoder::new(&mut out, Protocol::Resp2), b"nosuch").is_err());
    }
}
