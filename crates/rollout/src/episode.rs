//! One episode: an agent, a user, a task and a session, until it ends.

use practicum_chat::{Message, Role, ToolCall, tool_schema};
use practicum_task::Task;
use practicum_world::{
    Actor, ErrorKind, Outcome, Session, StateError, Transcript, Verdict, World, verify,
};
use serde_json::{Value, json};

use crate::agents::{Action, Agent, Observation};
use crate::trajectory::{Ending, Fault, StepRecord, Trajectory, VERSION};
use crate::user::TemplateUser;

/// What an episode may take.
#[derive(Debug, Clone, Copy)]
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
    session.reset(task.seed)?;
    let world = session.world().clone();
    let mut user = TemplateUser::new(task);
    let mut record = Recorder {
        keep,
        messages: Vec::new(),
        steps: Vec::new(),
        last_lines: Vec::new(),
    };
    record.say(Role::System, || system_message(&world));
    let opening = user.opening();
    record.say(Role::User, || opening.clone());
    let mut observation = Observation::User(opening);
    let (mut turns, mut calls, mut world_fault) = (0, 0, false);
    let mut transcript = Transcript::default();
    let ending = loop {
        match agent.act(&observation) {
            Action::Finish { outcome, answer } => {
                record.finish(outcome, &answer, calls);
                transcript.outcome = outcome;
                transcript.answer = answer;
                break Ending::Finished;
            }
            Action::Say(text) => {
                turns += 1;
                record.say(Role::Assistant, || text.clone());
                transcript.answer.clone_from(&text);
                if turns > limits.turns {
                    break Ending::TurnLimit;
                }
                let agreement = user.agree(&text, session)?;
                let agreed = agreement.is_some();
                transcript.agreements.extend(agreement);
                let answer = if agreed {
                    TemplateUser::YES.to_string()
                } else if let Some(answer) = user.answer(&text) {
                    answer
                } else {
                    break Ending::UserGaveUp;
                };
                record.say(Role::User, || answer.clone());
                observation = Observation::User(answer);
            }
            Action::Call { tool, arguments } => {
                calls += 1;
                if calls > limits.calls {
                    break Ending::CallLimit;
                }
                let reply = session.call(&tool, &arguments);
                world_fault |= reply
                    .result
                    .as_ref()
                    .is_err_and(|error| error.kind == ErrorKind::Fault);
                let content = reply.content();
                record.call(session, &tool, &arguments, &content, calls)?;
                observation = Observation::Reply {
                    content,
                    ok: reply.is_ok(),
                };
            }
        }
    };
    let verdict = verify(session, &transcript, &task.expectation)?;
    let fault = (!verdict.passed).then_some(if world_fault {
        Fault::World
    } else if verdict.fault.is_some() {
        Fault::Verifier
    } else {
        Fault::Agent
    });
    Ok(Episode {
        ending,
        verdict,
        fault,
        transcript,
        messages: record.messages,
        steps: record.steps,
    })
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
    transcript: Transcript,
    messages: Vec<Message>,
    steps: Vec<StepRecord>,
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
            ending: self.ending,
            outcome: self
                .transcript
                .outcome
                .map(|outcome| outcome.name().to_string()),
            answer: self.transcript.answer,
            verdict: self.verdict,
            fault: self.fault,
        }
    }
}

struct Recorder {
    keep: Keep,
    messages: Vec<Message>,
    steps: Vec<StepRecord>,
    last_lines: Vec<String>,
}

impl Recorder {
    fn say(&mut self, role: Role, text: impl Fn() -> String) {
        if self.keep == Keep::Trajectory {
            self.messages.push(Message::text(role, text()));
        }
    }

    fn finish(&mut self, outcome: Option<Outcome>, answer: &str, calls: usize) {
        if self.keep == Keep::Verdict {
            return;
        }
        match outcome {
            Some(outcome) => {
                let arguments = json!({"outcome": outcome.name(), "answer": answer});
                let call = ToolCall::new(format!("call_{calls}"), "finish", arguments.to_string());
                self.messages.push(Message::calls(vec![call]));
            }
            None => self.messages.push(Message::text(Role::Assistant, answer)),
        }
    }

    fn call(
        &mut self,
        session: &mut Session,
        tool: &str,
        arguments: &Value,
        content: &str,
        calls: usize,
    ) -> Result<(), StateError> {
        if self.keep == Keep::Verdict {
            return Ok(());
        }
        let call = ToolCall::new(format!("call_{}", calls - 1), tool, arguments.to_string());
        self.messages.push(Message::calls(vec![call.clone()]));
        self.messages.push(Message::reply(&call, content));
        let lines = session.diff()?.lines(session.world());
        let changes = if lines == self.last_lines {
            Vec::new()
        } else {
            lines.clone()
        };
        self.last_lines = lines;
        if let Some(logged) = session.log().last() {
            self.steps.push(StepRecord {
                call: logged.clone(),
                reply: content.to_string(),
                changes,
            });
        }
        Ok(())
    }
}
