//! A session at one instant, as a few bytes: to fork it, to park it, to keep it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use serde::{Deserialize, Serialize};

use crate::cell::{Cell, Row};
use crate::connection::without_budget;
use crate::execute::Shown;
use crate::functions::MintedText;
use crate::live::{Live, has_key};
use crate::reply::Reply;
use crate::session::{CallRecord, Session};
use crate::sql::{Schema, Table, TableKind, quoted};
use crate::state::{State, StateError, StateSpec};
use crate::world::World;

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

/// What a session remembers beside its database, lent for writing.
pub(crate) struct Memory<'a> {
    pub(crate) observed: &'a BTreeSet<(usize, Shown)>,
    pub(crate) occurrences: &'a BTreeMap<[u8; 32], u32>,
    pub(crate) kept: &'a VecDeque<(String, Reply)>,
}

/// [`Content`] as it is written: the same members, lent.
#[derive(Serialize)]
struct Written<'a> {
    world: &'a str,
    state: &'a StateSpec,
    seed: u64,
    now: i64,
    counters: &'a [(String, u64)],
    minted: Vec<(&'a str, usize)>,
    log: &'a [CallRecord],
    observed: &'a BTreeSet<(usize, Shown)>,
    occurrences: Vec<(&'a [u8; 32], &'a u32)>,
    kept: &'a VecDeque<(String, Reply)>,
    rows: Option<Vec<ChangedRow>>,
}

/// What a snapshot holds.
#[derive(Debug, Deserialize)]
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
    /// True when all positions and lengths are those of the world: bytes come from outside.
    fn fits(&self, world: &World) -> bool {
        let tables = &world.schema().tables;
        self.observed
            .iter()
            .all(|(tool, (table, _))| *tool < world.tools().len() && *table < tables.len())
            && self.rows.iter().flatten().all(|row| {
                tables.get(usize::from(row.table)).is_some_and(|table| {
                    row.key.len() == table.key.len()
                        && (row.now.iter()).all(|(_, cells)| cells.len() == table.columns.len())
                })
            })
    }

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
        if !content.fits(self.world()) {
            return Err(SnapshotError::Foreign(
                "form: its rows do not fit the world",
            ));
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
        self.ensure_live()?;
        let state = self.state().clone();
        let (live, memory) = self.parts()?;
        let rows = match state.restoring() {
            Restoring::Calls => None,
            Restoring::Rows { .. } => Some(changed_rows(&state, live)?),
        };
        let shared = live.cells.lock();
        let written = Written {
            world: state.world().digest(),
            state: state.spec(),
            seed: self.seed(),
            now: shared.now,
            counters: &shared.counters,
            minted: shared
                .minted
                .iter()
                .map(|id| (&*id.id, id.counter))
                .collect(),
            log: self.log(),
            observed: memory.observed,
            occurrences: memory.occurrences.iter().collect(),
            kept: memory.kept,
            rows,
        };
        let bytes = serde_json::to_vec(&written)
            .map_err(|error| StateError::Snapshot(error.into()))?
            .into();
        drop(shared);
        Ok(Snapshot { state, bytes })
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

/// The statements that read and write one table's rows by key, written once for a state.
#[derive(Debug)]
pub(crate) struct RowTexts {
    /// The rowid, where it is hidden, and the columns of the row of a key.
    read: String,
    insert: String,
    /// None when the key is all there is.
    update: Option<String>,
    /// The same, with another rowid.
    shift: String,
    delete: String,
    /// Columns that are written: all but generated ones.
    written: Vec<usize>,
    /// Columns that an update sets: those outside the key.
    set: Vec<usize>,
    hidden_rowid: bool,
}

impl RowTexts {
    pub(crate) fn of(table: &Table) -> Self {
        let name = quoted(&table.name);
        let column = |at: &usize| quoted(&table.columns[*at].name);
        let written: Vec<usize> = (0..table.columns.len())
            .filter(|at| !table.columns[*at].generated)
            .collect();
        let set: Vec<usize> = written
            .iter()
            .copied()
            .filter(|at| !table.key.contains(at))
            .collect();
        let rowid = rowid_name(table).filter(|_| !table.without_rowid && !table.rowid_key);
        let all: Vec<String> = table.columns.iter().map(|own| quoted(&own.name)).collect();
        let read = format!(
            "SELECT {}, {} FROM {name} WHERE {}",
            rowid.unwrap_or("NULL"),
            all.join(", "),
            key_condition(table, 1)
        );
        let names: Vec<String> = rowid
            .map(str::to_string)
            .into_iter()
            .chain(written.iter().map(column))
            .collect();
        let marks: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let insert = format!(
            "INSERT INTO {name} ({}) VALUES ({})",
            names.join(", "),
            marks.join(", ")
        );
        let change = |names: &[String]| {
            let settings: Vec<String> = names
                .iter()
                .enumerate()
                .map(|(at, name)| format!("{name} = ?{}", at + 1))
                .collect();
            format!(
                "UPDATE {name} SET {} WHERE {}",
                settings.join(", "),
                key_condition(table, names.len() + 1)
            )
        };
        let plain: Vec<String> = set.iter().map(column).collect();
        let shifted: Vec<String> = rowid
            .map(str::to_string)
            .into_iter()
            .chain(plain.iter().cloned())
            .collect();
        Self {
            read,
            insert,
            update: (!plain.is_empty()).then(|| change(&plain)),
            shift: change(&shifted),
            delete: format!("DELETE FROM {name} WHERE {}", key_condition(table, 1)),
            written,
            set,
            hidden_rowid: rowid.is_some(),
        }
    }
}

/// A name of the rowid that no column has taken. Unordered reads follow the rowid, so that it is part of
/// what a session must find again.
fn rowid_name(table: &Table) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| table.column(name).is_none())
}

