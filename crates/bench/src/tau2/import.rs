//! The benchmark's databases as rows of the worlds' tables.

mod airline;
mod retail;
mod telecom;

use serde_json::{Map, Value};

use super::domain::Domain;

/// Rows to add to an empty state: the table, and values by column.
pub(crate) type Rows = Vec<(String, Map<String, Value>)>;

/// The rows of a domain's databases. The message says what does not fit.
pub(crate) fn rows(domain: Domain, own: &Value, users: Option<&Value>) -> Result<Rows, String> {
    let mut import = Import::default();
    match domain {
        Domain::Airline => airline::import(&mut import, own)?,
        Domain::Retail => retail::import(&mut import, own)?,
        Domain::Telecom => telecom::import(&mut import, own, users.unwrap_or(&Value::Null))?,
    }
    Ok(import.rows)
}

/// Collects rows.
#[derive(Default)]
struct Import {
    rows: Rows,
}

impl Import {
    /// Adds a row. `values` is an object; members that a column does not take are the caller's mistake,
    /// which the state reports.
    fn add(&mut self, table: &str, values: Value) {
        if let Value::Object(values) = values {
            self.rows.push((table.to_string(), values));
        }
    }
}

/// A member, or which one is missing.
fn member<'a>(value: &'a Value, name: &str) -> Result<&'a Value, String> {
    value
        .get(name)
        .ok_or_else(|| format!("{name} is missing in {}", excerpt(value)))
}

/// A member that is an object: its members in their order, with their places.
fn members<'a>(
    value: &'a Value,
    name: &str,
) -> Result<impl Iterator<Item = (usize, &'a String, &'a Value)>, String> {
    let inner = member(value, name)?
        .as_object()
        .ok_or_else(|| format!("{name} is no object in {}", excerpt(value)))?;
    Ok(inner
        .iter()
        .enumerate()
        .map(|(at, (key, value))| (at, key, value)))
}

/// A member that is an array: its elements with their places.
fn elements<'a>(
    value: &'a Value,
    name: &str,
) -> Result<impl Iterator<Item = (usize, &'a Value)>, String> {
    let inner = member(value, name)?
        .as_array()
        .ok_or_else(|| format!("{name} is no array in {}", excerpt(value)))?;
    Ok(inner.iter().enumerate())
}

/// A member, or null.
fn optional(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}

fn excerpt(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}
