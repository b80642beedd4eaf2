//! `cargo bench -p practicum-world --bench engine`: the engine's operations under criterion, for comparing
//! one version with another. The table with the bars is printed by `--bench table`.
#![allow(clippy::disallowed_methods, missing_docs)] // a benchmark reads the clock

mod episode;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use episode::{Bench, call, nursery, play, transcript};
use practicum_world::{Session, verify};

/// The sizes of the state: rows of all tables, about.
const SIZES: [&str; 3] = ["1k", "retail", "100k"];

fn calls(criterion: &mut Criterion) {
    let world = nursery();
    for size in SIZES {
        let bench = Bench::new(&world, size);
        let mut group = criterion.benchmark_group(format!("call/{size}"));
        for (name, reads) in [("by key", &bench.by_key), ("nested", &bench.nested)] {
            let mut session = bench.session();
            let mut at = 0;
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    at += 1;
                    if at % 200 == 0 {
                        session.reset(1).expect("a reset succeeds");
                    }
                    black_box(call(&mut session, &reads[at % reads.len()]))
                });
            });
        }
        let mut session = bench.session();
        group.bench_function("20 writes", |bencher| {
            bencher.iter_custom(|rounds| {
                timed(rounds, &mut session, |session, round| {
                    session.reset(1).expect("a reset succeeds");
                    let writes = &bench.writes[round % bench.writes.len()];
                    let start = Instant::now();
                    play(session, writes);
                    start.elapsed()
                })
            });
        });
        group.bench_function("reset after 20 writes", |bencher| {
            bencher.iter_custom(|rounds| {
                timed(rounds, &mut session, |session, round| {
                    play(session, &bench.writes[round % bench.writes.len()]);
                    let start = Instant::now();
                    session.reset(1).expect("a reset succeeds");
                    start.elapsed()
                })
            });
        });
        group.finish();
    }
}

fn timed(
    rounds: u64,
    session: &mut Session,
    mut round: impl FnMut(&mut Session, usize) -> Duration,
) -> Duration {
    session.reset(1).expect("a reset succeeds");
    (0..rounds as usize).map(|at| round(session, at)).sum()
}

fn snapshots(criterion: &mut Criterion) {
    let world = nursery();
    let bench = Bench::new(&world, "retail");
    for (name, episodes) in [("changing", &bench.changing), ("minting", &bench.minting)] {
        let mut group = criterion.benchmark_group(format!("snapshot/{name}"));
        let mut at = 0;
        let mut next = || {
            at += 1;
            bench.played(&episodes[at % episodes.len()])
        };
        group.bench_function("park", |bencher| {
            bencher.iter_batched(&mut next, Session::park, BatchSize::PerIteration);
        });
        let parked: Vec<_> = (0..episodes.len())
            .map(|_| next().park().expect("a session parks"))
            .collect();
        let mut session = bench.session();
        let mut at = 0;
        group.bench_function("wake", |bencher| {
            bencher.iter(|| {
                at += 1;
                session.restore(&parked[at % parked.len()])
            });
        });
        let mut parent = bench.played(&episodes[0]);
        group.bench_function("fork", |bencher| {
            bencher.iter_with_large_drop(|| parent.fork());
        });
        let expectation = bench.expectation(&episodes[0]);
        let transcript = transcript();
        group.bench_function("verdict", |bencher| {
            bencher.iter(|| {
                let verdict = verify(&mut parent, &transcript, &expectation);
                assert!(verdict.is_ok_and(|verdict| verdict.passed));
            });
        });
        group.finish();
    }
}

criterion_group!(benches, calls, snapshots);
criterion_main!(benches);
