//! Seeded draws whose stream is the same on every machine and in every version.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// A stream of draws that a seed and a path of names choose.
#[derive(Debug, Clone)]
pub struct Draws {
    stream: ChaCha8Rng,
}

impl Draws {
    /// The stream of `seed` and `path`. Different paths give independent streams.
    pub fn new(seed: u64, path: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        for part in path {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self {
            stream: ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()),
        }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.stream.next_u64()
    }

    /// A number of `0..bound`; 0 when the bound is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// A number of `low..=high`; `low` when the range is empty.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        if low >= high {
            return low;
        }
        let span = (i128::from(high) - i128::from(low) + 1) as u128;
        let offset = (u128::from(self.bits()) * span) >> 64;
        (i128::from(low) + offset as i128) as i64
    }

    /// A number of `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the elements; None of an empty slice.
    pub fn pick<'a, T>(&mut self, elements: &'a [T]) -> Option<&'a T> {
        elements.get(self.below(elements.len()))
    }

    /// A position by weights; 0 when they are empty or sum to nothing.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let total: f64 = weights.iter().sum();
        let mut left = self.unit() * total;
        for (at, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return at;
            }
        }
        weights.len().saturating_sub(1)
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, elements: &mut [T]) {
        for at in (1..elements.len()).rev() {
            let other = self.below(at + 1);
            elements.swap(at, other);
        }
    }

    /// The stream itself, for generators of other crates.
    pub fn stream(&mut self) -> &mut ChaCha8Rng {
        &mut self.stream
    }
}
