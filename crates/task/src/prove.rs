//! The proof of a task on both sides: gold passes, doing nothing fails, mutants are killed, variants
//! accepted.

use std::collections::BTreeMap;

use practicum_world::{
    AcceptedEnd, Comparison, Draws, Role, Session, StateError, TextCell, TextRule, World, compare,
};
use serde_json::Value;

use crate::accept;
use crate::builder::Dropped;
use crate::mutate::{LEFT_OUT, Mutator, UNASKED};
use crate::script::{Script, run};
use crate::task::{Proof, Reason, Task};

/// Counts of mutants and variants over many tasks, before any was dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) killed: usize,
    pub(crate) survived: usize,
    pub(crate) passed: usize,
    pub(crate) refused: usize,
    /// Survivors and refused variants by name.
    pub(crate) names: BTreeMap<String, usize>,
}

/// Proves a task. What mutants and variants did is counted in `tally` whether the task ships or not.
pub(crate) fn prove(
    task: &mut Task,
    session: &mut Session,
    mutator: &Mutator<'_>,
    tally: &mut Tally,
    draws: &mut Draws,
) -> Result<Result<(), Dropped>, StateError> {
    let world = session.world().clone();
    let gold = run(session, task, &Script::gold(task))?;
    if !gold.verdict.passed || gold.failed > 0 || !is_grounded(task, &gold.replies) {
        return Ok(Err(Dropped::Gold));
    }
    let exact: Vec<AcceptedEnd> = task
        .expectation
        .ends
        .iter()
        .map(|end| exact_end(&world, end))
        .collect();
    let mut proof = Proof::default();
    let mut idle = false;
    for mutant in mutator.mutants(task, draws) {
        let result = run(session, task, &mutant.script)?;
        if result.verdict.fault.is_some() {
            return Ok(Err(Dropped::Gold));
        }
        // A user may agree too readily, so a missing yes is no proof that a mistake is seen: what nothing
        // else tells from a right run is judged as if it had passed.
        let only_unasked = mutant.name != UNASKED
            && result
                .verdict
                .clauses
                .iter()
                .all(|clause| clause.passed || clause.name == "confirmation");
        if !result.verdict.passed && !only_unasked {
            if mutant.gates {
                proof.killed += 1;
            } else {
                proof.beyond_killed += 1;
            }
            continue;
        }
        // It passes, or nearly: fine when nothing tells it from a right run.
        let diff = session.diff()?;
        let same_end = exact
            .iter()
            .any(|end| matches!(compare(&world, &diff, end), Comparison::Equal(_)));
        let says_the_same = mutant.script.answer == task.answer
            && mutant.script.outcome == Some(task.expectation.outcome);
        idle |= same_end && mutant.name == LEFT_OUT;
        let unread = task.kind.changes_nothing() && mutant.script.calls.is_empty();
        if same_end && says_the_same && !unread {
            if result.failed > 0 {
                proof.void += 1;
            } else {
                proof.equivalent += 1;
            }
        } else if mutant.gates {
            proof.survived += 1;
            *tally.names.entry(mutant.name.to_string()).or_default() += 1;
        } else {
            proof.beyond_survived += 1;
        }
    }
    tally.killed += proof.killed;
    tally.survived += proof.survived;
    for variant in accept::variants(mutator.atlas, mutator.sampler, task, draws) {
        let result = run(session, task, &variant.script)?;
        if result.verdict.passed {
            proof.accepted += 1;
        } else {
            proof.refused += 1;
            *tally.names.entry(variant.name.to_string()).or_default() += 1;
        }
    }
    tally.passed += proof.accepted;
    tally.refused += proof.refused;
    task.proof = proof;
    Ok(if idle {
        Err(Dropped::Idle)
    } else if task.proof.survived > 0 {
        Err(Dropped::Survivor)
    } else if task.proof.refused > 0 {
        Err(Dropped::Rejected)
    } else {
        Ok(())
    })
}

/// Every argument of gold is told by the user or stands in an earlier reply.
fn is_grounded(task: &Task, replies: &[Option<Value>]) -> bool {
    task.gold.iter().enumerate().all(|(at, call)| {
        call.arguments.iter().all(|(name, value)| {
            call.determined
                .iter()
                .find(|determined| determined.argument == *name)
                .is_some_and(|determined| match &determined.by {
                    Reason::Told(slot) => task.slots.get(*slot).is_some(),
                    Reason::Parts(slots) => slots.iter().all(|slot| *slot < task.slots.len()),
                    Reason::Shown {
                        call,
                        place,
                        minted,
                    } => {
                        *call < at
                            && replies[*call]
                                .as_ref()
                                .and_then(|reply| reply.pointer(place))
                                .is_some_and(|shown| *minted || shown == value)
                    }
                })
        })
    })
}

/// The end with every free text to the letter: what mutants are told apart by.
fn exact_end(world: &World, end: &AcceptedEnd) -> AcceptedEnd {
    let schema = world.schema();
    let mut exact = end.clone();
    exact.texts.clear();
    for (position, change) in end.diff.changes.iter().enumerate() {
        let Some(table) = schema.table(&change.table) else {
            continue;
        };
        for (column, definition) in schema.tables[table].columns.iter().enumerate() {
            let at = practicum_world::ColumnRef { table, column };
            if world.role(at) == Role::Text && change.after.is_some() {
                exact.texts.push(TextCell {
                    change: position,
                    column: definition.name.clone(),
                    rule: TextRule::Exact,
                });
            }
        }
    }
    exact
}
