//! Mends a task whose proof failed: what was right and refused becomes an accepted end, and free text that
//! could be anything is held to what gold wrote. What cannot be mended so is dropped.

use practicum_world::{
    AcceptedEnd, ColumnRef, Diff, Role, Session, StateError, TextCell, TextRule,
};

use crate::prove::{Fate, Tried, exact_end};
use crate::script::run;
use crate::task::Task;

/// How a task was mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mend {
    /// A right run's end is accepted, too.
    End,
    /// A free text is expected to the letter.
    Text,
}

impl Mend {
    /// The name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::End => "one_more_accepted_end",
            Self::Text => "one_more_expectation",
        }
    }
}

/// The task with what its proof shows to be missing; None when nothing of the kind is. It must be proven
/// again.
pub(crate) fn mended(
    task: &Task,
    session: &mut Session,
    all: &[Tried],
) -> Result<Option<(Task, Mend)>, StateError> {
    let gating = |fate: Fate| all.iter().filter(move |own| own.gates && own.fate == fate);
    let mut mended = task.clone();
    let refused: Vec<&Tried> = gating(Fate::Refused).collect();
    for tried in &refused {
        let only_state = tried
            .verdict
            .clauses
            .iter()
            .all(|clause| clause.passed || clause.name == "state");
        if !only_state {
            return Ok(None);
        }
        run(session, task, &tried.script)?;
        let diff = session.diff()?;
        let texts = dictated(task, session, &diff);
        mended.expectation.ends.push(AcceptedEnd { diff, texts });
    }
    if !refused.is_empty() {
        return Ok(Some((mended, Mend::End)));
    }
    // A survivor whose answer or outcome is wrong is no matter of the end.
    let of_end = |tried: &Tried| {
        tried.script.answer == task.answer && tried.script.outcome == Some(task.expectation.outcome)
    };
    if gating(Fate::Survived).next().is_none() || !gating(Fate::Survived).all(of_end) {
        return Ok(None);
    }
    for end in &mut mended.expectation.ends {
        *end = exact_end(session.world(), end);
    }
    let changed = mended.expectation != task.expectation;
    Ok(changed.then_some((mended, Mend::Text)))
}

/// Free text that the user dictated is compared to the letter.
fn dictated(task: &Task, session: &Session, diff: &Diff) -> Vec<TextCell> {
    let world = session.world();
    let schema = world.schema();
    let mut rules = Vec::new();
    for (position, change) in diff.changes.iter().enumerate() {
        let (Some(table), Some(after)) = (schema.table(&change.table), &change.after) else {
            continue;
        };
        for (column, cell) in after.iter().enumerate() {
            let at = ColumnRef { table, column };
            let told = task.slots.iter().any(|slot| slot.value == *cell);
            if world.role(at) == Role::Text && told {
                rules.push(TextCell {
                    change: position,
                    column: schema.get(at).name.clone(),
                    rule: TextRule::Exact,
                });
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use practicum_world::{Draws, Sampler, World};

    use crate::atlas::Atlas;
    use crate::generate::{Options, generate};
    use crate::mutate::Mutator;
    use crate::prove::{Tally, prove};
    use crate::task::{Kind, Task};

    fn of_kind(name: &str, kind: Kind) -> (World, Vec<Task>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
        let world = World::load(&folder.join(name)).unwrap();
        let options = Options {
            per_world: 8,
            states: 1,
            namesakes: 0.0,
            kinds: [(kind, 1.0)].into(),
            ..Options::default()
        };
        let (tasks, _) = generate(&world, &options).unwrap();
        (world, tasks)
    }

    /// Proves a task anew, and says how it was mended.
    fn proven(world: &World, task: &mut Task) -> (bool, Tally) {
        let atlas = Atlas::new(world);
        let state = world.state(&task.state).unwrap();
        let sampler = Sampler::new(&state).unwrap();
        let mutator = Mutator {
            atlas: &atlas,
            sampler: &sampler,
            rows: sampler.rows(),
        };
        let mut session = state.session(task.seed).unwrap();
        let mut tally = Tally::default();
        let mut draws = Draws::new(1, &["repair"]);
        let ok = prove(task, &mut session, &mutator, &mut tally, &mut draws).unwrap();
        (ok.is_ok(), tally)
    }

    /// Any of several things will do, and only gold's was accepted: the others become accepted ends.
    #[test]
    fn a_refused_variant_becomes_an_accepted_end() {
        let (world, tasks) = of_kind("hotel", Kind::Choice);
        let mut task = tasks.into_iter().next().unwrap();
        task.expectation.ends.truncate(1);
        let (shipped, tally) = proven(&world, &mut task);
        assert!(shipped && tally.refused > 0);
        assert_eq!(tally.mended.get("one_more_accepted_end"), Some(&1));
        assert!(task.expectation.ends.len() > 1);
        assert_eq!((task.proof.refused, task.proof.survived), (0, 0));
    }

    /// A dictated text could be anything: it is expected to the letter.
    #[test]
    fn a_survivor_is_caught_by_one_more_expectation() {
        let (world, tasks) = of_kind("clinic", Kind::Write);
        let mut tried = 0;
        for mut task in tasks {
            let end = &mut task.expectation.ends[0];
            if end.texts.is_empty() {
                continue;
            }
            end.texts.clear();
            let (shipped, tally) = proven(&world, &mut task);
            if tally.survived == 0 {
                continue;
            }
            tried += 1;
            assert!(shipped, "{}", task.intent);
            assert_eq!(tally.mended.get("one_more_expectation"), Some(&1));
            assert!(!task.expectation.ends[0].texts.is_empty());
        }
        assert!(tried > 0);
    }

    /// A wrong end that is accepted is no matter of one more expectation: the task is dropped.
    #[test]
    fn what_cannot_be_mended_is_dropped() {
        let (world, tasks) = of_kind("hotel", Kind::Write);
        let mut task = tasks.into_iter().next().unwrap();
        // Doing nothing would be right as well.
        task.expectation
            .ends
            .push(practicum_world::AcceptedEnd::default());
        let (shipped, tally) = proven(&world, &mut task);
        assert!(!shipped, "{tally:?}");
    }
}
