//! Questions about several rows: how many, how much together, which of two, which of all.

use std::collections::BTreeSet;

use practicum_world::{Cell, ColumnRef, ColumnType, Draws, Fact, FactKind, Row, Support, as_type};
use serde_json::Map;

use crate::accept::plain;
use crate::atlas::{Reader, is_boolean, text_kind};
use crate::builder::{Builder, Dropped};
use crate::goals::{Ground, MOST_OTHERS, Made, attempt};
use crate::handle::{Handle, name_row, same};
use crate::reported::added_up;
use crate::task::{Determined, Kind, Reason};
use crate::words::{column_words, is_plural, nouns, words};
use crate::{intent, phrase};

/// Rows that a person would still add up or go through.
const MOST_ROWS: usize = 40;
/// Values of numbers whose sum says nothing.
const NO_AMOUNTS: &[&str] = &[
    "age",
    "code",
    "day",
    "floor",
    "grade",
    "level",
    "lat",
    "lng",
    "month",
    "number",
    "percent",
    "percentage",
    "phone",
    "position",
    "priority",
    "rank",
    "rate",
    "rating",
    "ratio",
    "room",
    "score",
    "version",
    "year",
    "zip",
];
/// What something costs.
const PRICES: &[&str] = &["price", "cost", "fare"];

/// The rows that a question is about, listed by one call.
struct Scope {
    table: usize,
    reader: Reader,
    rows: Vec<Row>,
    /// `the customer Ana Ruiz`: whose rows they are; None for all rows of the table.
    owner: Option<String>,
    /// The role that the owner has for them.
    role: Option<String>,
    /// ` whose status is open`, or nothing.
    narrowed: String,
}

/// A list of a table's rows.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) reader: Reader,
    /// The argument that narrows it down to the rows of one row of another table: its name, the column
    /// that it is compared with, that table.
    pub(crate) owner: Option<(String, ColumnRef, usize)>,
}

impl Scope {
    /// `orders of the customer Ana Ruiz (only those whose status is open)`
    fn phrase(&self, ground: &Ground<'_>) -> String {
        let (many, _) = nouns(ground.atlas.schema(), self.table);
        let way = |role: &str| {
            ["from", "to"]
                .into_iter()
                .find(|way| role.starts_with(&format!("{way} ")))
        };
        let mut phrase = match (&self.owner, &self.role) {
            (Some(owner), Some(role)) if way(role).is_some() => {
                format!("the {many} {} {owner}", way(role).unwrap_or_default())
            }
            (Some(owner), Some(role)) => format!("the {many} with {owner} as their {role}"),
            (Some(owner), None) => format!("the {many} of {owner}"),
            (None, _) => return format!("all {many}{}", self.narrowed),
        };
        if !self.narrowed.is_empty() {
            phrase.push_str(&format!(" (only those{})", self.narrowed));
        }
        phrase
    }
}

