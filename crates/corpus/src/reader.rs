//! The readers: one file per format, one line per format in [`READERS`].
//!
//! To add a format: add a variant to [`Format`], write `reader/<format>.rs` with a function that
//! recognises a document by its content and one that hands each operation to [`Reading::operation`], and
//! add its line below. Nothing else needs to know.

mod discovery;
mod functions;
mod mcp;
mod openapi;
mod path_items;
mod swagger2;

use serde_json::Value;

use crate::document;
use crate::operation::Operation;
use crate::reading::Reading;
use crate::report::Counts;
use crate::{Diagnostic, Format, Options, SkipReason};

/// What is known about one format.
pub(crate) struct FormatReader {
    format: Format,
    /// Words of which at least one is in every document of the format. A file that has none of any
    /// format is passed over without being parsed.
    pub(crate) markers: &'static [&'static str],
    /// Whether a document is of this format.
    recognises: fn(&Value) -> bool,
    /// Hands every operation of a document to the reading.
    read: fn(&Value, &mut Reading<'_>),
}

/// Every format, in the order in which they are tried.
pub(crate) const READERS: &[FormatReader] = &[
    FormatReader {
        format: Format::OpenApi,
        markers: &["openapi"],
        recognises: openapi::recognises,
        read: openapi::read,
    },
    FormatReader {
        format: Format::Swagger2,
        markers: &["swagger"],
        recognises: swagger2::recognises,
        read: swagger2::read,
    },
    FormatReader {
        format: Format::Discovery,
        markers: &["discoveryVersion", "discovery#restDescription"],
        recognises: discovery::recognises,
        read: discovery::read,
    },
    FormatReader {
        format: Format::Mcp,
        markers: &["inputSchema"],
        recognises: mcp::recognises,
        read: mcp::read,
    },
    FormatReader {
        format: Format::Functions,
        markers: &["parameters", "input_schema", "\"function\"", "arguments"],
        recognises: functions::recognises,
        read: functions::read,
    },
];

/// What one document gave, beside its operations.
pub(crate) struct Outcome {
    pub(crate) counts: Counts,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Why it gave no operation, if it gave none.
    pub(crate) skipped: Option<SkipReason>,
}

impl Outcome {
    pub(crate) fn skipped(file: &str, reason: SkipReason, message: &str) -> Self {
        Self {
            counts: Counts::default(),
            diagnostics: vec![Diagnostic::skipped(file, reason, message)],
            skipped: Some(reason),
        }
    }
}

/// Reads one document; `sink` takes the operations that pass the filters, in the document's order.
///
/// Takes the bytes, owned or borrowed, and lets go of them as soon as they are parsed.
pub(crate) fn read(
    file: &str,
    bytes: impl AsRef<[u8]>,
    options: &Options,
    sink: &mut dyn FnMut(Operation),
) -> Outcome {
    let parsed = document::parse(bytes.as_ref(), &options.limits);
    drop(bytes);
    let root = match parsed {
        Ok(root) => root,
        Err(refused) => return Outcome::skipped(file, refused.reason, &refused.message),
    };
    let Some(reader) = READERS.iter().find(|reader| (reader.recognises)(&root)) else {
        return Outcome::skipped(
            file,
            SkipReason::NotASpec,
            "no known format: not OpenAPI 3, Swagger 2, Google discovery, MCP tools or function \
             definitions",
        );
    };
    let mut reading = Reading::new(file, reader.format, options, sink);
    (reader.read)(&root, &mut reading);
    let (mut counts, mut diagnostics) = reading.finish();
    if counts.operations() == 0 {
        diagnostics.push(Diagnostic::skipped(
            file,
            SkipReason::NoOperations,
            "a spec without operations",
        ));
        return Outcome {
            counts,
            diagnostics,
            skipped: Some(SkipReason::NoOperations),
        };
    }
    counts.formats.entry(reader.format).or_default().files += 1;
    Outcome {
        counts,
        diagnostics,
        skipped: None,
    }
}

/// A string field of an object, if it is there and not blank.
fn text<'d>(object: &'d Value, key: &str) -> Option<&'d str> {
    object
        .get(key)?
        .as_str()
        .filter(|text| !text.trim().is_empty())
}

/// The members of a list field.
fn list<'d>(object: &'d Value, key: &str) -> impl Iterator<Item = &'d Value> {
    object
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The entries of an object field, in the document's order.
fn entries<'d>(object: &'d Value, key: &str) -> impl Iterator<Item = (&'d str, &'d Value)> {
    object
        .get(key)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

/// A key as a part of a JSON pointer.
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
