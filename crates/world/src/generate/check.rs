//! Checks `data.toml` before anything is generated from it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::{FILE, SIZES, scale};
use crate::fakes;
use crate::format::{ColumnData, DataFile, TableData};
use crate::problem::Problems;
use crate::sql::{AccessLog, Kind, Schema, TableKind, parse_program};

/// A generated list may have this many elements.
const MAX_LIST: u32 = 1_000;

/// Checks `data.toml` against the schema, without generating anything.
pub(crate) fn check(
    data: &DataFile,
    schema: &Schema,
    connection: &Connection,
    log: &AccessLog,
    problems: &mut Problems,
) {
    for (name, factor) in &data.sizes {
        if !factor.is_finite() || *factor <= 0.0 || *factor > 10_000.0 {
            problems.error(
                FILE,
                format!("sizes.{name}"),
                "a factor is above 0, at most 10,000",
            );
        }
    }
    let mut filled: BTreeSet<usize> = BTreeSet::new();
    for table in &data.table {
        let place = format!("table {:?}", table.name);
        let Some(at) = schema.table(&table.name) else {
            problems.error(FILE, place, "schema.sql creates no such table");
            continue;
        };
        if schema.tables[at].kind != TableKind::Table {
            problems.error(
                FILE,
                place,
                "an FTS5 table is filled by triggers or by derive",
            );
            continue;
        }
        if !filled.insert(at) {
            problems.error(FILE, &place, "the table is filled twice");
        }
        let ways = [
            table.rows.is_some(),
            table.per.is_some(),
            !table.literal.is_empty(),
        ];
        if ways.iter().filter(|given| **given).count() != 1 {
            problems.error(FILE, &place, "exactly one of rows, per and literal");
        }
        if table.per.is_some() != table.count.is_some() {
            problems.error(
                FILE,
                &place,
                "per and count = [least, greatest] belong together",
            );
        }
        if let Some([low, high]) = table.count
            && low > high
        {
            problems.error(
                FILE,
                &place,
                "count: the least number is above the greatest",
            );
        }
        if table.fixed && table.rows.is_none() {
            problems.error(
                FILE,
                &place,
                "fixed belongs to rows; what is written out or made per row of another table has no factor",
            );
        }
        for name in table.literal.iter().flat_map(BTreeMap::keys) {
            if schema.tables[at].column(name).is_none() {
                let message = format!("literal names {name:?}, which is no column");
                problems.error(FILE, &place, message);
            }
        }
        for (name, column) in &table.columns {
            let place = format!("table {:?}, column {name}", table.name);
            match schema.tables[at].column(name) {
                None => problems.error(FILE, place, "the table has no such column"),
                Some(_) => {
                    let checked = check_column(column, schema)
                        .and_then(|()| check_neighbours(name, column, table, schema, at));
                    if let Err(message) = checked {
                        problems.error(FILE, place, message);
                    }
                }
            }
        }
    }
    let writes = &[Kind::Insert, Kind::Update, Kind::Delete][..];
    let mut statements: Vec<(String, &str, &[Kind])> = Vec::new();
    for (at, derive) in data.derive.iter().enumerate() {
        statements.push((format!("derive {}", at + 1), &derive.sql, writes));
    }
    for (at, query) in data.consistency.iter().enumerate() {
        statements.push((
            format!("consistency {}", at + 1),
            &query.sql,
            &[Kind::Select],
        ));
    }
    for state in &data.state {
        statements.push((format!("state {:?}", state.name), &state.sql, writes));
    }
    for (place, sql, kinds) in statements {
        match parse_program(sql) {
            Err(message) => problems.error(FILE, place, message),
            Ok(statements) => {
                for statement in &statements {
                    log.take();
                    let prepared = connection.prepare(&statement.text);
                    let access = log.take();
                    if let Some(message) = access.refused.first() {
                        problems.error(FILE, &place, message.clone());
                    } else if let Err(error) = prepared {
                        problems.error(FILE, &place, error.to_string());
                    } else if !kinds.contains(&statement.kind) {
                        problems.error(FILE, &place, "a statement of the wrong kind");
                    }
                }
            }
        }
    }
    check_states(data, schema, problems);
}

/// Checks the names and the rows of the named states.
fn check_states(data: &DataFile, schema: &Schema, problems: &mut Problems) {
    let mut taken: BTreeSet<&str> = SIZES.into_iter().chain(["empty"]).collect();
    taken.extend(data.sizes.keys().map(String::as_str));
    for state in &data.state {
        let place = format!("state {:?}", state.name);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=64).contains(&state.name.len()) || !state.name.bytes().all(plain) {
            problems.error(FILE, &place, "a state's name is 1 to 64 of a-z, 0-9 and -");
        }
        if let Some(size) = &state.size
            && let Err(error) = scale(data, size)
        {
            problems.error(FILE, &place, error.to_string());
        }
        if !taken.insert(&state.name) {
            problems.error(
                FILE,
                &place,
                "the name is that of a size or of another state",
            );
        }
        for (at, row) in state.row.iter().enumerate() {
            let Some(table) = schema.table(&row.table) else {
                let message = format!("row {}: there is no table {:?}", at + 1, row.table);
                problems.error(FILE, &place, message);
                continue;
            };
            for name in row.values.keys() {
                if schema.tables[table].column(name).is_none() {
                    let message = format!("row {}: {} has no column {name:?}", at + 1, row.table);
                    problems.error(FILE, &place, message);
                }
            }
        }
    }
}

