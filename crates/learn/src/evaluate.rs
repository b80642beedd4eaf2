//! Rates with honest intervals: tasks of one world are not independent, so worlds are what is drawn again.

use std::collections::BTreeMap;

use practicum_rollout::Score;
use practicum_world::Draws;
use serde::{Deserialize, Serialize};

use crate::agent::Played;
use crate::demonstrate::Length;

/// One episode of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The task.
    pub task: String,
    /// Its world.
    pub world: String,
    /// What it asks.
    pub length: Length,
    /// Only well-formed turns could be written.
    pub guided: bool,
    /// Tools and parameters had other names.
    #[serde(default)]
    pub perturbed: bool,
    /// Number of the attempt.
    pub attempt: u32,
    /// How it went.
    pub played: Played,
}

/// A share of episodes, with an interval at 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Episodes that passed.
    pub passed: usize,
    /// Episodes.
    pub tried: usize,
    /// Worlds that they come from.
    pub worlds: usize,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Rate {
    /// The share; 0 of nothing.
    pub fn share(&self) -> f64 {
        if self.tried == 0 {
            0.0
        } else {
            self.passed as f64 / self.tried as f64
        }
    }
}

/// Times that worlds are drawn anew.
const DRAWS: usize = 4_000;

/// The share of episodes that pass. The interval is the wider one of Wilson's, for episodes that are independent, and
/// of the middle 95 % of the shares of worlds drawn anew (the cluster bootstrap): few worlds, or worlds that differ
/// much, make it wide.
pub fn rate<'a>(episodes: impl IntoIterator<Item = (&'a str, bool)>) -> Rate {
    let mut worlds: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (world, passed) in episodes {
        let own = worlds.entry(world).or_default();
        own.0 += usize::from(passed);
        own.1 += 1;
    }
    let clusters: Vec<(f64, f64)> = worlds
        .values()
        .map(|(passed, tried)| (*passed as f64, *tried as f64))
        .collect();
    let score = Score {
        passed: worlds.values().map(|own| own.0).sum(),
        tried: worlds.values().map(|own| own.1).sum(),
    };
    let (mut low, mut high) = score.interval();
    if clusters.len() > 1 {
        let (cluster_low, cluster_high) = bootstrap(&clusters);
        low = low.min(cluster_low);
        high = high.max(cluster_high);
    }
    Rate {
        passed: score.passed,
        tried: score.tried,
        worlds: clusters.len(),
        low,
        high,
    }
}

/// The middle 95 % of `sum of firsts / sum of seconds` over clusters drawn with replacement (Efron 1979, percentile).
fn bootstrap(clusters: &[(f64, f64)]) -> (f64, f64) {
    let mut draws = Draws::new(1, &["bootstrap"]);
    let mut shares: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let (mut first, mut second) = (0.0, 0.0);
            for _ in clusters {
                let own = clusters[draws.below(clusters.len())];
                first += own.0;
                second += own.1;
            }
            if second > 0.0 { first / second } else { 0.0 }
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    let at = |share: f64| shares[((DRAWS - 1) as f64 * share).round() as usize];
    (at(0.025), at(0.975))
}

/// Two checkpoints on the same episodes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Episodes that both played.
    pub both: usize,
    /// Episodes that only the second passes.
    pub better: usize,
    /// Episodes that only the first passes.
    pub worse: usize,
    /// How much more the second passes, as a share.
    pub difference: f64,
    /// The lower end of its interval at 95 %, worlds drawn anew.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How likely `better` and `worse` differ so much by chance (McNemar's exact test, both sides).
    pub chance: f64,
}

/// Compares two checkpoints on the episodes that both played: task, mode and attempt are the same.
pub fn paired(first: &[Judged], second: &[Judged]) -> Paired {
    let key = |own: &Judged| (own.task.clone(), own.guided, own.perturbed, own.attempt);
    let before: BTreeMap<_, bool> = first
        .iter()
        .map(|judged| (key(judged), judged.played.passed))
        .collect();
    let mut worlds: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let (mut better, mut worse, mut both) = (0, 0, 0);
    for judged in second {
        let Some(passed) = before.get(&key(judged)) else {
            continue;
        };
        both += 1;
        let own = worlds.entry(&judged.world).or_default();
        own.1 += 1.0;
        match (passed, judged.played.passed) {
            (false, true) => {
                better += 1;
                own.0 += 1.0;
            }
            (true, false) => {
                worse += 1;
                own.0 -= 1.0;
            }
            _ => {}
        }
    }
    let clusters: Vec<(f64, f64)> = worlds.into_values().collect();
    let (low, high) = if clusters.is_empty() {
        (0.0, 0.0)
    } else {
        bootstrap(&clusters)
    };
    Paired {
        both,
        better,
        worse,
        difference: if both == 0 {
            0.0
        } else {
            (better as f64 - worse as f64) / both as f64
        },
        low,
        high,
        chance: mcnemar(better, worse),
    }
}

