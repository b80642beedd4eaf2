//! Goals that change something: one change, or several in one request. Which arguments the guards allow is
//! found by making the call on a copy of the session.

use std::collections::BTreeSet;

use practicum_world::{Cell, Draws, Sampler, StateError};
use serde_json::{Map, Value};

use crate::builder::{Builder, Dropped, Wish};
use crate::goals::{Ground, Made, attempt, is_sensible, wanted};
use crate::task::Kind;

/// Draws of arguments that are tried before a tool is given up.
pub(crate) const DRAWS: usize = 16;
/// Tools that are tried for each further change of a chain.
const STEPS: usize = 8;
/// Share of the further changes that have nothing to do with the ones before: another errand.
const ERRANDS: f64 = 0.25;

/// How far a chain grows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Changes after which it is long enough.
    pub(crate) changes: usize,
    /// Calls after which it is long enough.
    pub(crate) calls: usize,
    /// Calls that it may have at most.
    pub(crate) most: usize,
}

/// Share of the further changes by which something new is covered, where there is one.
const NEW: f64 = 0.7;
/// Draws of arguments for a tool that no gold has used, or that is used where few things will do.
pub(crate) const MANY_DRAWS: usize = 96;

/// Rows, by table and key.
type Rows = Vec<(usize, Cell)>;

