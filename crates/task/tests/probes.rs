//! The difficulty score against reference runs.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use practicum_task::{Examiner, Options, Probe, difficulty, generate, rank_correlation};
use practicum_world::World;

/// Without slips gold passes; the more slips, the fewer pass, and the harder a task is said to be, the fewer
/// runs of it pass.
#[test]
fn the_score_ranks_tasks_as_slips_do() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../worlds/hotel");
    let hotel = World::load(&folder).unwrap();
    let options = Options {
        per_world: 60,
        states: 1,
        ..Options::default()
    };
    let (tasks, _) = generate(&hotel, &options).unwrap();
    let mut examiner = Examiner::new(&hotel);
    let mut rate = |probe: Probe| -> Vec<f64> {
        let mut rates = Vec::new();
        for task in &tasks {
            let passed = (0..5).filter(|seed| examiner.passes(task, probe, *seed).unwrap());
            rates.push(passed.count() as f64 / 5.0);
        }
        rates
    };
    let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len() as f64;
    let scores: Vec<f64> = tasks.iter().map(difficulty).collect();
    assert!(rate(Probe::Slips(0.0)).iter().all(|rate| *rate > 0.99));
    let few = rate(Probe::Slips(0.05));
    let many = rate(Probe::Slips(0.3));
    assert!(mean(&few) > mean(&many) + 0.1);
    let first = rate(Probe::FirstRow);
    println!(
        "few slips {:.2} ({:.2}), many {:.2} ({:.2}), first row {:.2} ({:.2})",
        mean(&few),
        rank_correlation(&scores, &few),
        mean(&many),
        rank_correlation(&scores, &many),
        mean(&first),
        rank_correlation(&scores, &first),
    );
    for rates in [&many, &first] {
        assert!(rank_correlation(&scores, rates) < -0.15);
    }
}
