//! Special categories: prose that must say what is wrong with the request, found by phrases.

use serde_json::Value as Json;

use super::category::Category;
use super::verdict::Refusal;

/// What an answer to an incomplete request must say.
const MISSING: &str = "Missing necessary parameters";
/// What an answer to a request with a wrong value must say.
const INCORRECT: &str = "There is incorrect value";
/// What an answer to a request beyond the functions must say.
const LIMITATIONS: &str = "the limitations of the function";

/// Judges a model's prose.
pub(crate) fn check(category: Category, result: &Json, answer: &Json) -> Result<(), Refusal> {
    if category == Category::Irrelevant {
        return if says(result, LIMITATIONS)? {
            Ok(())
        } else {
            Refusal::wrong(
                "error_detection",
                format!("the answer does not say \"{LIMITATIONS}\""),
            )
        };
    }
    let Json::Object(answer) = answer else {
        return Refusal::stops("the answer is no object");
    };
    let phrase = if category == Category::Incomplete {
        MISSING
    } else {
        INCORRECT
    };
    // The last mistake is the one that is named, as in the official scorer.
    let mut wrong = None;
    for (name, values) in answer {
        if !says(result, phrase)? {
            wrong = Some((
                "error_detection",
                format!("the answer does not say \"{phrase}\""),
            ));
            continue;
        }
        // Only missing parameters need their function's name, wrong values not their parameter's.
        if category == Category::Incomplete && !says(result, name)? {
            wrong = Some((
                "error_correction",
                format!("the answer does not name {name}"),
            ));
            continue;
        }
        let Json::Array(values) = values else {
            return Refusal::stops(format!("the answer's values of {name} are no list"));
        };
        for value in values {
            let Some(value) = value.as_str() else {
                return Refusal::stops(format!("an answer's value of {name} is no text"));
            };
            if !says(result, value)? {
                wrong = Some((
                    "error_correction",
                    format!("the answer does not name {value}"),
                ));
            }
        }
    }
    match wrong {
        Some((error_type, error)) => Refusal::wrong(error_type, error),
        None => Ok(()),
    }
}

/// Python's `phrase in result`: part of a text, an item of a list, a key of an object.
fn says(result: &Json, phrase: &str) -> Result<bool, Refusal> {
    match result {
        Json::String(text) => Ok(text.contains(phrase)),
        Json::Array(items) => Ok(items.iter().any(|item| item.as_str() == Some(phrase))),
        Json::Object(members) => Ok(members.contains_key(phrase)),
        _ => Refusal::stops("the answer is neither text nor a list"),
    }
}
