//! One connection that holds a session's state: a copy of an initial state inside a savepoint.

use std::sync::Arc;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{CachedStatement, Connection, StatementStatus};

use crate::cell::{Cell, Row};
use crate::connection;
use crate::functions::Cells;
use crate::program::Statement;
use crate::reply::CallError;
use crate::sql::{Table, TableKind, quoted};
use crate::world::Inner;

/// A connection at an initial state, inside its episode's savepoint.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) connection: Connection,
    pub(crate) cells: Arc<Cells>,
}

impl Live {
    /// Copies an initial state into a connection of its own.
    pub(crate) fn open(world: &Inner, base: &Connection) -> rusqlite::Result<Self> {
        let cells = Arc::new(Cells::default());
        connection::without_budget(&cells);
        let mut connection = connection::open(&cells, &world.functions, &world.file.limits)?;
        {
            let backup = Backup::new(base, &mut connection)?;
            while backup.step(-1)? == StepResult::More {}
        }
        connection.pragma_update(None, "max_page_count", world.file.limits.pages)?;
        connection.set_prepared_statement_cache_capacity(world.statements);
        let watched: Vec<bool> = watched_tables(world);
        for (at, table) in world.schema.tables.iter().enumerate() {
            if table.kind == TableKind::Table {
                connection.execute_batch(&touch_triggers(at, table, watched[at]))?;
            }
        }
        let live = Self { connection, cells };
        live.begin()?;
        Ok(live)
    }

    fn begin(&self) -> rusqlite::Result<()> {
        self.simple("SAVEPOINT episode")
    }

    /// Back to the initial state.
    pub(crate) fn reset(&self) -> rusqlite::Result<()> {
        connection::without_budget(&self.cells);
        if self.connection.is_autocommit() {
            // Something ended the episode's savepoint; the state is the initial one already.
            return self.begin();
        }
        self.simple("ROLLBACK TO episode")
    }

    /// Runs a statement without parameters or rows, from the cache.
    pub(crate) fn simple(&self, text: &str) -> rusqlite::Result<()> {
        let mut statement = self.connection.prepare_cached(text)?;
        statement.raw_execute().map(|_| ())
    }

    /// A statement from the cache with its parameters bound. Its step counter starts at 0, so that the
    /// moment at which a limit strikes does not depend on what ran before.
    pub(crate) fn prepare(
        &self,
        statement: &Statement,
        slots: &[Cell],
    ) -> rusqlite::Result<CachedStatement<'_>> {
        let mut prepared = self.connection.prepare_cached(&statement.text)?;
        for (at, slot) in statement.binds.iter().enumerate() {
            prepared.raw_bind_parameter(at + 1, &slots[*slot])?;
        }
        prepared.reset_status(StatementStatus::VmStep);
        Ok(prepared)
    }

    /// Gives the next call its budget of steps.
    pub(crate) fn set_budget(&self, vm_steps: u32) {
        connection::set_budget(&self.cells, i64::from(vm_steps));
    }

    /// The row of a key, or None.
    pub(crate) fn row(&self, table: &Table, key: &[Cell]) -> rusqlite::Result<Option<Row>> {
        row_of(&self.connection, table, key)
    }
}

/// The row of a key in any connection with the world's schema.
pub(crate) fn row_of(
    connection: &Connection,
    table: &Table,
    key: &[Cell],
) -> rusqlite::Result<Option<Row>> {
    let mut statement = connection.prepare_cached(&row_query(table))?;
    for (at, cell) in key.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, cell)?;
    }
    let mut rows = statement.raw_query();
    match rows.next()? {
        None => Ok(None),
        Some(row) => (0..table.columns.len())
            .map(|at| row.get::<_, Cell>(at))
            .collect::<rusqlite::Result<Row>>()
            .map(Some),
    }
}

fn row_query(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .collect();
    let key: Vec<String> = table
        .key
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{} = ?{}", quoted(&table.columns[*column].name), at + 1))
        .collect();
    format!(
        "SELECT {} FROM {} WHERE {}",
        columns.join(", "),
        quoted(&table.name),
        key.join(" AND ")
    )
}

/// Tables whose changes a rule watches.
fn watched_tables(world: &Inner) -> Vec<bool> {
    let mut watched = vec![false; world.schema.tables.len()];
    for rule in &world.rules {
        for effect in &rule.effects {
            watched[effect.table] = true;
        }
    }
    watched
}

/// TEMP triggers that tell the session which rows a statement touches. With `recursive_triggers` they
/// also see what REPLACE deletes; SQLite's update hook would not.
fn touch_triggers(at: usize, table: &Table, watched: bool) -> String {
    let name = quoted(&table.name);
    let columns = |prefix: &str, positions: &mut dyn Iterator<Item = usize>| -> String {
        positions
            .map(|column| format!(", {prefix}.{}", quoted(&table.columns[column].name)))
            .collect()
    };
    let mut text = String::new();
    for (event, rows) in [
        ("INSERT", &["NEW"][..]),
        ("UPDATE", &["OLD", "NEW"]),
        ("DELETE", &["OLD"]),
    ] {
        let mut calls: Vec<String> = rows
            .iter()
            .map(|row| {
                let key = columns(row, &mut table.key.iter().copied());
                format!("__touch({at}{key})")
            })
            .collect();
        if watched {
            let values: String = rows
                .iter()
                .map(|row| columns(row, &mut (0..table.columns.len())))
                .collect();
            calls.push(format!("__change({at}, '{}'{values})", &event[..1]));
        }
        text.push_str(&format!(
            "CREATE TEMP TRIGGER \"__touch_{at}_{event}\" AFTER {event} ON main.{name} BEGIN SELECT {}; END;\n",
            calls.join(", ")
        ));
    }
    text
}

/// What an error of SQLite means for a caller.
pub(crate) fn call_error(error: &rusqlite::Error) -> CallError {
    use crate::reply::ErrorKind;
    use rusqlite::ErrorCode;
    match error {
        rusqlite::Error::SqliteFailure(failure, message) => {
            let message = message.as_deref().unwrap_or("no details");
            match failure.code {
                ErrorCode::OperationInterrupted => CallError::limit("the call ran too long"),
                ErrorCode::TooBig => CallError::limit("a value is too large"),
                ErrorCode::DiskFull => CallError::limit("the database is full"),
                ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => {
                    CallError::new(ErrorKind::Refused, constraint_message(message))
                }
                // All statements were prepared when the world was checked, so what fails now fails on
                // the values: malformed JSON, an overflow.
                ErrorCode::Unknown => {
                    if message.starts_with("limit:") {
                        CallError::limit(message.trim_start_matches("limit:").trim())
                    } else {
                        CallError::new(ErrorKind::Refused, message)
                    }
                }
                _ => CallError::fault(format!("SQLite failed: {message}")),
            }
        }
        other => CallError::fault(format!("SQLite failed: {other}")),
    }
}

/// SQLite's message in the words of an API.
fn constraint_message(message: &str) -> String {
    let column = |prefix: &str| {
        message
            .strip_prefix(prefix)
            .map(|names| names.replace(", ", " and "))
    };
    if let Some(names) = column("UNIQUE constraint failed: ") {
        format!("another row has the same {names}")
    } else if let Some(names) = column("NOT NULL constraint failed: ") {
        format!("{names} must have a value")
    } else if let Some(names) = column("CHECK constraint failed: ") {
        format!("the values break a constraint: {names}")
    } else if message.starts_with("FOREIGN KEY") {
        "it refers to something that does not exist, or something else refers to it".into()
    } else {
        message.to_string()
    }
}
