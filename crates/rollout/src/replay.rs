//! A trajectory again, against its world: the calls must be answered as they were, and the verdict be the
//! same; after a change of the verifier, which verdicts move.

use practicum_task::Task;
use practicum_world::{State, StateError, Verdict, verify};

use crate::trajectory::Trajectory;

/// A call that is answered differently now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Position of the message that holds the reply.
    pub message: usize,
    /// The tool.
    pub tool: String,
    /// The reply on record.
    pub before: String,
    /// The reply now.
    pub now: String,
}

/// What came of doing a trajectory again.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// Calls that were made again.
    pub calls: usize,
    /// Those that are answered differently.
    pub differences: Vec<Difference>,
    /// What verification says now.
    pub verdict: Verdict,
}

impl Replayed {
    /// How the verdict differs from the one on record; empty when it agrees.
    pub fn moved(&self, trajectory: &Trajectory) -> Vec<String> {
        let (before, now) = (&trajectory.verdict, &self.verdict);
        let mut moved = Vec::new();
        let word = |passed: bool| if passed { "passes" } else { "fails" };
        if before.passed != now.passed {
            moved.push(format!(
                "it {} now, and {} before",
                word(now.passed),
                if before.passed { "passed" } else { "failed" }
            ));
        }
        for clause in &now.clauses {
            let was = before.clauses.iter().find(|own| own.name == clause.name);
            match was {
                Some(was) if was.passed == clause.passed => {}
                Some(_) => moved.push(format!(
                    "{} {} now: {}",
                    clause.name,
                    word(clause.passed),
                    clause.detail
                )),
                None if clause.passed => {}
                None => moved.push(format!("{} is new: {}", clause.name, clause.detail)),
            }
        }
        for clause in &before.clauses {
            if !clause.passed && now.clauses.iter().all(|own| own.name != clause.name) {
                moved.push(format!("{} is gone", clause.name));
            }
        }
        if before.fault != now.fault {
            moved.push(format!(
                "the verifier's fault was {:?} and is {:?}",
                before.fault, now.fault
            ));
        }
        moved
    }
}

/// Makes the calls of a trajectory again and judges the end. None for a record of which only the verdict was
/// kept.
///
/// # Errors
/// When SQLite fails.
pub fn replay(
    state: &State,
    task: &Task,
    trajectory: &Trajectory,
) -> Result<Option<Replayed>, StateError> {
    if trajectory.messages.is_empty() {
        return Ok(None);
    }
    let mut session = state.session(trajectory.seed)?;
    let (mut calls, mut differences) = (0, Vec::new());
    for message in &trajectory.messages {
        for call in &message.tool_calls {
            let answer = trajectory
                .messages
                .iter()
                .enumerate()
                .find(|(_, own)| own.tool_call_id.as_deref() == Some(&call.id));
            if call.function.name == "finish" {
                continue;
            }
            let reply = session.call_text(&call.function.name, &call.function.arguments);
            calls += 1;
            let now = reply.content();
            let (at, before) = match answer {
                Some((at, own)) => (at, own.content.as_str()),
                None => (trajectory.messages.len(), ""),
            };
            if now != before {
                differences.push(Difference {
                    message: at,
                    tool: call.function.name.clone(),
                    before: before.to_string(),
                    now,
                });
            }
        }
    }
    let verdict = verify(&mut session, &trajectory.transcript(), &task.expectation)?;
    Ok(Some(Replayed {
        calls,
        differences,
        verdict,
    }))
}
