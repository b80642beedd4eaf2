//! Arithmetic that gives the same bits on every machine.
//!
//! IEEE 754 fixes `+ - * /` and `sqrt` to the last bit; `ln` and `exp` it leaves to the system's
//! mathematical library.

/// Natural logarithm of a positive, normal number, to about 1e-15.
///
/// ln(m 2^e) = e ln 2 + 2 artanh((m - 1) / (m + 1)), with m in [0.7, 1.5] so that the series is
/// short.
pub(crate) fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & MANTISSA) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    let mut power = z;
    let mut sum = 0.0;
    for odd in 0..12 {
        sum += power / f64::from(2 * odd + 1);
        power *= square;
    }
    exponent as f64 * std::f64::consts::LN_2 + 2.0 * sum
}

/// A hash that never changes: FNV-1a (Fowler, Noll, Vo) with the finaliser of SplitMix64 (Steele et
/// al. 2014), because FNV alone leaves neighbouring strings with neighbouring high bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixedHash(u64);

impl FixedHash {
    pub(crate) fn new(kind: u8) -> Self {
        Self(0xcbf2_9ce4_8422_2325).bytes(&[kind])
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn finish(self) -> u64 {
        mix(self.0)
    }
}

/// The next value of a SplitMix64 sequence.
pub(crate) fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A map for look-ups by keys that are hashes already; never iterated.
pub(crate) type HashedKeys<V> =
    std::collections::HashMap<u64, V, std::hash::BuildHasherDefault<PassThrough>>;

/// The hasher of [`HashedKeys`].
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct PassThrough(u64);

impl std::hash::Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ln_agrees_with_the_system() {
        for x in [
            1.0,
            2.0,
            0.5,
            1.5,
            std::f64::consts::SQRT_2,
            1e-9,
            3.0,
            1e5,
            123_456.789,
            7e300,
        ] {
            assert!(
                (ln(x) - x.ln()).abs() <= 2e-14 * x.ln().abs().max(1.0),
                "{x}"
            );
        }
    }

    #[test]
    fn hashes_never_change() {
        assert_eq!(
            FixedHash::new(b'w').text("order").finish(),
            2_722_897_410_062_810_300
        );
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }
}
