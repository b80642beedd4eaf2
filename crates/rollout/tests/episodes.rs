//! Reference agents act on the tasks of a world; what they leave behind is whole and repeatable.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use practicum_rollout::{
    Funnel, Options, Trajectory, read_trajectories, run_world, tools_of, trl_row,
};
use practicum_task::{Task, generate};
use practicum_world::World;

fn corner_shop() -> (World, Vec<Task>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../world/tests/worlds/corner-shop");
    let world = World::load(&folder).unwrap();
    let options = practicum_task::Options {
        per_world: 30,
        states: 2,
        ..practicum_task::Options::default()
    };
    let tasks = generate(&world, &options).unwrap().0;
    (world, tasks)
}

fn trajectories(path: &Path) -> Vec<Trajectory> {
    let mut all = Vec::new();
    read_trajectories(path, |trajectory| all.push(trajectory)).unwrap();
    all
}

#[test]
fn the_oracle_passes_and_the_floor_stays_low() {
    let (world, tasks) = corner_shop();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.jsonl");
    let summary = run_world(&world, &tasks, &Options::default(), &path).unwrap();
    let score = |agent: &str| summary.agents[agent];
    assert_eq!(score("gold").passed, tasks.len());
    for floor in ["noop", "spray", "echo", "gold+1", "yes-man"] {
        assert_eq!(score(floor).passed, 0, "{floor}");
    }
    assert!(score("noisy-gold").passed * 10 >= tasks.len() * 9);
    assert!(!summary.faults.contains_key("infrastructure"));

    // Every kept trajectory tells the whole story: the request first, an outcome last.
    let mut trajectories = trajectories(&path);
    assert_eq!(trajectories.len(), summary.episodes);
    trajectories.retain(|trajectory| !trajectory.messages.is_empty());
    assert_eq!(trajectories.len(), summary.trajectories);
    let tools = tools_of(&world);
    for trajectory in &trajectories {
        let task = tasks
            .iter()
            .find(|task| task.id == trajectory.task)
            .unwrap();
        assert_eq!(trajectory.messages[1].content, task.intent);
        let row = trl_row(trajectory, &tools);
        let messages = row["messages"].as_array().unwrap();
        // A call and its reply go together.
        let mut open = BTreeSet::new();
        for message in messages {
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                open.insert(call["id"].to_string());
                let arguments = call["function"]["arguments"].as_str().unwrap();
                serde_json::from_str::<serde_json::Value>(arguments).unwrap();
            }
            if message["role"] == "tool" {
                assert!(open.remove(&message["tool_call_id"].to_string()));
            }
            // Loss falls on the agent's own turns only.
            assert!(message["train"] == false || message["role"] == "assistant");
        }
    }
}

#[test]
fn a_run_that_was_cut_off_goes_on() {
    let (world, tasks) = corner_shop();
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.jsonl");
    let summary = run_world(&world, &tasks, &Options::default(), &whole).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    for share in [0, 3, 7] {
        // Cut in the middle of a record, as a kill would.
        let cut = folder.path().join("cut.jsonl");
        std::fs::write(&cut, &bytes[..bytes.len() * share / 10]).unwrap();
        let resumed = run_world(&world, &tasks, &Options::default(), &cut).unwrap();
        assert_eq!(std::fs::read(&cut).unwrap(), bytes, "{share}");
        assert_eq!(resumed, summary);
    }
}

#[test]
fn the_funnel_holds_back_what_failed_and_what_repeats() {
    let (world, tasks) = corner_shop();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.jsonl");
    run_world(&world, &tasks, &Options::default(), &path).unwrap();
    let trajectories = trajectories(&path);
    let mut funnel = Funnel::new();
    let task_of = |id: &str| tasks.iter().find(|task| task.id == id).unwrap();
    let mut kept = Vec::new();
    for trajectory in &trajectories {
        if funnel.decide(trajectory, task_of(&trajectory.task)).is_ok() {
            assert!(trajectory.verdict.passed);
            kept.push(trajectory);
        }
    }
    assert!(!kept.is_empty());
    for trajectory in kept {
        let held = funnel
            .decide(trajectory, task_of(&trajectory.task))
            .unwrap_err();
        assert_eq!(held.stage, "duplicates");
        assert!(held.detail.is_some());
    }
    let counts = funnel.counts();
    for pair in counts.windows(2) {
        assert_eq!(pair[0].passed, pair[1].entered);
    }
    for count in counts {
        let dropped: usize = count.dropped.values().sum();
        assert_eq!(count.entered, count.passed + dropped, "{}", count.stage);
    }
}

