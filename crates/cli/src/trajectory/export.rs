//! `practicum trajectory export` and `why`: through the funnel, into training data.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use practicum_bench::contamination::evaluation_sets;
use practicum_chat::{ChatTemplate, Reasoning, RowOptions};
use practicum_rollout::{
    Card, Format, Funnel, FunnelOptions, Origin, StageCount, Trajectory, VERL_DATASET, dress,
    segments, tools_of,
};
use practicum_table::{AtomicFile, Column, Kind, TableWriter};
use practicum_task::Perturbation;
use serde_json::{Value, json};

use super::{States, each, load_worlds, tasks_beside, text};
use crate::error::{CommandError, Result, io_error};
use crate::progress::{line, result};
use crate::run_folder::{read_json, write_whole};
use crate::stages::funnel::dropped_line;

#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The file of trajectories.
    file: PathBuf,
    /// Folders of the worlds, or folders that hold such.
    #[arg(required = true)]
    worlds: Vec<PathBuf>,
    /// The tasks; `tasks.jsonl` beside the trajectories unless given.
    #[arg(long, num_args = 1..)]
    tasks: Vec<PathBuf>,
    /// Where the data goes.
    #[arg(long)]
    out: PathBuf,
    /// Forms: trl, trl-turns, llama-factory, ms-swift, axolotl, verl-sft, verl-rl, segments.
    #[arg(long, value_delimiter = ',', default_value = "trl")]
    formats: Vec<String>,
    /// For `segments`: the model's folder, its tokenizer_config.json, a .jinja or a .gguf file.
    #[arg(long, value_name = "FILE", help_heading = "The model's template")]
    template: Option<PathBuf>,
    /// A variable of the template, such as enable_thinking=false.
    #[arg(long, value_name = "NAME=JSON", help_heading = "The model's template")]
    variable: Vec<String>,
    /// What was thought: trained, masked (only `segments` can) or dropped.
    #[arg(long, default_value = "trained", help_heading = "The model's template")]
    reasoning: String,
    /// Files by length: rows of up to so many bytes of text each; about four are a token.
    #[arg(long, value_delimiter = ',', value_name = "BYTES")]
    buckets: Vec<usize>,
    /// The share of the reference agents' demonstrations in which tools and parameters have other names and
    /// descriptions, from 0 to 1.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    dress: f64,
    /// The share of the runs of five words from which on two conversations are one; 2 keeps them all.
    #[arg(long, default_value_t = FunnelOptions::default().near, help_heading = "The funnel")]
    near: f64,
    /// The most trajectories of a task.
    #[arg(long, value_name = "N", help_heading = "The funnel")]
    per_task: Option<usize>,
    /// The most trajectories of a world.
    #[arg(long, value_name = "N", help_heading = "The funnel")]
    per_world: Option<usize>,
    /// The most trajectories of a world that call the same tools.
    #[arg(long, value_name = "N", help_heading = "The funnel")]
    per_tools: Option<usize>,
    /// The folder of an evaluation set, whose worlds and words are left out. Again for each.
    #[arg(long, value_name = "DIR", help_heading = "The funnel")]
    against: Vec<PathBuf>,
    /// A licence that is permitted; without any, those that do not forbid it. Again for each.
    #[arg(long, value_name = "NAME", help_heading = "The funnel")]
    licence: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// The folder that `trajectory export` wrote, or the folder `funnel` of a run.
    folder: PathBuf,
    /// The trajectory's id; without one, what each stage held back.
    id: Option<String>,
}

/// One form, in files by length.
struct Writer {
    format: Format,
    files: Vec<Bucket>,
}

struct Bucket {
    name: String,
    /// Rows up to this many bytes.
    most: usize,
    path: PathBuf,
    file: File,
    rows: usize,
}

enum File {
    Lines(AtomicFile),
    Table(Box<TableWriter>, Vec<Value>),
}

/// Columns of verl's table.
const COLUMNS: [&str; 3] = ["id", "messages", "tools"];
/// Rows of the table that are written together.
const GROUP: usize = 2_000;

