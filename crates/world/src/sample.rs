//! Finds arguments for a tool by asking the state.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::arguments::{Parameter, schema_type};
use crate::cell::{Cell, Row};
use crate::fakes;
use crate::generate;
use crate::instant;
use crate::program::Tool;
use crate::rng::Draws;
use crate::session::Session;
use crate::sql::{ColumnRef, Comparison, Schema, Store, StoreKind};
use crate::state::{State, StateError, all_rows_query};
use crate::world::World;

/// Share of calls in which a value that must be new is new.
const MADE_UP: f64 = 0.6;
/// Share of calls in which a value that replaces another is taken from any row.
const CHANGED: f64 = 0.7;
/// Foreign keys that lie between two rows of one call, at most.
const HOPS: usize = 4;

/// Samples arguments for the tools of a world from the rows of a state. Arguments of one call are
/// coherent: they come from one row, or from rows that refer to each other, where the tool's statements
/// say which columns they stand for.
#[derive(Debug)]
pub struct Sampler {
    world: World,
    rows: Vec<Vec<Row>>,
}

impl Sampler {
    /// Reads the rows of a state.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn new(state: &State) -> Result<Self, StateError> {
        let world = state.world().clone();
        let rows = (0..world.schema().tables.len())
            .map(|table| state.rows(table))
            .collect::<Result<_, _>>()?;
        Ok(Self { world, rows })
    }

    /// Reads the rows that a session has now.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn of_session(session: &mut Session) -> Result<Self, StateError> {
        let world = session.world().clone();
        let rows = (0..world.schema().tables.len())
            .map(|table| {
                let text = all_rows_query(&world.schema().tables[table]);
                session.query(&text, &[])
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { world, rows })
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The rows of all tables.
    pub fn rows(&self) -> &[Vec<Row>] {
        &self.rows
    }

    /// Arguments for a call: all required ones, others with this probability.
    pub fn arguments(&self, tool: &Tool, optional: f64, draws: &mut Draws) -> Map<String, Value> {
        self.arguments_about(tool, optional, &[], draws)
    }

    /// The same, about given rows where the tool's statements allow it: table and key.
    pub fn arguments_about(
        &self,
        tool: &Tool,
        optional: f64,
        about: &[(usize, Cell)],
        draws: &mut Draws,
    ) -> Map<String, Value> {
        let mut pivots = Pivots {
            sampler: self,
            rows: BTreeMap::new(),
            keys: BTreeMap::new(),
        };
        for (table, key) in about {
            if let [column] = self.world.schema().tables[*table].key[..]
                && let Some(row) = self.rows[*table].iter().position(|row| row[column] == *key)
            {
                pivots.rows.insert(*table, row);
            }
        }
        let mut arguments = Map::new();
        for parameter in tool.parameters() {
            if !parameter.required && !draws.chance(optional) {
                continue;
            }
            let value = self.value(
                tool,
                &parameter.name,
                &parameter.schema,
                &mut pivots,
                draws,
                0,
            );
            if let Some(value) = value {
                arguments.insert(parameter.name.clone(), value);
            }
        }
        self.satisfy(tool, &mut arguments, &mut pivots, draws);
        order_spans(&mut arguments);
        arguments
    }

    /// Adds an argument where the schema wants one of several: `anyOf = [{required = ["name"]}, ...]`.
    fn satisfy(
        &self,
        tool: &Tool,
        arguments: &mut Map<String, Value>,
        pivots: &mut Pivots<'_>,
        draws: &mut Draws,
    ) {
        for key in ["anyOf", "oneOf"] {
            let choices: Vec<Vec<&str>> = tool
                .input()
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|choice| choice.get("required")?.as_array())
                .map(|names| names.iter().filter_map(Value::as_str).collect())
                .collect();
            let met = |names: &Vec<&str>| names.iter().all(|name| arguments.contains_key(*name));
            if choices.iter().any(met) {
                continue;
            }
            for name in draws.pick(&choices).into_iter().flatten() {
                let parameter = tool.parameters().iter().find(|own| own.name == *name);
                if let Some(own) = parameter
                    && let Some(value) = self.value(tool, name, &own.schema, pivots, draws, 0)
                {
                    arguments.insert((*name).to_string(), value);
                }
            }
        }
    }

    /// A value that fits a parameter but does not come from the state, such as an id that nobody has.
    pub fn stranger(&self, parameter: &Parameter, draws: &mut Draws) -> Value {
        match parameter.kind() {
            "integer" | "number" => Value::from(draws.between(7_000_000, 7_999_999)),
            "string"
                if parameter.choices().is_none() && parameter.schema.get("format").is_none() =>
            {
                Value::from(format!("none-{}", draws.below(1_000_000)))
            }
            _ => fresh(&parameter.schema, &parameter.name, draws),
        }
    }

    fn value(
        &self,
        tool: &Tool,
        path: &str,
        schema: &Value,
        pivots: &mut Pivots<'_>,
        draws: &mut Draws,
        depth: usize,
    ) -> Option<Value> {
        if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
            let choices: Vec<&Value> = choices.iter().filter(|value| !value.is_null()).collect();
            return draws.pick(&choices).map(|value| (*value).clone());
        }
        if let Some(constant) = schema.get("const") {
            return Some(constant.clone());
        }
        match schema_type(schema) {
            Some("array") if depth < 4 => {
                let items = schema.get("items")?;
                let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1);
                let most = schema
                    .get("maxItems")
                    .and_then(Value::as_u64)
                    .unwrap_or(least + 1);
                let count = draws.between(least as i64, most.min(least + 1).max(least) as i64);
                let elements = (0..count)
                    .filter_map(|_| {
                        // Each element has rows of its own, but refers to what the call refers to.
                        let mut own = Pivots {
                            sampler: self,
                            rows: pivots.rows.clone(),
                            keys: BTreeMap::new(),
                        };
                        let path = format!("{path}[]");
                        self.value(tool, &path, items, &mut own, draws, depth + 1)
                    })
                    .collect();
                Some(Value::Array(elements))
            }
            Some("object") if depth < 4 => {
                let required: Vec<&str> = schema
                    .get("required")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                let mut object = Map::new();
                for (name, member) in schema.get("properties")?.as_object()? {
                    if !required.contains(&name.as_str()) && draws.chance(0.5) {
                        continue;
                    }
                    let path = format!("{path}.{name}");
                    if let Some(value) = self.value(tool, &path, member, pivots, draws, depth + 1) {
                        object.insert(name.clone(), value);
                    }
                }
                Some(Value::Object(object))
            }
            _ => {
                if let Some(column) = self.stands_for(tool, path)
                    && !(is_bound(tool, path) && draws.chance(0.25))
                    && !self.is_made_up(tool, path, column, draws)
                    && let Some(cell) = (if self.is_change(tool, path, column, pivots, draws) {
                        pivots.another(column, draws)
                    } else {
                        pivots.cell(column, path, draws)
                    })
                    && !cell.is_null()
                {
                    return Some(as_type(&cell, schema));
                }
                let made = self.made_for(tool, path, schema, draws);
                Some(made.unwrap_or_else(|| fresh(schema, path, draws)))
            }
        }
    }

    /// True when an argument should be a value that no row has yet: it is compared with the column into
    /// which it is stored, as where names must be unique. Now and then it is one that is taken.
    fn is_made_up(&self, tool: &Tool, path: &str, column: ColumnRef, draws: &mut Draws) -> bool {
        let schema = self.world.schema();
        let own = schema.get(column);
        stores(tool, path).any(|store| store.column == column)
            && schema.referenced(column).is_none()
            && own.choices.is_none()
            && !own.json
            && draws.chance(MADE_UP)
    }

    /// True when an argument should be the value of another row than the one that the call is about: it
    /// replaces what that row has, which would be no change.
    fn is_change(
        &self,
        tool: &Tool,
        path: &str,
        column: ColumnRef,
        pivots: &Pivots<'_>,
        draws: &mut Draws,
    ) -> bool {
        let schema = self.world.schema();
        let replaces = |store: &Store| {
            store.kind == StoreKind::Update
                && (store.column == column || schema.referenced(store.column) == Some(column))
        };
        let own = |store: &Store| store.column == column;
        stores(tool, path).any(|store| {
            // A row that was chosen on purpose stays.
            replaces(store) && (own(store) || !pivots.rows.contains_key(&column.table))
        }) && draws.chance(CHANGED)
    }

    /// A new value of the make that the data generator gives the column into which it is stored.
    fn made_for(
        &self,
        tool: &Tool,
        path: &str,
        schema: &Value,
        draws: &mut Draws,
    ) -> Option<Value> {
        let column = tool
            .flow
            .stores
            .iter()
            .find(|store| store.origins.argument.as_deref() == Some(path))?
            .column;
        let own = self.world.schema();
        let table = &own.tables[column.table].name;
        let data = self
            .world
            .data()
            .table
            .iter()
            .find(|data| data.name == *table)?;
        let generator = data.columns.get(&own.get(column).name)?;
        let clock = self.world.0.clock;
        // Where nothing is said of how it is made, such as of free text, it is what some row has.
        let fitting = |cell: Cell| {
            let value = as_type(&cell, schema);
            is_allowed(schema, &value).then_some(value)
        };
        let made = generate::plain_value(generator, clock, draws)?;
        let empty = made.as_text() == Some("");
        let value = fitting(made).or_else(|| {
            let row = draws.pick(&self.rows[column.table]).filter(|_| empty)?;
            fitting(row[column.column].clone())
        })?;
        Some(match value {
            Value::String(text) => Value::from(text.trim_end_matches('.')),
            other => other,
        })
    }

    /// The column whose existing values fit an argument: one that it is compared with, or the key that
    /// it refers to. A value that is only stored is made anew.
    fn stands_for(&self, tool: &Tool, path: &str) -> Option<ColumnRef> {
        let schema = self.world.schema();
        let compared = tool
            .flow
            .compares
            .iter()
            .filter(|compare| compare.argument == path)
            .map(|compare| compare.column);
        let own: Vec<ColumnRef> = compared.collect();
        let best = own
            .iter()
            .copied()
            .find(|column| is_key(schema, *column))
            .or_else(|| own.first().copied());
        best.or_else(|| {
            tool.flow
                .stores
                .iter()
                .filter(|store| store.origins.argument.as_deref() == Some(path))
                .find_map(|store| schema.referenced(store.column))
        })
    }
}

