//! Normal categories: calls as text against the calls of the answer.

use serde_json::Value as Json;

use super::argument::Parameter;
use super::python::{Call, Dict, Value, is_space, read_calls, text_of};
use super::verdict::Refusal;

/// Judges a model's text against an answer or alternatives of it. In dialogues all white space goes first.
pub(crate) fn check(
    result: &Json,
    functions: &Json,
    answer: &Json,
    dialogue: bool,
) -> Result<(), Refusal> {
    let calls =
        calls_of(result, dialogue).or_else(|what| Refusal::wrong("wrong_output_format", what))?;
    let alternatives = match answer {
        Json::Array(alternatives) => alternatives.as_slice(),
        _ => std::slice::from_ref(answer),
    };
    let mut first = None;
    for alternative in alternatives {
        match check_calls(&calls, functions, alternative) {
            Ok(()) => return Ok(()),
            Err(Refusal::Wrong(error_type, error)) => {
                first.get_or_insert(Refusal::Wrong(error_type, error));
            }
            stops => return stops,
        }
    }
    Err(first.unwrap_or_else(|| Refusal::Stops("the answer has no alternatives".into())))
}

fn calls_of(result: &Json, dialogue: bool) -> Result<Vec<Call>, String> {
    let Json::String(text) = result else {
        return Err("the answer is no text".into());
    };
    let calls = if dialogue {
        let text: String = text
            .chars()
            .filter(|character| !is_space(*character))
            .collect();
        read_calls(&text)
    } else {
        read_calls(outermost_brackets(text).ok_or("no [...] in the answer")?)
    };
    calls.map_err(|error| error.to_string())
}

/// The first `[...]` that is not inside another. Brackets in quotes count too, and so does a `]` without its `[`.
fn outermost_brackets(text: &str) -> Option<&str> {
    let mut depth = 0_i64;
    let mut start = None;
    for (at, character) in text.char_indices() {
        match character {
            '[' => {
                if depth == 0 {
                    start = Some(at);
                }
                depth += 1;
            }
            ']' => {
                depth -= 1;
                if let (0, Some(start)) = (depth, start) {
                    return Some(&text[start..=at]);
                }
            }
            _ => {}
        }
    }
    None
}

/// One call of the answer.
struct Expected<'a> {
    /// The key in the answer; functions are looked up by it.
    key: &'a str,
    /// The function's name: the key without a number behind it.
    name: &'a str,
    arguments: Value,
}

fn check_calls(calls: &[Call], functions: &Json, answer: &Json) -> Result<(), Refusal> {
    let Json::Object(answer) = answer else {
        return Refusal::stops("the answer is no object of calls");
    };
    if calls.len() != answer.len() {
        return Refusal::wrong(
            "wrong functions number",
            format!(
                "{} calls where the answer has {}",
                calls.len(),
                answer.len()
            ),
        );
    }
    let expected: Vec<Expected<'_>> = answer
        .iter()
        .map(|(key, arguments)| Expected {
            key,
            name: without_number(key),
            arguments: Value::from_json(arguments),
        })
        .collect();
    let count = |name: &str| {
        let made = calls.iter().filter(|call| call.name == name).count();
        (
            made,
            expected.iter().filter(|call| call.name == name).count(),
        )
    };
    let names = calls.iter().map(|call| call.name.as_str());
    for name in names.chain(expected.iter().map(|call| call.name)) {
        let (made, asked) = count(name);
        if made != asked {
            return Refusal::wrong(
                "function_mismatch",
                format!("{name} is called {made} times, the answer calls it {asked} times"),
            );
        }
    }
    for call in &expected {
        check_one(call, calls, functions)?;
    }
    Ok(())
}

/// One call of the answer is right if any call that was made fits it; the same call may fit several.
fn check_one(expected: &Expected<'_>, calls: &[Call], functions: &Json) -> Result<(), Refusal> {
    let function = function_of(functions, expected.key)?;
    let mut last = Refusal::wrong("simple_function_checker:unclear", "no call was made");
    for call in calls {
        last = if call.name == expected.name {
            check_arguments(call, &expected.arguments, function)
        } else {
            Refusal::wrong(
                "simple_function_checker:unclear",
                format!("no call of {} is right", expected.name),
            )
        };
        if !matches!(last, Err(Refusal::Wrong(..))) {
            break;
        }
    }
    last
}

/// `name_1` is the first of several calls of `name`.
fn without_number(key: &str) -> &str {
    match key.rsplit_once('_') {
        Some((name, number))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => key,
    }
}

/// The first function whose name is *part of* the answer's key.
fn function_of<'a>(functions: &'a Json, key: &str) -> Result<Option<&'a Json>, Refusal> {
    let Json::Array(functions) = functions else {
        return Ok(Some(functions));
    };
    for function in functions {
        let Some(name) = function.get("name").and_then(Json::as_str) else {
            return Refusal::stops("a function without a name");
        };
        if key.contains(name) {
            return Ok(Some(function));
        }
    }
    Ok(None)
}

fn check_arguments(call: &Call, answer: &Value, function: Option<&Json>) -> Result<(), Refusal> {
    let Some(parameters) = function.and_then(|function| function.get("parameters")) else {
        return Refusal::stops("the function has no parameters");
    };
    let none = parameters
        .as_object()
        .is_some_and(serde_json::Map::is_empty);
    match (call.arguments.is_empty(), none) {
        (true, true) => return Ok(()),
        (false, false) => {}
        _ => {
            return Refusal::wrong(
                "wrong_param",
                "arguments where there are none, or none where there are some",
            );
        }
    }
    let Some(Json::Object(properties)) = parameters.get("properties") else {
        return Refusal::stops("the function's parameters have no properties");
    };
    let Value::Dict(answer) = answer else {
        return Refusal::stops("the answer's arguments are no object");
    };
    if same_as_properties(answer, properties) {
        return Ok(());
    }
    if answer.is_empty() {
        return Refusal::wrong("wrong_param", "the answer has no arguments");
    }
    if function
        .and_then(|function| function.get("name"))
        .and_then(Json::as_str)
        != Some(&call.name)
    {
        return Refusal::wrong(
            "wrong_function_name",
            format!(
                "{} is not the function whose description was found",
                call.name
            ),
        );
    }
    let Some(Json::Array(required)) = parameters.get("required") else {
        return Refusal::stops("the function's parameters have no list of required ones");
    };
    for name in required {
        if call.arguments.get(&Value::from_json(name)).is_none() {
            return Refusal::wrong("lack_args", format!("{} lacks {name}", call.name));
        }
    }
    for (name, value) in call.arguments.iter() {
        let known = match name {
            Value::Str(name) => properties
                .get(name)
                .zip(answer.get_text(name))
                .map(|known| (name, known)),
            _ => None,
        };
        let Some((name, (details, expected))) = known else {
            return Refusal::wrong(
                "addition_args",
                format!("{} is not an argument of the answer", text_of(name)),
            );
        };
        let parameter = Parameter::of(name, details)?;
        parameter.check(value, expected)?;
    }
    Ok(())
}

/// An answer that equals the function's own `properties` lets everything pass.
fn same_as_properties(answer: &Dict, properties: &serde_json::Map<String, Json>) -> bool {
    answer.len() == properties.len()
        && properties.iter().all(|(name, details)| {
            answer
                .get_text(name)
                .is_some_and(|value| Value::from_json(details).equals(value))
        })
}
