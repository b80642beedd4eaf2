//! Tools become domains.
mod arithmetic;
mod communities;
mod csr;
mod graph;
mod joins;
mod lexical;
mod louvain;
mod merge;
mod mutual_information;
mod naming;
mod options;
mod provider;
mod quality;
mod search;
mod tool_node;
mod vectors;
mod words;

pub use graph::{Domain, Graph, Progress, Reason, Share, Stage, domains, domains_of};
pub use lexical::Lexical;
pub use options::{Mode, Options};
pub use quality::{Agreement, Bar, GraphCounts, Inputs, Quality, SetAside, Sizes};
pub use search::Edge;
pub use tool_node::{Field, Operation, ToolNode};
pub use vectors::{Embedder, Vectors};
/// tmp
pub fn tmp_met(tools: &[ToolNode], domains: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let j = joins::Joins::of(tools);
    let mut out = vec![(0, 0); tools.len()];
    for d in domains {
        j.each(d, &mut |t, found| {
            out[t] = (found.len(), found.iter().filter(|f| **f).count())
        });
    }
    out
}
