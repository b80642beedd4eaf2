//! Exports keep what a trajectory says and mark the same turns for loss. That Python loads them is shown in
//! practicum-cli's tests.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::path::Path;

use oracle::world_with_tasks;
use practicum_chat::{ChatTemplate, RowOptions};
use practicum_rollout::{
    Format, Options, Trajectory, read_trajectories, run_world, segments, tools_of, trl_row,
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
        let verl = Format::VerlSft.rows(own, &tools).remove(0);
        let all: Vec<Value> = serde_json::from_str(verl["messages"].as_str().unwrap()).unwrap();
        assert_eq!(&all, messages);

        let jinja = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}</s>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";
        let template = ChatTemplate::new(jinja, Some("</s>")).unwrap();
        let (rows, refused) = segments(own, &tools, &template, RowOptions::default()).unwrap();
        assert_eq!((rows.len(), refused.len()), (1, 0));
        let pieces = rows[0]["segments"].as_array().unwrap();
        let lost = pieces.iter().filter(|own| own["label"] == true);
        assert_eq!(lost.clone().count(), trained);
        for piece in lost {
            let text = piece["text"].as_str().unwrap();
            assert!(
                text.ends_with("</s>") && !text.contains("<assistant>"),
                "{text}"
            );
        }
        let prompt = Format::VerlRl.rows(own, &tools).remove(0);
        assert_eq!(prompt["prompt"].as_array().unwrap().len(), 2);
    }
    // Mistakes are in the context, and carry no loss.
    assert!(masked > 5, "{masked}");
}
