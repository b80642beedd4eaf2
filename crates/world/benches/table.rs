//! `cargo bench -p practicum-world --bench table`: the table of `docs/engine.md`. Each operation some
//! thousand times, one sample an operation, p50 and p95 of the time that it ran on one core.
#![allow(clippy::disallowed_methods, clippy::print_stdout, missing_docs)] // a benchmark reads the clock

mod episode;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use episode::{Bench, Call, call, nursery, play, play_kept, transcript};
use practicum_world::{Actor, Draws, Sampler, State, StateSpec, World, verify};
use serde_json::Value;

/// One line of the table.
struct Line {
    what: &'static str,
    rows: usize,
    /// Microseconds at most.
    bar: f64,
    samples: Vec<f64>,
}

/// How much is measured. Samples are taken in rounds, so that a line's samples are spread over the whole
/// run and a noisy minute falls on all lines alike.
#[derive(Clone, Copy)]
struct Effort {
    rounds: usize,
    /// Samples of a line in one round; a tenth of it for those that need an episode each.
    samples: usize,
}

fn main() {
    // `cargo test --benches` runs this too, to see that it works; only `cargo bench` says `--bench`.
    let effort = if std::env::args().any(|argument| argument == "--bench") {
        Effort {
            rounds: 15,
            samples: 2_000,
        }
    } else {
        Effort {
            rounds: 1,
            samples: 20,
        }
    };
    let world = nursery();
    let benches: Vec<Bench> = ["1k", "retail", "100k"]
        .iter()
        .map(|size| Bench::new(&world, size))
        .collect();
    let mut lines: Vec<Line> = Vec::new();
    for round in 0..effort.rounds {
        let measured = benches.iter().enumerate().flat_map(|(size, bench)| {
            let mut lines = calls(bench, effort);
            if size == 1 {
                lines.extend(whole_sessions(bench, effort, round));
            }
            lines
        });
        for (at, line) in measured.enumerate() {
            match lines.get_mut(at) {
                Some(known) => known.samples.extend(line.samples),
                None => lines.push(line),
            }
        }
    }
    println!("| operation | rows | p50 | p95 | at most |\n|---|---|---|---|---|");
    for mut line in lines {
        let (half, most) = (
            quantile(&mut line.samples, 0.5),
            quantile(&mut line.samples, 0.95),
        );
        println!(
            "| {} | {} | {:.1} µs | {:.1} µs | {} µs{} |",
            line.what,
            line.rows,
            half,
            most,
            line.bar,
            if half > line.bar { " (missed)" } else { "" }
        );
    }
    sizes(&benches[1]);
    crowd(&benches[1], effort);
    shipped(effort);
}

fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples[((samples.len() - 1) as f64 * share) as usize]
}

/// Wall-clock time, less the time in which the thread stood in line for a core: other programs are no part
/// of an operation. Linux counts that; elsewhere nothing is taken off.
struct Watch {
    waited: f64,
    start: Instant,
}

impl Watch {
    fn start() -> Self {
        Self {
            waited: waited(),
            start: Instant::now(),
        }
    }

    fn micros(self) -> f64 {
        let wall = self.start.elapsed().as_nanos() as f64;
        (wall - (waited() - self.waited)).max(0.0) / 1e3
    }
}

/// Nanoseconds that this thread was ready to run and did not.
fn waited() -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0.0)
}

fn calls(bench: &Bench, effort: Effort) -> Vec<Line> {
    let mut session = bench.session();
    let mut reads = |what, bar, calls: &[Call]| {
        let mut samples = Vec::with_capacity(effort.samples);
        for at in 0..effort.samples {
            // Too short for other programs to matter, and a look at the line for a core would.
            if at % 200 == 0 {
                session.reset(1).expect("a reset succeeds");
            }
            let own = &calls[at % calls.len()];
            let start = Instant::now();
            black_box(call(&mut session, own));
            samples.push(start.elapsed().as_nanos() as f64 / 1e3);
        }
        Line {
            what,
            rows: bench.rows,
            bar,
            samples,
        }
    };
    let by_key = reads("read by key", 10.0, &bench.by_key);
    let nested = reads(
        "read with a guard and a nested array of 3",
        20.0,
        &bench.nested,
    );
    let (mut first, mut writes, mut resets) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..effort.samples / 10 {
        let calls = &bench.writes[at % bench.writes.len()];
        let watch = Watch::start();
        call(&mut session, &calls[0]);
        first.push(watch.micros());
        session.reset(1).expect("a reset succeeds");
        let watch = Watch::start();
        play(&mut session, calls);
        writes.push(watch.micros() / calls.len() as f64);
        let watch = Watch::start();
        session.reset(1).expect("a reset succeeds");
        resets.push(watch.micros());
    }
    let line = |what, bar, samples| Line {
        what,
        rows: bench.rows,
        bar,
        samples,
    };
    vec![
        by_key,
        nested,
        line(
            "write with two guards and two statements, mean of 20 after a reset",
            60.0,
            writes,
        ),
        line("the first of them", 60.0, first),
        line("reset after 20 writes", 30.0, resets),
    ]
}

