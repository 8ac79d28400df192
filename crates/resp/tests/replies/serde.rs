//! Values in a format of serde.

use proptest::prelude::*;
use redwire_resp::Value;

use super::value;

proptest! {
    #[test]
    fn what_is_written_as_json_is_read(value in value()) {
        let json = serde_json::to_string(&value).expect("a format for all values");
        // JSON has no infinities.
        prop_assume!(!json.contains("null"));
        prop_assert_eq!(serde_json::from_str::<Value>(&json).expect("our own"), value);
    }
}

#[test]
fn is_the_enum_that_it_is() {
    let value = Value::Map(
        vec![(
            Value::Simple(b"OK".to_vec()),
            Value::Array(vec![Value::Null, Value::Integer(-7)].into()),
        )]
        .into(),
    );
    let json = serde_json::to_string(&value).expect("a format for all values");
    assert_eq!(json, r#"{"Map":[[{"Simple":[79,75]},{"Array":["Null",{"Integer":-7}]}]]}"#);
}
