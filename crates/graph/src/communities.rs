//! Communities of the tool graph become groups of a usable size.

use crate::csr::Csr;
use crate::louvain::{connected, louvain};
use crate::merge;
use crate::options::Options;
use crate::provider;
use crate::search::Home;
use crate::tool_node::ToolNode;

/// Resolutions between which the search looks.
const RESOLUTIONS: (f64, f64) = (0.05, 20_000.0);
/// Louvain runs that the search may take.
const TRIALS: usize = 9;
/// A mean size that is off by no more than this factor is near enough.
const NEAR: f64 = 1.05;
/// Communities are sought this much larger than wanted: what is too large is split by its own
/// communities, at a resolution that fits it better than one for all does.
const HEADROOM: f64 = 1.25;
/// Where no resolution up to this one splits a community, it has no communities inside.
const MAX_INNER_RESOLUTION: f64 = 64.0;

/// Groups of tools, with the resolution at which they were found. Groups below the minimal size are
/// those that found nobody to merge with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Partition {
    pub(crate) groups: Vec<Vec<usize>>,
    pub(crate) resolution: f64,
}

/// What is to be grouped.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) graph: &'a Csr,
    pub(crate) tools: &'a [&'a ToolNode],
    pub(crate) homes: &'a [Home],
    pub(crate) options: &'a Options,
}

