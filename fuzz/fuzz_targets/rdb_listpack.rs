//! Any bytes as a listpack: elements, the same from both ends, or an error; what is built of them
//! gives them back; and edits of it leave what the same edits of a vector leave.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redwire_rdb::{
    listpack::{Builder, Listpack, ListpackBuf},
    packed::Value,
};

type Edit = (u8, u8, Vec<u8>);

fuzz_target!(|input: (bool, Vec<u8>, Vec<Edit>)| {
    let (fix, mut bytes, edits) = input;
    // A total that fits, or hardly any input would get past it.
    if fix && bytes.len() >= 7 {
        let total = bytes.len() as u32;
        bytes[..4].copy_from_slice(&total.to_le_bytes());
        *bytes.last_mut().expect("7 bytes") = 0xff;
    }
    let list = Listpack::new(&bytes).map_or_else(|_| ListpackBuf::new(), ListpackBuf::from);
    let twin: Vec<_> = list.view().iter().map(|value| value.to_vec()).collect();
    assert_eq!(list.view().len(), twin.len());
    let mut back: Vec<_> = list.view().iter().rev().map(|value| value.to_vec()).collect();
    back.reverse();
    assert_eq!(back, twin);
    let built = build(&twin);
    // Longer ones may have lengths that other servers write in a byte less.
    assert!(built.len() <= list.as_bytes().len() || built.len() > 16_383);
    assert!(Listpack::new(&built).expect("built").iter().map(|value| value.to_vec()).eq(twin));
    edit(list, &edits);
});

fn build(items: &[Vec<u8>]) -> Vec<u8> {
    let mut builder = Builder::new();
    items.iter().for_each(|item| builder.push_bytes(item));
    builder.finish().to_vec()
}

fn edit(mut list: ListpackBuf, edits: &[Edit]) {
    let mut twin: Vec<_> = list.view().iter().map(|value| value.to_vec()).collect();
    for (what, place, item) in edits {
        let here = usize::from(*place).min(twin.len());
        let value = Value::of(item);
        let mut cursor = list.cursor(usize::from(*place));
        assert_eq!(cursor.current().map(|now| now.to_vec()), twin.get(here).cloned());
        match what % 5 {
            0 => {
                cursor.insert_before(value).expect("small");
                twin.insert(here, item.clone());
            }
            1 => {
                cursor.insert_after(value).expect("small");
                twin.insert((here + 1).min(twin.len()), item.clone());
            }
            2 => {
                if cursor.replace(value).expect("small") {
                    twin[here] = item.clone();
                }
            }
            3 => {
                let end = (here + item.len()).min(twin.len());
                assert_eq!(cursor.remove(item.len()), end - here);
                twin.drain(here..end);
            }
            _ => {
                if cursor.move_prev() {
                    cursor.remove(1);
                    twin.remove(here - 1);
                }
            }
        }
        let checked = Listpack::new(list.as_bytes()).expect("edited");
        assert!(checked.iter().map(|value| value.to_vec()).eq(twin.iter().cloned()), "{what}");
    }
}