/// The touched rows that differ from the initial state, in content or in rowid.
fn changed_rows(state: &State, live: &Live) -> rusqlite::Result<Vec<ChangedRow>> {
    let schema = &state.world().0.schema;
    without_budget(&live.cells);
    let mut touched = live.cells.lock().touched.clone();
    touched.sort_unstable();
    touched.dedup();
    let mut rows = Vec::new();
    let base = state.base();
    for (table, key) in touched {
        let own = &schema.tables[usize::from(table)];
        let text = &state.row_texts()[usize::from(table)].read;
        let now = row_at(&live.connection, text, own, &key)?;
        let before = row_at(&base, text, own, &key)?;
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
    if !has_key(table, &cells, key) {
        return Ok(None);
    }
    Ok(Some((row.get(0)?, cells)))
}

/// Writes changed rows into a connection that is at the initial state.
pub(crate) fn write_rows(state: &State, live: &Live, rows: &[ChangedRow]) -> rusqlite::Result<()> {
    without_budget(&live.cells);
    let writer = Writer {
        texts: state.row_texts(),
        live,
    };
    if state.restoring() == (Restoring::Rows { plainly: true }) && writer.plainly(rows).is_ok() {
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
        .try_for_each(|row| writer.delete(row))
        .and_then(|()| rows.iter().try_for_each(|row| writer.insert(row)));
    checks(true)?;
    written
}

struct Writer<'a> {
    texts: &'a [RowTexts],
    live: &'a Live,
}

impl Writer<'_> {
    /// New rows, parents first; then changed ones; then those that are gone, children first. By then
    /// nothing refers to what goes, so that no action of a foreign key finds anything to do.
    fn plainly(&self, rows: &[ChangedRow]) -> rusqlite::Result<()> {
        for row in rows.iter().filter(|row| !row.known) {
            self.insert(row)?;
        }
        for row in rows.iter().filter(|row| row.known) {
            self.update(row)?;
        }
        for row in rows.iter().rev().filter(|row| row.now.is_none()) {
            self.delete(row)?;
        }
        Ok(())
    }

    fn insert(&self, row: &ChangedRow) -> rusqlite::Result<()> {
        let Some((rowid, cells)) = &row.now else {
            return Ok(());
        };
        let texts = &self.texts[usize::from(row.table)];
        let rowid = rowid.filter(|_| texts.hidden_rowid).map(Cell::Integer);
        let values = texts.written.iter().map(|at| &cells[*at]);
        self.execute(&texts.insert, rowid.iter().chain(values))
    }

    fn update(&self, row: &ChangedRow) -> rusqlite::Result<()> {
        let Some((rowid, cells)) = &row.now else {
            return Ok(());
        };
        let texts = &self.texts[usize::from(row.table)];
        let values = texts.set.iter().map(|at| &cells[*at]).chain(&row.key);
        if row.moved {
            let rowid = rowid.map(Cell::Integer);
            return self.execute(&texts.shift, rowid.iter().chain(values));
        }
        match &texts.update {
            Some(text) => self.execute(text, values),
            None => Ok(()),
        }
    }

    fn delete(&self, row: &ChangedRow) -> rusqlite::Result<()> {
        self.execute(&self.texts[usize::from(row.table)].delete, row.key.iter())
    }

    fn execute<'c>(
        &self,
        text: &str,
        values: impl Iterator<Item = &'c Cell>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.live.connection.prepare_cached(text)?;
        for (at, cell) in values.enumerate() {
            statement.raw_bind_parameter(at + 1, cell)?;
        }
        statement.raw_execute().map(|_| ())
    }
}
