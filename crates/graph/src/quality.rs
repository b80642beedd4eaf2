//! Quality: how good a division into domains is, in numbers.

use serde::{Deserialize, Serialize};

use crate::joins::Joins;
use crate::mutual_information::{adjusted_mutual_information, purity};
use crate::options::Mode;
use crate::tool_node::ToolNode;

/// The report on a division into domains.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// How tools were grouped.
    pub mode: Mode,
    /// Tools that were given.
    pub tools: usize,
    /// Tools that are in a domain.
    pub placed: usize,
    /// Tools that are in none, by reason.
    pub set_aside: SetAside,
    /// Domains.
    pub domains: usize,
    /// Domains with tools of more than one provider.
    pub several_providers: usize,
    /// How many tools the domains have.
    pub sizes: Sizes,
    /// The tool graph.
    pub graph: GraphCounts,
    /// Louvain's resolution: the given one, or the one that was found. Absent in
    /// [`Mode::Provider`].
    pub resolution: Option<f64>,
    /// Modularity of the domains in the similarity graph, at resolution 1; a tool that is set aside
    /// is a domain of its own.
    pub modularity: f64,
    /// Agreement with the tools' providers.
    pub providers: Agreement,
    /// Agreement with the first category that the specs state.
    pub categories: Agreement,
    /// Required inputs that another tool of the same domain produces.
    pub inputs: Inputs,
}

/// Tools that are in no domain, by [`Reason`](crate::Reason).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// See [`Reason::NoContent`](crate::Reason::NoContent).
    pub no_content: usize,
    /// See [`Reason::NoNeighbour`](crate::Reason::NoNeighbour).
    pub no_neighbour: usize,
    /// See [`Reason::TooFew`](crate::Reason::TooFew).
    pub too_few: usize,
}

/// What the tool graph is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphCounts {
    /// Edges that were kept.
    pub edges: usize,
    /// Pairs of tools above tau, with those that the cap on neighbours left out.
    pub pairs_above_tau: u64,
    /// Tools that have more neighbours above tau than they may keep.
    pub capped_tools: usize,
    /// Different vectors, counted by API.
    pub distinct_vectors: usize,
    /// Pairs of tools of one API of which one produces what the other requires.
    pub flows: usize,
}

/// The distribution of the domains' sizes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sizes {
    /// The smallest.
    pub min: usize,
    /// The first quartile.
    pub lower_quartile: usize,
    /// The middle one.
    pub median: usize,
    /// The third quartile.
    pub upper_quartile: usize,
    /// The largest.
    pub max: usize,
    /// The mean.
    pub mean: f64,
    /// Bars of doubling width, from size 1.
    pub histogram: Vec<Bar>,
}

/// A bar of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    /// The least size that it counts.
    pub from: usize,
    /// The greatest size that it counts.
    pub to: usize,
    /// Domains.
    pub domains: usize,
}

/// How well domains agree with labels; tools in no domain and tools without a label do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Tools that count.
    pub tools: usize,
    /// Adjusted mutual information (Vinh, Epps and Bailey 2010): 1 for equal divisions, about 0 for
    /// unrelated ones.
    pub adjusted_mutual_information: f64,
    /// Share of tools that carry the commonest label of their domain.
    pub purity: f64,
}

/// Required inputs, and those that another tool of the same domain produces. A tool that is set
/// aside has nobody to produce for it, so that leaving tools out does not look like a gain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// Tools that require something.
    pub tools: usize,
    /// Those of which every required input is produced.
    pub tools_met: usize,
    /// `tools_met / tools`.
    pub tools_met_share: f64,
    /// Required inputs.
    pub inputs: usize,
    /// Those that are produced.
    pub inputs_met: usize,
    /// Required inputs whose name ends on what identifies a thing (`id`, `key`, `name`,
    /// `number`...).
    pub identifiers: usize,
    /// Those that are produced.
    pub identifiers_met: usize,
}

