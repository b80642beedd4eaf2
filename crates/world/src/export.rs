//! Writes a group of tables out as one JSON document, byte for byte as another program would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::Value;

use crate::cell::Cell;
use crate::connection::without_budget;
use crate::format::{ExportFile, ExportForm};
use crate::problem::Problems;
use crate::python::{push_string, python_sorted};
use crate::session::Session;
use crate::sql::{AccessLog, Schema, Text, quoted};
use crate::state::{State, StateError};

/// A compiled `[[export]]`.
#[derive(Debug)]
pub(crate) struct Export {
    group: String,
    member: String,
    view: String,
    form: ExportForm,
    /// Tables whose rows make the elements, with the position in their key of the element's key.
    tables: BTreeMap<u16, usize>,
}

/// The elements of a map in an initial state, by key, as canonical text.
type Elements = BTreeMap<String, String>;

/// The elements of every map of a world in one initial state, in the order of `[[export]]`.
pub(crate) type BaseElements = Vec<Elements>;

/// Compiles the exports; problems are noted.
pub(crate) fn compile(
    files: &[ExportFile],
    schema: &Schema,
    connection: &Connection,
    log: &AccessLog,
    problems: &mut Problems,
) -> Vec<Export> {
    log.expect(Text::Engine);
    let mut exports = Vec::new();
    for file in files {
        let place = format!("export {}.{}", file.group, file.member);
        let export = Export {
            group: file.group.clone(),
            member: file.member.clone(),
            view: file.view.clone(),
            form: file.form,
            tables: owners(file, schema, &place, problems),
        };
        if let Err(error) = connection.prepare(&export.query(false)) {
            problems.error("world.toml", place, format!("SQLite refuses it: {error}"));
        }
        exports.push(export);
    }
    log.expect(Text::Program);
    exports
}

fn owners(
    file: &ExportFile,
    schema: &Schema,
    place: &str,
    problems: &mut Problems,
) -> BTreeMap<u16, usize> {
    let mut tables = BTreeMap::new();
    for (table, column) in &file.tables {
        let key = schema.column(table, column).and_then(|at| {
            let key = &schema.tables[at.table].key;
            let position = key.iter().position(|own| *own == at.column)?;
            Some((u16::try_from(at.table).ok()?, position))
        });
        match key {
            Some((table, position)) => {
                tables.insert(table, position);
            }
            None => problems.error(
                "world.toml",
                place,
                format!("{table}.{column} is no column of that table's primary key"),
            ),
        }
    }
    tables
}

impl Export {
    fn query(&self, one: bool) -> String {
        let filter = if one { " WHERE key = ?1" } else { "" };
        let order = match self.form {
            ExportForm::List => " ORDER BY position",
            ExportForm::Map | ExportForm::Single => "",
        };
        format!(
            "SELECT key, value FROM {}{filter}{order}",
            quoted(&self.view)
        )
    }

    fn failed(&self, message: String) -> StateError {
        StateError::Row {
            table: self.view.clone(),
            message,
        }
    }

    /// Key and canonical text of all elements, or of one.
    fn elements(
        &self,
        connection: &Connection,
        key: Option<&str>,
    ) -> Result<Vec<(String, String)>, StateError> {
        let mut statement = connection.prepare_cached(&self.query(key.is_some()))?;
        let mut rows = statement.query(rusqlite::params_from_iter(key))?;
        let mut elements = Vec::new();
        while let Some(row) = rows.next()? {
            let key: Cell = row.get(0)?;
            let text: String = row.get(1)?;
            let value: Value = serde_json::from_str(&text)
                .map_err(|error| self.failed(format!("{key}: its value is no JSON: {error}")))?;
            elements.push((key.to_string(), python_sorted(&value)));
        }
        Ok(elements)
    }
}

impl State {
    /// The elements of the world's maps in this state; read once.
    fn base_elements(&self) -> Result<Arc<BaseElements>, StateError> {
        let mut kept = self.kept_elements();
        if let Some(known) = &*kept {
            return Ok(Arc::clone(known));
        }
        let base = self.base();
        let mut all = BaseElements::new();
        for export in &self.world().0.exports {
            let mut elements = Elements::new();
            if export.form == ExportForm::Map {
                elements.extend(export.elements(&base, None)?);
            }
            all.push(elements);
        }
        let all = Arc::new(all);
        *kept = Some(Arc::clone(&all));
        Ok(all)
    }
}

