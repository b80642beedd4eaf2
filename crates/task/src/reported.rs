//! Questions about several rows that a tool answers at once: it has counted them or added them up itself.

use practicum_world::{Actor, Cell, ColumnRef, Draws, Fact, FactKind, Row, as_type};
use serde_json::{Map, Value};

use crate::accept::plain;
use crate::atlas::Atlas;
use crate::builder::{Builder, Dropped};
use crate::goals::{Ground, MOST_OTHERS, Made};
use crate::handle::name_row;
use crate::task::{Determined, Kind};
use crate::words::{column_words, is_plural, nouns};
use crate::{intent, phrase};

/// References between a row that is counted and the one whose it is, at most.
const HOPS: usize = 2;
/// Owners that are tried.
const OWNERS: usize = 12;
/// Share of the sums and counts that are asked of such a tool where the world has one.
const ASKED: f64 = 0.25;

/// A tool that computes something of the rows of one table that belong to a row of another.
#[derive(Debug, Clone)]
struct Summary {
    tool: usize,
    /// The argument that picks whose rows are meant, and the table that it picks from.
    argument: String,
    owner: usize,
}

impl Ground<'_> {
    /// True when a sum or a count of a table's rows shall be asked of a tool that has it ready.
    pub(crate) fn asks_summary(&self, table: usize, draws: &mut Draws) -> bool {
        let all = self.summaries(table);
        let new = all.iter().any(|own| self.usage.is_new(own.tool));
        !all.is_empty() && (new || draws.chance(ASKED))
    }

    /// How many rows of a table belong to a row of another, or how much a column of theirs is together,
    /// as one call says. What the call says is taken only where the rows themselves say the same.
    pub(crate) fn reported(&self, table: usize, kind: Kind, draws: &mut Draws) -> Made {
        let mut summaries = self.summaries(table);
        draws.shuffle(&mut summaries);
        summaries.sort_by_key(|own| !self.usage.is_new(own.tool));
        let mut reason = Dropped::NotHere;
        for summary in &summaries {
            for _ in 0..OWNERS {
                let mut builder = self.builder()?;
                match self.asked_of(&mut builder, summary, table, kind, draws) {
                    Ok((phrase, answer, fact)) => {
                        let intent = intent::question(&phrase, draws);
                        return Ok(self.question_task(builder, kind, intent, answer, vec![fact]));
                    }
                    Err(dropped) => reason = dropped,
                }
            }
        }
        Ok(Err(reason))
    }

    /// The tools that may have a sum or a count of a table's rows ready.
    fn summaries(&self, table: usize) -> Vec<Summary> {
        let atlas = self.atlas;
        let tools = atlas.world.tools().iter().enumerate();
        tools
            .filter(|(_, tool)| tool.actor == Actor::Agent && tool.effects.read_only)
            .filter(|(_, tool)| {
                let computes = tool.flow.results.iter().any(|field| {
                    field.origins.column.is_none()
                        && (field.origins.columns.iter())
                            .all(|column| Some(*column) != atlas.key(column.table))
                });
                let reads = tool.effects.reads.iter();
                computes && reads.clone().any(|column| column.table == table)
            })
            .filter_map(|(at, tool)| {
                let mut required = tool.parameters().iter().filter(|own| own.required);
                let (Some(only), None) = (required.next(), required.next()) else {
                    return None;
                };
                let owner = atlas.picked_table(tool, &only.name)?;
                (owner != table && leads_to(atlas, table, owner, HOPS)).then(|| Summary {
                    tool: at,
                    argument: only.name.clone(),
                    owner,
                })
            })
            .collect()
    }

    /// One question, its answer and the fact.
    fn asked_of(
        &self,
        builder: &mut Builder<'_>,
        summary: &Summary,
        table: usize,
        kind: Kind,
        draws: &mut Draws,
    ) -> Result<(String, String, Fact), Dropped> {
        let atlas = self.atlas;
        let owner_key = atlas.key(summary.owner).ok_or(Dropped::NotHere)?;
        let owner = draws
            .pick(&self.rows()[summary.owner])
            .ok_or(Dropped::NotHere)?;
        let id = owner[owner_key.column].clone();
        let rows = self.rows_of(table, summary.owner, &id);
        if rows.len() < 2 {
            return Err(Dropped::NotHere);
        }
        let handle =
            name_row(atlas, self.rows(), summary.owner, &id, draws).ok_or(Dropped::NoHandle)?;
        let by = builder.for_tool(summary.tool, |own| own.find(&handle, draws))?;
        let tool = atlas.tool(summary.tool);
        let parameter = tool
            .parameters()
            .iter()
            .find(|own| own.name == summary.argument)
            .ok_or(Dropped::NotHere)?;
        let arguments = Map::from_iter([(parameter.name.clone(), as_type(&id, &parameter.schema))]);
        let determined = vec![Determined {
            argument: parameter.name.clone(),
            by,
        }];
        let call = builder.call(summary.tool, arguments, determined, false)?;
        let reply = builder.replies[call].clone();
        let schema = atlas.schema();
        let (many, one) = nouns(schema, table);
        let whose = phrase::handle_phrase(builder, &handle, None, draws);
        let thing = format!("the {many} of {whose}");
        if kind == Kind::Count {
            let number = rows.len() as i64;
            if !is_reported(atlas, summary.tool, &reply, number) {
                return Err(Dropped::NotHere);
            }
            let phrase = match draws.below(2) {
                0 => format!("how many {many} does {whose} have in all"),
                _ => format!("how many {many} are noted for {whose} altogether"),
            };
            let fact = Fact {
                value: Cell::Integer(number),
                kind: FactKind::Number,
                nouns: vec![many.clone(), one],
                about: format!("number of {many}"),
                support: self.seen(table, &rows, &[]),
                others: Vec::new(),
            };
            return Ok((phrase, format!("There are {number} {many}."), fact));
        }
        let sums: Vec<(ColumnRef, i64)> = (0..schema.tables[table].columns.len())
            .map(|column| ColumnRef { table, column })
            .filter(|at| atlas.is_natural(*at) && self.is_amount(*at))
            .filter_map(|at| Some((at, added_up(&rows, at)?)))
            .filter(|(at, sum)| {
                let single = self.rows()[table]
                    .iter()
                    .any(|row| row[at.column] == Cell::Integer(*sum));
                !single && is_reported(atlas, summary.tool, &reply, *sum)
            })
            .collect();
        let (at, sum) = draws.pick(&sums).copied().ok_or(Dropped::NotHere)?;
        let what = column_words(schema, at);
        let value = Cell::Integer(sum);
        let value_kind = atlas.fact_kind(at);
        let phrase = match draws.below(3) {
            _ if is_plural(&what) => format!("how many {what} do {thing} have altogether"),
            0 => format!("what is the {what} of {thing} altogether"),
            1 => format!("what does the {what} of {thing} add up to"),
            _ => format!("how much is the {what} of {thing} taken together"),
        };
        let mut others: Vec<Cell> = Vec::new();
        for other in &self.rows()[summary.owner] {
            let theirs = self.rows_of(table, summary.owner, &other[owner_key.column]);
            let other = added_up(&theirs, at).map(Cell::Integer);
            // Who adds up aloud names the parts.
            let is_part = |other: &Cell| rows.iter().any(|row| row[at.column] == *other);
            if let Some(other) = other
                && other != value
                && !is_part(&other)
                && !others.contains(&other)
                && others.len() < MOST_OTHERS
            {
                others.push(other);
            }
        }
        let answer = format!("Altogether it is {}.", plain(&value, value_kind));
        let fact = Fact {
            value,
            kind: value_kind,
            nouns: Vec::new(),
            about: format!("{what} of the {many} together"),
            support: self.seen(table, &rows, &[at]),
            others,
        };
        Ok((phrase, answer, fact))
    }

    /// The rows of a table from which references lead to a row of another.
    fn rows_of(&self, table: usize, owner: usize, id: &Cell) -> Vec<Row> {
        let rows = self.rows()[table].iter();
        rows.filter(|row| self.belongs(table, row, owner, id, HOPS))
            .cloned()
            .collect()
    }

    fn belongs(&self, table: usize, row: &Row, owner: usize, id: &Cell, hops: usize) -> bool {
        let schema = self.atlas.schema();
        (0..row.len()).any(|column| {
            let Some(parent) = schema.referenced(ColumnRef { table, column }) else {
                return false;
            };
            if row[column].is_null() || parent.table == table {
                return false;
            }
            if parent.table == owner {
                return row[column] == *id;
            }
            let above = self.rows()[parent.table]
                .iter()
                .find(|above| above[parent.column] == row[column]);
            hops > 0
                && above.is_some_and(|above| self.belongs(parent.table, above, owner, id, hops - 1))
        })
    }
}

/// References lead from the rows of a table to those of another.
fn leads_to(atlas: &Atlas, from: usize, to: usize, hops: usize) -> bool {
    let keys = &atlas.schema().tables[from].foreign_keys;
    keys.iter().any(|key| {
        key.parent == to
            || (hops > 0 && key.parent != from && leads_to(atlas, key.parent, to, hops - 1))
    })
}

/// A member of a reply that is no column as it stands is this number.
fn is_reported(atlas: &Atlas, tool: usize, reply: &Value, number: i64) -> bool {
    let results = &atlas.tool(tool).flow.results;
    let members = reply.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| value.as_i64() == Some(number))
        .any(|(name, _)| {
            let mut fields = results.iter();
            !fields
                .any(|field| field.name.as_deref() == Some(name) && field.origins.column.is_some())
        })
}

/// The sum of a column of whole numbers.
pub(crate) fn added_up(rows: &[Row], at: ColumnRef) -> Option<i64> {
    rows.iter()
        .try_fold(0_i64, |sum, row| match row[at.column] {
            Cell::Integer(value) => sum.checked_add(value),
            _ => None,
        })
}
