//! What the state says about a fact that an answer gives: by which short name a row is known, whose value a
//! value is, which rows a tool has added up.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cell::{Cell, Row};
use crate::format::Actor;
use crate::program::Tool;
use crate::reading::{plain_text, words};
use crate::session::Session;
use crate::speller::{Answer, FactKind};
use crate::spray::{is_sprayed, parts_of};
use crate::sql::{ColumnRef, Comparison, Table, quoted};
use crate::state::StateError;
use crate::verdict::Fact;

/// Rows of a rival value that are looked at.
const MOST_RIVALS: usize = 50;
/// References that are followed from a row to those that it belongs to.
const MOST_STEPS: usize = 4;
/// Titles, which are no names.
const TITLES: &[&str] = &["dr", "prof", "mr", "mrs", "ms", "miss", "sir"];

/// True when an answer gives a person's name by a part of it that no other row's name holds: `Priya` for
/// Priya Nair, `Dr. Iversen` for Dr. Signe Iversen.
///
/// # Errors
/// When SQLite fails.
pub(crate) fn is_named_briefly(
    session: &mut Session,
    text: &str,
    value: &Cell,
    fact: &Fact,
) -> Result<bool, StateError> {
    let world = session.world().clone();
    let schema = world.schema();
    let Some(at) = schema.resolve(&fact.about) else {
        return Ok(false);
    };
    let column = &schema.get(at).name;
    let names_people = column.to_lowercase().ends_with("name");
    let (true, FactKind::Text, Some(name)) = (names_people, fact.kind, value.as_text()) else {
        return Ok(false);
    };
    let all = session.query(
        &format!(
            "SELECT DISTINCT {} FROM {}",
            quoted(column),
            quoted(&schema.tables[at.table].name)
        ),
        &[],
    )?;
    let own = parts(name);
    if own.len() < 2 {
        return Ok(false);
    }
    let shared: BTreeSet<String> = all
        .iter()
        .filter_map(|row| row.first().and_then(Cell::as_text))
        .filter(|other| *other != name)
        .flat_map(parts)
        .collect();
    let short = |name: &str| parts(name).first().map(|part| Cell::from(part.as_str()));
    let titled = name.split_whitespace().next().is_some_and(is_title);
    let answer = Answer::new(text);
    let candidates = [own.first(), own.last().filter(|_| titled)];
    Ok(candidates.into_iter().flatten().any(|part| {
        let alias = Cell::from(part.as_str());
        let others: Vec<Cell> = fact
            .others
            .iter()
            .filter_map(|other| short(other.as_text()?))
            .collect();
        !shared.contains(part)
            && answer.mentions(&alias, FactKind::Text)
            && !is_sprayed(text, &alias, &[&alias], &others, FactKind::Text, false)
    }))
}

/// The words of a name, without titles.
fn parts(name: &str) -> Vec<String> {
    name.split_whitespace()
        .filter(|part| !is_title(part))
        .map(str::to_lowercase)
        .collect()
}

fn is_title(word: &str) -> bool {
    TITLES.contains(&word.trim_end_matches('.').to_lowercase().as_str())
}

/// To whose row an answer gives the right value, where it names a rival's as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribution {
    /// What tells the asked row from the rivals' stands beside the right value, and beside no other.
    Clear,
    /// It stands beside a rival value, and never beside the right one.
    MixedUp,
    /// The words do not say, or no rival is named.
    Open,
}

/// Reads whose value an answer says that the right one is. `key` is the asked row's.
///
/// # Errors
/// When SQLite fails.
pub(crate) fn attribution(
    session: &mut Session,
    text: &str,
    value: &Cell,
    fact: &Fact,
    key: &[Cell],
) -> Result<Attribution, StateError> {
    let answer = Answer::new(text);
    let rivals: Vec<&Cell> = fact
        .others
        .iter()
        .filter(|other| *other != value && answer.mentions(other, fact.kind))
        .collect();
    let world = session.world().clone();
    let Some(at) = world.schema().resolve(&fact.about) else {
        return Ok(Attribution::Open);
    };
    if rivals.is_empty() {
        return Ok(Attribution::Open);
    }
    let Some(own) = row(session, at.table, key)? else {
        return Ok(Attribution::Open);
    };
    let definition = &world.schema().tables[at.table];
    let (mut clear, mut mixed_up) = (true, false);
    for rival in rivals {
        let query = format!(
            "{} WHERE {} IS ?1 LIMIT {MOST_RIVALS}",
            select(definition),
            quoted(&world.schema().get(at).name)
        );
        let rows = session.query(&query, std::slice::from_ref(rival))?;
        let mut theirs: BTreeSet<String> =
            rows.iter().flat_map(|row| marks(row, at.column)).collect();
        // A value does not say whose it is: a name stands in an e-mail address, too.
        for value in [value, rival] {
            let plain = plain_text(&value.to_string()).replace('_', " ");
            theirs.extend(words(&plain).into_iter().map(|(_, word)| word.to_string()));
        }
        let marks: Vec<String> = marks(&own, at.column)
            .into_iter()
            .filter(|mark| !theirs.contains(mark))
            .collect();
        let (mut beside_own, mut beside_rival) = (false, false);
        for part in parts_of(text) {
            let plain = plain_text(&part);
            let marked = words(&plain)
                .iter()
                .any(|(_, word)| marks.iter().any(|mark| mark == word));
            if marked {
                let part = Answer::new(&part);
                let says_own = part.mentions(value, fact.kind);
                let says_rival = part.mentions(rival, fact.kind);
                beside_own |= says_own && !says_rival;
                beside_rival |= !says_own && says_rival;
            }
        }
        mixed_up |= beside_rival && !beside_own;
        clear &= beside_own && !beside_rival;
    }
    Ok(match (mixed_up, clear) {
        (true, _) => Attribution::MixedUp,
        (_, true) => Attribution::Clear,
        _ => Attribution::Open,
    })
}

