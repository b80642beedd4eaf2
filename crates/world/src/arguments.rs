//! Validates a call's arguments against the tool's JSON Schema, and brings them into one form.

use jsonschema::Validator;
use serde_json::{Map, Value};

use crate::cell::Cell;

/// The arguments of one call may take this many bytes as JSON.
pub(crate) const MAX_ARGUMENT_BYTES: usize = 256 << 10;
/// They may be nested this deep. The log of calls, which holds them a few levels further down, must be
/// readable again, and JSON is read to a depth of 128.
const MAX_DEPTH: usize = 64;
/// A message names this many wrong arguments at most.
const MAX_NAMED: usize = 8;
/// A message about an argument shows this many characters of it at most.
const MAX_SHOWN: usize = 200;

/// The schema of a tool's arguments, ready to check calls.
#[derive(Debug)]
pub(crate) struct ArgumentSchema {
    pub(crate) schema: Value,
    validator: Validator,
    pub(crate) parameters: Vec<Parameter>,
    closed: bool,
    /// Names alone are checked.
    lenient: bool,
}

/// One parameter of a tool.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its JSON Schema.
    pub schema: Value,
    /// Must be given.
    pub required: bool,
    /// The value that it takes when it is not given.
    pub default: Option<Value>,
    /// It has values that can be written in several ways.
    plain: bool,
    /// Members inside it have defaults.
    inner_defaults: bool,
}

impl Parameter {
    /// The JSON Schema type, or its first one that is not `null`; empty when the schema names none.
    pub fn kind(&self) -> &str {
        schema_type(&self.schema).unwrap_or_default()
    }

    /// True when the value is of the type that the schema names; a truth value is a number, too.
    pub(crate) fn takes(&self, value: &Value) -> bool {
        match self.kind() {
            "string" => value.is_string(),
            "integer" | "number" => value.is_number() || value.is_boolean(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => true,
        }
    }

    /// The values that the schema allows, where it lists them.
    pub fn choices(&self) -> Option<&[Value]> {
        self.schema.get("enum")?.as_array().map(Vec::as_slice)
    }
}

/// The JSON Schema type of a schema, or its first one that is not `null`.
pub fn schema_type(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(name) => Some(name),
        Value::Array(names) => names
            .iter()
            .filter_map(Value::as_str)
            .find(|name| *name != "null"),
        _ => None,
    }
}

impl ArgumentSchema {
    /// Compiles a schema. The message says what is wrong with it.
    pub(crate) fn compile(schema: &Value, lenient: bool) -> Result<Self, String> {
        if schema_type(schema).is_some_and(|kind| kind != "object") {
            return Err("the arguments of a tool are an object; write type = \"object\"".into());
        }
        if has_remote_reference(schema) {
            return Err("$ref may point into the same schema only: \"#/...\"".into());
        }
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(schema)
            .map_err(|error| format!("not a valid JSON Schema: {error}"))?;
        let empty = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if let Some(missing) = required
            .iter()
            .find(|name| !properties.contains_key(**name))
        {
            return Err(format!("required names {missing:?}, which is no property"));
        }
        let parameters = properties
            .iter()
            .map(|(name, schema)| Parameter {
                name: name.clone(),
                schema: schema.clone(),
                required: required.contains(&name.as_str()),
                default: schema.get("default").cloned(),
                plain: needs_form(schema),
                inner_defaults: has_inner_defaults(schema, 0),
            })
            .collect();
        let closed = !matches!(
            schema.get("additionalProperties"),
            Some(Value::Bool(true) | Value::Object(_))
        );
        Ok(Self {
            schema: schema.clone(),
            validator,
            parameters,
            closed,
            lenient,
        })
    }

