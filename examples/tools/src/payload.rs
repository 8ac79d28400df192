//! [`payload`]: a value that is passed on as it stands.

use redwire_rdb::{Version, dump};

/// The DUMP payload of a value of `version` that stands as it is: its type, and the bytes that
/// follow the key in a file.
#[must_use]
pub fn payload(version: Version, type_byte: u8, body: &[u8]) -> Vec<u8> {
    // The type, and at the end the version and the checksum.
    let mut payload = Vec::with_capacity(body.len() + 11);
    payload.push(type_byte);
    payload.extend_from_slice(body);
    dump::close(&mut payload, version);
    payload
}
