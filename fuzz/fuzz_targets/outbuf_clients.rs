//! Clients that are sent to, read, change their class and go, in any order: queues give what a
//! plain vector holds, hold little more than they have to, and the ledger's sums, its victim and
//! the verdicts are those of plain lists.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use redwire_outbuf::{
    Account, Class, ClassLimits, Ledger, LimitState, Limits, OutputBuffer, Verdict,
};

struct Client {
    output: OutputBuffer,
    unsent: Vec<u8>,
    state: LimitState,
    class: Class,
    is_protected: bool,
    account: Account,
    /// Second since which the soft limit is exceeded.
    over_since: Option<u64>,
}

const HARD: u64 = 400_000;
const SOFT: u64 = 150_000;
const SOFT_SECONDS: u64 = 3;

fuzz_target!(|ops: Vec<[u8; 4]>| {
    let mut limits = Limits::default();
    let soft_time = Duration::from_secs(SOFT_SECONDS);
    for class in Class::ALL {
        limits.set_class(class, ClassLimits { hard: HARD, soft: SOFT, soft_time });
    }
    limits.set_replica_floor(0);
    let (start, mut second) = (Instant::now(), 0);
    let mut ledger = Ledger::new();
    let mut clients: Vec<Client> = Vec::new();
    for (number, [op, which, a, b]) in ops.into_iter().take(200).enumerate() {
        let n = usize::from(u16::from_le_bytes([a, b]));
        let class = Class::ALL[usize::from(a) % 3];
        if op % 8 == 0 || clients.is_empty() {
            let account = ledger.open(number as u64, class);
            let (output, state) = (OutputBuffer::new(), LimitState::default());
            let (unsent, over_since, is_protected) = (Vec::new(), None, false);
            let client = Client { output, unsent, state, class, is_protected, account, over_since };
            clients.push(client);
            continue;
        }
        let which = usize::from(which) % clients.len();
        let client = &mut clients[which];
        let more: Vec<u8> = (0..n).map(|i| (number + i / 3) as u8).collect();
        match op % 8 {
            1 => client.output.push(&more),
            2 => client.output.tail().extend_from_slice(&more),
            3 => client.output.push_shared(more.clone().into()),
            4 => {
                let n = (n * 4).min(client.unsent.len());
                client.output.advance(n);
                client.unsent.drain(..n);
            }
            5 => {
                client.class = class;
                ledger.set_class(&client.account, class);
            }
            6 => {
                client.is_protected = b & 1 == 1;
                ledger.protect(&client.account, client.is_protected);
                client.output.shrink();
            }
            _ => second += u64::from(a % 4),
        }
        if (1..=3).contains(&(op % 8)) {
            client.unsent.extend_from_slice(&more);
        }
        assert!(client.output.chunks().flatten().eq(&client.unsent));
        assert_eq!(client.output.len(), client.unsent.len());
        let (omem, memory, len) =
            (client.output.omem(), client.output.memory(), client.unsent.len() as u64);
        assert!(omem <= memory && len <= omem + (16 << 10) && memory <= 2 * len + 300_000);
        ledger.set(&client.account, memory);

        let now = start + Duration::from_secs(second);
        let verdict = limits.check(&mut client.state, client.class, omem, now);
        client.over_since = (omem >= SOFT).then(|| client.over_since.unwrap_or(second));
        let too_long = client.over_since.is_some_and(|since| second - since > SOFT_SECONDS);
        let expected = omem >= HARD || too_long;
        assert_eq!(matches!(verdict, Verdict::Close(_)), expected, "{omem} at {second}");
        if expected {
            ledger.close(clients.swap_remove(which).account);
        }
        for class in Class::ALL {
            let of_class = clients.iter().filter(|client| client.class == class);
            let sum = of_class.map(|client| client.output.memory()).sum::<u64>();
            assert_eq!(ledger.total(class), sum);
        }
        let may_go = clients.iter().filter(|it| !it.is_protected && it.class != Class::Replica);
        let most = may_go.map(|client| client.output.memory()).max().unwrap_or(0);
        let largest = ledger.largest().map_or(0, |(_, bytes)| bytes);
        assert!(largest <= most && largest >= most - most / 16, "{largest} of {most}");
    }
});
