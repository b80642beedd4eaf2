//! Gold as an endpoint: answers chat completions as the oracle would, from the conversation alone.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use practicum_chat::{Message, Role, ToolCall};
use practicum_rollout::{Action, Observation, Reference};
use practicum_stub::Answering;
use practicum_task::{Task, generate};
use practicum_world::World;
use serde::Deserialize;
use serde_json::{Value, json};

/// A world of the repository.
pub(crate) fn world_folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match name {
        "corner-shop" => root.join("crates/world/tests/worlds/corner-shop"),
        _ => root.join("worlds").join(name),
    }
}

/// A world with tasks, no two of which begin with the same words.
pub(crate) fn world_with_tasks(name: &str, per_world: usize) -> (World, Vec<Task>) {
    let world = World::load(&world_folder(name)).unwrap();
    let options = practicum_task::Options {
        per_world,
        states: 2,
        ..practicum_task::Options::default()
    };
    let mut tasks = generate(&world, &options).unwrap().0;
    let mut seen = BTreeSet::new();
    tasks.retain(|task| seen.insert(task.intent.clone()));
    (world, tasks)
}

#[derive(Deserialize)]
struct Request {
    messages: Vec<Message>,
}

/// Answers as the oracle of whichever task the conversation is about.
pub(crate) fn oracle(grounds: Vec<(World, Vec<Task>)>) -> Answering {
    let mut tasks: BTreeMap<String, (World, Task)> = BTreeMap::new();
    for (world, own) in grounds {
        for task in own {
            tasks.insert(task.intent.clone(), (world.clone(), task));
        }
    }
    Arc::new(move |body: &[u8]| {
        let request: Request = serde_json::from_slice(body).unwrap();
        let Some((world, task)) = tasks.get(&request.messages[1].content) else {
            return json!({"role": "assistant", "content": "I do not know this request."});
        };
        next_message(world, task, &request.messages)
    })
}

/// What the oracle says next.
pub(crate) fn next_message(world: &World, task: &Task, messages: &[Message]) -> Value {
    let mut agent = Reference::oracle(world, task);
    let mut action = agent.act(&Observation::User(task.intent.clone()));
    for message in &messages[2..] {
        action = match message.role {
            Role::User => agent.act(&Observation::User(message.content.clone())),
            Role::Tool => agent.act(&Observation::Reply {
                ok: !message.content.starts_with("{\"error\""),
                content: message.content.clone(),
            }),
            _ => continue,
        };
    }
    let call = |name: &str, arguments: &Value| {
        let call = ToolCall::new(format!("c{}", messages.len()), name, arguments.to_string());
        json!({"role": "assistant", "content": null, "tool_calls": [call]})
    };
    match action {
        Action::Say(text) => json!({"role": "assistant", "content": text}),
        Action::Call { tool, arguments } => call(&tool, &arguments),
        Action::Finish { outcome, answer } => call(
            "finish",
            &json!({"outcome": outcome.map(practicum_world::Outcome::name), "answer": answer}),
        ),
    }
}
