//! The two stages of training as a folder for another trainer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{Bench, workspace};

fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Each line is `key: value` with the value as JSON, which every reader of YAML reads.
fn settings(path: &Path) -> BTreeMap<String, Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let (key, value) = line.split_once(": ").unwrap();
            (key.to_string(), serde_json::from_str(value).unwrap())
        })
        .collect()
}

/// A finished run whose recipe holds hotels out and has the mobile carrier as its vertical.
fn finished(bench: &Bench) {
    let recipe = bench.small_recipe();
    bench.run(&["run", "small.toml", "--out", "run"]).done();
    let vertical = workspace().join("worlds/mobile");
    let text = format!(
        "{}[learn.worlds]\nheld_out = [\"hotel-*\"]\nvertical = [{:?}]\n",
        std::fs::read_to_string(&recipe).unwrap(),
        vertical.to_str().unwrap()
    );
    std::fs::write(&recipe, text).unwrap();
}

#[test]
fn trainers_get_two_stages_that_share_no_held_out_world() {
    let bench = Bench::new();
    finished(&bench);
    let export = |trainer: &str, to: &str| {
        let arguments = [
            "export-recipe",
            "small.toml",
            "--out",
            "run",
            "--trainer",
            trainer,
            "--model",
            "base",
            "--vertical-tasks",
            "24",
            "--to",
            to,
        ];
        bench.run(&arguments).done();
        bench.path(to)
    };
    let trl = export("trl", "trl");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(trl.join("manifest.json")).unwrap()).unwrap();
    let of_general = manifest["stages"]["general"]["worlds"].as_array().unwrap();
    assert!(of_general.len() >= 8);
    let is_hotel = |name: &Value| name.as_str().unwrap().starts_with("hotel");
    assert!(!of_general.iter().any(is_hotel));
    assert_eq!(
        manifest["stages"]["vertical"]["worlds"],
        serde_json::json!(["mobile"])
    );

    let general = rows(&trl.join("data/general/train.jsonl"));
    let vertical = rows(&trl.join("data/vertical/train.jsonl"));
    assert_eq!(manifest["stages"]["general"]["rows"], general.len());
    assert_eq!(manifest["stages"]["vertical"]["rows"], vertical.len());
    let of_general: BTreeSet<String> = general.iter().map(Value::to_string).collect();
    let replayed: Vec<&Value> = vertical
        .iter()
        .filter(|row| of_general.contains(&row.to_string()))
        .collect();
    assert_eq!(manifest["stages"]["vertical"]["replayed"], replayed.len());
    let quarter = ((vertical.len() - replayed.len()) as f64 * 0.25).round() as usize;
    assert_eq!(replayed.len(), quarter.min(general.len()));
    for row in general.iter().chain(&vertical) {
        assert!(!row["prompt"].as_array().unwrap().is_empty());
        assert_eq!(row["completion"][0]["role"], "assistant");
        serde_json::from_str::<Value>(row["tools"].as_str().unwrap()).unwrap();
    }
    let (first, second) = (
        settings(&trl.join("general.yaml")),
        settings(&trl.join("vertical.yaml")),
    );
    assert_eq!(first["model_name_or_path"], "base");
    assert_eq!(first["dataset_name"], "data/general");
    assert_eq!(second["model_name_or_path"], first["output_dir"]);
    let script = std::fs::read_to_string(trl.join("run.sh")).unwrap();
    let order = script.find("general.yaml").unwrap();
    assert!(order < script.find("vertical.yaml").unwrap());

    let factory = export("llama-factory", "factory");
    let sets: Value =
        serde_json::from_slice(&std::fs::read(factory.join("data/dataset_info.json")).unwrap())
            .unwrap();
    for stage in ["general", "vertical"] {
        let file = sets[stage]["file_name"].as_str().unwrap();
        let rows = rows(&factory.join("data").join(file));
        assert_eq!(manifest["stages"][stage]["rows"], rows.len());
        assert_eq!(
            settings(&factory.join(format!("{stage}.yaml")))["dataset"],
            stage
        );
        // Strict alternation, and the last turn is the one that carries loss.
        for row in rows {
            for (at, turn) in row["conversations"].as_array().unwrap().iter().enumerate() {
                let models = ["gpt", "function_call"].contains(&turn["from"].as_str().unwrap());
                assert_eq!(models, at % 2 == 1, "{row}");
            }
        }
    }
    // The same again: the same bytes.
    let again = export("trl", "again");
    for file in [
        "data/general/train.jsonl",
        "data/vertical/train.jsonl",
        "manifest.json",
    ] {
        assert_eq!(
            std::fs::read(trl.join(file)).unwrap(),
            std::fs::read(again.join(file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn a_run_that_is_not_finished_is_told() {
    let bench = Bench::new();
    bench.small_recipe();
    bench
        .run(&[
            "export-recipe",
            "small.toml",
            "--trainer",
            "trl",
            "--model",
            "base",
        ])
        .refused(&["practicum run"]);
}
