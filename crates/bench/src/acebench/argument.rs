//! One argument's value against the answer's, by the type that the function's description names.

use num_traits::ToPrimitive;
use serde_json::Value as Json;

use super::python::{Type, Value, representation, text_of};
use super::verdict::Refusal;

/// How a parameter's value is checked.
pub(crate) struct Parameter<'a> {
    name: &'a str,
    /// The type as the function's description names it.
    described: &'a str,
    expected: Type,
    /// The type of the items, for lists and objects.
    nested: Option<Type>,
}

impl<'a> Parameter<'a> {
    pub(crate) fn of(name: &'a str, details: &'a Json) -> Result<Self, Refusal> {
        let Some(described) = details.get("type").and_then(Json::as_str) else {
            return Refusal::stops(format!("the parameter {name} has no type"));
        };
        let type_of = |described: &str| match python_type(described) {
            Some(known) => Ok(known),
            None => Refusal::stops(format!(
                "the parameter {name} has a type that is not known: {described}"
            )),
        };
        let expected = type_of(described)?;
        let nests = matches!(
            described,
            "array" | "tuple" | "list(string)" | "list(enum)" | "object" | "objectArray"
        );
        let nested = if nests {
            let items = details.get("items").and_then(Json::as_object);
            Some(match items.and_then(|items| items.get("type")) {
                Some(Json::String(described)) => type_of(described)?,
                Some(other) => type_of(&other.to_string())?,
                None if described.contains("string") => Type::Str,
                None if described.contains("enum") => Type::Enumerate,
                None => Type::Dict,
            })
        } else {
            None
        };
        Ok(Self {
            name,
            described,
            expected,
            nested,
        })
    }

    pub(crate) fn check(&self, value: &Value, answer: &Value) -> Result<(), Refusal> {
        let converted = match (self.described, value) {
            ("tuple", Value::Tuple(items)) => Some(Value::List(items.clone())),
            ("float", Value::Int(number)) => {
                let number = number.to_f64().filter(|number| number.is_finite());
                let Some(number) = number else {
                    return Refusal::stops("an integer beyond all floats");
                };
                Some(Value::Float(number))
            }
            _ => None,
        };
        let value = converted.as_ref().unwrap_or(value);
        // Numbers and booleans go no further than this.
        if self.check_type(value, answer)? == Looseness::TypeOnly {
            return Ok(());
        }
        match (self.expected, self.nested) {
            (Type::Dict, _) => self.check_dict(value, answer),
            (Type::List, Some(Type::Dict)) => self.check_dicts(value, answer),
            (Type::Str, _) => self.check_text(value, answer),
            (Type::List, _) => self.check_list(value, answer),
            _ => Ok(()),
        }
    }

    fn check_type(&self, value: &Value, answer: &Value) -> Result<Looseness, Refusal> {
        let boolean = as_boolean(value);
        let value = boolean.as_ref().unwrap_or(value);
        let answer_type = (!answer.is_text("")).then(|| answer.kind());
        if value.kind() == self.expected {
            let looseness = match answer_type {
                Some(other) if other != self.expected => Looseness::TypeOnly,
                _ => Looseness::Value,
            };
            let Some(nested) = self.nested else {
                return Ok(looseness);
            };
            for item in iterated(answer)? {
                // Only an answer's item that is itself a list looks at the value's items.
                let Value::List(_) = item else {
                    return Ok(looseness);
                };
                if iterated(value)?
                    .iter()
                    .all(|value| fits_nested(value, &item, nested))
                {
                    return Ok(looseness);
                }
            }
        } else if answer_type == Some(value.kind())
            || (answer_type.is_some() && answer.equals(value))
        {
            return Ok(Looseness::TypeOnly);
        }
        Refusal::wrong(
            "type_error",
            format!(
                "{} is {} where {} belongs",
                self.name,
                value.kind().name(),
                self.described
            ),
        )
    }

    fn wrong_value<T>(
        &self,
        error_type: &'static str,
        value: &Value,
        answer: &Value,
    ) -> Result<T, Refusal> {
        Refusal::wrong(
            error_type,
            format!(
                "{} is {}, the answer has {}",
                self.name,
                representation(value),
                representation(answer)
            ),
        )
    }

    fn check_text(&self, value: &Value, answer: &Value) -> Result<(), Refusal> {
        if standard(&text_of(value)).contains(&standard(&text_of(answer))) {
            return Ok(());
        }
        self.wrong_value("value_error:string", value, answer)
    }

