//! Reads API specs of every common format into one shape: the [`ToolSpec`].
//!
//! OpenAPI 3.0 and 3.1, Swagger 2.0, Google discovery documents, MCP `tools/list` replies, and function
//! definitions as OpenAI, Anthropic and several benchmarks write them; as files, folders, `.tar.zst`,
//! `.tar.gz`, `.zip`, npm packages and Python wheels. What a file is, its content says, not its name.
//!
//! ```
//! use practicum_corpus::{Corpus, Options, ToolColumn, ingest};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let spec = r##"{
//!   "openapi": "3.0.0",
//!   "info": {"title": "Orders", "version": "1"},
//!   "servers": [{"url": "https://api.shop.example.dev/v1"}],
//!   "paths": {"/orders/{id}": {"get": {
//!     "operationId": "getOrder",
//!     "summary": "Get one order",
//!     "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
//!     "responses": {"200": {"content": {"application/json": {"schema": {
//!       "$ref": "#/components/schemas/Order"}}}}}
//!   }}},
//!   "components": {"schemas": {"Order": {"type": "object", "properties": {"id": {"type": "string"}}}}}
//! }"##;
//! let input = folder.path().join("shop.json");
//! std::fs::write(&input, spec)?;
//!
//! let out = folder.path().join("corpus");
//! let report = ingest(&[input], &Options::default(), &out, &mut |_| {})?;
//! assert_eq!((report.operations.read, report.operations.kept), (1, 1));
//!
//! let corpus = Corpus::open(&out)?;
//! assert_eq!(corpus.column(ToolColumn::Id)?, ["example.dev/orders#getOrder"]);
//! for spec in corpus.specs() {
//!     let spec = spec?;
//!     let http = spec.http.as_ref().map(|http| (http.method.as_str(), http.path.as_str()));
//!     assert_eq!(http, Some(("GET", "/v1/orders/{id}")));
//!     assert_eq!(spec.output.unwrap_or_default()["x-entity"], "Order");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A reader never fails: what is wrong with a spec is a [`Diagnostic`] with file, place and what to do,
//! and the rest is read. The [`Report`] accounts for every operation: kept, or dropped for a reason. An
//! [`IngestError`] is a mistake of the user's or a fault of the machine.
//!
//! Input is hostile until checked: sizes, depths, numbers of values and of entries are limited
//! ([`Limits`]), references are resolved within a budget, circular ones are cut and marked. Memory stays
//! bounded, and the result does not depend on the number of threads.
//!
//! To add a format, see `reader.rs`.

mod archive;
mod benchmark;
mod corpus;
mod diagnostic;
mod document;
mod error;
mod fold;
mod ingest;
mod name;
mod operation;
mod options;
mod protocol;
mod provider;
mod reader;
mod reading;
mod report;
mod row;
mod schema;
mod text;
mod tool_spec;
mod version;
mod walk;

pub use corpus::{Corpus, ToolColumn};
pub use diagnostic::{Diagnostic, DiagnosticKind, DropReason, Severity, SkipReason};
pub use error::{CorpusError, IngestError};
pub use ingest::{Progress, ingest, read_bytes};
pub use options::{Filters, Limits, Options};
pub use report::{FileCounts, FormatCounts, KeptCounts, OperationCounts, Report};
pub use tool_spec::{Format, HttpShape, OutputOrigin, Place, Segment, Source, ToolSpec};
