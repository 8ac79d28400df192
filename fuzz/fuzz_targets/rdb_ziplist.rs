//! Any bytes as a ziplist: elements, the same from both ends, or an error; what is built of them
//! gives them back; and edits of it leave what the same edits of a vector leave, with all lengths in
//! it right.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::{
    packed::Value,
    ziplist::{Builder, Ziplist, ZiplistBuf},
};

type Edit = (u8, u8, Vec<u8>);

fuzz_target!(|input: (bool, Vec<u8>, Vec<Edit>)| {
    let (fix, mut bytes, edits) = input;
    // A total that fits, or hardly any input would get past it.
    if fix && bytes.len() >= 11 {
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        *bytes.last_mut().expect("11 bytes") = 0xff;
    }
    let list = Ziplist::new(&bytes).map_or_else(|_| ZiplistBuf::new(), ZiplistBuf::from);
    let twin: Vec<_> = list.view().iter().map(|value| value.to_vec()).collect();
    assert_eq!(list.view().len(), twin.len());
    let mut back: Vec<_> = list.view().iter().rev().map(|value| value.to_vec()).collect();
    back.reverse();
    assert_eq!(back, twin);
    let mut builder = Builder::new();
    twin.iter().for_each(|item| builder.push_bytes(item));
    let built = Ziplist::new(builder.finish()).expect("built");
    assert!(built.as_bytes().len() <= list.as_bytes().len());
    assert!(built.iter().map(|value| value.to_vec()).eq(twin));
    edit(list, &edits);
});

/// Some items are long, around the length from which on the next has a wide field.
fn long(place: u8, item: &[u8]) -> Vec<u8> {
    match place >> 6 {
        0 | 1 => item.to_vec(),
        _ => vec![b'x'; 244 + usize::from(item.first().copied().unwrap_or(0) % 12)],
    }
}

fn edit(mut list: ZiplistBuf, edits: &[Edit]) {
    let mut twin: Vec<_> = list.view().iter().map(|value| value.to_vec()).collect();
    for (what, place, item) in edits {
        let item = long(*place, item);
        let here = usize::from(place % 64).min(twin.len());
        let value = Value::of(&item);
        let mut cursor = list.cursor(usize::from(place % 64));
        assert_eq!(cursor.current().map(|now| now.to_vec()), twin.get(here).cloned());
        match what % 5 {
            0 => {
                cursor.insert_before(value).expect("small");
                twin.insert(here, item);
            }
            1 => {
                cursor.insert_after(value).expect("small");
                twin.insert((here + 1).min(twin.len()), item);
            }
            2 => {
                if cursor.replace(value).expect("small") {
                    twin[here] = item;
                }
            }
            3 => {
                let count = item.len() % 8;
                let end = (here + count).min(twin.len());
                assert_eq!(cursor.remove(count), end - here);
                twin.drain(here..end);
            }
            _ => {
                if cursor.move_prev() {
                    cursor.remove(1);
                    twin.remove(here - 1);
                }
            }
        }
        let checked = Ziplist::new(list.as_bytes()).expect("edited");
        assert!(checked.iter().map(|value| value.to_vec()).eq(twin.iter().cloned()), "{what}");
    }
}
