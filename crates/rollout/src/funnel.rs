//! The funnel: the stages that trajectories pass before they become training data.
//!
//! The first three are the paper's (AgentScaler, section 3.1): validity, state, exact calls of read-only
//! trajectories. Then come values from nowhere, conversations that repeat others, too many of a kind, what an
//! evaluation set holds, and what a source does not permit.

mod near;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use practicum_chat::Role;
use practicum_task::{Fingerprint, Task};
use practicum_world::canonical_json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::trajectory::{Ending, Trajectory};
use near::Conversations;

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
pub const STAGES: [&str; 9] = [
    "validity",
    "state",
    "calls",
    "grounding",
    "duplicates",
    "near-duplicates",
    "contamination",
    "licence",
    "balance",
];

/// Why a trajectory is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// The stage.
    pub stage: String,
    /// The reason, by which it is counted.
    pub reason: String,
    /// What of this trajectory: the message, the value, the other trajectory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What the later stages hold back.
#[derive(Debug, Clone)]
pub struct FunnelOptions {
    /// The share of their runs of five words from which on two conversations of a world are one; above 1, none are.
    pub near: f64,
    /// The most trajectories of one task; of one world; of one world by the tools that were called.
    pub per_task: usize,
    /// See [`per_task`](Self::per_task).
    pub per_world: usize,
    /// See [`per_task`](Self::per_task).
    pub per_tools: usize,
    /// Evaluation sets, which no training data may repeat.
    pub sets: Vec<Fingerprint>,
    /// The licences that are permitted; where there are none, those that do not forbid it.
    pub licences: Vec<String>,
}

impl Default for FunnelOptions {
    fn default() -> Self {
        Self {
            near: 0.95,
            per_task: usize::MAX,
            per_world: usize::MAX,
            per_tools: usize::MAX,
            sets: Vec::new(),
            licences: Vec::new(),
        }
    }
}

/// What is known of a world beside its trajectories.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The licences of what it was made from.
    pub licences: Vec<String>,
    /// What it is known by.
    pub print: Fingerprint,
}

impl Origin {
    /// Of a world: what its `provenance` says, and what it is known by.
    pub fn of(world: &practicum_world::World) -> Self {
        let provenance = &world.file().provenance;
        let all = provenance.get("licences").and_then(|own| own.as_array());
        let licences = all.into_iter().flatten();
        let licences = licences.chain(provenance.get("licence"));
        Self {
            licences: licences
                .filter_map(|own| own.as_str())
                .map(str::to_string)
                .collect(),
            print: Fingerprint::of(world, []),
        }
    }
}

/// A message longer than this is not what an agent should learn.
const LONGEST_MESSAGE: usize = 100_000;
/// A run of this many words that occurs [`MOST_REPEATS`] times is being stuck.
const REPEAT_WORDS: usize = 12;
const MOST_REPEATS: usize = 4;

/// Decides on trajectories one by one and counts.
#[derive(Debug, Default)]
pub struct Funnel {
    options: FunnelOptions,
    counts: Vec<StageCount>,
    seen: BTreeMap<[u8; 32], String>,
    conversations: Conversations,
    origins: BTreeMap<String, Origin>,
    taken: BTreeMap<String, usize>,
}

/// A reason and its detail.
type Held = (&'static str, Option<String>);

impl Funnel {
    /// A funnel that has seen nothing.
    pub fn new() -> Self {
        Self::with(FunnelOptions::default())
    }

    /// A funnel with these options.
    pub fn with(options: FunnelOptions) -> Self {
        let counts = STAGES.iter().map(|stage| StageCount {
            stage: (*stage).to_string(),
            ..StageCount::default()
        });
        Self {
            options,
            counts: counts.collect(),
            ..Self::default()
        }
    }

    /// Says where a world comes from; its trajectories have no licence without it.
    pub fn add_origin(&mut self, world: &str, origin: Origin) {
        self.origins.insert(world.to_string(), origin);
    }

    /// The counts so far.
    pub fn counts(&self) -> &[StageCount] {
        &self.counts
    }

    /// Whether a trajectory passes all stages.
    ///
    /// # Errors
    /// The stage that holds it back, and why.
    pub fn decide(&mut self, trajectory: &Trajectory, task: &Task) -> Result<(), Dropped> {
        let hash = message_hash(trajectory);
        let origin = self.origins.get(&trajectory.world);
        let plain = |checked: Result<(), &'static str>| checked.map_err(|reason| (reason, None));
        let mut signature = None;
        let mut outcome = Ok(());
        for (stage, count) in self.counts.iter_mut().enumerate() {
            count.entered += 1;
            let checked: Result<(), Held> = match STAGES[stage] {
                "validity" => plain(validity(trajectory)),
                "state" => plain(state(trajectory)),
                "calls" => plain(calls(trajectory, task)),
                "grounding" => terms::grounding(trajectory),
                "duplicates" => match self.seen.get(&hash) {
                    Some(other) => Err(("the same conversation again", Some(other.clone()))),
                    None => Ok(()),
                },
                "near-duplicates" => {
                    let own = near::signature(trajectory);
                    let other = self
                        .conversations
                        .near(&trajectory.world, &own, self.options.near);
                    signature = Some(own);
                    match other {
                        Some((other, share)) => {
                            let detail = format!("{:.0} % of {other}", 100.0 * share);
                            Err(("nearly the same conversation again", Some(detail)))
                        }
                        None => Ok(()),
                    }
                }
                "contamination" => terms::contamination(trajectory, origin, &self.options.sets),
                "licence" => terms::licence(origin, &self.options.licences),
                _ => balance(trajectory, &self.options, &self.taken),
            };
            if let Err((reason, detail)) = checked {
                *count.dropped.entry(reason.to_string()).or_default() += 1;
                outcome = Err(Dropped {
                    stage: count.stage.clone(),
                    reason: reason.to_string(),
                    detail,
                });
                break;
            }
            count.passed += 1;
        }
        if outcome.is_ok() {
            self.seen.insert(hash, trajectory.id.clone());
            if let Some(own) = signature {
                self.conversations
                    .add(&trajectory.world, &trajectory.id, &own);
            }
            for key in balance_keys(trajectory) {
                *self.taken.entry(key).or_default() += 1;
            }
        }
        outcome
    }
}

/// What is counted for the balance: the task, the world, the world by the tools that were called.
fn balance_keys(trajectory: &Trajectory) -> [String; 3] {
    let world = &trajectory.world;
    let tools: BTreeSet<&str> = trajectory
        .steps
        .iter()
        .map(|step| step.call.tool.as_str())
        .collect();
    let tools: Vec<&str> = tools.into_iter().collect();
    [
        format!("task {world}/{}", trajectory.task),
        format!("world {world}"),
        format!("tools {world}: {}", tools.join(", ")),
    ]
}

fn balance(
    trajectory: &Trajectory,
    options: &FunnelOptions,
    taken: &BTreeMap<String, usize>,
) -> Result<(), Held> {
    let limits = [
        (options.per_task, "enough of this task"),
        (options.per_world, "enough of this world"),
        (options.per_tools, "enough with these tools"),
    ];
    for (key, (most, reason)) in balance_keys(trajectory).into_iter().zip(limits) {
        if taken.get(&key).copied().unwrap_or(0) >= most {
            return Err((reason, Some(key)));
        }
    }
    Ok(())
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
