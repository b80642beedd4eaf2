//! Opens and configures SQLite for a world.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use crate::format::LimitsFile;
use crate::functions::{self, Cells, Functions, STEP_UNIT};

/// Opens an empty database in memory with the engine's functions and settings.
pub(crate) fn open(
    cells: &Arc<Cells>,
    functions: &Functions,
    limits: &LimitsFile,
) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    // Small pages: a write journals whole pages, and a third of its time goes there.
    connection.execute_batch(
        "PRAGMA page_size = 1024;
         PRAGMA journal_mode = MEMORY;
         PRAGMA synchronous = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_spill = OFF;
         PRAGMA foreign_keys = ON;
         PRAGMA recursive_triggers = ON;
         PRAGMA trusted_schema = OFF;",
    )?;
    connection.pragma_update(None, "max_page_count", limits.pages)?;
    // A name in double quotes that is no column must be an error, not a string.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // The tables inside an FTS5 index are the index's alone.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // A plan that looked at a bound value would be made anew for every other value: half of a search's time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    functions::register(&connection, cells, functions)?;
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, limits.string_bytes as i32),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 32),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
        // LIKE takes time in proportion to text times pattern, in one step.
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
    ] {
        connection.set_limit(limit, value)?;
    }
    let own = Arc::clone(cells);
    connection.progress_handler(
        STEP_UNIT,
        Some(move || {
            let unit = i64::from(STEP_UNIT);
            own.steps.fetch_sub(unit, Ordering::Relaxed) < unit
        }),
    )?;
    Ok(connection)
}

/// Steps for loading a world: SQLite asks while it plans a query, too.
pub(crate) const LOADING_STEPS: i64 = 100_000_000;
/// Steps for making an initial state: a minute or so.
pub(crate) const GENERATING_STEPS: i64 = 2_000_000_000;

/// Gives the next statements this many steps together.
pub(crate) fn set_budget(cells: &Cells, steps: i64) {
    cells.set_budget(steps);
}

/// Lets the engine's own statements take as many steps as they need.
pub(crate) fn without_budget(cells: &Cells) {
    cells.steps.store(i64::MAX / 2, Ordering::Relaxed);
}
