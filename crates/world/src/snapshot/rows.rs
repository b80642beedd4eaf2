//! The rows that a session touched: which say all of it, how they are read, and their bytes.

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection};

use super::SnapshotError;
use super::bytes::{Decoder, Encoder};
use crate::cell::{Cell, Row};
use crate::connection::without_budget;
use crate::live::Live;
use crate::sql::{ForeignKey, Table, TableKind, quoted};
use crate::state::State;
use crate::world::Inner;

/// How a session of a state is brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restoring {
    /// Its touched rows say all.
    Rows {
        /// Rows can be written one by one with everything switched on: no trigger and no action of a
        /// foreign key on an update can write beside them.
        plainly: bool,
        /// SQLite counts the keys of an AUTOINCREMENT.
        counters: bool,
    },
    /// Its calls are made again: there is state that no row by key shows (an FTS5 index over another
    /// table's rows, rowids under names that columns have taken).
    Calls,
}

impl Restoring {
    /// Found from the schema as SQLite holds it.
    pub(crate) fn find(connection: &Connection, world: &Inner) -> rusqlite::Result<Self> {
        let tables = &world.schema.tables;
        let by_rows = tables.iter().all(|table| match table.kind {
            TableKind::Table => {
                !table.key.is_empty()
                    && (table.without_rowid || table.rowid_key || rowid_name(table).is_some())
            }
            TableKind::FullText => table.keeps_rows && rowid_name(table).is_some(),
        });
        if !by_rows {
            return Ok(Self::Calls);
        }
        // Keys are not written by an update, so that only what refers to other columns could act.
        let acts = |key: &ForeignKey| {
            let parent = &tables[key.parent].key;
            key.on_update != "NO ACTION"
                && !key
                    .parent_columns
                    .iter()
                    .all(|column| parent.contains(column))
        };
        let actions = tables
            .iter()
            .flat_map(|table| &table.foreign_keys)
            .any(acts);
        let counters = connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')",
            [],
            |row| row.get(0),
        )?;
        Ok(Self::Rows {
            plainly: !world.loud_triggers && !actions,
            counters,
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
    pub(super) read: String,
    pub(super) insert: String,
    pub(super) delete: String,
    /// `UPDATE table SET `.
    pub(super) update: String,
    /// Names of the columns, in quotes.
    pub(super) columns: Vec<String>,
    /// Where the columns of the key stand among them; none where the rowid is the key.
    pub(super) key: Vec<usize>,
    /// Those that an update sets: those outside the key.
    pub(super) set: Vec<usize>,
    /// The rowid's name, where it is hidden.
    pub(super) rowid: Option<&'static str>,
}

impl RowTexts {
    pub(crate) fn of(table: &Table) -> Self {
        let name = quoted(&table.name);
        let written: Vec<usize> = (0..table.columns.len())
            .filter(|at| !table.columns[*at].generated)
            .collect();
        let key: Vec<usize> = table
            .key
            .iter()
            .filter_map(|column| written.iter().position(|at| at == column))
            .collect();
        let set: Vec<usize> = (0..written.len()).filter(|at| !key.contains(at)).collect();
        let columns: Vec<String> = written
            .iter()
            .map(|at| quoted(&table.columns[*at].name))
            .collect();
        let rowid = rowid_name(table).filter(|_| !table.without_rowid && !table.rowid_key);
        let names: Vec<&str> = (rowid.into_iter())
            .chain(columns.iter().map(String::as_str))
            .collect();
        let marks: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let insert = format!(
            "INSERT INTO {name} ({}) VALUES ({})",
            names.join(", "),
            marks.join(", ")
        );
        let mut texts = Self {
            read: String::new(),
            insert,
            delete: String::new(),
            update: format!("UPDATE {name} SET "),
            columns,
            key,
            set,
            rowid,
        };
        texts.read = format!(
            "SELECT {}, {} FROM {name} WHERE ",
            rowid.unwrap_or("NULL"),
            texts.columns.join(", ")
        );
        texts.delete = format!("DELETE FROM {name} WHERE ");
        let mut condition = String::new();
        texts.push_key(&mut condition, 1);
        texts.read.push_str(&condition);
        texts.delete.push_str(&condition);
        texts
    }

    /// `key = ?first AND ...`
    fn push_key(&self, text: &mut String, first: usize) {
        let columns = self.key.iter().map(|at| self.columns[*at].as_str());
        let by_rowid = self.rowid.filter(|_| self.key.is_empty());
        for (at, name) in columns.chain(by_rowid).enumerate() {
            let and = if at > 0 { " AND " } else { "" };
            text.push_str(&format!("{and}{name} = ?{}", first + at));
        }
    }

    /// An update of these columns, and of the rowid where it moved. What a statement names costs, changed or
    /// not: indexes, foreign keys.
    pub(super) fn update(&self, columns: &[usize], moved: bool) -> String {
        let mut text = self.update.clone();
        let names = columns.iter().map(|at| self.columns[*at].as_str());
        let mut next = 1;
        for name in self.rowid.filter(|_| moved).into_iter().chain(names) {
            let comma = if next > 1 { ", " } else { "" };
            text.push_str(&format!("{comma}{name} = ?{next}"));
            next += 1;
        }
        text.push_str(" WHERE ");
        self.push_key(&mut text, next);
        text
    }

    pub(super) fn key_of(&self, (rowid, cells): &Found) -> Vec<Cell> {
        let by_rowid = rowid.filter(|_| self.key.is_empty()).map(Cell::Integer);
        let columns = self.key.iter().map(|at| cells[*at].clone());
        columns.chain(by_rowid).collect()
    }

    /// Cells of a key.
    fn key_cells(&self) -> usize {
        self.key.len().max(1)
    }
}

/// A row with its rowid, where that is hidden.
pub(super) type Found = (Option<i64>, Row);

/// What a session's database holds other than its initial state, or might.
#[derive(Debug)]
pub(crate) struct Touched {
    pub(super) rows: Vec<TouchedRow>,
    /// SQLite's counters of AUTOINCREMENT: the table, and the last key that it gave.
    pub(super) counters: Vec<(usize, i64)>,
}

/// A touched row.
#[derive(Debug, PartialEq)]
pub(super) struct TouchedRow {
    pub(super) table: usize,
    pub(super) key: Vec<Cell>,
    /// None when it is gone.
    pub(super) now: Option<Found>,
}

const CALLS: u64 = 0;
const ROWS: u64 = 1;

const GONE: u64 = 0;
const THERE: u64 = 1;

/// Writes the touched rows as they are now, if rows can say all. Whether the initial state has others is
/// asked when they are brought back: parking does not wait for the one connection to it.
pub(crate) fn encode(state: &State, live: &Live, out: &mut Encoder) -> rusqlite::Result<()> {
    without_budget(&live.cells);
    // Reading a row may call the engine's functions, which need the lock.
    let mut touched = std::mem::take(&mut live.cells.lock().touched);
    touched.sort_unstable();
    touched.dedup();
    let settings = touched.iter().any(|(_, key)| key.is_empty());
    let result = match state.restoring() {
        Restoring::Rows { counters, .. } if !settings => {
            out.number(ROWS);
            encode_touched(state, live, &touched, out).and_then(|()| {
                let counters = if counters {
                    read_counters(state, live)?
                } else {
                    Vec::new()
                };
                out.count(counters.len());
                for (table, last) in counters {
                    out.count(table);
                    out.signed(last);
                }
                Ok(())
            })
        }
        _ => {
            out.number(CALLS);
            Ok(())
        }
    };
    live.cells.lock().touched = touched;
    result
}

pub(super) fn read_counters(state: &State, live: &Live) -> rusqlite::Result<Vec<(usize, i64)>> {
    let schema = state.world().schema();
    let mut statement = live
        .connection
        .prepare_cached("SELECT name, seq FROM sqlite_sequence")?;
    let mut rows = statement.raw_query();
    let mut counters = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(table) = schema.table(row.get_ref(0)?.as_str()?) {
            counters.push((table, row.get(1)?));
        }
    }
    counters.sort_unstable();
    Ok(counters)
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
                for cell in key {
                    out.cell(cell);
                }
                continue;
            };
            out.number(THERE);
            if texts.rowid.is_some() {
                out.signed(row.get(0)?);
            }
            for at in 0..texts.columns.len() {
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

/// Reads what [`encode`] wrote; None where the calls are to be made again.
pub(crate) fn decode(
    state: &State,
    bytes: &mut Decoder<'_>,
) -> Result<Option<Touched>, SnapshotError> {
    if bytes.position(2)? as u64 == CALLS {
        return Ok(None);
    }
    if state.restoring() == Restoring::Calls {
        return Err(SnapshotError::Damaged(
            "they hold rows where calls are needed",
        ));
    }
    let tables = state.row_texts().len();
    let mut rows = Vec::new();
    for _ in 0..bytes.count()? {
        let table = bytes.position(tables)?;
        let texts = &state.row_texts()[table];
        for _ in 0..bytes.count()? {
            let there = bytes.position(2)? as u64 == THERE;
            let rowid = if there && texts.rowid.is_some() {
                Some(bytes.signed()?)
            } else {
                None
            };
            let length = if there {
                texts.columns.len()
            } else {
                texts.key_cells()
            };
            let cells = (0..length)
                .map(|_| bytes.cell())
                .collect::<Result<Row, SnapshotError>>()?;
            rows.push(if there {
                let now = (rowid, cells);
                TouchedRow {
                    table,
                    key: texts.key_of(&now),
                    now: Some(now),
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
    let mut counters = Vec::new();
    for _ in 0..bytes.count()? {
        counters.push((bytes.position(tables)?, bytes.signed()?));
    }
    Ok(Some(Touched { rows, counters }))
}

pub(super) fn bind<'c>(
    statement: &mut CachedStatement<'_>,
    values: impl IntoIterator<Item = &'c Cell>,
) -> rusqlite::Result<()> {
    for (at, cell) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(at + 1, cell)?;
    }
    Ok(())
}
