//! Served worlds: episodes for the clients that people run.
//!
//! [`Episodes`] is the core, and knows no network: sessions of worlds with what was said in them, the world's
//! tools and beside them `say` and `finish`, a verdict after the end. [`Server`] gives them places, with a queue,
//! and takes them back; [`routes()`] offers them over HTTP, behind a [`Door`]: a REST API and OpenEnv's protocol for who
//! runs agents, which resets, forks and judges, and MCP for agents, which acts and nothing else. [`listen()`]
//! takes up connections; [`stdio()`] serves one agent without any.
//!
//! # What holds
//!
//! - Nothing of a task's gold, of the rules, or of a reward is told before an episode has ended.
//! - An act is in the journal before its reply is given; one that is sent again under the same request id
//!   is answered as before.
//! - This crate reads no clock and makes no random numbers: both are the caller's.

mod catalogue;
mod door;
mod episodes;
mod listen;
mod mcp;
mod metrics;
mod openapi;
mod openenv;
mod rest;
mod routes;
mod seal;
mod server;
mod story;

pub use catalogue::{Catalogue, CatalogueError, OWN_TOOLS, Start, StartError, Wanted};
pub use door::Door;
pub use episodes::{
    Act, EpisodeSnapshot, Episodes, EpisodesError, Judgement, Observation, Opening,
    RecoveredEpisodes, View,
};
pub use listen::listen;
pub use mcp::{StdioError, stdio};
pub use openenv::openenv_manifest;
pub use routes::routes;
pub use server::{Capacity, Server};
