//! The spec compiler: a domain of tool specs becomes a world, without a language model.
//!
//! ```
//! use practicum_author::{Options, compile};
//! use practicum_corpus::read_bytes;
//!
//! // Two things joined by a key, and the functions over them, as a model's tool list has them.
//! let functions = br#"[
//!   {"name": "get_member", "description": "Get one member.", "parameters": {"type": "object",
//!     "required": ["member_id"], "properties": {"member_id": {"type": "string"}}}},
//!   {"name": "create_member", "description": "Register a member.", "parameters": {"type": "object",
//!     "required": ["full_name", "city"],
//!     "properties": {"full_name": {"type": "string"}, "city": {"type": "string"}}}},
//!   {"name": "get_loan", "description": "Get one loan.", "parameters": {"type": "object",
//!     "required": ["loan_id"], "properties": {"loan_id": {"type": "string"}}}},
//!   {"name": "list_loans", "description": "List the loans of a member.", "parameters": {"type": "object",
//!     "properties": {"member_id": {"type": "string"}}}},
//!   {"name": "create_loan", "description": "Lend a book.", "parameters": {"type": "object",
//!     "required": ["member_id", "book_title"],
//!     "properties": {"member_id": {"type": "string"}, "book_title": {"type": "string"}}}},
//!   {"name": "estimate_fine", "description": "Work out a fine.", "parameters": {"type": "object",
//!     "required": ["days"], "properties": {"days": {"type": "integer"}}}}
//! ]"#;
//! let (specs, _) = read_bytes("library.json", functions, &practicum_corpus::Options::default());
//! let authored = compile("library", "A library", &specs, &Options::default());
//!
//! let made = authored.world.expect("two tables, reads and writes");
//! let tables: Vec<&str> = made.world.schema().tables.iter().map(|table| table.name.as_str()).collect();
//! assert_eq!(tables, ["loans", "members"]);
//! assert!(made.world.tool("create_loan").is_some());
//! assert!(made.check.passed());
//!
//! // How a fine is worked out, nobody said: it is left out and listed, never guessed.
//! assert!(authored.uncertain[0].tool.ends_with("estimate_fine"));
//! ```
//!
//! # The way
//!
//! 1. Each operation is read: method, path, what it takes, what it shows without envelopes.
//! 2. Nouns become tables: columns from what is shown and taken, keys from paths and names, link tables
//!    where two things are joined by a list.
//! 3. Each operation is classified as a list, a get, a create, an update, a delete or an action that sets a
//!    status or a flag; what fits none with enough confidence is [`Uncertain`].
//! 4. Schema, tools, generators and rules are written as files, loaded and checked by `practicum-world` like
//!    a world that a person wrote. A tool that fails the check is dropped, with the reason.
//!
//! # What holds
//!
//! - Every operation became a tool or is listed in [`Authored::uncertain`].
//! - A world that comes out has passed the checker: every tool was run, every guard fired.
//! - The same specs and options give the same bytes.
mod classify;
mod compile;
mod data;
mod entity;
mod links;
mod operation;
mod plan;
mod policy;
mod render;
mod resources;
mod sql_text;
mod words;

pub use compile::{Authored, AuthoredWorld, Options, Uncertain, compile, world_names};
