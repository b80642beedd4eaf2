//! What SQLite itself says that a statement touches.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::parse::{is_refused_function, is_refused_table};

/// The tables, columns and functions that a statement touches, as the authorizer reports them while
/// the statement is prepared. A superset: defaults and foreign-key checks are reported even where they
/// do not run. Names are as SQLite spells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) reads: BTreeSet<(String, String)>,
    pub(crate) inserts: BTreeSet<String>,
    pub(crate) updates: BTreeSet<(String, String)>,
    pub(crate) deletes: BTreeSet<String>,
    pub(crate) functions: BTreeSet<String>,
    /// What was refused, in words.
    pub(crate) refused: Vec<String>,
}

impl Access {
    /// Adds what another statement touches.
    pub(crate) fn extend(&mut self, other: Self) {
        self.reads.extend(other.reads);
        self.inserts.extend(other.inserts);
        self.updates.extend(other.updates);
        self.deletes.extend(other.deletes);
        self.functions.extend(other.functions);
        self.refused.extend(other.refused);
    }

    /// True when no table is written, not even by a trigger.
    pub(crate) fn writes_nothing(&self) -> bool {
        self.inserts.is_empty() && self.updates.is_empty() && self.deletes.is_empty()
    }
}

/// An authorizer on a connection that records what each statement touches and refuses what no world
/// may do.
#[derive(Debug, Clone)]
pub(crate) struct AccessLog {
    access: Arc<Mutex<Access>>,
    text: Arc<AtomicU8>,
}

/// Whose text is being prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// A step, a rule, a query of the world.
    Program = 0,
    /// A statement of `schema.sql`.
    Schema = 1,
    /// The engine's own.
    Engine = 2,
}

impl AccessLog {
    /// Installs the authorizer.
    pub(crate) fn install(connection: &mut Connection) -> rusqlite::Result<Self> {
        let log = Self {
            access: Arc::default(),
            text: Arc::default(),
        };
        let (access, text) = (Arc::clone(&log.access), Arc::clone(&log.text));
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            let text = text.load(Ordering::Relaxed);
            if text == Text::Engine as u8 {
                return Authorization::Allow;
            }
            let mut access = access.lock().unwrap_or_else(PoisonError::into_inner);
            record(&mut access, &context, text == Text::Schema as u8)
        }))?;
        Ok(log)
    }

    /// Says whose text comes next, and so what it may do.
    pub(crate) fn expect(&self, text: Text) {
        self.text.store(text as u8, Ordering::Relaxed);
    }

    /// What was touched since the last call.
    pub(crate) fn take(&self) -> Access {
        std::mem::take(&mut *self.access.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn record(access: &mut Access, context: &AuthContext<'_>, schema: bool) -> Authorization {
    let own = is_refused_table;
    match context.action {
        AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Read {
            table_name,
            column_name,
        } => {
            if own(table_name) && !schema {
                access.refused.push(format!(
                    "it reads {table_name}, which is not part of the world"
                ));
                return Authorization::Deny;
            }
            access
                .reads
                .insert((table_name.to_string(), column_name.to_string()));
            Authorization::Allow
        }
        AuthAction::Insert { table_name } => {
            if own(table_name) && !schema {
                access.refused.push(format!("it writes {table_name}"));
                return Authorization::Deny;
            }
            access.inserts.insert(table_name.to_string());
            Authorization::Allow
        }
        AuthAction::Update {
            table_name,
            column_name,
        } => {
            if own(table_name) && !schema {
                access.refused.push(format!("it writes {table_name}"));
                return Authorization::Deny;
            }
            access
                .updates
                .insert((table_name.to_string(), column_name.to_string()));
            Authorization::Allow
        }
        AuthAction::Delete { table_name } => {
            if own(table_name) && !schema {
                access.refused.push(format!("it writes {table_name}"));
                return Authorization::Deny;
            }
            access.deletes.insert(table_name.to_string());
            Authorization::Allow
        }
        AuthAction::Function { function_name } => {
            if is_refused_function(function_name) {
                access
                    .refused
                    .push(format!("the function {function_name} is not available"));
                return Authorization::Deny;
            }
            access.functions.insert(function_name.to_ascii_lowercase());
            Authorization::Allow
        }
        AuthAction::CreateIndex { .. }
        | AuthAction::CreateTable { .. }
        | AuthAction::CreateTrigger { .. }
        | AuthAction::CreateView { .. }
        | AuthAction::Reindex { .. }
            if schema =>
        {
            Authorization::Allow
        }
        AuthAction::CreateVtable { module_name, .. }
            if schema && module_name.eq_ignore_ascii_case("fts5") =>
        {
            Authorization::Allow
        }
        // An FTS5 table sets up its own shadow tables; it asks for the format version.
        AuthAction::Pragma { pragma_name, .. }
            if schema && ["data_version", "page_size"].contains(&pragma_name) =>
        {
            Authorization::Allow
        }
        other => {
            access.refused.push(format!(
                "SQLite was asked for {other:?}, which no world may do"
            ));
            Authorization::Deny
        }
    }
}
