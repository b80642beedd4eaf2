//! Generates the rows of a state from `data.toml`.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::Value;

use crate::cell::{Cell, Row};
use crate::fakes;
use crate::format::{ColumnData, DataFile, TableData};
use crate::functions::Permutation;
use crate::instant;
use crate::problem::Problems;
use crate::rng::Draws;
use crate::sql::{AccessLog, ColumnRef, ColumnType, Kind, Schema, TableKind, parse_program};

const FILE: &str = "data.toml";
/// A generated table may have this many rows.
const MAX_ROWS: usize = 2_000_000;
/// Tries to find a value that no other row has.
const UNIQUE_TRIES: usize = 60;

/// Why rows could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The size is not one of `data.toml`'s.
    #[error("data.toml knows no size {size:?}; there are: {known}")]
    UnknownSize {
        /// What was asked for.
        size: String,
        /// What there is.
        known: String,
    },
    /// A row could not be made or inserted.
    #[error("data.toml, table {table}: {message}")]
    Table {
        /// The table.
        table: String,
        /// What is wrong.
        message: String,
    },
    /// A statement of `derive` failed, or a query of `consistency` returned a row.
    #[error("data.toml, {place}: {message}")]
    Statement {
        /// Which one.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// The factor of a size on `rows`.
pub(crate) fn scale(data: &DataFile, size: &str) -> Result<f64, GenerateError> {
    if let Some(factor) = data.sizes.get(size) {
        return Ok(*factor);
    }
    match size {
        "small" => Ok(0.25),
        "medium" => Ok(1.0),
        "large" => Ok(10.0),
        _ => Err(GenerateError::UnknownSize {
            size: size.to_string(),
            known: data
                .sizes
                .keys()
                .map(String::as_str)
                .chain(["small", "medium", "large"])
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
                .join(", "),
        }),
    }
}

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
        for (name, column) in &table.columns {
            let place = format!("table {:?}, column {name}", table.name);
            match schema.tables[at].column(name) {
                None => problems.error(FILE, place, "the table has no such column"),
                Some(_) => {
                    if let Err(message) = check_column(column, schema) {
                        problems.error(FILE, place, message);
                    }
                }
            }
        }
    }
    for (what, list, kinds) in [
        (
            "derive",
            &data.derive,
            &[Kind::Insert, Kind::Update, Kind::Delete][..],
        ),
        ("consistency", &data.consistency, &[Kind::Select][..]),
    ] {
        for (at, entry) in list.iter().enumerate() {
            let place = format!("{what} {}", at + 1);
            match parse_program(&entry.sql) {
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
    }
}

fn check_column(column: &ColumnData, schema: &Schema) -> Result<(), String> {
    let kinds = [
        ("id", column.id.is_some()),
        ("sequence", column.sequence.is_some()),
        ("uuid", column.uuid.is_some()),
        ("fake", column.fake.is_some()),
        ("like", column.like.is_some()),
        ("choice", column.choice.is_some()),
        ("int", column.int.is_some()),
        ("real", column.real.is_some()),
        ("bool", column.bool.is_some()),
        ("date", column.date.is_some()),
        ("datetime", column.datetime.is_some()),
        ("time", column.time.is_some()),
        ("ref", column.reference.is_some()),
        ("template", column.template.is_some()),
        ("value", column.value.is_some()),
        ("list_of", column.list_of.is_some()),
    ];
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
    if let Some(reference) = &column.reference
        && schema.resolve(reference).is_none()
    {
        return Err(format!("ref = {reference:?} is no \"table.column\""));
    }
    if let Some(inner) = &column.list_of {
        if inner.list_of.is_some() || inner.template.is_some() {
            return Err("list_of takes a plain generator".into());
        }
        check_column(inner, schema)?;
    }
    Ok(())
}

/// Fills the tables of a connection that holds the empty schema.
pub(crate) fn fill(
    connection: &Connection,
    schema: &Schema,
    data: &DataFile,
    scale: f64,
    seed: u64,
    clock: i64,
    id_digits: u32,
) -> Result<(), GenerateError> {
    let mut generator = Generator {
        schema,
        seed,
        clock,
        id_digits,
        rows: BTreeMap::new(),
    };
    for table in &data.table {
        let failed = |message: String| GenerateError::Table {
            table: table.name.clone(),
            message,
        };
        let at = schema
            .table(&table.name)
            .ok_or_else(|| failed("no such table".into()))?;
        let (columns, rows) = generator.table(at, table, scale).map_err(failed)?;
        let rows = insert(connection, schema, at, &columns, &rows).map_err(failed)?;
        generator.rows.insert(at, rows);
    }
    for (at, derive) in data.derive.iter().enumerate() {
        connection
            .execute_batch(&derive.sql)
            .map_err(|error| GenerateError::Statement {
                place: format!("derive {}", at + 1),
                message: error.to_string(),
            })?;
    }
    for (at, query) in data.consistency.iter().enumerate() {
        let failed = |message: String| GenerateError::Statement {
            place: format!("consistency {}", at + 1),
            message,
        };
        let mut statement = connection
            .prepare(&query.sql)
            .map_err(|error| failed(error.to_string()))?;
        let broken = statement
            .exists([])
            .map_err(|error| failed(error.to_string()))?;
        if broken {
            return Err(failed(format!("a row that must not be: {}", query.sql)));
        }
    }
    Ok(())
}

/// Inserts rows and reads them back in full, with the DEFAULTs and keys that SQLite filled in.
fn insert(
    connection: &Connection,
    schema: &Schema,
    at: usize,
    columns: &[usize],
    rows: &[Row],
) -> Result<Vec<Row>, String> {
    use crate::sql::quoted;
    let table = &schema.tables[at];
    let names: Vec<String> = columns
        .iter()
        .map(|column| quoted(&table.columns[*column].name))
        .collect();
    let text = if names.is_empty() {
        format!("INSERT INTO {} DEFAULT VALUES", quoted(&table.name))
    } else {
        format!(
            "INSERT INTO {} ({}) VALUES ({})",
            quoted(&table.name),
            names.join(", "),
            vec!["?"; names.len()].join(", ")
        )
    };
    let mut statement = connection
        .prepare(&text)
        .map_err(|error| error.to_string())?;
    for (number, row) in rows.iter().enumerate() {
        statement
            .execute(rusqlite::params_from_iter(row))
            .map_err(|error| {
                let shown: Vec<String> = row.iter().map(ToString::to_string).collect();
                format!("row {}: {error}: ({})", number + 1, shown.join(", "))
            })?;
    }
    let all: Vec<String> = table
        .columns
        .iter()
        .map(|column| quoted(&column.name))
        .collect();
    let order = if table.without_rowid {
        String::new()
    } else {
        " ORDER BY rowid".into()
    };
    let mut statement = connection
        .prepare(&format!(
            "SELECT {} FROM {}{order}",
            all.join(", "),
            quoted(&table.name)
        ))
        .map_err(|error| error.to_string())?;
    statement
        .query_map([], |row| {
            (0..table.columns.len()).map(|at| row.get(at)).collect()
        })
        .and_then(Iterator::collect)
        .map_err(|error| error.to_string())
}

struct Generator<'a> {
    schema: &'a Schema,
    seed: u64,
    clock: i64,
    id_digits: u32,
    /// The rows of the tables filled so far.
    rows: BTreeMap<usize, Vec<Row>>,
}

