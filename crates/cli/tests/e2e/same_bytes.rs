//! The same recipe gives the same bytes: on any number of threads, and after a kill.

use std::path::Path;
use std::process::Stdio;

use crate::support::{Bench, assert_same};

#[test]
fn threads_change_nothing() {
    let bench = Bench::new();
    bench.small_recipe();
    for (out, threads) in [("one", "1"), ("two", "2")] {
        bench
            .run(&["run", "small.toml", "--out", out, "--threads", threads])
            .done();
    }
    assert_same(&bench.path("one"), &bench.path("two"));
}

/// Starts a run, kills it (SIGKILL) as soon as this many files are under the stage's unfinished folder,
/// and returns whether the kill came before the end.
fn killed_at(bench: &Bench, out: &str, stage: &str, files: usize) -> bool {
    let mut child = bench
        .command(&["run", "small.toml", "--out", out, "--threads", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let partial = bench.path(out).join(format!("{stage}.partial"));
    let count = |folder: &Path| {
        std::fs::read_dir(folder).map_or(0, |entries| {
            entries
                .flatten()
                .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
                .count()
        })
    };
    while count(&partial) < files {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::yield_now();
    }
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes() {
    let bench = Bench::new();
    bench.small_recipe();
    bench.run(&["run", "small.toml", "--out", "whole"]).done();
    // One run that is killed again and again, ever later.
    let mut kills = 0;
    for (stage, files) in [
        ("author", 1),
        ("task", 2),
        ("task", 7),
        ("rollout", 3),
        ("rollout", 8),
    ] {
        kills += usize::from(killed_at(&bench, "killed", stage, files));
    }
    assert!(kills >= 3, "only {kills} kills came in time");
    assert!(!bench.path("killed/report.json").exists());
    bench.run(&["run", "small.toml", "--out", "killed"]).done();
    assert_same(&bench.path("whole"), &bench.path("killed"));
}

#[test]
fn what_is_finished_is_skipped_and_what_changed_is_made_again() {
    let bench = Bench::new();
    let recipe = bench.small_recipe();
    bench.run(&["run", "small.toml", "--out", "run"]).done();
    let written = |stage: &str| {
        std::fs::metadata(bench.path("run").join(stage).join("report.json"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before: Vec<_> = ["ingest", "author", "task", "rollout"].map(written).into();
    bench.run(&["run", "small.toml", "--out", "run"]).done();
    let again: Vec<_> = ["ingest", "author", "task", "rollout"].map(written).into();
    assert_eq!(before, again);

    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text.replace("per_world = 8", "per_world = 6")).unwrap();
    bench.run(&["run", "small.toml", "--out", "run"]).done();
    let changed: Vec<_> = ["ingest", "author", "task", "rollout"].map(written).into();
    assert_eq!(before[..2], changed[..2]);
    assert_ne!(before[2..], changed[2..]);
    // The same as if it had been so from the start.
    bench.run(&["run", "small.toml", "--out", "fresh"]).done();
    assert_same(&bench.path("run"), &bench.path("fresh"));
}

#[test]
fn stages_one_by_one_are_the_whole() {
    let bench = Bench::new();
    bench.small_recipe();
    bench.run(&["run", "small.toml", "--out", "whole"]).done();
    for stage in [
        "ingest", "graph", "author", "task", "rollout", "funnel", "export", "report",
    ] {
        let ran = bench
            .run(&[stage, "small.toml", "--out", "stages", "--json"])
            .done();
        let lines: Vec<&str> = ran.stdout.lines().collect();
        assert_eq!(lines.len(), 1, "{stage}");
        serde_json::from_str::<serde_json::Value>(lines[0]).unwrap();
    }
    assert_same(&bench.path("whole"), &bench.path("stages"));
}
