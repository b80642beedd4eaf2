//! Tools become domains: groups of tools that can share one database.
//!
//! ```
//! use practicum_graph::{Operation, Options, ToolNode, domains};
//! use serde_json::json;
//!
//! let record = |name: &str| json!({"x-entity": name, "properties": {"id": {}, "title": {}}});
//! let mut tools = Vec::new();
//! for thing in ["order", "customer", "invoice"] {
//!     let given = json!({"properties": {"id": {"type": "string"}}, "required": ["id"]});
//!     for (verb, path, input) in [
//!         ("list", format!("/{thing}s"), json!({})),
//!         ("get", format!("/{thing}s/{{id}}"), given.clone()),
//!         ("delete", format!("/{thing}s/{{id}}"), given),
//!     ] {
//!         tools.push(ToolNode::from_schemas(&Operation {
//!             id: &format!("shop.example/shop#{verb}_{thing}"),
//!             provider: "shop.example",
//!             api: "shop",
//!             name: &format!("{verb}_{thing}"),
//!             path: Some(&path),
//!             input: &input,
//!             output: Some(&record(thing)),
//!             categories: &[],
//!         }));
//!     }
//! }
//! let options = Options { min_size: 3, target_size: 3, ..Options::default() };
//! let graph = domains(&tools, &options, &mut |_| ());
//! let names: Vec<&str> = graph.domains.iter().map(|domain| domain.name.as_str()).collect();
//! assert_eq!(names, ["shop-order", "shop-customer", "shop-invoice"]);
//! assert!(graph.set_aside.is_empty());
//! // Whatever needs an id finds a tool of its domain that returns it.
//! assert_eq!(graph.quality.inputs.tools_met, 6);
//! ```
//!
//! # The way
//!
//! 1. [`ToolNode::from_schemas`] keeps what an operation takes and returns, without paging, headers
//!    and envelopes, and says of each field what thing it belongs to.
//! 2. An [`Embedder`] makes a vector of that: the built-in [`Lexical`] one, or any other through
//!    [`domains_of`].
//! 3. An exact search joins tools whose similarity exceeds tau: the cosine of their vectors, with a
//!    share for being of one API or one provider ([`Options::affinity`]).
//! 4. Louvain finds communities in these edges together with the data flow inside each API: which
//!    tool returns what which other requires ([`Options::flow`]).
//! 5. Communities become domains of a usable size: too large ones are split, too small ones merged,
//!    and what is left meets its like across providers; who remains alone is set aside, with a
//!    [`Reason`].
//! 6. [`Quality`] says how good the domains are, in numbers that the baseline ([`Mode::Provider`])
//!    has too.
//!
//! Steps 2 and 3 are those of AgentScaler (arXiv 2509.13311, section 2.1), which prints neither tau
//! nor its embedder; affinity, data flow, sizes and the second round are ours. `affinity: 0.0` and
//! `flow: 0.0` switch the first two off.
//!
//! # What holds
//!
//! - The same tools and options give the same graph, bit by bit, on any machine and any number of
//!   threads.
//! - Each tool is in one domain or in [`Graph::set_aside`], never in both or neither.
//! - A domain has at least `min_size` and at most `max_size` tools.
//! - Nothing here knows SQL, a language model, files, the clock or the terminal.

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
mod word_lists;
mod words;

pub use graph::{Domain, Graph, Progress, Reason, Share, Stage, domains, domains_of};
pub use lexical::Lexical;
pub use options::{Mode, Options};
pub use quality::{Agreement, Bar, GraphCounts, Inputs, Quality, SetAside, Sizes};
pub use search::Edge;
pub use tool_node::{Field, Operation, ToolNode};
pub use vectors::{Embedder, Vectors};
