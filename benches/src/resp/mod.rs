//! RESP in memory: what is decoded and encoded, by redwire and by its peers in the same process.
//! Two programs use it: one takes the time, one counts allocations (which would cost time).

mod bulk;
mod decode;
mod encode;
#[cfg(hiredis)]
mod hiredis;
mod input;

use crate::Subject;

/// A row of the tables: the same work done by each subject, redwire first.
pub struct Case {
    /// What is worked on.
    pub name: &'static str,
    /// Who works on it. A unit is a frame.
    pub subjects: Vec<Subject<'static>>,
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    vec![
        Case {
            name: "decode SET 64 B, 16 KiB",
            subjects: decode::requests(input::sets(input::HOT)),
        },
        Case { name: "decode GET, 16 KiB", subjects: decode::requests(input::gets(input::HOT)) },
        Case { name: "decode mixed, 16 KiB", subjects: decode::requests(input::mixed(input::HOT)) },
        Case {
            name: "decode mixed, 256 KiB",
            subjects: decode::requests(input::mixed(input::WARM)),
        },
        Case {
            name: "decode mixed, 1M requests, cold",
            subjects: decode::many_requests(&input::many(1_000_000)),
        },
        Case { name: "16 MiB bulk in 16 KiB pieces", subjects: bulk::subjects() },
        Case {
            name: "decode reply mix, 16 KiB",
            subjects: decode::replies(input::replies(input::HOT)),
        },
        Case { name: "decode RESP3 map of 1000", subjects: decode::resp3_replies(input::map()) },
        Case { name: "decode array of 1M integers", subjects: decode::pieces(input::integers()) },
        Case { name: "encode SET 64 B", subjects: encode::sets() },
        Case { name: "encode reply mix", subjects: encode::replies() },
    ]
}
