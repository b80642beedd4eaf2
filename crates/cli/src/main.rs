//! The `practicum` command: descriptions of real APIs become executable, verifiable worlds.

mod bench;
mod check;
mod clock;
mod error;
mod export_recipe;
#[cfg(feature = "learn")]
mod learn;
#[cfg(not(feature = "learn"))]
#[path = "without_learn.rs"]
mod learn;
mod play;
mod progress;
mod recipe;
mod report_html;
mod rollout;
mod run_folder;
mod schema;
mod serve;
mod stages;
mod task;
mod trajectory;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::clock::Stopwatch;
use crate::error::{CommandError, Result};
use crate::progress::{line, result};
use crate::recipe::Recipe;
use crate::run_folder::{RunFolder, read_json};
use crate::stages::report::{RunReport, note_seconds};
use crate::stages::{Context, STAGES, Stage};

#[derive(Debug, Parser)]
#[command(
    name = "practicum",
    version,
    about = "Turns descriptions of real APIs into executable, verifiable worlds for tool-using agents"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all stages of a recipe; what is finished already is skipped.
    Run(RunArguments),
    /// Specs become tool specs.
    Ingest(RunArguments),
    /// Tools become domains.
    Graph(RunArguments),
    /// Domains become worlds.
    Author(RunArguments),
    /// Worlds get tasks, each proven on both sides.
    #[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Task(TaskArguments),
    /// Agents act on the tasks: the reference agents of a recipe, or a model behind an endpoint.
    Rollout(Box<rollout::Arguments>),
    /// Decide which trajectories become data.
    Funnel(RunArguments),
    /// Write the data set.
    Export(RunArguments),
    /// Write the report of the run.
    Report(RunArguments),
    /// Train a small model in two stages and judge it on worlds that it has never seen.
    Learn(RunArguments),
    /// Judge a model on the held-out tasks of a recipe; compare it with another.
    Eval(learn::EvalArguments),
    /// The scaling curve: equal tokens from growing numbers of training worlds.
    Curve(RunArguments),
    /// The two stages of training as a folder that another trainer runs.
    ExportRecipe(export_recipe::Arguments),
    /// Check worlds: their files, then by running every tool.
    Check(check::Arguments),
    /// Call a world's tools by hand, or play a task as the agent.
    Play(play::Arguments),
    /// Serve worlds to agents and trainers: OpenEnv, MCP and a REST API.
    Serve(serve::Arguments),
    /// Print the JSON Schema of a kind of file, for editors.
    Schema(schema::Arguments),
    /// Look into records of episodes, compare two, do them again.
    #[command(subcommand)]
    Trajectory(trajectory::Command),
    /// Score the field's benchmarks as their official scorers do.
    #[command(subcommand)]
    Bench(bench::Command),
}

#[derive(Debug, Args)]
struct TaskArguments {
    #[command(subcommand)]
    command: Option<task::Command>,
    #[command(flatten)]
    run: Option<RunArguments>,
}

#[derive(Debug, Args)]
struct RunArguments {
    /// The recipe: one TOML file that describes the run.
    recipe: PathBuf,
    /// Specs to use instead of the recipe's: files, folders, archives.
    #[arg(long, num_args = 1..)]
    specs: Vec<PathBuf>,
    /// The run's folder; `out/<name>` unless given.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The seed to use instead of the recipe's.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads to use instead of the recipe's; the result does not depend on it.
    #[arg(long)]
    threads: Option<usize>,
    /// Print the summary as one JSON object on standard output.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, short)]
    quiet: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            line(&error.to_string());
            ExitCode::from(if error.users { 2 } else { 1 })
        }
    }
}

