//! Executable, verifiable worlds: a folder of SQL, TOML and prose becomes sessions in which an agent acts
//! and is judged.
//!
//! ```
//! use practicum_world::{
//!     AcceptedEnd, Expectation, Outcome, StateSpec, Transcript, World, WorldFiles, verify,
//! };
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A world is a folder; here it is written in memory. `World::load` reads one from the disk.
//! let mut files = WorldFiles::new();
//! files.insert("world.toml", r#"
//!     format = 1
//!     name = "library"
//!     title = "A small library"
//!     clock = "2026-03-02T09:00:00Z"
//! "#);
//! files.insert("schema.sql", r#"
//!     CREATE TABLE books (book_id TEXT PRIMARY KEY, title TEXT NOT NULL) STRICT;
//!     CREATE TABLE loans (
//!       loan_id TEXT PRIMARY KEY DEFAULT (new_id('L')),
//!       book_id TEXT NOT NULL REFERENCES books (book_id),
//!       reader  TEXT NOT NULL,
//!       lent_at TEXT NOT NULL DEFAULT (now())
//!     ) STRICT;
//! "#);
//! files.insert("data.toml", r#"
//!     [[table]]
//!     name = "books"
//!     rows = 8
//!     columns.book_id = { id = "B" }
//!     columns.title = { fake = "title" }
//!     [[table]]
//!     name = "loans"
//!     rows = 0
//! "#);
//! files.insert("tools/lend_book.toml", r#"
//!     name = "lend_book"
//!     description = "Lend a book to a reader."
//!     [input]
//!     type = "object"
//!     required = ["book_id", "reader"]
//!     properties.book_id = { type = "string" }
//!     properties.reader = { type = "string" }
//!     [[step]]
//!     require = "SELECT 1 FROM books WHERE book_id = :book_id"
//!     error = "There is no book {book_id}."
//!     [[step]]
//!     reject = "SELECT reader FROM loans WHERE book_id = :book_id"
//!     error = "{reader} has that book."
//!     [[step]]
//!     run = "INSERT INTO loans (book_id, reader) VALUES (:book_id, :reader)"
//!     [[step]]
//!     return = "SELECT loan_id, book_id FROM loans WHERE book_id = :book_id"
//! "#);
//! let world = World::from_files(&files)?;
//!
//! // What a tool does is known from its SQL: proven, not declared.
//! let tool = world.tool("lend_book").unwrap();
//! assert!(!tool.effects.read_only);
//!
//! // A state is made once; its sessions are cheap and independent.
//! let state = world.state(&StateSpec::generated("small", 7))?;
//! let book = state.query("SELECT book_id FROM books", &[])?[0][0].clone();
//! let lend = |reader: &str| json!({"book_id": book, "reader": reader});
//!
//! // Gold: what a right end looks like.
//! let mut gold = state.session(1)?;
//! assert!(gold.call("lend_book", &lend("Ada")).is_ok());
//! let end = AcceptedEnd { diff: gold.diff()?, texts: Vec::new() };
//! let expectation = Expectation {
//!     outcome: Outcome::Done,
//!     reason: None,
//!     ends: vec![end],
//!     facts: Vec::new(),
//!     grounds: Vec::new(),
//!     looked: Vec::new(),
//! };
//!
//! // An agent acts. A call that fails changes nothing and says why.
//! let mut session = state.session(2)?;
//! let refused = session.call("lend_book", &json!({"book_id": "B0", "reader": "Ada"}));
//! assert_eq!(refused.content(), r#"{"error":{"type":"refused","message":"There is no book B0."}}"#);
//! session.call("lend_book", &lend("Ada"));
//!
//! // The loan's id and the hour differ from gold's; the end is the same.
//! let transcript = Transcript { outcome: Some(Outcome::Done), ..Transcript::default() };
//! assert!(verify(&mut session, &transcript, &expectation)?.passed);
//!
//! // Saying that it is done without doing it fails.
//! session.reset(3)?;
//! let verdict = verify(&mut session, &transcript, &expectation)?;
//! assert!(!verdict.passed);
//! assert_eq!(verdict.reward(), Some(0.0));
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! - What a tool reads and writes, and which argument stands for which column, is collected from SQLite's
//!   authorizer and the parsed statements when the world is loaded ([`Tool::effects`], [`Tool::flow`]).
//! - The same world, state, seed and calls give the same bytes, on any machine.
//! - A failed call changes nothing, unless `[compatibility]` says so. Calls are serial within a session,
//!   sessions independent.
//! - A world is safe to run unseen: statements are an allow-list, and steps, strings, rows, bytes and
//!   pages are limited.
//! - Ends are compared up to renaming of the ids that a session minted ([`compare`]), column by column
//!   as its [`Role`] says.
//! - [`verify`] is a function of session, transcript and expectation, and of nothing else. What it cannot
//!   decide within its budget is a fault of the verifier, never a reward of 0.
//! - An [`Agreement`] serves one call with its very arguments, as long as that call still does what it would
//!   have done when the user agreed.

/// The page's Rust blocks are run as examples.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/world-format.md")]
mod world_format {}

mod agreement;
mod arguments;
mod cell;
mod check;
mod connection;
mod diff;
mod equal;
mod execute;
mod export;
mod facts;
mod fakes;
mod files;
pub mod format;
mod functions;
mod generate;
mod group;
mod instant;
mod journal;
mod live;
mod policy;
mod problem;
mod program;
mod python;
mod reading;
mod reason;
mod recover;
mod reply;
mod rng;
mod roles;
mod sample;
mod session;
mod sessions;
mod snapshot;
mod speller;
mod spray;
mod sql;
mod state;
mod test_run;
mod transcript;
mod verdict;
mod world;

pub use arguments::{Parameter, schema_type};
pub use cell::{Cell, Row};
pub use check::{CheckOptions, CheckReport, ToolCheck};
pub use diff::{Diff, RowChange};
pub use equal::{AcceptedEnd, Comparison, Renaming, TextCell, TextRule, canonical_json, compare};
pub use fakes::KINDS as FAKE_KINDS;
pub use files::{FilesError, WorldFiles};
pub use format::Actor;
pub use functions::{FUNCTIONS, Functions, LookBack, PureFunction};
pub use generate::GenerateError;
pub use journal::JournalError;
pub use policy::{Effect, Rule};
pub use problem::{Problem, Severity};
pub use program::{Guard, Tool, ToolEffects, ToolFlow};
pub use python::{python_float, python_sorted};
pub use recover::{Recovered, StateKey};
pub use reply::{CallError, ErrorKind, Reply};
pub use rng::Draws;
pub use roles::{Identity, ROLE_NAMES, Role, argument_schema};
pub use sample::{Sampler, as_type, fresh};
pub use session::{CallRecord, Session};
pub use sessions::{Request, Sessions, SessionsError};
pub use snapshot::{Snapshot, SnapshotError};
pub use speller::{Answer, FactKind, spellings};
pub use sql::{
    Column, ColumnRef, ColumnType, Compare, Comparison as ArgumentComparison, ForeignKey, Origins,
    REFUSED_FUNCTIONS, ResultField, Schema, Store, StoreKind, Table, TableKind,
};
pub use state::{AddedRow, State, StateError, StateSpec};
pub use test_run::TestResult;
pub use transcript::{Agreement, Outcome, Transcript};
pub use verdict::{Clause, Expectation, Fact, Support, Verdict, verify};
pub use world::{LoadError, World};
