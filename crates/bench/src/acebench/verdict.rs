//! What a scorer says of one answer.

use serde::Serialize;

/// What the official scorer says of one answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether the answer counts as right.
    pub valid: bool,
    /// The official name for the kind of mistake; empty where there is none or the official scorer names none.
    pub error_type: &'static str,
    /// What is wrong, for a person.
    pub error: Option<String>,
    /// The official scorer raises an exception on this answer, and ends without a score for the category. The answer is
    /// counted as wrong here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub official_stops: bool,
    /// Agent categories: the share of milestones that the calls passed, from 0 to 1; 1 where the end state is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<f64>,
}

impl Verdict {
    pub(crate) fn of(checked: Result<(), Refusal>) -> Self {
        let (valid, error_type, error, official_stops) = match checked {
            Ok(()) => (true, "", None, false),
            Err(Refusal::Wrong(error_type, error)) => (false, error_type, Some(error), false),
            Err(Refusal::Stops(error)) => (
                false,
                "",
                Some(format!("the official scorer stops here: {error}")),
                true,
            ),
        };
        Self {
            valid,
            error_type,
            error,
            official_stops,
            process: None,
        }
    }
}

/// Why an answer is not right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The official kind of mistake, and what is wrong.
    Wrong(&'static str, String),
    /// The official scorer raises an exception that it does not catch.
    Stops(String),
}

impl Refusal {
    pub(crate) fn wrong<T>(error_type: &'static str, error: impl Into<String>) -> Result<T, Self> {
        Err(Self::Wrong(error_type, error.into()))
    }

    pub(crate) fn stops<T>(error: impl Into<String>) -> Result<T, Self> {
        Err(Self::Stops(error.into()))
    }
}
