//! The record of an episode.

use practicum_chat::Message;
use practicum_client::{Sampling, TokenLogprob, Usage};
use practicum_world::{Agreement, CallRecord, StateSpec, Transcript, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Speech;
use crate::user::UserRecord;

/// Version of the record's form. Version 1 had neither turns nor agreements; it can still be read.
pub const VERSION: u32 = 2;

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
    /// What the user understood of each message, and told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user: Vec<UserRecord>,
    /// The model's replies, with tokens and times.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<TurnRecord>,
    /// How it ended.
    pub ending: Ending,
    /// The outcome that the agent stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// What the agent said last.
    pub answer: String,
    /// What the user agreed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
    /// What verification says.
    pub verdict: Verdict,
    /// Whose fault it is, when it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// What speaks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Of the task as it was; None in records of reference agents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_digest: Option<String>,
    /// The model and how it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelRecord>,
    /// Tokens of all replies together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What they cost, in the unit of the prices that were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// From its begin to its verdict, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// The runs that it belongs to, where several make one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
}

impl Trajectory {
    /// What was said, as a verdict needs it.
    pub fn transcript(&self) -> Transcript {
        Transcript {
            answer: self.answer.clone(),
            outcome: self
                .outcome
                .as_deref()
                .and_then(practicum_world::Outcome::parse),
            agreements: self.agreements.clone(),
        }
    }

    /// 1 or 0; None where the failure is not the agent's.
    pub fn reward(&self) -> Option<f64> {
        match self.fault {
            None | Some(Fault::Agent) => self.verdict.reward(),
            Some(_) => None,
        }
    }
}

/// The model, and how it was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Its name at the endpoint.
    pub name: String,
    /// How it speaks.
    pub speech: Speech,
    /// How its tokens were drawn.
    pub sampling: Sampling,
    /// The seed of the run; each request's follows from it, the task, the attempt and the turn.
    pub seed: u64,
}

/// One reply of the model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// Position in [`Trajectory::messages`] of the message that it became.
    pub message: usize,
    /// The seed of the request.
    pub seed: u64,
    /// Why the model stopped.
    pub finish: String,
    /// Its tokens.
    pub usage: Usage,
    /// From the request to the reply, in milliseconds.
    pub took_ms: u64,
    /// Tries that failed before it, as words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// The text as it came, where calls were read out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The tokens with their log-probabilities, where the server gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprob>>,
    /// The reply's token ids, where the server gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_ids: Option<Vec<u32>>,
    /// The prompt's token ids, where the server gave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_token_ids: Option<Vec<u32>>,
}

/// Several runs that make one attempt together: independent ones and a synthesis of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The same for all of its runs.
    pub id: String,
    /// `run` or `synthesis`.
    pub part: String,
    /// The workspaces that replaced the conversation so far, each with the message from which it did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workspaces: Vec<(usize, Value)>,
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
    /// The share of the changes that the task asks for which are there after the call; only when it
    /// changed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
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
    /// Too many calls in a row that failed.
    ErrorLimit,
    /// Too many tokens.
    TokenLimit,
    /// The conversation became longer than the model's context.
    ContextLimit,
    /// Too much time: the machines', so that it is not scored.
    TimeLimit,
    /// The user gave up.
    UserGaveUp,
    /// The user was content, or told to be, and left.
    UserLeft,
}

impl Ending {
    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::TurnLimit => "turn_limit",
            Self::CallLimit => "call_limit",
            Self::ErrorLimit => "error_limit",
            Self::TokenLimit => "token_limit",
            Self::ContextLimit => "context_limit",
            Self::TimeLimit => "time_limit",
            Self::UserGaveUp => "user_gave_up",
            Self::UserLeft => "user_left",
        }
    }
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
