//! `task show`, `task stats` and `task prove`, on the tasks of a run.

use std::path::PathBuf;

use serde_json::Value;

use crate::support::{Bench, workspace};

/// A run as far as its tasks; gives one of its files of tasks.
fn made(bench: &Bench) -> PathBuf {
    bench.small_recipe();
    for stage in ["ingest", "graph", "author", "task"] {
        bench.run(&[stage, "small.toml", "--out", "run"]).done();
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(bench.path("run/task"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    files.sort();
    files.swap_remove(0)
}

/// Tasks for a world of the project's own, without a recipe.
#[test]
fn tasks_are_made_for_a_world_that_is_there() {
    let bench = Bench::new();
    let world = workspace().join("worlds/hotel");
    let world = world.to_str().unwrap();
    let made = [
        "task",
        "make",
        world,
        "--out",
        "tasks",
        "--per-world",
        "12",
        "--states",
        "1",
    ];
    bench.run(&made).done();
    let file = bench.path("tasks/hotel.jsonl");
    assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 12);
    bench
        .run(&["task", "prove", file.to_str().unwrap(), "--world", world])
        .done();
    let split = ["task", "split", file.to_str().unwrap(), "--world", world];
    let split: Value = serde_json::from_str(&bench.run(&split).done().stdout).unwrap();
    assert_eq!(split["sides"]["train"]["tasks"], 12);
    bench
        .run(&["task", "split", "tasks", "--sides", "all"])
        .refused(&["all"]);
}

#[test]
fn tasks_are_shown_counted_and_proven_again() {
    let bench = Bench::new();
    let file = made(&bench);
    let text = std::fs::read_to_string(&file).unwrap();
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let id = first["id"].as_str().unwrap();

    let page = bench
        .run(&["task", "show", id, "--in", "run"])
        .done()
        .stdout;
    for part in [
        first["intent"].as_str().unwrap(),
        "Gold",
        "Proof:",
        "killed",
    ] {
        assert!(page.contains(part), "no {part:?} in: {page}");
    }
    bench
        .run(&["task", "show", "nothing-00000", "--in", "run"])
        .refused(&["nothing-00000"]);
    bench
        .run(&["task", "stats", "nowhere"])
        .refused(&["nowhere"]);

    let stats = bench.run(&["task", "stats", "run", "--json"]).done().stdout;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert!(stats["tasks"].as_u64().unwrap() >= text.lines().count() as u64);

    let file_name = file.to_str().unwrap();
    let proven = bench
        .run(&["task", "prove", file_name, "--json"])
        .done()
        .stdout;
    let proven: Value = serde_json::from_str(&proven).unwrap();
    assert_eq!(proven["tasks"].as_u64(), Some(text.lines().count() as u64));

    // A task whose gold was spoilt no longer holds, and is named.
    let mut spoilt = first.clone();
    spoilt["gold"] = Value::Array(Vec::new());
    std::fs::write(&file, format!("{spoilt}\n")).unwrap();
    let ran = bench.run(&["task", "prove", file_name]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(id), "{}", ran.stderr);
}
