//! Tasks behind a layer that renames, re-describes, reorders, pages and fails: the same ends, the same
//! verdicts.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_task::{Dressing, Options, Perturbation, Reason, Task, generate};
use practicum_world::{Actor, Agreement, Session, Transcript, World, verify};
use serde_json::{Map, Value};

fn tasks(name: &str) -> (World, Vec<Task>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../worlds")
        .join(name);
    let world = World::load(&folder).unwrap();
    let options = Options {
        per_world: 30,
        states: 1,
        ..Options::default()
    };
    let tasks = generate(&world, &options).unwrap().0;
    (world, tasks)
}

/// Makes a call through the layer as a good agent does: again when it failed for once, page by page.
fn patiently(
    dressing: &mut Dressing,
    session: &mut Session,
    tool: &str,
    arguments: &Map<String, Value>,
) -> Value {
    let (name, shown) = dressing.dress(tool, arguments).unwrap();
    let mut all = Vec::new();
    for page in 1.. {
        let mut shown = shown.clone();
        if page > 1 {
            shown["page"] = Value::from(page);
        }
        let mut reply = dressing.call(session, &name, &shown);
        if !reply.ok && reply.content.contains("unavailable") {
            reply = dressing.call(session, &name, &shown);
        }
        assert!(reply.ok, "{name} {shown}: {}", reply.content);
        let value: Value = serde_json::from_str(&reply.content).unwrap();
        let Some(pages) = value.get("pages").and_then(Value::as_u64) else {
            return value;
        };
        all.extend(value["items"].as_array().unwrap().iter().cloned());
        if page >= pages {
            return Value::Array(all);
        }
    }
    unreachable!()
}

/// Gold through the layer.
fn played(world: &World, task: &Task, dressing: &mut Dressing) -> (Session, Transcript) {
    let state = world.state(&task.state).unwrap();
    let mut session = state.session(task.seed).unwrap();
    let mut said = Transcript {
        answer: task.answer.clone(),
        outcome: Some(task.expectation.outcome),
        ..Transcript::default()
    };
    let mut replies: Vec<Value> = Vec::new();
    for call in &task.gold {
        let mut arguments = call.arguments.clone();
        for why in &call.determined {
            if let Reason::Shown { call, place, .. } = &why.by {
                let shown = replies[*call].pointer(place).unwrap();
                arguments.insert(why.argument.clone(), shown.clone());
            }
        }
        if world.needs_agreement(&call.tool) {
            said.agreements.push(Agreement {
                tool: call.tool.clone(),
                arguments: Value::Object(arguments.clone()),
                calls: session.log().len(),
            });
        }
        replies.push(if call.actor == Actor::User {
            let reply = session.call_as(Actor::User, &call.tool, &Value::Object(arguments));
            reply.value().unwrap()
        } else {
            patiently(dressing, &mut session, &call.tool, &arguments)
        });
    }
    (session, said)
}

#[test]
fn gold_passes_behind_every_layer_and_nothing_else_does() {
    let layers = [
        Perturbation::default(),
        Perturbation {
            faults: 0.5,
            page: 2,
            ..Perturbation::default()
        },
        Perturbation {
            names: false,
            page: 3,
            seed: 7,
            ..Perturbation::default()
        },
    ];
    let mut renamed = 0;
    for name in ["hotel", "workplace"] {
        let (world, tasks) = tasks(name);
        for task in &tasks {
            for layer in &layers {
                let mut dressing = Dressing::new(&world, task, layer);
                let own: Vec<&str> = world
                    .tools_of(Actor::Agent)
                    .map(|tool| tool.name.as_str())
                    .collect();
                assert_eq!(dressing.tools().len(), own.len());
                renamed += dressing
                    .tools()
                    .iter()
                    .filter(|tool| !own.contains(&tool.name.as_str()))
                    .count();
                let (mut session, said) = played(&world, task, &mut dressing);
                let verdict = verify(&mut session, &said, &task.expectation).unwrap();
                assert!(verdict.passed, "{}: {:?}", task.intent, verdict.failures());
                // The words alone are worth nothing, layer or not.
                session.reset(task.seed).unwrap();
                let verdict = verify(&mut session, &said, &task.expectation).unwrap();
                assert!(!verdict.passed, "{}", task.intent);
            }
        }
    }
    assert!(renamed > 1000, "{renamed}");
}

/// Names of the world's own lead nowhere once they are changed, and schemas speak the layer's words only.
#[test]
fn what_is_renamed_goes_by_the_new_name_alone() {
    let (world, tasks) = tasks("hotel");
    let task = &tasks[0];
    let mut dressing = Dressing::new(&world, task, &Perturbation::default());
    for tool in dressing.tools() {
        let text = tool.input.to_string() + &tool.description;
        assert!(!text.contains("find_guests"), "{text}");
        for name in tool.input["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            assert!(
                tool.input["properties"].get(name).is_some(),
                "{name} of {}",
                tool.name
            );
        }
    }
    let mut session = world.state(&task.state).unwrap().session(1).unwrap();
    let reply = dressing.call(
        &mut session,
        "find_guests",
        &serde_json::json!({"name": "A"}),
    );
    assert!(!reply.ok);
    // The same task and seed make the same layer.
    let again = Dressing::new(&world, task, &Perturbation::default());
    assert_eq!(dressing.tools(), again.tools());
}
