//! Reading a model's answers: JSON lines, the official layout, and what is wrong with them.

use std::fs;

use practicum_bench::acebench::{Benchmark, Category, DataError, read_answers};
use serde_json::json;

use crate::fixture::{benchmark, function};

fn two_items() -> Benchmark {
    let answer = || json!({ "ground_truth": { "f": { "a": "x" } } });
    let functions = function(json!({ "a": { "type": "string" } }));
    benchmark(
        Category::AtomBool,
        &[
            ("normal_atom_bool_0", functions.clone(), answer()),
            ("normal_atom_bool_1", functions, answer()),
        ],
    )
}

#[test]
fn wrong_lines_are_named_and_the_others_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.jsonl");
    let mut bytes = concat!(
        r#"{"category": "normal_atom_bool", "id": "normal_atom_bool_1", "model_result": "[f(a='x')]"}"#,
        "\r\n\n",
        "{\"category\": \"normal_atom_bool\"\n",
        r#"{"category": "normal_atom_bool", "id": "normal_atom_bool_0"}"#,
        "\n",
        r#"{"category": "normal_atoms", "id": "normal_atom_bool_0", "model_result": "[]"}"#,
        "\n",
        r#"{"category": "normal_atom_bool", "id": "normal_atom_bool_7", "model_result": "[]"}"#,
        "\n",
        r#"{"category": "normal_atom_bool", "id": "normal_atom_bool_1", "model_result": "[]"}"#,
        "\n",
    )
    .as_bytes()
    .to_vec();
    bytes.extend(b"\xff\xfe\n");
    fs::write(&path, bytes).unwrap();
    let read = read_answers(&path, &two_items()).unwrap();
    assert_eq!(read.answers.len(), 1);
    let problems: Vec<(Option<usize>, &str)> = read
        .problems
        .iter()
        .map(|problem| (problem.line, problem.what.as_str()))
        .collect();
    let has = |line: usize, part: &str| {
        assert!(
            problems
                .iter()
                .any(|(at, what)| *at == Some(line) && what.contains(part)),
            "line {line}, {part:?}: {problems:#?}"
        );
    };
    assert_eq!(problems.len(), 6);
    has(3, "write one JSON object");
    has(4, "missing field `model_result`");
    has(5, "no category \"normal_atoms\"");
    has(6, "no item \"normal_atom_bool_7\"");
    has(7, "only its first answer counts");
    has(8, "UTF-8");
}

#[test]
fn official_results_are_paired_by_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data_normal_atom_bool_result.json");
    fs::write(
        &file,
        "{\"id\": \"normal_atom_bool_1\", \"result\": \"[f(a='x')]\"}\n{\"id\": \"normal_atom_bool_0\", \"result\": \"no\"}\n",
    )
    .unwrap();
    let benchmark = two_items();
    let read = read_answers(folder.path(), &benchmark).unwrap();
    assert!(read.problems.is_empty());
    assert_eq!(read.notes.len(), 1);
    assert_eq!(read.answers[0].id, "normal_atom_bool_0");
    assert!(benchmark.score(&read.answers[0]).unwrap().valid);

    fs::write(
        &file,
        "{\"id\": \"normal_atom_bool_0\", \"result\": \"no\"}\n",
    )
    .unwrap();
    let read = read_answers(folder.path(), &benchmark).unwrap();
    assert!(read.answers.is_empty());
    assert!(read.problems[0].what.contains("1 results for 2 questions"));

    fs::remove_file(&file).unwrap();
    let read = read_answers(folder.path(), &benchmark).unwrap();
    assert!(
        read.problems[0]
            .what
            .contains("result_all/result_en/<model>")
    );
}

#[test]
fn data_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        Benchmark::read(folder.path(), "en"),
        Err(DataError::NoData { .. })
    ));
    let data = folder.path().join("data_all/data_en");
    fs::create_dir_all(&data).unwrap();
    fs::write(
        data.join("data_special_irrelevant.json"),
        "{\"id\": \"a\", \"function\": []}\n{}\n",
    )
    .unwrap();
    let error = Benchmark::read(folder.path(), "en")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("data_special_irrelevant.json, line 2: missing field `id`"),
        "{error}"
    );
    fs::write(
        data.join("data_special_irrelevant.json"),
        "{\"id\": \"a\", \"function\": []}\n",
    )
    .unwrap();
    assert!(matches!(
        Benchmark::read(folder.path(), "en"),
        Err(DataError::Unreadable { .. })
    ));
    fs::create_dir(data.join("possible_answer")).unwrap();
    fs::write(
        data.join("possible_answer/data_special_irrelevant.json"),
        "{\"id\": \"b\", \"ground_truth\": \"\"}\n",
    )
    .unwrap();
    assert!(matches!(
        Benchmark::read(folder.path(), "en"),
        Err(DataError::Mismatch { .. })
    ));
}