impl Ground<'_> {
    /// How many rows there are.
    pub(crate) fn count(&self, table: usize, draws: &mut Draws) -> Made {
        if self.asks_summary(table, draws)
            && let Ok(task) = self.reported(table, Kind::Count, draws)?
        {
            return Ok(Ok(task));
        }
        let schema = self.atlas.schema();
        let mut builder = self.builder()?;
        let scope = attempt!(self.scope(&mut builder, table, 1, draws));
        let (many, one) = nouns(schema, table);
        let number = scope.rows.len();
        let fact = Fact {
            value: Cell::Integer(number as i64),
            kind: FactKind::Number,
            nouns: vec![many.clone(), one.clone()],
            about: format!("number of {many}"),
            support: self.seen(table, &scope.rows, &[]),
            others: Vec::new(),
        };
        let narrowed = &scope.narrowed;
        let phrase = match (&scope.owner, &scope.role) {
            (Some(owner), Some(role)) => {
                format!("how many {many}{narrowed} have {owner} as their {role}")
            }
            (Some(owner), None) if draws.chance(0.5) => {
                format!("how many {many}{narrowed} belong to {owner}")
            }
            (Some(owner), None) => format!("how many {many}{narrowed} does {owner} have"),
            (None, _) => format!("how many {many}{narrowed} are there"),
        };
        let intent = intent::question(&phrase, draws);
        let answer = if number == 1 {
            format!("There is 1 {one}.")
        } else {
            format!("There are {number} {many}.")
        };
        Ok(self.question_task(builder, Kind::Count, intent, answer, vec![fact]))
    }

    /// How much the values of a column are together.
    pub(crate) fn sum(&self, table: usize, draws: &mut Draws) -> Made {
        if self.asks_summary(table, draws)
            && let Ok(task) = self.reported(table, Kind::Sum, draws)?
        {
            return Ok(Ok(task));
        }
        let mut builder = self.builder()?;
        let scope = attempt!(self.scope(&mut builder, table, 2, draws));
        let (many, _) = nouns(self.atlas.schema(), table);
        let amounts: Vec<ColumnRef> = self
            .compared(&scope)
            .into_iter()
            .filter(|(at, _)| self.is_amount(*at))
            .map(|(at, _)| at)
            .collect();
        let Some(at) = draws.pick(&amounts).copied() else {
            return Ok(Err(Dropped::NotHere));
        };
        let all = &self.rows()[table];
        let Some(sum) = added_up(&scope.rows, at) else {
            return Ok(Err(Dropped::NotHere));
        };
        // Nothing to add up where one row says it already.
        if scope.rows.len() < 2 || all.iter().any(|row| row[at.column] == Cell::Integer(sum)) {
            return Ok(Err(Dropped::NotHere));
        }
        let what = column_words(self.atlas.schema(), at);
        let kind = self.atlas.fact_kind(at);
        let value = Cell::Integer(sum);
        let fact = Fact {
            value: value.clone(),
            kind,
            nouns: Vec::new(),
            about: format!("{what} of the {many} together"),
            support: self.seen(table, &scope.rows, &[at]),
            others: self.other_sums(&scope, at, sum),
        };
        let rows = scope.phrase(self);
        let phrase = match draws.below(3) {
            _ if is_plural(&what) => format!("how many {what} do {rows} have altogether"),
            0 => format!("what is the {what} of {rows} altogether"),
            1 => format!("what does the {what} of {rows} add up to"),
            _ => format!("how much is the {what} of {rows} taken together"),
        };
        let intent = intent::question(&phrase, draws);
        let answer = format!("Altogether it is {}.", plain(&value, kind));
        Ok(self.question_task(builder, Kind::Sum, intent, answer, vec![fact]))
    }

    /// The sums over the rows of others: what a look at the wrong one would give.
    fn other_sums(&self, scope: &Scope, at: ColumnRef, sum: i64) -> Vec<Cell> {
        let schema = self.atlas.schema();
        let rows = &self.rows()[scope.table];
        let mut others: Vec<Cell> = Vec::new();
        for key in &schema.tables[scope.table].foreign_keys {
            let [column] = key.columns[..] else {
                continue;
            };
            let owners: BTreeSet<&Cell> = rows.iter().map(|row| &row[column]).collect();
            for owner in owners {
                let own: Vec<Row> = rows
                    .iter()
                    .filter(|row| row[column] == *owner)
                    .cloned()
                    .collect();
                let Some(other) = added_up(&own, at).filter(|other| *other != sum) else {
                    continue;
                };
                let other = Cell::Integer(other);
                // Who adds up aloud names the parts.
                let part = scope.rows.iter().any(|row| row[at.column] == other);
                if !part && !others.contains(&other) {
                    others.push(other);
                }
            }
        }
        others.truncate(MOST_OTHERS);
        others
    }

    /// The row with the most or least of something.
    pub(crate) fn extremum(&self, table: usize, draws: &mut Draws) -> Made {
        let schema = self.atlas.schema();
        let mut builder = self.builder()?;
        let scope = attempt!(self.scope(&mut builder, table, 2, draws));
        let compared = self.compared(&scope);
        let Some((at, kind)) = draws.pick(&compared).copied() else {
            return Ok(Err(Dropped::NotHere));
        };
        let most = draws.chance(0.5);
        let mut sorted: Vec<&Row> = scope.rows.iter().collect();
        sorted.sort_by(|a, b| {
            let order = a[at.column].cmp(&b[at.column]);
            if most { order.reverse() } else { order }
        });
        let [first, second, ..] = sorted[..] else {
            return Ok(Err(Dropped::NotHere));
        };
        if first[at.column] == second[at.column] {
            // Two are the cheapest.
            return Ok(Err(Dropped::Ambiguous));
        }
        let (many, one) = nouns(schema, table);
        let what = column_words(schema, at);
        let which = superlative(kind, &what, most);
        let rows = scope.phrase(self);
        let named = self.naming_column(&scope);
        let (value, value_kind, about, phrase, answer) = match named {
            Some(name) if draws.chance(0.7) => {
                let value = first[name.column].clone();
                let value_kind = self.atlas.value_kind(name, &value);
                let said = plain(&value, value_kind);
                let priced = kind == FactKind::Cents && self.is_only_price(at);
                let phrase = if self.atlas.naming_rank(name) != Some(0) {
                    let asked = column_words(schema, name);
                    format!("of {rows}, what is the {asked} of the one with the {which} {what}")
                } else if priced {
                    let which = if most { "most expensive" } else { "cheapest" };
                    format!("which of {rows} is the {which}")
                } else {
                    format!("which of {rows} has the {which} {what}")
                };
                let answer = format!("The {one} with the {which} {what} is {said}.");
                (value, value_kind, name, phrase, answer)
            }
            _ => {
                let value = first[at.column].clone();
                let said = plain(&value, kind);
                let (which, what) = if is_plural(&what) {
                    (superlative(kind, "", most), format!("number of {what}"))
                } else {
                    (which, what.clone())
                };
                let phrase = format!("what is the {which} {what} among {rows}");
                let answer = format!("The {which} {what} is {said}.");
                (value, kind, at, phrase, answer)
            }
        };
        let mut others: Vec<Cell> = Vec::new();
        for row in &sorted {
            let other = &row[about.column];
            if !same(other, &value) && !others.contains(other) {
                others.push(other.clone());
            }
        }
        others.truncate(MOST_OTHERS);
        // The row that is asked about comes first.
        let in_order: Vec<Row> = sorted.into_iter().cloned().collect();
        let mut support = self.seen(table, &in_order, &[at]);
        if about != at
            && let Some(own) = support.first_mut()
        {
            own.columns.push(schema.get(about).name.clone());
        }
        let fact = Fact {
            value: value.clone(),
            kind: value_kind,
            nouns: Vec::new(),
            about: if about == at {
                format!("{which} {what} of the {many}")
            } else {
                schema.name(about)
            },
            support,
            others,
        };
        let intent = intent::question(&phrase, draws);
        Ok(self.question_task(
            builder,
            Kind::Extremum,
            intent,
            answer.replace("..", "."),
            vec![fact],
        ))
    }

    /// Which of two rows has more of something, and how much.
    pub(crate) fn compare(&self, table: usize, draws: &mut Draws) -> Made {
        let schema = self.atlas.schema();
        let Some(key) = self.atlas.key(table) else {
            return Ok(Err(Dropped::NotHere));
        };
        let rows = &self.rows()[table];
        let (Some(a), Some(b)) = (draws.pick(rows), draws.pick(rows)) else {
            return Ok(Err(Dropped::NotHere));
        };
        let pair = [a.clone(), b.clone()];
        let mut columns = self.ordered_columns(table, &pair);
        columns.retain(|(at, _)| {
            pair[0][at.column] != pair[1][at.column]
                && self.atlas.readers[table]
                    .iter()
                    .any(|reader| reader.shows_column(at.column).is_some())
        });
        let Some((at, kind)) = draws.pick(&columns).copied() else {
            return Ok(Err(Dropped::NotHere));
        };
        let most = draws.chance(0.5);
        let mut builder = self.builder()?;
        let mut handles: Vec<Handle> = Vec::new();
        for row in &pair {
            let own = name_row(self.atlas, self.rows(), table, &row[key.column], draws);
            let Some(handle) = own else {
                return Ok(Err(Dropped::NoHandle));
            };
            // What is compared is asked, not told.
            let told = handle.chain();
            if told
                .iter()
                .any(|own| own.facts.iter().any(|(fact, _)| *fact == at))
            {
                return Ok(Err(Dropped::NotHere));
            }
            let shown = attempt!(builder.find(&handle, draws));
            if !self.is_shown(&builder, at, &handle) {
                attempt!(self.get(&mut builder, at, &handle, &shown, draws));
            }
            handles.push(handle);
        }
        let first_wins = (pair[0][at.column] > pair[1][at.column]) == most;
        let (winner, loser) = if first_wins { (0, 1) } else { (1, 0) };
        let Some(name) = told_name(self, &handles[winner], &handles[loser]) else {
            return Ok(Err(Dropped::NoHandle));
        };
        let both = [pair[winner].clone(), pair[loser].clone()];
        let value = |row: &Row| row[at.column].clone();
        let facts = vec![
            Fact {
                value: value(&both[0]),
                kind,
                nouns: Vec::new(),
                about: schema.name(at),
                support: self.seen(table, &both, &[at]),
                others: vec![value(&both[1])],
            },
            Fact {
                value: both[0][name.column].clone(),
                kind: self.atlas.value_kind(name, &both[0][name.column]),
                nouns: Vec::new(),
                about: schema.name(name),
                support: self.seen(table, &both, &[at]),
                others: vec![both[1][name.column].clone()],
            },
        ];
        let what = column_words(schema, at);
        let which = comparative(kind, &what, most);
        let things: Vec<String> = handles
            .iter()
            .map(|handle| phrase::handle_phrase(&builder, handle, None, draws))
            .collect();
        let (article, value_asked) = if is_plural(&what) {
            ("", "how many are there")
        } else {
            ("the ", "what is it")
        };
        let (a, b) = (&things[0], &things[1]);
        let phrase = match draws.below(3) {
            0 => format!("which has {article}{which} {what}, {a} or {b}, and {value_asked}"),
            1 => {
                format!("{a} or {b}: which of them has {article}{which} {what}, and {value_asked}")
            }
            _ => format!("of {a} and {b}, which has {article}{which} {what}, and {value_asked}"),
        };
        let intent = intent::question(&phrase, draws);
        let said: Vec<String> = facts
            .iter()
            .map(|fact| plain(&fact.value, fact.kind))
            .collect();
        let answer = format!("It is {}: {}.", said[1], said[0].trim_end_matches('.'));
        Ok(self.question_task(builder, Kind::Compare, intent, answer, facts))
    }

    /// Lists the rows of a question, at least so many, and makes sure that the list is all of them.
    fn scope(
        &self,
        builder: &mut Builder<'_>,
        table: usize,
        least: usize,
        draws: &mut Draws,
    ) -> Result<Scope, Dropped> {
        let schema = self.atlas.schema();
        let key = self.atlas.key(table).ok_or(Dropped::NotHere)?;
        let way = self.way(table, None, draws).ok_or(Dropped::NotHere)?;
        let tool = self.atlas.tool(way.reader.tool);
        let mut arguments = Map::new();
        let mut determined = Vec::new();
        let mut owner = None;
        let mut rows: Vec<&Row> = self.rows()[table].iter().collect();
        let mut filtered: Vec<ColumnRef> = Vec::new();
        if let Some((argument, column, parent)) = &way.owner {
            let parent_key = self.atlas.key(*parent).ok_or(Dropped::NotHere)?;
            let own = |id: &Cell| rows.iter().filter(|row| row[column.column] == *id).count();
            let owners: Vec<&Cell> = self.rows()[*parent]
                .iter()
                .map(|row| &row[parent_key.column])
                .filter(|id| own(id) >= least)
                .collect();
            let id = draws.pick(&owners).copied().ok_or(Dropped::NotHere)?;
            let handle =
                name_row(self.atlas, self.rows(), *parent, id, draws).ok_or(Dropped::NoHandle)?;
            let shown = builder.for_tool(way.reader.tool, |own| own.find(&handle, draws))?;
            let parameter = tool
                .parameters()
                .iter()
                .find(|own| own.name == *argument)
                .ok_or(Dropped::NotHere)?;
            arguments.insert(argument.clone(), as_type(id, &parameter.schema));
            determined.push(Determined {
                argument: argument.clone(),
                by: shown,
            });
            rows.retain(|own| own[column.column] == *id);
            filtered.push(*column);
            owner = Some((handle, self.atlas.role_words(*column)));
        }
        // Sometimes only those with one value of an enumeration are meant.
        let labelled: Vec<(String, ColumnRef)> = way
            .reader
            .arguments
            .iter()
            .filter_map(|other| {
                let at = other
                    .column
                    .filter(|at| at.table == table && !filtered.contains(at))?;
                (self.atlas.fact_kind(at) == FactKind::Label).then(|| (other.name.clone(), at))
            })
            .collect();
        let mut narrowed = String::new();
        if draws.chance(0.5)
            && let Some((name, at)) = draws.pick(&labelled)
            && let Some(example) = draws.pick(&rows)
        {
            let value = example[at.column].clone();
            let slot = builder.fact(*at, &value, draws);
            arguments.insert(name.clone(), value.to_json());
            determined.push(Determined {
                argument: name.clone(),
                by: Reason::Told(slot),
            });
            narrowed = format!(
                " whose {} is {}",
                column_words(schema, *at),
                builder.slots[slot].said
            );
            rows.retain(|own| own[at.column] == value);
        }
        if rows.len() < least || rows.len() > MOST_ROWS {
            return Err(Dropped::NotHere);
        }
        let call = builder.call(way.reader.tool, arguments, determined, false)?;
        // A cut list would not tell; one of other rows would tell something else.
        let field = way
            .reader
            .shows_column(key.column)
            .ok_or(Dropped::NotHere)?;
        let listed: Option<BTreeSet<Cell>> = builder.replies[call]
            .as_array()
            .into_iter()
            .flatten()
            .map(|entry| entry.get(field).map(Cell::from_json))
            .collect();
        let meant: BTreeSet<Cell> = rows.iter().map(|row| row[key.column].clone()).collect();
        if listed.as_ref() != Some(&meant) {
            return Err(Dropped::NotHere);
        }
        let (owner, role) = match owner {
            Some((handle, role)) => (
                Some(phrase::handle_phrase(builder, &handle, None, draws)),
                role,
            ),
            None => (None, None),
        };
        Ok(Scope {
            table,
            reader: way.reader,
            rows: rows.into_iter().cloned().collect(),
            owner,
            role,
            narrowed,
        })
    }

    /// One of the lists of a table; those that no gold has used come first, or not for a tool that needs it.
    pub(crate) fn way(
        &self,
        table: usize,
        wanted_by: Option<usize>,
        draws: &mut Draws,
    ) -> Option<Way> {
        let ways = self.ways(table);
        let new: Vec<&Way> = ways
            .iter()
            .filter(|way| {
                let list = way.reader.tool;
                self.usage.is_new(list)
                    || wanted_by.is_some_and(|next| self.usage.is_new_pair(list, next))
            })
            .collect();
        match draws.pick(&new) {
            Some(way) => Some((*way).clone()),
            None => draws.pick(&ways).cloned(),
        }
    }

    /// Lists of a table: of all its rows, and of those that belong to one row of another.
    pub(crate) fn ways(&self, table: usize) -> Vec<Way> {
        let schema = self.atlas.schema();
        let mut ways = Vec::new();
        let lists = self.atlas.readers[table].iter();
        for reader in lists.filter(|reader| reader.many) {
            let required = |except: &str| {
                reader
                    .arguments
                    .iter()
                    .any(|other| other.required && other.name != except)
            };
            if !required("") {
                ways.push(Way {
                    reader: reader.clone(),
                    owner: None,
                });
            }
            for argument in &reader.arguments {
                let Some(column) = argument.column.filter(|column| column.table == table) else {
                    continue;
                };
                let Some(parent) = schema.referenced(column) else {
                    continue;
                };
                if !required(&argument.name) && self.atlas.key(parent.table) == Some(parent) {
                    ways.push(Way {
                        reader: reader.clone(),
                        owner: Some((argument.name.clone(), column, parent.table)),
                    });
                }
            }
        }
        ways
    }

    /// The columns of listed rows that the list shows and that have an order.
    fn compared(&self, scope: &Scope) -> Vec<(ColumnRef, FactKind)> {
        let mut columns = self.ordered_columns(scope.table, &scope.rows);
        columns.retain(|(at, _)| scope.reader.shows_column(at.column).is_some());
        columns
    }

    /// The columns whose values a person would order: amounts, dates and moments, none missing.
    fn ordered_columns(&self, table: usize, rows: &[Row]) -> Vec<(ColumnRef, FactKind)> {
        let schema = self.atlas.schema();
        let columns = 0..schema.tables[table].columns.len();
        columns
            .filter_map(|column| {
                let at = ColumnRef { table, column };
                let definition = schema.get(at);
                if !self.atlas.is_natural(at)
                    || definition.choices.is_some()
                    || is_boolean(definition)
                {
                    return None;
                }
                let kinds: BTreeSet<FactKind> = rows
                    .iter()
                    .map(|row| match &row[column] {
                        Cell::Integer(_) | Cell::Real(_) if definition.kind != ColumnType::Text => {
                            Some(self.atlas.fact_kind(at))
                        }
                        Cell::Text(text) => {
                            Some(text_kind(text)).filter(|kind| *kind != FactKind::Text)
                        }
                        _ => None,
                    })
                    .collect::<Option<_>>()?;
                let mut kinds = kinds.into_iter();
                match (kinds.next(), kinds.next()) {
                    (Some(kind), None) if kind != FactKind::Label => Some((at, kind)),
                    _ => None,
                }
            })
            .collect()
    }

    /// True for numbers whose sum means something.
    pub(crate) fn is_amount(&self, at: ColumnRef) -> bool {
        let column = self.atlas.schema().get(at);
        column.kind == ColumnType::Integer
            && !words(&column.name)
                .iter()
                .any(|word| NO_AMOUNTS.contains(&word.as_str()))
    }

    /// True when a table has one price, so that `cheapest` can mean nothing else.
    fn is_only_price(&self, at: ColumnRef) -> bool {
        let columns = &self.atlas.schema().tables[at.table].columns;
        let is_price = |name: &str| {
            words(name)
                .iter()
                .any(|word| PRICES.contains(&word.as_str()))
        };
        is_price(&columns[at.column].name)
            && columns.iter().filter(|own| is_price(&own.name)).count() == 1
    }

    /// The column by whose value a person would name each of the rows.
    fn naming_column(&self, scope: &Scope) -> Option<ColumnRef> {
        let table = scope.table;
        (0..self.atlas.schema().tables[table].columns.len())
            .map(|column| ColumnRef { table, column })
            .filter(|at| scope.reader.shows_column(at.column).is_some())
            .filter_map(|at| Some((self.atlas.naming_rank(at).filter(|rank| *rank <= 2)?, at)))
            .filter(|(_, at)| {
                let names: BTreeSet<String> = scope
                    .rows
                    .iter()
                    .filter_map(|row| row[at.column].as_text().map(str::to_lowercase))
                    .collect();
                names.len() == scope.rows.len()
            })
            .min()
            .map(|(_, at)| at)
    }

    /// Rows whose columns must have been seen.
    pub(crate) fn seen(&self, table: usize, rows: &[Row], columns: &[ColumnRef]) -> Vec<Support> {
        let schema = self.atlas.schema();
        let definition = &schema.tables[table];
        rows.iter()
            .map(|row| Support {
                table: definition.name.clone(),
                key: definition.key.iter().map(|at| row[*at].clone()).collect(),
                columns: columns
                    .iter()
                    .map(|at| schema.get(*at).name.clone())
                    .collect(),
            })
            .collect()
    }
}

