//! Visits every expression of a statement.

use turso_parser::ast::{
    Expr, FromClause, InsertBody, JoinConstraint, Limit, OneSelect, Over, ResultColumn, Select,
    SelectTable, Set, SortedColumn, Stmt, TriggerCmd, Upsert, UpsertDo, Window, With,
};

/// Calls `visit` for every expression of the statement, outer before inner.
pub(super) fn each_expression(statement: &Stmt, visit: &mut dyn FnMut(&Expr)) {
    match statement {
        Stmt::Select(query) => select(query, visit),
        Stmt::Insert {
            with: ctes,
            body,
            returning,
            ..
        } => {
            with(ctes.as_ref(), visit);
            if let InsertBody::Select(query, on_conflict) = body {
                select(query, visit);
                upsert(on_conflict.as_deref(), visit);
            }
            results(returning, visit);
        }
        Stmt::Update(update) => {
            with(update.with.as_ref(), visit);
            sets(&update.sets, visit);
            from(update.from.as_ref(), visit);
            option(update.where_clause.as_deref(), visit);
            results(&update.returning, visit);
        }
        Stmt::Delete {
            with: ctes,
            where_clause,
            returning,
            ..
        } => {
            with(ctes.as_ref(), visit);
            option(where_clause.as_deref(), visit);
            results(returning, visit);
        }
        Stmt::CreateView { select: query, .. } => select(query, visit),
        Stmt::CreateTrigger {
            when_clause,
            commands,
            ..
        } => {
            option(when_clause.as_deref(), visit);
            for command in commands {
                trigger_command(command, visit);
            }
        }
        _ => {}
    }
}

fn trigger_command(command: &TriggerCmd, visit: &mut dyn FnMut(&Expr)) {
    match command {
        TriggerCmd::Update {
            sets: assignments,
            from: source,
            where_clause,
            ..
        } => {
            sets(assignments, visit);
            from(source.as_ref(), visit);
            option(where_clause.as_deref(), visit);
        }
        TriggerCmd::Insert {
            select: query,
            upsert: on_conflict,
            returning,
            ..
        } => {
            select(query, visit);
            upsert(on_conflict.as_deref(), visit);
            results(returning, visit);
        }
        TriggerCmd::Delete { where_clause, .. } => option(where_clause.as_deref(), visit),
        TriggerCmd::Select(query) => select(query, visit),
    }
}

fn option(expression: Option<&Expr>, visit: &mut dyn FnMut(&Expr)) {
    if let Some(expression) = expression {
        walk(expression, visit);
    }
}

fn with(ctes: Option<&With>, visit: &mut dyn FnMut(&Expr)) {
    for cte in ctes.iter().flat_map(|with| &with.ctes) {
        select(&cte.select, visit);
    }
}

fn results(columns: &[ResultColumn], visit: &mut dyn FnMut(&Expr)) {
    for column in columns {
        if let ResultColumn::Expr(expression, _) = column {
            walk(expression, visit);
        }
    }
}

fn sets(assignments: &[Set], visit: &mut dyn FnMut(&Expr)) {
    for assignment in assignments {
        walk(&assignment.expr, visit);
    }
}

fn sorted(columns: &[SortedColumn], visit: &mut dyn FnMut(&Expr)) {
    for column in columns {
        walk(&column.expr, visit);
    }
}

fn upsert(clause: Option<&Upsert>, visit: &mut dyn FnMut(&Expr)) {
    let mut next = clause;
    while let Some(clause) = next {
        if let UpsertDo::Set {
            sets: assignments,
            where_clause,
        } = &clause.do_clause
        {
            sets(assignments, visit);
            option(where_clause.as_deref(), visit);
        }
        next = clause.next.as_deref();
    }
}

fn window(definition: &Window, visit: &mut dyn FnMut(&Expr)) {
    for expression in &definition.partition_by {
        walk(expression, visit);
    }
    sorted(&definition.order_by, visit);
}

fn from(clause: Option<&FromClause>, visit: &mut dyn FnMut(&Expr)) {
    let Some(clause) = clause else { return };
    table(&clause.select, visit);
    for join in &clause.joins {
        table(&join.table, visit);
        if let Some(JoinConstraint::On(condition)) = &join.constraint {
            walk(condition, visit);
        }
    }
}

fn table(source: &SelectTable, visit: &mut dyn FnMut(&Expr)) {
    match source {
        SelectTable::Table(..) => {}
        SelectTable::TableCall(_, arguments, _) => {
            for argument in arguments {
                walk(argument, visit);
            }
        }
        SelectTable::Select(query, _) => select(query, visit),
        SelectTable::Sub(clause, _) => from(Some(clause), visit),
    }
}

