//! Vectors: what an embedder makes of tools.

use crate::tool_node::ToolNode;

/// Turns tools into vectors whose cosine says how alike their parameters are.
///
/// An embedder that can fail (a model on disk, an endpoint) makes its [`Vectors`] beforehand and
/// hands them to [`domains_of`](crate::domains_of).
pub trait Embedder {
    /// One vector per tool, in the tools' order.
    fn embed(&self, tools: &[ToolNode]) -> Vectors;
}

/// Unit vectors, one per tool; a tool without content has a zero vector and no neighbours.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    dimension: usize,
    values: Vec<f32>,
}

impl Vectors {
    /// Normalises `values`, row after row of `dimension` numbers each.
    ///
    /// A row that holds something that is no number, or nothing but zeros, becomes zero. A last,
    /// incomplete row is dropped.
    pub fn new(dimension: usize, mut values: Vec<f32>) -> Self {
        let dimension = dimension.max(1);
        values.truncate(values.len() / dimension * dimension);
        for row in values.chunks_exact_mut(dimension) {
            // One after the other: the order of a sum is part of its result.
            let square: f64 = row
                .iter()
                .map(|value| f64::from(*value) * f64::from(*value))
                .sum();
            let norm = square.sqrt();
            let scale = if norm.is_finite() && norm > 0.0 {
                1.0 / norm
            } else {
                0.0
            };
            for value in row {
                *value = if scale > 0.0 {
                    (f64::from(*value) * scale) as f32
                } else {
                    0.0
                };
            }
        }
        Self { dimension, values }
    }

    /// Numbers per vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How many vectors there are.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The vectors in the tools' order.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f32> {
        self.values.chunks_exact(self.dimension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_of_unit_length_or_zero() {
        let vectors = Vectors::new(
            2,
            vec![3.0, 4.0, 0.0, 0.0, f32::NAN, 1.0, f32::MAX, 0.0, 9.0],
        );
        let rows: Vec<&[f32]> = vectors.rows().collect();
        assert_eq!(rows, [[0.6, 0.8], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]]);
        assert!(Vectors::new(0, Vec::new()).is_empty());
    }
}