/// The column by whose value the user told two rows apart.
fn told_name(ground: &Ground<'_>, a: &Handle, b: &Handle) -> Option<ColumnRef> {
    let names = |handle: &Handle| -> Vec<(ColumnRef, Cell)> {
        let facts = handle.facts.iter();
        facts
            .filter(|(at, _)| ground.atlas.naming_rank(*at).is_some_and(|rank| rank <= 4))
            .cloned()
            .collect()
    };
    let others = names(b);
    names(a).into_iter().find_map(|(at, cell)| {
        let other = others.iter().find(|(own, _)| *own == at)?;
        (!same(&cell, &other.1)).then_some(at)
    })
}

fn superlative(kind: FactKind, what: &str, most: bool) -> &'static str {
    match (kind, most) {
        (FactKind::Date | FactKind::Instant, true) => "latest",
        (FactKind::Date | FactKind::Instant, false) => "earliest",
        (_, true) if is_plural(what) => "most",
        (_, false) if is_plural(what) => "fewest",
        (_, true) => "highest",
        (_, false) => "lowest",
    }
}

fn comparative(kind: FactKind, what: &str, most: bool) -> &'static str {
    match (kind, most) {
        (FactKind::Date | FactKind::Instant, true) => "later",
        (FactKind::Date | FactKind::Instant, false) => "earlier",
        (_, true) if is_plural(what) => "more",
        (_, false) if is_plural(what) => "fewer",
        (_, true) => "higher",
        (_, false) => "lower",
    }
}
