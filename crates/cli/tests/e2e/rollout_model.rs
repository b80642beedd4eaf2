//! `rollout` with a model behind an endpoint: whole, killed in the middle, from a cassette.

use std::process::Stdio;
use std::time::Duration;

use practicum_stub::{Behaviour, Stub};
use practicum_task::Task;
use practicum_world::World;
use serde_json::Value;

use crate::oracle::{oracle, world_folder};
use crate::support::Bench;

/// An endpoint that answers as gold does, for the tasks that a first run has made.
fn endpoint(bench: &Bench, delay: Duration) -> (tokio::runtime::Runtime, Stub) {
    let text = std::fs::read_to_string(bench.path("run/tasks.jsonl")).unwrap();
    let tasks: Vec<Task> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let world = World::load(&world_folder("corner-shop")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let behaviour = Behaviour {
        delay,
        ..Behaviour::default()
    };
    let stub = runtime
        .block_on(Stub::start(behaviour, oracle(vec![(world, tasks)])))
        .unwrap();
    (runtime, stub)
}

/// Makes tasks by a run against an endpoint that is not there.
fn with_tasks(bench: &Bench) -> String {
    let world = world_folder("corner-shop").to_str().unwrap().to_string();
    let ran = bench.run(&[
        "rollout",
        &world,
        "--endpoint",
        "http://127.0.0.1:9/v1",
        "--model",
        "stub",
        "--out",
        "run",
        "--per-world",
        "8",
        "--tries",
        "1",
    ]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("count for nothing"), "{}", ran.stderr);
    world
}

fn status(bench: &Bench) -> Value {
    let ran = bench.run(&["rollout", "status", "run", "--json"]).done();
    serde_json::from_str(&ran.stdout).unwrap()
}

#[test]
fn a_model_acts_and_a_killed_run_goes_on() {
    let bench = Bench::new();
    let world = with_tasks(&bench);
    let (_runtime, stub) = endpoint(&bench, Duration::from_millis(20));
    let address = stub.endpoint();
    let arguments = [
        "rollout",
        &world,
        "--endpoint",
        &address,
        "--model",
        "stub",
        "--out",
        "run",
        "--attempts",
        "6",
        "--concurrency",
        "4",
        "--json",
    ];
    let mut child = bench
        .command(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Until something is written, then no longer.
    let log = bench.path("run/trajectories.jsonl");
    while std::fs::metadata(&log).map_or(0, |own| own.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let stopped = status(&bench);
    assert_eq!(stopped["over"], true);

    let ran = bench.run(&arguments).done();
    let progress: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(progress["done"], progress["total"]);
    assert_eq!(progress["passed"], progress["total"], "{progress}");
    assert!(progress["here"].as_u64() < progress["total"].as_u64());
    assert_eq!(status(&bench)["done"], progress["total"]);
    let words = bench.run(&["rollout", "status", "run"]).done().stdout;
    assert!(words.starts_with("finished: "), "{words}");

    // The record again, against the world.
    let again = |command: &str| {
        bench.run(&[
            "trajectory",
            command,
            "run/trajectories.jsonl",
            &world,
            "--json",
        ])
    };
    let report: Value = serde_json::from_str(&again("replay").done().stdout).unwrap();
    assert_eq!(report["trajectories"], progress["total"]);
    assert!(report["calls"].as_u64() > Some(10));
    let shown = bench
        .run(&["trajectory", "show", "run/trajectories.jsonl"])
        .done()
        .stdout;
    assert!(
        shown.contains("passed") && shown.contains("agent"),
        "{shown}"
    );
    let file = bench.path("run/trajectories.jsonl");
    let text = std::fs::read_to_string(&file).unwrap();
    let ids: Vec<String> = text
        .lines()
        .take(2)
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["id"]
                .as_str()
                .unwrap()
                .into()
        })
        .collect();
    let parted = bench
        .run(&[
            "trajectory",
            "diff",
            "run/trajectories.jsonl",
            &ids[0],
            &ids[1],
        ])
        .done();
    assert!(parted.stdout.contains("the same for"), "{}", parted.stdout);

    // Through the funnel, into training data; what is dropped has a reason.
    let export = |formats: &str| {
        let file = "run/trajectories.jsonl";
        bench.run(&[
            "trajectory",
            "export",
            file,
            &world,
            "--out",
            "data",
            "--formats",
            formats,
        ])
    };
    export("trl,verl-rl").done();
    let rows = std::fs::read_to_string(bench.path("data/trl.jsonl")).unwrap();
    assert!(rows.lines().count() >= 4);
    let dropped = std::fs::read_to_string(bench.path("data/dropped.jsonl")).unwrap();
    let first: Value = serde_json::from_str(dropped.lines().next().unwrap()).unwrap();
    let id = first["id"].as_str().unwrap();
    let why = bench.run(&["trajectory", "why", "data", id]).done().stdout;
    assert!(why.starts_with("duplicates: "), "{why}");
    export("yaml").refused(&["yaml", "llama-factory"]);

    // A record that says something else is found, and so is a verdict that moved.
    let forged = text.replacen("\"passed\":true", "\"passed\":false", 1);
    std::fs::write(&file, forged).unwrap();
    assert_eq!(again("replay").code, 1);
    let report: Value = serde_json::from_str(&again("reverify").done().stdout).unwrap();
    assert_eq!(report["moved"].as_array().unwrap().len(), 1);

    bench
        .run(&[
            "rollout",
            &world,
            "--endpoint",
            &address,
            "--model",
            "other",
            "--out",
            "run",
        ])
        .refused(&["another folder", "model"]);
}

#[test]
fn a_cassette_needs_no_endpoint() {
    let bench = Bench::new();
    let world = with_tasks(&bench);
    {
        let (_runtime, stub) = endpoint(&bench, Duration::ZERO);
        let address = stub.endpoint();
        bench
            .run(&[
                "rollout",
                &world,
                "--endpoint",
                &address,
                "--model",
                "stub",
                "--out",
                "run",
                "--record",
                "tape.jsonl",
                "--stream",
            ])
            .done();
    }
    std::fs::create_dir(bench.path("again")).unwrap();
    std::fs::copy(
        bench.path("run/tasks.jsonl"),
        bench.path("again/tasks.jsonl"),
    )
    .unwrap();
    let ran = bench
        .run(&[
            "rollout",
            &world,
            "--endpoint",
            "http://gone/v1",
            "--model",
            "stub",
            "--out",
            "again",
            "--replay",
            "tape.jsonl",
            "--stream",
            "--json",
        ])
        .done();
    let progress: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(progress["passed"], progress["total"]);
}

#[test]
fn what_is_wrong_is_told() {
    let bench = Bench::new();
    let world = world_folder("corner-shop").to_str().unwrap().to_string();
    let with = |more: &[&str]| {
        let mut arguments = vec!["rollout", &world, "--endpoint", "http://127.0.0.1:9/v1"];
        arguments.extend(["--model", "m", "--out", "run"]);
        arguments.extend(more);
        bench.run(&arguments)
    };
    with(&["--speech", "klingon"]).refused(&["klingon", "hermes"]);
    with(&["--extra", "[1]"]).refused(&["--extra"]);
    with(&["--prices", "cheap"]).refused(&["--prices"]);
    with(&["--tasks", "nowhere.jsonl"]).refused(&["nowhere.jsonl"]);
    bench
        .run(&["rollout", "status", "nowhere"])
        .refused(&["nowhere"]);
    bench
        .run(&["rollout", &world, &world])
        .refused(&["--endpoint"]);
    bench
        .run(&["rollout", &world, "--endpoint", "http://x/v1"])
        .refused(&["--model"]);
}
