//! How values flow through a statement: which column a parameter is compared with, what is stored into
//! a column, and which column a result field shows.

use std::collections::{BTreeMap, BTreeSet};

use turso_parser::ast::{
    Expr, FromClause, InsertBody, JoinConstraint, Literal, Name, OneSelect, Operator, ResultColumn,
    Select, SelectTable, Set, Stmt, TriggerCmd, Upsert, UpsertDo, With,
};

use super::schema::{ColumnRef, Schema};

/// Where the value of an expression comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    /// Arguments that flow into it: `order_id`, `items[].sku`.
    pub arguments: BTreeSet<String>,
    /// Columns that flow into it.
    pub columns: BTreeSet<ColumnRef>,
    /// Functions that flow into it, in lower case; `rowid` for a key that SQLite assigns.
    pub functions: BTreeSet<String>,
    /// The one argument that it is, up to a change of case, trimming, a cast or a default.
    pub argument: Option<String>,
    /// The one column that it is, in the same sense.
    pub column: Option<ColumnRef>,
    /// The one function whose result it is, unchanged.
    pub call: Option<String>,
}

impl Origins {
    fn of_argument(name: &str) -> Self {
        Self {
            arguments: BTreeSet::from([name.to_string()]),
            argument: Some(name.to_string()),
            ..Self::default()
        }
    }

    fn of_column(column: ColumnRef) -> Self {
        Self {
            columns: BTreeSet::from([column]),
            column: Some(column),
            ..Self::default()
        }
    }

    /// Adds what flows in from `other`; the result is no longer one argument or one column.
    fn mix(&mut self, other: &Self) {
        self.arguments.extend(other.arguments.iter().cloned());
        self.columns.extend(other.columns.iter().copied());
        self.functions.extend(other.functions.iter().cloned());
        self.argument = None;
        self.column = None;
        self.call = None;
    }

    fn of_call(name: &str) -> Self {
        Self {
            functions: BTreeSet::from([name.to_string()]),
            call: Some(name.to_string()),
            ..Self::default()
        }
    }
}

/// How an argument is compared with a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    /// Equality, `IN` included.
    Equal,
    /// `LIKE`, `GLOB`, `MATCH`, `instr`.
    Like,
    /// `<`, `<=`, `>`, `>=`, `BETWEEN`: the argument is the lower bound of the column.
    AtLeast,
    /// The argument is the upper bound of the column.
    AtMost,
}

/// An argument compared with a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compare {
    /// The argument.
    pub argument: String,
    /// The column.
    pub column: ColumnRef,
    /// How.
    pub comparison: Comparison,
}

/// How a value comes into a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// By INSERT, or by a DEFAULT of one.
    Insert,
    /// By UPDATE, or by ON CONFLICT DO UPDATE.
    Update,
}

/// A value stored into a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The column.
    pub column: ColumnRef,
    /// How it comes there.
    pub kind: StoreKind,
    /// Where the value comes from.
    pub origins: Origins,
}

/// A column of a query's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultField {
    /// Its name in the result, where the text gives one.
    pub name: Option<String>,
    /// Where its value comes from.
    pub origins: Origins,
}

/// What flows where in one statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flow {
    pub(crate) compares: Vec<Compare>,
    /// Columns compared with each other.
    pub(crate) joins: Vec<(ColumnRef, ColumnRef)>,
    pub(crate) stores: Vec<Store>,
    pub(crate) results: Vec<ResultField>,
    pub(crate) inserts: BTreeSet<usize>,
    pub(crate) updates: BTreeSet<usize>,
    pub(crate) deletes: BTreeSet<usize>,
    /// Parameters named in the text, without the colon.
    pub(crate) parameters: BTreeSet<String>,
}

/// What the parameters stand for: arguments as themselves, and what earlier steps have bound.
pub(crate) type Environment = BTreeMap<String, Origins>;

/// The flow of one statement.
pub(crate) fn analyse(statement: &Stmt, schema: &Schema, environment: &Environment) -> Flow {
    let mut analysis = Analysis {
        schema,
        environment,
        flow: Flow::default(),
    };
    analysis.statement(statement);
    analysis.flow.compares.sort();
    analysis.flow.compares.dedup();
    analysis.flow.joins.sort_unstable();
    analysis.flow.joins.dedup();
    analysis.flow
}

