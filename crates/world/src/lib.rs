//! Executable, verifiable worlds.

mod arguments;
mod cell;
mod check;
mod connection;
mod diff;
mod equal;
mod execute;
mod fakes;
mod files;
pub mod format;
mod functions;
mod generate;
mod instant;
mod live;
mod policy;
mod problem;
mod program;
mod reply;
mod rng;
mod roles;
mod sample;
mod session;
mod speller;
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
pub use functions::{Functions, PureFunction};
pub use generate::GenerateError;
pub use policy::{Effect, Rule};
pub use problem::{Problem, Severity};
pub use program::{Guard, Tool, ToolEffects, ToolFlow};
pub use reply::{CallError, ErrorKind, Reply};
pub use rng::Draws;
pub use roles::{Identity, Role, argument_schema};
pub use sample::{Sampler, as_type, fresh};
pub use session::{CallRecord, Session};
pub use speller::{Answer, FactKind, spellings};
pub use sql::{
    Column, ColumnRef, ColumnType, Compare, Comparison as ArgumentComparison, ForeignKey, Origins,
    ResultField, Schema, Store, StoreKind, Table, TableKind,
};
pub use state::{State, StateError, StateSpec};
pub use test_run::TestResult;
pub use transcript::{Agreement, Outcome, Transcript};
pub use verdict::{Clause, Expectation, Fact, Support, Verdict, verify};
pub use world::{LoadError, World};
