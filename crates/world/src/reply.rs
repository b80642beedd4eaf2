//! What a call returns, and how result rows become JSON.

use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arguments::schema_type;

/// Why a call failed. A failed call changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The arguments do not fit the tool's schema.
    InvalidArguments,
    /// A guard or a constraint refused it.
    Refused,
    /// There is no such tool, or it is not the caller's.
    NotFound,
    /// It used more steps, rows or bytes than a call may.
    Limit,
    /// The world is broken: nothing that a caller did.
    Fault,
}

impl ErrorKind {
    /// The names of all kinds.
    pub const NAMES: [&str; 5] = [
        "invalid_arguments",
        "refused",
        "not_found",
        "limit",
        "fault",
    ];

    /// The name that agents read.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidArguments => "invalid_arguments",
            Self::Refused => "refused",
            Self::NotFound => "not_found",
            Self::Limit => "limit",
            Self::Fault => "fault",
        }
    }
}

/// A typed error: its kind and a message for the caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What happened, for the caller.
    pub message: String,
    /// Position in [`crate::Tool::guards`] of the guard that refused, for the program that embeds
    /// worlds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<usize>,
}

impl CallError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            guard: None,
        }
    }

    pub(crate) fn fault(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Fault, message)
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, message)
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.kind.name(), self.message)
    }
}

/// The reply to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The result as JSON text, or why there is none.
    pub result: Result<String, CallError>,
}

impl Reply {
    /// True when the call succeeded.
    pub fn is_ok(&self) -> bool {
        self.result.is_ok()
    }

    /// The reply as an agent reads it: the result, or `{"error": {"type": ..., "message": ...}}`.
    pub fn content(&self) -> String {
        match &self.result {
            Ok(text) => text.clone(),
            Err(error) => serde_json::json!({
                "error": {"type": error.kind.name(), "message": error.message}
            })
            .to_string(),
        }
    }

    /// The result as a value; None when the call failed.
    pub fn value(&self) -> Option<Value> {
        self.result
            .as_ref()
            .ok()
            .and_then(|text| serde_json::from_str(text).ok())
    }
}

/// How the rows of a result become one JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// The first row as an object; null when there is none.
    Object,
    /// All rows as an array of objects.
    Objects,
    /// The first column of all rows as an array.
    Scalars,
    /// The first column of the first row; null when there is none.
    Scalar,
}

/// How one column becomes a member of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As SQLite holds it.
    Plain,
    /// 0 and 1 as false and true.
    Boolean,
    /// JSON text, as it is.
    Json,
    /// JSON text with members that are booleans in the schema but 0 and 1 in JSON1's output.
    Nested(Nested),
}

/// Where booleans, lists and objects stand inside a nested value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nested {
    Leave,
    Boolean,
    /// A list or an object of which nothing is known; JSON text becomes what it says.
    Json,
    Array(Box<Nested>),
    Object(Vec<(String, Nested)>),
}

impl Nested {
    fn of(schema: &Value) -> Self {
        match schema_type(schema) {
            Some("boolean") => Self::Boolean,
            Some("array") => match schema.get("items").map(Self::of) {
                None | Some(Self::Leave) => Self::Json,
                Some(inner) => Self::Array(Box::new(inner)),
            },
            Some("object") => {
                let members: Vec<(String, Self)> = schema
                    .get("properties")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(name, schema)| (name.clone(), Self::of(schema)))
                    .filter(|(_, nested)| *nested != Self::Leave)
                    .collect();
                if members.is_empty() {
                    Self::Json
                } else {
                    Self::Object(members)
                }
            }
            _ => Self::Leave,
        }
    }

    fn apply(&self, value: &mut Value) {
        // SQLite forgets that a text is JSON once it went through a column or a view.
        if !matches!(self, Self::Leave | Self::Boolean)
            && let Value::String(text) = value
            && let Ok(inner @ (Value::Array(_) | Value::Object(_))) = serde_json::from_str(text)
        {
            *value = inner;
        }
        match self {
            Self::Leave | Self::Json => {}
            Self::Boolean => {
                if let Some(number) = value.as_i64() {
                    *value = Value::Bool(number != 0);
                }
            }
            Self::Array(inner) => {
                for element in value.as_array_mut().into_iter().flatten() {
                    inner.apply(element);
                }
            }
            Self::Object(members) => {
                for (name, inner) in members {
                    if let Some(member) = value.get_mut(name) {
                        inner.apply(member);
                    }
                }
            }
        }
    }
}

/// How a tool's `[output]` shapes its rows: the rows, and the schema of one row's members.
pub(crate) fn rows_of(output: &Value) -> (Rows, Option<&Value>) {
    match schema_type(output) {
        Some("array") => match output.get("items") {
            Some(items) if schema_type(items).is_some_and(|kind| kind != "object") => {
                (Rows::Scalars, Some(items))
            }
            items => (Rows::Objects, items),
        },
        Some("object") | None => (Rows::Object, Some(output)),
        Some(_) => (Rows::Scalar, Some(output)),
    }
}

/// The shape that a member's schema asks for.
pub(crate) fn shape_of(schema: &Value) -> Shape {
    match schema_type(schema) {
        Some("boolean") => Shape::Boolean,
        Some("array" | "object") => match Nested::of(schema) {
            Nested::Leave | Nested::Json => Shape::Json,
            nested => Shape::Nested(nested),
        },
        Some("string") if schema.get("contentMediaType") == Some(&"application/json".into()) => {
            Shape::Json
        }
        _ => Shape::Plain,
    }
}

/// Appends one value as JSON.
///
/// # Errors
/// When the value cannot be JSON: the world is broken.
pub(crate) fn write_cell(
    out: &mut Vec<u8>,
    value: ValueRef<'_>,
    shape: &Shape,
) -> Result<(), String> {
    match (value, shape) {
        (ValueRef::Null, _) => out.extend_from_slice(b"null"),
        (ValueRef::Integer(number), Shape::Boolean) => {
            out.extend_from_slice(if number == 0 { b"false" } else { b"true" });
        }
        (ValueRef::Integer(number), _) => {
            serde_json::to_writer(out, &number).map_err(|error| error.to_string())?;
        }
        (ValueRef::Real(number), _) => {
            if !number.is_finite() {
                return Err("a result holds a number that is not finite".into());
            }
            serde_json::to_writer(out, &number).map_err(|error| error.to_string())?;
        }
        (ValueRef::Text(bytes), shape) => {
            let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
            match shape {
                Shape::Plain | Shape::Boolean => {
                    serde_json::to_writer(out, text).map_err(|error| error.to_string())?;
                }
                Shape::Json => {
                    serde_json::from_str::<serde::de::IgnoredAny>(text)
                        .map_err(|error| format!("a result column is not JSON: {error}"))?;
                    out.extend_from_slice(bytes);
                }
                Shape::Nested(nested) => {
                    let mut value: Value = serde_json::from_str(text)
                        .map_err(|error| format!("a result column is not JSON: {error}"))?;
                    nested.apply(&mut value);
                    serde_json::to_writer(out, &value).map_err(|error| error.to_string())?;
                }
            }
        }
        (ValueRef::Blob(_), _) => return Err("a result holds a BLOB".into()),
    }
    Ok(())
}