impl Session {
    /// Hands a group's document to `write`, piece by piece, as `[[export]]` of `world.toml` describes it:
    /// names sorted, spelled as Python's `json.dumps(..., sort_keys=True)` does.
    ///
    /// # Errors
    /// When SQLite fails, or a view gives what is no JSON.
    pub fn export(&mut self, group: &str, mut write: impl FnMut(&str)) -> Result<(), StateError> {
        self.ensure_live()?;
        let state = self.state().clone();
        let base = state.base_elements()?;
        let (live, _) = self.parts()?;
        without_budget(&live.cells);
        let touched: BTreeSet<(u16, Vec<Cell>)> =
            live.cells.lock().touched.iter().cloned().collect();
        let mut members: Vec<(&Export, &Elements)> = (state.world().0.exports.iter())
            .zip(base.iter())
            .filter(|(export, _)| export.group == group)
            .collect();
        members.sort_by(|(a, _), (b, _)| a.member.cmp(&b.member));

        let mut open = "{";
        for (export, base) in members {
            let mut name = String::new();
            push_string(&mut name, &export.member);
            write(open);
            write(&name);
            write(": ");
            open = ", ";
            match export.form {
                ExportForm::Map => {
                    let changed = changed_elements(export, &live.connection, &touched)?;
                    write_map(base, &changed, &mut write);
                }
                ExportForm::List => {
                    write("[");
                    for (at, (_, text)) in export
                        .elements(&live.connection, None)?
                        .into_iter()
                        .enumerate()
                    {
                        write(if at == 0 { "" } else { ", " });
                        write(&text);
                    }
                    write("]");
                }
                ExportForm::Single => {
                    let elements = export.elements(&live.connection, None)?;
                    let [(_, text)] = &elements[..] else {
                        return Err(export.failed(format!(
                            "a single value has one row, not {}",
                            elements.len()
                        )));
                    };
                    write(text);
                }
            }
        }
        write(if open == "{" { "{}" } else { "}" });
        Ok(())
    }
}

/// The elements of which a row was touched, as they are now; None for those that are gone.
fn changed_elements(
    export: &Export,
    connection: &Connection,
    touched: &BTreeSet<(u16, Vec<Cell>)>,
) -> Result<BTreeMap<String, Option<String>>, StateError> {
    let keys: BTreeSet<String> = touched
        .iter()
        .filter_map(|(table, key)| key.get(*export.tables.get(table)?).map(Cell::to_string))
        .collect();
    keys.into_iter()
        .map(|key| {
            let now = export.elements(connection, Some(&key))?.pop();
            Ok((key, now.map(|(_, text)| text)))
        })
        .collect()
}

/// Writes the elements of the initial state with the changed ones in their places.
fn write_map(
    base: &Elements,
    changed: &BTreeMap<String, Option<String>>,
    write: &mut impl FnMut(&str),
) {
    write("{");
    let mut first = true;
    let mut put = |key: &str, text: &str| {
        let mut name = String::with_capacity(key.len() + 6);
        name.push_str(if first { "" } else { ", " });
        first = false;
        push_string(&mut name, key);
        name.push_str(": ");
        write(&name);
        write(text);
    };
    merge(&mut put, base, changed);
    write("}");
}

/// Calls `put` for every element in the order of the keys.
fn merge(
    put: &mut impl FnMut(&str, &str),
    base: &Elements,
    changed: &BTreeMap<String, Option<String>>,
) {
    let mut later = changed.iter().peekable();
    for (key, text) in base {
        while let Some((new, now)) = later.next_if(|(new, _)| *new < key) {
            if let Some(now) = now {
                put(new, now);
            }
        }
        match later.next_if(|(new, _)| *new == key) {
            Some((_, Some(now))) => put(key, now),
            Some((_, None)) => {}
            None => put(key, text),
        }
    }
    for (new, now) in later {
        if let Some(now) = now {
            put(new, now);
        }
    }
}
