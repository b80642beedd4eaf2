//! What was said in an episode, as far as a verdict needs it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an episode ends, as the agent states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What was asked is done, or answered.
    Done,
    /// A rule forbids it.
    Declined,
    /// It cannot be done: what it needs does not exist.
    Impossible,
    /// Handed over to a person.
    Transferred,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 4] = [
        Self::Done,
        Self::Declined,
        Self::Impossible,
        Self::Transferred,
    ];

    /// The name that agents write: `done`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Impossible => "impossible",
            Self::Transferred => "transferred",
        }
    }

    /// The outcome of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// The user's agreement to one call, given before it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The tool.
    pub tool: String,
    /// The arguments that were named.
    pub arguments: Value,
    /// Number of calls in the session's log when the user agreed.
    pub calls: usize,
}

/// What was said in an episode, as far as a verdict needs it. Whoever runs the episode fills it: rollout,
/// a server, a benchmark.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// What the agent said in its last answer.
    #[serde(default)]
    pub answer: String,
    /// The outcome that the agent stated; None when it stated none.
    #[serde(default)]
    pub outcome: Option<Outcome>,
    /// What the user agreed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
}
