//! What is wrong with a world, and where.

use serde::{Deserialize, Serialize};

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The world cannot be used.
    Error,
    /// The world can be used, but something in it is probably not meant.
    Warning,
}

/// One finding of the checker: what is wrong, in which file, at which place of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file inside the world's folder: `tools/cancel_order.toml`.
    pub file: String,
    /// The place in the file: `step 3`, `input.order_id`; empty for the whole file.
    pub place: String,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// A smallest input that shows it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
}

impl Problem {
    /// A finding that makes the world unusable.
    pub fn error(
        file: impl Into<String>,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Error, file, place, message)
    }

    /// A finding that a person should look at.
    pub fn warning(
        file: impl Into<String>,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Warning, file, place, message)
    }

    fn new(
        severity: Severity,
        file: impl Into<String>,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            file: file.into(),
            place: place.into(),
            message: message.into(),
            example: None,
        }
    }

    /// Adds a smallest input that shows the problem.
    pub fn with_example(mut self, example: impl Into<String>) -> Self {
        self.example = Some(example.into());
        self
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(formatter, "{severity}: {}", self.file)?;
        if !self.place.is_empty() {
            write!(formatter, ", {}", self.place)?;
        }
        write!(formatter, ": {}", self.message)?;
        if let Some(example) = &self.example {
            write!(formatter, "\n    for example: {example}")?;
        }
        Ok(())
    }
}

/// Where problems are gathered while a world is loaded or checked.
#[derive(Debug, Default, Clone)]
pub(crate) struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    pub(crate) fn error(
        &mut self,
        file: impl Into<String>,
        place: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.0.push(Problem::error(file, place, message));
    }

    pub(crate) fn warning(
        &mut self,
        file: impl Into<String>,
        place: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.0.push(Problem::warning(file, place, message));
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.0
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }
}
