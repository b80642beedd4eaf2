//! `tools/*.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::exactly_one;

/// Who may call a tool.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The agent.
    #[default]
    Agent,
    /// The simulated user, whose hands hold it.
    User,
    /// Whoever prepares the initial state.
    Setup,
    /// Whoever judges the end state.
    Verifier,
}

/// One tool: a checked transaction with a JSON Schema on each side.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToolFile {
    /// What a model calls: `[A-Za-z0-9_-]`, at most 64 characters, unique in the world.
    #[schemars(regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    pub name: String,
    /// What a model reads.
    #[schemars(length(min = 1, max = 1024))]
    pub description: String,
    /// Who may call it.
    #[serde(default, skip_serializing_if = "is_agent")]
    pub actor: Actor,
    /// JSON Schema of the arguments, an object.
    #[serde(default = "empty_object")]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub input: Value,
    /// JSON Schema of the result; says how result columns become JSON.
    #[serde(default = "empty_object")]
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub output: Value,
    /// The steps, in order.
    pub step: Vec<StepFile>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
fn is_agent(actor: &Actor) -> bool {
    *actor == Actor::Agent
}

fn empty_object() -> Value {
    serde_json::json!({ "type": "object" })
}

/// One step: exactly one of `require`, `reject`, `let`, `for_each`, `run` and `return`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend(
    "oneOf" = exactly_one(&Self::default().kinds()),
    "dependentRequired" = { "let": ["query"], "query": ["let"], "as": ["for_each"], "step": ["for_each"] },
))]
pub struct StepFile {
    /// A query that must return a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require: Option<String>,
    /// A query that must return no row; the row's columns may be named in `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject: Option<String>,
    /// A name: the first row's columns of `query` become `:name_column`.
    #[serde(rename = "let", skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
    /// The query of `let`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The name of an array argument: the inner steps run once for each element.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_each: Option<String>,
    /// The element's name in the inner steps: `:item`, `:item_index`, and `:item_field` for objects.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub element: Option<String>,
    /// The inner steps of `for_each`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub step: Vec<StepFile>,
    /// Statements that change the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The query whose rows are the result.
    #[serde(rename = "return", skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The message when a `require`, a `reject` or a `let` fails; `{name}` stands for a bound value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl StepFile {
    /// The kinds of step, and which of them this one is.
    pub(crate) fn kinds(&self) -> [(&'static str, bool); 6] {
        [
            ("require", self.require.is_some()),
            ("reject", self.reject.is_some()),
            ("let", self.bind.is_some()),
            ("for_each", self.for_each.is_some()),
            ("run", self.run.is_some()),
            ("return", self.result.is_some()),
        ]
    }
}
