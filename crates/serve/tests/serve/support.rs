//! A world with tasks, and the right way through them.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use practicum_serve::Catalogue;
use practicum_task::{Task, generate, propose};
use practicum_world::World;
use serde_json::{Value, json};

/// The world of these tests, and some proven tasks.
pub(crate) fn shop() -> (World, Vec<Task>) {
    static SHOP: OnceLock<(World, Vec<Task>)> = OnceLock::new();
    let made = SHOP.get_or_init(|| {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../world/tests/worlds/corner-shop");
        let world = World::load(&folder).unwrap();
        let options = practicum_task::Options {
            per_world: 12,
            states: 2,
            size: "small".into(),
            ..practicum_task::Options::default()
        };
        let tasks = generate(&world, &options).unwrap().0;
        (world, tasks)
    });
    made.clone()
}

/// All that is offered in these tests.
pub(crate) fn catalogue() -> Catalogue {
    let (world, tasks) = shop();
    Catalogue::new(vec![world], tasks).unwrap()
}

/// The acts that pass a task: gold's calls, each change proposed to the user before it is made.
pub(crate) fn gold(world: &World, task: &Task) -> Vec<(String, Value)> {
    let mut acts = Vec::new();
    for call in &task.gold {
        let tool = world.tool(&call.tool).unwrap();
        if call.writes {
            let text = propose(world, task, tool, &call.arguments);
            acts.push(("say".into(), json!({"text": text})));
        }
        acts.push((call.tool.clone(), Value::Object(call.arguments.clone())));
    }
    acts.push((
        "finish".into(),
        json!({"outcome": task.expectation.outcome, "answer": task.answer}),
    ));
    acts
}

/// A journal in memory, to read what a killed process would have left.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
