//! Exact search: all pairs of tools whose similarity exceeds tau.
//!
//! Vectors are rounded to 16-bit integers first. Their dot products are then exact, so that which
//! edges there are, and how strong, depends neither on the machine's instructions nor on the order
//! in which threads finish.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use wide::{i16x8, i32x4};

use crate::tool_node::ToolNode;
use crate::vectors::Vectors;

/// Length of a quantised vector. A dot product stays below 2^29, and by Cauchy and Schwarz so does
/// each partial sum.
const SCALE: f64 = 16384.0;
const LANES: usize = 8;
/// Vectors per block: two blocks of 256 dimensions fit the second-level cache.
const BLOCK: usize = 128;
/// A neighbour list is cut back to its limit when it has grown to this many times as long.
const SLACK: usize = 4;

/// What two APIs of one provider share, when one API is 1.
const SAME_PROVIDER: f64 = 0.25;

/// An edge of the tool graph, `a < b`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// Index of a tool.
    pub a: u32,
    /// Index of another tool, greater than `a`.
    pub b: u32,
    /// Their similarity, above tau, at most 1.
    pub similarity: f32,
}

/// What counts as similar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Similarity {
    pub(crate) tau: f64,
    /// Share of the similarity that comes from provider and API.
    pub(crate) affinity: f64,
    pub(crate) max_neighbours: usize,
}

impl Similarity {
    fn of(&self, cosine: f64, a: Home, b: Home) -> f64 {
        let shared = if a == b {
            1.0
        } else if a.provider == b.provider {
            SAME_PROVIDER
        } else {
            0.0
        };
        (1.0 - self.affinity) * cosine + self.affinity * shared
    }
}

/// Whose a tool is, as ranks among the sorted names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Home {
    pub(crate) provider: u32,
    pub(crate) api: u32,
}

