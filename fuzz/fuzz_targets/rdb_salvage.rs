//! Salvage of any bytes: it ends, what it gives can be written, and what it loses is told in order.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::{
    DecodeOptions, EncodeOptions, Encoder, KeyMeta, Version,
    entry::Item,
    salvage::{Salvage, Salvaged},
};

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let targets = [Version::REDIS_6_0, Version::REDIS_8_6, Version::VALKEY_9];
    let target = targets[usize::from(first) % targets.len()];
    match Salvage::new(bytes, DecodeOptions::default()) {
        Ok(salvage) => read(salvage, bytes.len(), target),
        Err(_) => {
            let salvage = Salvage::with_version(bytes, target, DecodeOptions::default());
            read(salvage, bytes.len(), target);
        }
    }
});

fn read(mut salvage: Salvage<'_>, len: usize, target: Version) {
    let mut encoder = Encoder::new(EncodeOptions { target, ..EncodeOptions::default() });
    let (mut out, mut lost_until) = (Vec::new(), 0);
    while let Some(salvaged) = salvage.next() {
        match salvaged {
            Salvaged::Item(Item::Entry(entry)) => {
                let meta = KeyMeta::new(entry.header.key);
                let start = out.len();
                if encoder.value(&mut out, &meta, &entry.value).is_err() {
                    assert_eq!(out.len(), start);
                }
                out.clear();
            }
            Salvaged::Lost(lost) => {
                assert!(lost_until <= lost.bytes.start && lost.bytes.start <= lost.bytes.end);
                assert!(lost.bytes.end <= len as u64);
                lost_until = lost.bytes.end;
            }
            Salvaged::Item(_) | Salvaged::Repeated { .. } | Salvaged::Checksum(_) => {}
        }
    }
}