#[test]
fn an_unknown_agent_is_named() {
    let (world, tasks) = corner_shop();
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        agents: vec!["goldd".into()],
        ..Options::default()
    };
    let error = run_world(&world, &tasks, &options, &folder.path().join("x.jsonl")).unwrap_err();
    assert!(error.to_string().contains("goldd") && error.to_string().contains("noisy-gold"));
}

/// In the hand-written worlds, where rules ask for the user's yes, the oracle asks and gets it; the others
/// do not ask, and pass next to nothing.
#[test]
fn the_oracle_asks_where_a_rule_wants_it() {
    let worlds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    let folder = tempfile::tempdir().unwrap();
    let (mut asked, mut noisy, mut all) = (0, 0, 0);
    for name in [
        "bank",
        "clinic",
        "hotel",
        "insurance",
        "mobile",
        "workplace",
    ] {
        let world = World::load(&worlds.join(name)).unwrap();
        let options = practicum_task::Options {
            per_world: 24,
            states: 1,
            ..practicum_task::Options::default()
        };
        let tasks = generate(&world, &options).unwrap().0;
        let path = folder.path().join(format!("{name}.jsonl"));
        let summary = run_world(&world, &tasks, &Options::default(), &path).unwrap();
        assert_eq!(summary.agents["gold"].passed, tasks.len(), "{name}");
        for floor in ["noop", "random", "spray", "echo", "gold+1", "yes-man"] {
            let passed: Vec<String> = trajectories(&path)
                .into_iter()
                .filter(|own| own.agent == floor && own.verdict.passed)
                .filter(|own| {
                    floor != "yes-man" || own.kind == "declined" || own.kind == "impossible"
                })
                .map(|own| {
                    let task = tasks.iter().find(|task| task.id == own.task).unwrap();
                    format!(
                        "{}\n{}\n{:?}",
                        task.intent, own.answer, task.expectation.facts
                    )
                })
                .collect();
            assert!(
                passed.is_empty(),
                "{name}: {floor}: {}",
                passed.join("\n\n")
            );
        }
        noisy += summary.agents["noisy-gold"].passed;
        all += tasks.len();
        for trajectory in trajectories(&path) {
            let task = tasks.iter().find(|task| task.id == trajectory.task);
            let needed = task
                .unwrap()
                .gold
                .iter()
                .filter(|call| world.needs_agreement(&call.tool));
            let (needed, yes) = (
                needed.count(),
                trajectory
                    .messages
                    .iter()
                    .filter(|message| message.content == practicum_rollout::TemplateUser::YES)
                    .count(),
            );
            if trajectory.agent == "gold" {
                assert_eq!(yes, needed, "{}", trajectory.id);
                asked += yes;
            }
        }
    }
    assert!(asked >= 15, "{asked}");
    assert!(noisy * 10 >= all * 9, "{noisy} of {all}");
}

/// `cargo test -p practicum-rollout --test episodes -- --ignored --nocapture` prints what the reference
/// agents pass on the hand-written worlds.
#[test]
#[ignore = "a measurement: minutes"]
fn what_the_reference_agents_pass() {
    let worlds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    let folder = tempfile::tempdir().unwrap();
    let mut all = practicum_rollout::Summary::default();
    for seed in [1, 2] {
        for name in [
            "bank",
            "clinic",
            "hotel",
            "insurance",
            "mobile",
            "workplace",
        ] {
            let world = World::load(&worlds.join(name)).unwrap();
            let options = practicum_task::Options {
                seed,
                ..practicum_task::Options::default()
            };
            let tasks = generate(&world, &options).unwrap().0;
            let path = folder.path().join(format!("{name}-{seed}.jsonl"));
            let summary = run_world(&world, &tasks, &Options::default(), &path).unwrap();
            for own in trajectories(&path) {
                let floor = practicum_rollout::Reference::parse(&own.agent)
                    .unwrap()
                    .is_floor();
                let counts = own.agent != "yes-man"
                    || ["declined", "impossible"].contains(&own.kind.as_str());
                if floor && counts && own.verdict.passed {
                    let task = tasks.iter().find(|task| task.id == own.task).unwrap();
                    println!("{} passes {}\n  {}", own.agent, task.intent, own.answer);
                }
            }
            all.add(&summary);
        }
    }
    for (agent, score) in &all.agents {
        println!("{agent}: {} of {}", score.passed, score.tried);
    }
}
