//! Tasks of the six hand-written worlds: how many are proven, of which kinds, under which rules.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use practicum_task::{Options, Report, Task, generate};
use practicum_world::World;

fn worlds() -> Vec<World> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("world.toml").is_file())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| World::load(path).unwrap())
        .collect()
}

/// The rules that a task is about: that forbids it, or that its gold obeys.
fn rules(world: &World, task: &Task) -> Vec<String> {
    let calls = |tool: &str| task.gold.iter().any(|call| call.tool == tool);
    let mut about: Vec<String> = world
        .rules()
        .iter()
        .filter(|rule| {
            rule.needs_confirmation
                && rule
                    .tools
                    .iter()
                    .any(|tool| calls(&world.tools()[*tool].name))
        })
        .map(|rule| format!("{} (agreed)", rule.id))
        .collect();
    about.extend(
        task.expectation
            .reason
            .as_ref()
            .filter(|reason| world.rules().iter().any(|rule| rule.id == **reason))
            .map(|reason| format!("{reason} (declined)")),
    );
    about
}

/// `cargo test -p practicum-task --test hand_written -- --ignored --nocapture` prints what is proven.
#[test]
#[ignore = "a measurement: minutes"]
fn what_is_proven() {
    let mut all = Report::default();
    for world in worlds() {
        let (tasks, report) = generate(&world, &Options::default()).unwrap();
        let mut by_rule: BTreeMap<String, usize> = BTreeMap::new();
        for task in &tasks {
            for rule in rules(&world, task) {
                *by_rule.entry(rule).or_default() += 1;
            }
        }
        println!(
            "{}: {} of {} goals proven, {} of {} tools used\n  kinds {:?}\n  rules {by_rule:?}\n  dropped {:?}\n  before: killed {}, survived {}; accepted {}, refused {}: {:?}",
            world.name(),
            report.proven,
            report.tried,
            report.tools_used,
            report.tools,
            report.kinds,
            report.rejected,
            report.killed_before,
            report.survived_before,
            report.accepted_before,
            report.refused_before,
            report.failures_before,
        );
        all.add(&report);
    }
    println!(
        "together: {} proven, {:?}; kill rate {} and acceptance rate {} of what ships, {:.4} and {:.4} before; beyond {:.4}",
        all.proven,
        all.kinds,
        all.kill_rate(),
        all.acceptance_rate(),
        all.kill_rate_before(),
        all.acceptance_rate_before(),
        all.beyond_kill_rate(),
    );
}
