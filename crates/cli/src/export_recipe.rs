//! The two stages of training as a folder that another trainer runs: data, configuration, launch script.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use practicum_rollout::{Format, Funnel, read_trajectories, run_world, tools_of};
use practicum_table::AtomicFile;
use practicum_task::Task;
use practicum_world::{Draws, World};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::RunArguments;
use crate::error::{CommandError, Result, io_error};
use crate::progress::line;
use crate::run_folder::{write_json, write_whole};
use crate::stages::Context;
use crate::stages::task::{load, worlds};

/// Which trainer, and which model it starts from.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) run: RunArguments,
    /// The trainer that the folder is for.
    #[arg(long, value_enum)]
    trainer: Trainer,
    /// The model that stage one starts from: a folder, or a name on the hub.
    #[arg(long)]
    model: String,
    /// LLaMA-Factory's name of the model's chat template.
    #[arg(long, default_value = "qwen3")]
    template: String,
    /// Proven tasks of each world of the vertical.
    #[arg(long, default_value_t = 300)]
    vertical_tasks: usize,
    /// Where the folder goes; `trainer-<name>` in the run's folder unless given.
    #[arg(long)]
    to: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Trainer {
    Trl,
    LlamaFactory,
}

impl Trainer {
    fn format(self) -> Format {
        match self {
            Self::Trl => Format::TrlTurns,
            Self::LlamaFactory => Format::LlamaFactory,
        }
    }
}

/// What `[learn]` says of worlds. The rest of that part is for the small model and is not needed here.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Worlds {
    /// Worlds that no stage trains on: names, or beginnings that end in `*`.
    held_out: Vec<String>,
    /// Worlds of the vertical, as folders relative to the recipe.
    vertical: Vec<PathBuf>,
}

impl Worlds {
    fn of(context: &Context) -> Result<Self> {
        let part = context.recipe.learn.as_ref();
        let mut own: Self = match part.and_then(|learn| learn.get("worlds")) {
            Some(value) => value.clone().try_into().map_err(|error: toml::de::Error| {
                CommandError::user(format!("[learn.worlds]: {}", error.message().trim()))
            })?,
            None => Self::default(),
        };
        for path in &mut own.vertical {
            *path = context.recipe.folder.join(&*path);
        }
        Ok(own)
    }

    fn holds_out(&self, world: &str) -> bool {
        self.held_out
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => world.starts_with(beginning),
                None => world == pattern,
            })
    }
}

/// Rows of one stage.
#[derive(Debug, Default, Serialize)]
struct Stage {
    worlds: BTreeSet<String>,
    trajectories: usize,
    rows: usize,
    /// Of the rows, those of the stage before.
    replayed: usize,
}

/// The share of the general stage that is seen again in the vertical one, against forgetting.
const REPLAY: f64 = 0.25;

/// Writes the folder.
pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<()> {
    let own = Worlds::of(context)?;
    let folder = arguments.to.clone().unwrap_or_else(|| {
        let name = match arguments.trainer {
            Trainer::Trl => "trainer-trl",
            Trainer::LlamaFactory => "trainer-llama-factory",
        };
        context.folder.root().join(name)
    });
    for stage in ["general", "vertical"] {
        let path = folder.join("data").join(stage);
        std::fs::create_dir_all(&path).map_err(|error| io_error(&path, &error))?;
    }
    let format = arguments.trainer.format();
    let (general, rows) = general(context, &own, format, &data(&folder, "general"))?;
    if general.rows == 0 {
        return Err(CommandError::user(
            "no trajectory of the run is left for stage one",
        )
        .hint("hold out fewer worlds in [learn.worlds], or run `practicum run` on the recipe first"));
    }
    let vertical = if own.vertical.is_empty() {
        None
    } else {
        Some(vertical(context, &own, arguments, &folder, &rows)?)
    };
    let stages: Vec<&str> = ["general", "vertical"]
        .into_iter()
        .take(1 + usize::from(vertical.is_some()))
        .collect();
    match arguments.trainer {
        Trainer::Trl => trl(&folder, arguments, &stages)?,
        Trainer::LlamaFactory => llama_factory(&folder, arguments, &stages)?,
    }
    let manifest = json!({
        "recipe": context.recipe.name, "seed": context.recipe.seed,
        "format": format.name(), "model": arguments.model, "held_out": own.held_out,
        "stages": {"general": general, "vertical": vertical},
    });
    write_json(&folder.join("manifest.json"), &manifest)?;
    line(&format!(
        "{} rows of {} worlds for stage one{} in {}\n  next: sh {}/run.sh",
        general.rows,
        general.worlds.len(),
        vertical.map_or(String::new(), |own| format!(
            ", {} rows ({} of them replayed) for stage two",
            own.rows, own.replayed
        )),
        folder.display(),
        folder.display()
    ));
    Ok(())
}