/// Communities whose mean size is about the wanted one; split where too large, merged where too
/// small, and, since splitting has made them smaller, grown to the wanted mean again. `progress`
/// gets (trials done, trials at most).
pub(crate) fn communities(
    subject: Subject<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Partition {
    let resolution = match subject.options.resolution {
        Some(resolution) => resolution,
        None => searched(subject, progress),
    };
    let Partition { groups, .. } = at(subject, resolution);
    let labels = merge::grow(subject, &labels_of(&groups, subject.graph.len()));
    Partition {
        groups: groups_of(&labels),
        resolution,
    }
}

/// The communities at one resolution, none too large; those below the minimal size merged where
/// possible.
pub(crate) fn at(subject: Subject<'_>, resolution: f64) -> Partition {
    let mut pieces = Vec::new();
    for members in groups_of(&louvain(subject.graph, resolution, subject.options.seed)) {
        split(subject, members, &mut pieces);
    }
    let labels = connected(subject.graph, &labels_of(&pieces, subject.graph.len()));
    let labels = merge::merge_small(subject, &labels);
    Partition {
        groups: groups_of(&labels),
        resolution,
    }
}

/// The members of each label, in the labels' order.
pub(crate) fn groups_of(labels: &[u32]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (node, label) in labels.iter().enumerate() {
        let label = *label as usize;
        if groups.len() <= label {
            groups.resize(label + 1, Vec::new());
        }
        groups[label].push(node);
    }
    groups
}

/// The group of each node; every node is in one.
fn labels_of(groups: &[Vec<usize>], nodes: usize) -> Vec<u32> {
    let mut labels = vec![0; nodes];
    for (label, members) in groups.iter().enumerate() {
        for node in members {
            labels[*node] = label as u32;
        }
    }
    labels
}

/// The resolution at which communities have the wanted mean size, with headroom. Sizes fall as
/// resolution grows, nearly always, so that halving the range (of the logarithm) finds it.
fn searched(subject: Subject<'_>, progress: &mut dyn FnMut(usize, usize)) -> f64 {
    let wanted = HEADROOM * subject.options.target_size as f64;
    let (mut low, mut high) = RESOLUTIONS;
    let (mut best, mut least) = (1.0, f64::INFINITY);
    for trial in 1..=TRIALS {
        let resolution = (low * high).sqrt();
        let groups = groups_of(&louvain(subject.graph, resolution, subject.options.seed));
        let size = mean_size(&groups, subject.options.min_size);
        // Half as large is as far off as twice as large.
        let off = if size > wanted {
            size / wanted
        } else {
            wanted / size.max(f64::MIN_POSITIVE)
        };
        if off < least {
            (least, best) = (off, resolution);
        }
        progress(trial, TRIALS);
        if least < NEAR {
            break;
        }
        if size > wanted {
            low = resolution;
        } else {
            high = resolution;
        }
    }
    best
}

/// Mean size of the groups that are large enough; 0 where none is.
fn mean_size(groups: &[Vec<usize>], min_size: usize) -> f64 {
    let sizes = || groups.iter().map(Vec::len).filter(|size| *size >= min_size);
    sizes().sum::<usize>() as f64 / sizes().count().max(1) as f64
}

/// Splits a community until nothing is larger than allowed: by its own communities, and where it
/// has none, by provider, API and resource.
fn split(subject: Subject<'_>, members: Vec<usize>, out: &mut Vec<Vec<usize>>) {
    let max_size = subject.options.max_size;
    let mut waiting = vec![members];
    while let Some(members) = waiting.pop() {
        if members.len() <= max_size {
            out.push(members);
        } else if let Some(parts) = inner_communities(subject, &members) {
            waiting.extend(parts);
        } else {
            out.extend(provider::split(subject.tools, members, max_size));
        }
    }
}

/// The communities among some nodes, at the lowest resolution that shows any.
fn inner_communities(subject: Subject<'_>, members: &[usize]) -> Option<Vec<Vec<usize>>> {
    let options = subject.options;
    let inner = subject.graph.induced(members);
    let mut resolution = 1.0;
    while resolution <= MAX_INNER_RESOLUTION {
        let parts = groups_of(&louvain(&inner, resolution, options.seed));
        let sizes = parts.iter().map(Vec::len);
        let large: Vec<usize> = sizes.filter(|size| *size >= options.min_size).collect();
        // Dust is no split.
        if large.len() > 1 && 2 * large.iter().sum::<usize>() > members.len() {
            let own = |part: Vec<usize>| part.into_iter().map(|place| members[place]).collect();
            return Some(parts.into_iter().map(own).collect());
        }
        resolution *= 2.0;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::homes;

    /// `cliques` cliques of `size` nodes, each joined to the next by one light edge.
    fn chain(cliques: usize, size: usize) -> Csr {
        let mut edges = Vec::new();
        for clique in 0..cliques {
            let first = clique * size;
            for a in first..first + size {
                edges.extend((a + 1..first + size).map(|b| (a as u32, b as u32, 1.0)));
            }
            if clique > 0 {
                edges.push((first as u32 - 1, first as u32, 0.1));
            }
        }
        Csr::new(cliques * size, edges.into_iter())
    }

    fn sizes(graph: &Csr, options: &Options) -> Vec<usize> {
        let tool = ToolNode::default();
        let tools = vec![&tool; graph.len()];
        let homes = homes(&vec![tool.clone(); graph.len()]);
        let subject = Subject {
            graph,
            tools: &tools,
            homes: &homes,
            options,
        };
        let partition = communities(subject, &mut |_, _| ());
        partition.groups.iter().map(Vec::len).collect()
    }

    #[test]
    fn sizes_follow_the_options() {
        let graph = chain(12, 6);
        let asked = |target_size, max_size| Options {
            target_size,
            max_size,
            ..Options::default()
        };
        assert_eq!(sizes(&graph, &asked(6, 9)), [6; 12]);
        let larger = sizes(&graph, &asked(18, 24));
        assert!((3..=5).contains(&larger.len()), "{larger:?}");
        assert!(larger.iter().all(|size| size % 6 == 0), "{larger:?}");
    }

    #[test]
    fn what_has_no_communities_is_cut_evenly() {
        let graph = chain(1, 40);
        assert_eq!(
            sizes(
                &graph,
                &Options {
                    max_size: 15,
                    target_size: 15,
                    ..Options::default()
                }
            ),
            [14, 14, 12]
        );
    }
}
