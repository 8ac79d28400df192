//! Any bytes as a zipmap: fields and values or an error; what is built of them gives them back, and
//! so does a decoder that has the zipmap as a value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::{
    DecodeOptions, Decoder, Event, Version, string,
    zipmap::{Pair, Zipmap, encode},
};

fuzz_target!(|input: (bool, Vec<u8>)| {
    let (fix, mut bytes) = input;
    // A count and an end that fit, or hardly any input would get past them.
    if fix && bytes.len() >= 2 {
        bytes[0] = 0xfe;
        *bytes.last_mut().expect("2 bytes") = 0xff;
    }
    let read = Zipmap::new(&bytes);
    let pairs: Vec<Pair<'_>> = read.iter().flat_map(Zipmap::iter).collect();
    if let Ok(map) = read {
        assert_eq!(map.len(), pairs.len());
        assert_eq!(map.get(pairs[0].0), Some(pairs[0].1));
        assert!(map.iter().rev().eq(pairs.iter().rev().copied()));
        let built = encode(&pairs);
        assert!(Zipmap::new(&built).expect("built").iter().eq(pairs.iter().copied()));
    }
    assert_eq!(decode(&bytes).is_ok_and(|decoded| decoded == owned(&pairs)), read.is_ok());
});

fn owned(pairs: &[Pair<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    pairs.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect()
}

/// The fields of a hash of type 9.
fn decode(zipmap: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, redwire_rdb::Error> {
    let mut value = vec![9];
    string::encode_raw(&mut value, zipmap);
    let options = DecodeOptions { refuse_duplicates: false, ..DecodeOptions::default() };
    let mut decoder = Decoder::for_value(Version::REDIS_6_0, options);
    let (mut unread, mut fields) = (&value[..], Vec::new());
    while !decoder.is_done() {
        let decoded = decoder.decode(unread)?;
        unread = &unread[decoded.used..];
        match decoded.event {
            Some(Event::Field { field, value, .. }) => {
                fields.push((field.to_vec(), value.to_vec()));
            }
            Some(_) => {}
            None => break,
        }
    }
    decoder.finish().map(|()| fields)
}