impl Ground<'_> {
    /// One change by a tool.
    pub(crate) fn write(&self, tool: usize, draws: &mut Draws) -> Made {
        let mut builder = self.builder()?;
        if let Err(dropped) = self.allowed_write(&mut builder, tool, None, &[], draws)? {
            return Ok(Err(dropped));
        }
        self.finish_writes(builder, Kind::Write, draws)
    }

    /// Several changes: each later one about what an earlier one made or touched, or an errand of its own.
    pub(crate) fn chain(&self, first: usize, extent: Extent, draws: &mut Draws) -> Made {
        let mut builder = self.builder()?;
        if let Err(dropped) = self.allowed_write(&mut builder, first, None, &[], draws)? {
            return Ok(Err(dropped));
        }
        let mut reason = Dropped::NotHere;
        while builder.wishes.len() < 2
            || (builder.wishes.len() < extent.changes && builder.calls.len() < extent.calls)
        {
            let now = Sampler::of_session(&mut builder.session)?;
            let mut grown = false;
            for _ in 0..STEPS {
                let new = self.continuations(&builder);
                let (about, next) = match draws.pick(&new) {
                    Some((row, next)) if draws.chance(NEW) => (vec![row.clone()], *next),
                    _ => {
                        let about = about(&builder, draws);
                        let writes = self.atlas.writes.iter().copied();
                        let fitting: Vec<usize> = writes
                            .filter(|tool| about.is_empty() || self.picks_one_of(*tool, &about))
                            .collect();
                        let Some(next) = draws.pick(&fitting) else {
                            continue;
                        };
                        (about, *next)
                    }
                };
                let before = builder.mark();
                match self.allowed_write(&mut builder, next, Some(&now), &about, draws)? {
                    Ok(()) if builder.calls.len() > extent.most => {
                        builder.back_to(before);
                        builder.wishes.pop();
                        attempt!(builder.rewind());
                        reason = Dropped::Length;
                    }
                    Ok(()) => {
                        grown = true;
                        break;
                    }
                    Err(dropped) => reason = dropped,
                }
            }
            if !grown {
                break;
            }
        }
        if builder.wishes.len() < 2 {
            return Ok(Err(reason));
        }
        self.finish_writes(builder, Kind::Chain, draws)
    }

    /// Changes of rows that gold has made or touched by tools that no gold has, or not after what was done
    /// with the row.
    fn continuations(&self, builder: &Builder<'_>) -> Vec<((usize, Cell), usize)> {
        let rows: BTreeSet<(usize, Cell)> = builder.wishes.iter().flat_map(Wish::rows).collect();
        let mut all = Vec::new();
        for row in rows.into_iter().chain(builder.last_made()) {
            let done: Vec<usize> = builder
                .calls
                .iter()
                .filter(|call| {
                    let mut values = call.arguments.values();
                    let made = builder.last_made().as_ref() == Some(&row) && call.writes;
                    made || values.any(|value| Cell::from_json(value) == row.1)
                })
                .filter_map(|call| self.atlas.position(&call.tool))
                .collect();
            for next in &self.atlas.writes {
                let new = self.usage.is_new(*next)
                    || done
                        .iter()
                        .any(|before| self.usage.is_new_pair(*before, *next));
                if new && self.picks_one_of(*next, std::slice::from_ref(&row)) {
                    all.push((row.clone(), *next));
                }
            }
        }
        all
    }

    /// True when an argument of a tool picks a row of the table of one of these.
    pub(crate) fn picks_one_of(&self, tool: usize, rows: &[(usize, Cell)]) -> bool {
        let tool = self.atlas.tool(tool);
        tool.parameters().iter().any(|parameter| {
            self.atlas
                .picked_table(tool, &parameter.name)
                .is_some_and(|table| rows.iter().any(|(own, _)| *own == table))
        })
    }

    /// Adds a write that the guards allow to gold. `now` holds the session's rows where these are no longer
    /// the state's. Gold is as before when there is none.
    pub(crate) fn allowed_write(
        &self,
        builder: &mut Builder<'_>,
        tool: usize,
        now: Option<&Sampler>,
        about: &[(usize, Cell)],
        draws: &mut Draws,
    ) -> Result<Result<(), Dropped>, StateError> {
        let sampler = now.unwrap_or(self.sampler);
        let most = if self.usage.is_new(tool) {
            MANY_DRAWS
        } else {
            DRAWS
        };
        let Some(arguments) = self.allowed(builder, tool, sampler, about, most, draws)? else {
            return Ok(Err(Dropped::Refused));
        };
        let before = builder.mark();
        let wishes = builder.wishes.len();
        let written = builder.write(tool, &arguments, draws);
        let dropped = match written {
            Ok(()) if is_sensible(builder) => return Ok(Ok(())),
            Ok(()) => Dropped::NotHere,
            Err(dropped) => dropped,
        };
        builder.back_to(before);
        builder.wishes.truncate(wishes);
        Ok(Err(builder.rewind().err().unwrap_or(dropped)))
    }

    /// Arguments with which a call, made now, is allowed by the guards and changes something; None when
    /// so many draws have found none.
    pub(crate) fn allowed(
        &self,
        builder: &mut Builder<'_>,
        tool: usize,
        sampler: &Sampler,
        about: &[(usize, Cell)],
        most: usize,
        draws: &mut Draws,
    ) -> Result<Option<Map<String, Value>>, StateError> {
        let definition = self.atlas.tool(tool);
        let before = builder.session.diff()?;
        let mark = builder.session.snapshot()?;
        let mut trial = mark.session()?;
        // Rules that ask for earlier calls are met later, by the reads that they demand.
        let forbidden = |violations: Vec<usize>| {
            violations
                .into_iter()
                .any(|rule| !self.atlas.world.rules()[rule].looks_back())
        };
        for draw in 0..most {
            let arguments = wanted(sampler, definition, about, draws);
            if draw > 0 {
                trial.restore(&mark)?;
            }
            let reply = trial.call(&definition.name, &Value::Object(arguments.clone()));
            if !reply.is_ok() || forbidden(trial.violations()) {
                continue;
            }
            let after = trial.diff()?;
            let world = &self.atlas.world;
            if !after.relevant(world).eq(before.relevant(world)) {
                return Ok(Some(arguments));
            }
        }
        Ok(None)
    }
}

/// What a further change may be about: what the last one made, what the changes so far touched, or
/// nothing of the kind.
fn about(builder: &Builder<'_>, draws: &mut Draws) -> Rows {
    if draws.chance(ERRANDS) {
        return Rows::new();
    }
    let made = builder.last_made();
    if let Some(made) = made.filter(|_| draws.chance(0.6)) {
        return vec![made];
    }
    let touched: BTreeSet<(usize, Cell)> = builder.wishes.iter().flat_map(Wish::rows).collect();
    let touched: Rows = touched.into_iter().collect();
    // One of them: several would have to go together.
    draws.pick(&touched).cloned().into_iter().collect()
}