/// A plain value within the bounds of its schema.
fn is_allowed(schema: &Value, value: &Value) -> bool {
    match (schema_type(schema), value) {
        (Some("string"), Value::String(text)) => {
            let length = text.trim_end_matches('.').chars().count() as u64;
            let bound = |key: &str| schema.get(key).and_then(Value::as_u64);
            bound("minLength").unwrap_or(1) <= length
                && bound("maxLength").is_none_or(|most| length <= most)
        }
        (Some("integer" | "number"), Value::Number(number)) => {
            let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
            let number = number.as_f64().unwrap_or(0.0);
            bound("minimum").is_none_or(|low| number >= low)
                && bound("maximum").is_none_or(|high| number <= high)
        }
        (Some("boolean"), Value::Bool(_)) => true,
        _ => false,
    }
}

/// The values that an argument becomes, unchanged.
fn stores<'a>(tool: &'a Tool, path: &'a str) -> impl Iterator<Item = &'a Store> {
    let stores = tool.flow.stores.iter();
    stores.filter(move |store| store.origins.argument.as_deref() == Some(path))
}

/// True for an argument that is stored, and compared by order alone: a later date, a higher bid. What is
/// there already often would not do.
fn is_bound(tool: &Tool, path: &str) -> bool {
    let compares = tool.flow.compares.iter();
    let own: Vec<Comparison> = compares
        .filter(|compare| compare.argument == path)
        .map(|compare| compare.comparison)
        .collect();
    let by_order = |own: &Comparison| matches!(own, Comparison::AtLeast | Comparison::AtMost);
    !own.is_empty() && own.iter().all(by_order) && stores(tool, path).next().is_some()
}

