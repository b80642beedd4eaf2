//! The graph: tools, edges, domains, and the way from one to the other.

use serde::{Deserialize, Serialize};

use crate::communities::{self, Subject};
use crate::csr::Csr;
use crate::joins::Joins;
use crate::lexical::Lexical;
use crate::louvain::modularity;
use crate::naming;
use crate::options::{Mode, Options};
use crate::provider;
use crate::quality::{Agreement, GraphCounts, Inputs, Quality, SetAside, Sizes, several_providers};
use crate::search::{Edge, Found, Home, Similarity, homes, search};
use crate::tool_node::ToolNode;
use crate::vectors::{Embedder, Vectors};

/// What an edge that barely passes tau still weighs.
const LEAST_WEIGHT: f64 = 0.01;

/// A tool graph and its domains. Tools are named by their index in the slice that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    /// Pairs above tau, in the order of `(a, b)`.
    pub edges: Vec<Edge>,
    /// In the order of their first tools.
    pub domains: Vec<Domain>,
    /// Tools that are in no domain, with the reason; in the tools' order.
    pub set_aside: Vec<(usize, Reason)>,
    /// How good the domains are.
    pub quality: Quality,
}

/// Tools that can share one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// `[a-z0-9-]`, unique in its graph: the provider and the most characteristic words.
    pub name: String,
    /// Indices of its tools, ascending.
    pub tools: Vec<usize>,
    /// Whose tools they are, most first.
    pub providers: Vec<Share>,
    /// What sets it apart from other domains, most characteristic first; six at most.
    pub words: Vec<String>,
}

/// A provider's share in a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// See [`ToolNode::provider`].
    pub provider: String,
    /// Its tools.
    pub tools: usize,
}

/// Why a tool is in no domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It has neither fields nor nouns: its vector is zero.
    NoContent,
    /// No other tool is similar enough.
    NoNeighbour,
    /// Those to which it is similar are too few for a domain, and no domain of its provider with
    /// room for them is near.
    TooFew,
}

/// How far the work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Steps done of this stage.
    pub done: usize,
    /// Steps of this stage, at most.
    pub total: usize,
}

/// The stages of [`domains`], in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Tools become vectors.
    Embedding,
    /// Vectors become edges.
    Searching,
    /// Edges become domains.
    Clustering,
}

/// Divides tools into domains, with the [`Lexical`] embedder.
///
/// The result depends on nothing but the arguments: not on the number of threads, not on the
/// machine. `progress` is called from the calling thread.
pub fn domains(tools: &[ToolNode], options: &Options, progress: &mut dyn FnMut(Progress)) -> Graph {
    progress(Progress::of(Stage::Embedding, 0, 1));
    let vectors = Lexical::default().embed(tools);
    progress(Progress::of(Stage::Embedding, 1, 1));
    domains_of(tools, &vectors, options, progress)
}

/// Like [`domains`], with vectors that any [`Embedder`] has made. A tool beyond the last vector has
/// no content.
pub fn domains_of(
    tools: &[ToolNode],
    vectors: &Vectors,
    options: &Options,
    progress: &mut dyn FnMut(Progress),
) -> Graph {
    let options = &options.in_range();
    let homes = homes(tools);
    let mut searching = |done, total| progress(Progress::of(Stage::Searching, done, total));
    let mut found = search(
        vectors,
        &homes,
        &similarity(options, options.affinity),
        &mut searching,
    );
    let joins = Joins::of(tools);
    let flows = joins.flows(tools, &homes);
    let nodes: Vec<&ToolNode> = tools.iter().collect();
    let (groups, resolution) = match options.mode {
        Mode::Provider => (provider::specs(&nodes, options.max_size), None),
        Mode::Communities => {
            let flow = f64::from(options.flow);
            let flowing = flows.iter().map(|(a, b, weight)| (*a, *b, flow * weight));
            let edges = edge_weights(&found.edges, options);
            let graph = Csr::new(
                tools.len(),
                edges.chain(flowing.filter(|edge| edge.2 > 0.0)),
            );
            let subject = Subject {
                graph: &graph,
                tools: &nodes,
                homes: &homes,
                options,
            };
            let mut clustering =
                |done, total| progress(Progress::of(Stage::Clustering, done, total));
            let mut partition = communities::communities(subject, &mut clustering);
            topics(&nodes, vectors, options, &mut partition.groups, &mut found);
            (partition.groups, Some(partition.resolution))
        }
    };
    let (mut placed, left) = sorted_out(groups, options.min_size);
    placed.sort_unstable();
    let graph = Csr::new(tools.len(), edge_weights(&found.edges, options));
    let set_aside: Vec<(usize, Reason)> = left
        .iter()
        .map(|tool| (*tool, reason(*tool, vectors, &graph, options.mode)))
        .collect();
    let count = |reason| {
        set_aside
            .iter()
            .filter(|(_, found)| *found == reason)
            .count()
    };
    let quality = Quality {
        mode: options.mode,
        tools: tools.len(),
        placed: tools.len() - left.len(),
        set_aside: SetAside {
            no_content: count(Reason::NoContent),
            no_neighbour: count(Reason::NoNeighbour),
            too_few: count(Reason::TooFew),
        },
        domains: placed.len(),
        several_providers: several_providers(tools, &placed),
        sizes: Sizes::of(placed.iter().map(Vec::len).collect()),
        graph: GraphCounts {
            edges: found.edges.len(),
            pairs_above_tau: found.pairs,
            capped_tools: found.capped,
            distinct_vectors: found.distinct,
            flows: flows.len(),
        },
        resolution,
        modularity: modularity(&graph, &labels(&placed, &left, tools.len()), 1.0),
        providers: Agreement::of(&placed, |tool| Some(tools[tool].provider.as_str())),
        categories: Agreement::of(&placed, |tool| {
            tools[tool].categories.first().map(String::as_str)
        }),
        inputs: Inputs::of(&joins, &placed, &left),
    };
    let names = naming::names(tools, &placed);
    let domains = placed
        .into_iter()
        .zip(names)
        .map(|(members, (name, words))| Domain {
            name,
            providers: shares(tools, &members),
            tools: members,
            words,
        });
    Graph {
        domains: domains.collect(),
        edges: found.edges,
        set_aside,
        quality,
    }
}