    fn check_list(&self, value: &Value, answer: &Value) -> Result<(), Refusal> {
        let standard_items = |value: &Value| {
            iterated(value).map(|items| Value::List(items.into_iter().map(standard_text).collect()))
        };
        if standard_items(value)?.equals(&standard_items(answer)?) {
            return Ok(());
        }
        self.wrong_value("value_error:list/tuple", value, answer)
    }

    fn check_dict(&self, value: &Value, answer: &Value) -> Result<(), Refusal> {
        let Value::Dict(given) = value else {
            return self.wrong_value("value_error", value, answer);
        };
        let Value::Dict(expected) = answer else {
            return Refusal::stops(format!(
                "an object where the answer for {} has none",
                self.name
            ));
        };
        if given.len() != expected.len() {
            return self.wrong_value("value_error", value, answer);
        }
        for (key, member) in given.iter() {
            let boolean = as_boolean(member);
            let member = boolean.as_ref().unwrap_or(member);
            match expected.get(key) {
                Some(inner @ Value::Dict(_)) => self.check_dict(member, inner)?,
                // Within an object everything is text: the answer's is part of the model's.
                Some(other)
                    if text_of(&standard_text(member.clone()))
                        .contains(&text_of(&standard_text(other.clone()))) => {}
                _ => return self.wrong_value("value_error", value, answer),
            }
        }
        Ok(())
    }

    fn check_dicts(&self, value: &Value, answer: &Value) -> Result<(), Refusal> {
        let (given, expected) = (iterated(value)?, iterated(answer)?);
        if self.described == "objectArray" {
            if given.len() != expected.len() {
                return self.wrong_value("value_error:dict_items", value, answer);
            }
            if !given.is_empty() {
                return Refusal::stops("its check of an objectArray lacks an argument");
            }
        }
        if given.len() != expected.len() {
            return self.wrong_value("value_error:list_dict_count", value, answer);
        }
        for (given, expected) in given.iter().zip(&expected) {
            self.check_dict(given, expected)?;
        }
        Ok(())
    }
}

/// How far a value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looseness {
    /// Its type was enough: the answer's is another than the description's.
    TypeOnly,
    /// Its value is compared, where the type has a comparison.
    Value,
}

/// Whether an item has the nested type, or is a list as the answer's item is.
fn fits_nested(value: &Value, answer: &Value, nested: Type) -> bool {
    let boolean = as_boolean(value);
    let value = boolean.as_ref().unwrap_or(value);
    value.kind() == nested || value.kind() == answer.kind() || answer.equals(value)
}

/// The words `true` and `false` stand for the booleans.
fn as_boolean(value: &Value) -> Option<Value> {
    match value {
        Value::Str(text) if text == "true" => Some(Value::Bool(true)),
        Value::Str(text) if text == "false" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// What Python's `for` goes through.
fn iterated(value: &Value) -> Result<Vec<Value>, Refusal> {
    Ok(match value {
        Value::List(items) | Value::Tuple(items) => items.clone(),
        Value::Dict(dict) => dict.iter().map(|(key, _)| key.clone()).collect(),
        Value::Str(text) => text
            .chars()
            .map(|character| Value::Str(character.into()))
            .collect(),
        Value::Bytes(bytes) => bytes
            .iter()
            .map(|byte| Value::Int((*byte).into()))
            .collect(),
        _ => {
            return Refusal::stops(format!(
                "{} has no items to go through",
                value.kind().name()
            ));
        }
    })
}

fn python_type(described: &str) -> Option<Type> {
    Some(match described {
        "string" | "any" => Type::Str,
        "integer" | "int" | "number" => Type::Int,
        "float" => Type::Float,
        "boolean" => Type::Bool,
        "array" | "tuple" | "list" | "objectArray" | "list(string)" | "list(enum)" => Type::List,
        "dict" | "object" => Type::Dict,
        "enum" => Type::Enumerate,
        _ => return None,
    })
}

/// Text without ` ,./-_*^`, in small letters, with double quotes for single ones.
fn standard(text: &str) -> String {
    let kept: String = text
        .chars()
        .filter(|character| !matches!(character, ' ' | ',' | '.' | '/' | '-' | '_' | '*' | '^'))
        .collect();
    kept.to_lowercase().replace('\'', "\"")
}

fn standard_text(value: Value) -> Value {
    match value {
        Value::Str(text) => Value::Str(standard(&text)),
        other => other,
    }
}
