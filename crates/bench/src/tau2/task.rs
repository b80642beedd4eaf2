//! The benchmark's tasks as they stand in its files.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::environment::Requestor;

/// A task. What only a user simulator needs is left out.
#[derive(Debug, Clone, Deserialize)]
pub struct Task {
    /// The task's id, unique in its domain.
    pub id: String,
    /// How the environment differs from a fresh one.
    #[serde(default)]
    pub initial_state: Option<InitialState>,
    /// What is judged; nothing is when there is none.
    #[serde(default)]
    pub evaluation_criteria: Option<Criteria>,
}

/// How the environment differs from a fresh one when a task begins.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct InitialState {
    /// Members that replace those of the databases.
    #[serde(default)]
    pub initialization_data: Option<Value>,
    /// Functions that run first.
    #[serde(default)]
    pub initialization_actions: Option<Vec<EnvironmentCall>>,
    /// What was said and called before.
    #[serde(default)]
    pub message_history: Option<Vec<Value>>,
}

/// A call of a function that need not be a tool.
#[derive(Debug, Clone, Deserialize)]
pub struct EnvironmentCall {
    /// Whose environment it is a function of.
    pub env_type: Requestor,
    /// The function's name.
    pub func_name: String,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
    /// What an assertion is compared with.
    #[serde(default = "yes")]
    pub assert_value: bool,
}

fn yes() -> bool {
    true
}

/// What is judged.
#[derive(Debug, Clone, Deserialize)]
pub struct Criteria {
    /// Gold: calls whose end is the right one.
    #[serde(default)]
    pub actions: Option<Vec<Action>>,
    /// Functions that the end must satisfy.
    #[serde(default)]
    pub env_assertions: Option<Vec<EnvironmentCall>>,
    /// Texts that the agent must say.
    #[serde(default)]
    pub communicate_info: Option<Vec<String>>,
    /// Sentences for a judge to decide.
    #[serde(default)]
    pub nl_assertions: Option<Vec<String>>,
    /// The parts whose product is the reward.
    #[serde(default = "older_basis")]
    pub reward_basis: Vec<Part>,
}

/// The basis of tasks that name none, as all did in 2025.
fn older_basis() -> Vec<Part> {
    vec![Part::Db, Part::Communicate]
}

/// A call of the agent or the user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Who calls.
    #[serde(default)]
    pub requestor: Requestor,
    /// The tool.
    pub name: String,
    /// The arguments.
    pub arguments: Map<String, Value>,
    /// The arguments that an action check compares; all of the call's when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_args: Option<Vec<String>>,
}

/// A part of the reward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Part {
    /// The databases at the end are those that gold leads to.
    #[serde(rename = "DB")]
    Db,
    /// The assertions on the environment hold.
    #[serde(rename = "ENV_ASSERTION")]
    EnvironmentAssertion,
    /// A judge finds that the sentences hold.
    #[serde(rename = "NL_ASSERTION")]
    NaturalLanguage,
    /// Every call of gold was made.
    #[serde(rename = "ACTION")]
    Action,
    /// The texts were said.
    #[serde(rename = "COMMUNICATE")]
    Communicate,
}