impl Writer {
    fn create(format: Format, out: &Path, buckets: &[usize]) -> Result<Self> {
        let mut limits = buckets.to_vec();
        limits.sort_unstable();
        limits.dedup();
        let named = limits.iter().map(|most| (format!("-{most}"), *most));
        let last = if limits.is_empty() { "" } else { "-longer" };
        let last = (last.to_string(), usize::MAX);
        let files = named.chain([last]).map(|(suffix, most)| {
            let table = format == Format::VerlSft;
            let end = if table { "parquet" } else { "jsonl" };
            let name = format!("{}{suffix}.{end}", format.name());
            let path = out.join(&name);
            let file = if table {
                let columns = COLUMNS.map(|name| (name, Kind::Text));
                TableWriter::create(&path, &columns)
                    .map(|own| File::Table(Box::new(own), Vec::new()))
            } else {
                AtomicFile::create(&path).map(File::Lines)
            };
            let file = file.map_err(|error| CommandError::work(error.to_string()))?;
            Ok(Bucket {
                name,
                most,
                path,
                file,
                rows: 0,
            })
        });
        Ok(Self {
            format,
            files: files.collect::<Result<_>>()?,
        })
    }

    fn write(&mut self, row: Value) -> Result<()> {
        let length = length(&row);
        let Some(bucket) = self.files.iter_mut().find(|own| length <= own.most) else {
            return Ok(());
        };
        bucket.rows += 1;
        match &mut bucket.file {
            File::Lines(file) => {
                writeln!(file, "{row}").map_err(|error| io_error(&bucket.path, &error))
            }
            File::Table(table, group) => {
                group.push(row);
                if group.len() >= GROUP {
                    write_group(table, group)?;
                }
                Ok(())
            }
        }
    }

    /// Name, rows and digest of each file.
    fn finish(self) -> Result<Vec<(String, usize, String)>> {
        let failed = |error: practicum_table::TableError| CommandError::work(error.to_string());
        let mut files = Vec::new();
        for bucket in self.files {
            match bucket.file {
                File::Lines(file) => file.commit().map_err(failed)?,
                File::Table(mut table, mut group) => {
                    write_group(&mut table, &mut group)?;
                    table.finish().map_err(failed)?;
                }
            }
            let read = |error| io_error(&bucket.path, &error);
            let mut hasher = blake3::Hasher::new();
            let mut file = std::fs::File::open(&bucket.path).map_err(read)?;
            std::io::copy(&mut file, &mut hasher).map_err(read)?;
            files.push((bucket.name, bucket.rows, hasher.finalize().to_string()));
        }
        Ok(files)
    }
}

fn write_group(table: &mut TableWriter, group: &mut Vec<Value>) -> Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    let column = |name: &str| {
        let cells = group.iter().map(|row| text(&row[name]).to_string());
        Column::Text(cells.collect())
    };
    let columns = COLUMNS.into_iter().map(column).collect();
    group.clear();
    table
        .write(columns)
        .map_err(|error| CommandError::work(error.to_string()))
}

/// Bytes of text of a row: of its pieces where these are all that a model reads, else of the row.
fn length(row: &Value) -> usize {
    match row["segments"].as_array() {
        Some(pieces) => pieces.iter().map(|own| text(&own["text"]).len()).sum(),
        None => row.to_string().len(),
    }
}

fn formats_of(names: &[String]) -> Result<Vec<Format>> {
    let named = names.iter().map(|name| {
        Format::parse(name).ok_or_else(|| {
            let known: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
            CommandError::user(format!(
                "there is no format {name:?}; there are: {}",
                known.join(", ")
            ))
        })
    });
    named.collect()
}

fn reasoning_of(name: &str, formats: &[Format]) -> Result<Reasoning> {
    match name {
        "trained" => Ok(Reasoning::Trained),
        "dropped" => Ok(Reasoning::Dropped),
        "masked" if formats.iter().all(|own| *own == Format::Segments) => Ok(Reasoning::Masked),
        "masked" => Err(CommandError::user(
            "thoughts can be masked in `segments` only: no other form says which part of a turn carries loss",
        )),
        _ => Err(CommandError::user(format!(
            "--reasoning {name:?} is neither trained, masked nor dropped"
        ))),
    }
}

