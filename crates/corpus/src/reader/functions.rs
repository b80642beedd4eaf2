//! Function definitions: OpenAI's and Anthropic's, those of Gemini, and the dialects of BFCL, ACEBench
//! and NESTFUL, as one value or as JSON lines.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::mcp::Function;
use super::text;
use crate::operation::Api;
use crate::protocol::Credentials;
use crate::reading::Reading;
use crate::{Format, benchmark, name, provider};

/// Fields under which a function's arguments are described.
const INPUTS: &[&str] = &[
    "parameters",
    "input_schema",
    "arguments",
    "query_parameters",
    "parametersJsonSchema",
];
/// Fields under which its result is described.
const OUTPUTS: &[&str] = &[
    "response",
    "results",
    "output_parameters",
    "output_schema",
    "returns",
];
/// Fields that hold a function or a list of them.
const HOLDERS: &[&str] = &[
    "function",
    "functions",
    "tools",
    "functionDeclarations",
    "function_declarations",
];
/// Holders inside holders that are looked into.
const DEPTH: usize = 4;

pub(super) fn recognises(root: &Value) -> bool {
    finds_function(root, 0)
}

/// Whether a value is a function: a name, and arguments that look like a schema.
fn is_function(value: &Value) -> bool {
    text(value, "name").is_some() && input(value).is_some_and(is_schema)
}

fn input(function: &Value) -> Option<&Value> {
    INPUTS.iter().find_map(|key| function.get(*key))
}

/// A schema of an object, or a bare map from names to schemas.
fn is_schema(value: &Value) -> bool {
    let Value::Object(fields) = value else {
        return false;
    };
    fields.is_empty()
        || fields.get("properties").is_some_and(Value::is_object)
        || fields.get("type").is_some_and(Value::is_string)
        || is_bare_map(fields)
}

/// `{"city": {"type": "string"}}`, without `properties` around it.
fn is_bare_map(fields: &Map<String, Value>) -> bool {
    fields.values().all(|field| {
        field
            .as_object()
            .is_some_and(|field| field.contains_key("type") || field.contains_key("description"))
    })
}

fn finds_function(value: &Value, depth: usize) -> bool {
    if depth > DEPTH {
        return false;
    }
    match value {
        Value::Array(items) => items
            .iter()
            .take(50)
            .any(|item| finds_function(item, depth + 1)),
        Value::Object(fields) => {
            is_function(value)
                || HOLDERS.iter().any(|holder| {
                    fields
                        .get(*holder)
                        .is_some_and(|inner| finds_function(inner, depth + 1))
                })
        }
        _ => false,
    }
}

pub(super) fn read(root: &Value, reading: &mut Reading<'_>) {
    let stem = provider::stem(reading.file);
    let slug = name::slug(stem);
    let slug = if slug.is_empty() {
        "functions".to_owned()
    } else {
        slug
    };
    let api = Api {
        format: Format::Functions,
        provider: slug.clone(),
        title: stem.to_owned(),
        slug,
        version: String::new(),
        licence: None,
        categories: Vec::new(),
        credentials: Credentials::new(),
    };
    let place = Place {
        pointer: String::new(),
        benchmark: false,
        listed: false,
    };
    walk(root, &place, 0, &api, reading);
}

/// Where a value stands.
struct Place {
    pointer: String,
    /// Inside a test case of a benchmark.
    benchmark: bool,
    /// In a list of functions, so that it is one even without arguments.
    listed: bool,
}

fn walk(value: &Value, place: &Place, depth: usize, api: &Api, reading: &mut Reading<'_>) {
    if depth > DEPTH {
        return;
    }
    let inside = |key: &str, benchmark: bool, listed: bool| Place {
        pointer: format!("{}/{key}", place.pointer),
        benchmark: place.benchmark || benchmark,
        listed,
    };
    match value {
        Value::Array(items) => {
            let listed = place.listed || items.iter().take(50).any(is_function);
            for (index, item) in items.iter().enumerate() {
                let place = inside(&index.to_string(), false, listed);
                walk(item, &place, depth + 1, api, reading);
            }
        }
        Value::Object(fields) => {
            let benchmark = benchmark::is_test_case(value);
            if is_function(value) || place.listed && !holds_functions(fields) {
                if reading.has_room() {
                    read_function(value, place, api, reading);
                }
                return;
            }
            for holder in HOLDERS {
                if let Some(inner) = fields.get(*holder) {
                    walk(
                        inner,
                        &inside(holder, benchmark, true),
                        depth + 1,
                        api,
                        reading,
                    );
                }
            }
        }
        _ if place.listed && reading.has_room() => {
            reading.unreadable(
                &place.pointer,
                "the function is not an object: mend the file",
            );
        }
        _ => {}
    }
}

fn holds_functions(fields: &Map<String, Value>) -> bool {
    HOLDERS.iter().any(|holder| {
        fields
            .get(*holder)
            .is_some_and(|v| v.is_object() || v.is_array())
    })
}

fn read_function(value: &Value, place: &Place, api: &Api, reading: &mut Reading<'_>) {
    let nothing = json!({});
    let schema = input(value).unwrap_or(&nothing);
    let schema = with_properties(schema);
    let output = OUTPUTS
        .iter()
        .find_map(|key| value.get(*key))
        .filter(|schema| is_schema(schema))
        .map(with_properties);
    Function {
        name: text(value, "name").unwrap_or_default(),
        summary: None,
        description: text(value, "description"),
        input: &schema,
        output: output.as_deref(),
        benchmark: place.benchmark || benchmark::is_dialect(value),
    }
    .emit(api, &place.pointer, reading);
}

/// A bare map from names to schemas as a schema of an object. There `required` is a flag of each field.
fn with_properties(schema: &Value) -> Cow<'_, Value> {
    let Value::Object(fields) = schema else {
        return Cow::Borrowed(schema);
    };
    let declared = fields.get("type").is_some_and(Value::is_string)
        || fields.contains_key("properties")
        || fields.contains_key("$ref")
        || fields.contains_key("anyOf");
    if fields.is_empty() || declared || !is_bare_map(fields) {
        return Cow::Borrowed(schema);
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|(_, field)| {
            field.get("required") == Some(&Value::Bool(true))
                && !field
                    .get("type")
                    .and_then(Value::as_str)
                    .is_some_and(|kind| kind.contains("optional"))
        })
        .map(|(name, _)| name.as_str())
        .collect();
    Cow::Owned(json!({"type": "object", "properties": fields, "required": required}))
}
