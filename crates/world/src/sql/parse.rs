//! Splits text into statements, parses each, and refuses what no world may contain.

use std::collections::{BTreeMap, BTreeSet};

use turso_parser::ast::{
    Cmd, ColumnConstraint, CreateTableBody, DeferSubclause, Expr, InitDeferredPred, InsertBody,
    Literal, Name, ResolveType, Stmt, TableConstraint, TriggerCmd, TriggerEvent, Type, Upsert,
    UpsertDo,
};
use turso_parser::parser::Parser;

use super::walk;

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Select,
    Insert,
    Update,
    Delete,
    Create,
}

/// One statement: its own text and its tree.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) text: String,
    pub(crate) tree: Stmt,
    pub(crate) kind: Kind,
}

impl Parsed {
    /// True for CREATE TRIGGER.
    pub(crate) fn is_trigger(&self) -> bool {
        matches!(self.tree, Stmt::CreateTrigger { .. })
    }
}

/// Functions that would let the world's outcome depend on anything but its state, reach outside it, or
/// make BLOBs, which no result can hold. Every function that SQLite has is either here, or known to be
/// harmless to a test below.
/// Names that begin with two underscores are the engine's own.
pub const REFUSED_FUNCTIONS: &[&str] = &[
    "changes",
    "edit",
    "last_insert_rowid",
    "load_extension",
    "matchinfo",
    "offsets",
    "optimize",
    "random",
    "randomblob",
    "readfile",
    "subtype",
    "total_changes",
    "unhex",
    "writefile",
    "zeroblob",
];

/// Beginnings of names of the same kind; names that begin with two underscores are the engine's own.
const REFUSED_PREFIXES: &[&str] = &["__", "fts3_", "fts5", "jsonb", "rtree", "sqlite_"];

