use proptest::prelude::*;

use super::*;

/// A client as the naive twin keeps it.
#[derive(Debug)]
struct Plain {
    account: Account,
    client: u64,
    class: Class,
    bytes: u64,
    is_protected: bool,
}

#[derive(Clone, Debug)]
enum Op {
    Open(Class),
    Close,
    Set(u64),
    Class(Class),
    Protect(bool),
}

fn op() -> impl Strategy<Value = (Op, usize)> {
    let class = || prop::sample::select(Class::ALL.to_vec());
    let bytes = || (0..50u32, 0..3u64).prop_map(|(magnitude, more)| (1 << magnitude) + more - 1);
    let op = prop_oneof![
        2 => class().prop_map(Op::Open),
        1 => Just(Op::Close),
        6 => bytes().prop_map(Op::Set),
        1 => class().prop_map(Op::Class),
        1 => any::<bool>().prop_map(Op::Protect),
    ];
    (op, any::<usize>())
}

proptest! {
    #[test]
    fn agrees_with_a_plain_list(ops in prop::collection::vec(op(), 0..200), limit in 0..1u64 << 51) {
        let mut ledger = Ledger::new();
        let mut twin: Vec<Plain> = Vec::new();
        for (n, (op, which)) in ops.into_iter().enumerate() {
            let which = which % twin.len().max(1);
            match op {
                Op::Open(class) => {
                    let client = n as u64;
                    let account = ledger.open(client, class);
                    twin.push(Plain { account, client, class, bytes: 0, is_protected: false });
                }
                Op::Close if !twin.is_empty() => ledger.close(twin.swap_remove(which).account),
                op => {
                    let Some(client) = twin.get_mut(which) else { continue };
                    change(&mut ledger, client, op);
                }
            }
            judge(&ledger, &twin, limit);
        }
    }
}

fn change(ledger: &mut Ledger, client: &mut Plain, op: Op) {
    match op {
        Op::Set(bytes) => {
            client.bytes = bytes;
            ledger.set(&client.account, bytes);
        }
        Op::Class(class) => {
            client.class = class;
            ledger.set_class(&client.account, class);
        }
        Op::Protect(on) => {
            client.is_protected = on;
            ledger.protect(&client.account, on);
        }
        Op::Open(_) | Op::Close => {}
    }
}

fn judge(ledger: &Ledger, twin: &[Plain], limit: u64) {
    for class in Class::ALL {
        let of_class = twin.iter().filter(|client| client.class == class);
        assert_eq!(ledger.total(class), of_class.map(|client| client.bytes).sum::<u64>());
    }
    for client in twin {
        assert_eq!(ledger.bytes(&client.account), client.bytes);
    }
    let may_go = |client: &&Plain| !client.is_protected && client.class != Class::Replica;
    let most = twin.iter().filter(may_go).map(|client| client.bytes).max().unwrap_or(0);
    match ledger.largest() {
        None => assert_eq!(most, 0),
        Some((name, bytes)) => {
            assert!(bytes <= most && bytes >= most - most / 16, "{bytes} of {most}");
            let named = twin.iter().find(|client| client.client == name).unwrap();
            assert!(may_go(&named) && named.bytes == bytes);
        }
    }
    let counted = twin.iter().filter(|client| client.class != Class::Replica);
    let too_much = counted.map(|client| client.bytes).sum::<u64>() >= limit;
    assert_eq!(ledger.to_evict(limit).is_some(), too_much && most > 0);
}

#[test]
fn buckets_follow_each_other_without_gap() {
    assert!((0..16).all(|bytes| bucket(bytes) == bytes as usize));
    for power in 0..60 {
        for step in 16..32u64 {
            let first = step << power;
            assert_eq!(bucket(first), bucket(first - 1) + 1, "{first}");
        }
    }
    assert_eq!((bucket(0), bucket(u64::MAX)), (0, BUCKETS - 1));
}

#[test]
fn ten_thousand_go_from_the_largest_down() {
    let mut ledger = Ledger::new();
    let accounts: Vec<Account> = (0..10_000).map(|n| ledger.open(n, Class::Normal)).collect();
    for (n, account) in accounts.iter().enumerate() {
        ledger.set(account, 1_000_000 + n as u64 * 100);
    }
    let mut accounts: Vec<Option<Account>> = accounts.into_iter().map(Some).collect();
    let (limit, mut last) = (1_000_000_000, u64::MAX);
    while let Some(client) = ledger.to_evict(limit) {
        let account = accounts[client as usize].take().expect("nobody is evicted twice");
        let bytes = ledger.bytes(&account);
        assert!(bytes <= last.saturating_add(last / 16), "{bytes} after {last}");
        last = last.min(bytes);
        ledger.close(account);
    }
    let left = accounts.iter().flatten().count();
    assert!(ledger.total(Class::Normal) < limit && (900..1000).contains(&left), "{left}");
}
