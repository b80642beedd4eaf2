//! The parts of the reward, as the official evaluator works them out.

use practicum_world::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::domain::Domain;
use super::environment::{Environment, EnvironmentError, Output, Role};
use super::task::{Action, Part, Task};

/// What the databases and the assertions say of a trajectory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnvironmentScore {
    /// The agent's database at the end.
    pub db_hash: String,
    /// The user's; None where there is none.
    pub user_db_hash: Option<String>,
    /// Ids that the tools drew at random, in order: they are part of the hash.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub minted: Vec<String>,
    /// Both are as gold leaves them.
    pub db_match: bool,
    /// Of each assertion of the task, whether it holds.
    pub env_assertions: Vec<bool>,
    /// The product of the parts that the task's basis names, of these two.
    pub env_reward: f64,
}

/// The hashes of the databases as gold leaves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GoldEnd {
    db_hash: String,
    user_db_hash: Option<String>,
}

/// Follows a task's gold: without carrying anything over between the databases.
pub(crate) fn gold_end(
    domain: Domain,
    state: &State,
    task: &Task,
) -> Result<GoldEnd, EnvironmentError> {
    let mut environment = Environment::of_task(domain, state, task, Role::Gold)?;
    environment.synchronise()?;
    let criteria = task.evaluation_criteria.as_ref();
    for action in criteria.iter().flat_map(|own| own.actions.iter().flatten()) {
        environment.follow_gold(action.requestor, &action.name, &action.arguments);
    }
    Ok(GoldEnd {
        db_hash: environment.db_hash()?,
        user_db_hash: environment.user_db_hash()?,
    })
}

/// Replays the calls of a trajectory that may change the state, and judges where they lead. `outputs`
/// are what the calls gave at first.
pub(crate) fn environment_score(
    domain: Domain,
    state: &State,
    task: &Task,
    calls: &[Action],
    outputs: &[Output],
    gold: &GoldEnd,
    replaying: Replaying,
) -> Result<EnvironmentScore, EnvironmentError> {
    let mut environment = Environment::of_task(domain, state, task, Role::Replay)?;
    for (call, recorded) in calls.iter().zip(outputs) {
        if !environment.has_tool(&call.name) || !environment.is_mutating(&call.name) {
            continue;
        }
        let output = environment.respond(call.requestor, &call.name, &call.arguments);
        if replaying == Replaying::Strict && !same_content(&output.content, &recorded.content) {
            return Err(EnvironmentError::Replay {
                tool: call.name.clone(),
            });
        }
    }
    environment.synchronise()?;
    let (db_hash, user_db_hash) = (environment.db_hash()?, environment.user_db_hash()?);
    let minted = environment.session().minted();
    let criteria = task.evaluation_criteria.as_ref();
    let judged = criteria.is_some_and(|own| own.actions.is_some() || own.env_assertions.is_some());
    let db_match = !judged || (db_hash == gold.db_hash && user_db_hash == gold.user_db_hash);
    let mut env_assertions = Vec::new();
    for assertion in criteria
        .iter()
        .flat_map(|own| own.env_assertions.iter().flatten())
    {
        env_assertions.push(environment.assert(assertion)?);
    }
    let named = |part| judged && criteria.is_some_and(|own| own.reward_basis.contains(&part));
    let failed = (named(Part::Db) && !db_match)
        || (named(Part::EnvironmentAssertion) && !env_assertions.iter().all(|held| *held));
    Ok(EnvironmentScore {
        db_hash,
        user_db_hash,
        minted,
        db_match,
        env_assertions,
        env_reward: if failed { 0.0 } else { 1.0 },
    })
}

/// What happens when a call gives another result in the replay than it did at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaying {
    /// There is no score, as while the official program runs.
    Strict,
    /// Nothing, as in its `evaluate-trajs`.
    Lenient,
}

/// Equal as JSON where both are, else as texts.
fn same_content(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let parse = |text: &str| serde_json::from_str::<Value>(text);
    match (parse(a), parse(b)) {
        (Ok(a), Ok(b)) => same(&a, &b),
        _ => false,
    }
}

/// Whether a call of gold was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ActionCheck(pub bool);

/// Of each call of gold, whether some call of the trajectory is it. Who called is not compared.
pub fn action_checks(gold: &[Action], calls: &[Action]) -> Vec<ActionCheck> {
    gold.iter()
        .map(|action| ActionCheck(calls.iter().any(|call| is_made_by(action, call))))
        .collect()
}

fn is_made_by(gold: &Action, call: &Action) -> bool {
    if gold.name != call.name {
        return false;
    }
    // Without a list, what the call gave is compared: an argument that it left out does not count.
    let compared = |name: &String| match &gold.compare_args {
        Some(names) => names.contains(name),
        None => call.arguments.contains_key(name),
    };
    let part = |arguments: &Map<String, Value>| -> Map<String, Value> {
        arguments
            .iter()
            .filter(|(name, _)| compared(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    let nothing = match &gold.compare_args {
        Some(names) => names.is_empty(),
        None => call.arguments.is_empty(),
    };
    nothing
        || same(
            &Value::Object(part(&gold.arguments)),
            &Value::Object(part(&call.arguments)),
        )
}

/// Equality as Python has it: a truth value equals 0 or 1, a whole number its float.
fn same(a: &Value, b: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Bool(value) => Some(serde_json::Number::from(u8::from(*value))),
        Value::Number(number) => Some(number.clone()),
        _ => None,
    };
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b || a.as_f64() == b.as_f64(),
            (None, None) => a == b,
            _ => false,
        },
    }
}

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Termination {
    /// The user said a stop word.
    UserStop,
    /// The agent ended it.
    AgentStop,
    /// It took too many steps.
    MaxSteps,
    /// It took too long.
    Timeout,
    /// Too many calls failed.
    TooManyErrors,
    /// The agent broke the rules of the conversation.
    AgentError,
    /// The user did.
    UserError,
    /// A machine or a connection failed: no reward is counted.
    InfrastructureError,
    /// It grew beyond what the model reads.
    ContextWindowExceeded,
    /// Anything else.
    UnexpectedError,
}

