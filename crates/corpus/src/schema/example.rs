//! A schema guessed from an example.

use serde_json::{Map, Value, json};

/// Levels of objects and arrays that are described.
const DEPTH: usize = 6;
/// Fields of one object that are described.
const FIELDS: usize = 100;
/// Members of an array that are looked at.
const MEMBERS: usize = 5;

/// The schema of which `example` is an instance; `None` if the example says nothing.
pub(crate) fn schema_of_example(example: &Value) -> Option<Value> {
    match example {
        Value::Null => None,
        // An example of an object, written as text.
        Value::String(text) => schema_of_text(text).or_else(|| Some(schema(example, 0))),
        Value::Object(fields) if fields.is_empty() => None,
        _ => Some(schema(example, 0)),
    }
}

/// The schema of an example that is JSON in a string.
fn schema_of_text(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) || text.len() > 1 << 20 {
        return None;
    }
    let example: Value = serde_json::from_str(text).ok()?;
    schema_of_example(&example)
}

fn schema(example: &Value, depth: usize) -> Value {
    match example {
        Value::Null => json!({}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(number) if number.is_f64() => json!({"type": "number", "examples": [number]}),
        Value::Number(number) => json!({"type": "integer", "examples": [number]}),
        Value::String(text) => {
            let mut out = Map::new();
            out.insert("type".to_owned(), json!("string"));
            if let Some(format) = format(text) {
                out.insert("format".to_owned(), json!(format));
            }
            if !text.is_empty() && text.len() <= 60 {
                out.insert("examples".to_owned(), json!([text]));
            }
            Value::Object(out)
        }
        Value::Array(_) | Value::Object(_) if depth >= DEPTH => {
            let kind = if example.is_array() {
                "array"
            } else {
                "object"
            };
            json!({"type": kind, "x-cut": "depth"})
        }
        Value::Array(members) => {
            let items = members
                .iter()
                .take(MEMBERS)
                .map(|member| schema(member, depth + 1))
                .reduce(merge);
            match items {
                Some(items) => json!({"type": "array", "items": items}),
                None => json!({"type": "array"}),
            }
        }
        Value::Object(fields) => {
            let properties: Map<String, Value> = fields
                .iter()
                .take(FIELDS)
                .map(|(name, value)| (name.clone(), schema(value, depth + 1)))
                .collect();
            json!({"type": "object", "properties": properties})
        }
    }
}

/// A schema for members of one array: the first one's, with the fields that only others have.
fn merge(mut first: Value, second: Value) -> Value {
    if first.as_object().is_some_and(Map::is_empty) {
        return second;
    }
    let more = match second {
        Value::Object(mut second) => second.shift_remove("properties"),
        _ => None,
    };
    if let (Some(Value::Object(known)), Some(Value::Object(more))) =
        (first.get_mut("properties"), more)
    {
        for (name, schema) in more {
            match known.get_mut(&name) {
                Some(known) => *known = merge(known.take(), schema),
                None => {
                    known.insert(name, schema);
                }
            }
        }
    }
    first
}

/// The format that a text has, where it is plain to see.
fn format(text: &str) -> Option<&'static str> {
    let shape: String = text
        .chars()
        .take(40)
        .map(|c| match c {
            '0'..='9' => '9',
            'a'..='f' | 'A'..='F' => 'x',
            other => other,
        })
        .collect();
    if shape == "9999-99-99" {
        return Some("date");
    }
    if shape.starts_with("9999-99-99T99:99") || shape.starts_with("9999-99-99 99:99") {
        return Some("date-time");
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return Some("uri");
    }
    let hex = |part: &str| part.chars().all(|c| matches!(c, '9' | 'x'));
    let groups: Vec<&str> = shape.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    if lengths == [8, 4, 4, 4, 12] && groups.into_iter().all(hex) {
        return Some("uuid");
    }
    let (user, host) = text.split_once('@')?;
    let mail = !user.is_empty() && host.contains('.') && !text.contains(char::is_whitespace);
    mail.then_some("email")
}