impl Generator<'_> {
    fn table(
        &self,
        at: usize,
        table: &TableData,
        scale: f64,
    ) -> Result<(Vec<usize>, Vec<Row>), String> {
        let definition = &self.schema.tables[at];
        if !table.literal.is_empty() {
            return self.literal(at, table);
        }
        // Each row's parent, when there is one.
        let parents: Vec<Option<usize>> = match (&table.per, table.count) {
            (Some(parent), Some([low, high])) => {
                let parent_at = self
                    .schema
                    .table(parent)
                    .ok_or_else(|| format!("per = {parent:?} names no table"))?;
                let count = self
                    .rows
                    .get(&parent_at)
                    .ok_or_else(|| format!("{parent} must be filled before"))?
                    .len();
                let mut draws = Draws::new(self.seed, &[&table.name, "#rows"]);
                (0..count)
                    .flat_map(|parent| {
                        let number = draws.between(i64::from(low), i64::from(high));
                        std::iter::repeat_n(Some(parent), number as usize)
                    })
                    .collect()
            }
            _ => {
                let rows = f64::from(table.rows.unwrap_or(0));
                let rows = if table.fixed {
                    rows
                } else {
                    (rows * scale).round()
                };
                let least = usize::from(table.rows.is_some_and(|rows| rows > 0));
                vec![None; (rows as usize).max(least)]
            }
        };
        if parents.len() > MAX_ROWS {
            return Err(format!("{} rows; {MAX_ROWS} are the most", parents.len()));
        }
        let parent_columns = self.parent_columns(at, table)?;
        let mut columns: Vec<usize> = parent_columns.iter().map(|(own, _)| *own).collect();
        let mut generated: Vec<(usize, &str, &ColumnData)> = Vec::new();
        for (name, column) in ordered(&table.columns)? {
            let position = definition
                .column(name)
                .ok_or_else(|| format!("no column {name}"))?;
            if columns.contains(&position) {
                continue;
            }
            columns.push(position);
            generated.push((position, name, column));
        }
        let mut streams: Vec<Draws> = generated
            .iter()
            .map(|(_, name, _)| Draws::new(self.seed, &[&table.name, name]))
            .collect();
        let mut unique: Vec<BTreeSet<Cell>> = vec![BTreeSet::new(); generated.len()];
        let mut picks = Draws::new(self.seed, &[&table.name, "#via"]);
        let parent_table = table
            .per
            .as_deref()
            .and_then(|name| self.schema.table(name));
        let mut rows = Vec::with_capacity(parents.len());
        for (number, parent) in parents.iter().enumerate() {
            let mut by_name: BTreeMap<&str, Cell> = BTreeMap::new();
            let mut row: Row = Vec::with_capacity(columns.len());
            let mut via: BTreeMap<String, usize> = BTreeMap::new();
            if let (Some(parent), Some(parent_table)) = (parent, parent_table) {
                let source = &self.rows[&parent_table][*parent];
                for (own, theirs) in &parent_columns {
                    row.push(source[*theirs].clone());
                    by_name.insert(&definition.columns[*own].name, source[*theirs].clone());
                }
            }
            for (at, (position, name, column)) in generated.iter().enumerate() {
                let kind = definition.columns[*position].kind;
                let context = RowContext {
                    number,
                    parent: parent.zip(parent_table),
                    by_name: &by_name,
                };
                let mut cell = self.cell(
                    column,
                    kind,
                    &context,
                    &mut streams[at],
                    &mut via,
                    &mut picks,
                )?;
                if column.unique && !cell.is_null() {
                    let mut tries = 0;
                    while unique[at].contains(&cell) {
                        tries += 1;
                        if tries > UNIQUE_TRIES {
                            cell = distinguish(&cell, number).ok_or_else(|| {
                                format!("column {name}: no more unique values; widen its range")
                            })?;
                            if unique[at].contains(&cell) {
                                return Err(format!(
                                    "column {name}: no more unique values; widen its range"
                                ));
                            }
                            break;
                        }
                        cell = self.cell(
                            column,
                            kind,
                            &context,
                            &mut streams[at],
                            &mut via,
                            &mut picks,
                        )?;
                    }
                    unique[at].insert(cell.clone());
                }
                by_name.insert(name, cell.clone());
                row.push(cell);
            }
            rows.push(row);
        }
        let rows = without_duplicates(definition, &columns, rows);
        Ok((columns, rows))
    }

    fn literal(&self, at: usize, table: &TableData) -> Result<(Vec<usize>, Vec<Row>), String> {
        let definition = &self.schema.tables[at];
        let names: BTreeSet<&String> = table.literal.iter().flat_map(BTreeMap::keys).collect();
        let columns = names
            .iter()
            .map(|name| {
                definition
                    .column(name)
                    .ok_or_else(|| format!("literal names {name:?}, which is no column"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let rows = table
            .literal
            .iter()
            .map(|row| {
                names
                    .iter()
                    .zip(&columns)
                    .map(|(name, column)| {
                        let value = row.get(*name).unwrap_or(&Value::Null);
                        typed(Cell::from_json(value), definition.columns[*column].kind)
                    })
                    .collect()
            })
            .collect();
        Ok((columns, rows))
    }

    /// The columns of the foreign key to the table of `per`, with the referenced ones.
    fn parent_columns(&self, at: usize, table: &TableData) -> Result<Vec<(usize, usize)>, String> {
        let Some(parent) = &table.per else {
            return Ok(Vec::new());
        };
        let parent_at = self
            .schema
            .table(parent)
            .ok_or_else(|| format!("per = {parent:?} names no table"))?;
        let key = self.schema.tables[at]
            .foreign_keys
            .iter()
            .find(|key| {
                key.parent == parent_at
                    && !key.columns.iter().any(|column| {
                        let name = &self.schema.tables[at].columns[*column].name;
                        table.columns.contains_key(name)
                    })
            })
            .or_else(|| {
                self.schema.tables[at]
                    .foreign_keys
                    .iter()
                    .find(|key| key.parent == parent_at)
            })
            .ok_or_else(|| format!("per = {parent:?}, but no foreign key refers to it"))?;
        Ok(key
            .columns
            .iter()
            .copied()
            .zip(key.parent_columns.iter().copied())
            .collect())
    }

    fn cell(
        &self,
        column: &ColumnData,
        kind: ColumnType,
        context: &RowContext<'_>,
        draws: &mut Draws,
        via: &mut BTreeMap<String, usize>,
        picks: &mut Draws,
    ) -> Result<Cell, String> {
        if let Some(share) = column.null_share
            && draws.chance(share)
        {
            return Ok(Cell::Null);
        }
        let cell = if let Some(prefix) = &column.id {
            let span = 10u64.pow(self.id_digits - 1);
            let count = 8 * span;
            if context.number as u64 >= count {
                return Err(format!("more rows than ids of {} digits", self.id_digits));
            }
            // Ids of generated rows begin with 1 to 8; those that start with 9 are for new_id.
            let key = self.seed ^ prefix_key(prefix);
            Cell::from(format!(
                "{prefix}{}",
                span + Permutation::new(count, key).at(context.number as u64)
            ))
        } else if let Some(first) = column.sequence {
            Cell::Integer(first + context.number as i64)
        } else if let Some(cell) = plain_value(column, self.clock, draws) {
            cell
        } else if let Some(reference) = &column.reference {
            self.reference(reference, column.via.as_deref(), context, draws, via, picks)?
        } else if let Some(template) = &column.template {
            Cell::from(fill_template(template, context)?)
        } else if let Some(inner) = &column.list_of {
            let [low, high] = column.len.unwrap_or([0, 3]);
            let length = draws.between(i64::from(low), i64::from(high));
            let mut elements: Vec<Value> = Vec::new();
            for _ in 0..length {
                let cell = self.cell(inner, ColumnType::Any, context, draws, via, picks)?;
                let value = cell.to_json();
                if !elements.contains(&value) {
                    elements.push(value);
                }
            }
            Cell::from(Value::from(elements).to_string())
        } else {
            Cell::Null
        };
        Ok(typed(cell, kind))
    }

    fn reference(
        &self,
        reference: &str,
        via_name: Option<&str>,
        context: &RowContext<'_>,
        draws: &mut Draws,
        via: &mut BTreeMap<String, usize>,
        picks: &mut Draws,
    ) -> Result<Cell, String> {
        let at: ColumnRef = self
            .schema
            .resolve(reference)
            .ok_or_else(|| format!("ref = {reference:?} is no \"table.column\""))?;
        if let Some((parent, table)) = context.parent
            && table == at.table
            && via_name.is_none()
        {
            // A reference to the parent's own table copies from the parent.
            return Ok(self.rows[&table][parent][at.column].clone());
        }
        let rows = self
            .rows
            .get(&at.table)
            .ok_or_else(|| format!("{reference} must be filled before"))?;
        if rows.is_empty() {
            return Ok(Cell::Null);
        }
        let position = match via_name {
            None => draws.below(rows.len()),
            Some(name) => *via
                .entry(name.to_string())
                .or_insert_with(|| picks.below(rows.len())),
        };
        Ok(rows[position % rows.len()][at.column].clone())
    }
}

/// A value of a generator that needs neither its row nor other tables; None for the others.
pub(crate) fn plain_value(column: &ColumnData, clock: i64, draws: &mut Draws) -> Option<Cell> {
    Some(if column.uuid.is_some() {
        Cell::from(uuid(draws))
    } else if let Some(fake) = &column.fake {
        Cell::from(fakes::text(fake, draws)?)
    } else if let Some(example) = &column.like {
        Cell::from(like(example, draws))
    } else if let Some(choices) = &column.choice {
        let at = match &column.weights {
            Some(weights) => draws.weighted(weights),
            None => draws.below(choices.len()),
        };
        Cell::from_json(choices.get(at).unwrap_or(&Value::Null))
    } else if let Some([low, high]) = column.int {
        let step = column.step.unwrap_or(1).max(1);
        Cell::Integer(low + step * draws.between(0, (high - low) / step))
    } else if let Some([low, high]) = column.real {
        let places = i64::from(column.places.unwrap_or(2));
        Cell::Real(crate::functions::round_half_even(
            low + draws.unit() * (high - low),
            places,
        ))
    } else if let Some(probability) = column.bool {
        Cell::Integer(i64::from(draws.chance(probability)))
    } else if let Some([from, to]) = column.date {
        Cell::from(instant::format_date(
            clock + 86_400 * draws.between(from, to),
        ))
    } else if let Some([from, to]) = column.datetime {
        let day = clock - clock.rem_euclid(86_400) + 86_400 * draws.between(from, to);
        // Waking hours, on a quarter of an hour.
        Cell::from(instant::format(day + 900 * draws.between(28, 80)))
    } else if let Some([from, to]) = column.time {
        let quarter = draws.between(from * 4, (to * 4).min(95));
        Cell::from(format!("{:02}:{:02}", quarter / 4, quarter % 4 * 15))
    } else if let Some(value) = &column.value {
        Cell::from_json(value)
    } else {
        return None;
    })
}

/// Text of the same make: digits for digits, letters for letters; the first letters stay.
fn like(example: &str, draws: &mut Draws) -> String {
    let mut in_prefix = true;
    example
        .chars()
        .map(|character| {
            if character.is_ascii_digit() {
                in_prefix = false;
                char::from(b'0' + draws.below(10) as u8)
            } else if character.is_ascii_alphabetic() && !in_prefix {
                let base = if character.is_ascii_uppercase() {
                    b'A'
                } else {
                    b'a'
                };
                char::from(base + draws.below(26) as u8)
            } else {
                character
            }
        })
        .collect()
}

struct RowContext<'a> {
    number: usize,
    /// The parent's row and table, for `per`.
    parent: Option<(usize, usize)>,
    by_name: &'a BTreeMap<&'a str, Cell>,
}

/// The columns in an order in which templates find what they name.
fn ordered(columns: &BTreeMap<String, ColumnData>) -> Result<Vec<(&str, &ColumnData)>, String> {
    let mut left: Vec<(&str, &ColumnData)> = columns
        .iter()
        .map(|(name, column)| (name.as_str(), column))
        .collect();
    let mut done: Vec<(&str, &ColumnData)> = Vec::new();
    while !left.is_empty() {
        let waiting: BTreeSet<&str> = left.iter().map(|(name, _)| *name).collect();
        let (ready, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, column)| {
            column
                .template
                .as_deref()
                .is_none_or(|template| template_names(template).all(|name| !waiting.contains(name)))
        });
        if ready.is_empty() {
            return Err(format!(
                "the template of column {} waits for itself",
                rest.first().map_or("", |(name, _)| *name)
            ));
        }
        done.extend(ready);
        left = rest;
    }
    Ok(done)
}

fn template_names(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split('}').next())
        .map(|name| name.split('|').next().unwrap_or_default())
}

