//! `practicum bench score acebench`: a small benchmark in the official layout, right and wrong answers, wrong files.

use serde_json::{Value, json};

use crate::support::Bench;

/// Data of two items, as a checkout of the benchmark holds them.
fn with_data() -> Bench {
    let bench = Bench::new();
    let data = bench.path("checkout/data_all/data_en/possible_answer");
    std::fs::create_dir_all(data).unwrap();
    let functions = json!([{ "name": "book", "parameters": {
        "properties": { "city": { "type": "string" } }, "required": ["city"] } }]);
    let line =
        |id: &str| json!({ "id": id, "question": "...", "function": functions }).to_string() + "\n";
    let truth = |id: &str| {
        json!({ "id": id, "ground_truth": { "book": { "city": "Oslo" } } }).to_string() + "\n"
    };
    let (one, two) = ("normal_similar_api_0", "normal_similar_api_1");
    bench.write(
        "checkout/data_all/data_en/data_normal_similar_api.json",
        line(one) + &line(two),
    );
    bench.write(
        "checkout/data_all/data_en/possible_answer/data_normal_similar_api.json",
        truth(one) + &truth(two),
    );
    bench
}

fn score<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    [&["bench", "score", "acebench"], rest].concat()
}

fn answer(id: &str, text: &str) -> String {
    json!({ "category": "normal_similar_api", "id": id, "model_result": text }).to_string() + "\n"
}

#[test]
fn answers_are_scored_line_by_line() {
    let bench = with_data();
    bench.write(
        "answers.jsonl",
        answer("normal_similar_api_0", "[book(city='oslo')]")
            + &answer("normal_similar_api_1", "[book(city='Rome')]"),
    );
    let ran = bench
        .run(&score(&[
            "--data",
            "checkout",
            "--results",
            "answers.jsonl",
            "--summary",
            "rates.json",
        ]))
        .done();
    let lines: Vec<Value> = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["id"], "normal_similar_api_0");
    assert_eq!(
        (&lines[0]["valid"], &lines[0]["error"]),
        (&json!(true), &json!(null))
    );
    assert_eq!(
        (&lines[1]["valid"], &lines[1]["error_type"]),
        (&json!(false), &json!("value_error:string"))
    );
    for words in [
        "1/2",
        "0.500",
        "0.095 to 0.905",
        "normal 0.042",
        "overall 0.024",
        "not run",
    ] {
        assert!(
            ran.stderr.contains(words),
            "no {words:?} in: {}",
            ran.stderr
        );
    }
    let rates: Value =
        serde_json::from_slice(&std::fs::read(bench.path("rates.json")).unwrap()).unwrap();
    assert_eq!(rates["categories"]["normal_similar_api"]["accuracy"], 0.5);
    assert_eq!(rates["overall"]["overall"], 0.024);
}

#[test]
fn a_folder_of_official_results_is_read() {
    let bench = with_data();
    std::fs::create_dir_all(bench.path("result_en/model")).unwrap();
    bench.write(
        "result_en/model/data_normal_similar_api_result.json",
        "{\"id\": \"normal_similar_api_0\", \"result\": \"[book(city='Oslo')]\"}\n\
         {\"id\": \"normal_similar_api_1\", \"result\": null}\n",
    );
    let data = "checkout/data_all";
    bench
        .run(&score(&[
            "--data",
            data,
            "--results",
            "result_en/model",
            "--out",
            "verdicts.jsonl",
        ]))
        .done();
    let verdicts = std::fs::read_to_string(bench.path("verdicts.jsonl")).unwrap();
    assert_eq!(verdicts.matches("\"valid\":true").count(), 1);
    assert_eq!(verdicts.lines().count(), 2);
    bench
        .run(&score(&["--data", data, "--results", "result_en"]))
        .refused(&["result_en", "the model's own folder"]);
}

#[test]
fn wrong_lines_are_told_and_the_others_scored() {
    let bench = with_data();
    bench.write(
        "answers.jsonl",
        String::from("{\"category\": \n") + &answer("normal_similar_api_0", "[book(city='Oslo')]"),
    );
    let ran = bench.run(&score(&[
        "--data",
        "checkout",
        "--results",
        "answers.jsonl",
    ]));
    assert!(ran.stdout.contains("\"valid\":true"));
    ran.refused(&[
        "answers.jsonl, line 1",
        "one JSON object",
        "1/2",
        "1 without an answer",
    ]);
}

#[test]
fn files_that_are_not_there() {
    let bench = with_data();
    bench
        .run(&score(&["--data", "nowhere", "--results", "answers.jsonl"]))
        .refused(&["no ACEBench data in nowhere", "git clone", "--data"]);
    bench
        .run(&score(&[
            "--data",
            "checkout",
            "--results",
            "answers.jsonl",
        ]))
        .refused(&["cannot read answers.jsonl", "--results"]);
}
