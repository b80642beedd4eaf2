//! Trajectories graded as the official program's `evaluate-trajs` grades them: every part with its checks.

use std::collections::BTreeMap;

use practicum_world::{Actor, State, World};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data::{Benchmark, DataError};
use super::domain::Domain;
use super::environment::EnvironmentError;
use super::results::{Simulation, TrajectoryMessage};
use super::score::{Message, Replaying, Reward, reward_of};
use super::task::{Action, Part, Task};

/// The reward of a trial, as results hold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RewardInfo {
    /// 0 or 1.
    pub reward: f64,
    /// The databases.
    #[serde(default)]
    pub db_check: Option<DbCheck>,
    /// Each assertion on the environment.
    #[serde(default)]
    pub env_assertions: Option<Vec<AssertionCheck>>,
    /// Each call of gold.
    #[serde(default)]
    pub action_checks: Option<Vec<ActionResult>>,
    /// Each sentence that a judge decided.
    #[serde(default)]
    pub nl_assertions: Option<Vec<Judged>>,
    /// Each text that was to be said.
    #[serde(default)]
    pub communicate_checks: Option<Vec<SaidCheck>>,
    /// The parts whose product the reward is.
    #[serde(default)]
    pub reward_basis: Option<Vec<Part>>,
    /// Each of these parts.
    #[serde(default)]
    pub reward_breakdown: Option<BTreeMap<Part, f64>>,
    /// What a reader should know besides.
    #[serde(default)]
    pub info: Option<Value>,
}

/// Whether the databases are as gold leaves them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DbCheck {
    /// They are.
    pub db_match: bool,
    /// 1 when they are.
    pub db_reward: f64,
}

/// Whether an assertion holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssertionCheck {
    /// The assertion as the task has it.
    pub env_assertion: Value,
    /// It holds.
    pub met: bool,
    /// 1 when it does.
    pub reward: f64,
}

/// Whether a call of gold was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActionResult {
    /// The call as the task has it.
    pub action: Value,
    /// It was made.
    pub action_match: bool,
    /// 1 when it was.
    pub action_reward: f64,
    /// `read`, `write` or `generic`.
    #[serde(default)]
    pub tool_type: Option<String>,
}

/// A judge's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The sentence.
    pub nl_assertion: String,
    /// It holds.
    pub met: bool,
    /// Why, in the judge's words.
    pub justification: String,
}

/// Whether a text was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SaidCheck {
    /// The text.
    pub info: String,
    /// The agent said it.
    pub met: bool,
    /// Where, in words.
    pub justification: String,
}

