//! The schema of a world: tables, columns, keys, as SQLite holds them.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use turso_parser::ast::{
    ColumnConstraint, CreateTableBody, Expr, Literal, Select, Stmt, TableConstraint, UnaryOperator,
};

use super::parse::Parsed;
use crate::cell::Cell;

/// A column by the positions of its table and itself in the [`Schema`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnRef {
    /// Position in [`Schema::tables`].
    pub table: usize,
    /// Position in [`Table::columns`].
    pub column: usize,
}

/// What a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// An ordinary table: part of the state.
    Table,
    /// An FTS5 index: follows from other tables, not compared.
    FullText,
}

/// The declared type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// INTEGER.
    Integer,
    /// REAL.
    Real,
    /// TEXT.
    Text,
    /// ANY.
    Any,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its declared type.
    pub kind: ColumnType,
    /// NOT NULL, or part of the primary key.
    pub not_null: bool,
    /// Has a DEFAULT.
    pub has_default: bool,
    /// GENERATED ALWAYS.
    pub generated: bool,
    /// The values that a CHECK allows, where it is a plain list: `CHECK (status IN ('open', 'closed'))`.
    pub choices: Option<Vec<Cell>>,
    /// A CHECK that it holds JSON.
    pub json: bool,
    pub(crate) default: Option<Expr>,
}

/// A foreign key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// Columns of this table.
    pub columns: Vec<usize>,
    /// The referenced table.
    pub parent: usize,
    /// Its referenced columns, in the order of `columns`.
    pub parent_columns: Vec<usize>,
    /// `CASCADE`, `SET NULL`, `NO ACTION`... on deletion.
    pub on_delete: String,
    /// The same on update of the referenced key.
    pub on_update: String,
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// Its columns.
    pub columns: Vec<Column>,
    /// The columns of the primary key, in key order.
    pub key: Vec<usize>,
    /// The primary key is an INTEGER PRIMARY KEY: a rowid that SQLite assigns when none is given.
    pub rowid_key: bool,
    /// WITHOUT ROWID.
    pub without_rowid: bool,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Sets of columns that are unique together, the primary key left out.
    pub unique: Vec<Vec<usize>>,
    /// An FTS5 index that keeps its rows itself, and no option of which says otherwise.
    pub(crate) keeps_rows: bool,
}

impl Table {
    /// The position of a column by name, without regard to case.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    }
}

/// All tables of a world, in the order of their creation.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// The tables.
    pub tables: Vec<Table>,
    pub(crate) views: BTreeMap<String, Select>,
    by_name: BTreeMap<String, usize>,
}

