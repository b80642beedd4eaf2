//! Values as Python spells them: `str`, `repr` and the words of its commonest errors.

use practicum_world::python_float;
use serde_json::Value;

/// `str(value)`.
pub(crate) fn spoken(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ => repr(value),
    }
}

/// `repr(value)`.
pub(crate) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() => python_float(real),
            _ => number.to_string(),
        },
        Value::String(text) => quoted(text),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(repr).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(members) => {
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}: {}", quoted(name), repr(value)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// A text in quotes: single ones, unless it holds such and no double ones.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => {
                out.push('\\');
                out.push(character);
            }
            '\0'..='\u{1f}' | '\u{7f}'..='\u{a0}' | '\u{ad}' => {
                out.push_str(&format!("\\x{:02x}", u32::from(character)));
            }
            _ => out.push(character),
        }
    }
    out.push(quote);
    out
}

/// The name of the value's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// What Python says when the value is looked up in a dictionary but cannot be.
pub(crate) fn unhashable(value: &Value) -> Option<String> {
    (value.is_array() || value.is_object())
        .then(|| format!("unhashable type: '{}'", type_name(value)))
}

/// The list of what Python goes through in `for element in value`; None when it cannot.
pub(crate) fn elements(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(elements) => Some(elements.clone()),
        Value::String(text) => Some(
            text.chars()
                .map(|letter| Value::from(letter.to_string()))
                .collect(),
        ),
        Value::Object(members) => Some(
            members
                .keys()
                .map(|key| Value::from(key.as_str()))
                .collect(),
        ),
        _ => None,
    }
}

/// What Python says of `for element in value` when the value has none.
pub(crate) fn not_iterable(value: &Value) -> Option<String> {
    elements(value)
        .is_none()
        .then(|| format!("'{}' object is not iterable", type_name(value)))
}

/// What Python says of `len(value)` when the value has no length.
pub(crate) fn no_len(value: &Value) -> Option<String> {
    elements(value)
        .is_none()
        .then(|| format!("object of type '{}' has no len()", type_name(value)))
}

/// What Python says of `value.name` when the value has no such attribute. Knows the attributes that the
/// benchmark's tools ask of their arguments.
pub(crate) fn no_attribute(value: &Value, name: &str) -> Option<String> {
    let has = match name {
        "lower" | "startswith" => value.is_string(),
        "count" => value.is_string() || value.is_array(),
        _ => false,
    };
    (!has).then(|| format!("'{}' object has no attribute '{name}'", type_name(value)))
}

/// A list in words: `'a', 'b', and 'c'`, as Python names missing arguments.
pub(crate) fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match &names[..] {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_spelled_as_python_spells_them() {
        assert_eq!(
            repr(&json!([1, 2.0, null, true, "it's"])),
            "[1, 2.0, None, True, \"it's\"]"
        );
        assert_eq!(repr(&json!({"a": "\n\u{7f}é"})), "{'a': '\\n\\x7fé'}");
        assert_eq!(spoken(&json!("it's")), "it's");
        assert_eq!(listed(&["a", "b", "c"]), "'a', 'b', and 'c'");
    }
}
