//! Louvain: communities by modularity (Blondel, Guillaume, Lambiotte and Lefebvre 2008, "Fast
//! unfolding of communities in large networks").

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::csr::Csr;

/// Improvements below this share of the total weight are rounding.
const EPSILON: f64 = 1e-12;

/// A community for each node, numbered by first appearance; each community is connected.
///
/// `resolution` is the gamma of Reichardt and Bornholdt 2006: above 1, communities are smaller. The
/// seed decides in which order nodes are visited, and with it which of several good answers is
/// given.
pub(crate) fn louvain(graph: &Csr, resolution: f64, seed: u64) -> Vec<u32> {
    let mut order = ChaCha8Rng::seed_from_u64(seed);
    let mut labels: Vec<u32> = (0..graph.len() as u32).collect();
    let mut level = move_nodes(graph, resolution, &mut order);
    let mut coarse;
    let mut current = graph;
    while let Some(moved) = level {
        for label in &mut labels {
            *label = moved[*label as usize];
        }
        coarse = current.aggregated(&moved);
        current = &coarse;
        level = move_nodes(current, resolution, &mut order);
    }
    connected(graph, &labels)
}

/// Moves single nodes to the best neighbouring community until none gains; `None` if none did at
/// all.
fn move_nodes(graph: &Csr, resolution: f64, order: &mut ChaCha8Rng) -> Option<Vec<u32>> {
    let nodes = graph.len();
    let twice_total = graph.twice_total();
    if twice_total <= 0.0 {
        return None;
    }
    let mut label: Vec<u32> = (0..nodes as u32).collect();
    let strength: Vec<f64> = (0..nodes).map(|node| graph.strength(node)).collect();
    let mut community_strength = strength.clone();
    let mut community_size = vec![1_u32; nodes];
    let mut empty: Vec<u32> = Vec::new();
    let mut weight_to = vec![0.0_f64; nodes];
    let mut touched: Vec<u32> = Vec::new();
    let mut queue: std::collections::VecDeque<u32> = shuffled(nodes, order).into();
    let mut queued = vec![true; nodes];
    let (mut any, mut moved_in_sweep) = (false, false);
    loop {
        let Some(node) = queue.pop_front() else {
            // A community that shrinks becomes better for nodes that were not queued: ask all
            // again.
            if !std::mem::take(&mut moved_in_sweep) {
                break;
            }
            queue.extend(0..nodes as u32);
            queued.fill(true);
            continue;
        };
        let here = node as usize;
        queued[here] = false;
        let own = label[here];
        touched.push(own);
        for (other, weight) in graph.neighbours(here) {
            let community = label[other as usize];
            if weight_to[community as usize] == 0.0 && community != own {
                touched.push(community);
            }
            weight_to[community as usize] += weight;
        }
        let pull = resolution * strength[here] / twice_total;
        // What the node adds to 2m times the modularity, halved, in a community that it is not part
        // of.
        let gain = |community: u32, total: f64| weight_to[community as usize] - pull * total;
        let mut best = own;
        let mut best_gain = gain(own, community_strength[own as usize] - strength[here]);
        let least = EPSILON * twice_total;
        for community in &touched[1..] {
            let gain = gain(*community, community_strength[*community as usize]);
            if gain > best_gain + least {
                (best, best_gain) = (*community, gain);
            }
        }
        if best_gain < -least
            && community_size[own as usize] > 1
            && let Some(alone) = empty.pop()
        {
            best = alone;
        }
        for community in touched.drain(..) {
            weight_to[community as usize] = 0.0;
        }
        if best == own {
            continue;
        }
        (any, moved_in_sweep) = (true, true);
        community_strength[own as usize] -= strength[here];
        community_strength[best as usize] += strength[here];
        community_size[own as usize] -= 1;
        community_size[best as usize] += 1;
        if community_size[own as usize] == 0 {
            community_strength[own as usize] = 0.0;
            empty.push(own);
        }
        label[here] = best;
        for (other, _) in graph.neighbours(here) {
            let waits = &mut queued[other as usize];
            if !*waits && label[other as usize] != best {
                *waits = true;
                queue.push_back(other);
            }
        }
    }
    any.then(|| renumbered(&label))
}

