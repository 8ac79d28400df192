//! A segment's file in any state: read or refused, and what is read is no longer than the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_repl::Segment;

fuzz_target!(|file: &[u8]| {
    if let Some(segment) = Segment::read(file) {
        assert!(segment.file_len() <= file.len() as u64);
        assert!(segment.payload().len() < file.len());
        assert_eq!(Segment::read(&file[..segment.file_len() as usize]), Some(segment));
    }
});