/// True when the column is the whole primary key of its table.
fn is_key(schema: &Schema, at: ColumnRef) -> bool {
    schema.tables[at.table].key == [at.column]
}

/// The rows that the arguments of one call are taken from.
struct Pivots<'a> {
    sampler: &'a Sampler,
    rows: BTreeMap<usize, usize>,
    /// The argument that picked a key already.
    keys: BTreeMap<ColumnRef, String>,
}

impl Pivots<'_> {
    fn cell(&mut self, at: ColumnRef, path: &str, draws: &mut Draws) -> Option<Cell> {
        let rows = &self.sampler.rows[at.table];
        if rows.is_empty() {
            return None;
        }
        if is_key(self.sampler.world.schema(), at) {
            let taken = self.keys.entry(at).or_insert_with(|| path.to_string());
            if taken != path {
                // Two arguments that pick from one table pick two rows: sender and receiver.
                let row = draws.below(rows.len());
                return Some(rows[row][at.column].clone());
            }
        }
        let row = match self.rows.get(&at.table) {
            Some(row) => *row,
            None => {
                let row = self
                    .related(at.table, draws)
                    .unwrap_or_else(|| draws.below(rows.len()));
                self.rows.insert(at.table, row);
                row
            }
        };
        Some(rows[row][at.column].clone())
    }

    /// The cell of any row, which becomes the table's row of this call if there is none yet.
    fn another(&mut self, at: ColumnRef, draws: &mut Draws) -> Option<Cell> {
        let rows = &self.sampler.rows[at.table];
        let row = draws.below(rows.len());
        let cell = rows.get(row)?[at.column].clone();
        self.rows.entry(at.table).or_insert(row);
        Some(cell)
    }

    /// A row of a table to which a chain of foreign keys leads from a chosen row, whichever way they
    /// point.
    fn remote(&self, table: usize, draws: &mut Draws) -> Option<usize> {
        let schema = self.sampler.world.schema();
        let all = &self.sampler.rows;
        let mut reached: BTreeMap<usize, BTreeSet<usize>> = self
            .rows
            .iter()
            .map(|(table, row)| (*table, BTreeSet::from([*row])))
            .collect();
        for _ in 0..HOPS {
            let mut next: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
            for (child, own) in schema.tables.iter().enumerate() {
                for key in &own.foreign_keys {
                    let pairs = [(child, key.parent), (key.parent, child)];
                    for (from, to) in pairs {
                        let Some(rows) = reached.get(&from) else {
                            continue;
                        };
                        if reached.contains_key(&to) {
                            continue;
                        }
                        let (ours, theirs) = if from == child {
                            (&key.columns, &key.parent_columns)
                        } else {
                            (&key.parent_columns, &key.columns)
                        };
                        let cells = |row: &Row, columns: &[usize]| -> Vec<Cell> {
                            columns.iter().map(|at| row[*at].clone()).collect()
                        };
                        let wanted: BTreeSet<Vec<Cell>> = rows
                            .iter()
                            .map(|row| cells(&all[from][*row], ours))
                            .collect();
                        let found = (0..all[to].len())
                            .filter(|row| wanted.contains(&cells(&all[to][*row], theirs)));
                        next.entry(to).or_default().extend(found);
                    }
                }
            }
            next.retain(|_, rows| !rows.is_empty());
            if let Some(rows) = next.get(&table) {
                let rows: Vec<usize> = rows.iter().copied().collect();
                return draws.pick(&rows).copied();
            }
            if next.is_empty() {
                return None;
            }
            reached.extend(next);
        }
        None
    }

    /// A row of a table that a chosen row of another table refers to, or that refers to one.
    fn related(&self, table: usize, draws: &mut Draws) -> Option<usize> {
        let schema = self.sampler.world.schema();
        for (other, row) in &self.rows {
            for key in &schema.tables[*other].foreign_keys {
                if key.parent != table {
                    continue;
                }
                let wanted = &self.sampler.rows[*other][*row];
                let found = self.sampler.rows[table].iter().position(|candidate| {
                    key.columns
                        .iter()
                        .zip(&key.parent_columns)
                        .all(|(own, theirs)| wanted[*own] == candidate[*theirs])
                });
                if found.is_some() {
                    return found;
                }
            }
            for key in &schema.tables[table].foreign_keys {
                if key.parent != *other {
                    continue;
                }
                let parent = &self.sampler.rows[*other][*row];
                let found: Vec<usize> = self.sampler.rows[table]
                    .iter()
                    .enumerate()
                    .filter(|(_, candidate)| {
                        key.columns
                            .iter()
                            .zip(&key.parent_columns)
                            .all(|(own, theirs)| candidate[*own] == parent[*theirs])
                    })
                    .map(|(at, _)| at)
                    .collect();
                if let Some(at) = draws.pick(&found) {
                    return Some(*at);
                }
            }
        }
        self.remote(table, draws)
    }
}

