//! `practicum bench overlap`

use std::path::PathBuf;

use practicum_bench::contamination::{Shared, evaluation_sets};
use practicum_task::Fingerprint;

use crate::error::{CommandError, Result, io_error};
use crate::progress::line;
use crate::serve::offer;

/// Arguments of `practicum bench overlap`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// World folders, and folders of such.
    #[arg(required = true, value_name = "WORLDS")]
    worlds: Vec<PathBuf>,
    /// Files of tasks, and folders of such.
    #[arg(long, value_name = "FILE")]
    tasks: Vec<PathBuf>,
    /// The folder of an evaluation set: a benchmark's data. Again for each.
    #[arg(long, required = true, value_name = "DIR")]
    against: Vec<PathBuf>,
    /// Where every comparison goes as a JSON line.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Compares every world and its tasks with every evaluation set, shows the nearest ones, and fails when one of
/// them overlaps.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (worlds, tasks) = offer::load(&arguments.worlds, &arguments.tasks)?;
    let mut sets: Vec<Fingerprint> = Vec::new();
    for folder in &arguments.against {
        let found = evaluation_sets(folder).map_err(|error| {
            CommandError::user(error.to_string()).hint("name the folder of a benchmark's data")
        })?;
        // Two folders may hold the same domains.
        for set in found {
            if !sets.contains(&set) {
                sets.push(set);
            }
        }
    }
    let prints: Vec<Fingerprint> = worlds
        .iter()
        .map(|world| {
            let own = || tasks.iter().filter(|task| task.world == world.name());
            let mut print = Fingerprint::of(world, own());
            // As they are, too: a benchmark's requests are not masked.
            own().for_each(|task| print.add_text(&task.intent));
            print
        })
        .collect();
    let all: Vec<Shared> = sets
        .iter()
        .flat_map(|set| prints.iter().map(|print| Shared::of(print, set)))
        .collect();
    if let Some(path) = &arguments.out {
        let mut text = String::new();
        for shared in &all {
            text.push_str(
                &serde_json::to_string(shared)
                    .map_err(|error| CommandError::work(error.to_string()))?,
            );
            text.push('\n');
        }
        std::fs::write(path, text).map_err(|error| io_error(path, &error))?;
    }
    line(&format!(
        "{} worlds and {} tasks against {} evaluation sets; of each the nearest world:",
        worlds.len(),
        tasks.len(),
        sets.len()
    ));
    for set in &sets {
        let of_set = all.iter().filter(|shared| shared.set == set.world);
        let Some(nearest) = of_set.min_by(|a, b| a.distance().total_cmp(&b.distance())) else {
            continue;
        };
        line(&format!(
            "  {:24} distance {:.3} ({}: {} of {} tools, {} of {} columns, {} of {} runs of words){}",
            set.world,
            nearest.distance(),
            nearest.world,
            nearest.tools[1],
            nearest.tools[0],
            nearest.columns[1],
            nearest.columns[0],
            nearest.texts[1],
            nearest.texts[0],
            if nearest.overlaps { " OVERLAPS" } else { "" }
        ));
    }
    let overlapping: Vec<&str> = all
        .iter()
        .filter(|shared| shared.overlaps)
        .map(|shared| shared.world.as_str())
        .collect();
    if overlapping.is_empty() {
        line("nothing overlaps");
        return Ok(());
    }
    Err(CommandError::user(format!(
        "{} of {} comparisons overlap, the first of {}",
        overlapping.len(),
        all.len(),
        overlapping[0]
    ))
    .hint("leave these worlds out of training, or do not evaluate on that set"))
}
