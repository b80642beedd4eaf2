//! Kept trajectories become a data set: `export/train.jsonl`, `train.parquet`, `card.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use practicum_rollout::{Card, Origin, read_trajectories, tools_of, trl_row};
use practicum_table::{AtomicFile, Column, Kind, TableError, TableWriter};
use serde::{Deserialize, Serialize};

use super::funnel::FunnelReport;
use super::task::{load, worlds};
use super::{Context, key_part};
use crate::error::{CommandError, Result, io_error};
use crate::progress::Progress;
use crate::run_folder::{Due, read_json, write_json, write_whole};

const NAME: &str = "export";

/// What the data set holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ExportReport {
    pub(crate) rows: usize,
    pub(crate) files: Vec<String>,
    pub(crate) kinds: BTreeMap<String, usize>,
    pub(crate) worlds: usize,
    pub(crate) licences: BTreeMap<String, usize>,
}

/// Columns of the Parquet file: text, and rows of one group.
const COLUMNS: [(&str, Kind); 6] = [
    ("id", Kind::Text),
    ("world", Kind::Text),
    ("kind", Kind::Text),
    ("source", Kind::Text),
    ("messages", Kind::Text),
    ("tools", Kind::Text),
];
const GROUP: usize = 2_000;

pub(crate) fn run(context: &Context) -> Result<()> {
    let progress = Progress::new(NAME, context.quiet);
    let (author_folder, _) = context.folder.finished("author")?;
    let (rollout_folder, rollout_digest) = context.folder.finished("rollout")?;
    let (funnel_folder, funnel_digest) = context.folder.finished("funnel")?;
    let export = &context.recipe.export;
    let folder = match context
        .folder
        .begin(NAME, &[&rollout_digest, &funnel_digest, &key_part(export)])?
    {
        Due::Nothing => {
            progress.done(&summary(&read_json(
                &context.folder.stage(NAME).join("report.json"),
            )?));
            return Ok(());
        }
        Due::Work(folder) => folder,
    };
    let kept_path = funnel_folder.join("kept.txt");
    let kept_text =
        std::fs::read_to_string(&kept_path).map_err(|error| io_error(&kept_path, &error))?;
    let kept: BTreeSet<&str> = kept_text.lines().collect();
    let wants = |format: &str| export.formats.iter().any(|own| own == format);
    let table_error = |error: TableError| CommandError::work(error.to_string());
    let mut report = ExportReport::default();
    let jsonl_path = folder.join("train.jsonl");
    let mut lines = if wants("trl") {
        report.files.push("train.jsonl".into());
        Some(AtomicFile::create(&jsonl_path).map_err(table_error)?)
    } else {
        None
    };
    let mut table = if wants("parquet") {
        report.files.push("train.parquet".into());
        Some(TableWriter::create(&folder.join("train.parquet"), &COLUMNS).map_err(table_error)?)
    } else {
        None
    };
    let mut group: Vec<[String; 6]> = Vec::new();
    let mut card = Card::default();
    let worlds = worlds(&author_folder)?;
    for (at, (name, path)) in worlds.iter().enumerate() {
        let world = load(path)?;
        let tools = tools_of(&world);
        let licences = Origin::of(&world).licences;
        let before = report.rows;
        let mut failure: Option<CommandError> = None;
        read_trajectories(
            &rollout_folder.join(format!("{name}.jsonl")),
            |trajectory| {
                if !kept.contains(trajectory.id.as_str()) {
                    return;
                }
                let row = trl_row(&trajectory, &tools);
                report.rows += 1;
                card.add(&trajectory, &licences);
                *report.kinds.entry(trajectory.kind.clone()).or_default() += 1;
                if let Some(lines) = &mut lines
                    && let Err(error) = writeln!(lines, "{row}")
                {
                    failure.get_or_insert(io_error(&jsonl_path, &error));
                }
                group.push([
                    trajectory.id,
                    trajectory.world,
                    trajectory.kind,
                    trajectory.source,
                    row["messages"].to_string(),
                    row["tools"].as_str().unwrap_or_default().to_string(),
                ]);
            },
        )
        .map_err(|error| CommandError::work(error.to_string()))?;
        if let Some(error) = failure {
            return Err(error);
        }
        if report.rows > before {
            report.worlds += 1;
            for licence in licences {
                *report.licences.entry(licence).or_default() += 1;
            }
        }
        if group.len() >= GROUP || at + 1 == worlds.len() {
            if let Some(table) = &mut table {
                write_group(table, &group).map_err(table_error)?;
            }
            group.clear();
        }
        progress.at(at + 1, worlds.len());
    }
    if let Some(lines) = lines {
        lines.commit().map_err(table_error)?;
    }
    if let Some(table) = table {
        table.finish().map_err(table_error)?;
    }
    let funnel: FunnelReport = read_json(&funnel_folder.join("report.json"))?;
    let mut files = Vec::new();
    for name in &report.files {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).map_err(|error| io_error(&path, &error))?;
        let digest = blake3::hash(&bytes).to_string();
        files.push((name.clone(), report.rows, digest));
    }
    let text = card.text(&context.recipe.name, &funnel.stages, &files);
    write_whole(&folder.join("card.md"), text.as_bytes())?;
    write_json(&folder.join("report.json"), &report)?;
    context.folder.finish(NAME)?;
    progress.done(&summary(&report));
    Ok(())
}

fn summary(report: &ExportReport) -> String {
    format!(
        "{} rows of {} worlds as {}",
        report.rows,
        report.worlds,
        report.files.join(" and ")
    )
}

fn write_group(
    table: &mut TableWriter,
    group: &[[String; 6]],
) -> std::result::Result<(), TableError> {
    if group.is_empty() {
        return Ok(());
    }
    let column = |at: usize| Column::Text(group.iter().map(|row| row[at].clone()).collect());
    table.write((0..6).map(column).collect())
}
