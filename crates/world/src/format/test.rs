//! `tests/*.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::row::RowFile;
use crate::reply::ErrorKind;

/// `tests/*.toml`: one test, or several (`[[test]]`) that share a state and rows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [
        { "required": ["name", "call"] },
        { "required": ["test"], "properties": { "call": false, "changes": false, "violations": false } },
    ],
))]
pub struct TestFile {
    /// What the test shows; of several, what they have in common.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The state it starts from.
    #[serde(default)]
    pub state: TestState,
    /// Rows that are added to that state before the first call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row: Vec<RowFile>,
    /// The calls, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub call: Vec<TestCall>,
    /// Changed rows at the end: `orders W1: status pending -> cancelled`, `+ orders W2 (...)`,
    /// `- orders W3`. Not compared when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<String>>,
    /// Rules violated by the calls, in order of first violation, and then those whose confirmation was
    /// not asked for. Not compared when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violations: Option<Vec<String>>,
    /// Several tests, each on a fresh session. `state` and `row` above are theirs too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<TestCase>,
}

/// One test: rows, calls, and what must come of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestCase {
    /// What the test shows.
    pub name: String,
    /// The state it starts from; the file's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TestState>,
    /// Rows that are added after the file's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row: Vec<RowFile>,
    /// The calls, in order.
    pub call: Vec<TestCall>,
    /// Changed rows at the end, as in a file of one test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<String>>,
    /// Violated rules, as in a file of one test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violations: Option<Vec<String>>,
}

impl TestFile {
    /// The tests of the file, each whole: with the file's state and rows. The message says what is wrong
    /// with it.
    pub(crate) fn into_cases(self) -> Result<Vec<TestCase>, &'static str> {
        if self.test.is_empty() {
            if self.name.is_empty() || self.call.is_empty() {
                return Err(
                    "a test has a name and at least one [[call]]; several tests of one file are [[test]] tables, each with both",
                );
            }
            return Ok(vec![TestCase {
                name: self.name,
                state: Some(self.state),
                row: self.row,
                call: self.call,
                changes: self.changes,
                violations: self.violations,
            }]);
        }
        if !self.call.is_empty() || self.changes.is_some() || self.violations.is_some() {
            return Err(
                "in a file with [[test]], each test has its own call, changes and violations: write [[test.call]]; only state and [[row]] are shared",
            );
        }
        let (state, rows) = (self.state, self.row);
        let mut cases = self.test;
        for case in &mut cases {
            case.state.get_or_insert_with(|| state.clone());
            let own = std::mem::replace(&mut case.row, rows.clone());
            case.row.extend(own);
        }
        Ok(cases)
    }
}

/// The state that a test starts from.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestState {
    /// A generated state of this size, or the named state; absent: tables are empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The seed of a generated state, and of the session.
    pub seed: u64,
}

/// One call and what must come of it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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
    /// The result, exactly; members that are null are not compared, since TOML has none. Minted ids are
    /// written `$1`, `$2`... in order of minting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The kind of error, when the call must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = ErrorKind::NAMES))]
    pub error: Option<String>,
    /// A part of the error's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What the user agreed to before a call.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TestAgreement {
    /// `true`: this very call.
    ToThisCall(bool),
    /// These arguments of the call's tool.
    ToArguments(serde_json::Map<String, Value>),
}
