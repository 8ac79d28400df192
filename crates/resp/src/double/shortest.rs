//! The digits of a double by Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and
//! Accurately with Integers", 2010), which is what real servers print.
//!
//! A true shortest algorithm gives other digits for about one double in a thousand, so this choice
//! is a wire fact.

/// Decimal digits of a positive double: `bytes[..len]` times ten to the `exponent`.
pub(super) struct Digits {
    pub(super) bytes: [u8; 20],
    pub(super) len: usize,
    pub(super) exponent: i32,
}

/// A floating-point number with 64 bits of mantissa: `mantissa` times 2 to the `exponent`.
#[derive(Clone, Copy)]
struct Float {
    mantissa: u64,
    exponent: i32,
}

const HIDDEN_BIT: u64 = 1 << 52;

impl Float {
    /// Of a positive, finite double.
    fn from_f64(value: f64) -> Self {
        let bits = value.to_bits();
        let (biased, fraction) = ((bits >> 52) as i32, bits & (HIDDEN_BIT - 1));
        match biased {
            0 => Self { mantissa: fraction, exponent: -1074 },
            _ => Self { mantissa: fraction + HIDDEN_BIT, exponent: biased - 1075 },
        }
    }

    /// The same number with its highest bit at the top.
    fn normalized(self) -> Self {
        let zeros = self.mantissa.leading_zeros();
        Self { mantissa: self.mantissa << zeros, exponent: self.exponent - zeros as i32 }
    }

    /// The product's upper 64 bits, rounded.
    fn times(self, other: Self) -> Self {
        let product = u128::from(self.mantissa) * u128::from(other.mantissa);
        let mantissa = ((product + (1 << 63)) >> 64) as u64;
        Self { mantissa, exponent: self.exponent + other.exponent + 64 }
    }
}

/// The digits of `value`, which is positive and finite.
pub(super) fn digits(value: f64) -> Digits {
    let exact = Float::from_f64(value);
    // Halfway to the next double up, and to the next down, which is half as far at a power of two.
    let upper =
        Float { mantissa: exact.mantissa * 2 + 1, exponent: exact.exponent - 1 }.normalized();
    let shift = if exact.mantissa == HIDDEN_BIT { 2 } else { 1 };
    let lower_exponent = exact.exponent - shift;
    let lower = ((exact.mantissa << shift) - 1) << (lower_exponent - upper.exponent);

    let (power, power_exponent) = cached_power(upper.exponent);
    let exact = exact.normalized().times(power);
    let lower = Float { mantissa: lower, exponent: upper.exponent }.times(power);
    let upper = upper.times(power);
    // The products are off by up to one unit: stay inside by one.
    let (upper_mantissa, lower_mantissa) = (upper.mantissa - 1, lower.mantissa + 1);
    let mut generator = Generator {
        digits: Digits { bytes: [0; 20], len: 0, exponent: -power_exponent },
        interval: upper_mantissa - lower_mantissa,
        distance: upper_mantissa.wrapping_sub(exact.mantissa),
    };
    generator.run(upper_mantissa, (-upper.exponent) as u32);
    generator.digits
}

/// Produces the digits of the interval's upper end until what is left out is within the interval.
struct Generator {
    digits: Digits,
    /// Width of the interval that reads back as the same double.
    interval: u64,
    /// From its upper end down to the exact value.
    distance: u64,
}

impl Generator {
    /// `upper` is the interval's upper end with `point` bits behind the binary point.
    fn run(&mut self, upper: u64, point: u32) {
        let one = 1u64 << point;
        let (mut whole, mut fraction) = (upper >> point, upper & (one - 1));
        let mut power = 1_000_000_000u64; // the whole part has 32 bits at most
        for left in (0..10).rev() {
            self.push(whole / power);
            whole %= power;
            let rest = (whole << point) + fraction;
            if rest <= self.interval {
                return self.finish(left, rest, power << point, self.distance);
            }
            power /= 10;
        }
        let mut unit = 1u64;
        for left in (-18..0).rev() {
            fraction *= 10;
            self.interval *= 10;
            unit *= 10;
            self.push(fraction >> point);
            fraction &= one - 1;
            if fraction < self.interval {
                return self.finish(left, fraction, one, self.distance.wrapping_mul(unit));
            }
        }
    }

