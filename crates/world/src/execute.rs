//! Runs the steps of a tool.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cell::Cell;
use crate::format::LimitsFile;
use crate::live::{Live, call_error};
use crate::program::{Returned, Step, Template};
use crate::reply::{CallError, ErrorKind, Rows, write_cell};
use crate::sql::KeyGroup;

/// A row that a result showed: the table's position and the key.
pub(crate) type Shown = (usize, Vec<Cell>);

/// What running a tool's steps gave.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) json: Vec<u8>,
    pub(crate) shown: Vec<Shown>,
}

/// Runs steps with these slots.
pub(crate) struct Execution<'a> {
    pub(crate) live: &'a Live,
    pub(crate) limits: &'a LimitsFile,
    /// Messages quote values in full.
    pub(crate) whole: bool,
    pub(crate) slots: &'a mut [Cell],
    /// Where the steps stopped when one failed: positions from 1, of inner steps after that of theirs.
    pub(crate) stopped: Vec<usize>,
}

impl Execution<'_> {
    pub(crate) fn run(&mut self, steps: &[Step]) -> Result<Option<Outcome>, CallError> {
        for (at, step) in steps.iter().enumerate() {
            self.stopped.push(at + 1);
            match step {
                Step::Require {
                    guard,
                    query,
                    error,
                } => {
                    let mut prepared = self.prepare(query)?;
                    let found = prepared
                        .raw_query()
                        .next()
                        .map_err(|error| call_error(&error))?
                        .is_some();
                    self.live.charge(&prepared);
                    if !found {
                        return Err(self.refused(*guard, error, &[]));
                    }
                }
                Step::Reject {
                    guard,
                    query,
                    columns,
                    error,
                } => {
                    if let Some(row) = self.first_row(query, columns.len())? {
                        return Err(self.refused(*guard, error, &row));
                    }
                }
                Step::Let {
                    query,
                    slots,
                    guard,
                    error,
                } => match self.first_row(query, slots.len())? {
                    Some(row) => {
                        for (slot, cell) in slots.iter().zip(row) {
                            self.slots[*slot] = cell;
                        }
                    }
                    None => match error {
                        Some(error) => return Err(self.refused(*guard, error, &[])),
                        None => {
                            for slot in slots {
                                self.slots[*slot] = Cell::Null;
                            }
                        }
                    },
                },
                Step::ForEach {
                    array,
                    element,
                    index,
                    members,
                    steps,
                } => self.for_each(*array, *element, *index, members, steps)?,
                Step::Run { statements } => {
                    for statement in statements {
                        let mut prepared = self.prepare(statement)?;
                        let mut rows = prepared.raw_query();
                        // RETURNING gives rows that nobody reads; the statement runs to its end.
                        while rows.next().map_err(|error| call_error(&error))?.is_some() {}
                        drop(rows);
                        self.live.charge(&prepared);
                    }
                }
                Step::Return(returned) => return self.result(returned).map(Some),
            }
            self.stopped.pop();
        }
        Ok(None)
    }

    /// A statement ready to run, unless the call's budget is spent.
    fn prepare(
        &self,
        statement: &crate::program::Statement,
    ) -> Result<rusqlite::CachedStatement<'_>, CallError> {
        if self.live.is_spent() {
            return Err(CallError::limit("the call ran too long"));
        }
        self.live
            .prepare(statement, self.slots)
            .map_err(|error| call_error(&error))
    }

    fn refused(&self, guard: usize, error: &Template, row: &[Cell]) -> CallError {
        let shown = |cell: Option<&Cell>| {
            cell.map_or_else(String::new, |cell| {
                let text = cell.to_string();
                if self.whole {
                    text
                } else {
                    crate::arguments::cut(&text)
                }
            })
        };
        let message = error.fill(
            |slot| shown(self.slots.get(slot)),
            |column| shown(row.get(column)),
        );
        CallError {
            guard: Some(guard),
            ..CallError::new(ErrorKind::Refused, message)
        }
    }

    fn first_row(
        &self,
        query: &crate::program::Statement,
        columns: usize,
    ) -> Result<Option<Vec<Cell>>, CallError> {
        let mut prepared = self.prepare(query)?;
        let mut rows = prepared.raw_query();
        let row = rows.next().map_err(|error| call_error(&error))?;
        let cells = row
            .map(|row| {
                (0..columns)
                    .map(|at| row.get::<_, Cell>(at))
                    .collect::<rusqlite::Result<_>>()
            })
            .transpose()
            .map_err(|error| call_error(&error));
        drop(rows);
        self.live.charge(&prepared);
        cells
    }

    fn for_each(
        &mut self,
        array: usize,
        element: usize,
        index: usize,
        members: &[(String, usize)],
        steps: &[Step],
    ) -> Result<(), CallError> {
        let text = match &self.slots[array] {
            Cell::Null => return Ok(()),
            Cell::Text(text) => text.clone(),
            _ => return Err(CallError::fault("for_each over what is no array")),
        };
        let elements: Vec<Value> = serde_json::from_str(&text)
            .map_err(|_| CallError::fault("for_each over what is no array"))?;
        for (position, value) in elements.iter().enumerate() {
            self.slots[element] = Cell::from_json(value);
            self.slots[index] = Cell::Integer(position as i64);
            for (member, slot) in members {
                self.slots[*slot] = value.get(member).map_or(Cell::Null, Cell::from_json);
            }
            self.run(steps)?;
        }
        Ok(())
    }

    fn result(&mut self, returned: &Returned) -> Result<Outcome, CallError> {
        let mut prepared = self.prepare(&returned.query)?;
        let mut rows = prepared.raw_query();
        let mut outcome = Outcome::default();
        let many = matches!(returned.rows, Rows::Objects | Rows::Scalars);
        let object = matches!(returned.rows, Rows::Object | Rows::Objects);
        let mut seen: BTreeSet<Shown> = BTreeSet::new();
        let mut count = 0;
        if many {
            outcome.json.push(b'[');
        }
        while let Some(row) = rows.next().map_err(|error| call_error(&error))? {
            count += 1;
            if count > self.limits.rows {
                return Err(CallError::limit(format!(
                    "the result has more than {} rows; narrow the request",
                    self.limits.rows
                )));
            }
            if count > 1 {
                outcome.json.push(b',');
            }
            if object {
                outcome.json.push(b'{');
            }
            for (at, (name, shape)) in returned.columns.iter().enumerate() {
                if object {
                    if at > 0 {
                        outcome.json.push(b',');
                    }
                    serde_json::to_writer(&mut outcome.json, name)
                        .map_err(|error| CallError::fault(error.to_string()))?;
                    outcome.json.push(b':');
                }
                let value = row.get_ref(at).map_err(|error| call_error(&error))?;
                write_cell(&mut outcome.json, value, shape).map_err(CallError::fault)?;
                if outcome.json.len() > self.limits.reply_bytes as usize {
                    return Err(CallError::limit(format!(
                        "the result is larger than {} bytes; narrow the request",
                        self.limits.reply_bytes
                    )));
                }
            }
            if object {
                outcome.json.push(b'}');
            }
            let mut hidden = returned.columns.len();
            for group in &returned.keys {
                shown_rows(row, group, &mut hidden, &mut seen)?;
            }
            if !many {
                break;
            }
        }
        if many {
            outcome.json.push(b']');
        } else if count == 0 {
            outcome.json.extend_from_slice(b"null");
        }
        outcome.shown = seen.into_iter().collect();
        Ok(outcome)
    }
}

