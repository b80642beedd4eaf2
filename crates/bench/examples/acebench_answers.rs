//! Writes answers to ACEBench: the right ones, and mutants of them, one file per seed.
//!
//! `cargo run -p practicum-bench --example acebench_answers -- DATA LANGUAGE OUT SEEDS` writes `OUT/golden.jsonl` and
//! `OUT/mutants-1.jsonl` to `OUT/mutants-SEEDS.jsonl`, for `practicum bench score acebench --results` and for
//! `crates/bench/peers/acebench.py`.
#![allow(clippy::unwrap_used)] // a tool for developers: a panic says enough

#[path = "../tests/acebench/dice.rs"]
mod dice;
#[path = "../tests/acebench/golden.rs"]
mod golden;
#[path = "../tests/acebench/mutants.rs"]
mod mutants;

use std::path::Path;

use practicum_bench::acebench::Benchmark;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, language, out, seeds] = arguments.as_slice() else {
        panic!("four arguments: DATA LANGUAGE OUT SEEDS");
    };
    let benchmark = Benchmark::read(Path::new(data), language).unwrap();
    let out = Path::new(out);
    std::fs::create_dir_all(out).unwrap();
    let text = golden::lines(&benchmark, |category, id| {
        golden::golden(&benchmark, category, id)
    });
    std::fs::write(out.join("golden.jsonl"), text).unwrap();
    for seed in 1..=seeds.parse::<u64>().unwrap() {
        let text = golden::lines(&benchmark, |category, id| {
            mutants::mutant(&benchmark, category, id, seed)
        });
        std::fs::write(out.join(format!("mutants-{seed}.jsonl")), text).unwrap();
    }
}
