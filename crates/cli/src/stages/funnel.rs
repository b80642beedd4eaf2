//! The funnel decides which trajectories become data: `funnel/kept.txt`, `dropped.jsonl`, `report.json`.

use std::collections::BTreeMap;

use practicum_rollout::{Dropped, Funnel, Origin, StageCount, read_trajectories};
use practicum_task::Task;
use serde::{Deserialize, Serialize};

use super::Context;
use super::task::{load, read_tasks, worlds};
use crate::error::{CommandError, Result};
use crate::progress::Progress;
use crate::run_folder::{Due, read_json, write_json, write_whole};

const NAME: &str = "funnel";

/// What the stages let through.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct FunnelReport {
    pub(crate) entered: usize,
    pub(crate) kept: usize,
    pub(crate) stages: Vec<StageCount>,
}

pub(crate) fn run(context: &Context) -> Result<()> {
    let progress = Progress::new(NAME, context.quiet);
    let (author_folder, _) = context.folder.finished("author")?;
    let (task_folder, _) = context.folder.finished("task")?;
    let (rollout_folder, rollout_digest) = context.folder.finished("rollout")?;
    let folder = match context.folder.begin(NAME, &[&rollout_digest])? {
        Due::Nothing => {
            progress.done(&summary(&read_json(
                &context.folder.stage(NAME).join("report.json"),
            )?));
            return Ok(());
        }
        Due::Work(folder) => folder,
    };
    let mut funnel = Funnel::new();
    let mut report = FunnelReport::default();
    let (mut kept, mut dropped) = (String::new(), String::new());
    let worlds = worlds(&author_folder)?;
    for (at, (name, path)) in worlds.iter().enumerate() {
        funnel.add_origin(name, Origin::of(&load(path)?));
        let tasks: BTreeMap<String, Task> = read_tasks(&task_folder.join(format!("{name}.jsonl")))?
            .into_iter()
            .map(|task| (task.id.clone(), task))
            .collect();
        read_trajectories(
            &rollout_folder.join(format!("{name}.jsonl")),
            |trajectory| {
                if trajectory.messages.is_empty() {
                    return;
                }
                let Some(task) = tasks.get(&trajectory.task) else {
                    return;
                };
                report.entered += 1;
                match funnel.decide(&trajectory, task) {
                    Ok(()) => {
                        report.kept += 1;
                        kept.push_str(&trajectory.id);
                        kept.push('\n');
                    }
                    Err(held) => dropped.push_str(&dropped_line(&trajectory.id, &held)),
                }
            },
        )
        .map_err(|error| CommandError::work(error.to_string()))?;
        progress.at(at + 1, worlds.len());
    }
    report.stages = funnel.counts().to_vec();
    write_whole(&folder.join("kept.txt"), kept.as_bytes())?;
    write_whole(&folder.join("dropped.jsonl"), dropped.as_bytes())?;
    write_json(&folder.join("report.json"), &report)?;
    context.folder.finish(NAME)?;
    progress.done(&summary(&report));
    Ok(())
}

/// A line of `dropped.jsonl`.
pub(crate) fn dropped_line(id: &str, held: &Dropped) -> String {
    let line = serde_json::json!({
        "id": id,
        "stage": held.stage,
        "reason": held.reason,
        "detail": held.detail,
    });
    format!("{line}\n")
}

fn summary(report: &FunnelReport) -> String {
    let stages: Vec<String> = report
        .stages
        .iter()
        .map(|stage| format!("{} {}", stage.stage, stage.passed))
        .collect();
    format!(
        "{} of {} trajectories kept ({})",
        report.kept,
        report.entered,
        stages.join(", ")
    )
}