fn template_of(arguments: &Export, formats: &[Format]) -> Result<Option<ChatTemplate>> {
    let Some(path) = &arguments.template else {
        if formats.contains(&Format::Segments) {
            return Err(CommandError::user("`segments` are a model's own text")
                .hint("name its template with --template: the model's folder, or one file of it"));
        }
        return Ok(None);
    };
    let failed = |error: &dyn std::fmt::Display| CommandError::user(error.to_string());
    let mut template = ChatTemplate::read(path).map_err(|error| failed(&error))?;
    for variable in &arguments.variable {
        let (name, value) = variable
            .split_once('=')
            .ok_or_else(|| failed(&format!("--variable {variable}: NAME=JSON is needed")))?;
        // What is no JSON is text.
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        template = template.with_variable(name, value);
    }
    Ok(Some(template))
}

fn funnel_of(arguments: &Export) -> Result<Funnel> {
    let mut sets = Vec::new();
    for folder in &arguments.against {
        let found = evaluation_sets(folder).map_err(|error| {
            CommandError::user(error.to_string()).hint("name the folder of a benchmark's data")
        })?;
        sets.extend(found);
    }
    Ok(Funnel::with(FunnelOptions {
        near: arguments.near,
        per_task: arguments.per_task.unwrap_or(usize::MAX),
        per_world: arguments.per_world.unwrap_or(usize::MAX),
        per_tools: arguments.per_tools.unwrap_or(usize::MAX),
        sets,
        licences: arguments.licence.clone(),
    }))
}

