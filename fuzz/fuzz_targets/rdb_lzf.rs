//! Any bytes as LZF: bytes or an error, and never more memory than they can stand for; and any
//! strings, one after the other, are given back after compression.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::lzf;

fuzz_target!(|input: (u16, Vec<u8>, Vec<Vec<u8>>)| {
    let (len, bytes, texts) = input;
    let mut out = Vec::new();
    if lzf::decompress(&bytes, usize::from(len), &mut out).is_ok() {
        assert_eq!(out.len(), usize::from(len));
    }
    assert!(out.capacity() as u64 <= 2 * (bytes.len() as u64 * lzf::MAX_RATIO + 64));
    let mut compressor = lzf::Compressor::new();
    for text in &texts {
        for text in [text.clone(), text.repeat(3)] {
            let Some(compressed) = compressor.compress(&text, text.len()) else { continue };
            assert!(compressed.len() <= text.len());
            lzf::decompress(compressed, text.len(), &mut out).expect("compressed");
            assert_eq!(out, text);
        }
    }
});