impl Sizes {
    /// Of any sizes, in any order.
    pub(crate) fn of(mut sizes: Vec<usize>) -> Self {
        sizes.sort_unstable();
        let (Some(min), Some(max)) = (sizes.first().copied(), sizes.last().copied()) else {
            return Self::default();
        };
        // The nearest rank.
        let quantile = |quarters: usize| sizes[((sizes.len() - 1) * quarters + 2) / 4];
        let mut histogram = Vec::new();
        let mut from = 1;
        while from <= max {
            let to = 2 * from - 1;
            let domains = sizes
                .iter()
                .filter(|size| (from..=to).contains(*size))
                .count();
            histogram.push(Bar { from, to, domains });
            from = to + 1;
        }
        Self {
            min,
            lower_quartile: quantile(1),
            median: quantile(2),
            upper_quartile: quantile(3),
            max,
            mean: sizes.iter().sum::<usize>() as f64 / sizes.len() as f64,
            histogram,
        }
    }
}

impl Agreement {
    /// Of domains with the labels of their tools.
    pub(crate) fn of<'a>(domains: &[Vec<usize>], label: impl Fn(usize) -> Option<&'a str>) -> Self {
        let mut names: Vec<&str> = domains
            .iter()
            .flatten()
            .filter_map(|tool| label(*tool))
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut pairs = Vec::new();
        for (domain, tools) in domains.iter().enumerate() {
            for name in tools.iter().filter_map(|tool| label(*tool)) {
                let rank = names.binary_search(&name).unwrap_or_else(|place| place);
                pairs.push((domain as u32, rank as u32));
            }
        }
        if pairs.is_empty() {
            return Self::default();
        }
        Self {
            tools: pairs.len(),
            adjusted_mutual_information: adjusted_mutual_information(&pairs),
            purity: purity(&pairs),
        }
    }
}

impl Inputs {
    pub(crate) fn of(joins: &Joins, domains: &[Vec<usize>], set_aside: &[usize]) -> Self {
        let mut all = Self::default();
        let alone = set_aside.iter().map(std::slice::from_ref);
        for domain in domains.iter().map(Vec::as_slice).chain(alone) {
            let met = joins.met(domain);
            all.tools += met.tools;
            all.tools_met += met.tools_met;
            all.inputs += met.inputs;
            all.inputs_met += met.inputs_met;
            all.identifiers += met.identifiers;
            all.identifiers_met += met.identifiers_met;
        }
        all.tools_met_share = all.tools_met as f64 / all.tools.max(1) as f64;
        all
    }
}

/// Domains with tools of more than one provider.
pub(crate) fn several_providers(tools: &[ToolNode], domains: &[Vec<usize>]) -> usize {
    let several = |domain: &&Vec<usize>| {
        domain
            .iter()
            .any(|tool| tools[*tool].provider != tools[domain[0]].provider)
    };
    domains.iter().filter(several).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_by_hand() {
        let sizes = Sizes::of(vec![9, 5, 5, 30, 7]);
        assert_eq!(
            (
                sizes.min,
                sizes.lower_quartile,
                sizes.median,
                sizes.upper_quartile,
                sizes.max
            ),
            (5, 5, 7, 9, 30)
        );
        assert!((sizes.mean - 11.2).abs() < 1e-12);
        let bars: Vec<_> = sizes
            .histogram
            .iter()
            .map(|bar| (bar.from, bar.to, bar.domains))
            .collect();
        assert_eq!(
            bars,
            [(1, 1, 0), (2, 3, 0), (4, 7, 3), (8, 15, 1), (16, 31, 1)]
        );
        assert_eq!(Sizes::of(Vec::new()), Sizes::default());
    }

    #[test]
    fn agreement_ignores_what_has_no_label() {
        let labels = [Some("a"), Some("a"), None, Some("b")];
        let agreement = Agreement::of(&[vec![0, 1, 2], vec![3]], |tool| labels[tool]);
        assert_eq!(agreement.tools, 3);
        assert!((agreement.adjusted_mutual_information - 1.0).abs() < 1e-12);
        assert!((agreement.purity - 1.0).abs() < 1e-12);
        assert_eq!(
            Agreement::of(&[vec![2]], |tool| labels[tool]),
            Agreement::default()
        );
    }
}
