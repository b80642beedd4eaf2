//! Initial states of a world, and the connections that sessions take from them.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::cell::{Cell, Row};
use crate::connection;
use crate::export::BaseElements;
use crate::functions::Cells;
use crate::generate::{self, GenerateError};
use crate::live::{Live, row_of};
use crate::session::Session;
use crate::snapshot::{Restoring, RowTexts, SnapshotError};
use crate::sql::{Table, TableKind, quoted};
use crate::world::{Inner, World};

/// Which initial state of a world: what a task names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateSpec {
    /// The size's name in `data.toml`, or that of one of its named states; `empty` leaves all tables
    /// empty.
    pub size: String,
    /// The generator's seed.
    pub seed: u64,
    /// Rows that are added to what is generated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<AddedRow>,
}

/// A row that is added to a generated state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddedRow {
    /// The table.
    pub table: String,
    /// Its values by column, as the text of a JSON object.
    pub values: String,
}

impl StateSpec {
    /// A generated state.
    pub fn generated(size: impl Into<String>, seed: u64) -> Self {
        Self {
            size: size.into(),
            seed,
            added: Vec::new(),
        }
    }

    /// All tables empty.
    pub fn empty() -> Self {
        Self {
            size: "empty".into(),
            seed: 0,
            added: Vec::new(),
        }
    }
}

/// Why a state could not be made, or a session not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The rows could not be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A row that was to be added does not fit.
    #[error("cannot add a row to {table}: {message}")]
    Row {
        /// The table.
        table: String,
        /// What is wrong.
        message: String,
    },
    /// A snapshot cannot be used.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// SQLite failed.
    #[error("SQLite failed: {0}")]
    Sql(#[from] rusqlite::Error),
}

/// An initial state of a world; cheap to clone, shared by the sessions that start from it.
#[derive(Debug, Clone)]
pub struct State(pub(crate) Arc<StateInner>);

#[derive(Debug)]
pub(crate) struct StateInner {
    pub(crate) world: World,
    pub(crate) spec: StateSpec,
    mark: Mark,
    restoring: Restoring,
    row_texts: Vec<RowTexts>,
    base: Mutex<Connection>,
    digest: OnceLock<String>,
    /// What `export` writes of this state; read when it is first asked for.
    elements: Mutex<Option<Arc<BaseElements>>>,
    /// Connections that no session holds.
    idle: Mutex<Vec<Live>>,
}

/// Tells initial states apart: what a snapshot is of.
#[derive(Debug)]
pub(crate) struct Mark {
    /// Of the world's files.
    pub(crate) world: [u8; 8],
    /// Of what the rows were made from.
    pub(crate) state: [u8; 8],
}

impl Mark {
    fn of(world: &World, spec: &StateSpec, rows: &[(String, Map<String, Value>)]) -> Self {
        let first = |bytes: &[u8]| {
            let mut mark = [0; 8];
            mark.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
            mark
        };
        let made_from = serde_json::json!([spec, rows]).to_string();
        Self {
            world: first(world.digest().as_bytes()),
            state: first(made_from.as_bytes()),
        }
    }
}

/// Connections kept for the next sessions of one state.
const MAX_IDLE: usize = 64;

impl World {
    /// Makes an initial state.
    ///
    /// # Errors
    /// When `data.toml` cannot give it, or a row that is added does not fit.
    pub fn state(&self, spec: &StateSpec) -> Result<State, StateError> {
        self.state_with(spec, &[])
    }

    /// Makes an initial state and adds rows to it: table, and values by column.
    ///
    /// # Errors
    /// When `data.toml` cannot give it, or a row does not fit.
    pub fn state_with(
        &self,
        spec: &StateSpec,
        rows: &[(String, Map<String, Value>)],
    ) -> Result<State, StateError> {
        let inner = &*self.0;
        let named = inner.data.state.iter().find(|own| own.name == spec.size);
        let seed = named.and_then(|own| own.seed).unwrap_or(spec.seed);
        let size = match named {
            Some(own) => own.size.as_deref().unwrap_or("empty"),
            None => &spec.size,
        };
        let cells = Arc::new(Cells::default());
        connection::set_budget(&cells, connection::GENERATING_STEPS);
        {
            let mut shared = cells.lock();
            shared.now = inner.clock;
            shared.seed = seed;
            shared.initial = true;
            shared.id_digits = inner.file.ids.digits;
        }
        let connection = connection::open(&cells, &inner.functions, &inner.file.limits)?;
        for statement in &inner.schema_sql {
            connection.execute_batch(statement)?;
        }
        connection.execute_batch("BEGIN")?;
        if size != "empty" {
            let scale = generate::scale(&inner.data, size)?;
            generate::fill(&connection, &inner.schema, &inner.data, scale, &cells)?;
        }
        if let Some(own) = named {
            generate::run_state(&connection, own, &cells)?;
            for row in &own.row {
                add_row(&connection, inner, &row.table, &row.values)?;
            }
        }
        if spec.size != "empty" {
            generate::consistent(&connection, &inner.data)?;
        }
        for row in &spec.added {
            let values: Map<String, Value> =
                serde_json::from_str(&row.values).map_err(|error| StateError::Row {
                    table: row.table.clone(),
                    message: format!("its values are no JSON object: {error}"),
                })?;
            add_row(&connection, inner, &row.table, &values)?;
        }
        for (table, values) in rows {
            add_row(&connection, inner, table, values)?;
        }
        connection.execute_batch("COMMIT")?;
        connection::without_budget(&cells);
        connection.set_prepared_statement_cache_capacity(inner.statements);
        Ok(State(Arc::new(StateInner {
            world: self.clone(),
            spec: spec.clone(),
            mark: Mark::of(self, spec, rows),
            restoring: Restoring::find(&connection, inner)?,
            row_texts: inner.schema.tables.iter().map(RowTexts::of).collect(),
            base: Mutex::new(connection),
            digest: OnceLock::new(),
            elements: Mutex::default(),
            idle: Mutex::default(),
        })))
    }
}

