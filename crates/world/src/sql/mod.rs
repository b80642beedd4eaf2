//! SQL text: parsing, the allow-list, what a statement touches, and how values flow through it.
//!
//! The only module that sees the SQL parser.

mod access;
mod flow;
mod keys;
mod parse;
mod schema;
mod walk;

pub(crate) use access::{Access, AccessLog, Text};
pub use flow::{Compare, Comparison, Origins, ResultField, Store, StoreKind};
pub(crate) use flow::{Environment, Flow, analyse};
pub(crate) use keys::{KeyGroup, Keyed, with_keys};
pub(crate) use parse::{Kind, Parsed, parse_program, parse_schema, trigger_cycle};
pub use schema::{Column, ColumnRef, ColumnType, ForeignKey, Schema, Table, TableKind};

/// An SQL identifier in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
