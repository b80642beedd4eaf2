//! What a reader has to say about its input.

use serde::{Deserialize, Serialize};

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record: nothing is wrong.
    Info,
    /// Something was left out that the spec meant to say.
    Warning,
    /// A file or an operation could not be read.
    Error,
}

/// What a [`Diagnostic`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiagnosticKind {
    /// A whole file was passed over.
    FileSkipped(SkipReason),
    /// One operation was left out.
    OperationDropped(DropReason),
    /// A `$ref` leads nowhere, or out of the file.
    DanglingReference,
    /// A schema contains itself; it was cut where it begins again.
    CircularSchema,
    /// A schema was deeper or larger than the limits allow.
    SchemaCut,
    /// An archive was not read to its end.
    ArchiveCut,
}

/// Why a file gave no operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Its content is of no format that is known here.
    NotASpec,
    /// It is of a known format and has no operation.
    NoOperations,
    /// It is not UTF-8 text.
    NotText,
    /// It has more bytes than [`Limits::file_bytes`](crate::Limits::file_bytes).
    TooLarge,
    /// It has more values than [`Limits::values`](crate::Limits::values), or is nested too deeply.
    TooComplex,
    /// It looks like a spec in JSON, and is not valid JSON.
    InvalidJson,
    /// It looks like a spec in YAML, and is not valid YAML.
    InvalidYaml,
    /// It is an archive inside an archive.
    NestedArchive,
    /// The archive ends in the middle of it.
    Truncated,
    /// It could not be read or unpacked.
    Unreadable,
}

impl SkipReason {
    /// Every reason, in the order of the report.
    pub const ALL: [Self; 10] = [
        Self::NotASpec,
        Self::NoOperations,
        Self::NotText,
        Self::TooLarge,
        Self::TooComplex,
        Self::InvalidJson,
        Self::InvalidYaml,
        Self::NestedArchive,
        Self::Truncated,
        Self::Unreadable,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotASpec => "not_a_spec",
            Self::NoOperations => "no_operations",
            Self::NotText => "not_text",
            Self::TooLarge => "too_large",
            Self::TooComplex => "too_complex",
            Self::InvalidJson => "invalid_json",
            Self::InvalidYaml => "invalid_yaml",
            Self::NestedArchive => "nested_archive",
            Self::Truncated => "truncated",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why an operation is not in the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// It is not shaped as its format wants.
    Unreadable,
    /// It has no name that a model could call, and nothing to make one from.
    UnusableName,
    /// It has neither description nor summary.
    NoDescription,
    /// It takes no arguments.
    NoParameters,
    /// The spec calls it deprecated.
    Deprecated,
    /// `HEAD`, `OPTIONS` or `TRACE`.
    ProtocolMethod,
    /// The same operation exists in a newer version of the API.
    Superseded,
    /// Another file describes the same version of the same operation.
    Mirror,
    /// It is equal to another operation.
    Duplicate,
    /// Its file has more operations, or larger ones, than the limits allow.
    OverLimit,
}

impl DropReason {
    /// Every reason, in the order of the report.
    pub const ALL: [Self; 10] = [
        Self::Unreadable,
        Self::UnusableName,
        Self::NoDescription,
        Self::NoParameters,
        Self::Deprecated,
        Self::ProtocolMethod,
        Self::Superseded,
        Self::Mirror,
        Self::Duplicate,
        Self::OverLimit,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::UnusableName => "unusable_name",
            Self::NoDescription => "no_description",
            Self::NoParameters => "no_parameters",
            Self::Deprecated => "deprecated",
            Self::ProtocolMethod => "protocol_method",
            Self::Superseded => "superseded",
            Self::Mirror => "mirror",
            Self::Duplicate => "duplicate",
            Self::OverLimit => "over_limit",
        }
    }
}

/// One thing that was found in the input: where, what, and what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub kind: DiagnosticKind,
    /// The file, named as in [`Source::file`](crate::Source::file).
    pub file: String,
    /// Place in the file as a JSON pointer; empty for the whole file.
    pub place: String,
    /// What happened and what the user can do, in one or two sentences.
    pub message: String,
}

impl Diagnostic {
    /// A note that a whole file gave nothing.
    pub(crate) fn skipped(file: &str, reason: SkipReason, message: impl Into<String>) -> Self {
        let severity = match reason {
            SkipReason::NotASpec | SkipReason::NoOperations => Severity::Info,
            SkipReason::NotText | SkipReason::NestedArchive => Severity::Warning,
            _ => Severity::Error,
        };
        Self {
            severity,
            kind: DiagnosticKind::FileSkipped(reason),
            file: file.to_owned(),
            place: String::new(),
            message: message.into(),
        }
    }
}
