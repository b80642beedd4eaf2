//! Times calls and resets of the tau2 domains on gold, and weighs their environments.
//!
//! `cargo run --release -p practicum-bench --example tau2_speed -- DATA SECONDS [DOMAIN]`, one JSON line per domain.
//! `peers/tau2_speed.py` runs it side by side with the official package.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::Instant;

use practicum_bench::tau2::{Action, Benchmark, Domain, Environment, Role, Task};
use practicum_world::State;
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

/// Environments open at once to weigh one, and how many of them are live: the others wait as bytes, as they do
/// where thousands are served.
const HELD: u64 = 1_000;
const LIVE: u64 = 64;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments
        .next()
        .ok_or("give the folder of the benchmark's data")?;
    let seconds: f64 = arguments.next().map_or(Ok(2.0), |text| text.parse())?;
    // A domain of its own process starts with an empty heap, as the weights want.
    let only = arguments.next();
    let benchmark = Benchmark::open(Path::new(&data))?;
    for domain in Domain::ALL {
        if only.as_ref().is_some_and(|name| name != domain.name()) {
            continue;
        }
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
    let mut live_bytes = 0;
    let before = resident_bytes();
    let (mut live, mut parked) = (Vec::new(), Vec::new());
    for at in 0..HELD {
        let task = &tasks[at as usize % tasks.len()];
        let mut environment = Environment::of_task(domain, state, task, Role::Live)?;
        play(&mut environment, task);
        if at < LIVE {
            live.push(environment);
        } else {
            parked.push(environment.session().snapshot()?);
        }
        if at + 1 == LIVE {
            live_bytes = (resident_bytes() - before) / LIVE;
        }
    }
    let open_bytes = (resident_bytes() - before) / HELD;
    let parked_bytes = parked
        .iter()
        .map(|snapshot| snapshot.bytes().len() as u64)
        .sum::<u64>()
        / (HELD - LIVE);
    drop((live, parked));
    let (mut resets, mut calls) = (0_u32, 0_u32);
    let (mut resetting, mut calling) = (0.0, 0.0);
    while resetting + calling < seconds {
        for task in tasks {
            let start = Mark::here();
            let mut environment = Environment::of_task(domain, state, task, Role::Live)?;
            let ready = Mark::here();
            calls += play(&mut environment, task);
            let done = Mark::here();
            drop(environment);
            resetting += start.until(&ready) + done.until(&Mark::here());
            calling += ready.until(&done);
            resets += 1;
        }
    }
    Ok(json!({
        "domain": domain.name(),
        "calls": calls,
        "call_us": calling * 1e6 / f64::from(calls),
        "resets": resets,
        "reset_us": resetting * 1e6 / f64::from(resets),
        "live_bytes": live_bytes,
        "open_bytes": open_bytes,
        "parked_bytes": parked_bytes,
    }))
}

/// An instant, and how long the thread had waited for a core until then: other programs must not count.
struct Mark {
    came: Instant,
    waited: f64,
    went: Instant,
}

impl Mark {
    /// Time is what this program is about.
    #[allow(clippy::disallowed_methods)]
    fn here() -> Self {
        Self {
            came: Instant::now(),
            waited: waited_seconds(),
            went: Instant::now(),
        }
    }

    /// Seconds of this thread's work from here to `other`.
    fn until(&self, other: &Self) -> f64 {
        (other.came - self.went).as_secs_f64() - (other.waited - self.waited)
    }
}

/// How long this thread was ready to run and did not; 0 where the system does not say.
fn waited_seconds() -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<f64>().ok())
        .map_or(0.0, |nanoseconds| nanoseconds / 1e9)
}

/// Resident memory of this process; 0 where the system does not say.
fn resident_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * 4_096)
}
