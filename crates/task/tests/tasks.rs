//! Tasks of a world, judged again from outside: what ships holds on fresh sessions.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_task::{Kind, Options, Reason, Report, Task, difficulty, generate};
use practicum_world::{Outcome, Session, Transcript, World, verify};
use serde_json::Value;

fn corner_shop() -> World {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../world/tests/worlds/corner-shop");
    World::load(&folder).unwrap()
}

fn tasks(seed: u64) -> (Vec<Task>, Report) {
    let options = Options {
        per_world: 40,
        states: 2,
        seed,
        ..Options::default()
    };
    generate(&corner_shop(), &options).unwrap()
}

/// A fresh session of the task's state.
fn session(world: &World, task: &Task) -> Session {
    world
        .state(&task.state)
        .unwrap()
        .session(task.seed)
        .unwrap()
}

fn play_gold(session: &mut Session, task: &Task) -> Transcript {
    for call in &task.gold {
        let reply = session.call(&call.tool, &Value::Object(call.arguments.clone()));
        assert!(reply.is_ok(), "{}: {}", task.id, reply.content());
    }
    Transcript {
        answer: task.answer.clone(),
        outcome: Some(task.expectation.outcome),
        agreements: Vec::new(),
    }
}

#[test]
fn gold_passes_and_what_is_not_gold_fails() {
    let world = corner_shop();
    let (tasks, report) = tasks(1);
    assert!(tasks.len() >= 20, "{report:?}");
    for task in &tasks {
        let judge = |session: &mut Session, transcript: &Transcript| {
            verify(session, transcript, &task.expectation).unwrap()
        };
        let mut done = session(&world, task);
        let said = play_gold(&mut done, task);
        let verdict = judge(&mut done, &said);
        assert!(verdict.passed, "{}: {:?}", task.intent, verdict.failures());

        // The same end with another word about it.
        for outcome in Outcome::ALL {
            let wrong = Transcript {
                outcome: Some(outcome),
                ..said.clone()
            };
            let passes = judge(&mut done, &wrong).passed;
            assert_eq!(
                passes,
                outcome == task.expectation.outcome,
                "{}",
                task.intent
            );
        }
        // The right words without the work: neither a change made nor a row seen.
        let mut idle = session(&world, task);
        assert!(!judge(&mut idle, &said).passed, "{}", task.intent);
        // Another session mints other ids and starts at the same state: the same end.
        let mut other = world
            .state(&task.state)
            .unwrap()
            .session(task.seed + 1)
            .unwrap();
        let shown_later = task.gold.iter().any(|call| {
            call.determined
                .iter()
                .any(|why| matches!(&why.by, Reason::Shown { minted: true, .. }))
        });
        if !shown_later {
            let said = play_gold(&mut other, task);
            assert!(judge(&mut other, &said).passed, "{}", task.intent);
        }
    }
}

#[test]
fn what_ships_is_proven() {
    let (tasks, report) = tasks(1);
    for task in &tasks {
        let proof = &task.proof;
        assert_eq!((proof.survived, proof.refused), (0, 0), "{}", task.id);
        assert!(proof.killed > 0 && proof.accepted > 0, "{}", task.id);
    }
    assert_eq!(report.proven, tasks.len());
    let rejected: usize = report.rejected.values().sum();
    assert_eq!(report.tried, report.proven + rejected, "{report:?}");
    let before = report.survived_before + report.refused_before;
    assert!(
        before * 100 < report.killed_before,
        "{:?}",
        report.failures_before
    );
}

/// Every argument of gold is told by the user, shown by an earlier reply, or made of what was told.
#[test]
fn every_argument_is_determined() {
    for task in tasks(2).0 {
        for (position, call) in task.gold.iter().enumerate() {
            let mut explained: Vec<&str> = call
                .determined
                .iter()
                .map(|why| why.argument.as_str())
                .collect();
            explained.sort_unstable();
            let mut given: Vec<&str> = call.arguments.keys().map(String::as_str).collect();
            given.sort_unstable();
            assert_eq!(given, explained, "{}", task.id);
            for why in &call.determined {
                match &why.by {
                    // What is told later is not in the request.
                    Reason::Told(slot) => assert_eq!(
                        task.intent.contains(&task.slots[*slot].said),
                        task.slots[*slot].told.is_at_start(),
                        "{:?} is not in {:?}",
                        task.slots[*slot].said,
                        task.intent
                    ),
                    Reason::Shown { call, .. } => assert!(*call < position),
                    Reason::Parts(slots) => assert!(!slots.is_empty()),
                }
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_tasks() {
    assert_eq!(tasks(3).0, tasks(3).0);
    assert_ne!(tasks(3).0, tasks(4).0);
}

/// Kinds that change nothing leave nothing changed; the others do not.
#[test]
fn kinds_are_what_they_say() {
    let world = corner_shop();
    for task in tasks(1).0 {
        let mut played = session(&world, &task);
        play_gold(&mut played, &task);
        let diff = played.diff().unwrap();
        let changed = diff.relevant(&world).next().is_some();
        assert_eq!(changed, !task.kind.changes_nothing(), "{}", task.intent);
        let outcome = match task.kind {
            Kind::Declined => Outcome::Declined,
            Kind::Impossible => Outcome::Impossible,
            _ => Outcome::Done,
        };
        assert_eq!(task.expectation.outcome, outcome);
    }
}

/// What takes more calls, or must be asked for, is harder.
#[test]
fn more_work_is_harder() {
    for task in tasks(1).0 {
        let whole = difficulty(&task);
        let mut less = task.clone();
        less.gold.pop();
        assert!(difficulty(&less) < whole, "{}", task.intent);
        let mut asked = task.clone();
        for slot in &mut asked.slots {
            slot.told = practicum_task::Told::IfAsked;
        }
        assert!(difficulty(&asked) >= whole, "{}", task.intent);
    }
}
