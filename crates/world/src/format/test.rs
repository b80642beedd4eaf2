//! `tests/*.toml`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `tests/*.toml`: rows, calls, and what must come of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestFile {
    /// What the test shows.
    pub name: String,
    /// The state it starts from.
    #[serde(default)]
    pub state: TestState,
    /// Rows that are added to that state before the first call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row: Vec<TestRow>,
    /// The calls, in order.
    pub call: Vec<TestCall>,
    /// Changed rows at the end: `orders W1: status pending -> cancelled`, `+ orders W2`, `- orders W3`.
    /// Not compared when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<String>>,
    /// Rules violated by the calls, in order of first violation, and then those whose confirmation was
    /// not asked for. Not compared when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violations: Option<Vec<String>>,
}

/// The state that a test starts from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestState {
    /// A generated state of this size; absent: tables are empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The seed of a generated state.
    pub seed: u64,
}

/// One row to add.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestRow {
    /// The table.
    pub table: String,
    /// Values by column; the others take their DEFAULT.
    pub values: serde_json::Map<String, Value>,
}

/// One call and what must come of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestCall {
    /// The tool.
    pub tool: String,
    /// Who calls; the agent unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<super::Actor>,
    /// The arguments.
    #[serde(default)]
    pub arguments: serde_json::Map<String, Value>,
    /// What the user agreed to before this call: `true` for this very call, or the arguments that were
    /// named. Rules with `needs_confirmation` look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<TestAgreement>,
    /// The result, exactly. Minted ids are written `$1`, `$2`... in order of minting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The kind of error, when the call must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// A part of the error's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What the user agreed to before a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TestAgreement {
    /// `true`: this very call.
    ToThisCall(bool),
    /// These arguments of the call's tool.
    ToArguments(serde_json::Map<String, Value>),
}
