//! `check` and `play`, on worlds that a run made; `schema`.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::support::Bench;

/// Makes the worlds and tasks of the small recipe; returns one world's folder and its tasks.
fn worlds(bench: &Bench) -> (PathBuf, PathBuf) {
    bench.small_recipe();
    for stage in ["ingest", "graph", "author", "task"] {
        bench.run(&[stage, "small.toml", "--out", "run"]).done();
    }
    let mut worlds: Vec<PathBuf> = std::fs::read_dir(bench.path("run/author/worlds"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    worlds.sort();
    let world = worlds.swap_remove(0);
    let name = world.file_name().unwrap().to_str().unwrap().to_string();
    let tasks = bench.path("run/task").join(format!("{name}.jsonl"));
    assert!(tasks.is_file(), "{}", tasks.display());
    (world, tasks)
}

#[test]
fn check_passes_good_worlds_and_names_what_is_wrong_in_others() {
    let bench = Bench::new();
    let (world, _) = worlds(&bench);
    let folder = world.to_str().unwrap();
    let ran = bench.run(&["check", folder, "--json"]).done();
    let reports: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(!reports[0]["tools"].as_array().unwrap().is_empty());

    let schema = world.join("schema.sql");
    let text = std::fs::read_to_string(&schema).unwrap();
    std::fs::write(&schema, text.replace("CREATE TABLE", "CREATE TABEL")).unwrap();
    let ran = bench.run(&["check", folder]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("schema.sql"), "{}", ran.stderr);
    bench.run(&["check", "nowhere"]).refused(&["nowhere"]);
}

fn play(bench: &Bench, arguments: &[&str], lines: &str) -> (i32, String) {
    let mut child = bench
        .command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8(text).unwrap(),
    )
}

#[test]
fn a_task_is_played_from_a_script() {
    let bench = Bench::new();
    let (world, tasks) = worlds(&bench);
    let line = std::fs::read_to_string(&tasks).unwrap();
    let task: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    let id = task["id"].as_str().unwrap();
    let folder = world.to_str().unwrap();

    let end = |outcome: &str, answer: &str| format!("finish\n{outcome}\n{answer}\n");

    // Gold's calls by hand pass.
    let mut lines = String::new();
    for call in task["gold"].as_array().unwrap() {
        lines.push_str(&format!(
            "{} {}\n",
            call["tool"].as_str().unwrap(),
            call["arguments"]
        ));
    }
    let outcome = task["expectation"]["outcome"].as_str().unwrap();
    lines.push_str(&end(outcome, task["answer"].as_str().unwrap()));
    let (code, text) = play(&bench, &["play", folder, "--task", id], &lines);
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("\npassed\n"), "{text}");

    // Nothing done: the verdict says what is missing, and that is no error of the program.
    let (code, text) = play(
        &bench,
        &["play", folder, "--task", id],
        &end("done", "Done."),
    );
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("\nnot passed\n"), "{text}");

    // An unknown tool and broken arguments are told, and the session goes on.
    let (code, text) = play(
        &bench,
        &["play", folder],
        "no_such_tool {}\nnot json at all {\nquit\n",
    );
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("no_such_tool"), "{text}");
    let (code, _) = play(&bench, &["play", folder, "--task", "absent"], "");
    assert_eq!(code, 2);
}

#[test]
fn schemas_are_printed_for_editors() {
    let bench = Bench::new();
    for kind in ["world", "tool", "data", "policy", "test"] {
        let ran = bench.run(&["schema", kind]).done();
        let schema: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        assert!(schema["properties"].is_object(), "{kind}");
    }
    bench
        .run(&["schema", "recipe"])
        .refused(&["world, tool, data, policy, test"]);
}
