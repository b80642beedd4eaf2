//! A session at one instant, as a few bytes: to fork it, to park it, to keep it.

use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use serde::{Deserialize, Serialize};

use crate::cell::{Cell, Row};
use crate::connection::without_budget;
use crate::execute::Shown;
use crate::functions::MintedText;
use crate::live::Live;
use crate::reply::Reply;
use crate::session::{CallRecord, Session};
use crate::sql::{Schema, Table, TableKind, quoted};
use crate::state::{State, StateError, StateSpec};

/// A session at one instant, as bytes: what differs from the initial state, and the calls so far.
///
/// A snapshot holds no connection. Sessions made from one are independent of each other and of the
/// session that it was taken of, and go on as that one would have: same rows in the same order, same
/// ids, same draws, same clock.
#[derive(Debug, Clone)]
pub struct Snapshot {
    state: State,
    bytes: Arc<[u8]>,
}

/// What a snapshot holds, in the form in which it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Digest of the world.
    world: String,
    state: StateSpec,
    pub(crate) seed: u64,
    pub(crate) now: i64,
    pub(crate) counters: Vec<(String, u64)>,
    minted: Vec<(String, usize)>,
    pub(crate) log: Vec<CallRecord>,
    pub(crate) observed: Vec<(usize, Shown)>,
    pub(crate) occurrences: Vec<([u8; 32], u32)>,
    pub(crate) kept: Vec<(String, Reply)>,
    /// Rows that differ from the initial state; None where they cannot say all, and the calls are made
    /// again instead.
    pub(crate) rows: Option<Vec<ChangedRow>>,
}

impl Content {
    pub(crate) fn minted(&self) -> Vec<MintedText> {
        self.minted
            .iter()
            .map(|(id, counter)| MintedText {
                id: id.as_str().into(),
                counter: *counter,
            })
            .collect()
    }
}

/// A row that differs from the initial state.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChangedRow {
    table: u16,
    key: Vec<Cell>,
    /// The initial state has a row of this key.
    known: bool,
    /// Its rowid is another one there.
    moved: bool,
    /// The row and its rowid, where the table has one beside its key; None when it is gone.
    now: Option<(Option<i64>, Row)>,
}

/// Why a snapshot's bytes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// They are no snapshot.
    #[error("these bytes are no snapshot of a session: {0}")]
    Damaged(#[from] serde_json::Error),
    /// They belong to another world, another version of it, or another initial state.
    #[error("the snapshot was taken of another {0}")]
    Foreign(&'static str),
}

impl Snapshot {
    /// The initial state that it starts from.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The snapshot as bytes, for [`State::snapshot`].
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A session at this instant.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn session(&self) -> Result<Session, StateError> {
        let mut session = self.state.session(0)?;
        session.restore(self)?;
        Ok(session)
    }

    pub(crate) fn content(&self) -> Result<Content, StateError> {
        serde_json::from_slice(&self.bytes).map_err(|error| StateError::Snapshot(error.into()))
    }
}

impl State {
    /// A snapshot from its bytes.
    ///
    /// # Errors
    /// When they are damaged, or of another world or state.
    pub fn snapshot(&self, bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
        let content: Content = serde_json::from_slice(bytes)?;
        if content.world != self.world().digest() {
            return Err(SnapshotError::Foreign("world, or another version of it"));
        }
        if content.state != *self.spec() {
            return Err(SnapshotError::Foreign("initial state"));
        }
        Ok(Snapshot {
            state: self.clone(),
            bytes: bytes.into(),
        })
    }
}

impl Session {
    /// This session at this instant.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn snapshot(&mut self) -> Result<Snapshot, StateError> {
        let content = self.content()?;
        let bytes = serde_json::to_vec(&content)
            .map_err(|error| StateError::Snapshot(error.into()))?
            .into();
        Ok(Snapshot {
            state: self.state().clone(),
            bytes,
        })
    }

    /// Gives the connection back and keeps the session as bytes; [`Snapshot::session`] wakes it up.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn park(mut self) -> Result<Snapshot, StateError> {
        self.snapshot()
    }

    /// Another session at this instant; both go on independently.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn fork(&mut self) -> Result<Self, StateError> {
        self.snapshot()?.session()
    }

    fn content(&mut self) -> Result<Content, StateError> {
        let (state, live) = self.live_parts()?;
        let rows = match Restoring::of(&state) {
            Restoring::Calls => None,
            Restoring::Rows { .. } => Some(changed_rows(&state, live)?),
        };
        let (now, counters, minted) = {
            let shared = live.cells.lock();
            let minted = shared.minted.iter();
            (
                shared.now,
                shared.counters.clone(),
                minted.map(|id| (id.id.to_string(), id.counter)).collect(),
            )
        };
        let mut content = Content {
            world: state.world().digest().to_string(),
            state: state.spec().clone(),
            seed: self.seed(),
            now,
            counters,
            minted,
            log: self.log().to_vec(),
            observed: Vec::new(),
            occurrences: Vec::new(),
            kept: Vec::new(),
            rows,
        };
        self.write_memory(&mut content);
        Ok(content)
    }
}

