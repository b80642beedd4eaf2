//! Times calls and resets of the tau2 domains on gold, and weighs their environments.
//!
//! `cargo run --release -p practicum-bench --example tau2_speed -- DATA SECONDS`, one JSON line per domain.
//! `peers/tau2_speed.py` runs it side by side with the official package.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::{Duration, Instant};

use practicum_bench::tau2::{Action, Benchmark, Domain, Environment, Role, Task};
use practicum_world::State;
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

/// Environments held at once to weigh one.
const HELD: u64 = 20;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments
        .next()
        .ok_or("give the folder of the benchmark's data")?;
    let seconds: f64 = arguments.next().map_or(Ok(2.0), |text| text.parse())?;
    let benchmark = Benchmark::open(Path::new(&data))?;
    for domain in Domain::ALL {
        let base: Vec<String> = benchmark.splits(domain)?.remove("base").unwrap_or_default();
        let tasks: Vec<Task> = benchmark
            .tasks(domain)?
            .into_iter()
            .filter(|task| base.contains(&task.id) && !gold(task).is_empty())
            .take(20)
            .collect();
        let state = benchmark.state(domain)?;
        println!("{}", measure(domain, &state, &tasks, seconds)?);
    }
    Ok(())
}

fn gold(task: &Task) -> &[Action] {
    let criteria = task.evaluation_criteria.as_ref();
    criteria
        .and_then(|criteria| criteria.actions.as_deref())
        .unwrap_or_default()
}

fn play(environment: &mut Environment, task: &Task) -> u32 {
    let mut calls = 0;
    for action in gold(task) {
        environment.respond(action.requestor, &action.name, &action.arguments);
        calls += 1;
    }
    calls
}

fn measure(
    domain: Domain,
    state: &State,
    tasks: &[Task],
    seconds: f64,
) -> Result<serde_json::Value, Failure> {
    // The first round fills the statement caches, as a process that plays many episodes has them.
    for task in tasks {
        play(
            &mut Environment::of_task(domain, state, task, Role::Live)?,
            task,
        );
    }
    let (mut resets, mut calls) = (0_u32, 0_u32);
    let (mut resetting, mut calling) = (Duration::ZERO, Duration::ZERO);
    while (resetting + calling).as_secs_f64() < seconds {
        for task in tasks {
            let start = now();
            let mut environment = Environment::of_task(domain, state, task, Role::Live)?;
            let ready = now();
            calls += play(&mut environment, task);
            let done = now();
            drop(environment);
            resetting += (ready - start) + (now() - done);
            calling += done - ready;
            resets += 1;
        }
    }
    let before = resident_bytes();
    let mut held = Vec::new();
    for at in 0..HELD {
        let task = &tasks[at as usize % tasks.len()];
        let mut environment = Environment::of_task(domain, state, task, Role::Live)?;
        play(&mut environment, task);
        held.push(environment);
    }
    let live = (resident_bytes() - before) / HELD;
    let mut parked = 0;
    for environment in &mut held {
        parked += environment.session().snapshot()?.bytes().len() as u64;
    }
    Ok(json!({
        "domain": domain.name(),
        "calls": calls,
        "call_us": calling.as_secs_f64() * 1e6 / f64::from(calls),
        "resets": resets,
        "reset_us": resetting.as_secs_f64() * 1e6 / f64::from(resets),
        "live_bytes": live,
        "parked_bytes": parked / HELD,
    }))
}

/// Time is what this program is about.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// Resident memory of this process; 0 where the system does not say.
fn resident_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * 4_096)
}
