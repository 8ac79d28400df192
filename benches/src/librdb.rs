//! librdb, the C parser of RDB files, through its C interface.
#![allow(unsafe_code, reason = "a C library has no other door")]

use std::ffi::{c_char, c_double, c_int, c_longlong, c_uchar, c_void};
use std::hint::black_box;

type Parser = *mut c_void;
type Bulk = *mut c_char;
type Unset = Option<extern "C" fn()>;

/// `RdbHandlersDataCallbacks`: those that are wanted have their types here.
#[repr(C)]
#[derive(Default)]
struct Callbacks {
    /// Start, end, database, its size, a slot's, an aux field.
    about_file: [Unset; 6],
    new_key: Option<extern "C" fn(Parser, *mut c_void, Bulk, *const c_void) -> c_int>,
    end_key: Unset,
    string: Option<extern "C" fn(Parser, *mut c_void, Bulk) -> c_int>,
    list_item: Option<extern "C" fn(Parser, *mut c_void, Bulk) -> c_int>,
    hash_field: Option<extern "C" fn(Parser, *mut c_void, Bulk, Bulk, i64) -> c_int>,
    set_member: Option<extern "C" fn(Parser, *mut c_void, Bulk) -> c_int>,
    zset_member: Option<extern "C" fn(Parser, *mut c_void, Bulk, c_double) -> c_int>,
    /// A function, a module, a stream's metadata.
    others: [Unset; 3],
    stream_item:
        Option<extern "C" fn(Parser, *mut c_void, *const c_void, Bulk, Bulk, c_longlong) -> c_int>,
    /// A stream's groups, consumers and pending entries.
    groups: [Unset; 4],
}

unsafe extern "C" {
    fn RDB_createParserRdb(memory: *mut c_void) -> Parser;
    fn RDB_deleteParser(parser: Parser);
    fn RDB_createHandlersData(
        parser: Parser,
        callbacks: *mut Callbacks,
        user: *mut c_void,
        free: Unset,
    ) -> *mut c_void;
    fn RDB_parseBuff(parser: Parser, buffer: *mut c_uchar, size: usize, is_end: c_int) -> c_int;
    fn RDB_setLogLevel(parser: Parser, level: c_int);
    fn RDB_IgnoreChecksum(parser: Parser);
}

extern "C" fn new_key(_: Parser, _: *mut c_void, key: Bulk, _: *const c_void) -> c_int {
    black_box(key);
    0
}

extern "C" fn bulk(_: Parser, _: *mut c_void, bulk: Bulk) -> c_int {
    black_box(bulk);
    0
}

extern "C" fn field(_: Parser, _: *mut c_void, field: Bulk, value: Bulk, at: i64) -> c_int {
    black_box((field, value, at));
    0
}

extern "C" fn member(_: Parser, _: *mut c_void, member: Bulk, score: c_double) -> c_int {
    black_box((member, score));
    0
}

extern "C" fn stream_item(
    _: Parser,
    _: *mut c_void,
    id: *const c_void,
    field: Bulk,
    value: Bulk,
    left: c_longlong,
) -> c_int {
    black_box((id, field, value, left));
    0
}

/// Has all of a file's keys, values and elements delivered to callbacks.
///
/// # Panics
///
/// When librdb does not read the file, or has no memory.
pub fn read(file: &[u8], verify_checksum: bool) {
    let mut callbacks = Callbacks {
        new_key: Some(new_key),
        string: Some(bulk),
        list_item: Some(bulk),
        hash_field: Some(field),
        set_member: Some(bulk),
        zset_member: Some(member),
        stream_item: Some(stream_item),
        ..Callbacks::default()
    };
    // SAFETY: null asks for the default allocator; null in return is looked for.
    let parser = unsafe { RDB_createParserRdb(std::ptr::null_mut()) };
    assert!(!parser.is_null(), "librdb has no memory");
    // SAFETY: the parser lives; the callbacks are copied, as the library does with what it is given,
    // and have the types that it calls them with; there is no user data. Level 0 is that of errors.
    unsafe {
        RDB_setLogLevel(parser, 0);
        if !verify_checksum {
            RDB_IgnoreChecksum(parser);
        }
        RDB_createHandlersData(parser, &raw mut callbacks, std::ptr::null_mut(), None);
    }
    // SAFETY: the parser lives; the library reads the buffer and does not write to it.
    let status = unsafe { RDB_parseBuff(parser, file.as_ptr().cast_mut(), file.len(), 1) };
    // SAFETY: it was created, and is deleted once.
    unsafe { RDB_deleteParser(parser) };
    assert_eq!(status, 0, "librdb does not read the file");
}
