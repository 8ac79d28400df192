use std::hint::black_box;

use bytes::Bytes;
use redwire_resp::{Limits, Mode, ReplyDecoder, ReplyLimits, RequestDecoder, TapeDecoder, Token};

use super::input::Input;
use crate::Subject;

/// Bytes that arrive at a time.
pub(super) const PIECE: usize = 16 << 10;

/// Why a peer that does not decode the input ends the program: the row would compare nothing.
const WHOLE: &str = "invariant: the input is whole frames that each subject knows";

/// Requests: redwire and kevy-resp as requests with borrowed arguments, the others as the arrays of
/// bulk strings that they are.
pub(super) fn requests(input: Input) -> Vec<Subject<'static>> {
    let mut subjects = vec![redwire_requests(&input), kevy_requests(&input)];
    subjects.extend(frames(input));
    subjects
}

/// Replies: redwire borrowed and owned, owned values where a crate has no borrowed ones.
pub(super) fn replies(input: Input) -> Vec<Subject<'static>> {
    let mut subjects = vec![redwire_tapes(&input), redwire_replies(&input), kevy_replies(&input)];
    #[cfg(hiredis)]
    subjects.push(super::hiredis::replies(&input));
    subjects.extend(frames(input));
    subjects
}

/// Requests as above, without the peers that are far behind: for inputs that take a while.
pub(super) fn many_requests(input: &Input) -> Vec<Subject<'static>> {
    vec![redwire_requests(input), kevy_requests(input)]
}

/// Replies that only RESP3 has: the peers that decode them in a call.
pub(super) fn resp3_replies(input: Input) -> Vec<Subject<'static>> {
    vec![redwire_tapes(&input), redwire_replies(&input), kevy_replies(&input), redis(input)]
}

/// One reply, whole and as it comes in pieces.
pub(super) fn pieces(input: Input) -> Vec<Subject<'static>> {
    let mut subjects = vec![redwire_tapes(&input), redwire_pieces(&input)];
    subjects.extend([redwire_replies(&input), kevy_replies(&input), redust(&input)]);
    #[cfg(hiredis)]
    subjects.push(super::hiredis::replies(&input));
    subjects
}

/// The peers that know no difference between requests and replies.
fn frames(input: Input) -> Vec<Subject<'static>> {
    vec![redust(&input), protocol_ranges(&input), protocol_bytes(&input), redis(input)]
}

fn redwire_requests(input: &Input) -> Subject<'static> {
    let input = input.clone();
    let mut decoder = RequestDecoder::new(Mode::Compatible, Limits::default());
    decoder.set_authenticated(true);
    Subject::new("redwire", move || {
        let (mut frames, mut unread) = (0, &input.bytes[..]);
        while !unread.is_empty() {
            let decoded = decoder.decode(unread).expect(WHOLE);
            let used = decoded.used;
            black_box(decoded.request.expect(WHOLE).iter().map(<[u8]>::len).sum::<usize>());
            unread = &unread[used..];
            frames += 1;
        }
        frames
    })
}

fn kevy_requests(input: &Input) -> Subject<'static> {
    let input = input.clone();
    Subject::new("kevy-resp", move || {
        let (mut frames, mut unread) = (0, &input.bytes[..]);
        while !unread.is_empty() {
            let (request, used) =
                kevy_resp::parse_command_borrowed(unread).expect(WHOLE).expect(WHOLE);
            black_box(request.iter().map(<[u8]>::len).sum::<usize>());
            unread = &unread[used..];
            frames += 1;
        }
        frames
    })
}

fn redwire_tapes(input: &Input) -> Subject<'static> {
    let input = input.clone();
    let mut decoder = TapeDecoder::new(ReplyLimits::default());
    Subject::new("redwire (borrowed)", move || {
        let (mut frames, mut unread) = (0, &input.bytes[..]);
        while !unread.is_empty() {
            let tape = decoder.decode(unread).expect(WHOLE).expect(WHOLE);
            black_box(tape.tokens().map(weight).sum::<usize>());
            unread = &unread[tape.raw().len()..];
            frames += 1;
        }
        frames
    })
}