fn add_row(
    connection: &Connection,
    inner: &Inner,
    table: &str,
    values: &Map<String, Value>,
) -> Result<(), StateError> {
    let failed = |message: String| StateError::Row {
        table: table.to_string(),
        message,
    };
    let at = inner
        .schema
        .table(table)
        .ok_or_else(|| failed("there is no such table".into()))?;
    let definition = &inner.schema.tables[at];
    let mut names = Vec::new();
    let mut cells = Vec::new();
    for (name, value) in values {
        let column = definition
            .column(name)
            .ok_or_else(|| failed(format!("there is no column {name:?}")))?;
        names.push(quoted(&definition.columns[column].name));
        cells.push(Cell::from_json(value));
    }
    let text = format!(
        "INSERT INTO {} ({}) VALUES ({})",
        quoted(&definition.name),
        names.join(", "),
        vec!["?"; names.len()].join(", ")
    );
    connection
        .execute(&text, rusqlite::params_from_iter(&cells))
        .map_err(|error| failed(error.to_string()))?;
    Ok(())
}

/// A query for all rows of a table, in the order in which SQLite holds them.
pub(crate) fn all_rows_query(table: &Table) -> String {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .collect();
    let order = if table.without_rowid || table.kind != TableKind::Table {
        ""
    } else {
        " ORDER BY rowid"
    };
    format!(
        "SELECT {} FROM {}{order}",
        columns.join(", "),
        quoted(&table.name)
    )
}

impl State {
    /// The world.
    pub fn world(&self) -> &World {
        &self.0.world
    }

    /// Which state it is.
    pub fn spec(&self) -> &StateSpec {
        &self.0.spec
    }

    /// Opens a session; `seed` decides its ids and random draws.
    ///
    /// # Errors
    /// When SQLite cannot give a connection.
    pub fn session(&self, seed: u64) -> Result<Session, StateError> {
        let live = self.live()?;
        Ok(Session::new(self.clone(), live, seed)?)
    }

    /// Runs a query on the initial state. For the program that embeds worlds; no agent can reach it.
    ///
    /// # Errors
    /// When SQLite refuses the query.
    pub fn query(&self, text: &str, parameters: &[Cell]) -> Result<Vec<Row>, StateError> {
        let base = self.base();
        let mut statement = base.prepare_cached(text)?;
        let columns = statement.column_count();
        let rows = statement.query_map(rusqlite::params_from_iter(parameters), |row| {
            (0..columns).map(|at| row.get::<_, Cell>(at)).collect()
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// All rows of a table, in the order in which SQLite holds them.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn rows(&self, table: usize) -> Result<Vec<Row>, StateError> {
        self.query(&all_rows_query(&self.0.world.0.schema.tables[table]), &[])
    }

    /// A hash over all rows of all tables.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn digest(&self) -> Result<String, StateError> {
        if let Some(digest) = self.0.digest.get() {
            return Ok(digest.clone());
        }
        let mut hasher = blake3::Hasher::new();
        for table in 0..self.0.world.0.schema.tables.len() {
            for row in self.rows(table)? {
                let text = serde_json::to_string(&row).unwrap_or_default();
                hasher.update(text.as_bytes());
                hasher.update(b"\n");
            }
            hasher.update(b"\0");
        }
        let digest = hasher.finalize().to_hex()[..32].to_string();
        Ok(self.0.digest.get_or_init(|| digest).clone())
    }

    /// True for clones of one state.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn mark(&self) -> &Mark {
        &self.0.mark
    }

    pub(crate) fn restoring(&self) -> Restoring {
        self.0.restoring
    }

    pub(crate) fn row_texts(&self) -> &[RowTexts] {
        &self.0.row_texts
    }

    pub(crate) fn base(&self) -> MutexGuard<'_, Connection> {
        self.0.base.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn kept_elements(&self) -> MutexGuard<'_, Option<Arc<BaseElements>>> {
        self.0
            .elements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a key in the initial state.
    pub(crate) fn base_row(&self, table: usize, key: &[Cell]) -> rusqlite::Result<Option<Row>> {
        row_of(&self.base(), &self.0.world.0.schema.tables[table], key)
    }

    /// A connection at the initial state.
    pub(crate) fn live(&self) -> rusqlite::Result<Live> {
        // The lock is not held while a connection is reset.
        let next = || self.idle().pop();
        while let Some(live) = next() {
            if live.reset().is_ok() {
                return Ok(live);
            }
        }
        Live::open(&self.0.world.0, &self.base())
    }

    /// Takes a connection back for the next session, which resets it: a session that ends does not wait
    /// for that.
    pub(crate) fn give_back(&self, live: Live) {
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(live);
        }
    }

    /// Closes one connection that no session holds.
    pub(crate) fn drop_idle(&self) {
        self.idle().pop();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Live>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
