//! What gold uses of a world, and what is made more often because few worlds carry it.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_task::{Coverage, Kind, Options, Task, generate};
use practicum_world::World;

fn world(name: &str) -> World {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    World::load(&folder.join(name)).unwrap()
}

fn only(kind: Kind, per_world: usize) -> Options {
    Options {
        per_world,
        states: 1,
        kinds: [(kind, 1.0)].into(),
        ..Options::default()
    }
}

/// What the report says is used is what the tasks use; little is left out, and of that it is said why.
#[test]
fn gold_covers_tools_and_pairs() {
    let hotel = world("hotel");
    let options = Options {
        per_world: 80,
        states: 2,
        ..Options::default()
    };
    let (tasks, report) = generate(&hotel, &options).unwrap();
    let all = Coverage::of(&hotel, &tasks);
    assert_eq!(all.named("hotel"), report.coverage);
    assert!(all.tool_share() >= 0.9, "{all:?}");
    assert!(all.pair_share() >= 0.4, "{all:?}");
    assert!(all.out_of_reach.contains_key("hotel_occupancy"), "{all:?}");
    let half = Coverage::of(&hotel, &tasks[..tasks.len() / 4]);
    assert!(half.pairs_used < all.pairs_used && half.pairs == all.pairs);
    let none = Coverage::of(&hotel, []);
    assert_eq!((none.tools_used, none.pairs_used), (0, 0));
}

/// A sum that a tool has ready is asked of it, and means what adding up the rows means.
#[test]
fn summaries_are_asked_for() {
    let insurance = world("insurance");
    let (tasks, _) = generate(&insurance, &only(Kind::Sum, 12)).unwrap();
    let asks = |task: &&Task| task.gold.iter().any(|call| call.tool == "summarise_claims");
    let asked: Vec<&Task> = tasks.iter().filter(asks).collect();
    assert!(!asked.is_empty());
    for task in asked {
        let fact = &task.expectation.facts[0];
        assert!(fact.support.len() > 1, "{}", task.intent);
        assert!(task.proof.killed > 0 && task.proof.survived == 0);
    }
}

/// What the agent may choose can be named by a key or by a name.
#[test]
fn what_will_do_may_be_picked_by_name() {
    let mobile = world("mobile");
    let (tasks, _) = generate(&mobile, &only(Kind::Choice, 4)).unwrap();
    assert!(!tasks.is_empty());
    for task in &tasks {
        let call = task.gold.last().unwrap();
        assert_eq!(call.tool, "change_plan");
        assert!(task.expectation.ends.len() > 1);
        assert_eq!(call.accepted("plan").len(), task.expectation.ends.len());
    }
}

/// Some chains end with a question about what they changed.
#[test]
fn a_question_may_follow_a_change() {
    let clinic = world("clinic");
    let (tasks, _) = generate(&clinic, &only(Kind::Chain, 24)).unwrap();
    let asking = |task: &&Task| !task.expectation.facts.is_empty();
    let asking: Vec<&Task> = tasks.iter().filter(asking).collect();
    assert!(!asking.is_empty());
    for task in asking {
        assert!(!task.gold.last().unwrap().writes, "{}", task.intent);
        assert!(task.gold.iter().any(|call| call.writes));
    }
}