/// The buffer grows by 16 KiB at a time, and each time the decoder goes on.
fn redwire_pieces(input: &Input) -> Subject<'static> {
    let input = input.clone();
    let mut decoder = TapeDecoder::new(ReplyLimits::default());
    Subject::new("redwire (borrowed, 16 KiB pieces)", move || {
        let (mut frames, mut used, mut end) = (0, 0, 0);
        while used < input.bytes.len() {
            end = (end + PIECE).min(input.bytes.len());
            while let Some(tape) = decoder.decode(&input.bytes[used..end]).expect(WHOLE) {
                black_box(tape.tokens().map(weight).sum::<usize>());
                used += tape.raw().len();
                frames += 1;
            }
        }
        frames
    })
}

/// Something that needs to see the token.
fn weight(token: Token<'_>) -> usize {
    match token {
        Token::Simple(text) | Token::Bulk(text) => text.len(),
        Token::Integer(value) => value as usize,
        Token::Double(value) => value as usize,
        Token::Array(count) | Token::Map(count) => count,
        _ => 1,
    }
}

fn redwire_replies(input: &Input) -> Subject<'static> {
    let input = input.clone();
    let mut decoder = ReplyDecoder::new(ReplyLimits::default());
    Subject::new("redwire (owned)", move || {
        let (mut frames, mut unread) = (0, &input.bytes[..]);
        while !unread.is_empty() {
            let (value, used) = decoder.decode(unread).expect(WHOLE).expect(WHOLE);
            black_box(value);
            unread = &unread[used..];
            frames += 1;
        }
        frames
    })
}

fn kevy_replies(input: &Input) -> Subject<'static> {
    let input = input.clone();
    Subject::new("kevy-resp", move || {
        let (mut frames, mut unread) = (0, &input.bytes[..]);
        while !unread.is_empty() {
            let (value, used) = kevy_resp::parse_reply(unread).expect(WHOLE).expect(WHOLE);
            black_box(value);
            unread = &unread[used..];
            frames += 1;
        }
        frames
    })
}

fn redust(input: &Input) -> Subject<'static> {
    let input = input.clone();
    Subject::new("redust-resp", move || {
        let (mut frames, mut unread) = (0, &input.bytes[..]);
        while !unread.is_empty() {
            let (data, rest) =
                redust_resp::from_bytes::<redust_resp::Data<'_>>(unread).expect(WHOLE);
            black_box(data);
            unread = rest;
            frames += 1;
        }
        frames
    })
}

fn protocol_ranges(input: &Input) -> Subject<'static> {
    let input = input.clone();
    Subject::new("redis-protocol (ranges)", move || {
        let (mut frames, mut unread) = (0, &input.bytes[..]);
        while !unread.is_empty() {
            let decoded = redis_protocol::resp2::decode::decode_range(unread).expect(WHOLE);
            let (frame, used) = decoded.expect(WHOLE);
            black_box(frame);
            unread = &unread[used..];
            frames += 1;
        }
        frames
    })
}

fn protocol_bytes(input: &Input) -> Subject<'static> {
    let input = Bytes::from(input.bytes.clone());
    Subject::new("redis-protocol (bytes)", move || {
        let (mut frames, mut unread) = (0, input.clone());
        while !unread.is_empty() {
            let decoded = redis_protocol::resp2::decode::decode_bytes(&unread).expect(WHOLE);
            let (frame, used) = decoded.expect(WHOLE);
            black_box(frame);
            unread = unread.slice(used..);
            frames += 1;
        }
        frames
    })
}

/// redis-rs reads ahead, so it is told how many frames there are.
fn redis(input: Input) -> Subject<'static> {
    let mut parser = redis::Parser::new();
    Subject::new("redis", move || {
        let mut unread = &input.bytes[..];
        for _ in 0..input.frames {
            black_box(parser.parse_value(&mut unread).expect(WHOLE));
        }
        input.frames
    })
}