fn check_column(column: &ColumnData, schema: &Schema) -> Result<(), String> {
    let kinds = column.kinds();
    let given: Vec<&str> = kinds
        .iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| *name)
        .collect();
    if given.len() != 1 {
        return Err(format!(
            "exactly one generator, not {}; there are: {}",
            given.len(),
            kinds.map(|(name, _)| name).join(", ")
        ));
    }
    if let Some(kind) = &column.fake
        && !fakes::KINDS.contains(&kind.as_str())
    {
        return Err(format!(
            "fake = {kind:?} is not known; there are: {}",
            fakes::KINDS.join(", ")
        ));
    }
    if let Some(choices) = &column.choice {
        if choices.is_empty() {
            return Err("choice is empty".into());
        }
        if column
            .weights
            .as_ref()
            .is_some_and(|weights| weights.len() != choices.len())
        {
            return Err("weights has not the length of choice".into());
        }
    }
    check_options(column)?;
    if let Some(reference) = &column.reference
        && schema.resolve(reference).is_none()
    {
        return Err(format!("ref = {reference:?} is no \"table.column\""));
    }
    if let Some(inner) = &column.list_of {
        if inner.list_of.is_some()
            || inner.template.is_some()
            || inner.from.is_some()
            || inner.within.is_some()
        {
            return Err("list_of takes a plain generator".into());
        }
        check_column(inner, schema)?;
    }
    Ok(())
}

/// The columns of the same row, or of the row that it belongs to, that a generator names.
fn check_neighbours(
    name: &str,
    column: &ColumnData,
    table: &TableData,
    schema: &Schema,
    at: usize,
) -> Result<(), String> {
    if let Some(from) = &column.from {
        let found = match from.split_once('.') {
            Some((parent, _)) => {
                table.per.as_deref() == Some(parent) && schema.resolve(from).is_some()
            }
            None => from != name && schema.tables[at].column(from).is_some(),
        };
        if !found {
            return Err(format!(
                "from = {from:?} is neither another column of the table nor one of the table of `per`, written \"table.column\""
            ));
        }
    }
    if let Some(within) = &column.within
        && (within == name || schema.tables[at].column(within).is_none())
    {
        return Err(format!(
            "within = {within:?} is no other column of the table"
        ));
    }
    Ok(())
}

/// Options that stand beside their generator, and ranges that hold something.
fn check_options(column: &ColumnData) -> Result<(), String> {
    for (option, given, kind, fits) in [
        (
            "weights",
            column.weights.is_some(),
            "choice",
            column.choice.is_some(),
        ),
        ("step", column.step.is_some(), "int", column.int.is_some()),
        (
            "places",
            column.places.is_some(),
            "real",
            column.real.is_some(),
        ),
        (
            "via",
            column.via.is_some(),
            "ref",
            column.reference.is_some(),
        ),
        (
            "len",
            column.len.is_some(),
            "list_of",
            column.list_of.is_some(),
        ),
        (
            "within",
            column.within.is_some(),
            "sequence",
            column.sequence.is_some(),
        ),
        (
            "from",
            column.from.is_some(),
            "date or datetime",
            column.date.is_some() || column.datetime.is_some(),
        ),
    ] {
        if given && !fits {
            return Err(format!("{option} belongs to {kind}"));
        }
    }
    for (name, share) in [("bool", column.bool), ("null_share", column.null_share)] {
        if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err(format!("{name} is a probability: 0 to 1"));
        }
    }
    // 1,000 years are days that SQLite's date functions can still count.
    for (name, range, low, high) in [
        ("int", column.int, i64::MIN / 4, i64::MAX / 4),
        ("date", column.date, -365_000, 365_000),
        ("datetime", column.datetime, -365_000, 365_000),
        ("time", column.time, 0, 24),
    ] {
        if let Some([from, to]) = range
            && !(low <= from && from <= to && to <= high)
        {
            return Err(format!(
                "{name} = [least, greatest], between {low} and {high}"
            ));
        }
    }
    if column
        .len
        .is_some_and(|[low, high]| low > high || high > MAX_LIST)
    {
        return Err(format!("len = [least, greatest], {MAX_LIST} at most"));
    }
    if let Some([low, high]) = column.real
        && !(low.is_finite() && high.is_finite() && low <= high)
    {
        return Err("real = [least, greatest]".into());
    }
    if column.step.is_some_and(|step| step < 1) {
        return Err("step is at least 1".into());
    }
    if let Some(weights) = &column.weights
        && !(weights.iter().all(|weight| *weight >= 0.0)
            && weights.iter().any(|weight| *weight > 0.0))
    {
        return Err("weights are 0 or more, and not all 0".into());
    }
    Ok(())
}
