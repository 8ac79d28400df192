use proptest::prelude::*;

use super::*;

fn shortest(value: f64) -> String {
    format_double(value, &mut DoubleBuffer::new()).to_owned()
}

fn seventeen(value: f64) -> String {
    format_double_17g(value, &mut DoubleBuffer::new()).to_owned()
}

/// ZSCORE's answers: Redis 8.0 and Valkey 9.1 (one text), and Redis 7.0.
#[test]
fn prints_as_real_servers_do() {
    let cases = [
        (0.0, "0", "0"),
        (-0.0, "-0", "-0"),
        (3.0, "3", "3"),
        (-1.5, "-1.5", "-1.5"),
        (0.1, "0.1", "0.10000000000000001"),
        (0.001, "0.001", "0.001"),
        (1e-5, "0.00001", "1.0000000000000001e-05"),
        (1e-6, "0.000001", "9.9999999999999995e-07"),
        (1e-7, "1e-7", "9.9999999999999995e-08"),
        (5e-324, "5e-324", "4.9406564584124654e-324"),
        (1.797_693_134_862_315_7e308, "1.7976931348623157e+308", "1.7976931348623157e+308"),
        (1e21, "1e+21", "1e+21"),
        (123_456_789_012_345_680_000.0, "123456789012345680000", "1.2345678901234568e+20"),
        (2f64.powi(62), "4611686018427387904", "4.6116860184273879e+18"),
        (2f64.powi(63), "9223372036854776000", "9.2233720368547758e+18"),
        (139_606.093_064_697_93, "1.3960609306469792e+5", "139606.09306469793"),
        (f64::INFINITY, "inf", "inf"),
        (f64::NEG_INFINITY, "-inf", "-inf"),
        (f64::NAN, "nan", "nan"),
        // Grisu2 misses the shortest.
        (1e23, "99999999999999990000000", "9.9999999999999992e+22"),
        (5311.150000000001, "5311.1500000000005", "5311.1500000000005"),
        (346.65822, "346.65821999999997", "346.65821999999997"),
        (7.435e-14, "7.435000000000001e-14", "7.4350000000000006e-14"),
    ];
    for (value, from_7_2, up_to_7_0) in cases {
        assert_eq!((&*shortest(value), &*seventeen(value)), (from_7_2, up_to_7_0));
    }
}

/// DEBUG DIGEST-VALUE's answers of Redis 8.0 and Valkey 9.1, computed with these texts.
#[test]
fn digests_print_integers_like_other_doubles() {
    let cases = [
        (0.0, "0"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e7, "10000000"),
        (1e8, "1e+8"),
        (-1e9, "-1e+9"),
        (1.2e11, "1.2e+11"),
        (123_456_789_012.0, "123456789012"),
        (1e18, "1e+18"),
        (f64::INFINITY, "inf"),
    ];
    for (value, text) in cases {
        assert_eq!(format_double_digest(value, &mut DoubleBuffer::new()), text);
    }
}

#[test]
fn every_binade_reads_back() {
    for biased in 0..2047u64 {
        for fraction in [0, 1, (1 << 52) - 1, 0x8_1234_5678_9abc] {
            let value = f64::from_bits(biased << 52 | fraction);
            assert_eq!(shortest(value).parse(), Ok(value));
            assert_eq!(seventeen(-value).parse(), Ok(-value));
        }
    }
}

proptest! {
    #[test]
    fn reads_back(bits in any::<u64>(), plain in -1e9f64..1e9) {
        for value in [f64::from_bits(bits), plain] {
            if value.is_nan() {
                continue;
            }
            prop_assert_eq!(shortest(value).parse(), Ok(value));
            prop_assert_eq!(seventeen(value).parse(), Ok(value));
            // Seldom longer than Rust's, which is the shortest; never by more than two digits.
            let digits = |text: &str| {
                let mantissa = text.split('e').next().unwrap_or_default();
                let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
                digits.trim_matches('0').len()
            };
            let is_integer = value.abs() <= LARGEST_INTEGER && value.trunc() == value;
            let least = digits(&format!("{value:e}"));
            prop_assert!(is_integer || (least..=17).contains(&digits(&shortest(value))));
        }
    }
}
