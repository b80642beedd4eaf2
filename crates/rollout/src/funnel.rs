//! The funnel: the stages that trajectories pass before they become training data.
//!
//! The first three are the paper's (AgentScaler, section 3.1): validity, state, exact calls of read-only
//! trajectories. Duplicates follow.

use std::collections::{BTreeMap, BTreeSet};

use practicum_chat::Role;
use practicum_task::Task;
use practicum_world::canonical_json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::trajectory::{Ending, Trajectory};

/// What one stage let through and held back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageCount {
    /// The stage.
    pub stage: String,
    /// Trajectories that came in.
    pub entered: usize,
    /// Trajectories that went on.
    pub passed: usize,
    /// Those held back, by reason.
    pub dropped: BTreeMap<String, usize>,
}

/// The stages in order.
pub const STAGES: [&str; 4] = ["validity", "state", "calls", "duplicates"];

/// A message longer than this is not what an agent should learn.
const LONGEST_MESSAGE: usize = 100_000;
/// A run of this many words that occurs [`MOST_REPEATS`] times is being stuck.
const REPEAT_WORDS: usize = 12;
const MOST_REPEATS: usize = 4;

/// Decides on trajectories one by one and counts.
#[derive(Debug, Default)]
pub struct Funnel {
    counts: Vec<StageCount>,
    seen: BTreeSet<[u8; 32]>,
}

impl Funnel {
    /// A funnel that has seen nothing.
    pub fn new() -> Self {
        Self {
            counts: STAGES
                .iter()
                .map(|stage| StageCount {
                    stage: (*stage).to_string(),
                    ..StageCount::default()
                })
                .collect(),
            seen: BTreeSet::new(),
        }
    }

    /// The counts so far.
    pub fn counts(&self) -> &[StageCount] {
        &self.counts
    }

    /// Whether a trajectory passes all stages; else the stage and the reason.
    ///
    /// # Errors
    /// The stage that holds it back, and why.
    pub fn decide(&mut self, trajectory: &Trajectory, task: &Task) -> Result<(), (String, String)> {
        let hash = message_hash(trajectory);
        let seen = self.seen.contains(&hash);
        let checks: [&dyn Fn() -> Result<(), &'static str>; 4] = [
            &|| validity(trajectory),
            &|| state(trajectory),
            &|| calls(trajectory, task),
            &|| {
                if seen {
                    Err("the same conversation again")
                } else {
                    Ok(())
                }
            },
        ];
        for (count, check) in self.counts.iter_mut().zip(checks) {
            count.entered += 1;
            if let Err(reason) = check() {
                *count.dropped.entry(reason.to_string()).or_default() += 1;
                return Err((count.stage.clone(), reason.to_string()));
            }
            count.passed += 1;
        }
        self.seen.insert(hash);
        Ok(())
    }
}

fn message_hash(trajectory: &Trajectory) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(trajectory.world.as_bytes());
    for message in &trajectory.messages {
        hasher.update(message.content.as_bytes());
        for call in &message.tool_calls {
            hasher.update(call.function.name.as_bytes());
            hasher.update(call.function.arguments.as_bytes());
        }
        hasher.update(b"\0");
    }
    *hasher.finalize().as_bytes()
}

/// Well-formed turns, calls that can be parsed, no stuck repetition.
fn validity(trajectory: &Trajectory) -> Result<(), &'static str> {
    let messages = &trajectory.messages;
    if trajectory.ending != Ending::Finished {
        return Err("it did not end");
    }
    let opening = messages.first().map(|message| message.role) == Some(Role::System)
        && messages.get(1).map(|message| message.role) == Some(Role::User);
    if !opening || messages.last().map(|message| message.role) != Some(Role::Assistant) {
        return Err("it does not run from the user's request to the agent's answer");
    }
    for (at, message) in messages.iter().enumerate() {
        if message.content.len() > LONGEST_MESSAGE {
            return Err("a message is too long");
        }
        let before = at.checked_sub(1).map(|before| &messages[before]);
        match message.role {
            Role::System if at > 0 => return Err("instructions in the middle"),
            Role::Tool => {
                let answers = before.is_some_and(|before| {
                    before.role == Role::Tool
                        || before
                            .tool_calls
                            .iter()
                            .any(|call| Some(&call.id) == message.tool_call_id.as_ref())
                });
                if !answers {
                    return Err("a reply to no call");
                }
            }
            Role::Assistant => {
                for call in &message.tool_calls {
                    let arguments: Result<Value, _> =
                        serde_json::from_str(&call.function.arguments);
                    if !arguments.is_ok_and(|arguments| arguments.is_object()) {
                        return Err("arguments that are no JSON object");
                    }
                }
                if message.content.trim().is_empty() && message.tool_calls.is_empty() {
                    return Err("an empty turn of the agent");
                }
                if is_stuck(&message.content) {
                    return Err("repetition");
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The same words over and over.
fn is_stuck(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut counts: BTreeMap<&[&str], usize> = BTreeMap::new();
    for window in words.windows(REPEAT_WORDS) {
        let count = counts.entry(window).or_default();
        *count += 1;
        if *count >= MOST_REPEATS {
            return true;
        }
    }
    false
}

/// The end is one that the task accepts: state, outcome, answer, policy.
fn state(trajectory: &Trajectory) -> Result<(), &'static str> {
    if trajectory.verdict.fault.is_some() {
        return Err("the verifier could not decide");
    }
    let failed = trajectory
        .verdict
        .clauses
        .iter()
        .find(|clause| !clause.passed);
    match failed.map(|clause| clause.name.as_str()) {
        None => Ok(()),
        Some("state") => Err("another end state"),
        Some("outcome") => Err("another outcome"),
        Some("answer") => Err("a wrong answer"),
        Some("grounds") => Err("an outcome without grounds"),
        Some("policy") => Err("a rule was violated"),
        Some("confirmation") => Err("a call without agreement"),
        Some(_) => Err("another clause failed"),
    }
}

/// Read-only trajectories make exactly gold's calls; calls that failed do not count.
fn calls(trajectory: &Trajectory, task: &Task) -> Result<(), &'static str> {
    if !task.kind.changes_nothing() {
        return Ok(());
    }
    let made: Vec<(&str, Value)> = trajectory
        .steps
        .iter()
        .filter(|step| step.call.error.is_none())
        .map(|step| {
            (
                step.call.tool.as_str(),
                canonical_json(&step.call.arguments),
            )
        })
        .collect();
    let gold: Vec<(&str, Value)> = task
        .gold
        .iter()
        .map(|call| {
            let arguments = Value::Object(call.arguments.clone());
            (call.tool.as_str(), canonical_json(&arguments))
        })
        .collect();
    if made == gold {
        Ok(())
    } else {
        Err("other calls than gold's")
    }
}
