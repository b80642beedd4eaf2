//! One connection that holds a session's state: a copy of an initial state inside a savepoint.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, StatementStatus};

use crate::cell::{Cell, Row};
use crate::connection;
use crate::functions::{Cells, STEP_UNIT};
use crate::program::Statement;
use crate::reply::CallError;
use crate::sql::{ColumnType, Table, TableKind, quoted};
use crate::world::Inner;

/// What running a statement costs beside its steps: about as long as binding and resetting one takes.
const STATEMENT_STEPS: i32 = 25;

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
            match table.kind {
                TableKind::Table => {
                    connection.execute_batch(&touch_triggers(at, table, watched[at]))?;
                }
                TableKind::FullText if table.keeps_rows => {
                    // Only the engine may reach into an index, and only here.
                    let guard = DbConfig::SQLITE_DBCONFIG_DEFENSIVE;
                    connection.set_db_config(guard, false)?;
                    connection.execute_batch(&index_triggers(at, table))?;
                    connection.set_db_config(guard, true)?;
                }
                TableKind::FullText => {}
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

    /// True when the budget is spent.
    pub(crate) fn is_spent(&self) -> bool {
        self.cells.steps.load(Ordering::Relaxed) < 0
    }

    /// Charges what a statement took beyond whole units, which the progress handler does not see, and the
    /// price of having been run at all: many small statements cost as much as a large one.
    pub(crate) fn charge(&self, statement: &rusqlite::Statement<'_>) {
        let steps = statement.get_status(StatementStatus::VmStep) % STEP_UNIT + STATEMENT_STEPS;
        self.cells
            .steps
            .fetch_sub(i64::from(steps), Ordering::Relaxed);
    }

    /// The row of a key, or None.
    pub(crate) fn row(&self, table: &Table, key: &[Cell]) -> rusqlite::Result<Option<Row>> {
        row_of(&self.connection, table, key)
    }
}

/// The row of a key in any connection with the world's schema. Under a collation SQLite finds it by other
/// spellings of its key too; it is the row of its own only.
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
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let row = (0..table.columns.len())
        .map(|at| row.get::<_, Cell>(at))
        .collect::<rusqlite::Result<Row>>()?;
    Ok(has_key(table, &row, key).then_some(row))
}

/// True when the row has this very key. SQLite finds it by its own notion of equality, for which 'a' may
/// be 'A' (COLLATE NOCASE) and 1 is 1.0.
pub(crate) fn has_key(table: &Table, row: &[Cell], key: &[Cell]) -> bool {
    table
        .key
        .iter()
        .zip(key)
        .all(|(column, own)| row[*column] == *own)
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
        // What a state holds can be written as JSON and read again.
        let held = columns(
            "NEW",
            &mut (0..table.columns.len())
                .filter(|at| table.columns[*at].kind != ColumnType::Integer),
        );
        if event != "DELETE" && !held.is_empty() {
            calls.push(format!("__hold({})", held.trim_start_matches(", ")));
        }
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

/// The same for an FTS5 index that keeps its rows itself, under their rowids. A virtual table has no
/// triggers, but the tables in which it keeps its rows and its settings have. A setting is told by a key
/// without columns.
fn index_triggers(at: usize, table: &Table) -> String {
    let mut text = String::new();
    for (shadow, old, new) in [("content", ", OLD.id", ", NEW.id"), ("config", "", "")] {
        let shadow = format!("{}_{shadow}", table.name);
        for (event, calls) in [
            ("INSERT", format!("__touch({at}{new})")),
            ("UPDATE", format!("__touch({at}{old}), __touch({at}{new})")),
            ("DELETE", format!("__touch({at}{old})")),
        ] {
            text.push_str(&format!(
                "CREATE TEMP TRIGGER {} AFTER {event} ON main.{} BEGIN SELECT {calls}; END;\n",
                quoted(&format!("__touch_{shadow}_{event}")),
                quoted(&shadow)
            ));
        }
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
                    if message == "triggers nested too deep"
                        || message.starts_with("too many levels of trigger recursion")
                    {
                        CallError::limit("triggers and cascades go too deep")
                    } else if message.starts_with("limit:") {
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
