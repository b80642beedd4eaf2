//! Adds hidden key columns to a query, so that a session knows exactly which rows a result showed.

use turso_parser::ast::{
    As, Expr, FromClause, FunctionTail, Literal, Name, OneSelect, ResultColumn, Select,
    SelectTable, Stmt,
};

use super::schema::{Schema, TableKind};

/// A query with hidden key columns behind its own.
#[derive(Debug, Clone)]
pub(crate) struct Keyed {
    /// The text to run.
    pub(crate) text: String,
    /// The hidden columns, in order.
    pub(crate) groups: Vec<KeyGroup>,
}

/// The hidden columns that identify rows of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyGroup {
    /// The table's position in the schema.
    pub(crate) table: usize,
    /// Number of key columns; 0 when one column holds JSON: a key as an array, or an array of keys.
    pub(crate) columns: usize,
}

/// The query with hidden keys, or None where its result does not stand for single rows (aggregates,
/// DISTINCT, compounds) and no part of it does.
pub(crate) fn with_keys(statement: &Stmt, schema: &Schema) -> Option<Keyed> {
    let Stmt::Select(query) = statement else {
        return None;
    };
    if !query.body.compounds.is_empty() {
        return None;
    }
    let mut keyed = query.clone();
    let OneSelect::Select { columns, .. } = &keyed.body.select else {
        return None;
    };
    // Stars would swallow the hidden columns of subqueries; those queries stay without keys.
    let star = columns
        .iter()
        .any(|column| !matches!(column, ResultColumn::Expr(..)));
    let mut hidden: Vec<(Expr, KeyGroup)> = Vec::new();
    for column in columns {
        if let ResultColumn::Expr(expression, _) = column {
            nested(expression, query, schema, &mut hidden);
        }
    }
    let own = row_keys(&mut keyed, schema, !star);
    let OneSelect::Select { columns, .. } = &mut keyed.body.select else {
        return None;
    };
    let mut groups = Vec::new();
    for (keys, group) in own {
        for key in keys {
            columns.push(ResultColumn::Expr(Box::new(key), None));
        }
        groups.push(group);
    }
    for (expression, group) in hidden {
        columns.push(ResultColumn::Expr(Box::new(expression), None));
        groups.push(group);
    }
    (!groups.is_empty()).then(|| Keyed {
        text: keyed.to_string(),
        groups,
    })
}

/// For a query whose rows stand for rows of tables: the key expressions of those tables. Subqueries in
/// FROM get hidden columns of their own when `into_subqueries`.
fn row_keys(
    query: &mut Select,
    schema: &Schema,
    into_subqueries: bool,
) -> Vec<(Vec<Expr>, KeyGroup)> {
    let ctes: Vec<String> = query
        .with
        .iter()
        .flat_map(|with| &with.ctes)
        .map(|cte| cte.tbl_name.as_str().to_ascii_lowercase())
        .collect();
    if !query.body.compounds.is_empty() {
        return Vec::new();
    }
    let OneSelect::Select {
        distinctness: None,
        columns,
        from: Some(from),
        group_by: None,
        window_clause,
        ..
    } = &mut query.body.select
    else {
        return Vec::new();
    };
    if !window_clause.is_empty() || columns.iter().any(is_aggregate_column) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let FromClause { select, joins } = from;
    let sources = std::iter::once(select).chain(joins.iter_mut().map(|join| &mut join.table));
    for (count, source) in sources.enumerate() {
        match &mut **source {
            SelectTable::Table(name, alias, _) => {
                let own = name.name.as_str();
                if ctes.contains(&own.to_ascii_lowercase()) {
                    continue;
                }
                let Some(table) = schema.table(own) else {
                    continue;
                };
                if schema.tables[table].kind != TableKind::Table {
                    continue;
                }
                let alias = alias
                    .as_ref()
                    .map_or_else(|| name.name.clone(), |alias| alias.name().clone());
                let keys = key_names(schema, table)
                    .map(|column| Expr::Qualified(alias.clone(), Name::exact(column)))
                    .collect::<Vec<_>>();
                let columns = keys.len();
                found.push((keys, KeyGroup { table, columns }));
            }
            SelectTable::Select(inner, alias) if into_subqueries => {
                let inner_keys = row_keys(inner, schema, true);
                if inner_keys.is_empty() {
                    continue;
                }
                let alias = alias
                    .get_or_insert_with(|| As::As(Name::exact(format!("__from{count}"))))
                    .name()
                    .clone();
                let OneSelect::Select { columns, .. } = &mut inner.body.select else {
                    continue;
                };
                let mut number = 0;
                for (keys, group) in inner_keys {
                    let mut outer = Vec::new();
                    for key in keys {
                        number += 1;
                        let hidden = Name::exact(format!("__key{number}"));
                        columns.push(ResultColumn::Expr(
                            Box::new(key),
                            Some(As::As(hidden.clone())),
                        ));
                        outer.push(Expr::Qualified(alias.clone(), hidden));
                    }
                    found.push((outer, group));
                }
            }
            _ => {}
        }
    }
    found
}