/// The homes of all tools.
pub(crate) fn homes(tools: &[ToolNode]) -> Vec<Home> {
    let mut names: Vec<(&str, &str)> = tools
        .iter()
        .map(|tool| (tool.provider.as_str(), tool.api.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let mut providers: Vec<&str> = names.iter().map(|(provider, _)| *provider).collect();
    providers.dedup();
    let rank = |found: Result<usize, usize>| found.unwrap_or_else(|place| place) as u32;
    tools
        .iter()
        .map(|tool| Home {
            provider: rank(providers.binary_search(&tool.provider.as_str())),
            api: rank(names.binary_search(&(tool.provider.as_str(), tool.api.as_str()))),
        })
        .collect()
}

/// What the search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Found {
    /// In the order of `(a, b)`.
    pub(crate) edges: Vec<Edge>,
    /// Pairs above tau, with those that the cap on neighbours left out.
    pub(crate) pairs: u64,
    /// Tools that have more neighbours above tau than the cap lets them keep.
    pub(crate) capped: usize,
    /// Different vectors, counted by API.
    pub(crate) distinct: usize,
}

/// Tools of one API with the same vector: one row of the product.
struct Group {
    home: Home,
    members: Vec<u32>,
    norm: f64,
}

/// All edges, capped: an edge stays when it is among the `max_neighbours` best of one of its ends.
///
/// The better neighbour is the more similar; then the one whose group (tools of one API with equal
/// vectors, numbered by their first member) comes next after one's own, cyclically; then the next
/// member. `progress` gets (blocks done, blocks).
pub(crate) fn search(
    vectors: &Vectors,
    homes: &[Home],
    similarity: &Similarity,
    progress: &mut dyn FnMut(usize, usize),
) -> Found {
    let (groups, rows) = grouped(vectors, homes);
    let lanes = vectors.dimension().div_ceil(LANES);
    let blocks = groups.len().div_ceil(BLOCK);
    let mut nearest: Vec<Nearest> = vec![Nearest::default(); groups.len()];
    let mut found = Found {
        distinct: groups.len(),
        ..Found::default()
    };
    for strip in 0..blocks {
        let pairs: Vec<Vec<(u32, u32, f32)>> = (strip..blocks)
            .into_par_iter()
            .map(|block| block_pairs(&groups, &rows, lanes, (strip, block), similarity))
            .collect();
        for (u, v, weight) in pairs.into_iter().flatten() {
            let sizes = [u, v].map(|group| groups[group as usize].members.len());
            found.pairs += (sizes[0] * sizes[1]) as u64;
            nearest[u as usize].take(
                u,
                v,
                weight,
                sizes[1],
                groups.len(),
                similarity.max_neighbours,
            );
            nearest[v as usize].take(
                v,
                u,
                weight,
                sizes[0],
                groups.len(),
                similarity.max_neighbours,
            );
        }
        progress(strip + 1, blocks);
    }
    for (index, (group, nearest)) in groups.iter().zip(&mut nearest).enumerate() {
        nearest.cut(index as u32, groups.len(), similarity.max_neighbours);
        let size = group.members.len();
        found.pairs += (size * (size - 1) / 2) as u64;
        if nearest.tools + size - 1 > similarity.max_neighbours {
            found.capped += size;
        }
    }
    let limit = similarity.max_neighbours;
    found.edges = groups
        .par_iter()
        .zip(&nearest)
        .flat_map_iter(|(group, nearest)| tool_edges(&groups, group, nearest, limit))
        .collect();
    found
        .edges
        .par_sort_unstable_by_key(|edge| (edge.a, edge.b));
    found.edges.dedup_by_key(|edge| (edge.a, edge.b));
    found
}

/// The groups by first member, and their rows one after the other, with zero rows up to a whole
/// number of blocks.
fn grouped(vectors: &Vectors, homes: &[Home]) -> (Vec<Group>, Vec<i16x8>) {
    let rows: Vec<Vec<i16>> = vectors
        .rows()
        .map(|row| {
            row.iter()
                .map(|value| (f64::from(*value) * SCALE).round() as i16)
                .collect()
        })
        .collect();
    let mut order: Vec<usize> = (0..rows.len().min(homes.len())).collect();
    order.par_sort_by(|a, b| (homes[*a], &rows[*a], a).cmp(&(homes[*b], &rows[*b], b)));
    let mut groups: Vec<Group> = order
        .chunk_by(|a, b| homes[*a] == homes[*b] && rows[*a] == rows[*b])
        .map(|members| Group {
            home: homes[members[0]],
            members: members.iter().map(|tool| *tool as u32).collect(),
            norm: (rows[members[0]]
                .iter()
                .map(|value| i64::from(*value).pow(2))
                .sum::<i64>() as f64)
                .sqrt(),
        })
        .filter(|group| group.norm > 0.0)
        .collect();
    groups.sort_unstable_by_key(|group| group.members[0]);
    let lanes = vectors.dimension().div_ceil(LANES);
    let mut packed = Vec::with_capacity(groups.len().next_multiple_of(BLOCK) * lanes);
    for group in &groups {
        for chunk in rows[group.members[0] as usize].chunks(LANES) {
            let mut lane = [0; LANES];
            lane[..chunk.len()].copy_from_slice(chunk);
            packed.push(i16x8::new(lane));
        }
    }
    packed.resize(groups.len().next_multiple_of(BLOCK) * lanes, i16x8::ZERO);
    (groups, packed)
}

/// The pairs `u < v` above tau with u in one block and v in the other.
fn block_pairs(
    groups: &[Group],
    rows: &[i16x8],
    lanes: usize,
    (first, second): (usize, usize),
    similarity: &Similarity,
) -> Vec<(u32, u32, f32)> {
    let row = |index: usize| &rows[index * lanes..(index + 1) * lanes];
    let mut pairs = Vec::new();
    for left in (first * BLOCK..(first + 1) * BLOCK).step_by(2) {
        let left_rows = [row(left), row(left + 1)];
        for right in (second * BLOCK..(second + 1) * BLOCK).step_by(2) {
            if right + 1 < left {
                continue;
            }
            let dots = products(left_rows, [row(right), row(right + 1)]);
            for (u, dots) in (left..).zip(dots) {
                for (v, dot) in (right..).zip(dots) {
                    if u < v && v < groups.len() && dot > 0 {
                        let (a, b) = (&groups[u], &groups[v]);
                        // The quotient of two sums of rounded squares can end a hair above 1.
                        let cosine = (f64::from(dot) / (a.norm * b.norm)).min(1.0);
                        let value = similarity.of(cosine, a.home, b.home);
                        if value > similarity.tau {
                            pairs.push((u as u32, v as u32, value as f32));
                        }
                    }
                }
            }
        }
    }
    pairs
}

/// The four dot products of two rows with two others: each load is used twice.
fn products(left: [&[i16x8]; 2], right: [&[i16x8]; 2]) -> [[i32; 2]; 2] {
    let mut sums = [[i32x4::ZERO; 2]; 2];
    for (((a, b), c), d) in left[0].iter().zip(left[1]).zip(right[0]).zip(right[1]) {
        sums[0][0] += a.dot(*c);
        sums[0][1] += a.dot(*d);
        sums[1][0] += b.dot(*c);
        sums[1][1] += b.dot(*d);
    }
    sums.map(|row| row.map(i32x4::reduce_add))
}

/// The best neighbours of a group so far.
#[derive(Clone, Default)]
struct Nearest {
    best: Vec<(f32, u32)>,
    /// Tools above tau outside the group, kept or not.
    tools: usize,
    /// After a cut: what a newcomer must reach.
    floor: f32,
}

impl Nearest {
    fn take(
        &mut self,
        own: u32,
        other: u32,
        weight: f32,
        tools: usize,
        groups: usize,
        limit: usize,
    ) {
        self.tools += tools;
        if weight < self.floor {
            return;
        }
        self.best.push((weight, other));
        if self.best.len() >= SLACK * limit.max(1) {
            self.cut(own, groups, limit);
        }
    }

    /// Sorts, and drops what is beyond the limit. Each group stands for one tool at least, so that
    /// no more are needed.
    fn cut(&mut self, own: u32, groups: usize, limit: usize) {
        let distance = |other: u32| (other as usize + groups - own as usize) % groups;
        self.best
            .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(distance(a.1).cmp(&distance(b.1))));
        if self.best.len() >= limit {
            self.best.truncate(limit);
            self.floor = self.best.last().map_or(0.0, |worst| worst.0);
        }
    }
}

