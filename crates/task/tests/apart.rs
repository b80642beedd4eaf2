//! Names that are not enough.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_task::{Options, Task, generate};
use practicum_world::{Cell, Sampler, World};

fn clinic() -> World {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds/clinic");
    World::load(&folder).unwrap()
}

/// In a state with namesakes, gold finds the one that is meant: the user tells more than a name.
#[test]
fn namesakes_are_told_apart() {
    let world = clinic();
    let options = Options {
        per_world: 20,
        states: 1,
        namesakes: 1.0,
        ..Options::default()
    };
    let (tasks, report) = generate(&world, &options).unwrap();
    assert_eq!((report.survived, report.refused), (0, 0));
    let state = world.state(&tasks[0].state).unwrap();
    let sampler = Sampler::new(&state).unwrap();
    let mut met = 0;
    for task in &tasks {
        assert_eq!(task.state, tasks[0].state);
        assert!(!task.state.added.is_empty());
        let shared = task.slots.iter().filter(|slot| {
            let Some(at) = world.schema().resolve(&slot.about) else {
                return false;
            };
            let rows = sampler.rows()[at.table].iter();
            rows.filter(|row| row[at.column] == slot.value).count() > 1 && slot.value != Cell::Null
        });
        met += usize::from(shared.count() > 0);
    }
    assert!(met > 0);
    let text = serde_json::to_string(&tasks[0]).unwrap();
    assert_eq!(serde_json::from_str::<Task>(&text).unwrap(), tasks[0]);
}