/// How a session of a state is brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restoring {
    /// Its changed rows say all.
    Rows {
        /// Rows can be written one by one with everything switched on: no trigger and no action of a
        /// foreign key on an update can write beside them.
        plainly: bool,
    },
    /// Its calls are made again: there is state that no row by key shows (an FTS5 index, SQLite's own
    /// counter of AUTOINCREMENT, rowids under a name that columns have taken).
    Calls,
}

impl Restoring {
    fn of(state: &State) -> Self {
        state.restoring()
    }

    /// Found from the schema as SQLite holds it.
    pub(crate) fn find(connection: &Connection, schema: &Schema) -> rusqlite::Result<Self> {
        let count = |text: &str| connection.query_row(text, [], |row| row.get::<_, i64>(0));
        let counters = "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'";
        let triggers = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'";
        let by_rows = schema.tables.iter().all(|table| {
            table.kind == TableKind::Table
                && !table.key.is_empty()
                && (table.without_rowid || table.rowid_key || rowid_name(table).is_some())
        });
        if !by_rows || count(counters)? > 0 {
            return Ok(Self::Calls);
        }
        let actions = schema
            .tables
            .iter()
            .flat_map(|table| &table.foreign_keys)
            .any(|key| key.on_update != "NO ACTION");
        Ok(Self::Rows {
            plainly: count(triggers)? == 0 && !actions,
        })
    }
}

/// A name of the rowid that no column has taken. Unordered reads follow the rowid, so that it is part of
/// what a session must find again.
fn rowid_name(table: &Table) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| table.column(name).is_none())
}

fn has_hidden_rowid(table: &Table) -> bool {
    !table.without_rowid && !table.rowid_key
}

/// The touched rows that differ from the initial state, in content or in rowid.
fn changed_rows(state: &State, live: &Live) -> rusqlite::Result<Vec<ChangedRow>> {
    let schema = &state.world().0.schema;
    without_budget(&live.cells);
    let mut touched = live.cells.lock().touched.clone();
    touched.sort_unstable();
    touched.dedup();
    let mut rows = Vec::new();
    for (table, key) in touched {
        let definition = &schema.tables[usize::from(table)];
        let text = row_with_rowid(definition);
        let now = row_at(&live.connection, &text, definition, &key)?;
        let before = row_at(&state.base(), &text, definition, &key)?;
        if now != before {
            rows.push(ChangedRow {
                table,
                key,
                known: before.is_some(),
                moved: match (&before, &now) {
                    (Some((before, _)), Some((now, _))) => before != now,
                    _ => false,
                },
                now,
            });
        }
    }
    Ok(rows)
}

fn key_condition(table: &Table, first: usize) -> String {
    let parts: Vec<String> = table
        .key
        .iter()
        .enumerate()
        .map(|(at, column)| format!("{} = ?{}", quoted(&table.columns[*column].name), first + at))
        .collect();
    parts.join(" AND ")
}

fn row_with_rowid(table: &Table) -> String {
    let rowid = match rowid_name(table) {
        Some(name) if has_hidden_rowid(table) => name,
        _ => "NULL",
    };
    let columns: Vec<String> = table.columns.iter().map(|own| quoted(&own.name)).collect();
    format!(
        "SELECT {rowid}, {} FROM {} WHERE {}",
        columns.join(", "),
        quoted(&table.name),
        key_condition(table, 1)
    )
}

type Found = Option<(Option<i64>, Row)>;

fn row_at(
    connection: &Connection,
    text: &str,
    table: &Table,
    key: &[Cell],
) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare_cached(text)?;
    for (at, cell) in key.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, cell)?;
    }
    let mut rows = statement.raw_query();
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let cells = (0..table.columns.len())
        .map(|at| row.get::<_, Cell>(at + 1))
        .collect::<rusqlite::Result<Row>>()?;
    Ok(Some((row.get(0)?, cells)))
}

