//! What OpenAPI 3 and Swagger 2 have in common: `info`, `paths`, path items, references to parts that
//! are not schemas.

use serde_json::Value;

use super::{entries, escape, list, text};
use crate::operation::{Api, Parameter};
use crate::protocol::Credentials;
use crate::provider::{self, BaseUrl};
use crate::reading::Reading;
use crate::schema::follow;
use crate::{DiagnosticKind, Place, Severity, name};

/// Methods that a path item may have.
const METHODS: &[&str] = &[
    "get", "put", "post", "delete", "patch", "options", "head", "trace",
];

/// References to references that are followed.
const HOPS: usize = 16;

/// One operation, where it stands, and what its path item says for all its operations.
pub(super) struct Found<'d> {
    pub(super) pointer: String,
    pub(super) method: String,
    pub(super) path: &'d str,
    pub(super) item: &'d Value,
    pub(super) operation: &'d Value,
}

/// Hands every operation under `paths` to `visit`, as long as the limits allow.
pub(super) fn visit<'d>(
    root: &'d Value,
    reading: &mut Reading<'_>,
    visit: &mut dyn FnMut(Found<'d>, &mut Reading<'_>),
) {
    for (path, item) in entries(root, "paths") {
        if path.starts_with("x-") {
            continue;
        }
        let place = format!("/paths/{}", escape(path));
        let Some(item) = deref(root, item) else {
            let message =
                "the path is a reference that cannot be followed: bundle the spec into one \
                           file"
                    .to_owned();
            reading.note(
                Severity::Warning,
                DiagnosticKind::DanglingReference,
                &place,
                message,
            );
            continue;
        };
        let Some(fields) = item.as_object() else {
            continue;
        };
        for (key, operation) in fields {
            if !METHODS.contains(&key.as_str()) || !reading.has_room() {
                continue;
            }
            let pointer = format!("{place}/{key}");
            if !operation.is_object() {
                reading.unreadable(&pointer, "the operation is not an object: mend the spec");
                continue;
            }
            let found = Found {
                pointer,
                method: key.to_ascii_uppercase(),
                path,
                item,
                operation,
            };
            visit(found, reading);
        }
    }
}

/// The object itself, or the one that its `$ref` leads to inside the document.
pub(super) fn deref<'d>(root: &'d Value, object: &'d Value) -> Option<&'d Value> {
    let mut at = object;
    for _ in 0..HOPS {
        let Some(reference) = at.get("$ref").and_then(Value::as_str) else {
            return Some(at);
        };
        at = follow(root, reference.strip_prefix('#')?)?;
    }
    None
}

/// The parameters of an operation: its own, then those of its path item that it does not replace.
pub(super) fn parameters<'d>(root: &'d Value, found: &Found<'d>) -> Vec<&'d Value> {
    let mut out: Vec<&Value> = Vec::new();
    let shared = list(found.item, "parameters");
    let own: Vec<&Value> = list(found.operation, "parameters")
        .filter_map(|parameter| deref(root, parameter))
        .collect();
    let key = |parameter: &'d Value| (text(parameter, "in"), text(parameter, "name"));
    for parameter in shared.filter_map(|parameter| deref(root, parameter)) {
        if !own.iter().any(|other| key(other) == key(parameter)) {
            out.push(parameter);
        }
    }
    out.extend(own);
    out.truncate(MAX_PARAMETERS);
    out
}

/// Parameters of one operation that are looked at; the most seen in a real spec is some 200.
const MAX_PARAMETERS: usize = 1000;

/// The parts of a parameter that both formats share. `None` if it has no name or an unknown place.
pub(super) fn parameter(value: &Value) -> Option<Parameter<'_>> {
    let place = match text(value, "in")? {
        "path" => Some(Place::Path),
        "query" => Some(Place::Query),
        "header" => Some(Place::Header),
        "formData" => Some(Place::Body),
        "cookie" => None,
        _ => return None,
    };
    Some(Parameter {
        name: text(value, "name")?,
        place,
        required: value.get("required") == Some(&Value::Bool(true)),
        description: text(value, "description"),
        schema: value.get("schema"),
        repeated: false,
        example: value.get("example"),
    })
}

