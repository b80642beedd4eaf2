//! Agents act: `rollout/<world>.jsonl`, `report.json`.

use std::sync::atomic::{AtomicUsize, Ordering};

use practicum_rollout::Summary;
use rayon::prelude::*;

use super::task::{load, read_tasks, worlds};
use super::{Context, key_part};
use crate::error::{CommandError, Result};
use crate::progress::Progress;
use crate::run_folder::{Due, read_json, write_json};

const NAME: &str = "rollout";

pub(crate) fn run(context: &Context) -> Result<()> {
    let progress = Progress::new(NAME, context.quiet);
    let (author_folder, _) = context.folder.finished("author")?;
    let (task_folder, task_digest) = context.folder.finished("task")?;
    let mut options = context.recipe.rollout.clone();
    options.seed = options.seed.wrapping_add(context.recipe.seed);
    let folder = match context
        .folder
        .begin(NAME, &[&task_digest, &key_part(&options)])?
    {
        Due::Nothing => {
            progress.done(&summary(&read_json(
                &context.folder.stage(NAME).join("report.json"),
            )?));
            return Ok(());
        }
        Due::Work(folder) => folder,
    };
    let worlds = worlds(&author_folder)?;
    let done = AtomicUsize::new(0);
    let summaries: Vec<Result<Summary>> = worlds
        .par_iter()
        .map(|(name, path)| {
            let world = load(path)?;
            let tasks = read_tasks(&task_folder.join(format!("{name}.jsonl")))?;
            let out = folder.join(format!("{name}.jsonl"));
            let summary = practicum_rollout::run_world(&world, &tasks, &options, &out)
                .map_err(|error| CommandError::work(error.to_string()))?;
            progress.at(done.fetch_add(1, Ordering::Relaxed) + 1, worlds.len());
            Ok(summary)
        })
        .collect();
    let mut whole = Summary::default();
    for own in summaries {
        whole.add(&own?);
    }
    write_json(&folder.join("report.json"), &whole)?;
    context.folder.finish(NAME)?;
    progress.done(&summary(&whole));
    Ok(())
}

fn summary(summary: &Summary) -> String {
    let agents: Vec<String> = summary
        .agents
        .iter()
        .map(|(name, score)| format!("{name} {:.1} %", 100.0 * score.rate()))
        .collect();
    format!(
        "{} episodes, {} trajectories kept; {}",
        summary.episodes,
        summary.trajectories,
        agents.join(", ")
    )
}
