//! `latency-tracking-info-percentiles`.

use super::setting::{Setting, Value, ValueError};

/// Percentiles, from 0 to 100.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Percentiles(pub(crate) Vec<f64>);

impl Default for Percentiles {
    fn default() -> Self {
        Self(vec![50.0, 99.0, 99.9])
    }
}

impl Setting for Percentiles {
    fn value(&self) -> Value {
        Value::Words(self.0.iter().map(|it| it.to_string().into_bytes()).collect())
    }

    fn set(&mut self, value: Value) -> Result<(), ValueError> {
        let words = value.words()?;
        let words = words.iter().filter(|word| !word.is_empty());
        let numbers: Option<Vec<f64>> = words.map(|word| redwire_resp::parse_f64(word)).collect();
        let numbers = numbers
            .ok_or(ValueError::Other("Invalid latency-tracking-info-percentiles parameters"))?;
        if !numbers.iter().all(|number| (0.0..=100.0).contains(number)) {
            return Err(ValueError::Other(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
            ));
        }
        self.0 = numbers;
        Ok(())
    }
}