fn key_names(schema: &Schema, table: usize) -> impl Iterator<Item = String> {
    let definition = &schema.tables[table];
    definition
        .key
        .iter()
        .map(|column| definition.columns[*column].name.clone())
}

/// Finds subqueries inside a result expression and gives for each a twin that returns its rows' keys.
fn nested(expression: &Expr, whole: &Select, schema: &Schema, found: &mut Vec<(Expr, KeyGroup)>) {
    let mut subqueries = Vec::new();
    collect_subqueries(expression, &mut subqueries);
    for query in subqueries {
        if whole.with.is_some() {
            // A common table expression may stand in its FROM under a table's name.
            continue;
        }
        let OneSelect::Select { columns, .. } = &query.body.select else {
            continue;
        };
        let [ResultColumn::Expr(result, _)] = &columns[..] else {
            continue;
        };
        let aggregated = is_call_of(result, "json_group_array");
        let inner_subqueries = {
            let mut inner = Vec::new();
            collect_subqueries(result, &mut inner);
            !inner.is_empty()
        };
        if (!aggregated && is_aggregate(result)) || inner_subqueries {
            continue;
        }
        let mut twin = query.clone();
        // For the purpose of keys the aggregate is no aggregate: its rows are those of its FROM.
        set_result(&mut twin, Expr::Literal(Literal::Null));
        for (keys, group) in row_keys(&mut twin, schema, true) {
            let key = call("json_array", keys);
            let shown = if aggregated {
                call("json_group_array", vec![key])
            } else {
                key
            };
            let mut own = twin.clone();
            set_result(&mut own, shown);
            found.push((
                Expr::Subquery(own),
                KeyGroup {
                    table: group.table,
                    columns: 0,
                },
            ));
        }
    }
}

fn set_result(query: &mut Select, expression: Expr) {
    if let OneSelect::Select { columns, .. } = &mut query.body.select {
        *columns = vec![ResultColumn::Expr(Box::new(expression), None)];
    }
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    Expr::FunctionCall {
        name: Name::exact(name.to_string()),
        distinctness: None,
        args: arguments.into_iter().map(Box::new).collect(),
        order_by: Vec::new(),
        within_group: Vec::new(),
        filter_over: FunctionTail {
            filter_clause: None,
            over_clause: None,
        },
    }
}

fn collect_subqueries<'a>(expression: &'a Expr, found: &mut Vec<&'a Select>) {
    match expression {
        Expr::Subquery(query) => found.push(query),
        Expr::FunctionCall { args, .. } => {
            for argument in args {
                collect_subqueries(argument, found);
            }
        }
        Expr::Parenthesized(inner) => {
            for expression in inner {
                collect_subqueries(expression, found);
            }
        }
        Expr::Binary(left, _, right) => {
            collect_subqueries(left, found);
            collect_subqueries(right, found);
        }
        Expr::Cast { expr, .. } | Expr::Collate(expr, _) => collect_subqueries(expr, found),
        _ => {}
    }
}

fn is_call_of(expression: &Expr, function: &str) -> bool {
    match expression {
        Expr::FunctionCall {
            name, filter_over, ..
        } => name.as_str().eq_ignore_ascii_case(function) && filter_over.filter_clause.is_none(),
        _ => false,
    }
}

fn is_aggregate_column(column: &ResultColumn) -> bool {
    match column {
        ResultColumn::Expr(expression, _) => is_aggregate(expression),
        _ => false,
    }
}

/// True when an aggregate or a window function stands in the expression, subqueries left out.
fn is_aggregate(expression: &Expr) -> bool {
    let aggregates = [
        "avg",
        "count",
        "group_concat",
        "json_group_array",
        "json_group_object",
        "string_agg",
        "sum",
        "sum_in_order",
        "total",
    ];
    match expression {
        Expr::FunctionCallStar { .. } => true,
        Expr::FunctionCall {
            name,
            args,
            filter_over,
            ..
        } => {
            let name = name.as_str().to_ascii_lowercase();
            filter_over.over_clause.is_some()
                || aggregates.contains(&name.as_str())
                || (["min", "max"].contains(&name.as_str()) && args.len() == 1)
                || args.iter().any(|argument| is_aggregate(argument))
        }
        Expr::Binary(left, _, right) => is_aggregate(left) || is_aggregate(right),
        Expr::Parenthesized(inner) => inner.iter().any(|inner| is_aggregate(inner)),
        Expr::Cast { expr, .. } | Expr::Unary(_, expr) | Expr::Collate(expr, _) => {
            is_aggregate(expr)
        }
        Expr::Case {
            base,
            when_then_pairs,
            else_expr,
        } => {
            base.as_deref().is_some_and(is_aggregate)
                || else_expr.as_deref().is_some_and(is_aggregate)
                || when_then_pairs
                    .iter()
                    .any(|(when, then)| is_aggregate(when) || is_aggregate(then))
        }
        _ => false,
    }
}
