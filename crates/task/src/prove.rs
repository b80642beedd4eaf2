//! The proof of a task on both sides: gold passes, doing nothing fails, mutants are killed, variants
//! accepted.

use std::collections::BTreeMap;

use practicum_world::{
    AcceptedEnd, Comparison, Draws, Role, Session, StateError, TextCell, TextRule, Verdict, World,
    compare,
};
use serde_json::Value;

use crate::accept;
use crate::builder::Dropped;
use crate::mutate::{LEFT_OUT, Mutator, UNASKED};
use crate::repair::mended;
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
    /// Tasks that were mended and ship, by how.
    pub(crate) mended: BTreeMap<String, usize>,
}

/// How a mutant or a variant went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// A mutant that fails.
    Killed,
    /// A mutant that passes though it is wrong.
    Survived,
    /// A mutant that a guard refused: its end is gold's.
    Void,
    /// A mutant that nothing tells from a right run.
    Equivalent,
    /// A variant that passes.
    Accepted,
    /// A variant that fails though it is right.
    Refused,
}

impl Fate {
    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Survived => "survived",
            Self::Void => "void",
            Self::Equivalent => "equivalent",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }
}

/// One run of the proof.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) name: &'static str,
    /// A bad fate drops the task.
    pub(crate) gates: bool,
    pub(crate) fate: Fate,
    pub(crate) script: Script,
    pub(crate) verdict: Verdict,
}

/// Proves a task. What mutants and variants did is counted in `tally` whether the task ships or not; a task
/// that can be mended is mended, and proven once more.
pub(crate) fn prove(
    task: &mut Task,
    session: &mut Session,
    mutator: &Mutator<'_>,
    tally: &mut Tally,
    draws: &mut Draws,
) -> Result<Result<(), Dropped>, StateError> {
    let all = match try_all(task, session, mutator, draws)? {
        Ok(all) => all,
        Err(dropped) => return Ok(Err(dropped)),
    };
    let (proof, idle) = counted(&all);
    for tried in &all {
        let bad = matches!(tried.fate, Fate::Survived | Fate::Refused) && tried.gates;
        if bad {
            *tally.names.entry(tried.name.to_string()).or_default() += 1;
        }
    }
    tally.killed += proof.killed;
    tally.survived += proof.survived;
    tally.passed += proof.accepted;
    tally.refused += proof.refused;
    task.proof = proof;
    let judged = judged(&task.proof, idle);
    if !matches!(judged, Err(Dropped::Survivor | Dropped::Rejected)) {
        return Ok(judged);
    }
    let Some((mut mended, how)) = mended(task, session, &all)? else {
        return Ok(judged);
    };
    let Ok(all) = try_all(&mended, session, mutator, draws)? else {
        return Ok(judged);
    };
    let (proof, idle) = counted(&all);
    if self::judged(&proof, idle).is_err() {
        return Ok(judged);
    }
    mended.proof = proof;
    *task = mended;
    *tally.mended.entry(how.name().to_string()).or_default() += 1;
    Ok(Ok(()))
}

/// How the runs of a proof went, and whether a write makes no difference when it is left out.
fn counted(all: &[Tried]) -> (Proof, bool) {
    let mut proof = Proof::default();
    let mut idle = false;
    for tried in all {
        let counter = match (tried.fate, tried.gates) {
            (Fate::Killed, true) => &mut proof.killed,
            (Fate::Killed, false) => &mut proof.beyond_killed,
            (Fate::Survived, true) => &mut proof.survived,
            (Fate::Survived, false) => &mut proof.beyond_survived,
            (Fate::Void, _) => &mut proof.void,
            (Fate::Equivalent, _) => &mut proof.equivalent,
            (Fate::Accepted, _) => &mut proof.accepted,
            (Fate::Refused, _) => &mut proof.refused,
        };
        *counter += 1;
        // What changes nothing when it is left out is no change that anybody asked for.
        let same = matches!(tried.fate, Fate::Void | Fate::Equivalent);
        idle |= same && tried.name == LEFT_OUT;
    }
    (proof, idle)
}

fn judged(proof: &Proof, idle: bool) -> Result<(), Dropped> {
    if idle {
        Err(Dropped::Idle)
    } else if proof.survived > 0 {
        Err(Dropped::Survivor)
    } else if proof.refused > 0 {
        Err(Dropped::Rejected)
    } else {
        Ok(())
    }
}

/// Plays gold, all mutants and all variants of a task.
pub(crate) fn try_all(
    task: &Task,
    session: &mut Session,
    mutator: &Mutator<'_>,
    draws: &mut Draws,
) -> Result<Result<Vec<Tried>, Dropped>, StateError> {
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
    let mut all = Vec::new();
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
        let fate = if !result.verdict.passed && !only_unasked {
            Fate::Killed
        } else {
            // It passes, or nearly: fine when nothing tells it from a right run.
            let diff = session.diff()?;
            let same_end = exact
                .iter()
                .any(|end| matches!(compare(&world, &diff, end), Comparison::Equal(_)));
            let says_the_same = mutant.script.answer == task.answer
                && mutant.script.outcome == Some(task.expectation.outcome);
            let unread = task.kind.changes_nothing() && mutant.script.calls.is_empty();
            if !same_end || !says_the_same || unread {
                Fate::Survived
            } else if result.failed > 0 {
                Fate::Void
            } else {
                Fate::Equivalent
            }
        };
        all.push(Tried {
            name: mutant.name,
            gates: mutant.gates,
            fate,
            script: mutant.script,
            verdict: result.verdict,
        });
    }
    for variant in accept::variants(mutator.atlas, mutator.sampler, task, draws) {
        let result = run(session, task, &variant.script)?;
        all.push(Tried {
            name: variant.name,
            gates: true,
            fate: if result.verdict.passed {
                Fate::Accepted
            } else {
                Fate::Refused
            },
            script: variant.script,
            verdict: result.verdict,
        });
    }
    Ok(Ok(all))
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
pub(crate) fn exact_end(world: &World, end: &AcceptedEnd) -> AcceptedEnd {
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
