//! `client-output-buffer-limit` and `maxmemory-clients`: what they mean is `redwire-outbuf`'s.

use redwire_outbuf::{Class, ClientsLimit, Limits};

use super::grammar;
use super::setting::{Setting, Value, ValueError};

/// Classes that are not named keep their limits.
impl Setting for Limits {
    fn value(&self) -> Value {
        Value::Words(self.to_string().split(' ').map(|word| word.as_bytes().to_vec()).collect())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        Ok(self.set_words(&value.words()?)?)
    }
}

/// The arguments of one line of redis.conf for each class.
pub(super) fn lines(limits: &Limits) -> Vec<Vec<u8>> {
    let line = |class: Class| {
        let limits = limits.class(class);
        let [hard, soft] = [limits.hard, limits.soft].map(grammar::with_unit);
        // The file says replica, CONFIG GET still slave.
        let name = if class == Class::Replica { "replica" } else { class.name() };
        format!("{name} {hard} {soft} {}", limits.soft_time.as_secs()).into_bytes()
    };
    Class::ALL.map(line).to_vec()
}

impl Setting for ClientsLimit {
    fn value(&self) -> Value {
        Value::Text(self.to_string().into_bytes())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let text = value.text()?;
        *self = String::from_utf8_lossy(&text).parse()?;
        Ok(())
    }
}
