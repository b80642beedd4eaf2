//! Exports as Python loads them, and what they say of themselves.
#![allow(clippy::print_stdout)] // what was compared

use practicum_rollout::{Options, run_world};
use serde_json::Value;

use crate::clients::{environment, run, script};
use crate::oracle::{world_folder, world_with_tasks};
use crate::support::{Bench, Ran, workspace};

const FORMATS: &str = "trl,trl-turns,llama-factory,ms-swift,axolotl,verl-sft,verl-rl,segments";

/// Trajectories of the reference agents, and their tasks beside them.
fn episodes(bench: &Bench) -> String {
    let (world, tasks) = world_with_tasks("corner-shop", 12);
    let lines: Vec<String> = tasks
        .iter()
        .map(|task| serde_json::to_string(task).unwrap())
        .collect();
    bench.write("tasks.jsonl", lines.join("\n"));
    let path = bench.path("trajectories.jsonl");
    run_world(&world, &tasks, &Options::default(), &path).unwrap();
    world_folder("corner-shop").to_str().unwrap().to_string()
}

fn template() -> String {
    let path = workspace().join("crates/chat/tests/templates/chatml.jinja");
    path.to_str().unwrap().to_string()
}

fn export(bench: &Bench, world: &str, more: &[&str]) -> Ran {
    let mut arguments = vec!["trajectory", "export", "trajectories.jsonl", world];
    arguments.extend(["--out", "data"]);
    arguments.extend(more);
    bench.run(&arguments)
}

#[test]
fn files_by_length_a_card_and_reasons() {
    let bench = Bench::new();
    let world = episodes(&bench);
    let template = template();
    // The model's folder names what ends a turn; a bare template does not.
    let all = [
        "--formats",
        FORMATS,
        "--template",
        &template,
        "--buckets",
        "9000,12000",
    ];
    export(&bench, &world, &all).done();
    let names: Vec<String> = std::fs::read_dir(bench.path("data"))
        .unwrap()
        .map(|own| own.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in [
        "trl-9000.jsonl",
        "trl-longer.jsonl",
        "verl-sft-9000.parquet",
        "card.md",
    ] {
        assert!(names.iter().any(|own| own == name), "{name}: {names:?}");
    }
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(bench.path("data/report.json")).unwrap())
            .unwrap();
    let rows = |format: &str| -> u64 {
        let files = report["files"].as_object().unwrap().iter();
        let own = files.filter(|(name, _)| {
            name.strip_prefix(format).is_some_and(|rest| {
                rest[1..].starts_with(char::is_numeric) || rest.starts_with("-longer")
            })
        });
        own.map(|(_, rows)| rows.as_u64().unwrap()).sum()
    };
    let kept = report["kept"].as_u64().unwrap();
    assert!(kept > 5);
    for format in [
        "trl", "axolotl", "ms-swift", "verl-sft", "verl-rl", "segments",
    ] {
        assert_eq!(rows(format), kept, "{format}: {report}");
    }
    for line in std::fs::read_to_string(bench.path("data/trl-9000.jsonl"))
        .unwrap()
        .lines()
    {
        assert!(line.len() <= 9000);
    }
    let card = std::fs::read_to_string(bench.path("data/card.md")).unwrap();
    for part in [
        "| oracle | gold |",
        "| corner-shop |",
        "| near-duplicates |",
        "| trajectories | ",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    let told = bench.run(&["trajectory", "why", "data"]).done().stdout;
    assert!(
        told.contains("contamination") && told.contains(" passed"),
        "{told}"
    );

    // All demonstrations under other names: another set of tools in each row.
    export(&bench, &world, &["--dress", "1"]).done();
    let rows = std::fs::read_to_string(bench.path("data/trl.jsonl")).unwrap();
    let tools: std::collections::BTreeSet<String> = rows
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["tools"].to_string())
        .collect();
    assert!(2 * tools.len() > rows.lines().count(), "{}", tools.len());
    assert!(rows.contains("/dressed\""));

    export(&bench, &world, &["--formats", "segments"]).refused(&["--template"]);
    export(&bench, &world, &["--reasoning", "masked"]).refused(&["segments"]);
    export(&bench, &world, &["--reasoning", "loud"]).refused(&["trained, masked nor dropped"]);
}

#[test]
fn python_loads_them() {
    let Some(python) = environment(
        "templates",
        &[
            "transformers==5.24.0",
            "jinja2>=3.1.6",
            "tiktoken>=0.12",
            "datasets==5.2.0",
        ],
    ) else {
        return;
    };
    let bench = Bench::new();
    let world = episodes(&bench);
    // A model's folder: the template, and what ends a turn.
    let jinja = std::fs::read_to_string(template()).unwrap();
    let jinja = bench.write("model/chat_template.jinja", jinja);
    bench.write(
        "model/tokenizer_config.json",
        r#"{"eos_token": "<|im_end|>"}"#,
    );
    let all = [
        "--formats",
        FORMATS,
        "--template",
        "model",
        "--buckets",
        "9000",
    ];
    export(&bench, &world, &all).done();
    let data = bench.path("data");
    let arguments = [
        &script("exports.py"),
        data.to_str().unwrap(),
        jinja.to_str().unwrap(),
    ];
    println!("{}", run(&python.join("bin/python"), &arguments, &bench));
}
