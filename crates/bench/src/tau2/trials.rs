//! Rates over several trials of each task.

use serde::Serialize;

/// A share with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Proportion {
    /// The share.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// pass^k: the chance that k trials of a task, drawn from those made, all succeed, averaged over the
/// tasks (`C(successes, k) / C(trials, k)`, arXiv 2406.12045). `tasks` holds successes and trials of each
/// task; None when there is no task, or one has fewer than k trials.
///
/// The interval is 1.96 standard errors of the mean over tasks to either side, within 0 and 1: tasks are
/// what is drawn at random, trials of one task are not independent of each other. Where all tasks have the
/// same share, errors say nothing, and the interval is Wilson's (1927) for as many tasks.
pub fn pass_hat_k(tasks: &[(u32, u32)], k: u32) -> Option<Proportion> {
    if tasks.is_empty() || k == 0 || tasks.iter().any(|(_, trials)| *trials < k) {
        return None;
    }
    let shares: Vec<f64> = tasks
        .iter()
        .map(|(successes, trials)| {
            (0..k)
                .map(|drawn| f64::from(successes.saturating_sub(drawn)) / f64::from(trials - drawn))
                .product()
        })
        .collect();
    let count = shares.len() as f64;
    let value = shares.iter().sum::<f64>() / count;
    if shares.iter().all(|share| (share - value).abs() < 1e-12) {
        let square = 1.96_f64 * 1.96;
        let middle = (value + square / (2.0 * count)) / (1.0 + square / count);
        let inner = value * (1.0 - value) / count + square / (4.0 * count * count);
        let half = 1.96 * inner.sqrt() / (1.0 + square / count);
        return Some(Proportion {
            value,
            low: (middle - half).max(0.0),
            high: (middle + half).min(1.0),
        });
    }
    let variance = shares
        .iter()
        .map(|share| (share - value).powi(2))
        .sum::<f64>()
        / (count - 1.0);
    let error = 1.96 * (variance / count).sqrt();
    Some(Proportion {
        value,
        low: (value - error).max(0.0),
        high: (value + error).min(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::pass_hat_k;

    #[test]
    fn all_of_k_must_succeed() {
        let tasks = [(4, 4), (2, 4), (0, 4)];
        let at = |k| pass_hat_k(&tasks, k).unwrap().value;
        assert!((at(1) - 0.5).abs() < 1e-12);
        assert!((at(2) - (1.0 + 1.0 / 6.0) / 3.0).abs() < 1e-12);
        assert!((at(4) - 1.0 / 3.0).abs() < 1e-12);
        assert!(pass_hat_k(&tasks, 5).is_none());
        let all = pass_hat_k(&[(2, 2); 12], 1).unwrap();
        assert!((all.low - 12.0 / (12.0 + 1.96 * 1.96)).abs() < 1e-9 && all.high > 1.0 - 1e-9);
        let one = pass_hat_k(&tasks, 1).unwrap();
        assert!(one.low < 0.5 && 0.5 < one.high && one.low >= 0.0 && one.high <= 1.0);
    }
}
