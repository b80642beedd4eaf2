//! `practicum task difficulty`: the score of tasks against how reference runs do at them.

use std::collections::BTreeMap;

use practicum_task::{Examiner, Probe, difficulty, rank_correlation};
use serde_json::json;

use super::{Difficulty, task_files, world_of};
use crate::error::{CommandError, Result};
use crate::progress::result;
use crate::stages::task::read_tasks;

/// The reference runs.
const PROBES: [(&str, Probe); 5] = [
    ("slips 2 %", Probe::Slips(0.02)),
    ("slips 5 %", Probe::Slips(0.05)),
    ("slips 10 %", Probe::Slips(0.1)),
    ("slips 20 %", Probe::Slips(0.2)),
    ("first row", Probe::FirstRow),
];
/// Groups of tasks by their score.
const FIFTHS: usize = 5;

/// Prints one JSON object: for each reference run the share that passes, by fifths of the score, and the
/// correlation of the ranks of score and passing.
pub(super) fn run(arguments: &Difficulty) -> Result<()> {
    let mut scores: Vec<f64> = Vec::new();
    let mut passed: Vec<Vec<f64>> = vec![Vec::new(); PROBES.len()];
    for place in &arguments.files {
        for file in task_files(place)? {
            let mut examiners: BTreeMap<String, (Examiner, usize)> = BTreeMap::new();
            for task in read_tasks(&file)? {
                if !examiners.contains_key(&task.world) {
                    let world = world_of(&file, &task.world, &arguments.places)?;
                    examiners.insert(task.world.clone(), (Examiner::new(&world), 0));
                }
                let Some((examiner, played)) = examiners.get_mut(&task.world) else {
                    continue;
                };
                if arguments.most > 0 && *played >= arguments.most {
                    continue;
                }
                *played += 1;
                scores.push(difficulty(&task));
                for ((_, probe), passed) in PROBES.iter().zip(&mut passed) {
                    let passes = examiner
                        .passes(&task, *probe, arguments.seed)
                        .map_err(|error| CommandError::work(format!("{}: {error}", task.id)))?;
                    passed.push(f64::from(u8::from(passes)));
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let fifth = |number: usize| {
        let from = order.len() * number / FIFTHS;
        let to = order.len() * (number + 1) / FIFTHS;
        &order[from..to]
    };
    let probes: BTreeMap<&str, _> = PROBES
        .iter()
        .zip(&passed)
        .map(|((name, _), passed)| {
            let by_fifth: Vec<f64> = (0..FIFTHS)
                .map(|number| {
                    let own: Vec<f64> = fifth(number).iter().map(|at| passed[*at]).collect();
                    mean(&own)
                })
                .collect();
            let value = json!({
                "passed": mean(passed),
                "by_fifth_of_score": by_fifth,
                "rank_correlation": rank_correlation(&scores, passed),
            });
            (*name, value)
        })
        .collect();
    result(&json!({"tasks": scores.len(), "reference_runs": probes}).to_string());
    Ok(())
}