fn fill_template(template: &str, context: &RowContext<'_>) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        text.push_str(&rest[..open]);
        let Some(length) = rest[open..].find('}') else {
            break;
        };
        let place = &rest[open + 1..open + length];
        let (name, filter) = place.split_once('|').unwrap_or((place, ""));
        let value = if name == "#" {
            (context.number + 1).to_string()
        } else {
            context
                .by_name
                .get(name)
                .ok_or_else(|| format!("the template names {name:?}, which the row does not have"))?
                .to_string()
        };
        text.push_str(&match filter {
            "" => value,
            "lower" => value.to_lowercase(),
            "upper" => value.to_uppercase(),
            "slug" => fakes::slug(&value, '-'),
            "dot" => fakes::slug(&value, '.'),
            other => {
                return Err(format!(
                    "the template's filter {other:?} is not known; there are: lower, upper, slug, dot"
                ));
            }
        });
        rest = &rest[open + length + 1..];
    }
    text.push_str(rest);
    Ok(text)
}

/// A value that nobody else has, made from one that somebody has.
fn distinguish(cell: &Cell, number: usize) -> Option<Cell> {
    match cell {
        Cell::Text(text) => Some(match text.split_once('@') {
            Some((local, host)) => Cell::from(format!("{local}{number}@{host}")),
            None => Cell::from(format!("{text} {}", number + 1)),
        }),
        _ => None,
    }
}