/// Success on perturbed versions of tasks against success on the tasks as they are, mode by mode.
pub fn perturbed_over_clean(episodes: &[Judged]) -> Paired {
    let (perturbed, clean): (Vec<Judged>, Vec<Judged>) =
        episodes.iter().cloned().partition(|own| own.perturbed);
    let as_clean: Vec<Judged> = perturbed
        .into_iter()
        .map(|own| Judged {
            perturbed: false,
            ..own
        })
        .collect();
    paired(&clean, &as_clean)
}

/// Both sides of the binomial test of `better` against `worse` with even odds.
fn mcnemar(better: usize, worse: usize) -> f64 {
    let n = better + worse;
    let least = better.min(worse);
    let mut term = 0.5f64.powi(n as i32);
    let mut sum = 0.0;
    for k in 0..=least {
        sum += term;
        term *= (n - k) as f64 / (k + 1) as f64;
    }
    (2.0 * sum).min(1.0)
}

/// The share of tasks of which all of `k` attempts pass, by the unbiased estimate over the attempts that were made
/// (tau-bench's pass^k: C(passed, k) / C(attempts, k), averaged over tasks). None when a task has fewer attempts.
pub fn pass_hat(episodes: &[Judged], k: usize) -> Option<f64> {
    let mut tasks: BTreeMap<(&str, bool, bool), (usize, usize)> = BTreeMap::new();
    for judged in episodes {
        let mode = (judged.task.as_str(), judged.guided, judged.perturbed);
        let own = tasks.entry(mode).or_default();
        own.0 += usize::from(judged.played.passed);
        own.1 += 1;
    }
    if tasks.is_empty() || k == 0 || tasks.values().any(|(_, tried)| *tried < k) {
        return None;
    }
    let sum: f64 = tasks
        .values()
        .map(|(passed, tried)| {
            (0..k)
                .map(|at| (passed.saturating_sub(at)) as f64 / (tried - at) as f64)
                .product::<f64>()
        })
        .sum();
    Some(sum / tasks.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(task: usize, world: usize, attempt: u32, passed: bool) -> Judged {
        Judged {
            task: task.to_string(),
            world: world.to_string(),
            length: Length::OneCall,
            guided: false,
            perturbed: false,
            attempt,
            played: Played {
                passed,
                first_right: false,
                first_valid: true,
                turns: 1,
                invalid: 0,
                read: 0,
                written: 0,
                said: Vec::new(),
            },
        }
    }

    #[test]
    fn worlds_that_differ_make_the_interval_wide() {
        let even = (0..100).map(|at| (["a", "b", "c", "d", "e"][at % 5], at % 2 == 0));
        let split = (0..100).map(|at| (["a", "b", "c", "d", "e"][at % 5], at % 5 < 2));
        let (even, split) = (rate(even), rate(split));
        assert_eq!((even.passed, even.worlds), (50, 5));
        assert!(even.high - even.low < 0.25, "{even:?}");
        assert!(split.high - split.low > 0.6, "{split:?}");
    }

    #[test]
    fn pairs_are_counted_and_tested() {
        let first: Vec<Judged> = (0..20)
            .map(|at| judged(at, at % 4, 0, at % 2 == 0))
            .collect();
        let second: Vec<Judged> = (0..20)
            .map(|at| judged(at, at % 4, 0, at % 4 != 3))
            .collect();
        let own = paired(&first, &second);
        assert_eq!((own.both, own.better, own.worse), (20, 5, 0));
        assert!((own.difference - 0.25).abs() < 1e-12);
        assert!((own.chance - 0.0625).abs() < 1e-12);
        assert!((paired(&first, &first).chance - 1.0).abs() < 1e-12);
        assert_eq!(paired(&[], &second).both, 0);
    }

    #[test]
    fn pass_hat_is_the_share_of_tasks_that_always_pass() {
        let all: Vec<Judged> = [(0, true), (0, true), (1, true), (1, false)]
            .iter()
            .enumerate()
            .map(|(attempt, (task, passed))| judged(*task, 0, attempt as u32, *passed))
            .collect();
        assert_eq!(pass_hat(&all, 1), Some(0.75));
        assert_eq!(pass_hat(&all, 2), Some(0.5));
        assert_eq!(pass_hat(&all, 3), None);
    }

    proptest! {
        #[test]
        fn an_interval_holds_the_share(passed in prop::collection::vec((0usize..6, any::<bool>()), 1..60)) {
            let names = ["a", "b", "c", "d", "e", "f"];
            let own = rate(passed.iter().map(|(world, passed)| (names[*world], *passed)));
            prop_assert!(own.low <= own.share() && own.share() <= own.high);
            prop_assert!(own.low >= 0.0 && own.high <= 1.0);
        }
    }
}