fn dispatch(command: Command) -> Result<()> {
    let (name, arguments) = match command {
        Command::Run(arguments) => return run_all(&arguments),
        Command::Learn(arguments) => return learn::run(&context(&arguments)?),
        Command::Eval(arguments) => return learn::eval(&context(&arguments.run)?, &arguments),
        Command::Curve(arguments) => return learn::curve(&context(&arguments)?),
        Command::ExportRecipe(arguments) => {
            return export_recipe::run(&context(&arguments.run)?, &arguments);
        }
        Command::Check(arguments) => return check::run(&arguments),
        Command::Play(arguments) => return play::run(&arguments),
        Command::Serve(arguments) => return serve::run(&arguments),
        Command::Schema(arguments) => return schema::run(&arguments),
        Command::Trajectory(command) => return trajectory::run(&command),
        Command::Bench(command) => return bench::run(&command),
        Command::Ingest(arguments) => ("ingest", arguments),
        Command::Graph(arguments) => ("graph", arguments),
        Command::Author(arguments) => ("author", arguments),
        Command::Task(TaskArguments {
            command: Some(command),
            ..
        }) => return task::run(&command),
        Command::Task(TaskArguments { run: Some(run), .. }) => ("task", run),
        Command::Task(_) => {
            return Err(CommandError::user("which recipe, or which tasks?").hint(
                "`practicum task RECIPE` makes tasks; `practicum task --help` shows the rest",
            ));
        }
        Command::Rollout(arguments) => match rollout::run(arguments)? {
            Some(arguments) => ("rollout", arguments),
            None => return Ok(()),
        },
        Command::Funnel(arguments) => ("funnel", arguments),
        Command::Export(arguments) => ("export", arguments),
        Command::Report(arguments) => ("report", arguments),
    };
    let context = context(&arguments)?;
    for stage in STAGES.iter().filter(|stage| stage.name == name) {
        run_stage(&context, stage)?;
    }
    if arguments.json {
        let path = match name {
            "report" => context.folder.root().join("report.json"),
            _ => context.folder.stage(name).join("report.json"),
        };
        let report: serde_json::Value = read_json(&path)?;
        result(&report.to_string());
    }
    Ok(())
}

fn context(arguments: &RunArguments) -> Result<Context> {
    let mut recipe = Recipe::read(&arguments.recipe)?;
    if !arguments.specs.is_empty() {
        recipe.ingest.specs.clone_from(&arguments.specs);
    }
    if let Some(seed) = arguments.seed {
        recipe.seed = seed;
    }
    if let Some(threads) = arguments.threads {
        recipe.threads = Some(threads);
    }
    if recipe.threads == Some(0) {
        return Err(CommandError::user("threads must be at least 1"));
    }
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = recipe.threads {
        pool = pool.num_threads(threads);
    }
    // Worlds of deeply nested schemas need more stack than a thread's default.
    pool.stack_size(16 << 20)
        .build_global()
        .map_err(|error| CommandError::work(format!("threads cannot be started: {error}")))?;
    let root = arguments
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("out").join(&recipe.name));
    Ok(Context {
        folder: RunFolder::open(&root)?,
        recipe,
        quiet: arguments.quiet,
    })
}

fn run_stage(context: &Context, stage: &Stage) -> Result<()> {
    let due = !context.folder.stage(stage.name).exists();
    let watch = Stopwatch::start();
    (stage.run)(context).inspect_err(|error| {
        // Ingest is what meets the user's input. What later stages have finished is never thrown away.
        if error.users && stage.name == STAGES[0].name {
            context.folder.discard(stage.name);
        }
    })?;
    // A stage that was skipped took no time that is worth telling.
    if due || watch.seconds() > 1.0 {
        note_seconds(context, stage.name, watch.seconds())?;
    }
    Ok(())
}

fn run_all(arguments: &RunArguments) -> Result<()> {
    let context = context(arguments)?;
    for stage in &STAGES {
        run_stage(&context, stage)?;
    }
    if context.recipe.learn.is_some() {
        learn::run(&context)?;
    }
    let root = context.folder.root();
    let report: RunReport = read_json(&root.join("report.json"))?;
    if arguments.json {
        let text = serde_json::to_string(&report)
            .map_err(|error| CommandError::work(error.to_string()))?;
        result(&text);
    }
    if !arguments.quiet {
        farewell(&context, &report);
    }
    Ok(())
}

/// What was made, where, and what to try next.
fn farewell(context: &Context, report: &RunReport) {
    let root = context.folder.root().display();
    line(&format!(
        "\nMade {} worlds, {} proven tasks and {} training trajectories in {root}",
        report.worlds.kept, report.tasks.proven, report.trajectories.kept
    ));
    line(&format!("  report        {root}/report.html"));
    line(&format!("  worlds        {root}/author/worlds/"));
    line(&format!("  training data {root}/export/"));
    let example = std::fs::read_dir(context.folder.stage("author").join("worlds"))
        .ok()
        .and_then(|entries| {
            entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .min()
        });
    if let Some(world) = example {
        line("Try next:");
        line(&format!("  practicum play {}", world.display()));
        line(&format!("  practicum check {}", world.display()));
    }
}
