//! The account of a whole run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::operation::ParameterDrop;
use crate::schema::Cut;
use crate::{DropReason, Format, OutputOrigin, Severity, SkipReason, ToolSpec};

/// What became of every file and every operation.
///
/// `operations.read == operations.kept + operations.dropped.values().sum()`, and
/// `files.read == files.specs + files.skipped.values().sum()`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Files and archive entries.
    pub files: FileCounts,
    /// Operations, without those of benchmarks that were set aside.
    pub operations: OperationCounts,
    /// The same by format.
    pub formats: BTreeMap<Format, FormatCounts>,
    /// What the corpus holds.
    pub kept: KeptCounts,
    /// Parameters that are in no tool's input because they serve the protocol, by reason.
    pub parameters_dropped: BTreeMap<String, usize>,
    /// Places where resolving a schema stopped, by reason. Counted before folding.
    pub schema_cuts: BTreeMap<String, usize>,
    /// Lines of `diagnostics.jsonl`, by severity.
    pub diagnostics: BTreeMap<Severity, usize>,
}

/// What became of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCounts {
    /// Files and archive entries that were looked at.
    pub read: usize,
    /// Those that had operations.
    pub specs: usize,
    /// Those that gave nothing, by reason.
    pub skipped: BTreeMap<String, usize>,
}

/// What became of the operations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationCounts {
    /// Operations found.
    pub read: usize,
    /// Those in the corpus.
    pub kept: usize,
    /// Those that are not, by reason.
    pub dropped: BTreeMap<String, usize>,
    /// Functions of benchmarks, which are in none of the other numbers.
    pub benchmarks_set_aside: usize,
}

/// Operations of one format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatCounts {
    /// Files.
    pub files: usize,
    /// Operations found.
    pub read: usize,
    /// Those in the corpus.
    pub kept: usize,
    /// Functions of benchmarks, in none of the other numbers.
    pub benchmarks_set_aside: usize,
}

/// What the corpus holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCounts {
    /// Different providers.
    pub providers: usize,
    /// Arguments of all tools together.
    pub parameters: usize,
    /// Tools that take no arguments.
    pub without_parameters: usize,
    /// Tools that come from a benchmark, when they were asked for.
    pub benchmarks: usize,
    /// Tools by the origin of their output schema.
    pub outputs: BTreeMap<OutputOrigin, usize>,
}

impl Report {
    /// A report with every reason at zero, so that its keys are always the same.
    pub(crate) fn empty() -> Self {
        let mut report = Self::default();
        for reason in SkipReason::ALL {
            report.files.skipped.insert(reason.name().to_owned(), 0);
        }
        for reason in DropReason::ALL {
            report
                .operations
                .dropped
                .insert(reason.name().to_owned(), 0);
        }
        for reason in ParameterDrop::ALL {
            report
                .parameters_dropped
                .insert(reason.name().to_owned(), 0);
        }
        for cut in Cut::ALL {
            report.schema_cuts.insert(cut.name().to_owned(), 0);
        }
        for origin in OutputOrigin::ALL {
            report.kept.outputs.insert(origin, 0);
        }
        for severity in [Severity::Info, Severity::Warning, Severity::Error] {
            report.diagnostics.insert(severity, 0);
        }
        report
    }

    /// Adds the account of one document.
    pub(crate) fn add(&mut self, counts: &Counts) {
        for (format, more) in &counts.formats {
            let sum = self.formats.entry(*format).or_default();
            sum.files += more.files;
            sum.read += more.read;
            sum.benchmarks_set_aside += more.benchmarks_set_aside;
            self.operations.read += more.read;
            self.operations.benchmarks_set_aside += more.benchmarks_set_aside;
        }
        for (reason, count) in &counts.dropped {
            *self
                .operations
                .dropped
                .entry(reason.name().to_owned())
                .or_default() += count;
        }
        for (name, count) in &counts.parameters_dropped {
            *self
                .parameters_dropped
                .entry((*name).to_owned())
                .or_default() += count;
        }
        for (name, count) in &counts.cuts {
            *self.schema_cuts.entry((*name).to_owned()).or_default() += count;
        }
    }

    /// Counts a file.
    pub(crate) fn file(&mut self, skipped: Option<SkipReason>) {
        self.files.read += 1;
        match skipped {
            None => self.files.specs += 1,
            Some(reason) => {
                *self
                    .files
                    .skipped
                    .entry(reason.name().to_owned())
                    .or_default() += 1;
            }
        }
    }

    /// Counts an operation that folding dropped.
    pub(crate) fn folded(&mut self, reason: DropReason) {
        *self
            .operations
            .dropped
            .entry(reason.name().to_owned())
            .or_default() += 1;
    }
}

/// The account of one document.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) formats: BTreeMap<Format, FormatCounts>,
    pub(crate) dropped: BTreeMap<DropReason, usize>,
    pub(crate) parameters_dropped: BTreeMap<&'static str, usize>,
    pub(crate) cuts: BTreeMap<&'static str, usize>,
}

impl Counts {
    /// Operations seen so far, those of benchmarks among them.
    pub(crate) fn operations(&self) -> usize {
        self.formats
            .values()
            .map(|format| format.read + format.benchmarks_set_aside)
            .sum()
    }

    pub(crate) fn kept(&mut self, format: Format) {
        self.formats.entry(format).or_default().read += 1;
    }

    pub(crate) fn dropped(&mut self, format: Format, reason: DropReason) {
        self.formats.entry(format).or_default().read += 1;
        *self.dropped.entry(reason).or_default() += 1;
    }

    pub(crate) fn dropped_for(&self, reason: DropReason) -> usize {
        self.dropped.get(&reason).copied().unwrap_or(0)
    }

    pub(crate) fn benchmark(&mut self, format: Format) {
        self.formats.entry(format).or_default().benchmarks_set_aside += 1;
    }
}

impl ToolSpec {
    /// Number of arguments.
    pub fn parameter_count(&self) -> usize {
        self.input
            .get("properties")
            .and_then(serde_json::Value::as_object)
            .map_or(0, serde_json::Map::len)
    }
}
