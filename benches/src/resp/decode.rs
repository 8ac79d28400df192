use std::hint::black_box;

use bytes::Bytes;
use redwire_resp::{Limits, Mode, ReplyDecoder, ReplyLimits, RequestDecoder};

use super::input::Input;
use crate::Subject;

/// Why a peer that does not decode the input ends the program: the row would compare nothing.
const WHOLE: &str = "invariant: the input is whole frames that each subject knows";

/// Requests: redwire and kevy-resp as requests with borrowed arguments, the others as the arrays of
/// bulk strings that they are.
pub(super) fn requests(input: Input) -> Vec<Subject<'static>> {
    let mut subjects = vec![redwire_requests(&input), kevy_requests(&input)];
    subjects.extend(frames(input));
    subjects
}

/// Replies: owned values where a crate has no borrowed ones.
pub(super) fn replies(input: Input) -> Vec<Subject<'static>> {
    let mut subjects = vec![redwire_replies(&input), kevy_replies(&input)];
    subjects.extend(frames(input));
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

fn redwire_replies(input: &Input) -> Subject<'static> {
    let input = input.clone();
    let mut decoder = ReplyDecoder::new(ReplyLimits::default());
    Subject::new("redwire", move || {
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