/// Why a trial cannot be graded.
#[derive(Debug, thiserror::Error)]
pub enum GradeError {
    /// Its messages are no conversation.
    #[error("message {at}: {what}")]
    Transcript {
        /// The message, from 0.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// There is no such task.
    #[error("there is no task {0:?}")]
    NoTask(String),
    /// The environment cannot be made or asked.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

/// The sentences of a task that a judge must decide before it can be graded.
pub fn sentences_to_judge(task: &Task) -> &[String] {
    match &task.evaluation_criteria {
        Some(criteria) if criteria.reward_basis.contains(&Part::NaturalLanguage) => {
            criteria.nl_assertions.as_deref().unwrap_or_default()
        }
        _ => &[],
    }
}

/// Grades a trial. `document` is the task as it stands in the benchmark's file; `judged` are a judge's
/// decisions on [`sentences_to_judge`], one for each.
///
/// A call that gives another result in the replay than it did is passed over, as `evaluate-trajs` does.
/// None where a sentence must be judged and was not, unless another part failed: then the reward is 0.
///
/// # Errors
/// When the messages are no conversation, or a function of the task fails.
pub fn grade(
    domain: Domain,
    state: &State,
    task: &Task,
    document: &Value,
    simulation: &Simulation,
    judged: Option<&[Judged]>,
) -> Result<Option<RewardInfo>, GradeError> {
    let messages = messages(simulation.messages.as_deref().unwrap_or_default())?;
    let decide = |_: &[String]| -> Vec<bool> {
        judged
            .unwrap_or_default()
            .iter()
            .map(|one| one.met)
            .collect()
    };
    let reward = reward_of(
        domain,
        state,
        task,
        &messages,
        simulation.termination_reason,
        judged.is_some().then_some(&decide),
        Replaying::Lenient,
    )?;
    Ok(info(state, task, document, &reward, judged))
}

/// A task with the basis of 2025, DB and COMMUNICATE, where it names another of today's for the same checks:
/// in airline and retail. Telecom's stays.
pub fn with_older_basis(mut document: Value, domain: Domain) -> Value {
    if domain != Domain::Telecom
        && let Some(criteria) = document["evaluation_criteria"].as_object_mut()
    {
        criteria.insert(
            "reward_basis".into(),
            serde_json::json!([Part::Db, Part::Communicate]),
        );
    }
    document
}

/// Grades trials of one domain; keeps what they share.
#[derive(Debug)]
pub struct Grader {
    domain: Domain,
    state: State,
    tasks: BTreeMap<String, (Task, Value)>,
}

impl Grader {
    /// A grader of tasks as they stand in the benchmark's file, or in results.
    ///
    /// # Errors
    /// When the domain's data cannot be used, or a document is no task.
    pub fn new(
        benchmark: &Benchmark,
        domain: Domain,
        documents: Vec<Value>,
    ) -> Result<Self, DataError> {
        let tasks = documents
            .into_iter()
            .map(|document| {
                let task = Task::deserialize(&document).map_err(|error| DataError::Content {
                    path: "tasks".into(),
                    message: error.to_string(),
                })?;
                Ok((task.id.clone(), (task, document)))
            })
            .collect::<Result<_, DataError>>()?;
        Ok(Self {
            domain,
            state: benchmark.state(domain)?,
            tasks,
        })
    }

    /// The domain's initial state, before any task's own.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// A task.
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.get(id).map(|(task, _)| task)
    }

    /// A task as it stands in its file.
    pub fn document(&self, id: &str) -> Option<&Value> {
        self.tasks.get(id).map(|(_, document)| document)
    }

    /// Grades a trial, see [`grade`].
    ///
    /// # Errors
    /// When there is no such task, or [`grade`] fails.
    pub fn grade(
        &self,
        simulation: &Simulation,
        judged: Option<&[Judged]>,
    ) -> Result<Option<RewardInfo>, GradeError> {
        let (task, document) = self
            .tasks
            .get(&simulation.task_id)
            .ok_or_else(|| GradeError::NoTask(simulation.task_id.clone()))?;
        grade(self.domain, &self.state, task, document, simulation, judged)
    }
}

/// The messages as far as they are judged. Each call's reply follows it.
fn messages(trajectory: &[TrajectoryMessage]) -> Result<Vec<Message>, GradeError> {
    let mut messages = Vec::new();
    let mut rest = trajectory.iter().enumerate();
    while let Some((at, message)) = rest.next() {
        let said = match message {
            TrajectoryMessage::System(_) => continue,
            TrajectoryMessage::Assistant(said) => {
                if said.is_said() {
                    messages.push(Message::Said(said.content.clone().unwrap_or_default()));
                }
                said
            }
            TrajectoryMessage::User(said) => said,
            TrajectoryMessage::Tool(_) => {
                return Err(GradeError::Transcript {
                    at,
                    what: "a reply without a call",
                });
            }
        };
        for call in said.calls() {
            let Some((_, TrajectoryMessage::Tool(reply))) = rest.next() else {
                return Err(GradeError::Transcript {
                    at,
                    what: "a call without a reply",
                });
            };
            if reply.id != call.id {
                return Err(GradeError::Transcript {
                    at,
                    what: "the reply after the call is another call's",
                });
            }
            messages.push(Message::Called(call.action(), reply.output()));
        }
    }
    Ok(messages)
}

fn one(held: bool) -> f64 {
    if held { 1.0 } else { 0.0 }
}

/// The official program's word for what a tool does; None when neither the agent nor the user has it.
fn tool_type(world: &World, name: &str) -> Option<String> {
    let tool = world.tool(name)?;
    let word = match name {
        _ if !matches!(tool.actor, Actor::Agent | Actor::User) => return None,
        "calculate" | "transfer_to_human_agents" => "generic",
        _ if tool.effects.read_only => "read",
        _ => "write",
    };
    Some(word.into())
}

fn info(
    state: &State,
    task: &Task,
    document: &Value,
    reward: &Reward,
    judged: Option<&[Judged]>,
) -> Option<RewardInfo> {
    let mut info = RewardInfo {
        reward: reward.reward?,
        db_check: None,
        env_assertions: None,
        action_checks: None,
        nl_assertions: None,
        communicate_checks: None,
        reward_basis: None,
        reward_breakdown: None,
        info: None,
    };
    let (Some(environment), Some(criteria)) = (&reward.environment, &task.evaluation_criteria)
    else {
        let note = if task.evaluation_criteria.is_none() {
            "the task says nothing that is judged"
        } else {
            "the conversation was cut short"
        };
        info.info = Some(serde_json::json!({ "note": note }));
        return Some(info);
    };
    let of_document = |member: &str, at: usize| document["evaluation_criteria"][member][at].clone();
    let compared = criteria.actions.is_some() || criteria.env_assertions.is_some();
    info.db_check = Some(DbCheck {
        db_match: environment.db_match,
        db_reward: one(environment.db_match),
    });
    info.env_assertions = compared.then(|| {
        let checks = environment.env_assertions.iter().enumerate();
        checks
            .map(|(at, met)| AssertionCheck {
                env_assertion: of_document("env_assertions", at),
                met: *met,
                reward: one(*met),
            })
            .collect()
    });
    let gold: &[Action] = criteria.actions.as_deref().unwrap_or_default();
    info.action_checks = (!gold.is_empty()).then(|| {
        let checks = reward.action_checks.iter().zip(gold).enumerate();
        checks
            .map(|(at, (check, action))| ActionResult {
                action: of_document("actions", at),
                action_match: check.0,
                action_reward: one(check.0),
                tool_type: tool_type(state.world(), &action.name),
            })
            .collect()
    });
    let said: Vec<SaidCheck> = criteria
        .communicate_info
        .iter()
        .flatten()
        .zip(&reward.communicated)
        .map(|(text, met)| SaidCheck {
            info: text.clone(),
            met: *met,
            justification: if *met {
                "a message of the agent holds it".into()
            } else {
                "no message of the agent holds it".into()
            },
        })
        .collect();
    info.communicate_checks = (!said.is_empty()).then_some(said);
    if criteria.reward_basis.contains(&Part::NaturalLanguage) {
        info.nl_assertions = Some(judged.unwrap_or_default().to_vec());
    }
    let all_said = reward.communicated.iter().all(|said| *said);
    let all_made = reward.action_checks.iter().all(|check| check.0);
    let all_hold = environment.env_assertions.iter().all(|held| *held);
    let mut breakdown = BTreeMap::new();
    for part in &criteria.reward_basis {
        let held = match part {
            Part::Db | Part::EnvironmentAssertion if !compared => continue,
            Part::Db => environment.db_match,
            Part::EnvironmentAssertion => all_hold,
            Part::Action => all_made,
            Part::Communicate => all_said,
            Part::NaturalLanguage => match judged {
                _ if sentences_to_judge(task).is_empty() => true,
                Some(judged) => judged.iter().all(|one| one.met),
                None => continue,
            },
        };
        breakdown.insert(*part, one(held));
    }
    info.reward_basis = Some(criteria.reward_basis.clone());
    info.reward_breakdown = Some(breakdown);
    Some(info)
}