    /// Checks the arguments of a call and returns them in one form: integral numbers of integer
    /// parameters as integers. The message names every argument that is wrong.
    pub(crate) fn check(&self, arguments: &Value) -> Result<Map<String, Value>, String> {
        let Some(given) = arguments.as_object() else {
            return Err(format!(
                "arguments must be a JSON object, not {}",
                shown(arguments)
            ));
        };
        let mut wrong: Vec<String> = Vec::new();
        if let Some(place) = unbindable(arguments) {
            wrong.push(place);
        }
        if self.closed {
            let unknown = given
                .keys()
                .filter(|name| !self.parameters.iter().any(|known| known.name == **name));
            for name in unknown.take(MAX_NAMED) {
                let known: Vec<&str> = self
                    .parameters
                    .iter()
                    .map(|known| known.name.as_str())
                    .collect();
                wrong.push(format!(
                    "{}: no such parameter; there are: {}",
                    cut(name),
                    known.join(", ")
                ));
            }
        }
        if self.lenient {
            for parameter in &self.parameters {
                if parameter.required && !given.contains_key(&parameter.name) {
                    wrong.push(format!("{}: it must be given", parameter.name));
                }
            }
            if wrong.is_empty() {
                return Ok(given.clone());
            }
            return Err(wrong.join("; "));
        }
        for error in self.validator.iter_errors(arguments).take(MAX_NAMED) {
            let path = error.instance_path().to_string();
            let place = path.trim_start_matches('/').replace('/', ".");
            let message = cut(&error.to_string());
            wrong.push(if place.is_empty() {
                message
            } else {
                format!("{}: {message}", cut(&place))
            });
        }
        if !wrong.is_empty() {
            wrong.dedup();
            return Err(wrong.join("; "));
        }
        let mut canonical = given.clone();
        for parameter in &self.parameters {
            if parameter.plain
                && let Some(value) = canonical.get_mut(&parameter.name)
            {
                canonicalise(value, &parameter.schema);
            }
        }
        Ok(canonical)
    }

    /// The cell that a parameter is bound to: what was given, else its default, else NULL. Members that
    /// were left out inside a list or an object take their defaults too.
    pub(crate) fn cell(parameter: &Parameter, given: &Map<String, Value>) -> Cell {
        match given.get(&parameter.name) {
            Some(value) if parameter.inner_defaults => {
                let mut value = value.clone();
                fill_defaults(&mut value, &parameter.schema);
                Cell::from_json(&value)
            }
            Some(value) => Cell::from_json(value),
            None => parameter
                .default
                .as_ref()
                .map_or(Cell::Null, Cell::from_json),
        }
    }
}

/// True when a member below the schema's top has a default.
fn has_inner_defaults(schema: &Value, depth: usize) -> bool {
    (depth > 0 && schema.get("default").is_some())
        || inner_schemas(schema).any(|(_, inner)| has_inner_defaults(inner, depth + 1))
}

/// The schemas of a list's elements and of an object's members, these with their names.
fn inner_schemas(schema: &Value) -> impl Iterator<Item = (Option<&str>, &Value)> {
    let items = schema.get("items").map(|items| (None, items));
    let members = schema.get("properties").and_then(Value::as_object);
    let members = members.into_iter().flatten();
    items
        .into_iter()
        .chain(members.map(|(name, inner)| (Some(name.as_str()), inner)))
}

fn fill_defaults(value: &mut Value, schema: &Value) {
    for (name, inner) in inner_schemas(schema) {
        match (name, &mut *value) {
            (None, Value::Array(elements)) => {
                for element in elements {
                    fill_defaults(element, inner);
                }
            }
            (Some(name), Value::Object(members)) => {
                if !members.contains_key(name)
                    && let Some(default) = inner.get("default")
                {
                    members.insert(name.to_string(), default.clone());
                }
                if let Some(member) = members.get_mut(name) {
                    fill_defaults(member, inner);
                }
            }
            _ => {}
        }
    }
}

/// True when a value of this schema, or a part of it, can be written in several ways.
fn needs_form(schema: &Value) -> bool {
    match schema_type(schema) {
        Some("integer") => true,
        Some("string") => schema.get("format").and_then(Value::as_str) == Some("date-time"),
        Some("array") => schema.get("items").is_some_and(needs_form),
        Some("object") => schema
            .get("properties")
            .and_then(Value::as_object)
            .is_some_and(|members| members.values().any(needs_form)),
        _ => false,
    }
}

/// Brings a valid value into one form: an integral number of an integer as an integer, an instant in
/// UTC to the second.
fn canonicalise(value: &mut Value, schema: &Value) {
    match (schema_type(schema), value) {
        (Some("integer"), value) => {
            if let Some(real) = value.as_f64().filter(|_| value.as_i64().is_none()) {
                *value = Value::from(real as i64);
            }
        }
        (Some("string"), Value::String(text))
            if schema.get("format").and_then(Value::as_str) == Some("date-time") =>
        {
            if let Some(seconds) = crate::instant::parse(text) {
                *text = crate::instant::format(seconds);
            }
        }
        (Some("array"), Value::Array(elements)) => {
            if let Some(items) = schema.get("items") {
                for element in elements {
                    canonicalise(element, items);
                }
            }
        }
        (Some("object"), Value::Object(members)) => {
            for (name, inner) in schema
                .get("properties")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
            {
                if let Some(member) = members.get_mut(name) {
                    canonicalise(member, inner);
                }
            }
        }
        _ => {}
    }
}