/// Sends trajectories through the funnel and writes what is left.
pub(super) fn run(arguments: &Export) -> Result<()> {
    let formats = formats_of(&arguments.formats)?;
    let reasoning = reasoning_of(&arguments.reasoning, &formats)?;
    let template = template_of(arguments, &formats)?;
    let mut funnel = funnel_of(arguments)?;
    let worlds = load_worlds(&arguments.worlds)?;
    let mut known: BTreeMap<&str, (Vec<Value>, Vec<String>)> = BTreeMap::new();
    for world in &worlds {
        let origin = Origin::of(world);
        known.insert(world.name(), (tools_of(world), origin.licences.clone()));
        funnel.add_origin(world.name(), origin);
    }
    let tasks = tasks_beside(&arguments.file, &arguments.tasks)?;
    std::fs::create_dir_all(&arguments.out).map_err(|error| io_error(&arguments.out, &error))?;
    let writers = formats
        .iter()
        .map(|format| Writer::create(*format, &arguments.out, &arguments.buckets));
    let mut writers: Vec<Writer> = writers.collect::<Result<_>>()?;
    let options = RowOptions {
        reasoning,
        ..RowOptions::default()
    };
    let (mut card, mut dropped, mut strangers) = (Card::default(), String::new(), 0usize);
    let (mut kept, mut dressed) = (0usize, 0usize);
    let mut untold = BTreeMap::<String, usize>::new();
    let mut states = States::new(&worlds);
    let mut failure = None;
    each(&arguments.file, |mut own| {
        let (Some(task), Some((tools, licences))) =
            (tasks.get(&own.task), known.get(own.world.as_str()))
        else {
            strangers += 1;
            return;
        };
        if let Err(held) = funnel.decide(&own, task) {
            dropped.push_str(&dropped_line(&own.id, &held));
            return;
        }
        kept += 1;
        card.add(&own, licences);
        if reasoning == Reasoning::Dropped {
            for message in &mut own.messages {
                message.reasoning_content = None;
            }
        }
        let mut shown = None;
        if is_dressed(&own, arguments.dress) {
            let made = states.of(&own).and_then(|state| {
                dress(&state, task, &own, &Perturbation::default())
                    .map_err(|error| CommandError::work(format!("{}: {error}", own.id)))
            });
            match made {
                Ok(made) => shown = made,
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        dressed += usize::from(shown.is_some());
        let (own, tools) = match &shown {
            Some(made) => (&made.trajectory, &made.tools),
            None => (&own, tools),
        };
        for writer in &mut writers {
            let rows = match (writer.format, &template) {
                (Format::Segments, Some(template)) => {
                    rows_of(own, tools, template, options, &mut untold)
                }
                (format, _) => format.rows(own, tools),
            };
            for row in rows {
                if let Err(error) = writer.write(row) {
                    failure.get_or_insert(error);
                }
            }
        }
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    let mut files = Vec::new();
    for writer in writers {
        files.extend(writer.finish()?);
    }
    let out = |name: &str| arguments.out.join(name);
    if formats.contains(&Format::VerlSft) {
        write_whole(&out("verl_dataset.py"), VERL_DATASET.as_bytes())?;
    }
    if formats.contains(&Format::LlamaFactory) {
        let entries = files
            .iter()
            .filter(|own| own.0.starts_with("llama-factory"));
        let entries: serde_json::Map<String, Value> = entries
            .map(|(name, ..)| {
                let entry = json!({
                    "file_name": name,
                    "formatting": "sharegpt",
                    "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
                });
                (name.trim_end_matches(".jsonl").to_string(), entry)
            })
            .collect();
        let text = Value::Object(entries).to_string();
        write_whole(&out("dataset_info.json"), text.as_bytes())?;
    }
    let name = arguments.out.file_name().unwrap_or_default();
    let text = card.text(&name.to_string_lossy(), funnel.counts(), &files);
    write_whole(&out("card.md"), text.as_bytes())?;
    write_whole(&out("dropped.jsonl"), dropped.as_bytes())?;
    let report = json!({
        "kept": kept,
        "strangers": strangers,
        "dressed": dressed,
        "stages": funnel.counts(),
        "files": files.iter().map(|(name, rows, _)| (name.clone(), *rows)).collect::<BTreeMap<_, _>>(),
        "left_out_by_the_template": untold,
    });
    write_whole(&out("report.json"), report.to_string().as_bytes())?;
    for own in stages(funnel.counts()) {
        line(&own);
    }
    for (why, count) in &untold {
        line(&format!("left out of `segments`: {count}: {why}"));
    }
    for (name, rows, _) in &files {
        line(&format!("{name}: {rows} rows"));
    }
    if arguments.dress > 0.0 {
        line(&format!("{dressed} demonstrations are dressed"));
    }
    line(&format!(
        "{kept} trajectories in {}; {strangers} without a task or world",
        arguments.out.display()
    ));
    Ok(())
}

/// Whether a demonstration is among the share that is dressed: the same ones in every run.
fn is_dressed(own: &Trajectory, share: f64) -> bool {
    let hash = blake3::hash(own.id.as_bytes());
    let mut first = [0; 4];
    first.copy_from_slice(&hash.as_bytes()[..4]);
    own.source == "oracle" && f64::from(u32::from_le_bytes(first)) < share * f64::from(u32::MAX)
}

/// A trajectory by the model's template; what that leaves out is counted.
fn rows_of(
    own: &Trajectory,
    tools: &[Value],
    template: &ChatTemplate,
    options: RowOptions,
    untold: &mut BTreeMap<String, usize>,
) -> Vec<Value> {
    match segments(own, tools, template, options) {
        Ok((rows, refused)) => {
            for turn in refused {
                *untold.entry(turn.why).or_default() += 1;
            }
            rows
        }
        Err(error) => {
            *untold.entry(error.to_string()).or_default() += 1;
            Vec::new()
        }
    }
}

/// What each stage let through and held back, a line each.
fn stages(counts: &[StageCount]) -> Vec<String> {
    let counts = counts.iter().map(|stage| {
        let reasons: Vec<String> = stage
            .dropped
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        let all = format!(
            "{:>15}  {} of {} passed; {}",
            stage.stage,
            stage.passed,
            stage.entered,
            reasons.join(", ")
        );
        all.trim_end_matches("; ").to_string()
    });
    counts.collect()
}

/// Says why the funnel dropped a trajectory, or what each stage held back.
pub(super) fn why(arguments: &Why) -> Result<()> {
    let Some(id) = &arguments.id else {
        let report: Value = read_json(&arguments.folder.join("report.json"))?;
        let counts: Vec<StageCount> = serde_json::from_value(report["stages"].clone())
            .map_err(|error| CommandError::user(format!("report.json: {error}")))?;
        for own in stages(&counts) {
            result(&own);
        }
        return Ok(());
    };
    let path = arguments.folder.join("dropped.jsonl");
    let all = std::fs::read_to_string(&path).map_err(|error| io_error(&path, &error))?;
    let mut found = false;
    for line in all.lines() {
        let line: Value = serde_json::from_str(line)
            .map_err(|error| CommandError::user(format!("{}: {error}", path.display())))?;
        if line["id"] == id.as_str() {
            let mut told = format!("{}: {}", text(&line["stage"]), text(&line["reason"]));
            if let Some(detail) = line["detail"].as_str() {
                told.push_str(&format!(" ({detail})"));
            }
            result(&told);
            found = true;
        }
    }
    if !found {
        result("it was not dropped");
    }
    Ok(())
}
