//! Calls out of the text of the common model families.

use practicum_chat::ToolCall;
use serde_json::Value;

use super::call;

/// What is left of a text, and its calls.
pub(crate) type Read = (String, Vec<ToolCall>);

/// Splits off what a thinking model thought. Templates may open the thought in the prompt, so that only its
/// end is in the text.
pub(crate) fn thought(text: &str) -> (Option<String>, &str) {
    let begun = text.trim_start();
    let inner = begun.strip_prefix("<think>");
    match inner.unwrap_or(begun).split_once("</think>") {
        Some((thought, rest)) => {
            let thought = thought.trim();
            ((!thought.is_empty()).then(|| thought.to_string()), rest)
        }
        // A thought without an end: all of it is thought.
        None => match inner {
            Some(inner) => (Some(inner.trim().to_string()), ""),
            None => (None, text),
        },
    }
}

/// A call from an object with a name and arguments; from anything else one that fails, with the text as its
/// arguments.
fn from_object(text: &str) -> ToolCall {
    let text = text.trim();
    match serde_json::from_str::<Value>(text) {
        Ok(value) => from_value(&value).unwrap_or_else(|| call("", text)),
        Err(_) => call("", text),
    }
}

fn from_value(value: &Value) -> Option<ToolCall> {
    let name = value.get("name")?.as_str()?;
    let arguments = value.get("arguments").or_else(|| value.get("parameters"));
    Some(match arguments {
        // Some models write the arguments as a JSON text once more.
        Some(Value::String(text)) => call(name, text),
        Some(value) => call(name, &value.to_string()),
        None => call(name, "{}"),
    })
}

/// `<tool_call>` and `</tool_call>` around an object; the last end may be missing where the reply was cut.
pub(crate) fn hermes(text: &str) -> Read {
    let mut parts = text.split("<tool_call>");
    let mut said = parts.next().unwrap_or_default().to_string();
    let mut calls = Vec::new();
    for part in parts {
        let (inner, after) = part.split_once("</tool_call>").unwrap_or((part, ""));
        calls.push(from_object(inner));
        said.push_str(after);
    }
    (said, calls)
}

/// The whole text is one object or several, apart by semicolons or lines, with or without
/// `<|python_tag|>` before them.
pub(crate) fn llama3(text: &str) -> Read {
    let whole = text.trim();
    let (said, body) = match whole.split_once("<|python_tag|>") {
        Some((said, body)) => (said, body),
        None if whole.starts_with('{') => ("", whole),
        None => return (text.to_string(), Vec::new()),
    };
    let mut calls = Vec::new();
    let mut rest = body.trim_start_matches([' ', '\n', ';']);
    while !rest.is_empty() {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) if value.get("name").is_some() => {
                calls.push(from_value(&value).unwrap_or_else(|| call("", rest)));
                let at = values.byte_offset();
                rest = rest[at..].trim_start_matches([' ', '\n', ';', ',']);
                rest = rest.strip_prefix("<|python_tag|>").unwrap_or(rest);
            }
            // JSON that is no call is something said, unless the tag announces a call.
            Some(Ok(_)) if said.is_empty() && !whole.contains("<|python_tag|>") => {
                return (text.to_string(), Vec::new());
            }
            _ => {
                calls.push(call("", rest));
                break;
            }
        }
    }
    (said.to_string(), calls)
}

/// `[TOOL_CALLS]` before a list of objects (v1 to v7), or before each name with `[ARGS]` after it (v11 on).
pub(crate) fn mistral(text: &str) -> Read {
    let mut parts = text.split("[TOOL_CALLS]");
    let said = parts.next().unwrap_or_default().to_string();
    let mut calls = Vec::new();
    for part in parts {
        let part = part.trim().trim_end_matches("</s>").trim();
        if let Some((head, arguments)) = part.split_once("[ARGS]") {
            let name = head.split("[CALL_ID]").next().unwrap_or(head);
            calls.push(call(name, arguments));
            continue;
        }
        match serde_json::from_str::<Value>(part) {
            Ok(Value::Array(values)) => {
                calls.extend(values.iter().map(|value| {
                    from_value(value).unwrap_or_else(|| call("", &value.to_string()))
                }));
            }
            Ok(value) => calls.push(from_value(&value).unwrap_or_else(|| call("", part))),
            // `name{...}` as some of them write it.
            Err(_) => match part.find('{') {
                Some(at) if at > 0 && !part.starts_with('[') => {
                    calls.push(call(&part[..at], &part[at..]));
                }
                _ => calls.push(call("", part)),
            },
        }
    }
    (said, calls)
}

const BEGIN: &str = "<｜tool▁call▁begin｜>";
const END: &str = "<｜tool▁call▁end｜>";
const SEPARATOR: &str = "<｜tool▁sep｜>";

/// `type`, separator, name, a fenced block of arguments (V3, R1); or name, separator, arguments (V3.1).
pub(crate) fn deepseek(text: &str) -> Read {
    let (said, body) = match text.split_once("<｜tool▁calls▁begin｜>") {
        Some((said, body)) => (said, body),
        None => match text.find(BEGIN) {
            Some(at) => text.split_at(at),
            None => return (text.to_string(), Vec::new()),
        },
    };
    let mut calls = Vec::new();
    for part in body.split(BEGIN).skip(1) {
        let part = part.split(END).next().unwrap_or(part);
        let (head, tail) = part.split_once(SEPARATOR).unwrap_or(("", part));
        let fenced = tail
            .split_once("```json")
            .or_else(|| tail.split_once("```"));
        match fenced {
            Some((name, block)) => {
                calls.push(call(name, block.split("```").next().unwrap_or(block)));
            }
            None => calls.push(call(head, tail)),
        }
    }
    (said.to_string(), calls)
}