/// Fisher and Yates' shuffle.
fn shuffled(nodes: usize, order: &mut ChaCha8Rng) -> Vec<u32> {
    let mut all: Vec<u32> = (0..nodes as u32).collect();
    for last in (1..nodes).rev() {
        // The high half of a 64-bit product: even enough for an order of visits, and without a
        // loop.
        let other = (u64::from(order.next_u32()) * (last as u64 + 1)) >> 32;
        all.swap(last, other as usize);
    }
    all
}

/// Labels numbered by first appearance.
pub(crate) fn renumbered(labels: &[u32]) -> Vec<u32> {
    let most = labels
        .iter()
        .copied()
        .max()
        .map_or(0, |most| most as usize + 1);
    let mut number = vec![u32::MAX; most];
    let mut next = 0;
    labels
        .iter()
        .map(|label| {
            let number = &mut number[*label as usize];
            if *number == u32::MAX {
                *number = next;
                next += 1;
            }
            *number
        })
        .collect()
}

/// Splits each community into its connected parts, which never lowers modularity: parts without an
/// edge between them only share the penalty.
pub(crate) fn connected(graph: &Csr, labels: &[u32]) -> Vec<u32> {
    let mut part = vec![u32::MAX; labels.len()];
    let mut next = 0;
    let mut stack = Vec::new();
    for start in 0..labels.len() {
        if part[start] != u32::MAX {
            continue;
        }
        part[start] = next;
        stack.push(start);
        while let Some(node) = stack.pop() {
            for (other, _) in graph.neighbours(node) {
                let other = other as usize;
                if part[other] == u32::MAX && labels[other] == labels[start] {
                    part[other] = next;
                    stack.push(other);
                }
            }
        }
        next += 1;
    }
    part
}

