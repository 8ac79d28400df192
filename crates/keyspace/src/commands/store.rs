//! What the commands share that put their result at a key (`SINTERSTORE`, `ZRANGESTORE` ...).

use crate::Value;
use crate::context::Context;
use crate::events::EventClass;

/// Makes `value` that of `destination`, whatever was there, or deletes it if `value` has no
/// element; replies how many it has.
pub(super) fn store(
    context: &mut Context<'_>,
    destination: &[u8],
    value: Value,
    class: EventClass,
    event: &'static str,
) {
    let len = value.element_count();
    if len > 0 {
        context.data.put(destination, value, None);
        context.data.changed(destination, class, event);
    } else if context.data.delete(destination) {
        context.data.changed(destination, EventClass::Generic, "del");
    }
    context.reply.integer(len as i64);
}
