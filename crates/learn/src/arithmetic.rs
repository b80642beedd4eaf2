//! Loops that the compiler turns into vector instructions on any machine.

/// The dot product, summed in eight lanes: the order is fixed, so that the same numbers give the same sum.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The sum, in eight lanes.
pub(crate) fn sum(a: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a8, rest) = a.as_chunks::<8>();
    for a in a8 {
        for lane in 0..8 {
            lanes[lane] += a[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

/// `y += a x`.
pub(crate) fn add_scaled(y: &mut [f32], a: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// The largest; minus infinity of nothing.
pub(crate) fn largest(a: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 8];
    let (a8, rest) = a.as_chunks::<8>();
    for a in a8 {
        for lane in 0..8 {
            lanes[lane] = if a[lane] > lanes[lane] {
                a[lane]
            } else {
                lanes[lane]
            };
        }
    }
    lanes
        .iter()
        .chain(rest)
        .copied()
        .fold(f32::NEG_INFINITY, f32::max)
}

/// `exp(x)` within 4e-7 relative, without a call: 2^n by the exponent's bits, e^r for |r| <= ln(2)/2 by the Taylor
/// polynomial of degree 6 (Cody and Waite 1980). Below -87 the result is about 1e-38, never 0; above 88, 1e38.
#[inline]
pub(crate) fn exp(x: f32) -> f32 {
    // Adding and subtracting this rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // ln(2) in two parts: the first has so few digits that its product with n is exact.
    const HIGH: f32 = 355.0 / 512.0;
    const LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * HIGH) - n * LOW;
    let mut p = 1.0 / 720.0;
    for c in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p * r + c;
    }
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Turns scores into probabilities in place, and returns the logarithm of the sum of exponentials.
pub(crate) fn softmax(row: &mut [f32]) -> f32 {
    let top = largest(row);
    for x in &mut *row {
        *x = exp(*x - top);
    }
    let sum = sum(row);
    let scale = 1.0 / sum;
    for x in &mut *row {
        *x *= scale;
    }
    top + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_close(x in -80.0f32..80.0) {
            let right = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) - right).abs() <= 1e-6 * right);
        }

        #[test]
        fn sums_agree_with_the_obvious_ones(a in prop::collection::vec(-2.0f32..2.0, 0..40)) {
            let plain: f64 = a.iter().map(|x| f64::from(*x)).sum();
            prop_assert!((f64::from(sum(&a)) - plain).abs() < 1e-4);
            let square: f64 = a.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
            prop_assert!((f64::from(dot(&a, &a)) - square).abs() < 1e-4);
            let most = a.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            prop_assert_eq!(largest(&a).to_bits(), most.to_bits());
        }
    }
}
