//! Reads that a rule demands before a write: which, is decided by making the write and asking the rules
//! what they missed.

use std::collections::BTreeMap;

use practicum_world::{Actor, Cell, ColumnRef, Draws, LookBack, as_type, schema_type};
use serde_json::{Map, Value};

use crate::builder::{Builder, Dropped};
use crate::task::{Determined, Reason};

/// Rounds of adding what rules missed: a query may ask for the second thing only once it has the first.
const ROUNDS: usize = 4;

/// A call that would give rules what they missed: a tool, and arguments with their values.
type Demand = (String, Vec<(String, Vec<Cell>)>);

impl Builder<'_> {
    /// Makes the write that was just refused by rules again, after the reads that they missed. The
    /// session and gold are as before the write when it fails.
    pub(crate) fn write_after_reads(
        &mut self,
        tool: usize,
        arguments: &Map<String, Value>,
        determined: &[Determined],
        draws: &mut Draws,
    ) -> Result<usize, Dropped> {
        self.calls.pop();
        self.replies.pop();
        let mut missed = self.session.missed();
        let mut made: Vec<Demand> = Vec::new();
        for _ in 0..ROUNDS {
            let news: Vec<Demand> = demands(&missed)
                .into_iter()
                .filter(|demand| !made.contains(demand))
                .collect();
            let together = joined(&news);
            for one in news.iter().cloned().chain(together.clone()) {
                let mut all = made.clone();
                all.push(one);
                match self.attempt(tool, arguments, determined, &all, draws) {
                    Ok(call) => return Ok(call),
                    Err(None) => {}
                    Err(Some(more)) => missed.extend(more),
                }
            }
            // None alone is enough: keep all that can be made, and see what is missed then.
            let before = made.len();
            for one in news.into_iter().chain(together) {
                let mut all = made.clone();
                all.push(one);
                if let Err(Some(_)) = self.attempt(tool, arguments, determined, &all, draws) {
                    made = all;
                }
            }
            if made.len() == before {
                break;
            }
            match self.attempt(tool, arguments, determined, &made, draws) {
                Ok(call) => return Ok(call),
                Err(more) => missed = more.unwrap_or_default(),
            }
        }
        Err(Dropped::Forbidden)
    }

    /// Makes reads, then the write. When a rule is violated still, all is taken back, and what was missed
    /// comes back; None when a read cannot be made.
    fn attempt(
        &mut self,
        tool: usize,
        arguments: &Map<String, Value>,
        determined: &[Determined],
        reads: &[Demand],
        draws: &mut Draws,
    ) -> Result<usize, Option<Vec<LookBack>>> {
        let before = self.mark();
        self.rewind().map_err(|_| None)?;
        let violated = self.session.violations().len();
        let all_read = reads
            .iter()
            .all(|demand| self.read_demanded(demand, draws).is_ok());
        if !all_read {
            self.back_to(before);
            return Err(None);
        }
        // A read may have been looked for in vain on the way: only gold's calls count.
        self.rewind().map_err(|_| None)?;
        let call = self.call(tool, arguments.clone(), determined.to_vec(), true);
        let missed = self.session.missed();
        match call {
            Ok(call) if self.session.violations().len() == violated => Ok(call),
            _ => {
                self.back_to(before);
                Err(Some(missed))
            }
        }
    }

    fn read_demanded(&mut self, demand: &Demand, draws: &mut Draws) -> Result<(), Dropped> {
        let (name, given) = demand;
        let world = self.atlas.world.clone();
        let position = world
            .tools()
            .iter()
            .position(|tool| tool.name == *name && tool.actor == Actor::Agent && tool.benign)
            .ok_or(Dropped::Forbidden)?;
        let tool = &world.tools()[position];
        let mut arguments = Map::new();
        let mut determined = Vec::new();
        let mut about: Vec<(usize, Cell)> = Vec::new();
        for parameter in tool.parameters() {
            let Some((_, cells)) = given.iter().find(|(own, _)| *own == parameter.name) else {
                continue;
            };
            if cells.iter().all(Cell::is_null) {
                continue;
            }
            if let Some(table) = self.atlas.picked_table(tool, &parameter.name)
                && let [key] = &cells[..]
            {
                let by = self.find_key(table, key, draws)?;
                about.push((table, key.clone()));
                arguments.insert(parameter.name.clone(), as_type(key, &parameter.schema));
                determined.push(Determined {
                    argument: parameter.name.clone(),
                    by,
                });
                continue;
            }
            let mut slots = Vec::new();
            for cell in cells {
                let column = self
                    .column_of(position, &parameter.name)
                    .or_else(|| self.column_with(&parameter.name, cell))
                    .ok_or(Dropped::NoPath)?;
                let slot = self.fact(column, cell, draws);
                let row = self.only_row(column, cell);
                self.said_besides.push((slot, row.clone()));
                about.extend(row);
                slots.push(slot);
            }
            let many = schema_type(&parameter.schema) == Some("array");
            arguments.insert(
                parameter.name.clone(),
                if many {
                    cells.iter().map(Cell::to_json).collect()
                } else {
                    as_type(&cells[0], &parameter.schema)
                },
            );
            determined.push(Determined {
                argument: parameter.name.clone(),
                by: match &slots[..] {
                    [slot] => Reason::Told(*slot),
                    _ => Reason::Parts(slots),
                },
            });
        }
        // What else the read needs stands in the row that it is about: a security word, a birthday.
        for parameter in tool.parameters() {
            if !parameter.required || arguments.contains_key(&parameter.name) {
                continue;
            }
            // Whose it is: the key of the row that what was given stands in.
            let picked = self.atlas.picked_table(tool, &parameter.name);
            let row = about.iter().find(|(table, _)| Some(*table) == picked);
            if let Some((table, key)) = row.cloned() {
                let by = self.find_key(table, &key, draws)?;
                arguments.insert(parameter.name.clone(), as_type(&key, &parameter.schema));
                determined.push(Determined {
                    argument: parameter.name.clone(),
                    by,
                });
                continue;
            }
            let (column, cell) = about
                .iter()
                .find_map(|(table, key)| self.cell_of(*table, key, position, &parameter.name))
                .ok_or(Dropped::NoPath)?;
            let slot = self.fact(column, &cell, draws);
            let row = about.iter().find(|(table, _)| *table == column.table);
            self.said_besides.push((slot, row.cloned()));
            arguments.insert(parameter.name.clone(), as_type(&cell, &parameter.schema));
            determined.push(Determined {
                argument: parameter.name.clone(),
                by: Reason::Told(slot),
            });
        }
        self.call(position, arguments, determined, false)?;
        Ok(())
    }

    /// The column that an argument of a read stands for: by its statements, else by its name.
    fn column_of(&self, tool: usize, argument: &str) -> Option<ColumnRef> {
        let tool = self.atlas.tool(tool);
        let schema = self.atlas.schema();
        tool.flow
            .column_of(argument, schema)
            .or_else(|| {
                let compares = &tool.flow.compares;
                compares
                    .iter()
                    .find(|compare| compare.argument == argument)
                    .map(|compare| compare.column)
            })
            .or_else(|| {
                let elements = format!("{argument}[]");
                tool.flow.column_of(&elements, schema)
            })
    }

    /// The column that has an argument's name and holds a value: what a tool compares only in its result.
    fn column_with(&self, argument: &str, cell: &Cell) -> Option<ColumnRef> {
        let tables = self.atlas.schema().tables.iter().enumerate();
        let mut columns = tables.filter_map(|(table, own)| {
            let column = own.column(argument)?;
            let holds = self.rows[table].iter().any(|row| row[column] == *cell);
            holds.then_some(ColumnRef { table, column })
        });
        columns.next().filter(|_| columns.next().is_none())
    }

    /// The row that alone has a value.
    fn only_row(&self, at: ColumnRef, cell: &Cell) -> Option<(usize, Cell)> {
        let key = self.atlas.key(at.table)?.column;
        let mut rows = self.rows[at.table]
            .iter()
            .filter(|row| row[at.column] == *cell);
        let row = rows.next().filter(|_| rows.next().is_none())?;
        Some((at.table, row[key].clone()))
    }

    /// The cell of a row that an argument stands for.
    fn cell_of(
        &self,
        table: usize,
        key: &Cell,
        tool: usize,
        argument: &str,
    ) -> Option<(ColumnRef, Cell)> {
        let schema = self.atlas.schema();
        let column = self
            .column_of(tool, argument)
            .filter(|column| column.table == table)
            .map(|column| column.column)
            .or_else(|| schema.tables[table].column(argument))?;
        let key_column = self.atlas.key(table)?.column;
        let row = self.rows[table]
            .iter()
            .find(|row| row[key_column] == *key)?;
        let cell = row[column].clone();
        (!cell.is_null()).then_some((ColumnRef { table, column }, cell))
    }
}

/// One demand for each thing that was missed.
fn demands(missed: &[LookBack]) -> Vec<Demand> {
    missed
        .iter()
        .map(|missed| {
            let given = missed
                .given
                .iter()
                .map(|(argument, value)| (argument.clone(), vec![value.clone()]))
                .collect();
            (missed.tool.clone(), given)
        })
        .collect()
}

/// What was missed of one tool, in one call of it.
fn joined(demands: &[Demand]) -> Vec<Demand> {
    let mut by_tool: BTreeMap<&str, Vec<(String, Vec<Cell>)>> = BTreeMap::new();
    let mut several = Vec::new();
    for (tool, given) in demands {
        let own = by_tool.entry(tool).or_default();
        if !own.is_empty() && !several.contains(tool) {
            several.push(tool.clone());
        }
        for (argument, cells) in given {
            match own.iter_mut().find(|(known, _)| known == argument) {
                Some((_, known)) => {
                    for cell in cells {
                        if !known.contains(cell) {
                            known.push(cell.clone());
                        }
                    }
                }
                None => own.push((argument.clone(), cells.clone())),
            }
        }
    }
    several
        .into_iter()
        .map(|tool| {
            let given = by_tool[tool.as_str()].clone();
            (tool, given)
        })
        .collect()
}