    /// Appends a digit, but no leading zero.
    fn push(&mut self, digit: u64) {
        if digit != 0 || self.digits.len != 0 {
            self.digits.bytes[self.digits.len] = b'0' + digit as u8;
            self.digits.len += 1;
        }
    }

    /// Lowers the last digit, worth `unit`, while that comes nearer to the exact value, which is
    /// `distance` below the upper end, of which `rest` is not in the digits.
    fn finish(&mut self, left: i32, mut rest: u64, unit: u64, distance: u64) {
        self.digits.exponent += left;
        let last = &mut self.digits.bytes[self.digits.len - 1];
        while rest < distance
            && self.interval - rest >= unit
            && (rest + unit < distance || distance - rest > rest + unit - distance)
        {
            *last -= 1;
            rest += unit;
        }
    }
}

/// The power of ten, and its exponent, by which a number of this binary exponent comes to have its
/// point behind at most 32 of its 64 bits.
fn cached_power(binary_exponent: i32) -> (Float, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    // An estimate that is one off at most. Where two powers serve, it decides which is taken.
    let estimate = (-f64::from(binary_exponent + POWERS.len() as i32) * LOG10_OF_2) as i32;
    let mut index = (estimate - FIRST_POWER) / POWER_STEP;
    loop {
        let power = power(index);
        match binary_exponent + power.exponent + 64 {
            ..-60 => index += 1,
            -60..=-32 => return (power, FIRST_POWER + index * POWER_STEP),
            _ => index -= 1,
        }
    }
}

/// Ten to the `FIRST_POWER + index * POWER_STEP`.
fn power(index: i32) -> Float {
    let decimal = FIRST_POWER + index * POWER_STEP;
    // 217706 / 2^16 is log2(10), near enough for these.
    let exponent = ((decimal * 217_706) >> 16) - 63;
    Float { mantissa: POWERS[index as usize], exponent }
}

const FIRST_POWER: i32 = -348;
const POWER_STEP: i32 = 8;

/// The upper 64 bits of 10^-348, 10^-340 ... 10^340, rounded to nearest.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288, 0xbaae_e17f_a23e_bf76, 0x8b16_fb20_3055_ac76, 0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d, 0xe61a_cf03_3d1a_45df, 0xab70_fe17_c79a_c6ca, 0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c, 0x8dd0_1fad_907f_fc3c, 0xd351_5c28_3155_9a83, 0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb, 0xaecc_4991_4078_536d, 0x823c_1279_5db6_ce57, 0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f, 0xd774_85cb_2582_3ac7, 0xa086_cfcd_97bf_97f4, 0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e, 0x84c8_d4df_d2c6_3f3b, 0xc5dd_4427_1ad3_cdba, 0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584, 0xa3ab_6658_0d5f_daf6, 0xf3e2_f893_dec3_f126, 0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b, 0xc9bc_ff60_34c1_3053, 0x964e_858c_91ba_2655, 0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f, 0xf8a9_5fcf_8874_7d94, 0xb944_7093_8fa8_9bcf, 0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6, 0x993f_e2c6_d07b_7fac, 0xe45c_10c4_2a2b_3b06, 0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e, 0xbce5_0864_9211_1aeb, 0x8cbc_cc09_6f50_88cc, 0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000, 0xe8d4_a510_0000_0000, 0xad78_ebc5_ac62_0000, 0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3, 0x8f7e_32ce_7bea_5c70, 0xd5d2_38a4_abe9_8068, 0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27, 0xb0de_6538_8cc8_ada8, 0x83c7_088e_1aab_65db, 0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758, 0xda01_ee64_1a70_8dea, 0xa26d_a399_9aef_774a, 0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877, 0x865b_8692_5b9b_c5c2, 0xc835_53c5_c896_5d3d, 0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3, 0xa59b_c234_db39_8c25, 0xf6c6_9a72_a398_9f5c, 0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2, 0xcc20_ce9b_d35c_78a5, 0x9816_5af3_7b21_53df, 0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396, 0xfb9b_7cd9_a4a7_443c, 0xbb76_4c4c_a7a4_4410, 0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c, 0x9b10_a4e5_e991_3129, 0xe710_9bfb_a19c_0c9d, 0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85, 0xbf21_e440_03ac_dd2d, 0x8e67_9c2f_5e44_ff8f, 0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9, 0xeb96_bf6e_badf_77d9, 0xaf87_023b_9bf0_ee6b,
];

#[cfg(test)]
mod tests;
