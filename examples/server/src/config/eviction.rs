//! `maxmemory-policy`: what the policies mean is `redwire-keyspace`'s.

use redwire_keyspace::EvictionPolicy;

use super::setting::{Setting, Value, ValueError};

impl Setting for EvictionPolicy {
    fn value(&self) -> Value {
        Value::Name(self.name())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let name = value.name()?;
        let policy = Self::ALL.into_iter().find(|policy| policy.name() == name);
        *self = policy.ok_or(ValueError::Mistyped)?;
        Ok(())
    }
}
