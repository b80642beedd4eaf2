//! `policy.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `policy.toml`: the rules that can be checked.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyFile {
    /// The rules, in the order in which `{{rules}}` expands in `policy.md`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rule: Vec<RuleFile>,
}

/// One rule that the agent is told to obey and that no tool need enforce.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "oneOf" = [{ "required": ["tools"] }, { "required": ["on_change"] }],
    "anyOf" = [{ "required": ["violated_if"] }, { "required": ["needs_confirmation"] }],
    "dependentRequired" = { "when": ["tools"] },
))]
pub struct RuleFile {
    /// Short name, unique in the world.
    pub id: String,
    /// The rule as the agent reads it.
    pub text: String,
    /// The tools whose calls it covers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The effect that it covers: `"orders.status"`, or `"orders"` for any change, insertion or
    /// deletion of a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_change: Option<String>,
    /// A query that returns a row when the rule is violated. A rule on tools sees their arguments; a
    /// rule on an effect sees `:old_column` and `:new_column` of the changed row. `called('tool')` and
    /// `called('tool', 'argument', value)` count the session's earlier successful calls; `minted(id)` is
    /// 1 for an id that the session made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violated_if: Option<String>,
    /// When the query of a rule on tools is put.
    #[serde(default, skip_serializing_if = "RuleMoment::is_default")]
    pub when: RuleMoment,
    /// The user must have agreed to this very call before it is made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_confirmation: bool,
    /// What it covers besides: tools whose arguments have other names, further effects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<BindingFile>,
    /// Tools that write what the rule guards and that it leaves free on purpose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exempt: Vec<String>,
    /// Words by which an agent's refusal names this rule; used in text mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
}

/// One more binding of a rule: tools or an effect, and the query that says what violates it there.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend(
    "oneOf" = [{ "required": ["tools"] }, { "required": ["on_change"] }],
    "dependentRequired" = { "when": ["tools"] },
))]
pub struct BindingFile {
    /// The tools whose calls it covers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The effect that it covers, as in the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_change: Option<String>,
    /// The query, as in the rule; the rule's own where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violated_if: Option<String>,
    /// When the query of a rule on tools is put.
    #[serde(skip_serializing_if = "RuleMoment::is_default")]
    pub when: RuleMoment,
}

/// When a rule's query is put.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleMoment {
    /// Before the call and after it: a row at either moment is a violation.
    #[default]
    Both,
    /// Before the call only.
    Before,
    /// After the call only.
    After,
}

impl RuleMoment {
    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn before(self) -> bool {
        self != Self::After
    }

    pub(crate) fn after(self) -> bool {
        self != Self::Before
    }
}
