//! What the reference agents cost: episodes per second of one core on worlds of a folder, trajectories
//! written.
//!
//! ```sh
//! cargo run --release -p practicum-rollout --example reference_speed -- worlds/*
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::time::Instant;

use practicum_rollout::{Options, run_world};
use practicum_task::generate;
use practicum_world::World;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (mut all, mut seconds) = (0, 0.0);
    for path in std::env::args().skip(1) {
        let world = World::load(path.as_ref()).unwrap();
        let options = practicum_task::Options {
            per_world: 60,
            ..practicum_task::Options::default()
        };
        let tasks = generate(&world, &options).unwrap().0;
        // Every trajectory is kept whole, whoever made it.
        let options = Options {
            keep: Options::default().agents,
            ..Options::default()
        };
        let out = folder.path().join(format!("{}.jsonl", world.name()));
        let begun = Instant::now();
        let summary = run_world(&world, &tasks, &options, &out).unwrap();
        let own = begun.elapsed().as_secs_f64();
        println!(
            "{:12} {:5} episodes, {:8.1} a second",
            world.name(),
            summary.episodes,
            summary.episodes as f64 / own
        );
        all += summary.episodes;
        seconds += own;
    }
    println!(
        "{:12} {all:5} episodes, {:8.1} a second",
        "together",
        all as f64 / seconds
    );
}
