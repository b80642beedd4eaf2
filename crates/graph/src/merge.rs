//! Merging: groups that are too small find a host, and groups grow to the wanted size.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::communities::{Subject, groups_of};
use crate::csr::Csr;
use crate::louvain::renumbered;
use crate::search::Home;

/// Groups, each a node of a graph whose edges hold the weight between two groups.
struct Groups {
    size: Vec<usize>,
    /// The provider of most members.
    provider: Vec<u32>,
    links: Vec<BTreeMap<u32, f64>>,
    /// The group that each was merged into; its own number for one that still stands.
    into: Vec<u32>,
    max_size: usize,
}

impl Groups {
    fn new(graph: &Csr, homes: &[Home], labels: &[u32], max_size: usize) -> Self {
        let members = groups_of(labels);
        let coarse = graph.aggregated(labels);
        Self {
            size: members.iter().map(Vec::len).collect(),
            provider: members
                .iter()
                .map(|members| main_provider(homes, members))
                .collect(),
            links: (0..coarse.len())
                .map(|group| coarse.neighbours(group).collect())
                .collect(),
            into: (0..members.len() as u32).collect(),
            max_size,
        }
    }

    /// Whether two groups are of one provider, and small enough to become one.
    fn may_merge(&self, a: usize, b: usize) -> bool {
        self.provider[a] == self.provider[b] && self.size[a] + self.size[b] <= self.max_size
    }

    fn merge(&mut self, from: usize, to: usize) {
        self.into[from] = to as u32;
        self.size[to] += self.size[from];
        for (other, weight) in std::mem::take(&mut self.links[from]) {
            let other_links = &mut self.links[other as usize];
            other_links.remove(&(from as u32));
            if other as usize != to {
                *other_links.entry(to as u32).or_default() += weight;
                *self.links[to].entry(other).or_default() += weight;
            }
        }
    }

    fn labels(&self, labels: &[u32]) -> Vec<u32> {
        let stands = |mut label: u32| {
            while self.into[label as usize] != label {
                label = self.into[label as usize];
            }
            label
        };
        renumbered(
            &labels
                .iter()
                .map(|label| stands(*label))
                .collect::<Vec<_>>(),
        )
    }
}

/// Merges each group below the minimal size, the smallest first, into the group of its provider to
/// which the most weight leads, as long as there is one with room.
pub(crate) fn merge_small(subject: Subject<'_>, labels: &[u32]) -> Vec<u32> {
    let mut groups = Groups::new(
        subject.graph,
        subject.homes,
        labels,
        subject.options.max_size,
    );
    let small = |size: usize| size < subject.options.min_size;
    let mut queue: BinaryHeap<Reverse<(usize, usize)>> = (0..groups.size.len())
        .filter(|group| small(groups.size[*group]))
        .map(|group| Reverse((groups.size[group], group)))
        .collect();
    while let Some(Reverse((size, group))) = queue.pop() {
        if groups.into[group] != group as u32 || groups.size[group] != size {
            continue;
        }
        let mut host: Option<(usize, f64)> = None;
        for (other, weight) in &groups.links[group] {
            let other = *other as usize;
            if groups.may_merge(group, other) && host.is_none_or(|(_, most)| *weight > most) {
                host = Some((other, *weight));
            }
        }
        if let Some((host, _)) = host {
            groups.merge(group, host);
            if small(groups.size[host]) {
                queue.push(Reverse((groups.size[host], host)));
            }
        }
    }
    groups.labels(labels)
}

/// A possible merger of two groups, `a < b`, as they were when it was put down. The greatest comes
/// first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Merger {
    /// Bits of a positive number, which sort as the number does.
    closeness: u64,
    pair: Reverse<(usize, usize)>,
    sizes: (usize, usize),
}