/// All columns of a table, in order.
fn select(definition: &Table) -> String {
    let columns: Vec<String> = definition
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .collect();
    format!(
        "SELECT {} FROM {}",
        columns.join(", "),
        quoted(&definition.name)
    )
}

/// The words of a row's texts, one column left out.
fn marks(row: &Row, without: usize) -> BTreeSet<String> {
    row.iter()
        .enumerate()
        .filter(|(column, _)| *column != without)
        .filter_map(|(_, cell)| cell.as_text())
        .flat_map(|text| {
            let plain = plain_text(text).replace('_', " ");
            words(&plain)
                .into_iter()
                .map(|(_, word)| word.to_string())
                .filter(|word| word.chars().count() >= 3)
                .collect::<Vec<_>>()
        })
        .collect()
}

fn row(session: &mut Session, table: usize, key: &[Cell]) -> Result<Option<Row>, StateError> {
    let world = session.world().clone();
    let definition = &world.schema().tables[table];
    let conditions: Vec<String> = definition
        .key
        .iter()
        .enumerate()
        .map(|(at, column)| {
            format!(
                "{} IS ?{}",
                quoted(&definition.columns[*column].name),
                at + 1
            )
        })
        .collect();
    if conditions.len() != key.len() || key.is_empty() {
        return Ok(None);
    }
    let query = format!("{} WHERE {}", select(definition), conditions.join(" AND "));
    let rows = session.query(&query, key)?;
    Ok(rows.into_iter().next())
}

