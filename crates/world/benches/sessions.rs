//! What open sessions cost: resident memory of 10,000 sessions over 100 worlds on 64 connections, and the time
//! of a call to a session picked at random.
//!
//! ```sh
//! cargo bench -p practicum-world --bench sessions             # 10,000 sessions
//! cargo bench -p practicum-world --bench sessions -- 100000
//! ```
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark measures time and prints"
)]

use std::path::Path;
use std::time::Instant;

use practicum_world::{Draws, Request, Sampler, Sessions, State, StateSpec, World, WorldFiles};
use serde_json::Value;

const WORLDS: usize = 100;
const CONNECTIONS: usize = 64;
const CALLS: usize = 10;
const RANDOM_CALLS: usize = 2_000;

fn main() {
    let count = std::env::args()
        .skip(1)
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(10_000);
    let before = status("VmRSS:");
    let states: Vec<State> = (0..WORLDS).map(state).collect();
    let samplers: Vec<Sampler> = states
        .iter()
        .map(|state| Sampler::new(state).unwrap())
        .collect();
    let worlds = status("VmRSS:");
    let sessions = Sessions::new(CONNECTIONS);
    let mut draws = Draws::new(1, &["sessions"]);
    // World by world, so that opening is quick; what is timed below jumps between all of them.
    let state_of = |at: usize| at * WORLDS / count;
    for at in 0..count {
        let (name, state) = (at.to_string(), state_of(at));
        sessions.open(&name, &states[state], at as u64).unwrap();
        for _ in 0..CALLS {
            let call = Call::draw(&states[state], &samplers[state], &mut draws);
            call.make(&sessions, &name);
        }
    }
    let opened = status("VmRSS:");
    let mut times: Vec<u128> = (0..RANDOM_CALLS)
        .map(|_| {
            let at = draws.below(count);
            let state = state_of(at);
            let call = Call::draw(&states[state], &samplers[state], &mut draws);
            let begin = Instant::now();
            call.make(&sessions, &at.to_string());
            begin.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    println!(
        "{count} sessions of {CALLS} calls over {WORLDS} worlds, {} connections (at most {CONNECTIONS})",
        sessions.connections()
    );
    for (what, kib) in [
        ("at the start", before),
        ("with the worlds and their states", worlds),
        ("with the sessions", opened),
        ("after calls at random", status("VmRSS:")),
        ("peak", status("VmHWM:")),
    ] {
        println!("resident {what}: {} MiB", kib >> 10);
    }
    println!(
        "resident per session: {} bytes",
        opened.saturating_sub(worlds) * 1_024 / count
    );
    println!(
        "a call to a random session, most of them parked and without a connection of their state: \
         p50 {} us, p95 {} us",
        times[RANDOM_CALLS / 2],
        times[RANDOM_CALLS * 95 / 100]
    );
}

/// World number `at`: one of the six that the project has, compiled anew under a name of its own.
fn state(at: usize) -> State {
    let names = [
        "bank",
        "clinic",
        "hotel",
        "insurance",
        "mobile",
        "workplace",
    ];
    let name = names[at % names.len()];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../worlds")
        .join(name);
    let mut files = WorldFiles::read(&folder).unwrap();
    let text = std::fs::read_to_string(folder.join("world.toml")).unwrap();
    let own = text.replace(
        &format!("name = \"{name}\""),
        &format!("name = \"{name}-{at}\""),
    );
    assert_ne!(own, text, "{name} has no name to change");
    files.insert("world.toml", own);
    let world = World::from_files(&files).unwrap();
    let spec = StateSpec::generated("small", at as u64);
    world.state(&spec).unwrap()
}

struct Call<'a> {
    tool: &'a practicum_world::Tool,
    arguments: String,
}

impl<'a> Call<'a> {
    fn draw(state: &'a State, sampler: &Sampler, draws: &mut Draws) -> Self {
        let tools = state.world().tools();
        let tool = &tools[draws.below(tools.len())];
        let arguments = Value::Object(sampler.arguments(tool, 0.5, draws)).to_string();
        Self { tool, arguments }
    }

    fn make(&self, sessions: &Sessions, name: &str) {
        let request = Request {
            id: None,
            actor: self.tool.actor,
            tool: &self.tool.name,
            arguments: &self.arguments,
        };
        sessions.call(name, &request).unwrap();
    }
}

/// A figure of the process in KiB; 0 where the system does not give it.
fn status(key: &str) -> usize {
    std::fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
