//! Goals that depend on what the state shows: one change if something is so, another if it is not.

use std::collections::BTreeSet;

use practicum_world::{
    AcceptedEnd, Cell, ColumnRef, Comparison, Draws, Expectation, FactKind, Outcome, StateError,
    Support, compare,
};
use serde_json::{Map, Value};

use crate::builder::{Builder, Dropped, Wish, say};
use crate::chain::DRAWS;
use crate::conversation::is_caller;
use crate::goals::{Ground, Made, attempt};
use crate::handle::Handle;
use crate::task::{GoldCall, Kind, Slot, Told};
use crate::words::{column_words, nouns};
use crate::{intent, phrase};

/// Tools that are tried for the change that is not made.
const TRIES: usize = 8;

/// What is compared with what.
struct Condition {
    at: ColumnRef,
    /// `its status is open`
    phrase: String,
    slot: Slot,
    holds: bool,
}

impl Ground<'_> {
    /// One change or another, depending on a value of the row that both are about.
    pub(crate) fn conditional(&self, tool: usize, draws: &mut Draws) -> Made {
        let mut builder = self.builder()?;
        let Some(arguments) = self.allowed(&mut builder, tool, self.sampler, &[], DRAWS, draws)?
        else {
            return Ok(Err(Dropped::Refused));
        };
        let (wish, _) = attempt!(builder.prepare(tool, &arguments, draws));
        let handles: Vec<Handle> = wish.picks.iter().map(|(_, own)| own.clone()).collect();
        let Some(handle) = draws.pick(&handles).cloned() else {
            return Ok(Err(Dropped::NotHere));
        };
        let Some(condition) = self.condition(&handle, draws) else {
            return Ok(Err(Dropped::NotHere));
        };
        // The row is looked at before anything is done with it.
        if !self.is_shown(&builder, condition.at, &handle) {
            let shown = attempt!(builder.find(&handle, draws));
            attempt!(self.get(&mut builder, condition.at, &handle, &shown, draws));
        }
        let thing = phrase::handle_phrase(&builder, &handle, None, draws);
        // Its row goes by the same facts again.
        builder.wishes.push(wish);
        let written = builder.write(tool, &arguments, draws);
        builder.wishes.remove(0);
        attempt!(written);
        let diff = builder.session.diff()?;
        let end = AcceptedEnd {
            texts: self.text_rules(&diff, &builder),
            diff,
        };
        let own = Map::clone(&arguments);
        let mine = builder.wishes[0].clone();
        let own = ((tool, &own), &mine);
        let Some((other, call)) = self.otherwise(&handle, own, &end, draws)? else {
            return Ok(Err(Dropped::NotHere));
        };
        builder.slot(condition.slot.clone());
        let theirs = told_by(&mut builder, other);
        intent::note_named(
            &mut builder,
            &Wish {
                picks: vec![(String::new(), handle.clone())],
                ..mine.clone()
            },
        );
        let wishes = if condition.holds {
            [&mine, &theirs]
        } else {
            [&theirs, &mine]
        };
        builder.wishes.push(theirs.clone());
        let intent = intent::conditional(&mut builder, &thing, &condition.phrase, wishes, draws);
        let schema = self.atlas.schema();
        let seen = Support {
            columns: vec![schema.get(condition.at).name.clone()],
            ..self.row(handle.table, &handle.key)
        };
        let expectation = Expectation {
            outcome: Outcome::Done,
            reason: None,
            ends: vec![end],
            facts: Vec::new(),
            grounds: vec![seen],
            looked: Vec::new(),
        };
        Ok(self.task(
            builder,
            Kind::Conditional,
            intent,
            "That is done.".into(),
            expectation,
            vec![call],
        ))
    }

    /// A change that is about the same row and ends otherwise.
    fn otherwise(
        &self,
        handle: &Handle,
        own: ((usize, &Map<String, Value>), &Wish),
        end: &AcceptedEnd,
        draws: &mut Draws,
    ) -> Result<Option<(Builder<'_>, GoldCall)>, StateError> {
        let about = [(handle.table, handle.key.clone())];
        let picks = |tool: usize, arguments: &Map<String, Value>| {
            let tool = self.atlas.tool(tool);
            arguments.iter().any(|(name, value)| {
                self.atlas.picked_table(tool, name) == Some(handle.table)
                    && Cell::from_json(value) == handle.key
            })
        };
        let fitting: Vec<usize> = self
            .atlas
            .writes
            .iter()
            .copied()
            .filter(|tool| self.picks_one_of(*tool, &about))
            .collect();
        for _ in 0..TRIES {
            let Some(tool) = draws.pick(&fitting).copied() else {
                break;
            };
            let mut other = self.builder()?;
            let Some(arguments) =
                self.allowed(&mut other, tool, self.sampler, &about, DRAWS, draws)?
            else {
                continue;
            };
            if !picks(tool, &arguments) || (tool, &arguments) == own.0 {
                continue;
            }
            // The row is the one that is named already.
            let mut named = Wish::of(tool);
            named.picks.push((String::new(), handle.clone()));
            other.wishes.push(named);
            if other.write(tool, &arguments, draws).is_err() {
                continue;
            }
            other.wishes.remove(0);
            // Nobody wants it for one person, else for another.
            if self.callers(own.1) != self.callers(&other.wishes[0]) {
                continue;
            }
            let diff = other.session.diff()?;
            if matches!(
                compare(&self.atlas.world, &diff, end),
                Comparison::Different
            ) && let Some(call) = other.calls.last().cloned()
            {
                return Ok(Some((other, call)));
            }
        }
        Ok(None)
    }

    /// The people whom a change is about.
    fn callers(&self, wish: &Wish) -> BTreeSet<(usize, Cell)> {
        let is_caller = |table: usize| is_caller(&nouns(self.atlas.schema(), table).1);
        wish.rows().filter(|(table, _)| is_caller(*table)).collect()
    }

    /// Something that is so, or not, of a row, by a value that some tool shows.
    fn condition(&self, handle: &Handle, draws: &mut Draws) -> Option<Condition> {
        let schema = self.atlas.schema();
        let table = handle.table;
        let key = self.atlas.key(table)?.column;
        let rows = &self.rows()[table];
        let row = rows.iter().find(|row| row[key] == handle.key)?;
        let mut columns: Vec<ColumnRef> = (0..row.len())
            .map(|column| ColumnRef { table, column })
            .filter(|at| self.can_be_asked(*at, row, handle))
            .collect();
        draws.shuffle(&mut columns);
        let holds = draws.chance(0.5);
        columns.into_iter().find_map(|at| {
            let value = &row[at.column];
            let kind = self.atlas.value_kind(at, value);
            let what = column_words(schema, at);
            let mut others: Vec<&Cell> = rows
                .iter()
                .map(|row| &row[at.column])
                .filter(|cell| !cell.is_null() && *cell != value)
                .collect();
            others.sort_unstable();
            others.dedup();
            let other = *draws.pick(&others)?;
            let (compared, relation) = match kind {
                FactKind::Label if holds => (value, "is"),
                FactKind::Label => (other, "is"),
                FactKind::Number | FactKind::Cents => {
                    let above = value > other;
                    (
                        other,
                        if above == holds {
                            "is more than"
                        } else {
                            "is less than"
                        },
                    )
                }
                FactKind::Date => {
                    let later = value > other;
                    (
                        other,
                        if later == holds {
                            "is after"
                        } else {
                            "is before"
                        },
                    )
                }
                FactKind::Instant | FactKind::Text => return None,
            };
            let said = say(compared, kind, draws);
            let slot = Slot {
                name: format!("limit for the {what}"),
                about: format!("if {}", schema.name(at)),
                value: compared.clone(),
                said: said.clone(),
                kind,
                told: Told::AtStart,
            };
            Some(Condition {
                at,
                phrase: format!("its {what} {relation} {said}"),
                slot,
                holds,
            })
        })
    }
}

/// Notes what a user says of the change that another builder made, and gives that change.
fn told_by(builder: &mut Builder<'_>, other: Builder<'_>) -> Wish {
    let mut wish = other.wishes[0].clone();
    let positions: Vec<usize> = other
        .slots
        .into_iter()
        .map(|slot| builder.slot(slot))
        .collect();
    for (_, slots) in &mut wish.told {
        for slot in slots {
            *slot = positions[*slot];
        }
    }
    builder.said_besides.extend(
        other
            .said_besides
            .into_iter()
            .map(|(slot, row)| (positions[slot], row)),
    );
    wish
}