/// The end of a span does not come before its start.
fn order_spans(arguments: &mut Map<String, Value>) {
    let pairs = [
        ("start", "end"),
        ("from", "to"),
        ("from", "until"),
        ("checkin", "checkout"),
        ("arrival", "departure"),
        ("begin", "end"),
        ("min", "max"),
        ("after", "before"),
    ];
    let bare = |name: &str| name.to_ascii_lowercase().replace('_', "");
    let names: Vec<String> = arguments.keys().cloned().collect();
    for first in &names {
        for second in &names {
            let (a, b) = (bare(first), bare(second));
            let matched = pairs
                .iter()
                .any(|(from, to)| a.contains(from) && a.replacen(from, to, 1) == b);
            let backwards = match (&arguments[first], &arguments[second]) {
                (Value::String(a), Value::String(b)) => a > b,
                (Value::Number(a), Value::Number(b)) => a.as_f64() > b.as_f64(),
                _ => false,
            };
            if matched && backwards {
                let (a, b) = (arguments[first].clone(), arguments[second].clone());
                arguments.insert(first.clone(), b);
                arguments.insert(second.clone(), a);
            }
        }
    }
}

/// The JSON value of a cell as a schema wants it.
pub fn as_type(cell: &Cell, schema: &Value) -> Value {
    match (schema_type(schema), cell) {
        (Some("boolean"), Cell::Integer(value)) => Value::Bool(*value != 0),
        (Some("array" | "object"), Cell::Text(text)) => {
            serde_json::from_str(text).unwrap_or(Value::Null)
        }
        (Some("string"), Cell::Integer(_) | Cell::Real(_)) => Value::from(cell.to_string()),
        (Some("integer"), Cell::Real(value)) => Value::from(*value as i64),
        (Some("string"), Cell::Text(text)) => {
            let format = schema.get("format").and_then(Value::as_str);
            match (format, instant::parse_date(text)) {
                (Some("date"), Some(_)) => Value::from(&text[..10]),
                (Some("date-time"), Some(_)) if text.len() == 10 => {
                    Value::from(format!("{text}T00:00:00Z"))
                }
                _ => cell.to_json(),
            }
        }
        _ => cell.to_json(),
    }
}

