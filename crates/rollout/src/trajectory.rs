//! The record of an episode.

use practicum_chat::Message;
use practicum_world::{CallRecord, StateSpec, Verdict};
use serde::{Deserialize, Serialize};

/// Version of the record's form.
pub const VERSION: u32 = 1;

/// The record of one episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trajectory {
    /// [`VERSION`] of the program that wrote it.
    pub version: u32,
    /// `<task>/<agent>/<attempt>`.
    pub id: String,
    /// The task's id.
    pub task: String,
    /// The task's kind.
    pub kind: String,
    /// The world's name.
    pub world: String,
    /// The digest of the world.
    pub world_digest: String,
    /// The initial state.
    pub state: StateSpec,
    /// The seed of the session's ids and draws.
    pub seed: u64,
    /// Who acted: a reference agent or a model.
    pub agent: String,
    /// `oracle` for demonstrations without a model, `model` otherwise.
    pub source: String,
    /// Number of the attempt at this task by this agent.
    pub attempt: u32,
    /// Everything that was said and called, the system message first.
    pub messages: Vec<Message>,
    /// The calls, with what each changed in the state, for people.
    pub steps: Vec<StepRecord>,
    /// How it ended.
    pub ending: Ending,
    /// The outcome that the agent stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What the agent said last.
    pub answer: String,
    /// What verification says.
    pub verdict: Verdict,
    /// Whose fault it is, when it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// One call, and what it changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The call as the session logged it.
    pub call: CallRecord,
    /// The reply as the agent read it.
    pub reply: String,
    /// Rows that differ from the initial state after the call, for people; only when they changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

/// How an episode ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The agent finished.
    Finished,
    /// Too many turns.
    TurnLimit,
    /// Too many calls.
    CallLimit,
    /// The user gave up.
    UserGaveUp,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Transport, timeout, crash: never scored.
    Infrastructure,
    /// The world broke.
    World,
    /// The verifier could not decide.
    Verifier,
    /// The user told something wrong or left too early.
    User,
    /// Everything else.
    Agent,
}
