//! Dressed demonstrations look different, do the same, and can be followed from their schemas alone.
#![allow(clippy::unwrap_used)]

mod oracle;

use std::collections::BTreeSet;

use oracle::world_with_tasks;
use practicum_chat::Role;
use practicum_rollout::{Options, Trajectory, dress, read_trajectories, run_world, tools_of};
use practicum_task::Perturbation;
use serde_json::Value;

fn demonstrations(
    name: &str,
) -> (
    practicum_world::World,
    Vec<practicum_task::Task>,
    Vec<Trajectory>,
) {
    let (world, tasks) = world_with_tasks(name, 14);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.jsonl");
    run_world(&world, &tasks, &Options::default(), &path).unwrap();
    let mut all = Vec::new();
    read_trajectories(&path, |own| all.push(own)).unwrap();
    all.retain(|own| !own.messages.is_empty() && own.verdict.passed);
    (world, tasks, all)
}

#[test]
fn a_demonstration_keeps_its_end_under_other_names() {
    let (mut dressed, mut naked, mut errors) = (0, 0, 0);
    for name in ["corner-shop", "hotel"] {
        let (world, tasks, all) = demonstrations(name);
        let own_names: BTreeSet<&str> = world
            .tools()
            .iter()
            .map(|tool| tool.name.as_str())
            .collect();
        let mut seen = BTreeSet::new();
        for own in &all {
            let task = tasks.iter().find(|task| task.id == own.task).unwrap();
            let state = world.state(&own.state).unwrap();
            let Some(made) = dress(&state, task, own, &Perturbation::default()).unwrap() else {
                naked += 1;
                continue;
            };
            dressed += 1;
            assert_eq!(made.trajectory.source, own.source);
            assert_eq!(made.trajectory.messages.len(), own.messages.len());
            let schema = |name: &str| {
                let tool = made
                    .tools
                    .iter()
                    .find(|tool| tool["function"]["name"] == name);
                tool.map(|tool| tool["function"]["parameters"].clone())
            };
            for (message, before) in made.trajectory.messages.iter().zip(&own.messages) {
                assert_eq!(message.role, before.role);
                if message.role == Role::User {
                    assert_eq!(message.content, before.content);
                }
                let failed = own.messages.iter().any(|reply| {
                    let answers = before
                        .tool_calls
                        .iter()
                        .any(|call| reply.tool_call_id.as_ref() == Some(&call.id));
                    answers && reply.content.starts_with("{\"error\"")
                });
                errors += usize::from(failed);
                for call in &message.tool_calls {
                    // What succeeds is in the schemas that the agent reads.
                    let arguments: Value = serde_json::from_str(&call.function.arguments).unwrap();
                    let schema = schema(&call.function.name).unwrap();
                    for name in arguments.as_object().unwrap().keys() {
                        let known = schema["properties"].get(name).is_some();
                        assert!(known || failed, "{}: {name}", call.function.name);
                    }
                }
            }
            // No tool of several words is named as the world names it, nor in the policy.
            for tool in &made.tools {
                let shown = tool["function"]["name"].as_str().unwrap();
                seen.insert(shown.to_string());
            }
            let system = &made.trajectory.messages[0].content;
            for name in own_names.iter().filter(|name| name.contains('_')) {
                let word = |own: char| !own.is_alphanumeric() && own != '_';
                let stays = made
                    .tools
                    .iter()
                    .any(|tool| tool["function"]["name"] == **name);
                assert!(
                    stays || !system.split(word).any(|own| own == *name),
                    "{name}"
                );
            }
            // The same again gives the same.
            let again = dress(&state, task, own, &Perturbation::default()).unwrap();
            assert_eq!(again.as_ref(), Some(&made));
        }
        let plain = tools_of(&world).len();
        assert!(
            seen.len() > 2 * plain,
            "{} names for {plain} tools",
            seen.len()
        );
    }
    assert!(dressed > 30 && errors > 3, "{dressed} {naked} {errors}");
    println!("{dressed} dressed, {naked} not, {errors} with a failed call");
}
