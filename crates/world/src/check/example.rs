//! Makes the example of a finding as small as it goes.

use serde_json::{Value, json};

/// Tries at a smaller example.
const TRIES: usize = 60;

/// The smallest arguments found for which `shows` still holds. It holds for `arguments`.
pub(super) fn smallest(arguments: &Value, mut shows: impl FnMut(&Value) -> bool) -> Value {
    let mut best = arguments.clone();
    let mut tries = 0;
    loop {
        let mut found = None;
        for candidate in smaller(&best) {
            tries += 1;
            if tries > TRIES {
                return best;
            }
            if shows(&candidate) {
                found = Some(candidate);
                break;
            }
        }
        match found {
            Some(candidate) => best = candidate,
            None => return best,
        }
    }
}

/// Values that are a step smaller, the smallest first.
fn smaller(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(members) => {
            let without = members.keys().map(|name| {
                let mut members = members.clone();
                members.remove(name);
                Value::Object(members)
            });
            let within = members.iter().flat_map(|(name, member)| {
                smaller(member).into_iter().map(|member| {
                    let mut members = members.clone();
                    members.insert(name.clone(), member);
                    Value::Object(members)
                })
            });
            without.chain(within).collect()
        }
        Value::Array(elements) => {
            let without = (0..elements.len().min(8)).map(|at| {
                let mut elements = elements.clone();
                elements.remove(at);
                Value::Array(elements)
            });
            let within = elements.iter().take(8).enumerate().flat_map(|(at, own)| {
                smaller(own).into_iter().map(move |own| {
                    let mut elements = elements.clone();
                    elements[at] = own;
                    Value::Array(elements)
                })
            });
            without.chain(within).collect()
        }
        Value::String(text) if text.chars().count() > 8 => {
            let half = text.chars().count() / 2;
            vec![
                json!(text.chars().take(half).collect::<String>()),
                json!(text.chars().skip(half).collect::<String>()),
            ]
        }
        Value::Number(number) if number.as_i64().is_some_and(|own| own.unsigned_abs() > 9) => {
            vec![json!(number.as_i64().unwrap_or_default() / 10)]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_goes() {
        let arguments = json!({"a": [1, 2, {"bad": "x".repeat(100)}], "b": "fine", "n": 12345});
        let shows = |value: &Value| {
            value
                .pointer("/a")
                .is_some_and(|a| a.to_string().contains("bad"))
        };
        let found = smallest(&arguments, shows);
        assert_eq!(found["b"], Value::Null);
        assert_eq!(found["a"].as_array().unwrap().len(), 1);
        assert!(found.to_string().len() < 40, "{found}");
    }
}