/// Writes changed rows into a connection that is at the initial state.
pub(crate) fn write_rows(state: &State, live: &Live, rows: &[ChangedRow]) -> rusqlite::Result<()> {
    let schema = &state.world().0.schema;
    without_budget(&live.cells);
    if Restoring::of(state) == (Restoring::Rows { plainly: true })
        && write_plainly(schema, live, rows).is_ok()
    {
        return Ok(());
    }
    // Rows that trade unique values, or that refer to each other in a circle, cannot be written one by one
    // while SQLite checks and acts. Without checks and actions, rows come out as they were.
    live.reset()?;
    live.cells.lock().touched.clear();
    let checks = |on: bool| -> rusqlite::Result<()> {
        live.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, on)?;
        live.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, on)?;
        Ok(())
    };
    checks(false)?;
    let written = rows
        .iter()
        .filter(|row| row.known)
        .try_for_each(|row| delete(schema, live, row))
        .and_then(|()| rows.iter().try_for_each(|row| insert(schema, live, row)));
    checks(true)?;
    written
}

/// New rows, parents first; then changed ones; then those that are gone, children first. By then nothing
/// refers to what goes, so that no action of a foreign key finds anything to do.
fn write_plainly(schema: &Schema, live: &Live, rows: &[ChangedRow]) -> rusqlite::Result<()> {
    for row in rows.iter().filter(|row| !row.known) {
        insert(schema, live, row)?;
    }
    for row in rows.iter().filter(|row| row.known && row.now.is_some()) {
        update(schema, live, row)?;
    }
    for row in rows.iter().rev().filter(|row| row.now.is_none()) {
        delete(schema, live, row)?;
    }
    Ok(())
}

fn insert(schema: &Schema, live: &Live, row: &ChangedRow) -> rusqlite::Result<()> {
    let Some((rowid, cells)) = &row.now else {
        return Ok(());
    };
    let table = &schema.tables[usize::from(row.table)];
    let mut names: Vec<String> = Vec::new();
    let mut values: Vec<Cell> = Vec::new();
    if let (Some(rowid), Some(name)) = (rowid, rowid_name(table)) {
        names.push(name.to_string());
        values.push(Cell::Integer(*rowid));
    }
    for (column, cell) in table.columns.iter().zip(cells) {
        if !column.generated {
            names.push(quoted(&column.name));
            values.push(cell.clone());
        }
    }
    let marks: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
    let text = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        quoted(&table.name),
        names.join(", "),
        marks.join(", ")
    );
    execute(live, &text, &values)
}

fn update(schema: &Schema, live: &Live, row: &ChangedRow) -> rusqlite::Result<()> {
    let Some((rowid, cells)) = &row.now else {
        return Ok(());
    };
    let table = &schema.tables[usize::from(row.table)];
    let mut settings: Vec<String> = Vec::new();
    let mut values: Vec<Cell> = Vec::new();
    if let (true, Some(rowid), Some(name)) = (row.moved, rowid, rowid_name(table)) {
        values.push(Cell::Integer(*rowid));
        settings.push(format!("{name} = ?{}", values.len()));
    }
    for (at, (column, cell)) in table.columns.iter().zip(cells).enumerate() {
        if !column.generated && !table.key.contains(&at) {
            values.push(cell.clone());
            settings.push(format!("{} = ?{}", quoted(&column.name), values.len()));
        }
    }
    if settings.is_empty() {
        return Ok(());
    }
    let text = format!(
        "UPDATE {} SET {} WHERE {}",
        quoted(&table.name),
        settings.join(", "),
        key_condition(table, values.len() + 1)
    );
    values.extend(row.key.iter().cloned());
    execute(live, &text, &values)
}

fn delete(schema: &Schema, live: &Live, row: &ChangedRow) -> rusqlite::Result<()> {
    let table = &schema.tables[usize::from(row.table)];
    let text = format!(
        "DELETE FROM {} WHERE {}",
        quoted(&table.name),
        key_condition(table, 1)
    );
    execute(live, &text, &row.key)
}

fn execute(live: &Live, text: &str, values: &[Cell]) -> rusqlite::Result<()> {
    let mut statement = live.connection.prepare_cached(text)?;
    for (at, cell) in values.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, cell)?;
    }
    statement.raw_execute().map(|_| ())
}
