//! Right answers, written as a model would write them.

use practicum_bench::acebench::{Answer, Benchmark, Category, Family};
use serde_json::{Map, Value as Json, json};

/// One call: the key in the answer, and its arguments.
pub(crate) type Calls = Vec<(String, Vec<(String, Json)>)>;

/// The data's own answer as a model's answer.
pub(crate) fn golden(benchmark: &Benchmark, category: Category, id: &str) -> Answer {
    let truth = benchmark.ground_truth(category, id).unwrap();
    let (result, process) = match category.family() {
        Family::Normal | Family::Dialogue => (json!(written(&calls(truth))), None),
        Family::Special => (json!(prose(category, truth)), None),
        Family::Agent => (truth.clone(), Some(milestones(benchmark, category, id))),
    };
    Answer {
        category,
        id: id.to_owned(),
        result,
        process,
    }
}

/// The calls of an answer, of alternatives the first.
pub(crate) fn calls(truth: &Json) -> Calls {
    let first = truth
        .as_array()
        .map_or(truth, |alternatives| &alternatives[0]);
    first
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, arguments)| {
            let arguments = arguments.as_object().cloned().unwrap_or_default();
            (
                without_number(key).to_owned(),
                arguments.into_iter().collect(),
            )
        })
        .collect()
}

fn without_number(key: &str) -> &str {
    match key.rsplit_once('_') {
        Some((name, number))
            if !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) =>
        {
            name
        }
        _ => key,
    }
}

/// The milestones, of alternatives the first.
fn milestones(benchmark: &Benchmark, category: Category, id: &str) -> Json {
    let milestones = benchmark.milestones(category, id).unwrap();
    match milestones.get(0) {
        Some(first @ Json::Array(_)) => first.clone(),
        _ => milestones.clone(),
    }
}

/// The lines of a file of answers, one for every item.
pub(crate) fn lines(benchmark: &Benchmark, answer: impl Fn(Category, &str) -> Answer) -> String {
    let mut text = String::new();
    for category in benchmark.categories() {
        for id in benchmark.ids(category) {
            let answer = answer(category, id);
            let mut line = json!({
                "category": category.name(),
                "id": id,
                "model_result": answer.result,
            });
            if let Some(process) = answer.process {
                line["process"] = process;
            }
            text.push_str(&line.to_string());
            text.push('\n');
        }
    }
    text
}

/// Calls in the benchmark's syntax.
pub(crate) fn written(calls: &Calls) -> String {
    let calls: Vec<String> = calls
        .iter()
        .map(|(name, arguments)| {
            let arguments: Vec<String> = arguments
                .iter()
                .map(|(name, value)| format!("{name}={}", literal(value)))
                .collect();
            format!("{name}({})", arguments.join(", "))
        })
        .collect();
    format!("[{}]", calls.join(", "))
}

/// A JSON value as Python writes it.
pub(crate) fn literal(value: &Json) -> String {
    match value {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => quoted(text),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(members) => object(members),
    }
}

fn object(members: &Map<String, Json>) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}: {}", quoted(name), literal(value)))
        .collect();
    format!("{{{}}}", members.join(", "))
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if character == quote => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    out.push(quote);
    out
}

/// Prose that says what the benchmark asks for.
fn prose(category: Category, truth: &Json) -> String {
    let listed = |values: &Json| -> String {
        let values = values.as_array().unwrap();
        values
            .iter()
            .map(|value| value.as_str().unwrap())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match category {
        Category::Irrelevant => {
            "Due to the limitations of the function, this cannot be done.".into()
        }
        Category::Incomplete => truth
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, values)| {
                format!(
                    "Missing necessary parameters ({}) for the api ({name}). ",
                    listed(values)
                )
            })
            .collect(),
        _ => truth
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, values)| {
                format!(
                    "There is incorrect value ({}) for the parameters ({name}). ",
                    listed(values)
                )
            })
            .collect(),
    }
}
