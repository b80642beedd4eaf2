//! SQL text: parsing, the allow-list, what a statement touches, and how values flow through it.
//!
//! The only module that sees the SQL parser.

mod access;
mod flow;
mod guard;
mod keys;
mod parse;
mod schema;
mod walk;

use turso_parser::ast::{Expr, Literal, Name, Stmt};

pub(crate) use access::{Access, AccessLog, Text};
pub use flow::{Compare, Comparison, Origins, ResultField, Store, StoreKind};
pub(crate) use flow::{Environment, Flow, analyse};
pub(crate) use guard::with_condition;
pub(crate) use keys::{KeyGroup, Keyed, with_keys};
pub use parse::REFUSED_FUNCTIONS;
pub(crate) use parse::{
    Kind, Parsed, is_refused_function, is_refused_table, parse_program, parse_schema, trigger_cycle,
};
pub use schema::{Column, ColumnRef, ColumnType, ForeignKey, Schema, Table, TableKind};

/// The arguments of every call of a function in a statement; those that are text in quotes as that text.
pub(crate) fn literal_calls(statement: &Stmt, function: &str) -> Vec<Vec<Option<String>>> {
    let mut found = Vec::new();
    walk::each_expression(statement, &mut |expression| {
        if let Expr::FunctionCall { name, args, .. } = expression
            && name.as_str().eq_ignore_ascii_case(function)
        {
            let texts = args.iter().map(|argument| match &**argument {
                Expr::Literal(Literal::String(text)) => {
                    Some(text.trim_matches('\'').replace("''", "'"))
                }
                _ => None,
            });
            found.push(texts.collect());
        }
    });
    found
}

/// The table and the columns that an INSERT or UPDATE names as those it writes.
pub(crate) fn written_columns(statement: &Stmt) -> impl Iterator<Item = (&str, &str)> {
    let (table, columns): (&str, Vec<&str>) = match statement {
        Stmt::Insert {
            tbl_name, columns, ..
        } => (
            tbl_name.name.as_str(),
            columns.iter().map(Name::as_str).collect(),
        ),
        Stmt::Update(update) => (
            update.tbl_name.name.as_str(),
            update
                .sets
                .iter()
                .flat_map(|set| set.col_names.iter().map(Name::as_str))
                .collect(),
        ),
        _ => ("", Vec::new()),
    };
    columns.into_iter().map(move |column| (table, column))
}

/// An SQL identifier in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
