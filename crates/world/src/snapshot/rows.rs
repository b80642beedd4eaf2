//! The rows that differ from the initial state: read to be kept, and written to be found again.

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection};

use super::SnapshotError;
use super::bytes::{Decoder, Encoder};
use crate::cell::{Cell, Row};
use crate::connection::without_budget;
use crate::live::Live;
use crate::sql::{Schema, Table, TableKind, quoted};
use crate::state::State;

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

/// A name of the rowid that no column has taken. Unordered reads follow the rowid, so that it is part of
/// what a session must find again.
fn rowid_name(table: &Table) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| table.column(name).is_none())
}

/// The statements that read and write one table's rows by key, written once for a state. They see all
/// columns but generated ones, which follow from the others.
#[derive(Debug)]
pub(crate) struct RowTexts {
    /// The rowid, where it is hidden, and the columns of the row of a key.
    read: String,
    insert: String,
    /// Sets all columns outside the key; None when the key is all there is.
    update: Option<String>,
    /// The same, with another rowid.
    shift: String,
    delete: String,
    columns: usize,
    /// Where the columns of the key stand among them.
    key: Vec<usize>,
    /// Those that an update sets: those outside the key.
    set: Vec<usize>,
    hidden_rowid: bool,
}

impl RowTexts {
    pub(crate) fn of(table: &Table) -> Self {
        let name = quoted(&table.name);
        let columns: Vec<usize> = (0..table.columns.len())
            .filter(|at| !table.columns[*at].generated)
            .collect();
        let key: Vec<usize> = table
            .key
            .iter()
            .filter_map(|column| columns.iter().position(|at| at == column))
            .collect();
        let set: Vec<usize> = (0..columns.len()).filter(|at| !key.contains(at)).collect();
        let all: Vec<String> = columns
            .iter()
            .map(|at| quoted(&table.columns[*at].name))
            .collect();
        let rowid = rowid_name(table).filter(|_| !table.without_rowid && !table.rowid_key);
        let read = format!(
            "SELECT {}, {} FROM {name} WHERE {}",
            rowid.unwrap_or("NULL"),
            all.join(", "),
            key_condition(table, 1)
        );
        let names: Vec<String> = rowid
            .map(str::to_string)
            .into_iter()
            .chain(all.iter().cloned())
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
        let plain: Vec<String> = set.iter().map(|at| all[*at].clone()).collect();
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
            columns: columns.len(),
            key,
            set,
            hidden_rowid: rowid.is_some(),
        }
    }

    fn key_of(&self, cells: &[Cell]) -> Vec<Cell> {
        self.key.iter().map(|at| cells[*at].clone()).collect()
    }
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

/// A row with its rowid, where that is hidden.
type Found = (Option<i64>, Row);

/// A touched row.
#[derive(Debug, PartialEq)]
pub(crate) struct TouchedRow {
    table: usize,
    key: Vec<Cell>,
    /// None when it is gone.
    now: Option<Found>,
}

const GONE: u64 = 0;
const THERE: u64 = 1;

/// Writes the touched rows as they are now. Whether the initial state has others is asked when they are
/// read again: parking is more frequent than waking up, and needs no look at the shared initial state.
pub(crate) fn encode(state: &State, live: &Live, out: &mut Encoder) -> rusqlite::Result<()> {
    without_budget(&live.cells);
    // Reading a row may call the engine's functions, which need the lock.
    let mut touched = std::mem::take(&mut live.cells.lock().touched);
    touched.sort_unstable();
    touched.dedup();
    let result = encode_touched(state, live, &touched, out);
    live.cells.lock().touched = touched;
    result
}

fn encode_touched(
    state: &State,
    live: &Live,
    touched: &[(u16, Vec<Cell>)],
    out: &mut Encoder,
) -> rusqlite::Result<()> {
    let runs = || touched.chunk_by(|(table, _), (next, _)| table == next);
    out.count(runs().count());
    for run in runs() {
        let table = usize::from(run[0].0);
        let texts = &state.row_texts()[table];
        let mut statement = live.connection.prepare_cached(&texts.read)?;
        out.count(table);
        out.count(run.len());
        for (_, key) in run {
            bind(&mut statement, key)?;
            let mut rows = statement.raw_query();
            // Under a collation, a row is found by another spelling of its key; it stands under its own.
            let found = match rows.next()? {
                Some(row) if has_key(row, texts, key)? => Some(row),
                _ => None,
            };
            let Some(row) = found else {
                out.number(GONE);
                key.iter().for_each(|cell| out.cell(cell));
                continue;
            };
            out.number(THERE);
            if texts.hidden_rowid {
                out.signed(row.get(0)?);
            }
            for at in 0..texts.columns {
                out.column(row.get_ref(at + 1)?)?;
            }
        }
    }
    Ok(())
}

