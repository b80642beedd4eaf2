//! Tasks that are nearly the same: about the same rows, done in the same way, asked for in nearly the same
//! words.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::atlas::Atlas;
use crate::task::{Reason, Task};
use crate::variety::masked_intent;

/// Share of the words of two requests, told values masked, from which on they are nearly the same.
const ALIKE: f64 = 0.8;

/// What a task is about and how it is done, values that are told left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shape(u64);

/// The tasks so far, by shape: the words of their requests.
#[derive(Debug, Default)]
pub(crate) struct Near(BTreeMap<Shape, Vec<BTreeSet<u64>>>);

impl Near {
    /// True for a task that is nearly one of those that were noted.
    pub(crate) fn holds(&self, atlas: &Atlas, task: &Task) -> bool {
        let own = words(task);
        let alike = |other: &BTreeSet<u64>| {
            let both = own.intersection(other).count() as f64;
            both >= ALIKE * (own.len() + other.len()) as f64 / (1.0 + ALIKE)
        };
        let known = self.0.get(&shape(atlas, task));
        known.is_some_and(|known| known.iter().any(alike))
    }

    /// Notes a task.
    pub(crate) fn note(&mut self, atlas: &Atlas, task: &Task) {
        let known = self.0.entry(shape(atlas, task)).or_default();
        known.push(words(task));
    }
}

fn words(task: &Task) -> BTreeSet<u64> {
    let masked = masked_intent(task).to_lowercase();
    masked
        .split_whitespace()
        .map(|word| {
            let mut hasher = DefaultHasher::new();
            word.hash(&mut hasher);
            hasher.finish()
        })
        .collect()
}

fn shape(atlas: &Atlas, task: &Task) -> Shape {
    let mut hasher = DefaultHasher::new();
    task.kind.name().hash(&mut hasher);
    task.state.hash(&mut hasher);
    for call in &task.gold {
        call.tool.hash(&mut hasher);
        let Some(tool) = atlas.world.tool(&call.tool) else {
            continue;
        };
        for (name, value) in &call.arguments {
            name.hash(&mut hasher);
            let minted = call.determined.iter().any(|why| {
                why.argument == *name && matches!(why.by, Reason::Shown { minted: true, .. })
            });
            if !minted && atlas.picked_table(tool, name).is_some() {
                value.to_string().hash(&mut hasher);
            }
        }
    }
    for fact in &task.expectation.facts {
        fact.about.hash(&mut hasher);
        for support in &fact.support {
            support.key.hash(&mut hasher);
        }
    }
    Shape(hasher.finish())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;

    use practicum_world::World;
    use serde_json::Value;

    use super::*;
    use crate::generate::{Options, generate};
    use crate::task::Kind;

    #[test]
    fn words_and_values_do_not_make_another_task_but_rows_do() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds/hotel");
        let world = World::load(&folder).unwrap();
        let options = Options {
            per_world: 4,
            states: 1,
            kinds: [(Kind::Write, 1.0)].into(),
            ..Options::default()
        };
        let (tasks, _) = generate(&world, &options).unwrap();
        let atlas = Atlas::new(&world);
        let mut near = Near::default();
        near.note(&atlas, &tasks[0]);
        for other in &tasks[1..] {
            assert!(!near.holds(&atlas, other), "{}", other.intent);
        }
        let mut same = tasks[0].clone();
        same.intent.push_str(" Cheers!");
        for slot in &mut same.slots {
            same.intent = same.intent.replace(&slot.said, "something");
            slot.said = "something".into();
        }
        assert!(near.holds(&atlas, &same), "{}", same.intent);
        let picked = |call: &crate::task::GoldCall| {
            let tool = world.tool(&call.tool).unwrap();
            let mut names = call.arguments.keys();
            names
                .find(|name| atlas.picked_table(tool, name).is_some())
                .cloned()
        };
        let call = same
            .gold
            .iter()
            .position(|call| picked(call).is_some())
            .unwrap();
        let name = picked(&same.gold[call]).unwrap();
        same.gold[call]
            .arguments
            .insert(name, Value::from("another"));
        assert!(!near.holds(&atlas, &same));
    }
}