/// A message of a trajectory, as far as it is judged.
#[derive(Debug, Clone)]
pub enum Message {
    /// The agent said something.
    Said(String),
    /// A party called a tool, and got this.
    Called(Action, Output),
}

/// The reward of a trajectory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reward {
    /// 0 or 1; None when a sentence must be judged and there is no judge.
    pub reward: Option<f64>,
    /// What the databases and assertions say; None when the conversation was cut short.
    pub environment: Option<EnvironmentScore>,
    /// Of each call of gold, whether it was made.
    pub action_checks: Vec<ActionCheck>,
    /// Of each text to be said, whether it was.
    pub communicated: Vec<bool>,
    /// The judge's decisions.
    pub judged: Option<Vec<bool>>,
}

/// Decides which of a task's sentences hold for the trajectory that it has seen.
pub type Judge<'a> = &'a dyn Fn(&[String]) -> Vec<bool>;

/// The reward of a trajectory, all parts of it. `judge` decides the sentences of tasks that have some in
/// their basis.
///
/// # Errors
/// When a function of the task fails, or the replay gives other results.
pub fn reward(
    domain: Domain,
    state: &State,
    task: &Task,
    messages: &[Message],
    termination: Termination,
    judge: Option<Judge<'_>>,
) -> Result<Reward, EnvironmentError> {
    let strict = Replaying::Strict;
    reward_of(domain, state, task, messages, termination, judge, strict)
}

/// [`reward`], strict or lenient.
pub(crate) fn reward_of(
    domain: Domain,
    state: &State,
    task: &Task,
    messages: &[Message],
    termination: Termination,
    judge: Option<Judge<'_>>,
    replaying: Replaying,
) -> Result<Reward, EnvironmentError> {
    let mut result = Reward {
        reward: Some(0.0),
        environment: None,
        action_checks: Vec::new(),
        communicated: Vec::new(),
        judged: None,
    };
    if !matches!(termination, Termination::UserStop | Termination::AgentStop) {
        return Ok(result);
    }
    let Some(criteria) = &task.evaluation_criteria else {
        result.reward = Some(1.0);
        return Ok(result);
    };
    let (calls, outputs): (Vec<Action>, Vec<Output>) = messages
        .iter()
        .filter_map(|message| match message {
            Message::Called(call, output) => Some((call.clone(), output.clone())),
            Message::Said(_) => None,
        })
        .unzip();
    let gold = gold_end(domain, state, task)?;
    let environment = environment_score(domain, state, task, &calls, &outputs, &gold, replaying)?;
    result.action_checks = action_checks(criteria.actions.as_deref().unwrap_or_default(), &calls);
    result.communicated = criteria
        .communicate_info
        .iter()
        .flatten()
        .map(|text| messages.iter().any(|message| is_said(text, message)))
        .collect();

    let in_basis = |part| criteria.reward_basis.contains(&part);
    let mut reward = environment.env_reward;
    if in_basis(Part::Action) && !result.action_checks.iter().all(|check| check.0) {
        reward = 0.0;
    }
    if in_basis(Part::Communicate) && !result.communicated.iter().all(|said| *said) {
        reward = 0.0;
    }
    result.reward = Some(reward);
    result.environment = Some(environment);
    let sentences = criteria.nl_assertions.as_deref().unwrap_or_default();
    if in_basis(Part::NaturalLanguage) && !sentences.is_empty() {
        result.judged = judge.map(|judge| judge(sentences));
        result.reward = match &result.judged {
            Some(held) if held.len() == sentences.len() && held.iter().all(|held| *held) => {
                Some(reward)
            }
            Some(_) => Some(0.0),
            // What is lost already needs no judge.
            None if reward == 0.0 => Some(0.0),
            None => None,
        };
    }
    Ok(result)
}

fn is_said(text: &str, message: &Message) -> bool {
    match message {
        Message::Said(said) => said
            .to_lowercase()
            .replace(',', "")
            .contains(&text.to_lowercase()),
        Message::Called(..) => false,
    }
}

/// The calls of a trajectory made in a live environment, and what each gave.
pub(crate) fn live_outputs(
    domain: Domain,
    state: &State,
    task: &Task,
    calls: &[Action],
) -> Result<Vec<Output>, EnvironmentError> {
    let mut environment = Environment::of_task(domain, state, task, Role::Live)?;
    environment.synchronise()?;
    Ok(calls
        .iter()
        .map(|call| environment.respond(call.requestor, &call.name, &call.arguments))
        .collect())
}