impl Progress {
    fn of(stage: Stage, done: usize, total: usize) -> Self {
        Self { stage, done, total }
    }
}

fn similarity(options: &Options, affinity: f32) -> Similarity {
    Similarity {
        tau: options.tau.into(),
        affinity: affinity.into(),
        max_neighbours: options.max_neighbours,
    }
}

/// Similarity above tau, from next to nothing to 1: what lies below says nothing about who belongs
/// together.
fn edge_weights(
    edges: &[Edge],
    options: &Options,
) -> impl Iterator<Item = (u32, u32, f64)> + Clone {
    let tau = f64::from(options.tau);
    edges.iter().map(move |edge| {
        let above = (f64::from(edge.similarity) - tau) / (1.0 - tau);
        (edge.a, edge.b, above.max(0.0) + LEAST_WEIGHT)
    })
}

/// The groups that are large enough, and the members of the others, ascending.
fn sorted_out(groups: Vec<Vec<usize>>, min_size: usize) -> (Vec<Vec<usize>>, Vec<usize>) {
    let (placed, left): (Vec<_>, Vec<_>) = groups
        .into_iter()
        .partition(|group| group.len() >= min_size);
    let mut left: Vec<usize> = left.into_iter().flatten().collect();
    left.sort_unstable();
    (placed, left)
}

/// A second round for the tools that found no domain at home, most of them from APIs of one or two
/// operations: plain cosine, whosever they are. Weather tools of five providers make a domain.
fn topics(
    tools: &[&ToolNode],
    vectors: &Vectors,
    options: &Options,
    groups: &mut Vec<Vec<usize>>,
    found: &mut Found,
) {
    let (placed, left) = sorted_out(std::mem::take(groups), options.min_size);
    *groups = placed;
    let rows: Vec<&[f32]> = vectors.rows().collect();
    let nothing = vec![0.0; vectors.dimension()];
    let row = |tool: &usize| rows.get(*tool).map_or(nothing.as_slice(), |row| row);
    let values = left.iter().flat_map(row).copied().collect();
    let vectors = Vectors::new(vectors.dimension(), values);
    let homes = vec![
        Home {
            provider: 0,
            api: 0
        };
        left.len()
    ];
    let among = search(&vectors, &homes, &similarity(options, 0.0), &mut |_, _| ());
    let graph = Csr::new(left.len(), edge_weights(&among.edges, options));
    let nodes: Vec<&ToolNode> = left.iter().map(|tool| tools[*tool]).collect();
    let subject = Subject {
        graph: &graph,
        tools: &nodes,
        homes: &homes,
        options,
    };
    for group in communities::at(subject, 1.0).groups {
        groups.push(group.into_iter().map(|place| left[place]).collect());
    }
    found.edges.extend(among.edges.into_iter().map(|edge| Edge {
        a: left[edge.a as usize] as u32,
        b: left[edge.b as usize] as u32,
        similarity: edge.similarity,
    }));
    // Of two edges, one with and one without affinity, the stronger.
    found.edges.sort_unstable_by(|x, y| {
        (x.a, x.b)
            .cmp(&(y.a, y.b))
            .then(y.similarity.total_cmp(&x.similarity))
    });
    found.edges.dedup_by_key(|edge| (edge.a, edge.b));
}

fn reason(tool: usize, vectors: &Vectors, graph: &Csr, mode: Mode) -> Reason {
    let mut row = vectors.rows().nth(tool).into_iter().flatten();
    match mode {
        Mode::Provider => Reason::TooFew,
        Mode::Communities if row.all(|value| *value == 0.0) => Reason::NoContent,
        Mode::Communities if graph.neighbours(tool).next().is_none() => Reason::NoNeighbour,
        Mode::Communities => Reason::TooFew,
    }
}

/// A label for each tool: its domain, or its own.
fn labels(domains: &[Vec<usize>], left: &[usize], tools: usize) -> Vec<u32> {
    let alone = left.iter().map(std::slice::from_ref);
    let mut labels = vec![0; tools];
    for (label, members) in domains.iter().map(Vec::as_slice).chain(alone).enumerate() {
        for tool in members {
            labels[*tool] = label as u32;
        }
    }
    labels
}

fn shares(tools: &[ToolNode], members: &[usize]) -> Vec<Share> {
    let mut providers: Vec<&str> = members
        .iter()
        .map(|tool| tools[*tool].provider.as_str())
        .collect();
    providers.sort_unstable();
    let mut shares: Vec<Share> = providers
        .chunk_by(|a, b| a == b)
        .map(|same| Share {
            provider: same[0].to_owned(),
            tools: same.len(),
        })
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.tools));
    shares
}
