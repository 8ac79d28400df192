//! What `DEBUG` does to the data set behind the back of watchers, replicas and save points.

use crate::context::Data;
use crate::value::{Str, Value};

impl Data<'_> {
    /// Puts a string in where there is no key yet; answers whether there was none.
    ///
    /// For `DEBUG POPULATE`: it is no write of a client, so replicas are told nothing and it does
    /// not count as a change.
    pub fn populate(&mut self, key: &[u8], value: &[u8]) -> bool {
        if self.peek(key).is_some() {
            return false;
        }
        self.put(key, Value::String(Str::new(value)), None);
        self.keyspace.watches.touch(self.db, key);
        true
    }
}