/// A new value that a schema allows. `name` hints at what it is.
pub fn fresh(schema: &Value, name: &str, draws: &mut Draws) -> Value {
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && let Some(choice) = draws.pick(choices)
    {
        return choice.clone();
    }
    let number = |key: &str| schema.get(key).and_then(Value::as_f64);
    match schema_type(schema) {
        Some("boolean") => Value::Bool(draws.chance(0.5)),
        Some("integer") => {
            let low = number("minimum").unwrap_or(1.0) as i64;
            let high = number("maximum").map_or(low.saturating_add(20), |high| high as i64);
            Value::from(draws.between(low, high.min(low.saturating_add(1_000))))
        }
        Some("number") => {
            let low = number("minimum").unwrap_or(1.0);
            let high = number("maximum").unwrap_or(low + 100.0).min(low + 10_000.0);
            let value = low + draws.unit() * (high - low);
            Value::from((value * 100.0).round() / 100.0)
        }
        Some("array") => Value::Array(
            schema
                .get("items")
                .map(|items| vec![fresh(items, name, draws)])
                .unwrap_or_default(),
        ),
        Some("object") => {
            let mut object = Map::new();
            for (member, inner) in schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                object.insert(member.clone(), fresh(inner, member, draws));
            }
            Value::Object(object)
        }
        _ => Value::from(fresh_text(schema, name, draws)),
    }
}

fn fresh_text(schema: &Value, name: &str, draws: &mut Draws) -> String {
    let day = || 1_772_442_000i64;
    let text = match schema.get("format").and_then(Value::as_str) {
        Some("date") => instant::format_date(day() + 86_400 * draws.between(1, 60)),
        Some("date-time") => instant::format(
            day() - day().rem_euclid(86_400)
                + 86_400 * draws.between(1, 60)
                + 900 * draws.between(32, 72),
        ),
        Some("time") => format!(
            "{:02}:{:02}:00Z",
            draws.between(8, 19),
            15 * draws.between(0, 3)
        ),
        Some("email") => fakes::text("email", draws).unwrap_or_default(),
        Some("uri" | "url") => fakes::text("url", draws).unwrap_or_default(),
        Some("uuid") => format!(
            "{:08x}-0000-4000-8000-{:012x}",
            draws.below(1 << 32),
            draws.below(1 << 48)
        ),
        Some("ipv4") => fakes::text("ip", draws).unwrap_or_default(),
        _ => {
            let lower = name.to_ascii_lowercase();
            let kind = if lower.contains("email") {
                "email"
            } else if lower.contains("phone") {
                "phone"
            } else if lower.contains("city") {
                "city"
            } else if lower.contains("first") && lower.contains("name") {
                "first_name"
            } else if lower.contains("last") && lower.contains("name") {
                "last_name"
            } else if lower.ends_with("title") || lower.ends_with("name") {
                "title"
            } else if [
                "description",
                "note",
                "comment",
                "message",
                "body",
                "text",
                "reason",
                "detail",
                "summary",
                "instruction",
                "content",
            ]
            .iter()
            .any(|part| lower.contains(part))
            {
                "sentence"
            } else {
                "words"
            };
            fakes::text(kind, draws)
                .unwrap_or_default()
                .trim_end_matches('.')
                .to_string()
        }
    };
    let most = schema
        .get("maxLength")
        .and_then(Value::as_u64)
        .map_or(usize::MAX, |length| length as usize);
    let least = schema
        .get("minLength")
        .and_then(Value::as_u64)
        .map_or(0, |length| length.min(1_000) as usize);
    let mut text: String = text.chars().take(most).collect();
    while text.chars().count() < least {
        text.push('x');
    }
    text
}
