use proptest::prelude::*;

use super::*;

#[test]
fn reads_integers_as_redis_does() {
    let good = ["0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808"];
    for text in good {
        assert_eq!(parse_i64(text.as_bytes()), text.parse().ok(), "{text}");
    }
    let bad = [
        "",
        "-",
        "+",
        "-0",
        "+1",
        "01",
        "-01",
        "00",
        " 1",
        "1 ",
        "1\0",
        "1.0",
        "0x1",
        "--1",
        "1a",
        "9223372036854775808",
        "-9223372036854775809",
        "10000000000000000000",
        "99999999999999999999",
        "\u{0661}",
    ];
    for text in bad {
        assert_eq!(parse_i64(text.as_bytes()), None, "{text}");
    }
}

/// What ZADD of Redis 7.0 and 8.0 takes for a score, and what for.
#[test]
fn reads_doubles_as_redis_does() {
    let good = [
        ("1", 1.0),
        ("+1", 1.0),
        ("01", 1.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E5", 1e5),
        ("-0", 0.0),
        ("1e-323", 1e-323),
        ("2.5e-324", 5e-324),
        ("0e-400", 0.0),
        ("0e99999999999999999999", 0.0),
        ("1.7976931348623158e308", f64::MAX),
        ("9007199254740993", 9_007_199_254_740_992.0),
        ("inf", f64::INFINITY),
        ("+inf", f64::INFINITY),
        ("-INF", f64::NEG_INFINITY),
        ("Infinity", f64::INFINITY),
        ("-infinity", f64::NEG_INFINITY),
        ("0x10", 16.0),
        ("0X1P3", 8.0),
        ("-0x1.8p3", -12.0),
        ("0x.8", 0.5),
        ("+0x1.", 1.0),
        ("0x0p9999999999999999999999", 0.0),
        ("0x1p-1074", 5e-324),
        ("0x1.8p-1074", 1e-323),
        ("0x1.fffffffffffff7p1023", f64::MAX),
        ("0x1.00000000000008p0", 1.0),
        ("0x1.000000000000081p0", 1.0 + f64::EPSILON),
        ("0x1.00000000000018p0", 1.0 + 2.0 * f64::EPSILON),
        ("0x1.00000000000007fffffffffffp0", 1.0),
        ("0x10000000000000000000000p-88", 1.0),
    ];
    for (text, value) in good {
        assert_eq!(parse_f64(text.as_bytes()), Some(value), "{text}");
    }
    let bad = [
        "",
        " ",
        " 1",
        "1 ",
        "\t1",
        "1\n",
        "1\0",
        ".",
        "1e",
        "1e+",
        "e5",
        "+",
        "--1",
        "+-1",
        "1_0",
        "1,5",
        "1f",
        "nan",
        "-nan",
        "NaN",
        "nan(1)",
        "infinit",
        "inf ",
        "0b1",
        "1e309",
        "-1e309",
        "1e-400",
        "2e-324",
        "1e99999999999999999999",
        "0x",
        "0x.p1",
        "0x1p",
        "0x1p+",
        "0x1p1.",
        "0x1..2",
        "0xg",
        "0x1p1024",
        "0x1p-1075",
        "0x1.fffffffffffff8p1023",
        "0x1p99999999999999999999",
        "0x1p-99999999999999999999",
        "x1",
        "\u{ff11}",
    ];
    for text in bad {
        assert_eq!(parse_f64(text.as_bytes()), None, "{text}");
    }
    assert_eq!(parse_f64(b"\xff"), None);
    assert!(parse_f64(b"-0").is_some_and(f64::is_sign_negative));
}

proptest! {
    #[test]
    fn short_lines_agree_with_the_long_way(
        text in "[+-]?[0-9]{0,17}([.][0-9]{0,17})?([e.+-]?[0-9]{0,2})",
        end in prop::sample::select(&["\r\n", "\r\n:1\r\n", "\r", ""][..]),
    ) {
        let line = format!("{text}{end}");
        if let Some((value, len)) = short_decimal(line.as_bytes()) {
            prop_assert_eq!(len, text.len());
            let slow = parse_decimal(text.as_bytes()).map(f64::to_bits);
            prop_assert_eq!(Some(value.to_bits()), slow, "{}", text);
        }
        if let Some((value, len)) = short_number(line.as_bytes()) {
            prop_assert_eq!(len, text.len());
            prop_assert_eq!(i64::try_from(value).ok(), parse_i64(text.as_bytes()), "{}", text);
        }
    }

    #[test]
    fn short_lines_are_read_the_short_way(mantissa in 0u64..1_000_000_000, scale in 0usize..6) {
        let digits = format!("{mantissa:06}");
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let line = format!("-{whole}.{fraction}\r\n");
        prop_assert!(short_decimal(line.as_bytes()).is_some(), "{}", line);
        let line = [mantissa.to_string().as_bytes(), b"\r\n"].concat();
        prop_assert!(short_number(&line).is_some());
    }

    #[test]
    fn integers_read_back(value in any::<i64>(), small in -1000i64..1000) {
        prop_assert_eq!(parse_i64(value.to_string().as_bytes()), Some(value));
        prop_assert_eq!(parse_i64(small.to_string().as_bytes()), Some(small));
    }

    #[test]
    fn strange_integers_are_as_rust_reads_them(text in "[-+0-9 ]{0,21}") {
        let read: Option<i64> = text.parse().ok();
        let expected = read.filter(|value| value.to_string() == text);
        prop_assert_eq!(parse_i64(text.as_bytes()), expected);
    }

    #[test]
    fn doubles_read_back(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        let expected = (!value.is_nan()).then_some(value);
        prop_assert_eq!(parse_f64(format!("{value:e}").as_bytes()), expected);
    }

    #[test]
    fn hexadecimal_doubles_read_back(bits in any::<u64>(), zeros in 0usize..20, shift in 0i64..4) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite() && value != 0.0);
        let (biased, fraction) = (bits >> 52 & 0x7ff, bits & (u64::MAX >> 12));
        let mantissa = if biased == 0 { fraction } else { fraction | 1 << 52 };
        let exponent = biased.max(1) as i64 - 1075 - shift;
        let sign = if value < 0.0 { "-" } else { "" };
        let text = format!("{sign}0x{:x}.{}p{exponent}", mantissa << shift, "0".repeat(zeros));
        prop_assert_eq!(parse_f64(text.as_bytes()), Some(value), "{}", text);
    }

    #[test]
    fn wide_hexadecimal_is_rounded_as_wide_decimal_is(wide in any::<u128>()) {
        prop_assert_eq!(parse_f64(format!("0x{wide:x}").as_bytes()), Some(wide as f64));
    }
}

proptest! {
    /// Eight bytes at once or one by one.
    #[test]
    fn swar_numbers_are_short_numbers(
        text in "[0-9]{0,8}(\r\n|\r|\n|[ -~])?[0-9\r\n]{0,10}",
        at in any::<prop::sample::Index>(),
        byte in prop::option::of(any::<u8>()),
    ) {
        let mut text = text.into_bytes();
        if let (Some(byte), false) = (byte, text.is_empty()) {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let expected = short_number(&text).filter(|(_, digits)| *digits <= 7 && text.len() >= 8);
        prop_assert_eq!(swar_number(&text), expected);
    }
}

#[test]
fn swar_numbers_of_all_lengths() {
    for number in (0..10_000).chain((0..7).flat_map(|n| {
        let power = 10u64.pow(n);
        [power - 1, power, power * 9, power * 10 - 1, 7_654_321 % (power * 10)]
    })) {
        let text = format!("{number}\r\n:1234567");
        let expected = Some((number, number.to_string().len()));
        assert_eq!(swar_number(text.as_bytes()), expected, "{number}");
    }
}