impl Schema {
    /// The position of a table by name, without regard to case.
    pub fn table(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// A column by the names of its table and itself.
    pub fn column(&self, table: &str, column: &str) -> Option<ColumnRef> {
        let table = self.table(table)?;
        let column = self.tables[table].column(column)?;
        Some(ColumnRef { table, column })
    }

    /// A column written `table.column`.
    pub fn resolve(&self, name: &str) -> Option<ColumnRef> {
        let (table, column) = name.split_once('.')?;
        self.column(table, column)
    }

    /// The column at a position.
    pub fn get(&self, at: ColumnRef) -> &Column {
        &self.tables[at.table].columns[at.column]
    }

    /// `table.column` for a position.
    pub fn name(&self, at: ColumnRef) -> String {
        format!("{}.{}", self.tables[at.table].name, self.get(at).name)
    }

    /// The column that `at` refers to by a foreign key of one column.
    pub fn referenced(&self, at: ColumnRef) -> Option<ColumnRef> {
        self.tables[at.table].foreign_keys.iter().find_map(|key| {
            match (&key.columns[..], &key.parent_columns[..]) {
                ([column], [parent]) if *column == at.column => Some(ColumnRef {
                    table: key.parent,
                    column: *parent,
                }),
                _ => None,
            }
        })
    }

    /// The column at the end of the chain of single-column foreign keys that starts at `at`; `at`
    /// itself when it refers to nothing.
    pub fn root(&self, at: ColumnRef) -> ColumnRef {
        let mut root = at;
        for _ in 0..self.tables.len() {
            match self.referenced(root) {
                Some(next) if next != root => root = next,
                _ => break,
            }
        }
        root
    }

    /// Reads the schema that a connection holds. `statements` are those that created it.
    pub(crate) fn read(
        connection: &Connection,
        statements: &[Parsed],
    ) -> Result<Self, SchemaFault> {
        let mut schema = Self::default();
        for statement in statements {
            match &statement.tree {
                Stmt::CreateTable { tbl_name, body, .. } => {
                    let name = tbl_name.name.as_str();
                    let table = read_table(connection, name, body)?;
                    schema.add(table);
                }
                Stmt::CreateVirtualTable(table) => {
                    let table = read_full_text(connection, table.tbl_name.name.as_str())?;
                    schema.add(table);
                }
                Stmt::CreateView {
                    view_name, select, ..
                } => {
                    schema
                        .views
                        .insert(view_name.name.as_str().to_ascii_lowercase(), select.clone());
                }
                _ => {}
            }
        }
        for at in 0..schema.tables.len() {
            if schema.tables[at].kind == TableKind::Table {
                let keys = read_foreign_keys(connection, &schema, at)?;
                schema.tables[at].foreign_keys = keys;
            }
        }
        Ok(schema)
    }

    fn add(&mut self, table: Table) {
        self.by_name
            .insert(table.name.to_ascii_lowercase(), self.tables.len());
        self.tables.push(table);
    }
}

/// Why a schema that SQLite accepted is still none of a world's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaFault {
    #[error("{0}")]
    Sql(#[from] rusqlite::Error),
    #[error("{0}")]
    NotSupported(String),
}

fn read_table(
    connection: &Connection,
    name: &str,
    body: &CreateTableBody,
) -> Result<Table, SchemaFault> {
    let CreateTableBody::ColumnsAndConstraints {
        columns: definitions,
        constraints,
        options,
    } = body
    else {
        return Err(SchemaFault::NotSupported(format!(
            "table {name} has no column definitions"
        )));
    };
    if !options.contains_strict() {
        return Err(SchemaFault::NotSupported(format!(
            "table {name} is not STRICT; write `) STRICT;` so that a column holds one type only"
        )));
    }
    let mut columns = Vec::new();
    let mut key: Vec<(i64, usize)> = Vec::new();
    let mut statement = connection.prepare(
        "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1)",
    )?;
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        let column: String = row.get(0)?;
        let declared: String = row.get(1)?;
        let kind = match declared.to_ascii_uppercase().as_str() {
            "INT" | "INTEGER" => ColumnType::Integer,
            "REAL" => ColumnType::Real,
            "TEXT" => ColumnType::Text,
            "ANY" => ColumnType::Any,
            other => {
                return Err(SchemaFault::NotSupported(format!(
                    "column {name}.{column} has type {other}; INTEGER, REAL, TEXT and ANY are supported"
                )));
            }
        };
        let in_key: i64 = row.get(4)?;
        if in_key > 0 {
            key.push((in_key, columns.len()));
        }
        let hidden: i64 = row.get(5)?;
        let definition = definitions
            .iter()
            .find(|definition| definition.col_name.as_str().eq_ignore_ascii_case(&column));
        let mut read = Column {
            kind,
            not_null: row.get::<_, bool>(2)? || in_key > 0,
            has_default: row.get(3)?,
            generated: hidden > 1,
            choices: None,
            json: false,
            default: None,
            name: column,
        };
        for constraint in definition.iter().flat_map(|column| &column.constraints) {
            match &constraint.constraint {
                ColumnConstraint::Check { expr, .. } => read_check(expr, &mut read),
                ColumnConstraint::Default(value) => read.default = Some((**value).clone()),
                _ => {}
            }
        }
        columns.push(read);
    }
    for constraint in constraints {
        if let TableConstraint::Check { expr, .. } = &constraint.constraint {
            for column in &mut columns {
                read_check(expr, column);
            }
        }
    }
    key.sort_unstable();
    let key: Vec<usize> = key.into_iter().map(|(_, column)| column).collect();
    if key.is_empty() {
        return Err(SchemaFault::NotSupported(format!(
            "table {name} has no primary key; states are compared row by row, by key"
        )));
    }
    let without_rowid = options.contains_without_rowid();
    let rowid_key = !without_rowid
        && key.len() == 1
        && columns[key[0]].kind == ColumnType::Integer
        && is_integer_primary_key(connection, name)?;
    Ok(Table {
        unique: read_unique(connection, name, &columns)?,
        name: name.to_string(),
        kind: TableKind::Table,
        columns,
        key,
        rowid_key,
        without_rowid,
        foreign_keys: Vec::new(),
        keeps_rows: false,
    })
}