/// Merges the two groups that are the closest, again and again, until the mean size is the wanted
/// one or nothing may merge. Closeness is the weight between two groups per tool of the smaller:
/// how much that one depends on the other.
pub(crate) fn grow(subject: Subject<'_>, labels: &[u32]) -> Vec<u32> {
    let options = subject.options;
    let mut groups = Groups::new(subject.graph, subject.homes, labels, options.max_size);
    let merger = |groups: &Groups, a: usize, b: usize, weight: f64| {
        let smaller = groups.size[a].min(groups.size[b]);
        let wanted = weight > 0.0 && smaller >= options.min_size && groups.may_merge(a, b);
        let (a, b) = (a.min(b), a.max(b));
        wanted.then(|| Merger {
            closeness: (weight / smaller as f64).to_bits(),
            pair: Reverse((a, b)),
            sizes: (groups.size[a], groups.size[b]),
        })
    };
    let large = || groups.size.iter().filter(|size| **size >= options.min_size);
    let tools: usize = large().sum();
    let mut count = large().count();
    let mut queue = BinaryHeap::new();
    for (a, links) in groups.links.iter().enumerate() {
        let later = links.range(a as u32 + 1..);
        queue.extend(later.filter_map(|(b, weight)| merger(&groups, a, *b as usize, *weight)));
    }
    while tools < options.target_size * count {
        let Some(Merger {
            pair: Reverse((a, b)),
            sizes,
            ..
        }) = queue.pop()
        else {
            break;
        };
        // A group that was merged away, or has grown since, has a newer entry or none.
        let stand = groups.into[a] == a as u32 && groups.into[b] == b as u32;
        if !stand || (groups.size[a], groups.size[b]) != sizes {
            continue;
        }
        groups.merge(b, a);
        count -= 1;
        queue.extend(
            groups.links[a]
                .iter()
                .filter_map(|(other, weight)| merger(&groups, a, *other as usize, *weight)),
        );
    }
    groups.labels(labels)
}

/// The provider of most members; of several, the first.
fn main_provider(homes: &[Home], members: &[usize]) -> u32 {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for tool in members {
        *counts.entry(homes[*tool].provider).or_default() += 1;
    }
    let mut best = (0, 0);
    for (provider, count) in counts {
        if count > best.1 {
            best = (provider, count);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    fn homes(providers: &[u32]) -> Vec<Home> {
        providers
            .iter()
            .map(|provider| Home {
                provider: *provider,
                api: *provider,
            })
            .collect()
    }

    #[test]
    fn small_groups_find_the_heaviest_host_of_their_provider() {
        // 0-2 and 3-5 are groups of provider 0; 6 leans to 3-5; 7, of provider 1, only to
        // strangers.
        let graph = Csr::new(
            8,
            [(6, 0, 1.0), (6, 3, 2.0), (7, 5, 9.0), (0, 3, 1.0)].into_iter(),
        );
        let labels = vec![0, 0, 0, 1, 1, 1, 2, 3];
        let homes = homes(&[0, 0, 0, 0, 0, 0, 0, 1]);
        let options = Options {
            min_size: 3,
            max_size: 4,
            ..Options::default()
        };
        let subject = Subject {
            graph: &graph,
            tools: &[],
            homes: &homes,
            options: &options,
        };
        assert_eq!(merge_small(subject, &labels), [0, 0, 0, 1, 1, 1, 1, 2]);
        let options = Options {
            max_size: 3,
            ..options
        };
        let full = Subject {
            options: &options,
            ..subject
        };
        assert_eq!(merge_small(full, &labels), labels);
    }

    #[test]
    fn growth_stops_at_the_wanted_mean() {
        let graph = Csr::new(6, [(0, 2, 1.0), (2, 4, 5.0), (0, 4, 2.0)].into_iter());
        let labels = [0, 0, 1, 1, 2, 2];
        let homes = homes(&[0; 6]);
        let options = Options {
            min_size: 1,
            max_size: 6,
            target_size: 3,
            ..Options::default()
        };
        let subject = Subject {
            graph: &graph,
            tools: &[],
            homes: &homes,
            options: &options,
        };
        assert_eq!(grow(subject, &labels), [0, 0, 1, 1, 1, 1]);
        let options = Options {
            target_size: 6,
            ..options
        };
        assert_eq!(
            grow(
                Subject {
                    options: &options,
                    ..subject
                },
                &labels
            ),
            [0; 6]
        );
        let options = Options {
            max_size: 3,
            ..options
        };
        assert_eq!(
            grow(
                Subject {
                    options: &options,
                    ..subject
                },
                &labels
            ),
            labels
        );
    }
}
