//! How well two partitions agree.

use std::collections::BTreeMap;

use crate::arithmetic::ln;

/// Adjusted mutual information: 1 for equal partitions, about 0 for unrelated ones.
///
/// AMI = (MI - E[MI]) / (mean of the two entropies - E[MI]), with E[MI] over all partitions of the
/// same sizes (Vinh, Epps and Bailey 2010, "Information theoretic measures for clusterings
/// comparison", AMI_sum). Two partitions of one cluster each, or of nothing but single things,
/// agree: 1.
pub(crate) fn adjusted_mutual_information(pairs: &[(u32, u32)]) -> f64 {
    let n = pairs.len();
    let (rows, columns, cells) = contingency(pairs);
    if n == 0 || (rows.len() == columns.len() && (rows.len() == 1 || rows.len() == n)) {
        return 1.0;
    }
    let mutual = cells
        .iter()
        .map(|((row, column), count)| term(n, rows[row], columns[column], *count as f64))
        .sum::<f64>();
    let expected = expected_mutual_information(n, &sizes(&rows), &sizes(&columns));
    let mean = f64::midpoint(entropy(n, &rows), entropy(n, &columns));
    let room = mean - expected;
    if room.abs() < 1e-12 {
        0.0
    } else {
        (mutual - expected) / room
    }
}

/// Share of things whose label is the commonest of their cluster; 0 for nothing.
pub(crate) fn purity(pairs: &[(u32, u32)]) -> f64 {
    let (_, _, cells) = contingency(pairs);
    let mut best: BTreeMap<u32, usize> = BTreeMap::new();
    for ((cluster, _), count) in cells {
        let most = best.entry(cluster).or_default();
        *most = count.max(*most);
    }
    best.values().sum::<usize>() as f64 / pairs.len().max(1) as f64
}

type Counts = BTreeMap<u32, usize>;

fn contingency(pairs: &[(u32, u32)]) -> (Counts, Counts, BTreeMap<(u32, u32), usize>) {
    let (mut rows, mut columns, mut cells) = (Counts::new(), Counts::new(), BTreeMap::new());
    for pair in pairs {
        *rows.entry(pair.0).or_default() += 1;
        *columns.entry(pair.1).or_default() += 1;
        *cells.entry(*pair).or_default() += 1;
    }
    (rows, columns, cells)
}

/// How many clusters have each size.
fn sizes(counts: &Counts) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    for size in counts.values() {
        *sizes.entry(*size).or_default() += 1;
    }
    sizes
}

fn entropy(n: usize, counts: &Counts) -> f64 {
    let share = |count: usize| count as f64 / n as f64;
    counts
        .values()
        .map(|count| -share(*count) * ln(share(*count)))
        .sum()
}

fn term(n: usize, row: usize, column: usize, count: f64) -> f64 {
    let n = n as f64;
    count / n * ln(n * count / (row as f64 * column as f64))
}

/// The mean over all tables with the given margins. Only sizes matter, so that equal ones are taken
/// together.
fn expected_mutual_information(
    n: usize,
    rows: &BTreeMap<usize, usize>,
    columns: &BTreeMap<usize, usize>,
) -> f64 {
    let mut sum = 0.0;
    for (row, row_times) in rows {
        for (column, column_times) in columns {
            sum += (row_times * column_times) as f64 * expected_term(n, *row, *column);
        }
    }
    sum
}

/// The mean of one cell's term. The cell's count is hypergeometric; its probabilities follow from
/// the ratio of neighbours, outwards from the likeliest, so that there is neither a factorial nor
/// an exponential.
fn expected_term(n: usize, row: usize, column: usize) -> f64 {
    let least = (row + column).saturating_sub(n);
    let most = row.min(column);
    let mode = ((row + 1) * (column + 1) / (n + 2)).clamp(least, most);
    // P(count + 1) / P(count)
    let ratio = |count: usize| {
        let up = (row - count) as f64 * (column - count) as f64;
        up / ((count + 1) as f64 * (n + count + 1 - row - column) as f64)
    };
    let value = |count: usize| {
        if count == 0 {
            0.0
        } else {
            term(n, row, column, count as f64)
        }
    };
    let (mut total, mut weighted) = (1.0, value(mode));
    let mut likelihood = 1.0;
    for count in mode..most {
        likelihood *= ratio(count);
        total += likelihood;
        weighted += likelihood * value(count + 1);
        if likelihood < 1e-18 {
            break;
        }
    }
    likelihood = 1.0;
    for count in (least..mode).rev() {
        likelihood /= ratio(count);
        total += likelihood;
        weighted += likelihood * value(count);
        if likelihood < 1e-18 {
            break;
        }
    }
    weighted / total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zipped(a: &[u32], b: &[u32]) -> Vec<(u32, u32)> {
        a.iter().copied().zip(b.iter().copied()).collect()
    }

    fn mutual(pairs: &[(u32, u32)]) -> f64 {
        let (rows, columns, cells) = contingency(pairs);
        cells
            .iter()
            .map(|((r, c), count)| term(pairs.len(), rows[r], columns[c], *count as f64))
            .sum()
    }

    /// E[MI] as the mean over every permutation of one side.
    fn permuted(a: &[u32], b: &mut Vec<u32>, from: usize, sum: &mut f64, count: &mut f64) {
        if from == b.len() {
            *sum += mutual(&zipped(a, b));
            *count += 1.0;
            return;
        }
        for other in from..b.len() {
            b.swap(from, other);
            permuted(a, b, from + 1, sum, count);
            b.swap(from, other);
        }
    }

    #[test]
    fn known_values() {
        let ami = |a: &[u32], b: &[u32]| adjusted_mutual_information(&zipped(a, b));
        assert!((ami(&[0, 0, 1, 1], &[5, 5, 3, 3]) - 1.0).abs() < 1e-12);
        assert!((ami(&[0, 0, 0], &[0, 0, 0]) - 1.0).abs() < 1e-12);
        assert!(ami(&[0, 0, 0, 0], &[0, 1, 2, 3]).abs() < 1e-12);
        // By hand: MI = 0 and both entropies are ln 2. Of the 6 ways to deal two pairs to two
        // pairs, 2 agree (MI = ln 2) and 4 do not (MI = 0), so E[MI] = ln 2 / 3 and AMI = (0 - 1/3)
        // / (1 - 1/3).
        assert!((ami(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-12);
    }

    #[test]
    fn purity_by_hand() {
        // Clusters {x, x, y} and {y, z}: 2 + 1 of 5.
        let pairs = zipped(&[0, 0, 0, 1, 1], &[7, 7, 8, 8, 9]);
        assert!((purity(&pairs) - 0.6).abs() < 1e-12);
        assert!(purity(&[]).abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn expectation_is_the_mean_over_permutations(
            pairs in prop::collection::vec((0_u32..3, 0_u32..3), 1..7),
        ) {
            let (a, mut b): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
            let (rows, columns, _) = contingency(&pairs);
            let (mut sum, mut count) = (0.0, 0.0);
            permuted(&a, &mut b, 0, &mut sum, &mut count);
            let expected = expected_mutual_information(a.len(), &sizes(&rows), &sizes(&columns));
            prop_assert!((expected - sum / count).abs() < 1e-10, "{expected} {}", sum / count);
        }
    }
}