/// Reads the hidden key columns of a row.
fn shown_rows(
    row: &rusqlite::Row<'_>,
    group: &KeyGroup,
    at: &mut usize,
    seen: &mut BTreeSet<Shown>,
) -> Result<(), CallError> {
    if group.columns > 0 {
        let key = (*at..*at + group.columns)
            .map(|at| row.get::<_, Cell>(at))
            .collect::<rusqlite::Result<Vec<_>>>()
            .map_err(|error| call_error(&error))?;
        *at += group.columns;
        // An outer join gives NULLs where there is no row.
        if !key.iter().all(Cell::is_null) {
            seen.insert((group.table, key));
        }
        return Ok(());
    }
    let text: Option<String> = row.get(*at).map_err(|error| call_error(&error))?;
    *at += 1;
    let Some(text) = text else { return Ok(()) };
    let keys: Value = serde_json::from_str(&text)
        .map_err(|_| CallError::fault("a hidden key column is not JSON"))?;
    let Value::Array(keys) = keys else {
        return Ok(());
    };
    if keys.iter().all(Value::is_array) && !keys.is_empty() {
        for key in &keys {
            let key: Vec<Cell> = key
                .as_array()
                .into_iter()
                .flatten()
                .map(Cell::from_json)
                .collect();
            seen.insert((group.table, key));
        }
    } else if !keys.is_empty() {
        seen.insert((group.table, keys.iter().map(Cell::from_json).collect()));
    }
    Ok(())
}