/// Rows that would break the primary key or a UNIQUE of generated columns are left out: a link table
/// filled by two references would hold some pair twice.
fn without_duplicates(table: &crate::sql::Table, columns: &[usize], rows: Vec<Row>) -> Vec<Row> {
    let mut keys: Vec<Vec<usize>> = Vec::new();
    for unique in std::iter::once(&table.key).chain(&table.unique) {
        let positions: Option<Vec<usize>> = unique
            .iter()
            .map(|column| columns.iter().position(|own| own == column))
            .collect();
        keys.extend(positions.filter(|positions| !positions.is_empty()));
    }
    let mut seen: Vec<BTreeSet<Vec<Cell>>> = vec![BTreeSet::new(); keys.len()];
    rows.into_iter()
        .filter(|row| {
            let values: Vec<Option<Vec<Cell>>> = keys
                .iter()
                .map(|key| {
                    let values: Vec<Cell> = key.iter().map(|at| row[*at].clone()).collect();
                    // NULLs are distinct to a UNIQUE.
                    (!values.iter().any(Cell::is_null)).then_some(values)
                })
                .collect();
            let fresh = values
                .iter()
                .zip(&seen)
                .all(|(value, seen)| value.as_ref().is_none_or(|value| !seen.contains(value)));
            if fresh {
                for (value, seen) in values.into_iter().zip(&mut seen) {
                    seen.extend(value);
                }
            }
            fresh
        })
        .collect()
}

/// The cell as a column's type wants it: an integer in a REAL column is a real, a number in a TEXT
/// column its digits.
fn typed(cell: Cell, kind: ColumnType) -> Cell {
    match (cell, kind) {
        (Cell::Integer(value), ColumnType::Real) => Cell::Real(value as f64),
        (Cell::Integer(value), ColumnType::Text) => Cell::from(value.to_string()),
        (Cell::Real(value), ColumnType::Text) => Cell::from(value.to_string()),
        (Cell::Text(text), ColumnType::Real) => match text.parse() {
            Ok(value) => Cell::Real(value),
            Err(_) => Cell::Text(text),
        },
        (Cell::Text(text), ColumnType::Integer) => match text.parse() {
            Ok(value) => Cell::Integer(value),
            Err(_) => Cell::Text(text),
        },
        (cell, _) => cell,
    }
}

fn uuid(draws: &mut Draws) -> String {
    let (high, low) = (draws.bits(), draws.bits());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0x0fff,
        0x8000 | (low >> 48 & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

fn prefix_key(prefix: &str) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&blake3::hash(prefix.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(bytes)
}
