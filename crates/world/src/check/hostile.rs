//! Arguments that no honest caller would send.

use serde_json::{Map, Value, json};

use super::MAX_HOSTILE_BYTES;
use crate::program::Tool;
use crate::rng::Draws;
use crate::sample::Sampler;

/// Values of every wrong type, at the ends of ranges, and texts that try to be more than text.
fn odd() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(9_223_372_036_854_775_807_i64),
        json!(-9_223_372_036_854_775_808_i64),
        json!(18_446_744_073_709_551_615_u64),
        json!(1e300),
        json!(-0.0),
        json!(""),
        json!(" "),
        json!("now"),
        json!("subsec"),
        json!("'; DROP TABLE orders; --"),
        json!("\" OR 1=1 --"),
        json!("' OR '1'='1"),
        json!("') UNION SELECT sql FROM sqlite_master; --"),
        json!("{\"a\": [1, {\"b\": \"\\u0000\"}]"),
        json!("[\"\\ud800\"]"),
        json!("{order_id} :order_id $1 ?1"),
        json!("a\u{0}b"),
        json!("\u{202e}\u{1f600}e\u{301}\u{feff}"),
        json!("x".repeat(MAX_HOSTILE_BYTES)),
        json!("%_%_%"),
        json!("* OR NEAR(\""),
        json!("(a+)+$"),
        json!([]),
        json!([null]),
        json!([[[[[[]]]]]]),
        json!({}),
        json!({"$ref": "#"}),
        json!({"a": {"b": {"c": [1, 2, {"d": null}]}}}),
    ]
}

/// At most this many hostile arguments for a tool, of every kind some: another value than an object, a
/// missing and an unknown parameter, and odd values in place of each parameter and of each part of one.
pub(super) fn hostile(
    tool: &Tool,
    sampler: &Sampler,
    most: usize,
    draws: &mut Draws,
) -> Vec<Value> {
    let odd = odd();
    let whole: Vec<Value> = odd.clone();
    let base = sampler.arguments(tool, 1.0, draws);
    let missing = base.keys().map(|name| {
        let mut arguments = base.clone();
        arguments.remove(name);
        Value::Object(arguments)
    });
    let unknown = odd.iter().map(|value| {
        let mut arguments = sampler.arguments(tool, 0.5, draws);
        arguments.insert("unexpected".into(), value.clone());
        Value::Object(arguments)
    });
    let mut kinds: Vec<Vec<Value>> = vec![whole, missing.collect(), unknown.collect()];
    for parameter in tool.parameters() {
        let mut own = Vec::new();
        for value in &odd {
            let mut arguments = sampler.arguments(tool, 0.8, draws);
            arguments.insert(parameter.name.clone(), value.clone());
            own.push(Value::Object(arguments));
        }
        kinds.push(own);
        let Some(given) = base.get(&parameter.name) else {
            continue;
        };
        let places = inner_places(given);
        let mut inner = Vec::new();
        for place in &places {
            for value in &odd {
                let mut arguments: Map<String, Value> = base.clone();
                if let Some(at) = arguments
                    .get_mut(&parameter.name)
                    .and_then(|own| own.pointer_mut(place))
                {
                    *at = value.clone();
                }
                inner.push(Value::Object(arguments));
            }
        }
        kinds.push(inner);
    }
    // Taken in turn from all kinds, so that few tries still see each.
    for kind in &mut kinds {
        draws.shuffle(kind);
    }
    let mut chosen = Vec::new();
    while chosen.len() < most && kinds.iter().any(|kind| !kind.is_empty()) {
        for kind in &mut kinds {
            if chosen.len() < most {
                chosen.extend(kind.pop());
            }
        }
    }
    chosen
}

/// Where values stand inside a value, as JSON pointers.
fn inner_places(value: &Value) -> Vec<String> {
    let mut places = Vec::new();
    let inner: Vec<(String, &Value)> = match value {
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(at, element)| (format!("/{at}"), element))
            .collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                (format!("/{name}"), member)
            })
            .collect(),
        _ => Vec::new(),
    };
    for (place, own) in inner {
        places.extend(
            inner_places(own)
                .into_iter()
                .map(|rest| format!("{place}{rest}")),
        );
        places.push(place);
    }
    places
}