/// Why arguments are more than any call may bring, if they are.
pub(crate) fn too_large(arguments: &Value) -> Option<String> {
    fn weigh(value: &Value, depth: usize, bytes: &mut usize) -> Option<String> {
        if depth > MAX_DEPTH {
            return Some(format!("arguments may be nested {MAX_DEPTH} levels deep"));
        }
        *bytes += match value {
            Value::String(text) => text.len() + 3,
            _ => 2,
        };
        if *bytes > MAX_ARGUMENT_BYTES {
            return Some(format!("arguments may take {MAX_ARGUMENT_BYTES} bytes"));
        }
        match value {
            Value::Array(elements) => elements
                .iter()
                .find_map(|element| weigh(element, depth + 1, bytes)),
            Value::Object(members) => members.iter().find_map(|(name, member)| {
                *bytes += name.len() + 4;
                weigh(member, depth + 1, bytes)
            }),
            _ => None,
        }
    }
    weigh(arguments, 0, &mut 0)
}

/// A place of the arguments that SQLite could not hold faithfully.
fn unbindable(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.contains('\0') => {
            Some("a string holds U+0000, which is not allowed".into())
        }
        Value::Number(number) if number.as_i64().is_none() => {
            let real = number.as_f64().unwrap_or(f64::INFINITY);
            let integral = number.is_u64() || (real.fract() == 0.0 && real.abs() >= 9.0e18);
            (integral || !real.is_finite())
                .then(|| format!("{} does not fit into 64 bits", cut(&number.to_string())))
        }
        Value::Array(elements) => elements.iter().find_map(unbindable),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            if name.contains('\0') {
                return Some("a name holds U+0000, which is not allowed".into());
            }
            unbindable(value)
        }),
        _ => None,
    }
}

/// Checks results against a tool's `[output]`. The message says what is wrong with the schema.
pub(crate) fn output_validator(schema: &Value) -> Result<Validator, String> {
    if has_remote_reference(schema) {
        return Err("$ref may point into the same schema only: \"#/...\"".into());
    }
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .build(schema)
        .map_err(|error| format!("not a valid JSON Schema: {error}"))
}

fn has_remote_reference(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (["$ref", "$dynamicRef"].contains(&name.as_str())
                && value
                    .as_str()
                    .is_some_and(|target| !target.starts_with('#')))
                || has_remote_reference(value)
        }),
        Value::Array(elements) => elements.iter().any(has_remote_reference),
        _ => false,
    }
}

fn shown(value: &Value) -> String {
    cut(&value.to_string())
}

/// The beginning of a text that may be long.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(arguments: &Value) -> Result<Map<String, Value>, String> {
        let schema = json!({
            "type": "object",
            "required": ["order_id"],
            "properties": {
                "order_id": {"type": "string"},
                "count": {"type": "integer", "default": 1},
                "day": {"type": "string", "format": "date"}
            }
        });
        ArgumentSchema::compile(&schema, false)
            .unwrap()
            .check(arguments)
    }

    #[test]
    fn integral_numbers_become_integers() {
        let canonical = check(&json!({"order_id": "W1", "count": 2.0})).unwrap();
        assert_eq!(canonical["count"].to_string(), "2");
    }

    #[test]
    fn instants_have_one_form() {
        let schema = json!({"properties": {"at": {"type": "string", "format": "date-time"}}});
        let schema = ArgumentSchema::compile(&schema, false).unwrap();
        let canonical = schema
            .check(&json!({"at": "2026-03-02T10:00:00.000+01:00"}))
            .unwrap();
        assert_eq!(canonical["at"], "2026-03-02T09:00:00Z");
    }

    #[test]
    fn every_wrong_argument_is_named() {
        let message = check(&json!({"order": 1, "count": 1.5})).unwrap_err();
        assert!(message.contains("order: no such parameter"), "{message}");
        assert!(message.contains("count: 1.5"), "{message}");
        assert!(
            message.contains("\"order_id\" is a required property"),
            "{message}"
        );
    }

    #[test]
    fn what_sqlite_cannot_hold_is_refused() {
        assert!(check(&json!({"order_id": "a\0b"})).is_err());
        assert!(check(&json!({"order_id": "a", "count": 18_446_744_073_709_551_615_u64})).is_err());
        assert!(check(&json!({"order_id": "a", "count": 1e30})).is_err());
        assert!(check(&json!({"order_id": "a", "day": "2026-02-30"})).is_err());
        assert!(check(&json!([1])).is_err());
    }
}
