//! The report of a run: `report.json` with stable keys, and `report.html` for people.

use std::collections::BTreeMap;

use practicum_rollout::{Score, StageCount, Summary, Trajectory, read_trajectories};
use practicum_world::World;
use serde::{Deserialize, Serialize};

use super::author::AuthorReport;
use super::export::ExportReport;
use super::funnel::FunnelReport;
use super::task::{TaskReport, load, worlds};
use super::{Context, STAGES};
use crate::clock::peak_rss_bytes;
use crate::error::{CommandError, Result};
use crate::progress::Progress;
use crate::report_html;
use crate::run_folder::{read_json, write_json, write_whole};

const NAME: &str = "report";

/// Worlds and trajectories that the page shows.
const SHOWN: usize = 5;

/// `report.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunReport {
    pub(crate) name: String,
    pub(crate) seed: u64,
    pub(crate) operations: Operations,
    pub(crate) graph: practicum_graph::Quality,
    pub(crate) worlds: Worlds,
    pub(crate) tasks: Tasks,
    pub(crate) trajectories: Trajectories,
    pub(crate) agents: BTreeMap<String, AgentRecord>,
    pub(crate) funnel: Vec<StageCount>,
    pub(crate) dataset: ExportReport,
    /// Seconds by stage, of the run that made it. The only numbers here that differ between runs.
    pub(crate) seconds: BTreeMap<String, f64>,
    pub(crate) peak_rss_bytes: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operations {
    pub(crate) read: usize,
    pub(crate) kept: usize,
    pub(crate) dropped: BTreeMap<String, usize>,
    pub(crate) files: usize,
    pub(crate) providers: usize,
    pub(crate) compiled: usize,
    pub(crate) uncertain: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Worlds {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) failed_by_reason: BTreeMap<String, usize>,
    pub(crate) surplus: usize,
    pub(crate) kept: usize,
    pub(crate) not_cloud: usize,
    pub(crate) with_rules: usize,
    pub(crate) tools_per_world: BTreeMap<usize, usize>,
    pub(crate) tables_per_world: BTreeMap<usize, usize>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tasks {
    pub(crate) proven: usize,
    pub(crate) tried: usize,
    pub(crate) rejected: BTreeMap<String, usize>,
    pub(crate) kinds: BTreeMap<String, usize>,
    pub(crate) lengths: BTreeMap<usize, usize>,
    /// Of the tasks that ship; as counted by their proofs.
    pub(crate) kill_rate: f64,
    pub(crate) acceptance_rate: f64,
    pub(crate) kill_rate_before_filter: f64,
    pub(crate) acceptance_rate_before_filter: f64,
    /// Of the mutants that never gate.
    pub(crate) beyond_kill_rate: f64,
    pub(crate) mutants: usize,
    pub(crate) variants: usize,
    pub(crate) tools_used: usize,
    pub(crate) tools: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trajectories {
    pub(crate) count: usize,
    pub(crate) episodes: usize,
    pub(crate) kept: usize,
    pub(crate) faults: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AgentRecord {
    pub(crate) pass_rate: f64,
    /// Wilson's interval at 95 %.
    pub(crate) interval: (f64, f64),
    pub(crate) passed: usize,
    pub(crate) tried: usize,
}

impl From<Score> for AgentRecord {
    fn from(score: Score) -> Self {
        Self {
            pass_rate: score.rate(),
            interval: score.interval(),
            passed: score.passed,
            tried: score.tried,
        }
    }
}

/// Kept beside the artefacts because it differs from run to run.
const TIMINGS: &str = "timings.json";

/// What the run cost: a stage that was skipped keeps what it cost when it was made.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Timings {
    seconds: BTreeMap<String, f64>,
    peak_rss_bytes: Option<u64>,
}

pub(crate) fn run(context: &Context) -> Result<()> {
    let progress = Progress::new(NAME, context.quiet);
    let report = gather(context)?;
    let root = context.folder.root();
    write_json(&root.join("report.json"), &report)?;
    let (worlds, trajectories) = examples(context)?;
    let page = report_html::page(&report, &worlds, &trajectories);
    write_whole(&root.join("report.html"), page.as_bytes())?;
    progress.done(&format!("{}", root.join("report.html").display()));
    Ok(())
}

fn gather(context: &Context) -> Result<RunReport> {
    let stage = |name: &str| -> Result<std::path::PathBuf> {
        Ok(context.folder.finished(name)?.0.join("report.json"))
    };
    let ingest: practicum_corpus::Report = read_json(&stage("ingest")?)?;
    let graph: practicum_graph::Quality = read_json(&stage("graph")?)?;
    let author: AuthorReport = read_json(&stage("author")?)?;
    let task: TaskReport = read_json(&stage("task")?)?;
    let rollout: Summary = read_json(&stage("rollout")?)?;
    let funnel: FunnelReport = read_json(&stage("funnel")?)?;
    let dataset: ExportReport = read_json(&stage("export")?)?;
    let timings: Timings = read_json(&context.folder.root().join(TIMINGS)).unwrap_or_default();
    let total = &task.total;
    Ok(RunReport {
        name: context.recipe.name.clone(),
        seed: context.recipe.seed,
        operations: Operations {
            read: ingest.operations.read,
            kept: ingest.operations.kept,
            dropped: ingest.operations.dropped,
            files: ingest.files.specs,
            providers: ingest.kept.providers,
            compiled: author.tools,
            uncertain: author.uncertain,
        },
        graph,
        worlds: Worlds {
            passed: author.passed,
            failed: author.failed.values().sum(),
            failed_by_reason: author.failed,
            surplus: author.surplus,
            kept: author.worlds.len(),
            not_cloud: author.worlds.iter().filter(|world| !world.cloud).count(),
            with_rules: author.worlds.iter().filter(|world| world.rules > 0).count(),
            tools_per_world: author.tools_per_world,
            tables_per_world: author.tables_per_world,
        },
        tasks: Tasks {
            proven: total.proven,
            tried: total.tried,
            rejected: total.rejected.clone(),
            kinds: total.kinds.clone(),
            lengths: task.total.lengths.clone(),
            kill_rate: total.kill_rate(),
            acceptance_rate: total.acceptance_rate(),
            kill_rate_before_filter: total.kill_rate_before(),
            acceptance_rate_before_filter: total.acceptance_rate_before(),
            beyond_kill_rate: total.beyond_kill_rate(),
            mutants: total.killed,
            variants: total.accepted,
            tools_used: total.coverage.tools_used,
            tools: total.coverage.tools,
        },
        trajectories: Trajectories {
            count: rollout.trajectories,
            episodes: rollout.episodes,
            kept: funnel.kept,
            faults: rollout.faults,
        },
        agents: rollout
            .agents
            .into_iter()
            .map(|(name, score)| (name, score.into()))
            .collect(),
        funnel: funnel.stages,
        dataset,
        seconds: timings.seconds,
        peak_rss_bytes: timings.peak_rss_bytes.max(peak_rss_bytes()),
    })
}

/// Worlds and trajectories that the page shows: of the middle of the range, one of each kind.
fn examples(context: &Context) -> Result<(Vec<World>, Vec<Trajectory>)> {
    let (author_folder, _) = context.folder.finished("author")?;
    let (rollout_folder, _) = context.folder.finished("rollout")?;
    let all = worlds(&author_folder)?;
    let step = (all.len() / SHOWN).max(1);
    let mut shown = Vec::new();
    let mut trajectories: Vec<Trajectory> = Vec::new();
    for (name, path) in all.iter().step_by(step).take(SHOWN) {
        shown.push(load(path)?);
        let mut candidates: Vec<Trajectory> = Vec::new();
        read_trajectories(
            &rollout_folder.join(format!("{name}.jsonl")),
            |trajectory| {
                let new_kind = !trajectories
                    .iter()
                    .chain(&candidates)
                    .any(|known| known.kind == trajectory.kind);
                let fits = !trajectory.messages.is_empty() && trajectory.verdict.passed;
                if fits && (new_kind || candidates.is_empty()) && candidates.len() < 8 {
                    candidates.push(trajectory);
                }
            },
        )
        .map_err(|error| CommandError::work(error.to_string()))?;
        // A kind that was not shown yet, else the first.
        let at = candidates
            .iter()
            .position(|own| !trajectories.iter().any(|known| known.kind == own.kind))
            .unwrap_or(0);
        if at < candidates.len() {
            trajectories.push(candidates.swap_remove(at));
        }
    }
    Ok((shown, trajectories))
}

/// Notes how long a stage took.
pub(crate) fn note_seconds(context: &Context, stage: &str, seconds: f64) -> Result<()> {
    let path = context.folder.root().join(TIMINGS);
    let mut timings: Timings = if stage == STAGES[0].name {
        Timings::default()
    } else {
        read_json(&path).unwrap_or_default()
    };
    timings
        .seconds
        .insert(stage.to_string(), (seconds * 1_000.0).round() / 1_000.0);
    timings
        .seconds
        .retain(|name, _| STAGES.iter().any(|stage| stage.name == name));
    timings.peak_rss_bytes = timings.peak_rss_bytes.max(peak_rss_bytes());
    write_json(&path, &timings)
}
