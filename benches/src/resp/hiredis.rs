//! hiredis' reader, the decoder of the C client, through its C interface.
#![allow(unsafe_code, reason = "a C library has no other door")]

use std::ffi::{c_char, c_int, c_void};

use super::input::Input;
use crate::Subject;

const WHOLE: &str = "invariant: the input is whole frames that hiredis knows";

unsafe extern "C" {
    fn redisReaderCreate() -> *mut c_void;
    fn redisReaderFree(reader: *mut c_void);
    fn redisReaderFeed(reader: *mut c_void, buf: *const c_char, len: usize) -> c_int;
    fn redisReaderGetReply(reader: *mut c_void, reply: *mut *mut c_void) -> c_int;
    fn freeReplyObject(reply: *mut c_void);
}

/// A reader of hiredis.
struct Reader(*mut c_void);

impl Drop for Reader {
    fn drop(&mut self) {
        // SAFETY: it was created, and is freed once.
        unsafe { redisReaderFree(self.0) }
    }
}

/// Owned replies, each freed at once; the copy into its buffer is its interface's.
pub(super) fn replies(input: &Input) -> Subject<'static> {
    let input = input.clone();
    // SAFETY: no arguments; null is looked for.
    let reader = Reader(unsafe { redisReaderCreate() });
    assert!(!reader.0.is_null(), "hiredis has no memory");
    Subject::new("hiredis (C)", move || {
        let reader = &reader;
        // SAFETY: the reader lives, and the bytes are copied during the call.
        let fed =
            unsafe { redisReaderFeed(reader.0, input.bytes.as_ptr().cast(), input.bytes.len()) };
        assert_eq!(fed, 0, "{WHOLE}");
        for _ in 0..input.frames {
            let mut reply = std::ptr::null_mut();
            // SAFETY: the reader lives; a reply that it gives is ours, and freed once.
            let got = unsafe { redisReaderGetReply(reader.0, &raw mut reply) };
            assert!(got == 0 && !reply.is_null(), "{WHOLE}");
            // SAFETY: as said.
            unsafe { freeReplyObject(reply) };
        }
        input.frames
    })
}
