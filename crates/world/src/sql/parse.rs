//! Splits text into statements, parses each, and refuses what no world may contain.

use std::collections::{BTreeMap, BTreeSet};

use turso_parser::ast::{
    Cmd, ColumnConstraint, CreateTableBody, DeferSubclause, Expr, InitDeferredPred, InsertBody,
    Literal, ResolveType, Stmt, TableConstraint, TriggerCmd, TriggerEvent, Upsert,
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

/// Functions that would let the world's outcome depend on anything but its state, or reach outside it.
/// Names that begin with two underscores are the engine's own.
const REFUSED_FUNCTIONS: &[&str] = &[
    "changes",
    "edit",
    "fts3_tokenizer",
    "last_insert_rowid",
    "load_extension",
    "random",
    "randomblob",
    "readfile",
    "sqlite_compileoption_get",
    "sqlite_compileoption_used",
    "sqlite_log",
    "sqlite_offset",
    "sqlite_source_id",
    "sqlite_version",
    "total_changes",
    "writefile",
    "zeroblob",
];

/// True for functions that statements of a world may not call.
pub(crate) fn is_refused_function(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("__") || REFUSED_FUNCTIONS.contains(&name.as_str())
}

/// The statements of a tool's step, a rule or a query: SELECT, INSERT, UPDATE, DELETE, with WITH.
pub(crate) fn parse_program(text: &str) -> Result<Vec<Parsed>, String> {
    parse(text, |tree| match tree {
        Stmt::Select(_) => Ok(Kind::Select),
        Stmt::Insert { .. } => Ok(Kind::Insert),
        Stmt::Update(_) => Ok(Kind::Update),
        Stmt::Delete { .. } => Ok(Kind::Delete),
        other => Err(format!(
            "{} is not allowed here; a step may hold SELECT, INSERT, UPDATE and DELETE only",
            name_of(other)
        )),
    })
}

/// The statements of `schema.sql`: CREATE TABLE, INDEX, VIEW, TRIGGER and VIRTUAL TABLE USING fts5.
pub(crate) fn parse_schema(text: &str) -> Result<Vec<Parsed>, String> {
    parse(text, |tree| match tree {
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

fn parse(text: &str, allow: impl Fn(&Stmt) -> Result<Kind, String>) -> Result<Vec<Parsed>, String> {
    let mut parser = Parser::new(text.as_bytes());
    let mut statements = Vec::new();
    let mut start = 0;
    loop {
        let tree = match parser.next_cmd() {
            Ok(None) => return Ok(statements),
            Ok(Some(Cmd::Stmt(tree))) => tree,
            Ok(Some(Cmd::Explain(_) | Cmd::ExplainQueryPlan { .. })) => {
                return Err("EXPLAIN is not allowed".into());
            }
            Err(error) => {
                return Err(format!(
                    "cannot be parsed ({error}); it is wrong or outside the supported subset of SQL"
                ));
            }
        };
        let end = parser.offset().min(text.len());
        let own = text.get(start..end).unwrap_or_default();
        start = end;
        let kind = allow(&tree)?;
        refuse(&tree)?;
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
            or_conflict, body, ..
        } => {
            conflict(*or_conflict)?;
            if let InsertBody::Select(_, on_conflict) = body {
                upsert(on_conflict.as_deref())?;
            }
        }
        Stmt::Update(update) => conflict(update.or_conflict)?,
        Stmt::CreateTrigger { commands, .. } => {
            for command in commands {
                match command {
                    TriggerCmd::Update { or_conflict, .. }
                    | TriggerCmd::Insert { or_conflict, .. } => conflict(*or_conflict)?,
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
            let (table, event) = match command {
                TriggerCmd::Insert { tbl_name, .. } => (tbl_name, 0),
                TriggerCmd::Update { tbl_name, .. } => (tbl_name, 1),
                TriggerCmd::Delete { tbl_name, .. } => (tbl_name, 2),
                TriggerCmd::Select(_) => continue,
            };
            causes
                .entry(from.clone())
                .or_default()
                .insert((table.as_str().to_ascii_lowercase(), event));
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
