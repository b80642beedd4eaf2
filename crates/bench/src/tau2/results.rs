//! Results as tau2-bench keeps them: one JSON document that its `view` and `evaluate-trajs` read.
//!
//! What is optional there and unknown here is left out, as its reader allows; what its files hold beyond
//! this is passed over.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::domain::Domain;
use super::environment::{Output, Requestor};
use super::graded::RewardInfo;
use super::score::Termination;
use super::task::Action;

/// A run: what it was of, its tasks, and what came of each trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// When the file was made, as [`timestamp`] writes it.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// What the run was of.
    pub info: Info,
    /// The tasks, as they stand in the benchmark's file.
    pub tasks: Vec<Value>,
    /// The trials.
    #[serde(default)]
    pub simulations: Vec<Simulation>,
}

/// What a run was of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The version of the program that ran it.
    pub git_commit: String,
    /// Trials of each task.
    pub num_trials: u32,
    /// Steps after which a trial ends.
    pub max_steps: usize,
    /// Failed calls after which a trial ends.
    pub max_errors: usize,
    /// The user.
    pub user_info: Party,
    /// The agent.
    pub agent_info: Party,
    /// The domain.
    pub environment_info: EnvironmentInfo,
    /// The seed of the run.
    #[serde(default)]
    pub seed: Option<u64>,
}

/// Who speaks for one side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Party {
    /// What kind of agent or user.
    pub implementation: String,
    /// Its model.
    #[serde(default)]
    pub llm: Option<String>,
    /// How the model's tokens are drawn.
    #[serde(default)]
    pub llm_args: Option<Value>,
    /// What every user is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global_simulation_guidelines: Option<String>,
}

/// The domain of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentInfo {
    /// Its name.
    pub domain_name: String,
    /// The agent's policy.
    pub policy: String,
}

/// One trial of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// Unique in the file.
    pub id: String,
    /// The task.
    pub task_id: String,
    /// When it was written down.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// When it began.
    pub start_time: String,
    /// When it ended.
    pub end_time: String,
    /// Seconds between the two.
    pub duration: f64,
    /// Why it ended.
    pub termination_reason: Termination,
    /// Dollars for the agent's model.
    #[serde(default)]
    pub agent_cost: Option<f64>,
    /// Dollars for the user's.
    #[serde(default)]
    pub user_cost: Option<f64>,
    /// The reward; None where it is not known.
    #[serde(default)]
    pub reward_info: Option<RewardInfo>,
    /// What was said and called.
    #[serde(default)]
    pub messages: Option<Vec<TrajectoryMessage>>,
    /// Which trial of the task, from 0.
    #[serde(default)]
    pub trial: Option<u32>,
    /// The trial's seed.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Always `half_duplex`: one speaks, then the other.
    #[serde(default = "half_duplex")]
    pub mode: String,
    /// What a reader should know besides.
    #[serde(default)]
    pub info: Option<Map<String, Value>>,
}

fn half_duplex() -> String {
    "half_duplex".into()
}

/// A message of a trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum TrajectoryMessage {
    /// Instructions.
    System(Utterance),
    /// The agent speaks or calls.
    Assistant(Utterance),
    /// The user does.
    User(Utterance),
    /// What a call gave.
    Tool(ToolReply),
}

/// What a party says and calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Utterance {
    /// The text; empty or absent beside calls.
    #[serde(default)]
    pub content: Option<String>,
    /// The calls.
    #[serde(default)]
    pub tool_calls: Option<Vec<RecordedCall>>,
    /// The message's place.
    #[serde(default)]
    pub turn_idx: Option<usize>,
    /// When it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// Dollars.
    #[serde(default)]
    pub cost: Option<f64>,
    /// Tokens.
    #[serde(default)]
    pub usage: Option<Value>,
    /// How long the model took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_time_seconds: Option<f64>,
}

impl Utterance {
    /// Text alone.
    pub fn text(content: impl Into<String>) -> Self {
        Self {
            content: Some(content.into()),
            ..Self::default()
        }
    }

    /// The calls; none where it only speaks.
    pub fn calls(&self) -> &[RecordedCall] {
        self.tool_calls.as_deref().unwrap_or_default()
    }

    /// It says something: text that is more than white space.
    pub fn is_said(&self) -> bool {
        self.content
            .as_ref()
            .is_some_and(|text| !text.trim().is_empty())
    }
}

/// A call as it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    /// The id that the reply names.
    #[serde(default)]
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments.
    pub arguments: Map<String, Value>,
    /// Who calls.
    #[serde(default)]
    pub requestor: Requestor,
}

