//! Agent categories: the end state of the classes at work, and the calls on the way.

use serde_json::Value as Json;

use super::python::{Dict, Value, representation, strip};
use super::verdict::Refusal;

/// Judges an end state: a row of objects, each with one class's name and attributes.
pub(crate) fn check_end_state(result: &Json, answer: &Json) -> Result<(), Refusal> {
    let expected = match answer {
        Json::Array(classes) => classes.iter().map(Value::from_json).collect(),
        other => vec![Value::from_json(other)],
    };
    let given = match result {
        Json::Array(classes) => classes.iter().map(Value::from_json).collect::<Vec<_>>(),
        // Other things with a length are only told apart from states by it.
        Json::Object(members) if members.len() != expected.len() => Vec::new(),
        Json::String(text) if text.chars().count() != expected.len() => Vec::new(),
        _ => return Refusal::stops("the end state is no list"),
    };
    if given.len() != expected.len() {
        return Refusal::wrong(
            "wrong number of class",
            format!(
                "the end state has {} classes, the answer {}",
                given.len(),
                expected.len()
            ),
        );
    }
    let mut wrong = Vec::new();
    // What the class before was found to be: a class that is not there at all inherits it.
    let mut found: Vec<String> = Vec::new();
    for class in &expected {
        let Value::Dict(class) = class else {
            return Refusal::stops("a class of the answer is no object");
        };
        if let Some(given) = with_same_keys(&given, class)?
            && !given.is_empty()
        {
            found = differences(given, class)?;
        }
        wrong.extend(found.iter().cloned());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Refusal::wrong("class attributes wrong", wrong.join("; "))
}

/// The first object that has the same keys.
fn with_same_keys<'a>(given: &'a [Value], class: &Dict) -> Result<Option<&'a Dict>, Refusal> {
    for candidate in given {
        let Value::Dict(candidate) = candidate else {
            return Refusal::stops("a class of the end state is no object");
        };
        if candidate.len() == class.len()
            && class.iter().all(|(key, _)| candidate.get(key).is_some())
        {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// How a class's attributes differ from the answer's. Only attributes that the end state has are looked at; of an
/// attribute that is an object, only the members that the answer has.
fn differences(given: &Dict, answer: &Dict) -> Result<Vec<String>, Refusal> {
    let (Some((name, answer)), Some((_, given))) = (answer.iter().next(), given.iter().next())
    else {
        return Ok(Vec::new());
    };
    let (Value::Str(name), Value::Dict(given)) = (name, given) else {
        return Refusal::stops("a class's attributes are no object");
    };
    let Value::Dict(answer) = answer else {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        return Refusal::stops("a class's attributes in the answer are no object");
    };
    let mut wrong = Vec::new();
    for (attribute, value) in given.iter() {
        let shown = representation(attribute);
        let Some(expected) = answer.get(attribute) else {
            wrong.push(format!("{name} has {shown}, which the answer has not"));
            continue;
        };
        let Value::Dict(expected) = expected else {
            if !expected.equals(value) {
                wrong.push(format!("{name}.{shown} differs from the answer"));
            }
            continue;
        };
        for (member, expected) in expected.iter() {
            let shown = format!("{name}.{shown}.{}", representation(member));
            match member_of(value, member)? {
                Some(value) if value.equals(expected) => {}
                Some(_) => wrong.push(format!("{shown} differs from the answer")),
                None => wrong.push(format!("{shown} is missing")),
            }
        }
    }
    Ok(wrong)
}

/// `value[member]` if `member in value`.
fn member_of<'a>(value: &'a Value, member: &Value) -> Result<Option<&'a Value>, Refusal> {
    let contained = match (value, member) {
        (Value::Dict(dict), _) => return Ok(dict.get(member)),
        (Value::List(items), _) => items.iter().any(|item| item.equals(member)),
        (Value::Str(text), Value::Str(part)) => text.contains(part.as_str()),
        _ => return Refusal::stops("an attribute that should be an object has no members"),
    };
    if contained {
        return Refusal::stops("an attribute that should be an object is a list or text");
    }
    Ok(None)
}

/// How many milestones the calls passed, of how many.
struct Progress {
    passed: usize,
    milestones: usize,
}

impl Progress {
    /// The share that was passed; all of none.
    fn share(&self) -> f64 {
        if self.milestones == 0 {
            1.0
        } else {
            self.passed as f64 / self.milestones as f64
        }
    }
}

/// The share of milestones that the calls passed, in their order. Once one is missing, so are all after it. Of
/// alternatives the best counts, rounded to three digits.
pub(crate) fn process(calls: Option<&Json>, milestones: &Json) -> Result<f64, Refusal> {
    let Json::Array(milestones) = milestones else {
        return Refusal::stops("the milestones are no list");
    };
    let Some(calls) = calls else {
        return Refusal::stops("the answer has no process");
    };
    let calls: Vec<Option<String>> = match calls {
        Json::Array(calls) => calls
            .iter()
            .map(|call| call.as_str().map(ToOwned::to_owned))
            .collect(),
        Json::String(text) => text.chars().map(|call| Some(call.to_string())).collect(),
        Json::Object(members) if members.is_empty() => Vec::new(),
        _ => return Refusal::stops("the answer's process is no list"),
    };
    match milestones.first() {
        None => Refusal::stops("the milestones are empty"),
        Some(Json::Array(_)) => {
            let mut best = -1.0_f64;
            for alternative in milestones {
                let Json::Array(alternative) = alternative else {
                    return Refusal::stops("an alternative of the milestones is no list");
                };
                let share = passed(&calls, alternative)?.share();
                best = best.max(super::scorecard::rounded(share));
            }
            Ok(best)
        }
        Some(_) => Ok(passed(&calls, milestones)?.share()),
    }
}

fn passed(calls: &[Option<String>], milestones: &[Json]) -> Result<Progress, Refusal> {
    let mut calls = calls.iter();
    let mut passed = 0;
    for milestone in milestones {
        for call in calls.by_ref() {
            let (Some(call), Some(milestone)) = (call, milestone.as_str()) else {
                return Refusal::stops("a call or milestone is no text");
            };
            if strip(call) == strip(milestone) {
                passed += 1;
                break;
            }
        }
    }
    Ok(Progress {
        passed,
        milestones: milestones.len(),
    })
}
