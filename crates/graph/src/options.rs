//! Options: what a user may choose.

use serde::{Deserialize, Serialize};

/// How tools are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Louvain communities of the similarity graph.
    #[default]
    Communities,
    /// One spec, one domain; split by resource where it is too large. The baseline.
    Provider,
}

/// What [`domains`](crate::domains) is asked for. Values out of range are taken as the nearest in
/// range.
///
/// `affinity: 0.0, flow: 0.0` gives the graph of the paper: nothing but the cosine of parameter
/// vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// How tools are grouped.
    pub mode: Mode,
    /// Similarity above which two tools are joined, 0 to 1.
    ///
    /// With the default affinity, 0.5 asks for a cosine above 0.17 within one API, 0.67 within one
    /// provider and 0.83 between providers. Tools that share nothing have a cosine of 0, give or
    /// take 1/16 in 256 dimensions, so that an edge within an API is just out of that noise, and
    /// one between providers takes nearly the same parameters.
    pub tau: f32,
    /// Share of the similarity that comes from where the tools are from, 0 to 1: all of it for one
    /// API, a quarter for two APIs of one provider, nothing for two providers.
    ///
    /// A world has one database, so that what two shops both call `orders` should not become one
    /// table. Without affinity and data flow, about every fifth domain of public API specs mixes
    /// providers ([`Quality::several_providers`](crate::Quality::several_providers)), most of them
    /// without sense. Tools that find no domain at home still meet across providers.
    pub affinity: f32,
    /// Weight of the data flow beside similarity: what each required input adds to the edge between
    /// its tool and the nearest one of the same API that returns it, where a similarity adds 1 at
    /// most.
    pub flow: f32,
    /// Edges that each tool keeps, the strongest first; 256 at most. An edge stays when one of its
    /// ends keeps it.
    pub max_neighbours: usize,
    /// Louvain's resolution; searched by `target_size` where absent.
    pub resolution: Option<f64>,
    /// Wanted mean size of a domain, in tools.
    pub target_size: usize,
    /// Tools below which a group is no domain.
    pub min_size: usize,
    /// Tools above which a domain is split.
    pub max_size: usize,
    /// Decides in which order Louvain visits nodes.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Communities,
            tau: 0.5,
            affinity: 0.4,
            flow: 3.0,
            max_neighbours: 32,
            resolution: None,
            target_size: 30,
            min_size: 5,
            max_size: 64,
            seed: 0,
        }
    }
}

impl Options {
    /// The same, with every value in its range.
    pub(crate) fn in_range(&self) -> Self {
        let default = Self::default();
        let clamped = |value: f32, most: f32, default: f32| {
            if value.is_nan() {
                default
            } else {
                value.clamp(0.0, most)
            }
        };
        let min_size = self.min_size.max(1);
        let max_size = self.max_size.max(min_size);
        Self {
            mode: self.mode,
            tau: clamped(self.tau, 0.999, default.tau),
            affinity: clamped(self.affinity, 0.999, default.affinity),
            flow: clamped(self.flow, 1000.0, default.flow),
            max_neighbours: self.max_neighbours.clamp(1, 256),
            resolution: self
                .resolution
                .filter(|value| value.is_finite() && *value > 0.0),
            target_size: self.target_size.clamp(min_size, max_size),
            min_size,
            max_size,
            seed: self.seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_brought_into_range() {
        let wild = Options {
            tau: f32::NAN,
            affinity: 7.0,
            max_neighbours: 0,
            resolution: Some(-1.0),
            target_size: 900,
            min_size: 9,
            max_size: 3,
            ..Options::default()
        };
        let sane = wild.in_range();
        assert_eq!(
            (sane.tau, sane.affinity, sane.max_neighbours),
            (0.5, 0.999, 1)
        );
        assert_eq!(
            (
                sane.resolution,
                sane.target_size,
                sane.min_size,
                sane.max_size
            ),
            (None, 9, 9, 9)
        );
        assert_eq!(Options::default().in_range(), Options::default());
    }
}