impl RecordedCall {
    /// The call as it is judged.
    pub fn action(&self) -> Action {
        Action {
            requestor: self.requestor,
            name: self.name.clone(),
            arguments: self.arguments.clone(),
            compare_args: None,
        }
    }
}

/// What a call gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolReply {
    /// The call's id.
    pub id: String,
    /// What the caller reads.
    #[serde(default)]
    pub content: Option<String>,
    /// Who called.
    #[serde(default)]
    pub requestor: Requestor,
    /// The call failed.
    #[serde(default)]
    pub error: bool,
    /// The message's place.
    #[serde(default)]
    pub turn_idx: Option<usize>,
    /// When it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
}

impl ToolReply {
    /// The reply to a call.
    pub fn to(call: &RecordedCall, output: &Output) -> Self {
        Self {
            id: call.id.clone(),
            content: Some(output.content.clone()),
            requestor: call.requestor,
            error: output.error,
            turn_idx: None,
            timestamp: None,
        }
    }

    pub(crate) fn output(&self) -> Output {
        Output {
            content: self.content.clone().unwrap_or_default(),
            error: self.error,
        }
    }
}

/// Sets the places of messages, and the time of those that have none.
pub fn number(messages: &mut [TrajectoryMessage], time: &str) {
    for (at, message) in messages.iter_mut().enumerate() {
        let (place, own) = match message {
            TrajectoryMessage::System(said)
            | TrajectoryMessage::Assistant(said)
            | TrajectoryMessage::User(said) => (&mut said.turn_idx, &mut said.timestamp),
            TrajectoryMessage::Tool(reply) => (&mut reply.turn_idx, &mut reply.timestamp),
        };
        *place = Some(at);
        own.get_or_insert_with(|| time.to_string());
    }
}

/// A list of calls with their replies as a conversation: the greeting, each call as a message of its own,
/// and the user's stop word.
pub fn trajectory(calls: &[Action], outputs: &[Output], stop: &str) -> Vec<TrajectoryMessage> {
    let mut messages = vec![
        TrajectoryMessage::Assistant(Utterance::text(GREETING)),
        TrajectoryMessage::User(Utterance::text("Hello.")),
    ];
    for (at, (call, output)) in calls.iter().zip(outputs).enumerate() {
        let call = RecordedCall {
            id: format!("call_{at}"),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
            requestor: call.requestor,
        };
        let reply = ToolReply::to(&call, output);
        let said = Utterance {
            tool_calls: Some(vec![call.clone()]),
            ..Utterance::default()
        };
        messages.push(match call.requestor {
            Requestor::Assistant => TrajectoryMessage::Assistant(said),
            Requestor::User => TrajectoryMessage::User(said),
        });
        messages.push(TrajectoryMessage::Tool(reply));
    }
    messages.push(TrajectoryMessage::User(Utterance::text(stop)));
    messages
}

/// What every agent says first, as in the official program.
pub const GREETING: &str = "Hi! How can I help you today?";

/// An instant as results write it: `2026-03-02T09:00:00.000000`, in UTC. `unix` is the time since 1970.
pub fn timestamp(unix: std::time::Duration) -> String {
    let micros = i64::try_from(unix.as_micros()).unwrap_or(i64::MAX);
    match jiff::Timestamp::from_microsecond(micros) {
        Ok(instant) => instant.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string(),
        Err(_) => "9999-12-30T00:00:00.000000".into(),
    }
}

impl Results {
    /// The run's domain; None when it is not ported.
    pub fn domain(&self) -> Option<Domain> {
        Domain::of_name(&self.info.environment_info.domain_name)
    }

    /// Successes and trials of each task that has some, in the order of the tasks. What the infrastructure
    /// ended and what has no reward is left out.
    pub fn counts(&self) -> Vec<(String, u32, u32)> {
        let mut counts: Vec<(String, u32, u32)> = Vec::new();
        for simulation in &self.simulations {
            let Some(reward) = simulation.reward() else {
                continue;
            };
            let at = match counts
                .iter()
                .position(|(task, _, _)| *task == simulation.task_id)
            {
                Some(at) => at,
                None => {
                    counts.push((simulation.task_id.clone(), 0, 0));
                    counts.len() - 1
                }
            };
            counts[at].1 += u32::from((reward - 1.0).abs() <= 1e-6);
            counts[at].2 += 1;
        }
        counts
    }
}

impl Simulation {
    /// The reward where it counts: known, and not ended by the infrastructure.
    pub fn reward(&self) -> Option<f64> {
        if self.termination_reason == Termination::InfrastructureError {
            return None;
        }
        self.reward_info.as_ref().map(|info| info.reward)
    }
}
