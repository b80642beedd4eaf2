//! One episode of an agent that acts at once: a session, a user, a task, until it ends.

use practicum_chat::{Message, ToolCall, tool_schema};
use practicum_task::Task;
use practicum_world::{Actor, Outcome, Session, StateError, Transcript, Verdict, World};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::agents::{Action, Agent, Observation};
use crate::dialogue::{Dialogue, Turn};
use crate::trajectory::{Ending, Fault, StepRecord, Trajectory, VERSION};
use crate::user::{TemplateUser, UserRecord};

/// What an episode may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpisodeLimits {
    /// Messages of the agent to the user.
    pub turns: usize,
    /// Calls.
    pub calls: usize,
}

impl Default for EpisodeLimits {
    fn default() -> Self {
        Self {
            turns: 30,
            calls: 60,
        }
    }
}

/// The tools of a world as a model reads them, `finish` last.
pub fn tools_of(world: &World) -> Vec<Value> {
    let mut tools: Vec<Value> = world
        .tools_of(Actor::Agent)
        .map(|tool| tool_schema(&tool.name, &tool.description, tool.input()))
        .collect();
    tools.push(finish_tool());
    tools
}

/// The terminal tool of every episode.
pub fn finish_tool() -> Value {
    let outcomes: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
    tool_schema(
        "finish",
        "End the conversation: say how it ended and give the user the final answer.",
        &json!({
            "type": "object",
            "required": ["outcome", "answer"],
            "properties": {
                "outcome": {
                    "enum": outcomes,
                    "description": "done: what was asked is done or answered. declined: a rule forbids it. impossible: what it needs does not exist. transferred: handed over to a person."
                },
                "answer": {"type": "string", "description": "What the user reads."}
            }
        }),
    )
}

/// What an agent of a world is told first.
pub fn system_message(world: &World) -> String {
    let policy = world.policy_text().trim();
    let role = if policy.is_empty() {
        format!(
            "You help users of {}. Use the tools; end with `finish`.",
            world.file().title
        )
    } else {
        format!("{policy}\n\nUse the tools; end with `finish`.")
    };
    format!("{role}\nIt is {}. All times are in UTC.", world.clock())
}

/// What is kept of an episode besides its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Only how it ended.
    Verdict,
    /// Everything.
    Trajectory,
}

/// Runs an episode on a session, which is reset first.
///
/// # Errors
/// When SQLite fails: an infrastructure fault, never scored.
pub fn run_episode(
    session: &mut Session,
    task: &Task,
    agent: &mut dyn Agent,
    limits: EpisodeLimits,
    keep: Keep,
) -> Result<Episode, StateError> {
    let mut dialogue = Dialogue::begin(session, task, limits, keep)?;
    let mut observation = Observation::User(TemplateUser::new(task).opening());
    loop {
        let turn = match agent.act(&observation) {
            Action::Finish {
                outcome: Some(outcome),
                answer,
            } => {
                let arguments = json!({"outcome": outcome.name(), "answer": answer});
                call("finish", &arguments)
            }
            Action::Finish {
                outcome: None,
                answer,
            } => {
                dialogue.leave(answer);
                break;
            }
            Action::Say(content) => Turn {
                content,
                ..Turn::default()
            },
            Action::Call { tool, arguments } => call(&tool, &arguments),
        };
        let mut heard = dialogue.take(session, task, turn)?;
        if heard.ending.is_some() {
            break;
        }
        observation = match (heard.user, heard.replies.pop()) {
            (Some(text), _) => Observation::User(text),
            (None, Some((content, ok))) => Observation::Reply { content, ok },
            (None, None) => break,
        };
    }
    dialogue.judge(session, task)
}

fn call(tool: &str, arguments: &Value) -> Turn {
    Turn {
        calls: vec![ToolCall::new("", tool, arguments.to_string())],
        ..Turn::default()
    }
}

/// How an episode went.
#[derive(Debug)]
pub struct Episode {
    /// How it ended.
    pub ending: Ending,
    /// What verification says.
    pub verdict: Verdict,
    /// Whose fault it is, when it did not pass.
    pub fault: Option<Fault>,
    /// What speaks for that.
    pub evidence: Option<String>,
    pub(crate) transcript: Transcript,
    pub(crate) messages: Vec<Message>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) user: Vec<UserRecord>,
}

impl Episode {
    /// The record of the episode.
    pub fn trajectory(self, task: &Task, agent: &str, source: &str, attempt: u32) -> Trajectory {
        Trajectory {
            version: VERSION,
            id: format!("{}/{agent}/{attempt}", task.id),
            task: task.id.clone(),
            kind: task.kind.name().to_string(),
            world: task.world.clone(),
            world_digest: task.world_digest.clone(),
            state: task.state.clone(),
            seed: task.seed,
            agent: agent.to_string(),
            source: source.to_string(),
            attempt,
            messages: self.messages,
            steps: self.steps,
            user: self.user,
            turns: Vec::new(),
            ending: self.ending,
            outcome: self
                .transcript
                .outcome
                .map(|outcome| outcome.name().to_string()),
            answer: self.transcript.answer,
            agreements: self.transcript.agreements,
            verdict: self.verdict,
            fault: self.fault,
            evidence: self.evidence,
            task_digest: None,
            model: None,
            usage: None,
            cost: None,
            took_ms: None,
            group: None,
        }
    }
}
