//! What a Redis 7.0 answers, and properties against wider arithmetic.

use proptest::prelude::*;

use super::FloatError::{Current, Increment, InfiniteIncrement, OutOfRange};
use super::{FloatError, add_decimal};

fn add(current: &str, increment: &str) -> Result<String, FloatError> {
    add_decimal(current.as_bytes(), increment.as_bytes())
}

#[test]
fn sums_as_redis_answers_them() {
    for (current, increment, sum) in [
        ("0.1", "0.2", "0.3"),
        ("3.0e3", "0", "3000"),
        ("5.0e3", "200", "5200"),
        ("10.50", "0.1", "10.6"),
        ("0", "-0", "0"),
        ("-0.0", "0", "0"),
        ("1e-17", "0", "0.00000000000000001"),
        ("4e-18", "0", "0"),
        ("5e-18", "0", "0"),
        ("6e-18", "0", "0.00000000000000001"),
        ("-1e-18", "0", "0"),
        ("0.5", ".5", "1"),
        ("5.", "+1", "6"),
        ("0x1p3", "0.1", "8.1"),
        ("0X.8", "0", "0.5"),
        ("-0x10.8P-1", "0", "-8.25"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("-9223372036854775808", "-1", "-9223372036854775809"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551617", "0", "18446744073709551616"),
        ("18446744073709551619", "0", "18446744073709551620"),
        ("36893488147419103233", "0", "36893488147419103232"),
        ("1e22", "1", "10000000000000000000000"),
        ("1e30", "-1e30", "0"),
        ("1e19", "0.5", "10000000000000000000"),
        ("1.5", "-1.5", "0"),
        ("123456789.123456789", "0.000000001", "123456789.12345678999554366"),
        ("3.14159265358979323846264338327950288", "0", "3.14159265358979324"),
        ("0.1", "-0.1", "0"),
        ("1", "1e-20", "1"),
        ("1e20", "-1", "100000000000000000000"),
        ("0x3p-18", "0", "0.00001144409179688"),
        ("0x1p-18", "0", "0.00000381469726562"),
        ("0x5p-18", "0", "0.00001907348632812"),
        ("3.6451995318824746025e-4951", "1", "1"),
        ("1.9e-4951", "0", "0"),
        ("0e99999999999999999999", "7", "7"),
    ] {
        assert_eq!(add(current, increment).as_deref(), Ok(sum), "{current} + {increment}");
    }
}

#[test]
fn sums_that_redis_refuses() {
    for (current, increment, error) in [
        ("1.18973149535723176502e4932", "1e4913", OutOfRange),
        ("1.2e4932", "0", Current),
        ("1e4933", "0", Current),
        ("1.8e-4951", "0", Current),
        ("1e99999999999999999999", "0", Current),
        ("1e-99999999999999999999", "0", Current),
        ("inf", "1", OutOfRange),
        ("1", "-inf", InfiniteIncrement),
        ("inf", "-inf", InfiniteIncrement),
        ("nan", "1", Current),
        ("1", "nan", Increment),
        ("", "1", Current),
        ("1", "", Increment),
        ("1 ", "1", Current),
        (" 1", "1", Current),
        ("1e", "1", Current),
        ("1e+", "1", Current),
        ("0x", "1", Current),
        ("0x1p", "1", Current),
        (".", "1", Current),
        ("1.2.3", "1", Current),
        ("--1", "1", Current),
        ("1_0", "1", Current),
        ("e5", "1", Current),
        ("1e5e", "1", Current),
        ("infinit", "1", Current),
        ("1\0", "1", Current),
    ] {
        assert_eq!(add(current, increment), Err(error), "{current:?} + {increment:?}");
    }
}

#[test]
fn numbers_are_as_long_as_a_text_may_be() {
    let large = add("1.18973149535723176502e4932", "-1e4931").unwrap();
    assert_eq!(large.len(), 4933);
    assert!(large.starts_with("10897314953572317649884142212936"));
    let zeros = "0".repeat(5118);
    assert_eq!(add(&format!("{zeros}7"), "1").as_deref(), Ok("8"));
    assert_eq!(add(&format!("{zeros}07"), "1"), Err(Current));
    assert_eq!(add(&format!(".{}1e5000", &zeros[..4999]), "1").as_deref(), Ok("2"));
    assert_eq!(add(&format!("1{}e-5000", &zeros[..5000]), "1").as_deref(), Ok("2"));
}

proptest! {
    #[test]
    fn integers_add_exactly(a in any::<i64>(), b in any::<i64>()) {
        let sum = i128::from(a) + i128::from(b);
        prop_assert_eq!(add(&a.to_string(), &b.to_string()), Ok(sum.to_string()));
    }

    /// Of decimals with few enough digits the error of a 64-bit mantissa is below the 17th digit
    /// behind the point.
    #[test]
    fn short_decimals_add_exactly(a in -10_000_i64..10_000, b in -10_000_i64..10_000) {
        let text = |n: i64| {
            let sign = if n < 0 { "-" } else { "" };
            let digits = format!("{sign}{}.{:03}", n.abs() / 1000, n.abs() % 1000);
            digits.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        prop_assert_eq!(add(&text(a), &text(b)), Ok(text(a + b)));
    }

    #[test]
    fn a_printed_sum_reads_back_as_itself(bits in any::<u64>(), power in -40_i32..200) {
        let sum = add(&format!("0x{bits:x}p{power}"), "0").unwrap();
        // What has no digit behind the point is printed whole, and so keeps its value.
        if !sum.contains('.') && power >= 0 {
            prop_assert_eq!(add(&sum, "0"), Ok(sum));
        }
    }

    #[test]
    fn the_order_of_terms_is_all_one(
        a in any::<u64>(), b in any::<u64>(), p in -80_i32..80, q in -80_i32..80,
        minus in any::<bool>(),
    ) {
        let a = format!("0x{a:x}p{p}");
        let b = format!("{}0x{b:x}p{q}", if minus { "-" } else { "" });
        prop_assert_eq!(add(&a, &b), add(&b, &a));
    }

    /// Against 128-bit integers: numbers of 60 bits at most 60 bits apart have an exact sum.
    #[test]
    fn sums_are_rounded_once(
        a in 0_u64..1 << 60, b in 0_u64..1 << 60, apart in 0_u32..60, minus in any::<bool>(),
    ) {
        let (wide, small) = (i128::from(a) << apart, i128::from(b) * if minus { -1 } else { 1 });
        let sum = wide + small;
        let length = 128 - sum.unsigned_abs().leading_zeros();
        let drop = length.saturating_sub(64);
        let (kept, rest) = (sum.unsigned_abs() >> drop, sum.unsigned_abs() & ((1 << drop) - 1));
        let half = if drop == 0 { u128::MAX } else { 1 << (drop - 1) };
        let up = rest > half || (rest == half && kept & 1 == 1);
        let rounded = ((kept + u128::from(up)) << drop) as i128 * sum.signum();
        let text = format!("{}0x{b:x}", if minus { "-" } else { "" });
        prop_assert_eq!(add(&format!("0x{a:x}p{apart}"), &text), Ok(rounded.to_string()));
    }

    #[test]
    fn any_text_gets_an_answer(a in "[-+0-9.eExXpP]{0,12}", b in "\\PC{0,6}") {
        let _ = add(&a, &b);
    }
}