/// What `info` and the servers say about the API.
pub(super) fn api(root: &Value, reading: &Reading<'_>, base: &BaseUrl, security: &Value) -> Api {
    let nothing = Value::Null;
    let info = root.get("info").unwrap_or(&nothing);
    let title = text(info, "title").unwrap_or_else(|| provider::stem(reading.file));
    let provider = text(info, "x-providerName")
        .map(str::to_lowercase)
        .or_else(|| provider::from_host(&base.host))
        .or_else(|| provider::from_file(reading.file))
        .unwrap_or_else(|| name::slug(title));
    // The directory's own short name tells several APIs of one provider apart.
    let slug = name::slug(text(info, "x-serviceName").unwrap_or(title));
    let licence = info.get("license").unwrap_or(&nothing);
    let mut credentials = Credentials::new();
    for (_, scheme) in security.as_object().into_iter().flatten() {
        if text(scheme, "type") == Some("apiKey") {
            credentials.extend(text(scheme, "name").map(str::to_ascii_lowercase));
        }
    }
    Api {
        format: reading.format,
        provider: if provider.is_empty() {
            "unknown".to_owned()
        } else {
            provider
        },
        title: title.trim().to_owned(),
        slug: if slug.is_empty() {
            "api".to_owned()
        } else {
            slug
        },
        version: match info.get("version") {
            Some(Value::String(version)) => version.trim().to_owned(),
            Some(Value::Number(version)) => version.to_string(),
            _ => String::new(),
        },
        licence: ["identifier", "name", "url"]
            .iter()
            .find_map(|key| text(licence, key))
            .or_else(|| licence.as_str())
            .map(str::to_owned),
        categories: list(info, "x-apisguru-categories")
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        credentials,
    }
}

/// A base path and a path as one.
pub(super) fn join(base: &str, path: &str) -> String {
    let path = path.trim_start_matches('/');
    format!("{}/{path}", base.trim_end_matches('/'))
}

/// How much a media type is worth: JSON first, then forms, then the rest. Lower is better.
pub(super) fn media_rank(media: &str) -> u8 {
    let media = media.to_ascii_lowercase();
    let kind = media.split(';').next().unwrap_or_default().trim();
    match kind {
        "application/json" => 0,
        _ if kind.contains("json") && !kind.contains("patch") => 1,
        "*/*" | "" => 2,
        "application/x-www-form-urlencoded" => 3,
        "multipart/form-data" => 4,
        _ if kind.contains("json") => 5,
        _ if kind.contains("xml") => 6,
        _ => 7,
    }
}

/// A status code's place in the order of preference (200, 201, 202, other 2xx, `default`); `None` if it
/// is no success.
pub(super) fn status_rank(status: &str) -> Option<u8> {
    let status = status.to_ascii_uppercase();
    Some(match status.as_str() {
        "200" => 0,
        "201" => 1,
        "202" => 2,
        "2XX" => 3,
        _ if status.len() == 3 && status.starts_with('2') => 4,
        "DEFAULT" => 9,
        _ => return None,
    })
}

/// Whether a schema is what an API answers when something went wrong.
pub(super) fn is_error_schema(schema: &Value) -> bool {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else {
        return false;
    };
    let name = reference.rsplit('/').next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    ["error", "fault", "problem", "exception"]
        .iter()
        .any(|word| name.contains(word))
}

/// Whether a document's version field begins with this major version.
pub(super) fn starts_with_version(value: Option<&Value>, major: char) -> bool {
    match value {
        Some(Value::String(version)) => version.trim().starts_with(major),
        // YAML reads `swagger: 2.0` without quotes as a number.
        Some(Value::Number(version)) => version.to_string().starts_with(major),
        _ => false,
    }
}
