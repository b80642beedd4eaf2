//! One normalised API operation, and where it came from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One operation of an API, whatever format described it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Unique in a corpus and stable between runs: `<provider>/<api>#<operation>`.
    pub id: String,
    /// What a model calls: `[A-Za-z0-9_-]`, 1 to 64 characters.
    pub name: String,
    /// One or more sentences, white space normalised; may be empty.
    pub description: String,
    /// JSON Schema of the arguments, always `{"type": "object", "properties": ...}`.
    ///
    /// References are resolved. A resolved object carries `x-entity` with the name that the spec gave
    /// it; on `input` itself it names the object that the body is. A place where resolving stopped
    /// carries `x-cut` with the reason (`cycle`, `depth`, `size`, `dangling`). Where one alternative of
    /// several stands for all of them, `x-variants` says how many there are.
    pub input: Value,
    /// JSON Schema of the reply of success, resolved like `input`; `{"type": "null"}` where the spec
    /// says that nothing comes back.
    pub output: Option<Value>,
    /// Where `output` comes from.
    pub output_origin: OutputOrigin,
    /// The HTTP shape, where the format has one.
    pub http: Option<HttpShape>,
    /// Where the operation was read.
    pub source: Source,
}

/// Where an output schema comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputOrigin {
    /// The spec declares it.
    Declared,
    /// It was inferred from an example reply.
    Example,
    /// Nothing in the spec says what comes back.
    Missing,
}

impl OutputOrigin {
    /// Every origin.
    pub const ALL: [Self; 3] = [Self::Declared, Self::Example, Self::Missing];

    /// The name in reports and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Example => "example",
            Self::Missing => "missing",
        }
    }
}

/// Method, path and the place of each parameter of an HTTP operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpShape {
    /// Upper case: `GET`, `POST`, ...
    pub method: String,
    /// Path template with the API's base path, `{parameter}` in braces: `/v1/orders/{order_id}`.
    ///
    /// A parameter that stands for several segments carries their pattern, as Google writes it:
    /// `/v1/{name=projects/*/zones/*}:stop`. [`HttpShape::segments`] takes that apart.
    pub path: String,
    /// Where each property of [`ToolSpec::input`] travels.
    pub places: BTreeMap<String, Place>,
}

impl HttpShape {
    /// The path's segments in order, a parameter of several segments spread out: nouns and parameters
    /// alternate as in any other path.
    ///
    /// `/v1/{name=projects/*/zones/*}:stop` is the nouns `v1`, `projects`, a wildcard, `zones`, the
    /// parameter `name` and the verb `stop`.
    pub fn segments(&self) -> Vec<Segment<'_>> {
        let mut out = Vec::new();
        for segment in crate::version::segments(&self.path) {
            let Some((inner, tail)) = segment
                .strip_prefix('{')
                .and_then(|rest| rest.split_once('}'))
            else {
                let (noun, verb) = segment.split_once(':').unwrap_or((segment, ""));
                if !noun.is_empty() {
                    out.push(Segment::Noun(noun));
                }
                if !verb.is_empty() {
                    out.push(Segment::Verb(verb));
                }
                continue;
            };
            match inner.split_once('=') {
                None => out.push(Segment::Parameter(inner)),
                Some((name, pattern)) => {
                    let parts: Vec<&str> = pattern.split('/').collect();
                    for (place, part) in parts.iter().enumerate() {
                        let last = place + 1 == parts.len();
                        out.push(match (part.starts_with('*'), last) {
                            (true, true) => Segment::Parameter(name),
                            (true, false) => Segment::Wildcard,
                            (false, _) => Segment::Noun(part),
                        });
                    }
                }
            }
            if let Some(verb) = tail.strip_prefix(':')
                && !verb.is_empty()
            {
                out.push(Segment::Verb(verb));
            }
        }
        out
    }
}

/// One piece of a path template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment<'a> {
    /// A fixed word: `orders`.
    Noun(&'a str),
    /// A whole parameter, or the last segment of one: `order_id`.
    Parameter(&'a str),
    /// A segment inside a parameter that stands for several.
    Wildcard,
    /// What follows a colon: the `stop` of `/instances/{id}:stop`.
    Verb(&'a str),
}

/// Where a parameter travels in an HTTP request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the path template.
    Path,
    /// In the query string.
    Query,
    /// In a header.
    Header,
    /// In the body: one of its fields, or the whole of it.
    Body,
}

/// The format in which an operation was described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// OpenAPI 3.0 or 3.1.
    #[serde(rename = "openapi")]
    OpenApi,
    /// Swagger 2.0.
    Swagger2,
    /// Google API discovery document.
    Discovery,
    /// Reply of an MCP server to `tools/list`.
    Mcp,
    /// OpenAI or Anthropic function definitions, and the dialects of their kin.
    Functions,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::OpenApi,
        Self::Swagger2,
        Self::Discovery,
        Self::Mcp,
        Self::Functions,
    ];

    /// The name in reports and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenApi => "openapi",
            Self::Swagger2 => "swagger2",
            Self::Discovery => "discovery",
            Self::Mcp => "mcp",
            Self::Functions => "functions",
        }
    }
}

/// Where an operation was read, and under which terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Format of the file.
    pub format: Format,
    /// Who offers the API: `stripe.com`, `googleapis.com`; lower case.
    pub provider: String,
    /// The API's title or name, as the spec gives it.
    pub api: String,
    /// The API's version, as the spec gives it; may be empty.
    pub version: String,
    /// Path of the file inside the input, `/`-separated, archive entries behind `!`.
    pub file: String,
    /// Place in the file as a JSON pointer.
    pub pointer: String,
    /// Licence that the spec states.
    pub licence: Option<String>,
    /// Categories that the spec states.
    pub categories: Vec<String>,
    /// The spec's origin is a benchmark: it must not become training data.
    pub benchmark: bool,
}
