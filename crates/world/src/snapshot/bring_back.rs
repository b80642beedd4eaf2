//! Writes the rows that a session touched into a connection, to find the session again.

use std::sync::atomic::Ordering;

use rusqlite::config::DbConfig;

use super::rows::{Found, Restoring, RowTexts, Touched, TouchedRow, bind, read_counters};
use crate::cell::{Cell, Row};
use crate::connection::without_budget;
use crate::live::Live;
use crate::state::State;

/// A row to write, and what the initial state has under its key.
struct Change<'a> {
    row: &'a TouchedRow,
    before: Option<Found>,
}

impl Change<'_> {
    /// The key is spelt differently: only a row written anew shows it.
    fn respelt(&self, texts: &RowTexts) -> bool {
        (self.before.iter()).any(|before| texts.key_of(before) != self.row.key)
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
                    let cells = (0..texts.columns.len())
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

/// Brings a connection from the initial state to where a session was.
pub(crate) fn bring_back(state: &State, live: &Live, touched: &Touched) -> rusqlite::Result<()> {
    without_budget(&live.cells);
    live.cells.silent.store(true, Ordering::Relaxed);
    let written = write_rows(state, live, &touched.rows);
    live.cells.silent.store(false, Ordering::Relaxed);
    written?;
    // A row that was touched and is as it was again was not written; a snapshot of the woken session must
    // have the same bytes all the same.
    live.cells.lock().touched = (touched.rows.iter())
        .map(|row| (row.table as u16, row.key.clone()))
        .collect();
    match state.restoring() {
        Restoring::Rows { counters: true, .. } => write_counters(state, live, &touched.counters),
        _ => Ok(()),
    }
}

/// Keys that were written moved SQLite's counters on; here they are set to where they were.
fn write_counters(state: &State, live: &Live, counters: &[(usize, i64)]) -> rusqlite::Result<()> {
    let now = read_counters(state, live)?;
    let tables = &state.world().schema().tables;
    let set = |text: &str, table: usize, last: Option<i64>| -> rusqlite::Result<()> {
        let mut statement = live.connection.prepare_cached(text)?;
        statement.raw_bind_parameter(1, &*tables[table].name)?;
        if let Some(last) = last {
            statement.raw_bind_parameter(2, last)?;
        }
        statement.raw_execute().map(|_| ())
    };
    for (table, _) in &now {
        if !counters.iter().any(|(own, _)| own == table) {
            set("DELETE FROM sqlite_sequence WHERE name = ?1", *table, None)?;
        }
    }
    for (table, last) in counters {
        match now.iter().find(|(own, _)| own == table) {
            Some((_, now)) if now == last => {}
            Some(_) => set(
                "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1",
                *table,
                Some(*last),
            )?,
            None => set(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
                *table,
                Some(*last),
            )?,
        }
    }
    Ok(())
}

fn write_rows(state: &State, live: &Live, rows: &[TouchedRow]) -> rusqlite::Result<()> {
    let texts = state.row_texts();
    let changes = changes(state, rows)?;
    let writer = Writer { texts, live };
    let plainly = matches!(state.restoring(), Restoring::Rows { plainly: true, .. })
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
        let (Some((_, before)), Some((rowid, now))) = (&change.before, &row.now) else {
            return Ok(());
        };
        let texts = &self.texts[row.table];
        let changed: Vec<usize> = (texts.set.iter().copied())
            .filter(|at| before[*at] != now[*at])
            .collect();
        let moved = change.moved();
        let rowid = rowid.filter(|_| moved).map(Cell::Integer);
        let values = changed.iter().map(|at| &now[*at]).chain(&row.key);
        self.execute(&texts.update(&changed, moved), rowid.iter().chain(values))
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