/// Q = sum over communities of (inside / m - resolution (strength / 2m)^2), with `inside` the
/// weight of the edges within; 0 for a graph without edges (Newman and Girvan 2004; the resolution
/// is Reichardt and Bornholdt's).
pub(crate) fn modularity(graph: &Csr, labels: &[u32], resolution: f64) -> f64 {
    let twice_total = graph.twice_total();
    if twice_total <= 0.0 {
        return 0.0;
    }
    let communities = labels
        .iter()
        .copied()
        .max()
        .map_or(0, |most| most as usize + 1);
    let mut twice_inside = vec![0.0; communities];
    let mut strength = vec![0.0; communities];
    for (node, label) in labels.iter().enumerate() {
        let community = *label as usize;
        strength[community] += graph.strength(node);
        twice_inside[community] += 2.0 * graph.self_loop(node);
        for (other, weight) in graph.neighbours(node) {
            if labels[other as usize] == *label {
                twice_inside[community] += weight;
            }
        }
    }
    twice_inside
        .iter()
        .zip(&strength)
        .map(|(inside, strength)| {
            inside / twice_total - resolution * (strength / twice_total).powi(2)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(nodes: usize, edges: &[(u32, u32, f64)]) -> Csr {
        Csr::new(nodes, edges.iter().copied())
    }

    fn unweighted(nodes: usize, edges: &[(u32, u32)]) -> Csr {
        Csr::new(nodes, edges.iter().map(|(a, b)| (*a, *b, 1.0)))
    }

    /// The definition: Q = 1/2m sum over pairs (A - gamma k k / 2m) delta.
    fn naive_modularity(
        nodes: usize,
        edges: &[(u32, u32, f64)],
        labels: &[u32],
        resolution: f64,
    ) -> f64 {
        let mut adjacency = vec![vec![0.0; nodes]; nodes];
        for (a, b, weight) in edges {
            adjacency[*a as usize][*b as usize] += weight;
            adjacency[*b as usize][*a as usize] += weight;
        }
        let strength: Vec<f64> = adjacency.iter().map(|row| row.iter().sum()).collect();
        let twice_total: f64 = strength.iter().sum();
        let mut q = 0.0;
        for a in 0..nodes {
            for b in 0..nodes {
                if labels[a] == labels[b] {
                    q += adjacency[a][b] - resolution * strength[a] * strength[b] / twice_total;
                }
            }
        }
        if twice_total > 0.0 {
            q / twice_total
        } else {
            0.0
        }
    }

    fn is_connected(graph: &Csr, labels: &[u32]) -> bool {
        renumbered(labels) == connected(graph, labels)
    }

    /// Zachary 1977, "An information flow model for conflict and fission in small groups".
    const KARATE: &[(u32, u32)] = &[
        (1, 2),
        (1, 3),
        (1, 4),
        (1, 5),
        (1, 6),
        (1, 7),
        (1, 8),
        (1, 9),
        (1, 11),
        (1, 12),
        (1, 13),
        (1, 14),
        (1, 18),
        (1, 20),
        (1, 22),
        (1, 32),
        (2, 3),
        (2, 4),
        (2, 8),
        (2, 14),
        (2, 18),
        (2, 20),
        (2, 22),
        (2, 31),
        (3, 4),
        (3, 8),
        (3, 9),
        (3, 10),
        (3, 14),
        (3, 28),
        (3, 29),
        (3, 33),
        (4, 8),
        (4, 13),
        (4, 14),
        (5, 7),
        (5, 11),
        (6, 7),
        (6, 11),
        (6, 17),
        (7, 17),
        (9, 31),
        (9, 33),
        (9, 34),
        (10, 34),
        (14, 34),
        (15, 33),
        (15, 34),
        (16, 33),
        (16, 34),
        (19, 33),
        (19, 34),
        (20, 34),
        (21, 33),
        (21, 34),
        (23, 33),
        (23, 34),
        (24, 26),
        (24, 28),
        (24, 30),
        (24, 33),
        (24, 34),
        (25, 26),
        (25, 28),
        (25, 32),
        (26, 32),
        (27, 30),
        (27, 34),
        (28, 34),
        (29, 32),
        (29, 34),
        (30, 33),
        (30, 34),
        (31, 33),
        (31, 34),
        (32, 33),
        (32, 34),
        (33, 34),
    ];

    #[test]
    fn karate_club() {
        let edges: Vec<(u32, u32)> = KARATE.iter().map(|(a, b)| (a - 1, b - 1)).collect();
        assert_eq!(edges.len(), 78);
        let club = unweighted(34, &edges);
        let best = (0..8)
            .map(|seed| modularity(&club, &louvain(&club, 1.0, seed), 1.0))
            .fold(0.0, f64::max);
        // The optimum is 0.4198 (Brandes et al. 2008); Louvain finds it from most orders.
        assert!((best - 0.419_789_6).abs() < 1e-6, "{best}");
        for seed in 0..8 {
            let labels = louvain(&club, 1.0, seed);
            assert!(modularity(&club, &labels, 1.0) > 0.38);
            assert!(is_connected(&club, &labels));
        }
        // The two who fell out end on different sides.
        let labels = louvain(&club, 1.0, 0);
        assert_ne!(labels[0], labels[33]);
    }

    #[test]
    fn ring_of_cliques() {
        // 12 cliques of 5: modularity's optimum is one community per clique.
        let mut edges = Vec::new();
        for clique in 0..12_u32 {
            for a in 0..5 {
                edges.extend((a + 1..5).map(|b| (5 * clique + a, 5 * clique + b)));
            }
            edges.push((5 * clique, (5 * clique + 6) % 60));
        }
        let ring = unweighted(60, &edges);
        let expected: Vec<u32> = (0..60).map(|node| node / 5).collect();
        for seed in 0..4 {
            assert_eq!(louvain(&ring, 1.0, seed), expected);
            // Higher resolution cannot split a clique before it is well above 1; lower joins
            // neighbours.
            assert_eq!(louvain(&ring, 2.0, seed), expected);
            assert!(louvain(&ring, 0.2, seed).iter().max() < Some(&11));
        }
    }

    #[test]
    fn planted_partition() {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let mut edges = Vec::new();
        for a in 0..200_u32 {
            for b in a + 1..200 {
                let likely = if a / 50 == b / 50 { 0.4 } else { 0.02 };
                if f64::from(random.next_u32()) / f64::from(u32::MAX) < likely {
                    edges.push((a, b));
                }
            }
        }
        let expected: Vec<u32> = (0..200).map(|node| node / 50).collect();
        assert_eq!(louvain(&unweighted(200, &edges), 1.0, 0), expected);
    }

    #[test]
    fn no_edges_no_communities() {
        assert_eq!(louvain(&unweighted(3, &[]), 1.0, 0), [0, 1, 2]);
        assert_eq!(louvain(&unweighted(0, &[]), 1.0, 0), Vec::<u32>::new());
    }

    type Edges = Vec<(u32, u32, f64)>;

    fn small_graph() -> impl Strategy<Value = (usize, Edges)> {
        (2_usize..30).prop_flat_map(|nodes| {
            let edge = (0..nodes as u32, 0..nodes as u32, 1_u32..8);
            (Just(nodes), prop::collection::vec(edge, 0..90)).prop_map(|(nodes, edges)| {
                let edges = edges.into_iter().filter(|(a, b, _)| a != b);
                (
                    nodes,
                    edges
                        .map(|(a, b, weight)| (a, b, f64::from(weight) / 4.0))
                        .collect(),
                )
            })
        })
    }

    proptest! {
        #[test]
        fn modularity_is_the_definition(
            (nodes, edges) in small_graph(),
            gamma in 0.1_f64..4.0,
            modulus in 1_u32..6,
        ) {
            let labels: Vec<u32> = (0..nodes as u32).map(|node| (node * 7 + 3) % modulus).collect();
            let fast = modularity(&graph(nodes, &edges), &labels, gamma);
            prop_assert!((fast - naive_modularity(nodes, &edges, &labels, gamma)).abs() < 1e-9);
        }

        #[test]
        fn no_single_move_improves(
            (nodes, edges) in small_graph(),
            gamma in 0.3_f64..3.0,
            seed in 0_u64..4,
        ) {
            // One level: exactly what the moves promise.
            let csr = graph(nodes, &edges);
            let Some(labels) = move_nodes(&csr, gamma, &mut ChaCha8Rng::seed_from_u64(seed)) else {
                return Ok(());
            };
            let before = naive_modularity(nodes, &edges, &labels, gamma);
            for node in 0..nodes {
                for community in 0..=labels.iter().copied().max().unwrap_or(0) + 1 {
                    let mut moved = labels.clone();
                    moved[node] = community;
                    prop_assert!(naive_modularity(nodes, &edges, &moved, gamma) <= before + 1e-9);
                }
            }
        }

        #[test]
        fn aggregation_keeps_modularity((nodes, edges) in small_graph(), gamma in 0.3_f64..3.0) {
            let csr = graph(nodes, &edges);
            let labels = louvain(&csr, gamma, 1);
            let coarse = csr.aggregated(&labels);
            let apart: Vec<u32> = (0..coarse.len() as u32).collect();
            let difference = modularity(&csr, &labels, gamma) - modularity(&coarse, &apart, gamma);
            prop_assert!(difference.abs() < 1e-9);
            prop_assert!(is_connected(&csr, &labels));
        }
    }
}