/// One table, view, subquery or table function that a name may refer to.
#[derive(Clone)]
struct Source {
    alias: String,
    columns: SourceColumns,
}

#[derive(Clone)]
enum SourceColumns {
    Table(usize),
    Fields(Vec<ResultField>),
    /// `json_each`: its columns hold parts of this value.
    Json(Origins),
}

/// Sources by nesting, innermost last, and the common table expressions in reach.
#[derive(Clone, Default)]
struct Scope {
    levels: Vec<Vec<Source>>,
    ctes: BTreeMap<String, Vec<ResultField>>,
}

struct Analysis<'a> {
    schema: &'a Schema,
    environment: &'a Environment,
    flow: Flow,
}

impl Analysis<'_> {
    fn statement(&mut self, statement: &Stmt) {
        let mut scope = Scope::default();
        match statement {
            Stmt::Select(query) => {
                self.flow.results = self.select(query, &scope);
            }
            Stmt::Insert {
                with,
                tbl_name,
                columns,
                body,
                returning,
                or_conflict,
            } => {
                self.with(with.as_ref(), &mut scope);
                let table = self.schema.table(tbl_name.name.as_str());
                if *or_conflict == Some(turso_parser::ast::ResolveType::Replace) {
                    self.flow.deletes.extend(table);
                }
                self.insert(table, &tbl_name.identifier(), columns, body, &scope);
                if let Some(table) = table {
                    self.results(returning, &scope.with_table(&tbl_name.identifier(), table));
                }
            }
            Stmt::Update(update) => {
                self.with(update.with.as_ref(), &mut scope);
                let Some(table) = self.schema.table(update.tbl_name.name.as_str()) else {
                    return;
                };
                self.flow.updates.insert(table);
                let mut scope = scope.with_table(&update.tbl_name.identifier(), table);
                if let Some(from) = &update.from {
                    let sources = self.from(from, &scope);
                    if let Some(level) = scope.levels.last_mut() {
                        level.extend(sources);
                    }
                    self.join_conditions(from, &scope);
                }
                if let Some(condition) = &update.where_clause {
                    self.value(condition, &scope);
                }
                self.sets(&update.sets, table, &scope);
                self.results(&update.returning, &scope);
            }
            Stmt::Delete {
                with,
                tbl_name,
                where_clause,
                returning,
                ..
            } => {
                self.with(with.as_ref(), &mut scope);
                let Some(table) = self.schema.table(tbl_name.name.as_str()) else {
                    return;
                };
                self.flow.deletes.insert(table);
                let scope = scope.with_table(&tbl_name.identifier(), table);
                if let Some(condition) = where_clause {
                    self.value(condition, &scope);
                }
                self.results(returning, &scope);
            }
            Stmt::CreateTrigger {
                tbl_name, commands, ..
            } => self.trigger(tbl_name.name.as_str(), commands),
            _ => {}
        }
    }

    fn trigger(&mut self, table: &str, commands: &[TriggerCmd]) {
        let mut scope = Scope::default();
        if let Some(table) = self.schema.table(table) {
            scope = scope.with_table("new", table).with_table("old", table);
        }
        for command in commands {
            match command {
                TriggerCmd::Update {
                    tbl_name,
                    sets,
                    from,
                    where_clause,
                    ..
                } => {
                    let Some(table) = self.schema.table(tbl_name.as_str()) else {
                        continue;
                    };
                    self.flow.updates.insert(table);
                    let mut scope = scope.with_table(tbl_name.as_str(), table);
                    if let Some(from) = from {
                        let sources = self.from(from, &scope);
                        if let Some(level) = scope.levels.last_mut() {
                            level.extend(sources);
                        }
                    }
                    if let Some(condition) = where_clause {
                        self.value(condition, &scope);
                    }
                    self.sets(sets, table, &scope);
                }
                TriggerCmd::Insert {
                    tbl_name,
                    col_names,
                    select,
                    upsert,
                    ..
                } => {
                    let table = self.schema.table(tbl_name.as_str());
                    let body = InsertBody::Select(select.clone(), upsert.clone());
                    self.insert(table, tbl_name.as_str(), col_names, &body, &scope);
                }
                TriggerCmd::Delete {
                    tbl_name,
                    where_clause,
                } => {
                    let Some(table) = self.schema.table(tbl_name.as_str()) else {
                        continue;
                    };
                    self.flow.deletes.insert(table);
                    let scope = scope.with_table(tbl_name.as_str(), table);
                    if let Some(condition) = where_clause {
                        self.value(condition, &scope);
                    }
                }
                TriggerCmd::Select(query) => {
                    self.select(query, &scope);
                }
            }
        }
    }

    fn insert(
        &mut self,
        table: Option<usize>,
        alias: &str,
        columns: &[Name],
        body: &InsertBody,
        scope: &Scope,
    ) {
        let Some(table) = table else { return };
        self.flow.inserts.insert(table);
        let targets: Vec<Option<usize>> = if columns.is_empty() {
            let all = &self.schema.tables[table].columns;
            (0..all.len())
                .filter(|column| !all[*column].generated)
                .map(Some)
                .collect()
        } else {
            columns
                .iter()
                .map(|name| self.schema.tables[table].column(name.as_str()))
                .collect()
        };
        let mut given: BTreeSet<usize> = targets.iter().flatten().copied().collect();
        match body {
            InsertBody::DefaultValues => given.clear(),
            InsertBody::Select(query, on_conflict) => {
                let rows = match &query.body.select {
                    OneSelect::Values(rows) if query.body.compounds.is_empty() => rows
                        .iter()
                        .map(|row| row.iter().map(|value| self.value(value, scope)).collect())
                        .collect(),
                    _ => vec![
                        self.select(query, scope)
                            .into_iter()
                            .map(|field| field.origins)
                            .collect::<Vec<_>>(),
                    ],
                };
                let null = |at: usize| match &query.body.select {
                    OneSelect::Values(rows) => rows.iter().any(|row| {
                        row.get(at)
                            .is_some_and(|value| matches!(**value, Expr::Literal(Literal::Null)))
                    }),
                    OneSelect::Select { .. } => false,
                };
                for row in rows {
                    for (at, (target, mut origins)) in targets.iter().zip(row).enumerate() {
                        let Some(column) = target else { continue };
                        if null(at) && self.is_rowid_key(table, *column) {
                            origins = Origins::of_call("rowid");
                        }
                        self.flow.stores.push(Store {
                            column: ColumnRef {
                                table,
                                column: *column,
                            },
                            kind: StoreKind::Insert,
                            origins,
                        });
                    }
                }
                self.upsert(on_conflict.as_deref(), table, alias, scope);
            }
        }
        self.defaults(table, &given);
    }

    /// The DEFAULTs of the columns that an INSERT leaves out, and the rowid that SQLite assigns.
    fn defaults(&mut self, table: usize, given: &BTreeSet<usize>) {
        let columns = &self.schema.tables[table].columns;
        for (at, column) in columns.iter().enumerate() {
            if given.contains(&at) {
                continue;
            }
            let column_ref = ColumnRef { table, column: at };
            let origins = if self.is_rowid_key(table, at) {
                Origins::of_call("rowid")
            } else if let Some(default) = &column.default {
                self.value(default, &Scope::default())
            } else {
                continue;
            };
            self.flow.stores.push(Store {
                column: column_ref,
                kind: StoreKind::Insert,
                origins,
            });
        }
    }

    fn is_rowid_key(&self, table: usize, column: usize) -> bool {
        let table = &self.schema.tables[table];
        table.rowid_key && table.key.first() == Some(&column)
    }

    fn upsert(&mut self, clause: Option<&Upsert>, table: usize, alias: &str, scope: &Scope) {
        let mut next = clause;
        while let Some(clause) = next {
            if let UpsertDo::Set { sets, where_clause } = &clause.do_clause {
                let scope = scope.with_table(alias, table).with_table("excluded", table);
                self.flow.updates.insert(table);
                self.sets(sets, table, &scope);
                if let Some(condition) = where_clause {
                    self.value(condition, &scope);
                }
            }
            next = clause.next.as_deref();
        }
    }

    fn sets(&mut self, sets: &[Set], table: usize, scope: &Scope) {
        for set in sets {
            let values: Vec<Origins> = match (&set.col_names[..], &*set.expr) {
                ([_], expression) => vec![self.value(expression, scope)],
                (_, Expr::Parenthesized(values)) => values
                    .iter()
                    .map(|value| self.value(value, scope))
                    .collect(),
                (_, Expr::Subquery(query)) => self
                    .select(query, scope)
                    .into_iter()
                    .map(|field| field.origins)
                    .collect(),
                (names, expression) => vec![self.value(expression, scope); names.len()],
            };
            for (name, origins) in set.col_names.iter().zip(values) {
                if let Some(column) = self.schema.tables[table].column(name.as_str()) {
                    self.flow.stores.push(Store {
                        column: ColumnRef { table, column },
                        kind: StoreKind::Update,
                        origins,
                    });
                }
            }
        }
    }

    fn with(&mut self, with: Option<&With>, scope: &mut Scope) {
        for cte in with.iter().flat_map(|with| &with.ctes) {
            let name = cte.tbl_name.as_str().to_ascii_lowercase();
            let mut fields = self.select(&cte.select, scope);
            for (field, column) in fields.iter_mut().zip(&cte.columns) {
                field.name = Some(column.col_name.as_str().to_string());
            }
            scope.ctes.insert(name, fields);
        }
    }

    /// The result fields of a query. Those of a compound mix what flows in from each part.
    fn select(&mut self, query: &Select, outer: &Scope) -> Vec<ResultField> {
        let mut scope = outer.clone();
        self.with(query.with.as_ref(), &mut scope);
        let mut fields = self.one_select(&query.body.select, &scope, query);
        for compound in &query.body.compounds {
            let more = self.one_select(&compound.select, &scope, query);
            for (field, other) in fields.iter_mut().zip(more) {
                if field.origins != other.origins {
                    field.origins.mix(&other.origins);
                }
            }
        }
        fields
    }

    fn one_select(&mut self, query: &OneSelect, scope: &Scope, whole: &Select) -> Vec<ResultField> {
        match query {
            OneSelect::Values(rows) => {
                let mut fields: Vec<ResultField> = Vec::new();
                for row in rows {
                    for (at, value) in row.iter().enumerate() {
                        let origins = self.value(value, scope);
                        match fields.get_mut(at) {
                            Some(field) => field.origins.mix(&origins),
                            None => fields.push(ResultField {
                                name: None,
                                origins,
                            }),
                        }
                    }
                }
                fields
            }
            OneSelect::Select {
                columns,
                from,
                where_clause,
                group_by,
                ..
            } => {
                let mut inner = scope.clone();
                if let Some(from) = from {
                    let sources = self.from(from, scope);
                    inner.levels.push(sources);
                    self.join_conditions(from, &inner);
                }
                if let Some(condition) = where_clause {
                    self.value(condition, &inner);
                }
                if let Some(group) = group_by {
                    for expression in &group.exprs {
                        self.value(expression, &inner);
                    }
                    if let Some(having) = &group.having {
                        self.value(having, &inner);
                    }
                }
                let fields = self.results(columns, &inner);
                for column in &whole.order_by {
                    self.value(&column.expr, &inner);
                }
                if let Some(limit) = &whole.limit {
                    self.value(&limit.expr, &inner);
                    if let Some(offset) = &limit.offset {
                        self.value(offset, &inner);
                    }
                }
                fields
            }
        }
    }

    fn results(&mut self, columns: &[ResultColumn], scope: &Scope) -> Vec<ResultField> {
        let mut fields = Vec::new();
        for column in columns {
            match column {
                ResultColumn::Expr(expression, alias) => {
                    let origins = self.value(expression, scope);
                    let name = match alias {
                        Some(alias) if alias.is_explicit() => {
                            Some(alias.name().as_str().to_string())
                        }
                        _ => match &**expression {
                            Expr::Id(name) | Expr::Name(name) | Expr::Qualified(_, name) => {
                                Some(name.as_str().to_string())
                            }
                            _ => None,
                        },
                    };
                    fields.push(ResultField { name, origins });
                }
                ResultColumn::Star => {
                    for source in scope.levels.last().into_iter().flatten() {
                        fields.extend(self.source_fields(source));
                    }
                }
                ResultColumn::TableStar(table) => {
                    for source in scope.levels.last().into_iter().flatten() {
                        if source.alias.eq_ignore_ascii_case(table.as_str()) {
                            fields.extend(self.source_fields(source));
                        }
                    }
                }
            }
        }
        fields
    }

    fn source_fields(&self, source: &Source) -> Vec<ResultField> {
        match &source.columns {
            SourceColumns::Table(table) => self.schema.tables[*table]
                .columns
                .iter()
                .enumerate()
                .map(|(column, definition)| ResultField {
                    name: Some(definition.name.clone()),
                    origins: Origins::of_column(ColumnRef {
                        table: *table,
                        column,
                    }),
                })
                .collect(),
            SourceColumns::Fields(fields) => fields.clone(),
            SourceColumns::Json(origins) => vec![ResultField {
                name: Some("value".into()),
                origins: origins.clone(),
            }],
        }
    }

    fn from(&mut self, from: &FromClause, scope: &Scope) -> Vec<Source> {
        let mut sources = Vec::new();
        // A table function may refer to the tables at its left.
        let mut reach = scope.clone();
        reach.levels.push(Vec::new());
        for table in std::iter::once(&from.select).chain(from.joins.iter().map(|join| &join.table))
        {
            let found = self.source(table, &reach);
            if let Some(level) = reach.levels.last_mut() {
                level.extend(found.iter().cloned());
            }
            sources.extend(found);
        }
        sources
    }

    fn join_conditions(&mut self, from: &FromClause, scope: &Scope) {
        for join in &from.joins {
            match &join.constraint {
                Some(JoinConstraint::On(condition)) => {
                    self.value(condition, scope);
                }
                Some(JoinConstraint::Using(names)) => {
                    for name in names {
                        let columns: Vec<ColumnRef> = scope
                            .levels
                            .last()
                            .into_iter()
                            .flatten()
                            .filter_map(|source| self.lookup(source, name.as_str())?.column)
                            .collect();
                        for pair in columns.windows(2) {
                            self.flow.joins.push((pair[0], pair[1]));
                        }
                    }
                }
                None => {}
            }
        }
    }

    fn source(&mut self, table: &SelectTable, scope: &Scope) -> Vec<Source> {
        match table {
            SelectTable::Table(name, alias, _) => {
                let own = name.name.as_str();
                let alias = alias.as_ref().map_or_else(
                    || own.to_string(),
                    |alias| alias.name().as_str().to_string(),
                );
                let lower = own.to_ascii_lowercase();
                let columns = if let Some(fields) = scope.ctes.get(&lower) {
                    SourceColumns::Fields(fields.clone())
                } else if let Some(table) = self.schema.table(own) {
                    SourceColumns::Table(table)
                } else if let Some(view) = self.schema.views.get(&lower).cloned() {
                    SourceColumns::Fields(self.select(&view, &Scope::default()))
                } else {
                    SourceColumns::Fields(Vec::new())
                };
                vec![Source { alias, columns }]
            }
            SelectTable::TableCall(name, arguments, alias) => {
                let own = name.name.as_str().to_string();
                let alias = alias
                    .as_ref()
                    .map_or_else(|| own.clone(), |alias| alias.name().as_str().to_string());
                let mut origins = Origins::default();
                for (at, argument) in arguments.iter().enumerate() {
                    let value = self.value(argument, scope);
                    if at == 0 && own.to_ascii_lowercase().starts_with("json_") {
                        let part = value.argument.clone().map(|name| format!("{name}[]"));
                        origins.mix(&value);
                        if let Some(part) = part {
                            origins = Origins::of_argument(&part);
                        }
                    } else {
                        origins.mix(&value);
                    }
                }
                vec![Source {
                    alias,
                    columns: SourceColumns::Json(origins),
                }]
            }
            SelectTable::Select(query, alias) => {
                let fields = self.select(query, scope);
                vec![Source {
                    alias: alias
                        .as_ref()
                        .map_or_else(String::new, |alias| alias.name().as_str().to_string()),
                    columns: SourceColumns::Fields(fields),
                }]
            }
            SelectTable::Sub(from, _) => self.from(from, scope),
        }
    }

    fn lookup(&self, source: &Source, name: &str) -> Option<Origins> {
        match &source.columns {
            SourceColumns::Table(table) => {
                let definition = &self.schema.tables[*table];
                let column = definition.column(name).or_else(|| {
                    (name.eq_ignore_ascii_case("rowid") && definition.rowid_key)
                        .then(|| definition.key[0])
                })?;
                Some(Origins::of_column(ColumnRef {
                    table: *table,
                    column,
                }))
            }
            SourceColumns::Fields(fields) => fields
                .iter()
                .find(|field| {
                    field
                        .name
                        .as_deref()
                        .is_some_and(|own| own.eq_ignore_ascii_case(name))
                })
                .map(|field| field.origins.clone()),
            SourceColumns::Json(origins) => {
                let known = [
                    "key", "value", "type", "atom", "id", "parent", "fullkey", "path",
                ];
                known
                    .contains(&name.to_ascii_lowercase().as_str())
                    .then(|| match name.to_ascii_lowercase().as_str() {
                        "value" | "atom" => origins.clone(),
                        _ => {
                            let mut mixed = Origins::default();
                            mixed.mix(origins);
                            mixed
                        }
                    })
            }
        }
    }

    fn named(&self, qualifier: Option<&str>, name: &str, scope: &Scope) -> Origins {
        for level in scope.levels.iter().rev() {
            for source in level {
                if qualifier.is_some_and(|own| !source.alias.eq_ignore_ascii_case(own)) {
                    continue;
                }
                if let Some(origins) = self.lookup(source, name) {
                    return origins;
                }
            }
        }
        Origins::default()
    }

    fn values(&mut self, expressions: &[Box<Expr>], scope: &Scope) -> Origins {
        let mut mixed = Origins::default();
        for expression in expressions {
            let value = self.value(expression, scope);
            mixed.mix(&value);
        }
        mixed
    }

    fn compare(&mut self, left: &Origins, right: &Origins, comparison: Comparison) {
        let mirrored = match comparison {
            Comparison::AtLeast => Comparison::AtMost,
            Comparison::AtMost => Comparison::AtLeast,
            other => other,
        };
        for (column, other, comparison) in [(left, right, comparison), (right, left, mirrored)] {
            let Some(column) = column.column else {
                continue;
            };
            if let Some(argument) = &other.argument {
                self.flow.compares.push(Compare {
                    argument: argument.clone(),
                    column,
                    comparison,
                });
            } else if comparison == Comparison::Like && other.arguments.len() == 1 {
                // `LIKE '%' || :text || '%'`
                for argument in &other.arguments {
                    self.flow.compares.push(Compare {
                        argument: argument.clone(),
                        column,
                        comparison,
                    });
                }
            }
        }
        if let (Some(left), Some(right), Comparison::Equal) =
            (left.column, right.column, comparison)
        {
            self.flow.joins.push((left.min(right), left.max(right)));
        }
    }

    fn value(&mut self, expression: &Expr, scope: &Scope) -> Origins {
        match expression {
            Expr::Variable(variable) => {
                let name = variable
                    .name
                    .as_deref()
                    .unwrap_or_default()
                    .trim_start_matches(':');
                self.flow.parameters.insert(name.to_string());
                self.environment
                    .get(name)
                    .cloned()
                    .unwrap_or_else(|| Origins::of_argument(name))
            }
            Expr::Id(name) | Expr::Name(name) => self.named(None, name.as_str(), scope),
            Expr::Qualified(table, name) | Expr::DoublyQualified(_, table, name) => {
                self.named(Some(table.as_str()), name.as_str(), scope)
            }
            Expr::Binary(left, operator, right) => self.binary(left, *operator, right, scope),
            Expr::Between {
                lhs, start, end, ..
            } => {
                let value = self.value(lhs, scope);
                let start = self.value(start, scope);
                let end = self.value(end, scope);
                self.compare(&value, &start, Comparison::AtLeast);
                self.compare(&value, &end, Comparison::AtMost);
                Origins::default()
            }
            Expr::Like { lhs, rhs, .. } => {
                let value = self.value(lhs, scope);
                let pattern = self.value(rhs, scope);
                self.compare(&value, &pattern, Comparison::Like);
                Origins::default()
            }
            Expr::InList { lhs, rhs, .. } => {
                let value = self.value(lhs, scope);
                for element in rhs {
                    let element = self.value(element, scope);
                    self.compare(&value, &element, Comparison::Equal);
                }
                Origins::default()
            }
            Expr::InSelect { lhs, rhs, .. } => {
                let value = self.value(lhs, scope);
                let fields = self.select(rhs, scope);
                if let Some(field) = fields.first() {
                    self.compare(&value, &field.origins, Comparison::Equal);
                }
                Origins::default()
            }
            Expr::Exists(query) => {
                self.select(query, scope);
                Origins::default()
            }
            Expr::Subquery(query) => self
                .select(query, scope)
                .into_iter()
                .next()
                .map(|field| field.origins)
                .unwrap_or_default(),
            Expr::Case {
                base,
                when_then_pairs,
                else_expr,
            } => self.case(
                base.as_deref(),
                when_then_pairs,
                else_expr.as_deref(),
                scope,
            ),
            Expr::FunctionCall {
                name,
                args,
                filter_over,
                order_by,
                ..
            } => {
                if let Some(filter) = &filter_over.filter_clause {
                    self.value(filter, scope);
                }
                for column in order_by {
                    self.value(&column.expr, scope);
                }
                self.call(&name.as_str().to_ascii_lowercase(), args, scope)
            }
            Expr::FunctionCallStar { name, .. } => {
                Origins::of_call(&name.as_str().to_ascii_lowercase())
            }
            Expr::Literal(
                Literal::CurrentDate | Literal::CurrentTime | Literal::CurrentTimestamp,
            ) => Origins::of_call("now"),
            Expr::Cast { expr, .. } | Expr::Collate(expr, _) => self.value(expr, scope),
            Expr::Parenthesized(inner) => match &inner[..] {
                [inner] => self.value(inner, scope),
                _ => self.values(inner, scope),
            },
            Expr::Unary(_, inner)
            | Expr::IsNull(inner)
            | Expr::NotNull(inner)
            | Expr::FieldAccess { base: inner, .. } => {
                let value = self.value(inner, scope);
                let mut mixed = Origins::default();
                mixed.mix(&value);
                mixed
            }
            Expr::InTable { lhs, .. } => {
                self.value(lhs, scope);
                Origins::default()
            }
            Expr::Raise(_, message) => {
                if let Some(message) = message {
                    self.value(message, scope);
                }
                Origins::default()
            }
            Expr::Array { elements } => self.values(elements, scope),
            Expr::Subscript { base, .. } => self.value(base, scope),
            Expr::Literal(_)
            | Expr::Register(_)
            | Expr::Column { .. }
            | Expr::RowId { .. }
            | Expr::SubqueryResult { .. }
            | Expr::Default => Origins::default(),
        }
    }

    fn binary(&mut self, left: &Expr, operator: Operator, right: &Expr, scope: &Scope) -> Origins {
        if matches!(operator, Operator::ArrowRight | Operator::ArrowRightShift) {
            return self.json_part(left, right, scope);
        }
        if let (Expr::Parenthesized(lefts), Expr::Parenthesized(rights)) = (left, right)
            && lefts.len() == rights.len()
            && operator == Operator::Equals
        {
            for (left, right) in lefts.iter().zip(rights) {
                self.binary(left, operator, right, scope);
            }
            return Origins::default();
        }
        let left = self.value(left, scope);
        let right = self.value(right, scope);
        match operator {
            Operator::Equals | Operator::Is => self.compare(&left, &right, Comparison::Equal),
            Operator::Greater | Operator::GreaterEquals => {
                self.compare(&left, &right, Comparison::AtLeast);
            }
            Operator::Less | Operator::LessEquals => {
                self.compare(&left, &right, Comparison::AtMost);
            }
            _ => {}
        }
        let mut mixed = left;
        mixed.mix(&right);
        mixed
    }

    fn case(
        &mut self,
        base: Option<&Expr>,
        pairs: &[(Box<Expr>, Box<Expr>)],
        otherwise: Option<&Expr>,
        scope: &Scope,
    ) -> Origins {
        if let Some(base) = base {
            self.value(base, scope);
        }
        let mut branches = Vec::new();
        for (when, then) in pairs {
            self.value(when, scope);
            branches.push(self.value(then, scope));
        }
        if let Some(otherwise) = otherwise {
            branches.push(self.value(otherwise, scope));
        }
        // `CASE WHEN :has_note THEN :note ELSE note END` is the argument.
        let argument = branches.iter().find_map(|branch| branch.argument.clone());
        let mut mixed = Origins::default();
        for branch in &branches {
            mixed.mix(branch);
        }
        mixed.argument = argument;
        mixed
    }

    /// `x -> '$.a'`, `x ->> 'a'` and `json_extract(x, '$.a')`: a part of an argument is an argument of
    /// its own.
    fn json_part(&mut self, value: &Expr, path: &Expr, scope: &Scope) -> Origins {
        let value = self.value(value, scope);
        self.value(path, scope);
        let part = super::schema::literal(path).and_then(|path| {
            let path = path.as_text()?.to_string();
            let path = path.strip_prefix("$.").unwrap_or(&path).to_string();
            path.chars()
                .all(|character| character.is_alphanumeric() || "_.".contains(character))
                .then_some(path)
        });
        match (&value.argument, part) {
            (Some(argument), Some(part)) => Origins::of_argument(&format!("{argument}.{part}")),
            _ => {
                let mut mixed = Origins::default();
                mixed.mix(&value);
                mixed
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &[Box<Expr>], scope: &Scope) -> Origins {
        if let ("json_extract", [value, path]) = (name, arguments) {
            return self.json_part(value, path, scope);
        }
        let values: Vec<Origins> = arguments
            .iter()
            .map(|argument| self.value(argument, scope))
            .collect();
        if let ("instr", [text, part]) = (name, &values[..]) {
            self.compare(text, part, Comparison::Like);
        }
        match name {
            // Still the same thing, up to spelling or a default.
            "lower" | "upper" | "trim" | "nullif" | "json" | "round" | "date" | "datetime"
                if values
                    .first()
                    .is_some_and(|value| value.argument.is_some() || value.column.is_some()) =>
            {
                let mut kept = values[0].clone();
                for other in &values[1..] {
                    kept.functions.extend(other.functions.iter().cloned());
                }
                kept
            }
            "coalesce" | "ifnull" => {
                let argument = values.iter().find_map(|value| value.argument.clone());
                let column = values.iter().find_map(|value| value.column);
                let mut mixed = Origins::default();
                for value in &values {
                    mixed.mix(value);
                }
                if argument.is_some() {
                    mixed.argument = argument;
                } else {
                    mixed.column = column;
                }
                // `coalesce(:id, new_id('N'))` mints when nothing is given.
                mixed.call = values.iter().find_map(|value| value.call.clone());
                mixed
            }
            _ => {
                let mut mixed = Origins::default();
                for value in &values {
                    mixed.mix(value);
                }
                let dates = [
                    "date",
                    "time",
                    "datetime",
                    "julianday",
                    "strftime",
                    "unixepoch",
                    "current_date",
                    "current_time",
                    "current_timestamp",
                ];
                if dates.contains(&name) && reads_clock(name, arguments) {
                    mixed.functions.insert("now".to_string());
                }
                mixed.functions.insert(name.to_string());
                mixed.call = Some(name.to_string());
                mixed
            }
        }
    }
}

/// A date function without a time value, or with 'now', reads the session's clock.
fn reads_clock(name: &str, arguments: &[Box<Expr>]) -> bool {
    let first = usize::from(name == "strftime");
    match arguments.get(first) {
        None => true,
        Some(argument) => matches!(
            &**argument,
            Expr::Literal(Literal::String(text)) if text.eq_ignore_ascii_case("'now'")
        ),
    }
}

impl Scope {
    fn with_table(&self, alias: &str, table: usize) -> Self {
        let mut scope = self.clone();
        scope.levels.push(vec![Source {
            alias: alias.to_string(),
            columns: SourceColumns::Table(table),
        }]);
        scope
    }
}