fn whole_sessions(bench: &Bench, effort: Effort, round: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for (episodes, names) in [
        (
            &bench.changing,
            [
                "park after 20 calls, 10 rows changed",
                "wake it on a used connection, with reset",
                "fork after 20 calls, 10 rows changed",
                "verdict after 20 calls, 10 rows changed",
            ],
        ),
        (
            &bench.minting,
            [
                "park after 20 calls, 10 rows added with minted ids",
                "wake it on a used connection, with reset",
                "fork after 20 calls, 10 rows added with minted ids",
                "verdict after 20 calls, 10 rows added with minted ids",
            ],
        ),
    ] {
        let expectations: Vec<_> = episodes
            .iter()
            .map(|calls| bench.expectation(calls))
            .collect();
        let transcript = transcript();
        let mut samples: [Vec<f64>; 4] = Default::default();
        let mut used = bench.session();
        drop((bench.session(), bench.session()));
        for at in 0..effort.samples / 10 {
            let own = (at + round) % episodes.len();
            let mut session = bench.played(&episodes[own]);

            let watch = Watch::start();
            let verdict = verify(&mut session, &transcript, &expectations[own]);
            samples[3].push(watch.micros());
            assert!(verdict.is_ok_and(|verdict| verdict.passed));

            let watch = Watch::start();
            let fork = session.fork();
            samples[2].push(watch.micros());
            drop(fork);

            let watch = Watch::start();
            let parked = session.park().expect("a session parks");
            samples[0].push(watch.micros());

            let watch = Watch::start();
            used.restore(&parked).expect("it wakes up");
            samples[1].push(watch.micros());
        }
        for ((what, bar), samples) in names
            .into_iter()
            .zip([30.0, 250.0, 400.0, 250.0])
            .zip(samples)
        {
            lines.push(Line {
                what,
                rows: bench.rows,
                bar,
                samples,
            });
        }
    }
    lines
}

/// Prints the bytes of parked sessions.
fn sizes(bench: &Bench) {
    println!("\n| parked session | bytes |\n|---|---|");
    for (name, episodes) in [
        ("10 rows changed", &bench.changing),
        ("10 rows added", &bench.minting),
    ] {
        let size = |kept: bool| {
            let bytes = episodes.iter().map(|calls| {
                let mut session = bench.session();
                if kept {
                    play_kept(&mut session, calls);
                } else {
                    play(&mut session, calls);
                }
                let parked = session.park().expect("a session parks");
                parked.bytes().len()
            });
            bytes.max().unwrap_or_default()
        };
        println!("| after 20 calls, {name} | {} |", size(false));
        println!(
            "| after 20 calls, {name}, 8 replies kept | {} |",
            size(true)
        );
    }
}

/// Bytes that this process has in memory; None where that is not Linux's to say.
fn resident() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// Parks many sessions at a time and prints what each takes. The first half fills what the allocator holds
/// free; the second is measured.
fn crowd(bench: &Bench, effort: Effort) {
    let count = effort.samples * 5;
    let park = || -> Vec<_> {
        let sessions =
            (0..count).map(|at| bench.played(&bench.changing[at % bench.changing.len()]));
        sessions
            .map(|session| session.park().expect("a session parks"))
            .collect()
    };
    let first = park();
    let before = resident();
    let second = park();
    if let (Some(before), Some(after)) = (before, resident()) {
        let each = (after - before) / second.len() as f64;
        println!("| {count} sessions at once, resident memory of each | {each:.0} |");
    }
    drop((first, second));
}

/// Episodes of random calls on the hand-written worlds, each until ten rows differ.
fn shipped(effort: Effort) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("world.toml").is_file())
        .collect();
    folders.sort();
    println!("\n| world | bytes | park | wake, with reset | fork |\n|---|---|---|---|---|");
    for folder in folders {
        let world = World::load(&folder).expect("the world loads");
        let state = world
            .state(&StateSpec::generated("medium", 1))
            .expect("the world has this size");
        let episodes: Vec<_> = (0..effort.rounds as u64)
            .map(|seed| random_episode(&state, seed))
            .collect();
        let mut samples: [Vec<f64>; 4] = Default::default();
        let mut used = state.session(1).expect("a connection opens");
        for at in 0..effort.rounds * effort.samples / 30 {
            let mut session = state.session(1).expect("a connection opens");
            for (actor, tool, arguments) in &episodes[at % episodes.len()] {
                session.call_text_as(*actor, tool, arguments);
            }
            let watch = Watch::start();
            let fork = session.fork();
            samples[3].push(watch.micros());
            drop(fork);
            let watch = Watch::start();
            let parked = session.park().expect("a session parks");
            samples[1].push(watch.micros());
            let watch = Watch::start();
            used.restore(&parked).expect("it wakes up");
            samples[2].push(watch.micros());
            samples[0].push(parked.bytes().len() as f64);
        }
        let shown =
            samples.map(|mut samples| (quantile(&mut samples, 0.5), quantile(&mut samples, 0.95)));
        let [bytes, park, wake, fork] = shown;
        println!(
            "| {} | {} | {:.1} / {:.1} µs | {:.1} / {:.1} µs | {:.1} / {:.1} µs |",
            world.name(),
            bytes.0,
            park.0,
            park.1,
            wake.0,
            wake.1,
            fork.0,
            fork.1
        );
    }
}

/// Calls that succeed, until ten rows differ from the initial state.
fn random_episode(state: &State, seed: u64) -> Vec<(Actor, String, String)> {
    let world = state.world();
    let mut draws = Draws::new(seed, &["benchmark"]);
    let mut session = state.session(1).expect("a connection opens");
    let mut calls = Vec::new();
    let mut sampler = Sampler::of_session(&mut session).expect("the rows are read");
    for at in 1..5_000 {
        if session.diff().is_ok_and(|diff| diff.changes.len() >= 10) {
            break;
        }
        if at % 20 == 0 {
            // With the ids that were minted since.
            sampler = Sampler::of_session(&mut session).expect("the rows are read");
        }
        let tool = &world.tools()[draws.below(world.tools().len())];
        let arguments = Value::Object(sampler.arguments(tool, 0.5, &mut draws));
        if session.call_as(tool.actor, &tool.name, &arguments).is_ok() {
            calls.push((tool.actor, tool.name.clone(), arguments.to_string()));
        }
    }
    calls
}