/// True for functions that statements of a world may not call.
pub(crate) fn is_refused_function(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    REFUSED_FUNCTIONS.contains(&name.as_str())
        || REFUSED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// True for names of tables that are SQLite's or the engine's own, and for table functions that show how
/// the database is stored.
pub(crate) fn is_refused_table(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["sqlite_", "pragma_", "__"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || ["bytecode", "dbstat", "fts3tokenize", "tables_used"].contains(&name.as_str())
}

/// The statements of a tool's step, a rule or a query: SELECT, INSERT, UPDATE, DELETE, with WITH.
pub(crate) fn parse_program(text: &str) -> Result<Vec<Parsed>, String> {
    let parsed = parse(text, |tree| match tree {
        Stmt::Select(_) => Ok(Kind::Select),
        Stmt::Insert { .. } => Ok(Kind::Insert),
        Stmt::Update(_) => Ok(Kind::Update),
        Stmt::Delete { .. } => Ok(Kind::Delete),
        other => Err(format!(
            "{} is not allowed here; a step may hold SELECT, INSERT, UPDATE and DELETE only",
            name_of(other)
        )),
    });
    parsed.map_err(|fault| match fault.statement {
        1 => fault.message,
        number => format!("statement {number}: {}", fault.message),
    })
}

/// The statements of `schema.sql`: CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE USING fts5.
pub(crate) fn parse_schema(text: &str) -> Result<Vec<Parsed>, Fault> {
    parse(text, |tree| match tree {
        Stmt::CreateTable { tbl_name, .. }
        | Stmt::CreateView {
            view_name: tbl_name,
            ..
        }
        | Stmt::CreateTrigger {
            trigger_name: tbl_name,
            ..
        }
        | Stmt::CreateIndex {
            idx_name: tbl_name, ..
        } if tbl_name.db_name.is_some() => Err(format!(
            "{} stands in a database of its own; a world has one, so drop what is before the dot",
            tbl_name.name.as_str()
        )),
        Stmt::CreateTable {
            temporary, body, ..
        } => {
            if *temporary {
                return Err("temporary tables are not part of a world's state".into());
            }
            match body {
                CreateTableBody::AsSelect(_) => Err(
                    "CREATE TABLE AS SELECT has no keys; name the columns and the primary key"
                        .into(),
                ),
                CreateTableBody::ColumnsAndConstraints {
                    columns,
                    constraints,
                    ..
                } => {
                    for column in columns {
                        for constraint in &column.constraints {
                            column_constraint(&constraint.constraint)?;
                        }
                    }
                    for constraint in constraints {
                        table_constraint(&constraint.constraint)?;
                    }
                    Ok(Kind::Create)
                }
            }
        }
        Stmt::CreateIndex { .. } => Ok(Kind::Create),
        Stmt::CreateView { temporary, .. } | Stmt::CreateTrigger { temporary, .. } => {
            if *temporary {
                Err("temporary views and triggers are not part of a world".into())
            } else {
                Ok(Kind::Create)
            }
        }
        Stmt::CreateVirtualTable(table) => {
            if table.module_name.as_str().eq_ignore_ascii_case("fts5") {
                Ok(Kind::Create)
            } else {
                Err(format!(
                    "virtual tables of the module {} are not supported; only fts5 is",
                    table.module_name.as_str()
                ))
            }
        }
        other => Err(format!(
            "{} is not allowed in schema.sql; it may hold CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE USING fts5",
            name_of(other)
        )),
    })
}

/// Why a text is refused, and at which of its statements, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) statement: usize,
    pub(crate) message: String,
}

fn parse(text: &str, allow: impl Fn(&Stmt) -> Result<Kind, String>) -> Result<Vec<Parsed>, Fault> {
    let mut parser = Parser::new(text.as_bytes());
    let mut statements: Vec<Parsed> = Vec::new();
    let mut start = 0;
    loop {
        let statement = statements.len() + 1;
        let fault = |message: String| Fault { statement, message };
        let tree = match parser.next_cmd() {
            Ok(None) => return Ok(statements),
            Ok(Some(Cmd::Stmt(tree))) => tree,
            Ok(Some(Cmd::Explain(_) | Cmd::ExplainQueryPlan { .. })) => {
                return Err(fault("EXPLAIN is not allowed".into()));
            }
            Err(error) => {
                let read = text.get(..parser.offset().min(text.len()));
                let place = match read.map(|read| read.matches('\n').count()) {
                    Some(lines) if text.trim().contains('\n') => format!("line {}: ", lines + 1),
                    _ => String::new(),
                };
                return Err(fault(format!(
                    "{place}cannot be parsed ({error}); it is wrong or outside the supported subset of SQL"
                )));
            }
        };
        let end = parser.offset().min(text.len());
        let own = text.get(start..end).unwrap_or_default();
        start = end;
        let kind = allow(&tree).map_err(fault)?;
        refuse(&tree).map_err(fault)?;
        statements.push(Parsed {
            text: own.trim().trim_end_matches(';').trim_end().to_string(),
            tree,
            kind,
        });
    }
}

/// Refuses what would break the episode's savepoint, or the world's determinism, wherever it stands.
fn refuse(tree: &Stmt) -> Result<(), String> {
    match tree {
        Stmt::Insert {
            or_conflict,
            body,
            tbl_name,
            columns,
            ..
        } => {
            conflict(*or_conflict)?;
            setting(tbl_name.name.as_str(), columns)?;
            if let InsertBody::Select(_, on_conflict) = body {
                upsert(on_conflict.as_deref())?;
            }
        }
        Stmt::Update(update) => conflict(update.or_conflict)?,
        Stmt::CreateTrigger { commands, .. } => {
            for command in commands {
                match command {
                    TriggerCmd::Update { or_conflict, .. } => conflict(*or_conflict)?,
                    TriggerCmd::Insert {
                        or_conflict,
                        tbl_name,
                        col_names,
                        ..
                    } => {
                        conflict(*or_conflict)?;
                        setting(tbl_name.as_str(), col_names)?;
                    }
                    TriggerCmd::Delete { .. } | TriggerCmd::Select(_) => {}
                }
            }
        }
        _ => {}
    }
    let mut found: Option<String> = None;
    walk::each_expression(tree, &mut |expression| {
        let problem = match expression {
            Expr::Raise(ResolveType::Rollback, _) => Some(
                "RAISE(ROLLBACK) would end the whole episode; use RAISE(ABORT, ...)".to_string(),
            ),
            Expr::Raise(ResolveType::Fail, _) => {
                Some("RAISE(FAIL) keeps half of a statement; use RAISE(ABORT, ...)".to_string())
            }
            Expr::Cast { type_name, .. } if is_blob(type_name.as_ref()) => {
                Some("CAST makes a BLOB here, and no result can hold one".to_string())
            }
            Expr::FunctionCall { name, .. } | Expr::FunctionCallStar { name, .. }
                if is_refused_function(name.as_str()) =>
            {
                Some(format!("the function {} is not available", name.as_str()))
            }
            Expr::Literal(Literal::Blob(_)) => {
                Some("BLOB literals are not supported: what a tool returns is JSON".to_string())
            }
            Expr::Variable(variable) => match variable.name.as_deref() {
                Some(name) if name.starts_with(':') => None,
                _ => Some("parameters are written :name".to_string()),
            },
            _ => None,
        };
        if found.is_none() {
            found = problem;
        }
    });
    found.map_or(Ok(()), Err)
}

/// True for the types of CAST that SQLite gives BLOB affinity.
fn is_blob(name: Option<&Type>) -> bool {
    name.is_none_or(|own| {
        let name = own.name.to_ascii_uppercase();
        name.trim().is_empty() || name.contains("BLOB") && !name.contains("INT")
    })
}

/// Refuses to set how an FTS5 index ranks or keeps its words: SQLite holds that in the connection, and a
/// rollback does not bring it back, so that one session would rank as another one said.
fn setting(table: &str, columns: &[Name]) -> Result<(), String> {
    let names = |name: &str| {
        columns
            .iter()
            .any(|own| own.as_str().eq_ignore_ascii_case(name))
    };
    if names(table) && names("rank") {
        return Err(format!(
            "the settings of an index outlive a rollback; give weights where you rank, as in ORDER BY \
             bm25({table}, 2.0)"
        ));
    }
    Ok(())
}

fn conflict(clause: Option<ResolveType>) -> Result<(), String> {
    match clause {
        Some(ResolveType::Rollback) => {
            Err("OR ROLLBACK would end the whole episode; use OR ABORT, or a guard".into())
        }
        Some(ResolveType::Fail) => {
            Err("OR FAIL keeps half of a statement; use OR ABORT, or a guard".into())
        }
        _ => Ok(()),
    }
}

fn upsert(clause: Option<&Upsert>) -> Result<(), String> {
    // The grammar allows no conflict clause inside ON CONFLICT; only nesting has to end.
    let mut depth = 0;
    let mut next = clause;
    while let Some(clause) = next {
        depth += 1;
        if depth > 8 {
            return Err("too many ON CONFLICT clauses".into());
        }
        next = clause.next.as_deref();
    }
    Ok(())
}

fn deferred(clause: Option<&DeferSubclause>) -> Result<(), String> {
    match clause {
        Some(clause)
            if clause.deferrable
                && clause.init_deferred == Some(InitDeferredPred::InitiallyDeferred) =>
        {
            Err("DEFERRABLE INITIALLY DEFERRED would never be enforced: an episode does not commit; drop the clause".into())
        }
        _ => Ok(()),
    }
}

fn column_constraint(constraint: &ColumnConstraint) -> Result<(), String> {
    match constraint {
        ColumnConstraint::PrimaryKey {
            conflict_clause, ..
        }
        | ColumnConstraint::NotNull {
            conflict_clause, ..
        } => conflict(*conflict_clause),
        ColumnConstraint::Unique(clause) => conflict(*clause),
        ColumnConstraint::ForeignKey { defer_clause, .. } => deferred(defer_clause.as_ref()),
        _ => Ok(()),
    }
}

fn table_constraint(constraint: &TableConstraint) -> Result<(), String> {
    match constraint {
        TableConstraint::PrimaryKey {
            conflict_clause, ..
        }
        | TableConstraint::Unique {
            conflict_clause, ..
        } => conflict(*conflict_clause),
        TableConstraint::ForeignKey { defer_clause, .. } => deferred(defer_clause.as_ref()),
        TableConstraint::Check { .. } => Ok(()),
    }
}

/// The tables of a cycle of triggers, where one trigger's writes fire another's, if there is one.
pub(crate) fn trigger_cycle(statements: &[Parsed]) -> Option<Vec<String>> {
    // From (table, event) to the (table, event)s that its triggers cause.
    let mut causes: BTreeMap<(String, u8), BTreeSet<(String, u8)>> = BTreeMap::new();
    let replacing: BTreeSet<String> = statements
        .iter()
        .filter_map(|statement| replaces(&statement.tree))
        .collect();
    for statement in statements {
        let Stmt::CreateTrigger {
            event,
            tbl_name,
            commands,
            ..
        } = &statement.tree
        else {
            continue;
        };
        let event = match event {
            TriggerEvent::Insert => 0,
            TriggerEvent::Update | TriggerEvent::UpdateOf(_) => 1,
            TriggerEvent::Delete => 2,
        };
        let from = (tbl_name.name.as_str().to_ascii_lowercase(), event);
        for command in commands {
            let (table, events) = match command {
                TriggerCmd::Insert {
                    tbl_name,
                    or_conflict,
                    upsert,
                    ..
                } => {
                    let mut events = vec![0];
                    let name = tbl_name.as_str().to_ascii_lowercase();
                    // REPLACE deletes what is in its way, and that fires triggers too.
                    if *or_conflict == Some(ResolveType::Replace) || replacing.contains(&name) {
                        events.push(2);
                    }
                    if updates(upsert.as_deref()) {
                        events.push(1);
                    }
                    (tbl_name, events)
                }
                TriggerCmd::Update {
                    tbl_name,
                    or_conflict,
                    ..
                } => {
                    let mut events = vec![1];
                    let name = tbl_name.as_str().to_ascii_lowercase();
                    if *or_conflict == Some(ResolveType::Replace) || replacing.contains(&name) {
                        events.push(2);
                    }
                    (tbl_name, events)
                }
                TriggerCmd::Delete { tbl_name, .. } => (tbl_name, vec![2]),
                TriggerCmd::Select(_) => continue,
            };
            let table = table.as_str().to_ascii_lowercase();
            causes
                .entry(from.clone())
                .or_default()
                .extend(events.into_iter().map(|event| (table.clone(), event)));
        }
    }
    for start in causes.keys() {
        let mut path = vec![start.clone()];
        let mut seen = BTreeSet::new();
        let mut stack: Vec<(String, u8)> = causes[start].iter().cloned().collect();
        while let Some(node) = stack.pop() {
            if node == *start {
                path.push(node);
                return Some(path.into_iter().map(|(table, _)| table).collect());
            }
            if seen.insert(node.clone()) {
                stack.extend(causes.get(&node).into_iter().flatten().cloned());
            }
        }
    }
    None
}

/// True when an ON CONFLICT clause updates rows.
fn updates(clause: Option<&Upsert>) -> bool {
    let mut next = clause;
    while let Some(clause) = next {
        if matches!(clause.do_clause, UpsertDo::Set { .. }) {
            return true;
        }
        next = clause.next.as_deref();
    }
    false
}

/// The name, in lower case, of a table with a constraint that replaces rows on conflict.
fn replaces(tree: &Stmt) -> Option<String> {
    let Stmt::CreateTable {
        tbl_name,
        body:
            CreateTableBody::ColumnsAndConstraints {
                columns,
                constraints,
                ..
            },
        ..
    } = tree
    else {
        return None;
    };
    let replace = |clause: &Option<ResolveType>| *clause == Some(ResolveType::Replace);
    let by_column = columns.iter().flat_map(|own| &own.constraints).any(|own| {
        matches!(&own.constraint, ColumnConstraint::PrimaryKey { conflict_clause, .. }
            | ColumnConstraint::NotNull { conflict_clause, .. }
            | ColumnConstraint::Unique(conflict_clause) if replace(conflict_clause))
    });
    let by_table = constraints.iter().any(|own| {
        matches!(&own.constraint, TableConstraint::PrimaryKey { conflict_clause, .. }
            | TableConstraint::Unique { conflict_clause, .. } if replace(conflict_clause))
    });
    (by_column || by_table).then(|| tbl_name.name.as_str().to_ascii_lowercase())
}

fn name_of(tree: &Stmt) -> &'static str {
    match tree {
        Stmt::AlterTable(_) => "ALTER TABLE",
        Stmt::Analyze { .. } => "ANALYZE",
        Stmt::Attach { .. } => "ATTACH",
        Stmt::Begin { .. } => "BEGIN",
        Stmt::Commit { .. } => "COMMIT",
        Stmt::CreateIndex { .. } => "CREATE INDEX",
        Stmt::CreateTable { .. } => "CREATE TABLE",
        Stmt::CreateTrigger { .. } => "CREATE TRIGGER",
        Stmt::CreateView { .. } => "CREATE VIEW",
        Stmt::CreateVirtualTable(_) => "CREATE VIRTUAL TABLE",
        Stmt::Delete { .. } => "DELETE",
        Stmt::Detach { .. } => "DETACH",
        Stmt::DropIndex { .. }
        | Stmt::DropTable { .. }
        | Stmt::DropTrigger { .. }
        | Stmt::DropView { .. } => "DROP",
        Stmt::Insert { .. } => "INSERT",
        Stmt::Pragma { .. } => "PRAGMA",
        Stmt::Reindex { .. } => "REINDEX",
        Stmt::Release { .. } => "RELEASE",
        Stmt::Rollback { .. } => "ROLLBACK",
        Stmt::Savepoint { .. } => "SAVEPOINT",
        Stmt::Select(_) => "SELECT",
        Stmt::Update(_) => "UPDATE",
        Stmt::Vacuum { .. } => "VACUUM",
        _ => "this statement",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite brings along and worlds may call: none depends on anything but its arguments, or on
    /// what the engine puts in its place (the clock).
    const HARMLESS: &str = "-> ->> abs avg bm25 char coalesce concat concat_ws count cume_dist \
        current_date current_time current_timestamp date datetime dense_rank first_value format glob \
        group_concat hex highlight if ifnull iif instr json json_array json_array_insert \
        json_array_length json_error_position json_extract json_group_array json_group_object \
        json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set \
        json_type json_valid julianday lag last_value lead length like likelihood likely lower ltrim \
        match max min nth_value ntile nullif octet_length percent_rank printf quote rank replace round \
        row_number rtrim sign snippet soundex strftime string_agg substr substring sum time timediff \
        total trim typeof unicode unistr unistr_quote unixepoch unlikely upper";

    #[test]
    fn every_function_of_sqlite_is_known() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let mut statement = connection
            .prepare("SELECT DISTINCT lower(name) FROM pragma_function_list")
            .unwrap();
        let names = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap();
        for name in names {
            let name = name.unwrap();
            let harmless = HARMLESS.split_whitespace().any(|own| own == name);
            assert!(
                harmless != is_refused_function(&name),
                "{name}: is it harmless, or to be refused?"
            );
        }
    }
}
