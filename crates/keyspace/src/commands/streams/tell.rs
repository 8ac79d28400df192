//! What replicas are told of groups: deliveries as `XCLAIM`, the last id as `XGROUP SETID`.

use crate::Blob;
use crate::context::Data;
use crate::error::CommandError;
use crate::events::EventClass;
use crate::value::{Pending, Stream, StreamId};

/// Notes that a consumer asks, and makes it with all that belongs to it if it is not there.
pub(super) fn see_consumer(
    data: &mut Data<'_>,
    key: &[u8],
    group: &[u8],
    consumer: &[u8],
) -> Result<bool, CommandError> {
    let now = data.now();
    let found = data.write::<Stream>(key)?.and_then(|stream| stream.group_mut(group));
    let made = found.is_some_and(|found| found.see(consumer, now));
    if made {
        data.changed_aside(key, EventClass::Stream, "xgroup-createconsumer");
        data.effect([&b"XGROUP"[..], b"CREATECONSUMER", key, group, consumer]);
    }
    Ok(made)
}

/// Tells how the entry `id` is pending now.
pub(super) fn tell_claim(
    data: &mut Data<'_>,
    key: &[u8],
    group: &[u8],
    id: StreamId,
) -> Result<(), CommandError> {
    let found = data.peek_as::<Stream>(key)?.and_then(|stream| stream.group(group));
    let Some(found) = found else { return Ok(()) };
    let (last_id, pending) = (found.last_id, found.pending(id).cloned());
    if let Some(pending) = pending {
        tell_pending(data, key, group, &pending, last_id);
    }
    Ok(())
}

/// Tells that an entry is pending like this. Where the entry is deleted a replica takes it off the
/// pending ones instead, as its primary does.
pub(super) fn tell_pending(
    data: &mut Data<'_>,
    key: &[u8],
    group: &[u8],
    pending: &Pending,
    last_id: StreamId,
) {
    let db = data.db;
    data.keyspace.waits.signal_ages(db, key);
    let [id, last_id] = [pending.id, last_id].map(|id| id.to_string());
    let [time, count] = [pending.delivered.0, pending.count]
        .map(|number| Blob::from(number.to_string().as_bytes()));
    let words = [
        b"XCLAIM",
        key,
        group,
        pending.consumer.as_slice(),
        b"0",
        id.as_bytes(),
        b"TIME",
        time.as_slice(),
        b"RETRYCOUNT",
        count.as_slice(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        last_id.as_bytes(),
    ];
    data.effect(words);
}

/// Tells which entry the group delivered last.
pub(super) fn tell_last_id(
    data: &mut Data<'_>,
    key: &[u8],
    group: &[u8],
) -> Result<(), CommandError> {
    let found = data.peek_as::<Stream>(key)?.and_then(|stream| stream.group(group));
    let Some(found) = found else { return Ok(()) };
    let id = found.last_id.to_string();
    let read = found.entries_read.map_or("-1".to_owned(), |read| read.to_string());
    let words =
        [&b"XGROUP"[..], b"SETID", key, group, id.as_bytes(), b"ENTRIESREAD", read.as_bytes()];
    data.effect(words);
    Ok(())
}
