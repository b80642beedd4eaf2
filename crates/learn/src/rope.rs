//! The rotary embedding (Su et al. 2021), halves of a head rotated against each other as Hugging Face does it.

/// Cosines and sines of all positions up to a limit.
#[derive(Debug)]
pub(crate) struct Rope {
    half: usize,
    /// (position, half).
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rope {
    pub(crate) fn new(head_dim: usize, theta: f64, positions: usize) -> Self {
        let half = head_dim / 2;
        let mut cos = Vec::with_capacity(positions * half);
        let mut sin = Vec::with_capacity(positions * half);
        for position in 0..positions {
            for at in 0..half {
                // The frequencies are 32-bit numbers in the reference, and so are the angles.
                let frequency = theta.powf(-(2.0 * at as f64) / head_dim as f64) as f32;
                let angle = position as f32 * frequency;
                cos.push(angle.cos());
                sin.push(angle.sin());
            }
        }
        Self { half, cos, sin }
    }

    /// Positions that can be used.
    pub(crate) fn positions(&self) -> usize {
        self.cos.len().checked_div(self.half).unwrap_or(0)
    }

    /// Rotates one head at a position, forwards (1) or back (-1).
    pub(crate) fn rotate(&self, head: &mut [f32], position: usize, direction: f32) {
        let from = position * self.half;
        let (cos, sin) = (
            &self.cos[from..from + self.half],
            &self.sin[from..from + self.half],
        );
        let (low, high) = head.split_at_mut(self.half);
        for at in 0..self.half {
            let (x, y, sin) = (low[at], high[at], direction * sin[at]);
            low[at] = x * cos[at] - y * sin;
            high[at] = y * cos[at] + x * sin;
        }
    }

    /// Cosines and sines of the first positions, for whoever composes tensors.
    pub(crate) fn tables(&self, length: usize) -> (&[f32], &[f32]) {
        (
            &self.cos[..length * self.half],
            &self.sin[..length * self.half],
        )
    }
}