fn data(folder: &Path, stage: &str) -> PathBuf {
    folder.join("data").join(stage).join("train.jsonl")
}

/// What the run kept, held-out worlds left out. The rows come back for the replay.
fn general(
    context: &Context,
    own: &Worlds,
    format: Format,
    path: &Path,
) -> Result<(Stage, Vec<String>)> {
    let (author, _) = context.folder.finished("author")?;
    let (rollout, _) = context.folder.finished("rollout")?;
    let (funnel, _) = context.folder.finished("funnel")?;
    let kept = funnel.join("kept.txt");
    let kept = std::fs::read_to_string(&kept).map_err(|error| io_error(&kept, &error))?;
    let kept: BTreeSet<&str> = kept.lines().collect();
    let mut stage = Stage::default();
    let mut sample: Vec<String> = Vec::new();
    let mut draws = Draws::new(context.recipe.seed, &["replay"]);
    let mut out =
        AtomicFile::create(path).map_err(|error| CommandError::work(error.to_string()))?;
    for (name, folder) in worlds(&author)? {
        if own.holds_out(&name) {
            continue;
        }
        let tools = tools_of(&load(&folder)?);
        let mut failure = None;
        read_trajectories(&rollout.join(format!("{name}.jsonl")), |trajectory| {
            if !kept.contains(trajectory.id.as_str()) {
                return;
            }
            stage.trajectories += 1;
            for row in format.rows(&trajectory, &tools) {
                let text = row.to_string();
                if let Err(error) = writeln!(out, "{text}") {
                    failure.get_or_insert(io_error(path, &error));
                }
                stage.rows += 1;
                keep_one_of(&mut sample, stage.rows, text, &mut draws);
            }
            stage.worlds.insert(trajectory.world);
        })
        .map_err(|error| CommandError::work(error.to_string()))?;
        if let Some(error) = failure {
            return Err(error);
        }
    }
    out.commit()
        .map_err(|error| CommandError::work(error.to_string()))?;
    Ok((stage, sample))
}

/// Most rows that are seen again; a sample of so many fits into memory however long the stage is.
const SAMPLE: usize = 20_000;

/// Reservoir sampling (Vitter 1985, algorithm R): every row is as likely to stay.
fn keep_one_of(sample: &mut Vec<String>, seen: usize, text: String, draws: &mut Draws) {
    if sample.len() < SAMPLE {
        sample.push(text);
    } else if let Some(place) = sample.get_mut(draws.below(seen)) {
        *place = text;
    }
}

/// Oracle demonstrations in the vertical's worlds, with some rows of the stage before.
fn vertical(
    context: &Context,
    own: &Worlds,
    arguments: &Arguments,
    folder: &Path,
    general: &[String],
) -> Result<Stage> {
    let mut stage = Stage::default();
    let mut rows: Vec<String> = Vec::new();
    let episodes = folder.join("episodes");
    std::fs::create_dir_all(&episodes).map_err(|error| io_error(&episodes, &error))?;
    for path in &own.vertical {
        let world = load(path)?;
        demonstrations(context, &world, arguments, &episodes, &mut stage, &mut rows)?;
        stage.worlds.insert(world.name().to_string());
    }
    let mut draws = Draws::new(context.recipe.seed, &["vertical"]);
    let mut again: Vec<&String> = general.iter().collect();
    draws.shuffle(&mut again);
    again.truncate((REPLAY * rows.len() as f64).round() as usize);
    stage.replayed = again.len();
    rows.extend(again.into_iter().cloned());
    draws.shuffle(&mut rows);
    stage.rows = rows.len();
    rows.push(String::new());
    write_whole(&data(folder, "vertical"), rows.join("\n").as_bytes())?;
    Ok(stage)
}