fn has_key(row: &rusqlite::Row<'_>, texts: &RowTexts, key: &[Cell]) -> rusqlite::Result<bool> {
    for (at, cell) in texts.key.iter().zip(key) {
        let same = match (row.get_ref(at + 1)?, cell) {
            (ValueRef::Text(bytes), Cell::Text(text)) => bytes == text.as_bytes(),
            (ValueRef::Integer(value), Cell::Integer(own)) => value == *own,
            (value, cell) => Cell::from_sql(value)? == *cell,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(
    state: &State,
    bytes: &mut Decoder<'_>,
) -> Result<Vec<TouchedRow>, SnapshotError> {
    let mut rows = Vec::new();
    for _ in 0..bytes.count()? {
        let table = bytes.position(state.row_texts().len())?;
        let texts = &state.row_texts()[table];
        for _ in 0..bytes.count()? {
            let there = bytes.position(2)? as u64 == THERE;
            let rowid = if there && texts.hidden_rowid {
                Some(bytes.signed()?)
            } else {
                None
            };
            let length = if there {
                texts.columns
            } else {
                texts.key.len()
            };
            let cells = (0..length)
                .map(|_| bytes.cell())
                .collect::<Result<Row, SnapshotError>>()?;
            rows.push(if there {
                TouchedRow {
                    table,
                    key: texts.key_of(&cells),
                    now: Some((rowid, cells)),
                }
            } else {
                TouchedRow {
                    table,
                    key: cells,
                    now: None,
                }
            });
        }
    }
    Ok(rows)
}

fn bind<'c>(
    statement: &mut CachedStatement<'_>,
    values: impl IntoIterator<Item = &'c Cell>,
) -> rusqlite::Result<()> {
    for (at, cell) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(at + 1, cell)?;
    }
    Ok(())
}

/// A row to write, and what the initial state has under its key.
struct Change<'a> {
    row: &'a TouchedRow,
    before: Option<Found>,
}

impl Change<'_> {
    /// The key is spelt differently: only a row written anew shows it.
    fn respelt(&self, texts: &RowTexts) -> bool {
        (self.before.iter()).any(|(_, cells)| texts.key_of(cells) != self.row.key)
    }

    fn moved(&self) -> bool {
        match (&self.before, &self.row.now) {
            (Some((before, _)), Some((now, _))) => before != now,
            _ => false,
        }
    }
}

/// The rows that are not in the initial state as they are to be.
fn changes<'a>(state: &State, rows: &'a [TouchedRow]) -> rusqlite::Result<Vec<Change<'a>>> {
    let base = state.base();
    let mut changes = Vec::with_capacity(rows.len());
    for run in rows.chunk_by(|row, next| row.table == next.table) {
        let texts = &state.row_texts()[run[0].table];
        let mut statement = base.prepare_cached(&texts.read)?;
        for row in run {
            bind(&mut statement, &row.key)?;
            let mut found = statement.raw_query();
            let before = match found.next()? {
                None => None,
                Some(found) => {
                    let cells = (0..texts.columns)
                        .map(|at| found.get::<_, Cell>(at + 1))
                        .collect::<rusqlite::Result<Row>>()?;
                    Some((found.get(0)?, cells))
                }
            };
            if before != row.now {
                changes.push(Change { row, before });
            }
        }
    }
    Ok(changes)
}

/// Writes touched rows into a connection that is at the initial state.
pub(crate) fn write(state: &State, live: &Live, rows: &[TouchedRow]) -> rusqlite::Result<()> {
    without_budget(&live.cells);
    let texts = state.row_texts();
    let changes = changes(state, rows)?;
    let writer = Writer { texts, live };
    let plainly = state.restoring() == (Restoring::Rows { plainly: true })
        && !(changes.iter()).any(|change| change.respelt(&texts[change.row.table]));
    if plainly && writer.plainly(&changes).is_ok() {
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
    let written = changes
        .iter()
        .filter(|change| change.before.is_some())
        .try_for_each(|change| writer.delete(change.row))
        .and_then(|()| {
            changes
                .iter()
                .try_for_each(|change| writer.insert(change.row))
        });
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
    fn plainly(&self, changes: &[Change<'_>]) -> rusqlite::Result<()> {
        for change in changes.iter().filter(|change| change.before.is_none()) {
            self.insert(change.row)?;
        }
        for change in changes.iter().filter(|change| change.before.is_some()) {
            self.update(change)?;
        }
        for change in changes.iter().rev() {
            if change.row.now.is_none() {
                self.delete(change.row)?;
            }
        }
        Ok(())
    }

    fn insert(&self, row: &TouchedRow) -> rusqlite::Result<()> {
        let Some((rowid, cells)) = &row.now else {
            return Ok(());
        };
        let rowid = rowid.map(Cell::Integer);
        self.execute(&self.texts[row.table].insert, rowid.iter().chain(cells))
    }

    fn update(&self, change: &Change<'_>) -> rusqlite::Result<()> {
        let row = change.row;
        let Some((rowid, cells)) = &row.now else {
            return Ok(());
        };
        let texts = &self.texts[row.table];
        let values = texts.set.iter().map(|at| &cells[*at]).chain(&row.key);
        if change.moved() {
            let rowid = rowid.map(Cell::Integer);
            return self.execute(&texts.shift, rowid.iter().chain(values));
        }
        match &texts.update {
            Some(text) => self.execute(text, values),
            None => Ok(()),
        }
    }

    fn delete(&self, row: &TouchedRow) -> rusqlite::Result<()> {
        self.execute(&self.texts[row.table].delete, &row.key)
    }

    fn execute<'c>(
        &self,
        text: &str,
        values: impl IntoIterator<Item = &'c Cell>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.live.connection.prepare_cached(text)?;
        bind(&mut statement, values)?;
        statement.raw_execute().map(|_| ())
    }
}