/// True when a reply of the session held a computed value that a tool made from these rows: of a tool that
/// reads their tables, called with arguments that they fit. The calls are made again on a copy, since a
/// session keeps no replies.
///
/// # Errors
/// When SQLite fails.
pub(crate) fn was_added_up(
    session: &mut Session,
    value: &Cell,
    rows: &[(usize, Vec<Cell>)],
) -> Result<bool, StateError> {
    let world = session.world().clone();
    let mut copy = session.state().session(session.seed())?;
    let log = session.log().to_vec();
    for record in log.iter().filter(|record| record.error.is_none()) {
        let reply = copy.call_as(record.actor, &record.tool, &record.arguments);
        let (Some(tool), Some(reply)) = (world.tool(&record.tool), reply.value()) else {
            continue;
        };
        let reads = |table: usize| {
            tool.effects
                .reads
                .iter()
                .any(|column| column.table == table)
        };
        if record.actor != Actor::Agent
            || !rows.iter().all(|(table, _)| reads(*table))
            || !computed_number(tool, &reply, value)
        {
            continue;
        }
        let mut fit = true;
        for (table, key) in rows {
            fit &= is_in_scope(&mut copy, tool, &record.arguments, *table, key)?;
        }
        if fit {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True when a call showed the first of these rows ahead of all others because the tool sorts them: with a
/// limit of its own it returned the head of a list that, without the limit, holds these rows and no others
/// in the order of the column. The call is made again on a copy, with and without the limit.
///
/// # Errors
/// When SQLite fails.
pub(crate) fn was_sorted(
    session: &mut Session,
    rows: &[(usize, Vec<Cell>)],
    column: &str,
) -> Result<bool, StateError> {
    let world = session.world().clone();
    let schema = world.schema();
    let Some((table, first)) = rows.first() else {
        return Ok(false);
    };
    let definition = &schema.tables[*table];
    let ([key], Some(column), [first]) =
        (&definition.key[..], definition.column(column), &first[..])
    else {
        return Ok(false);
    };
    let wanted: BTreeSet<&Cell> = rows
        .iter()
        .filter(|(own, _)| own == table)
        .filter_map(|(_, key)| key.first())
        .collect();
    let mut copy = session.state().session(session.seed())?;
    let log = session.log().to_vec();
    for record in log.iter().filter(|record| record.error.is_none()) {
        let reply = copy.call_as(record.actor, &record.tool, &record.arguments);
        let (Some(tool), Some(Value::Array(head))) = (world.tool(&record.tool), reply.value())
        else {
            continue;
        };
        let field = |at: usize| {
            let own = ColumnRef {
                table: *table,
                column: at,
            };
            let results = tool.flow.results.iter();
            results
                .filter(|field| field.origins.column == Some(own))
                .find_map(|field| field.name.as_deref())
        };
        let (Some(id), Some(value)) = (field(*key), field(column)) else {
            continue;
        };
        let cells = |list: &[Value], name: &str| -> Option<Vec<Cell>> {
            list.iter()
                .map(|entry| entry.get(name).map(Cell::from_json))
                .collect()
        };
        if cells(&head, id)
            .and_then(|ids| ids.into_iter().next())
            .as_ref()
            != Some(first)
        {
            continue;
        }
        for (name, given) in record.arguments.as_object().into_iter().flatten() {
            let limits = given.as_u64().is_some_and(|most| head.len() as u64 <= most)
                && !tool.flow.compares.iter().any(|own| own.argument == *name);
            if !limits {
                continue;
            }
            let mut whole = record.arguments.clone();
            if let Some(members) = whole.as_object_mut() {
                members.remove(name);
            }
            let reply = copy.call_as(record.actor, &record.tool, &whole);
            let Some(Value::Array(all)) = reply.value() else {
                continue;
            };
            let (Some(ids), Some(values)) = (cells(&all, id), cells(&all, value)) else {
                continue;
            };
            let sorted = values.is_sorted() || values.iter().rev().is_sorted();
            if sorted && all.starts_with(&head) && ids.iter().collect::<BTreeSet<_>>() == wanted {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// True when a reply holds a number that is no column's value as it stands.
fn computed_number(tool: &Tool, reply: &Value, value: &Cell) -> bool {
    match reply {
        Value::Array(elements) => elements
            .iter()
            .any(|element| computed_number(tool, element, value)),
        Value::Object(members) => members.iter().any(|(name, member)| {
            let mut results = tool.flow.results.iter();
            let plain = results
                .any(|field| field.name.as_deref() == Some(name) && field.origins.column.is_some());
            !plain && holds_number(member, value)
        }),
        other => holds_number(other, value),
    }
}

fn holds_number(reply: &Value, value: &Cell) -> bool {
    match reply {
        Value::Array(elements) => elements.iter().any(|element| holds_number(element, value)),
        Value::Object(members) => members.values().any(|member| holds_number(member, value)),
        Value::Number(_) => Cell::from_json(reply) == *value,
        _ => false,
    }
}

/// True when a row belongs to what the arguments pick, and lies within the bounds that they set.
fn is_in_scope(
    session: &mut Session,
    tool: &Tool,
    arguments: &Value,
    table: usize,
    key: &[Cell],
) -> Result<bool, StateError> {
    let world = session.world().clone();
    let schema = world.schema();
    let Some(own) = row(session, table, key)? else {
        return Ok(false);
    };
    for (name, given) in arguments.as_object().into_iter().flatten() {
        let given = Cell::from_json(given);
        if let Some(column) = tool.flow.column_of(name, schema) {
            let root = schema.root(column);
            if schema.tables[root.table].key == [root.column] {
                let picked = (root.table, vec![given]);
                if !belongs_to(session, &(table, key.to_vec()), &picked, MOST_STEPS)? {
                    return Ok(false);
                }
                continue;
            }
        }
        let bounds = tool
            .flow
            .compares
            .iter()
            .filter(|compare| compare.argument == *name && compare.column.table == table);
        for compare in bounds {
            let cell = &own[compare.column.column];
            let fits = match compare.comparison {
                Comparison::Equal => *cell == given,
                Comparison::AtLeast => *cell >= given,
                Comparison::AtMost => *cell <= given,
                Comparison::Like => true,
            };
            if !fits {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// True when references lead from a row to another, or it is that row.
fn belongs_to(
    session: &mut Session,
    from: &(usize, Vec<Cell>),
    to: &(usize, Vec<Cell>),
    steps: usize,
) -> Result<bool, StateError> {
    if from == to {
        return Ok(true);
    }
    let Some(own) = row(session, from.0, &from.1)? else {
        return Ok(false);
    };
    if steps == 0 {
        return Ok(false);
    }
    let world = session.world().clone();
    let schema = world.schema();
    for (column, cell) in own.iter().enumerate() {
        let at = ColumnRef {
            table: from.0,
            column,
        };
        let Some(parent) = schema.referenced(at) else {
            continue;
        };
        if schema.tables[parent.table].key == [parent.column] && !cell.is_null() {
            let next = (parent.table, vec![cell.clone()]);
            if belongs_to(session, &next, to, steps - 1)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