fn demonstrations(
    context: &Context,
    world: &World,
    arguments: &Arguments,
    episodes: &Path,
    stage: &mut Stage,
    rows: &mut Vec<String>,
) -> Result<()> {
    let format = arguments.trainer.format();
    let failed = |error: &dyn std::fmt::Display| {
        CommandError::work(format!("world {}: {error}", world.name()))
    };
    let options = practicum_task::Options {
        per_world: arguments.vertical_tasks,
        seed: context.recipe.seed,
        ..context.recipe.task.clone()
    };
    let (tasks, _) = practicum_task::generate(world, &options).map_err(|error| failed(&error))?;
    let agents = practicum_rollout::Options {
        seed: context.recipe.seed,
        ..practicum_rollout::Options::default()
    };
    // Another seed or another version must not go on behind old episodes.
    let path = episodes.join(format!("{}.jsonl", world.name()));
    if path.exists() {
        std::fs::remove_file(&path).map_err(|error| io_error(&path, &error))?;
    }
    run_world(world, &tasks, &agents, &path).map_err(|error| failed(&error))?;
    let tools = tools_of(world);
    let by_id: BTreeMap<&str, &Task> = tasks.iter().map(|task| (task.id.as_str(), task)).collect();
    let mut funnel = Funnel::new();
    read_trajectories(&path, |trajectory| {
        let Some(task) = by_id.get(trajectory.task.as_str()) else {
            return;
        };
        if trajectory.messages.is_empty() || funnel.decide(&trajectory, task).is_err() {
            return;
        }
        stage.trajectories += 1;
        rows.extend(
            format
                .rows(&trajectory, &tools)
                .iter()
                .map(Value::to_string),
        );
    })
    .map_err(|error| failed(&error))
}

/// The model that a stage starts from: stage two goes on where stage one ended.
fn begins(arguments: &Arguments, stage: &str) -> String {
    match stage {
        "general" => arguments.model.clone(),
        _ => "out/general".into(),
    }
}

/// JSON is YAML, and needs no rules for quotes.
fn yaml(fields: &[(&str, Value)]) -> String {
    fields
        .iter()
        .map(|(key, value)| format!("{key}: {value}\n"))
        .collect()
}

fn rate(stage: &str) -> f64 {
    match stage {
        "general" => 1e-5,
        _ => 5e-6,
    }
}

fn common(arguments: &Arguments, stage: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("model_name_or_path", json!(begins(arguments, stage))),
        ("output_dir", json!(format!("out/{stage}"))),
        ("num_train_epochs", json!(1.0)),
        ("per_device_train_batch_size", json!(1)),
        ("gradient_accumulation_steps", json!(16)),
        ("learning_rate", json!(rate(stage))),
        ("lr_scheduler_type", json!("cosine")),
        ("warmup_ratio", json!(0.05)),
        ("weight_decay", json!(0.01)),
        ("max_grad_norm", json!(1.0)),
        ("bf16", json!(true)),
        ("gradient_checkpointing", json!(true)),
        ("logging_steps", json!(5)),
        ("save_strategy", json!("epoch")),
        ("seed", json!(1)),
        ("report_to", json!("none")),
    ]
}

fn trl(folder: &Path, arguments: &Arguments, stages: &[&str]) -> Result<()> {
    for stage in stages {
        let mut fields = common(arguments, stage);
        fields.extend([
            ("dataset_name", json!(format!("data/{stage}"))),
            // A row is a prompt and one turn of the agent; loss is on the turn.
            ("completion_only_loss", json!(true)),
            ("max_length", json!(8_192)),
            ("packing", json!(false)),
        ]);
        write_whole(
            &folder.join(format!("{stage}.yaml")),
            yaml(&fields).as_bytes(),
        )?;
    }
    script(folder, stages, "trl sft --config", "pip install trl")
}

fn llama_factory(folder: &Path, arguments: &Arguments, stages: &[&str]) -> Result<()> {
    let mut sets = serde_json::Map::new();
    for stage in stages {
        let mut fields = common(arguments, stage);
        fields.extend([
            ("stage", json!("sft")),
            ("do_train", json!(true)),
            ("finetuning_type", json!("full")),
            ("template", json!(arguments.template)),
            ("dataset_dir", json!("data")),
            ("dataset", json!(stage)),
            ("cutoff_len", json!(8_192)),
            // A row ends with the turn that carries loss; what is before it is only read.
            ("mask_history", json!(true)),
        ]);
        write_whole(
            &folder.join(format!("{stage}.yaml")),
            yaml(&fields).as_bytes(),
        )?;
        sets.insert(
            (*stage).to_string(),
            json!({
                "file_name": format!("{stage}/train.jsonl"),
                "formatting": "sharegpt",
                "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
            }),
        );
    }
    write_json(&folder.join("data/dataset_info.json"), &Value::Object(sets))?;
    script(
        folder,
        stages,
        "llamafactory-cli train",
        "pip install llamafactory",
    )
}

fn script(folder: &Path, stages: &[&str], command: &str, install: &str) -> Result<()> {
    let mut text = format!(
        "#!/bin/sh\n# The two stages in order; needs `{install}` and a GPU. Stage two starts from what stage one wrote.\nset -eu\ncd \"$(dirname \"$0\")\"\n"
    );
    for stage in stages {
        text.push_str(&format!("{command} {stage}.yaml\n"));
    }
    write_whole(&folder.join("run.sh"), text.as_bytes())
}
