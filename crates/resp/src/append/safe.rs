//! The same by `Vec`'s own methods.

use alloc::vec::Vec;

pub(super) fn header(out: &mut Vec<u8>, kind: u8, number: usize) {
    line(out, kind, number.to_string().as_bytes());
}

pub(super) fn bulk(out: &mut Vec<u8>, bytes: &[u8]) {
    header(out, b'$', bytes.len());
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn line(out: &mut Vec<u8>, kind: u8, text: &[u8]) {
    out.push(kind);
    out.extend_from_slice(text);
    out.extend_from_slice(b"\r\n");
}

pub(super) fn request<A: AsRef<[u8]>>(out: &mut Vec<u8>, args: impl ExactSizeIterator<Item = A>) {
    header(out, b'*', args.len());
    for arg in args {
        bulk(out, arg.as_ref());
    }
}