fn limit(clause: Option<&Limit>, visit: &mut dyn FnMut(&Expr)) {
    if let Some(clause) = clause {
        walk(&clause.expr, visit);
        option(clause.offset.as_deref(), visit);
    }
}

/// Visits every expression of a query.
pub(super) fn select(query: &Select, visit: &mut dyn FnMut(&Expr)) {
    with(query.with.as_ref(), visit);
    one_select(&query.body.select, visit);
    for compound in &query.body.compounds {
        one_select(&compound.select, visit);
    }
    sorted(&query.order_by, visit);
    limit(query.limit.as_ref(), visit);
}

fn one_select(query: &OneSelect, visit: &mut dyn FnMut(&Expr)) {
    match query {
        OneSelect::Select {
            columns,
            from: source,
            where_clause,
            group_by,
            window_clause,
            ..
        } => {
            results(columns, visit);
            from(source.as_ref(), visit);
            option(where_clause.as_deref(), visit);
            if let Some(group) = group_by {
                for expression in &group.exprs {
                    walk(expression, visit);
                }
                option(group.having.as_deref(), visit);
            }
            for definition in window_clause {
                window(&definition.window, visit);
            }
        }
        OneSelect::Values(rows) => {
            for expression in rows.iter().flatten() {
                walk(expression, visit);
            }
        }
    }
}

/// Visits an expression and all below it.
pub(super) fn walk(expression: &Expr, visit: &mut dyn FnMut(&Expr)) {
    visit(expression);
    let mut each = |inner: &[Box<Expr>]| {
        for expression in inner {
            walk(expression, visit);
        }
    };
    match expression {
        Expr::Between {
            lhs, start, end, ..
        } => {
            walk(lhs, visit);
            walk(start, visit);
            walk(end, visit);
        }
        Expr::Binary(left, _, right) => {
            walk(left, visit);
            walk(right, visit);
        }
        Expr::Case {
            base,
            when_then_pairs,
            else_expr,
        } => {
            option(base.as_deref(), visit);
            for (when, then) in when_then_pairs {
                walk(when, visit);
                walk(then, visit);
            }
            option(else_expr.as_deref(), visit);
        }
        Expr::Cast { expr, .. }
        | Expr::Collate(expr, _)
        | Expr::IsNull(expr)
        | Expr::NotNull(expr)
        | Expr::Unary(_, expr)
        | Expr::FieldAccess { base: expr, .. } => walk(expr, visit),
        Expr::Exists(query) | Expr::Subquery(query) => select(query, visit),
        Expr::FunctionCall {
            args,
            order_by,
            within_group,
            filter_over,
            ..
        } => {
            each(args);
            sorted(order_by, visit);
            sorted(within_group, visit);
            option(filter_over.filter_clause.as_deref(), visit);
            if let Some(Over::Window(definition)) = &filter_over.over_clause {
                window(definition, visit);
            }
        }
        Expr::FunctionCallStar { filter_over, .. } => {
            option(filter_over.filter_clause.as_deref(), visit);
            if let Some(Over::Window(definition)) = &filter_over.over_clause {
                window(definition, visit);
            }
        }
        Expr::InList { lhs, rhs, .. } => {
            walk(lhs, visit);
            for expression in rhs {
                walk(expression, visit);
            }
        }
        Expr::InSelect { lhs, rhs, .. } => {
            walk(lhs, visit);
            select(rhs, visit);
        }
        Expr::InTable { lhs, args, .. } => {
            walk(lhs, visit);
            for expression in args {
                walk(expression, visit);
            }
        }
        Expr::Like {
            lhs, rhs, escape, ..
        } => {
            walk(lhs, visit);
            walk(rhs, visit);
            option(escape.as_deref(), visit);
        }
        Expr::Parenthesized(inner) => each(inner),
        Expr::Raise(_, message) => option(message.as_deref(), visit),
        Expr::Array { elements } => each(elements),
        Expr::Subscript { base, index } => {
            walk(base, visit);
            walk(index, visit);
        }
        Expr::SubqueryResult { lhs, .. } => option(lhs.as_deref(), visit),
        Expr::Register(_)
        | Expr::DoublyQualified(..)
        | Expr::Id(_)
        | Expr::Column { .. }
        | Expr::RowId { .. }
        | Expr::Literal(_)
        | Expr::Name(_)
        | Expr::Qualified(..)
        | Expr::Variable(_)
        | Expr::Default => {}
    }
}
