//! A benchmark of a few items, written for a test.

use std::fs;

use practicum_bench::acebench::{Answer, Benchmark, Category, Verdict};
use serde_json::{Value as Json, json};

/// A benchmark with one category of items: functions, and the answer with its milestones.
pub(crate) fn benchmark(category: Category, items: &[(&str, Json, Json)]) -> Benchmark {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data_en");
    fs::create_dir_all(data.join("possible_answer")).unwrap();
    let file = format!("data_{}.json", category.name());
    let lines = |line: &dyn Fn(&(&str, Json, Json)) -> Json| {
        items
            .iter()
            .map(|item| line(item).to_string() + "\n")
            .collect::<String>()
    };
    let questions = lines(
        &|(id, functions, _)| json!({ "id": id, "question": "user: ...", "function": functions }),
    );
    let answers = lines(&|(id, _, answer)| {
        let mut line = json!({ "id": id });
        for (name, value) in answer.as_object().unwrap() {
            line[name] = value.clone();
        }
        line
    });
    fs::write(data.join(&file), questions).unwrap();
    fs::write(data.join("possible_answer").join(&file), answers).unwrap();
    Benchmark::read(folder.path(), "en").unwrap()
}

/// The verdict on a result for the only item.
pub(crate) fn verdict(
    benchmark: &Benchmark,
    category: Category,
    result: Json,
    process: Option<Json>,
) -> Verdict {
    let id = benchmark.ids(category).next().unwrap().to_owned();
    benchmark
        .score(&Answer {
            category,
            id,
            result,
            process,
        })
        .unwrap()
}

/// One function `f` with parameters of these types, none of which is required.
pub(crate) fn function(properties: Json) -> Json {
    json!([{ "name": "f", "parameters": { "type": "object", "properties": properties, "required": [] } }])
}

/// What the scorer says of a text, in a word: `ok`, the kind of mistake, or `stops`.
pub(crate) fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        _ if verdict.valid => "ok",
        _ if verdict.official_stops => "stops",
        _ => verdict.error_type,
    }
}

/// The word for a text where one call is asked for.
pub(crate) fn said(functions: &Json, answer: &Json, text: &str) -> &'static str {
    said_in(Category::AtomBool, functions, answer, text)
}

/// The word for a text in a category.
pub(crate) fn said_in(
    category: Category,
    functions: &Json,
    answer: &Json,
    text: &str,
) -> &'static str {
    let id = format!("{}_0_0", category.name());
    let items = [(
        id.as_str(),
        functions.clone(),
        json!({ "ground_truth": answer }),
    )];
    word(&verdict(
        &benchmark(category, &items),
        category,
        json!(text),
        None,
    ))
}

/// The word for one argument's text: its described type, the answer, the text.
pub(crate) fn argument(details: Json, answer: Json, text: &str) -> &'static str {
    said(
        &function(json!({ "a": details })),
        &json!({ "f": { "a": answer } }),
        &format!("[f(a={text})]"),
    )
}