/// The edges that the tools of a group keep.
fn tool_edges(groups: &[Group], group: &Group, nearest: &Nearest, limit: usize) -> Vec<Edge> {
    let size = group.members.len();
    let mut edges = Vec::new();
    for (place, own) in group.members.iter().enumerate() {
        let twins = (1..size).map(|step| (1.0, group.members[(place + step) % size]));
        let others = nearest.best.iter().flat_map(|(weight, other)| {
            groups[*other as usize]
                .members
                .iter()
                .map(|member| (*weight, *member))
        });
        for (similarity, other) in twins.chain(others).take(limit) {
            edges.push(Edge {
                a: *own.min(&other),
                b: *own.max(&other),
                similarity,
            });
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The obvious way: every pair, sorted, cut.
    fn naive(vectors: &Vectors, homes: &[Home], similarity: &Similarity) -> Found {
        let rows: Vec<Vec<i64>> = vectors
            .rows()
            .map(|row| {
                row.iter()
                    .map(|value| (f64::from(*value) * SCALE).round() as i64)
                    .collect()
            })
            .collect();
        let dot =
            |a: usize, b: usize| -> i64 { rows[a].iter().zip(&rows[b]).map(|(x, y)| x * y).sum() };
        let content: Vec<usize> = (0..rows.len())
            .filter(|tool| dot(*tool, *tool) > 0)
            .collect();
        let mut group_of = vec![usize::MAX; rows.len()];
        let mut groups = 0;
        for tool in &content {
            let twin = content.iter().find(|other| {
                *other < tool && homes[**other] == homes[*tool] && rows[**other] == rows[*tool]
            });
            group_of[*tool] = twin.map_or(groups, |twin| group_of[*twin]);
            groups += usize::from(twin.is_none());
        }
        let mut found = Found {
            distinct: groups,
            ..Found::default()
        };
        for a in &content {
            let mut neighbours = Vec::new();
            for b in content.iter().filter(|b| *b != a) {
                let norms = (dot(*a, *a) as f64).sqrt() * (dot(*b, *b) as f64).sqrt();
                let cosine = (dot(*a, *b) as f64 / norms).min(1.0);
                let twins = group_of[*a] == group_of[*b];
                let value = if twins {
                    1.0
                } else {
                    similarity.of(cosine, homes[*a], homes[*b])
                };
                if dot(*a, *b) > 0 && value > similarity.tau {
                    let step = (group_of[*b] + groups - group_of[*a]) % groups;
                    let within = if twins {
                        (b + rows.len() - a) % rows.len()
                    } else {
                        *b
                    };
                    neighbours.push((value as f32, step, within, *b));
                    found.pairs += u64::from(a < b);
                }
            }
            neighbours.sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
            found.capped += usize::from(neighbours.len() > similarity.max_neighbours);
            for (similarity, _, _, b) in neighbours.into_iter().take(similarity.max_neighbours) {
                found.edges.push(Edge {
                    a: *a.min(&b) as u32,
                    b: *a.max(&b) as u32,
                    similarity,
                });
            }
        }
        found.edges.sort_by_key(|edge| (edge.a, edge.b));
        found.edges.dedup_by_key(|edge| (edge.a, edge.b));
        found
    }

    fn home() -> impl Strategy<Value = Home> {
        (0_u32..3, 0_u32..2).prop_map(|(provider, api)| Home {
            provider,
            api: 2 * provider + api,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn blocked_search_equals_the_naive_one(
            // Few different coordinates, so that equal vectors and equal similarities are common.
            rows in prop::collection::vec((prop::collection::vec(-1_i8..=2, 11), home()), 0..300),
            tau in 0.0_f64..0.95,
            affinity in prop::sample::select(vec![0.0, 0.2]),
            max_neighbours in 1_usize..12,
        ) {
            let values = rows.iter().flat_map(|(row, _)| row);
            let values = values.map(|value| f32::from(*value)).collect();
            let vectors = Vectors::new(11, values);
            let homes: Vec<Home> = rows.iter().map(|(_, home)| *home).collect();
            let similarity = Similarity { tau, affinity, max_neighbours };
            let fast = search(&vectors, &homes, &similarity, &mut |_, _| ());
            prop_assert_eq!(fast, naive(&vectors, &homes, &similarity));
        }
    }

    #[test]
    fn the_cap_bites_and_is_counted() {
        let vectors = Vectors::new(2, [1.0, 0.1].repeat(10));
        let homes = vec![
            Home {
                provider: 0,
                api: 0
            };
            10
        ];
        let similarity = Similarity {
            tau: 0.5,
            affinity: 0.0,
            max_neighbours: 2,
        };
        let found = search(&vectors, &homes, &similarity, &mut |_, _| ());
        assert_eq!(
            (found.edges.len(), found.pairs, found.capped, found.distinct),
            (20, 45, 10, 1)
        );
    }
}
