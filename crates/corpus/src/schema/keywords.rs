//! The keywords of one schema, translated: types, bounds, enumerations, examples.

use serde_json::{Map, Number, Value, json};

use super::flatten::Flat;
use super::size;

/// Longest enumeration, pattern, default or example that is kept, in bytes of JSON.
const ENUM_BYTES: usize = 2048;
const PATTERN_BYTES: usize = 200;
const VALUE_BYTES: usize = 120;
/// The same for an enumeration once the schema's budget is spent.
const ENUM_BYTES_TIGHT: usize = 256;

/// Keywords of a schema that are copied when they are numbers.
const BOUNDS: &[&str] = &[
    "minimum",
    "maximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
];

/// The JSON Schema type that a dialect's type name means, with a format where the name implies one.
pub(super) fn type_name(name: &str) -> Option<(&'static str, Option<&'static str>)> {
    // The names of JSON Schema first: they are nearly all there is.
    let plain = match name {
        "string" => "string",
        "integer" => "integer",
        "number" => "number",
        "boolean" => "boolean",
        "object" => "object",
        "array" => "array",
        "null" => "null",
        _ => "",
    };
    if !plain.is_empty() {
        return Some((plain, None));
    }
    // `str, optional` and `List[str]` occur in function documents.
    let lower = name.to_ascii_lowercase();
    let word: &str = lower
        .split([',', '[', '<', '('])
        .next()
        .unwrap_or_default()
        .trim();
    Some(match word {
        "string" | "str" | "text" | "char" | "character" | "enum" | "password" => ("string", None),
        "integer" | "int" | "int32" | "int64" | "long" | "short" | "uint32" | "uint64" => {
            ("integer", None)
        }
        "number" | "float" | "double" | "decimal" | "numeric" => ("number", None),
        "boolean" | "bool" => ("boolean", None),
        "object" | "dict" | "dictionary" | "map" | "hash" | "hashmap" | "json" | "struct" => {
            ("object", None)
        }
        "array" | "list" | "tuple" | "set" => ("array", None),
        "null" | "none" => ("null", None),
        "file" | "binary" => ("string", Some("binary")),
        "date" => ("string", Some("date")),
        "datetime" | "date-time" | "timestamp" => ("string", Some("date-time")),
        "uuid" | "guid" => ("string", Some("uuid")),
        "email" => ("string", Some("email")),
        "uri" | "url" => ("string", Some("uri")),
        "byte" => ("string", Some("byte")),
        _ => return None,
    })
}

/// What types a schema may have.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Types {
    /// Without `null`, in the spec's order, each once.
    pub(super) names: Vec<&'static str>,
    /// `null` is allowed.
    pub(super) null: bool,
    /// Format that a dialect's type name implies.
    pub(super) format: Option<&'static str>,
}

impl Types {
    fn add(&mut self, name: &str) {
        match type_name(name) {
            Some(("null", _)) => self.null = true,
            Some((name, format)) => {
                if !self.names.contains(&name) {
                    self.names.push(name);
                }
                self.format = self.format.or(format);
            }
            None => {}
        }
    }

    /// Reads a `type` keyword: a name or a list of names.
    pub(super) fn read(value: &Value) -> Self {
        let mut types = Self::default();
        match value {
            Value::String(name) => types.add(name),
            Value::Array(names) => {
                for name in names.iter().filter_map(Value::as_str).take(8) {
                    types.add(name);
                }
            }
            _ => {}
        }
        types
    }

    /// Adds the types of another schema.
    pub(super) fn merge(&mut self, other: &Self) {
        for name in &other.names {
            self.add(name);
        }
        self.null |= other.null;
    }

    pub(super) fn to_value(&self) -> Option<Value> {
        let mut names: Vec<Value> = self.names.iter().map(|name| json!(name)).collect();
        if self.null {
            names.push(json!("null"));
        }
        match names.len() {
            0 => None,
            1 => names.pop(),
            _ => Some(Value::Array(names)),
        }
    }
}

/// The types of a flattened schema, guessed where it does not say.
pub(super) fn types(flat: &Flat<'_>) -> Types {
    let mut types = flat.keyword("type").map(Types::read).unwrap_or_default();
    types.null |= flat.is_nullable();
    if flat.variants.is_some() && types.names.is_empty() {
        // `null` stands beside the alternatives.
        types.null = false;
    }
    if !flat.properties.is_empty() {
        types.names = vec!["object"];
    } else if types.names.is_empty() && flat.variants.is_none() {
        if flat.items.is_some() {
            types.names = vec!["array"];
        } else if flat.additional.is_some() {
            types.names = vec!["object"];
        } else if let Some(values) = enumeration(flat) {
            types.names = types_of(&values);
        } else if flat.keyword("pattern").is_some() || flat.keyword("maxLength").is_some() {
            types.names = vec!["string"];
        }
    }
    types
}

fn types_of(values: &[Value]) -> Vec<&'static str> {
    let all = |test: fn(&Value) -> bool| values.iter().all(|v| v.is_null() || test(v));
    if all(Value::is_string) {
        vec!["string"]
    } else if all(Value::is_i64) {
        vec!["integer"]
    } else if all(Value::is_number) {
        vec!["number"]
    } else if all(Value::is_boolean) {
        vec!["boolean"]
    } else {
        Vec::new()
    }
}