/// An INTEGER PRIMARY KEY is the rowid itself and so has no index of its own.
fn is_integer_primary_key(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    let indexes: i64 = connection.query_row(
        "SELECT count(*) FROM pragma_index_list(?1) WHERE origin = 'pk'",
        [table],
        |row| row.get(0),
    )?;
    Ok(indexes == 0)
}

fn read_unique(
    connection: &Connection,
    table: &str,
    columns: &[Column],
) -> rusqlite::Result<Vec<Vec<usize>>> {
    let mut unique = Vec::new();
    let mut statement = connection.prepare(
        "SELECT name FROM pragma_index_list(?1) WHERE \"unique\" AND origin <> 'pk' AND NOT partial ORDER BY seq DESC",
    )?;
    let names = statement
        .query_map([table], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for name in names {
        let mut statement =
            connection.prepare("SELECT cid FROM pragma_index_info(?1) ORDER BY seqno")?;
        let positions = statement
            .query_map([&name], |row| row.get::<_, i64>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let positions: Option<Vec<usize>> = positions
            .into_iter()
            .map(|position| {
                usize::try_from(position)
                    .ok()
                    .filter(|position| *position < columns.len())
            })
            .collect();
        // An index on an expression has no column.
        unique.extend(positions);
    }
    Ok(unique)
}

fn read_foreign_keys(
    connection: &Connection,
    schema: &Schema,
    at: usize,
) -> Result<Vec<ForeignKey>, SchemaFault> {
    let table = &schema.tables[at];
    let mut statement = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\", on_delete, on_update FROM pragma_foreign_key_list(?1) ORDER BY id, seq",
    )?;
    let mut keys: BTreeMap<i64, ForeignKey> = BTreeMap::new();
    let mut rows = statement.query([&table.name])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let parent_name: String = row.get(1)?;
        let from: String = row.get(2)?;
        let to: Option<String> = row.get(3)?;
        let missing = |what: &str| {
            SchemaFault::NotSupported(format!(
                "the foreign key of {}.{from} refers to {what}, which does not exist",
                table.name
            ))
        };
        let parent = schema
            .table(&parent_name)
            .ok_or_else(|| missing(&parent_name))?;
        let column = table.column(&from).ok_or_else(|| missing(&from))?;
        let entry = keys.entry(id).or_insert_with(|| ForeignKey {
            columns: Vec::new(),
            parent,
            parent_columns: Vec::new(),
            on_delete: String::new(),
            on_update: String::new(),
        });
        entry.on_delete = row.get(4)?;
        entry.on_update = row.get(5)?;
        let parent_column = match to {
            Some(to) => schema.tables[parent]
                .column(&to)
                .ok_or_else(|| missing(&format!("{parent_name}.{to}")))?,
            None => *schema.tables[parent]
                .key
                .get(entry.columns.len())
                .ok_or_else(|| missing(&parent_name))?,
        };
        entry.columns.push(column);
        entry.parent_columns.push(parent_column);
    }
    Ok(keys.into_values().rev().collect())
}

