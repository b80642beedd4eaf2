//! Worlds get tasks: `task/<world>.jsonl`, `report.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use practicum_task::{Options, Report, Task};
use practicum_world::World;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::author::AuthorReport;
use super::{Context, key_part};
use crate::error::{CommandError, Result, io_error};
use crate::progress::Progress;
use crate::run_folder::{Due, read_json, write_json, write_whole};

const NAME: &str = "task";

/// What became of all worlds' goals.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TaskReport {
    pub(crate) total: Report,
    pub(crate) worlds: BTreeMap<String, Report>,
}

/// The folders of the worlds of a run, in the order of their report.
pub(crate) fn worlds(author_folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let report: AuthorReport = read_json(&author_folder.join("report.json"))?;
    Ok(report
        .worlds
        .into_iter()
        .map(|world| {
            let path = author_folder.join("worlds").join(&world.name);
            (world.name, path)
        })
        .collect())
}

/// Loads a world that a stage has made.
pub(crate) fn load(path: &Path) -> Result<World> {
    World::load(path).map_err(|error| {
        CommandError::work(format!("{}: {error}", path.display()))
            .hint("run `practicum check` on the folder to see every finding")
    })
}

/// The tasks of a world.
pub(crate) fn read_tasks(path: &Path) -> Result<Vec<Task>> {
    let text = std::fs::read_to_string(path).map_err(|error| io_error(path, &error))?;
    text.lines()
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| CommandError::work(format!("{}: {error}", path.display())))
        })
        .collect()
}

/// Makes the tasks of a world and writes them to a file.
pub(crate) fn make_for(world: &World, options: &Options, path: &Path) -> Result<Report> {
    let (tasks, report) = practicum_task::generate(world, options)
        .map_err(|error| CommandError::work(format!("world {}: {error}", world.name())))?;
    let mut text = String::new();
    for task in &tasks {
        text.push_str(&serde_json::to_string(task).unwrap_or_default());
        text.push('\n');
    }
    write_whole(path, text.as_bytes())?;
    Ok(report)
}

pub(crate) fn run(context: &Context) -> Result<()> {
    let progress = Progress::new(NAME, context.quiet);
    let (author_folder, author_digest) = context.folder.finished("author")?;
    let mut options = context.recipe.task.clone();
    options.seed = options.seed.wrapping_add(context.recipe.seed);
    let folder = match context
        .folder
        .begin(NAME, &[&author_digest, &key_part(&options)])?
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
    // What a world can carry says how much of it is asked of it.
    let carried = worlds
        .par_iter()
        .map(|(_, path)| Ok(practicum_task::carried(&load(path)?)))
        .collect::<Result<Vec<_>>>()?;
    let shares = practicum_task::balanced(&options, &carried);
    let done = AtomicUsize::new(0);
    let reports = worlds
        .par_iter()
        .zip(shares)
        .map(|((name, path), kinds)| {
            let tasks_path = folder.join(format!("{name}.jsonl"));
            let report_path = folder.join(format!(".{name}.report"));
            // A world whose tasks a run before this one has finished is not made again.
            let report: Report = if report_path.exists() && tasks_path.exists() {
                read_json(&report_path)?
            } else {
                let own = Options {
                    kinds,
                    ..options.clone()
                };
                let report = make_for(&load(path)?, &own, &tasks_path)?;
                write_json(&report_path, &report)?;
                report
            };
            progress.at(done.fetch_add(1, Ordering::Relaxed) + 1, worlds.len());
            Ok((name.clone(), report))
        })
        .collect::<Result<Vec<_>>>()?;
    let mut whole = TaskReport::default();
    for (name, report) in reports {
        whole.total.add(&report);
        whole.worlds.insert(name, report);
    }
    for (name, _) in &worlds {
        let path = folder.join(format!(".{name}.report"));
        std::fs::remove_file(&path).map_err(|error| io_error(&path, &error))?;
    }
    write_json(&folder.join("report.json"), &whole)?;
    context.folder.finish(NAME)?;
    progress.done(&summary(&whole));
    Ok(())
}

fn summary(report: &TaskReport) -> String {
    let total = &report.total;
    format!(
        "{} tasks proven of {} goals; before the filter {:.2} % of mutants killed, {:.2} % of variants accepted",
        total.proven,
        total.tried,
        100.0 * total.kill_rate_before(),
        100.0 * total.acceptance_rate_before()
    )
}