/// The values that a schema allows, from `enum`, `const` or alternatives that are constants.
fn enumeration(flat: &Flat<'_>) -> Option<Vec<Value>> {
    if !flat.constants.is_empty() {
        return Some(flat.constants.clone());
    }
    if let Some(values) = flat.keyword("enum").and_then(Value::as_array)
        && !values.is_empty()
    {
        return Some(values.clone());
    }
    flat.keyword("const").map(|value| vec![value.clone()])
}

/// The keywords of one place, without its description and those that hold other schemas. `tight`: the
/// schema's budget is spent, so only what is needed.
pub(super) fn translate(flat: &Flat<'_>, types: &Types, tight: bool) -> Map<String, Value> {
    let mut out = Map::new();
    if let Some(value) = types.to_value() {
        out.insert("type".to_owned(), value);
    }
    let format = flat.keyword("format").and_then(Value::as_str);
    if let Some(format) = format.filter(|f| f.len() <= 40).or(types.format) {
        out.insert("format".to_owned(), json!(format));
    }
    if let Some(mut values) = enumeration(flat) {
        let limit = if tight { ENUM_BYTES_TIGHT } else { ENUM_BYTES };
        if types.null && !values.contains(&Value::Null) {
            values.push(Value::Null);
        }
        if values.iter().map(size).sum::<usize>() <= limit {
            out.insert("enum".to_owned(), Value::Array(values));
        } else {
            out.insert("x-cut".to_owned(), json!("size"));
        }
    }
    for key in BOUNDS {
        if let Some(number) = flat.keyword(key).and_then(number) {
            out.insert((*key).to_owned(), number);
        }
    }
    exclusive(flat, &mut out, "exclusiveMinimum", "minimum");
    exclusive(flat, &mut out, "exclusiveMaximum", "maximum");
    if flat.flag("uniqueItems") {
        out.insert("uniqueItems".to_owned(), json!(true));
    }
    if tight {
        return out;
    }
    if let Some(pattern) = flat.keyword("pattern").and_then(Value::as_str)
        && pattern.len() <= PATTERN_BYTES
    {
        out.insert("pattern".to_owned(), json!(pattern));
    }
    if let Some(default) = flat.keyword("default")
        && size(default) <= VALUE_BYTES
        && let Some(default) = typed(default, types)
    {
        out.insert("default".to_owned(), default);
    }
    if flat.flag("readOnly") {
        out.insert("readOnly".to_owned(), json!(true));
    }
    if let Some(example) = example(flat).and_then(|example| typed(example, types)) {
        out.insert("examples".to_owned(), json!([example]));
    }
    out
}

/// The description, else the title if it is more than a name. Not yet cleaned.
pub(super) fn description<'a>(flat: &Flat<'a>) -> Option<&'a str> {
    let field = |key| flat.keyword(key).and_then(Value::as_str).map(str::trim);
    field("description")
        // Two characters cannot say anything that the name does not.
        .filter(|text| text.len() > 2)
        .or_else(|| field("title").filter(|text| text.contains(' ')))
}

/// The first example, when it is small.
fn example<'a>(flat: &Flat<'a>) -> Option<&'a Value> {
    let examples = || match flat.keyword("examples")? {
        Value::Array(examples) => examples.first(),
        // OpenAPI's named examples of a parameter: `{name: {value: ...}}`.
        Value::Object(named) => named.values().next()?.get("value"),
        _ => None,
    };
    let example = flat
        .keyword("example")
        .or_else(examples)
        .or_else(|| flat.keyword("x-example"))?;
    let empty = match example {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    (!empty && size(example) <= VALUE_BYTES).then_some(example)
}

/// A bound as a number; discovery documents write numbers as strings.
fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => parse_number(text),
        _ => None,
    }
}

fn parse_number(text: &str) -> Option<Value> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(json!(integer));
    }
    let float = text.parse::<f64>().ok()?;
    Number::from_f64(float).map(Value::Number)
}

/// OpenAPI 3.0 has `exclusiveMinimum: true` beside `minimum: 1`; JSON Schema has `exclusiveMinimum: 1`.
fn exclusive(flat: &Flat<'_>, out: &mut Map<String, Value>, key: &str, bound: &str) {
    match flat.keyword(key) {
        Some(Value::Bool(true)) => {
            if let Some(limit) = out.shift_remove(bound) {
                out.insert(key.to_owned(), limit);
            }
        }
        Some(number @ Value::Number(_)) => {
            out.insert(key.to_owned(), number.clone());
        }
        _ => {}
    }
}

/// A default or example in the type that the schema declares, where a dialect wrote a string or YAML
/// made a number of one; `None` if it is of another type.
fn typed(value: &Value, types: &Types) -> Option<Value> {
    let kind = match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = |name: &str| types.names.contains(&name);
    if types.names.is_empty() || allowed(kind) || kind == "integer" && allowed("number") {
        return Some(value.clone());
    }
    match value {
        Value::String(text) if allowed("integer") || allowed("number") => parse_number(text),
        Value::String(text) if allowed("boolean") => match text.as_str() {
            "true" | "True" => Some(json!(true)),
            "false" | "False" => Some(json!(false)),
            _ => None,
        },
        Value::Number(number) if allowed("string") => Some(json!(number.to_string())),
        Value::Bool(flag) if allowed("string") => Some(json!(flag.to_string())),
        // `1.0` for an integer.
        Value::Number(number) if allowed("integer") => {
            let whole = number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && n.abs() < 1e15)?;
            Some(json!(whole as i64))
        }
        _ => None,
    }
}