fn read_full_text(connection: &Connection, name: &str) -> Result<Table, SchemaFault> {
    let mut statement =
        connection.prepare("SELECT name FROM pragma_table_xinfo(?1) WHERE hidden = 0")?;
    let columns = statement
        .query_map([name], |row| {
            Ok(Column {
                name: row.get(0)?,
                kind: ColumnType::Any,
                not_null: false,
                has_default: false,
                generated: false,
                choices: None,
                json: false,
                default: None,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Table {
        name: name.to_string(),
        kind: TableKind::FullText,
        columns,
        key: Vec::new(),
        rowid_key: false,
        without_rowid: false,
        foreign_keys: Vec::new(),
        unique: Vec::new(),
        keeps_rows: keeps_rows(connection, name)?,
    })
}

/// An index over another table's rows, or over none, has an option `content`, and no shadow table for rows.
fn keeps_rows(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let definition: String = connection.query_row(
        "SELECT sql FROM sqlite_schema WHERE name = ?1",
        [name],
        |row| row.get(0),
    )?;
    let definition: String = definition.split_whitespace().collect();
    let shadow: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 || '_content')",
        [name],
        |row| row.get(0),
    )?;
    Ok(shadow && !definition.to_ascii_lowercase().contains("content="))
}

/// Learns from a CHECK: `column IN (literals)` gives the choices, `json_valid(column)` that it is JSON.
fn read_check(expression: &Expr, column: &mut Column) {
    let is_column = |expr: &Expr| matches!(unwrap(expr), Expr::Id(name) if name.as_str().eq_ignore_ascii_case(&column.name));
    match unwrap(expression) {
        Expr::InList {
            lhs,
            not: false,
            rhs,
        } if is_column(lhs) => {
            let cells: Option<Vec<Cell>> = rhs.iter().map(|value| literal(value)).collect();
            if let Some(cells) = cells {
                column.choices = Some(cells);
            }
        }
        Expr::FunctionCall { name, args, .. }
            if name.as_str().eq_ignore_ascii_case("json_valid")
                && args.first().is_some_and(|argument| is_column(argument)) =>
        {
            column.json = true;
        }
        Expr::Binary(left, operator, right) => {
            use turso_parser::ast::Operator;
            let is_null =
                |side: &Expr| matches!(unwrap(side), Expr::IsNull(inner) if is_column(inner));
            // `a AND b` teaches what both parts teach, `x IS NULL OR b` what `b` does.
            let both = *operator == Operator::And;
            let (left_null, right_null) = (is_null(left), is_null(right));
            if both || (*operator == Operator::Or && right_null) {
                read_check(left, column);
            }
            if both || (*operator == Operator::Or && left_null) {
                read_check(right, column);
            }
        }
        _ => {}
    }
}

fn unwrap(expression: &Expr) -> &Expr {
    match expression {
        Expr::Parenthesized(inner) => match &inner[..] {
            [inner] => unwrap(inner),
            _ => expression,
        },
        _ => expression,
    }
}

/// The value of a literal.
pub(super) fn literal(expression: &Expr) -> Option<Cell> {
    match unwrap(expression) {
        Expr::Literal(Literal::String(text)) => {
            let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
            Some(Cell::text(inner.replace("''", "'")))
        }
        Expr::Literal(Literal::Numeric(text)) => text
            .parse()
            .map(Cell::Integer)
            .or_else(|_| text.parse().map(Cell::Real))
            .ok(),
        Expr::Literal(Literal::Null) => Some(Cell::Null),
        Expr::Literal(Literal::True) => Some(Cell::Integer(1)),
        Expr::Literal(Literal::False) => Some(Cell::Integer(0)),
        Expr::Unary(UnaryOperator::Negative, inner) => match literal(inner)? {
            Cell::Integer(value) => value.checked_neg().map(Cell::Integer),
            Cell::Real(value) => Some(Cell::Real(-value)),
            _ => None,
        },
        _ => None,
    }
}
