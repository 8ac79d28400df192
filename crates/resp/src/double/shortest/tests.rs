use super::*;

/// A number as its bits in words, the lowest first.
struct Big(Vec<u64>);

impl Big {
    fn times_ten(&mut self) {
        let mut carry = 0;
        for word in &mut self.0 {
            let product = u128::from(*word) * 10 + carry;
            *word = product as u64;
            carry = product >> 64;
        }
        assert_eq!(carry, 0);
    }

    fn by_ten(&mut self) {
        let mut rest = 0;
        for word in self.0.iter_mut().rev() {
            let dividend = rest << 64 | u128::from(*word);
            *word = (dividend / 10) as u64;
            rest = dividend % 10;
        }
    }

    /// The upper 64 bits, rounded, and the place of the lowest of them.
    fn upper(&self) -> (u64, i32) {
        let top = self.0.iter().rposition(|&word| word != 0).expect("a positive number");
        let zeros = self.0[top].leading_zeros();
        let wide = u128::from(self.0[top]) << 64 | u128::from(self.0[top - 1]);
        let wide = wide << zeros | u128::from(self.0[top - 2].unbounded_shr(64 - zeros));
        (((wide + (1 << 63)) >> 64) as u64, top as i32 * 64 - zeros as i32)
    }
}

#[test]
fn powers_of_ten_are_exact() {
    // One, with 30 words behind the point: the divisions' errors stay far below.
    let one = || {
        let mut words = vec![0; 50];
        words[30] = 1;
        Big(words)
    };
    for index in 0..POWERS.len() as i32 {
        let decimal = FIRST_POWER + index * POWER_STEP;
        let mut exact = one();
        for _ in 0..decimal.abs() {
            if decimal < 0 { exact.by_ten() } else { exact.times_ten() }
        }
        let Float { mantissa, exponent } = power(index);
        assert_eq!(
            (mantissa, exponent),
            (exact.upper().0, exact.upper().1 - 30 * 64),
            "1e{decimal}"
        );
    }
}
