//! Exports keep what a trajectory says and mark the same turns for loss; Python's `datasets` and
//! `transformers` load and render them where they are installed.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::path::Path;
use std::process::Command;

use oracle::world_with_tasks;
use practicum_rollout::{
    Format, Options, Trajectory, read_trajectories, run_world, tools_of, trl_row,
};
use serde_json::Value;

/// Whole trajectories of the oracle and of the oracle with mistakes.
fn trajectories(folder: &Path) -> (Vec<Value>, Vec<Trajectory>) {
    let (world, tasks) = world_with_tasks("corner-shop", 20);
    let path = folder.join("own.jsonl");
    run_world(&world, &tasks, &Options::default(), &path).unwrap();
    let mut all = Vec::new();
    read_trajectories(&path, |own| all.push(own)).unwrap();
    all.retain(|own| !own.messages.is_empty() && own.verdict.passed);
    (tools_of(&world), all)
}

#[test]
fn every_form_trains_the_same_turns() {
    let folder = tempfile::tempdir().unwrap();
    let (tools, all) = trajectories(folder.path());
    let mut masked = 0;
    for own in &all {
        let row = trl_row(own, &tools);
        let messages = row["messages"].as_array().unwrap();
        let trained = messages
            .iter()
            .filter(|message| message["train"] == true)
            .count();
        let agents = messages
            .iter()
            .filter(|message| message["role"] == "assistant")
            .count();
        masked += agents - trained;

        assert_eq!(Format::TrlTurns.rows(own, &tools).len(), trained);
        for row in Format::TrlTurns.rows(own, &tools) {
            let prompt = row["prompt"].as_array().unwrap();
            assert_eq!(row["completion"][0]["role"], "assistant");
            assert!(prompt.iter().all(|message| message.get("train").is_none()));
        }
        let rows = Format::LlamaFactory.rows(own, &tools);
        assert_eq!(rows.len(), trained);
        for row in rows {
            let turns = row["conversations"].as_array().unwrap();
            for (at, turn) in turns.iter().enumerate() {
                let from = turn["from"].as_str().unwrap();
                let model = ["gpt", "function_call"].contains(&from);
                assert_eq!(model, at % 2 == 1, "{from} at {at}");
                if from == "function_call" {
                    serde_json::from_str::<Value>(turn["value"].as_str().unwrap()).unwrap();
                }
            }
            assert!(turns.len().is_multiple_of(2));
        }
        let swift = Format::MsSwift.rows(own, &tools).remove(0);
        let lost = swift["messages"].as_array().unwrap().iter();
        assert_eq!(
            lost.filter(|message| message["loss"] == true).count(),
            trained
        );
        let prompt = Format::VerlRl.rows(own, &tools).remove(0);
        assert_eq!(prompt["prompt"].as_array().unwrap().len(), 2);
    }
    // Mistakes are in the context, and carry no loss.
    assert!(masked > 5, "{masked}");
}

const LOADS: &str = r#"
import json, sys
import datasets
folder = sys.argv[1]
for name in sys.argv[2:]:
    rows = [json.loads(line) for line in open(f"{folder}/{name}.jsonl")]
    loaded = datasets.load_dataset("json", data_files=f"{folder}/{name}.jsonl", split="train", cache_dir=folder + "/cache")
    assert loaded.num_rows == len(rows), name
    tools = json.loads(rows[0].get("tools") or rows[0]["extra_info"]["tools"])
    assert tools[-1]["function"]["name"] == "finish"
    # Nested rows that Arrow pads with nulls would leak them into prompts: arguments and schemas are text.
    for row in loaded:
        for message in row.get("messages") or []:
            for call in message.get("tool_calls") or []:
                assert isinstance(json.loads(call["function"]["arguments"]), dict)
print("loaded", datasets.__version__)
"#;

#[test]
fn python_loads_them() {
    let has = Command::new("python3")
        .args(["-c", "import datasets"])
        .output();
    if !has.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: python3 has no `datasets`");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (tools, all) = trajectories(folder.path());
    for format in Format::ALL {
        let text: String = all
            .iter()
            .flat_map(|own| format.rows(own, &tools))
            .map(|row| format!("{row}\n"))
            .collect();
        std::fs::write(folder.path().join(format!("{}.jsonl", format.name())), text).unwrap();
    }
    let output = Command::new("python3")
        .args(["-c", LOADS, folder.path().to_str().unwrap()])
        .args(Format::ALL.map(Format::name))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    println!("{out}");
}
