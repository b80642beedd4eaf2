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
    functions::register(&connection, cells, functions)?;
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, limits.string_bytes as i32),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 32),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
    ] {
        connection.set_limit(limit, value)?;
    }
    let own = Arc::clone(cells);
    connection.progress_handler(
        STEP_UNIT,
        Some(move || own.steps.fetch_sub(1, Ordering::Relaxed) <= 0),
    )?;
    Ok(connection)
}

/// Lets the next statements take as many steps as they need: loading a schema, generating data.
pub(crate) fn without_budget(cells: &Cells) {
    cells.steps.store(i64::MAX / 2, Ordering::Relaxed);
}

/// Lets the next statements take this many steps of SQLite's virtual machine together.
pub(crate) fn set_budget(cells: &Cells, vm_steps: i64) {
    let units = vm_steps / i64::from(STEP_UNIT);
    cells.steps.store(units, Ordering::Relaxed);
}
