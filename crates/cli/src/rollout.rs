//! `practicum rollout`: a model behind an endpoint acts on tasks; with a recipe, its reference agents do.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use practicum_client::{Cassette, Client, ClientOptions, Clock, Recorder, Sampling};
use practicum_rollout::{
    EpisodeLimits, Fleet, FleetError, FleetOptions, Ground, ModelAgent, ModelVoice, Progress,
    Speech,
};
use practicum_task::Task;
use practicum_world::World;
use serde_json::json;

use crate::RunArguments;
use crate::clock::Stopwatch;
use crate::error::{CommandError, Result, io_error};
use crate::progress::{line, result};
use crate::run_folder::{read_json, write_whole};
use crate::stages::task::read_tasks;

/// What a user says in one turn is at most so long.
const VOICE_TOKENS: u32 = 256;

/// Arguments of `practicum rollout`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// With --endpoint: folders of worlds, or folders that hold such. Without: the recipe of a run.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The endpoint of a model, up to its version: http://127.0.0.1:8000/v1.
    #[arg(long, requires_all = ["model", "out"], help_heading = "A model")]
    endpoint: Option<String>,
    /// The model's name at the endpoint.
    #[arg(long, help_heading = "A model")]
    model: Option<String>,
    /// Tasks: files of JSON lines, or folders of such. Those that the folder has already, or new ones,
    /// unless given.
    #[arg(long, num_args = 1.., help_heading = "A model")]
    tasks: Vec<PathBuf>,
    /// Tasks that are made for each world where none are given.
    #[arg(long, default_value_t = 20, help_heading = "A model")]
    per_world: usize,
    /// Attempts at each task.
    #[arg(long, default_value_t = 1, help_heading = "A model")]
    attempts: u32,
    /// Episodes at one time.
    #[arg(long, default_value_t = 256, help_heading = "A model")]
    concurrency: usize,
    /// How the model makes calls: native, react, or the family whose text is read here: hermes, llama3,
    /// mistral, deepseek.
    #[arg(long, default_value = "native", help_heading = "A model")]
    speech: String,
    /// Temperature; the server's unless given.
    #[arg(long, help_heading = "A model")]
    temperature: Option<f64>,
    /// Nucleus; the server's unless given.
    #[arg(long, help_heading = "A model")]
    top_p: Option<f64>,
    /// Tokens of one reply; the server's limit unless given.
    #[arg(long, help_heading = "A model")]
    max_tokens: Option<u32>,
    /// Keep the log-probability of each token.
    #[arg(long, help_heading = "A model")]
    logprobs: bool,
    /// More members of each request, as one JSON object: {"top_k": 20}.
    #[arg(long, value_name = "JSON", help_heading = "A model")]
    extra: Option<String>,
    /// Messages to the user in an episode.
    #[arg(long, default_value_t = EpisodeLimits::default().turns, help_heading = "Limits")]
    turns: usize,
    /// Calls in an episode.
    #[arg(long, default_value_t = EpisodeLimits::default().calls, help_heading = "Limits")]
    calls: usize,
    /// Calls in a row that fail.
    #[arg(long, default_value_t = FleetOptions::default().errors, help_heading = "Limits")]
    errors: usize,
    /// Tokens of an episode's replies.
    #[arg(long, help_heading = "Limits")]
    tokens: Option<u64>,
    /// Seconds of an episode; over it is not scored, since the time is the machines'.
    #[arg(long, help_heading = "Limits")]
    time: Option<u64>,
    /// Tokens of the whole run after which no episode is begun.
    #[arg(long, help_heading = "Limits")]
    budget: Option<u64>,
    /// Requests begun within a minute.
    #[arg(long, help_heading = "Limits")]
    per_minute: Option<u32>,
    /// Connections to worlds held at one time; the other episodes' sessions are parked.
    #[arg(long, default_value_t = FleetOptions::default().connections, help_heading = "Limits")]
    connections: usize,
    /// Prices of a million tokens, of prompts and of replies: 0.5,1.5.
    #[arg(long, value_name = "IN,OUT", help_heading = "Limits")]
    prices: Option<String>,
    /// Environment variable that holds the endpoint's key.
    #[arg(long, default_value = "OPENAI_API_KEY", help_heading = "The endpoint")]
    key_env: String,
    /// Stream replies: then --patience counts from piece to piece.
    #[arg(long, help_heading = "The endpoint")]
    stream: bool,
    /// Seconds to wait for a reply.
    #[arg(long, default_value_t = 300.0, help_heading = "The endpoint")]
    patience: f64,
    /// Tries of one request.
    #[arg(long, default_value_t = 6, help_heading = "The endpoint")]
    tries: u32,
    /// Record every exchange in this file.
    #[arg(long, value_name = "FILE", help_heading = "The endpoint")]
    record: Option<PathBuf>,
    /// Answer from a recorded file instead of the endpoint.
    #[arg(long, value_name = "FILE", help_heading = "The endpoint")]
    replay: Option<PathBuf>,
    /// A model that words what the user says; what it may not say, the template says.
    #[arg(long, value_name = "MODEL", help_heading = "The user")]
    voice: Option<String>,
    /// The voice's endpoint; the agent's unless given.
    #[arg(
        long,
        value_name = "URL",
        requires = "voice",
        help_heading = "The user"
    )]
    voice_endpoint: Option<String>,
    /// With a recipe: specs to use instead of the recipe's.
    #[arg(long, num_args = 1..)]
    specs: Vec<PathBuf>,
    /// Where everything goes.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The seed of the draws.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads; all of the machine's unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Print the summary as one JSON object on standard output.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// How far a run with a model is, also while it goes on.
    Status(StatusArguments),
}

#[derive(Debug, clap::Args)]
struct StatusArguments {
    /// The run's folder.
    folder: PathBuf,
    /// Print it as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs a model, or gives the arguments of the recipe's stage back.
pub(crate) fn run(arguments: Box<Arguments>) -> Result<Option<RunArguments>> {
    if let Some(Command::Status(arguments)) = &arguments.command {
        return status(arguments).map(|()| None);
    }
    if arguments.endpoint.is_some() {
        return with_model(&arguments).map(|()| None);
    }
    let [recipe] = &arguments.paths[..] else {
        return Err(CommandError::user("worlds are given without --endpoint")
            .hint("name the model's address with --endpoint, or give one recipe"));
    };
    Ok(Some(RunArguments {
        recipe: recipe.clone(),
        specs: arguments.specs,
        out: arguments.out,
        seed: arguments.seed,
        threads: arguments.threads,
        json: arguments.json,
        quiet: arguments.quiet,
    }))
}

fn with_model(arguments: &Arguments) -> Result<()> {
    let (Some(endpoint), Some(model), Some(out)) =
        (&arguments.endpoint, &arguments.model, &arguments.out)
    else {
        return Err(CommandError::user(
            "--endpoint needs --model and --out beside it",
        ));
    };
    fs::create_dir_all(out).map_err(|error| io_error(out, &error))?;
    let worlds = load_worlds(&arguments.paths)?;
    let tasks = tasks(arguments, &worlds, out)?;
    let grounds = grounds(worlds, tasks)?;
    let watch = Stopwatch::start();
    let clock: Clock = Arc::new(move || Duration::from_secs_f64(watch.seconds()));
    let agent = agent(arguments, model)?;
    let options = fleet_options(arguments)?;
    let runtime = runtime(arguments.threads)?;
    warn_of_few_files(arguments.concurrency);
    let progress = runtime.block_on(async {
        let recorder = recorder(arguments, &agent)?;
        let connect = |endpoint: &str| {
            client(
                arguments,
                endpoint,
                &agent,
                Arc::clone(&clock),
                recorder.as_ref(),
            )
        };
        let own = connect(endpoint)?;
        let voice = match &arguments.voice {
            None => None,
            Some(name) => {
                let voice = ModelVoice {
                    model: name.clone(),
                    sampling: Sampling {
                        max_tokens: Some(VOICE_TOKENS),
                        temperature: arguments.temperature,
                        ..Sampling::default()
                    },
                    tries: 2,
                };
                let endpoint = arguments.voice_endpoint.as_deref().unwrap_or(endpoint);
                Some((voice, connect(endpoint)?))
            }
        };
        let mut fleet = Fleet::new(own, agent.clone(), grounds, options, Arc::clone(&clock))
            .map_err(fleet_error)?;
        if let Some((voice, client)) = voice {
            fleet = fleet.with_voice(voice, client);
        }
        let mut shown = 0.0;
        let quiet = arguments.quiet;
        Arc::new(fleet)
            .run(out, move |progress| {
                if !quiet && (progress.seconds - shown >= 10.0) {
                    shown = progress.seconds;
                    line(&describe(progress));
                }
            })
            .await
            .map_err(fleet_error)
    })?;
    if arguments.json {
        result(&serde_json::to_string(&progress).unwrap_or_default());
    }
    if !arguments.quiet {
        line(&describe(&progress));
    }
    let left = progress.total - progress.done;
    if left == 0 {
        return Ok(());
    }
    let error = CommandError::work(if progress.spent {
        format!("the budget of tokens is spent with {left} attempts left")
    } else {
        format!(
            "{left} attempts have no verdict: the infrastructure ended them, and they count for nothing"
        )
    });
    Err(error.hint(if progress.spent {
        "run the same command again with another --budget: it goes on where it stopped"
    } else {
        "faults.jsonl says why; run the same command again: it goes on where it stopped"
    }))
}

/// Loads worlds: a folder with `world.toml` is one, any other folder holds some.
pub(crate) fn load_worlds(paths: &[PathBuf]) -> Result<Vec<World>> {
    let mut folders = Vec::new();
    for path in paths {
        if path.join("world.toml").exists() {
            folders.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).map_err(|error| io_error(path, &error))?;
        let mut inside: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.join("world.toml").exists())
            .collect();
        if inside.is_empty() {
            return Err(CommandError::user(format!(
                "{} is no world, and holds none",
                path.display()
            ))
            .hint("a world's folder holds world.toml"));
        }
        inside.sort();
        folders.extend(inside);
    }
    folders
        .iter()
        .map(|folder| {
            World::load(folder).map_err(|error| {
                CommandError::user(format!("{}: {error}", folder.display()))
                    .hint("run `practicum check` on the folder to see every finding")
            })
        })
        .collect()
}

/// Tasks of files, or of the files of folders.
pub(crate) fn tasks_of(paths: &[PathBuf]) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for path in paths {
        let mut files = vec![path.clone()];
        if path.is_dir() {
            let entries = fs::read_dir(path).map_err(|error| io_error(path, &error))?;
            files = entries
                .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                .filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"))
                .collect();
            files.sort();
        }
        for file in files {
            tasks.extend(read_tasks(&file)?);
        }
    }
    Ok(tasks)
}

/// The tasks of a run: given, there already, or made now. They are kept with the run.
fn tasks(arguments: &Arguments, worlds: &[World], out: &Path) -> Result<Vec<Task>> {
    let kept = out.join("tasks.jsonl");
    let tasks = if !arguments.tasks.is_empty() {
        tasks_of(&arguments.tasks)?
    } else if kept.exists() {
        return read_tasks(&kept);
    } else {
        let options = practicum_task::Options {
            per_world: arguments.per_world,
            seed: arguments.seed.unwrap_or(1),
            ..practicum_task::Options::default()
        };
        let mut tasks = Vec::new();
        for world in worlds {
            let made = practicum_task::generate(world, &options)
                .map_err(|error| CommandError::work(format!("world {}: {error}", world.name())))?;
            tasks.extend(made.0);
        }
        tasks
    };
    let mut text = String::new();
    for task in &tasks {
        text.push_str(&serde_json::to_string(task).unwrap_or_default());
        text.push('\n');
    }
    write_whole(&kept, text.as_bytes())?;
    Ok(tasks)
}

fn grounds(worlds: Vec<World>, tasks: Vec<Task>) -> Result<Vec<Ground>> {
    let mut by_world: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    for task in tasks {
        by_world.entry(task.world.clone()).or_default().push(task);
    }
    let mut grounds = Vec::new();
    for world in worlds {
        let own = by_world.remove(world.name()).unwrap_or_default();
        if !own.is_empty() {
            grounds.push(Ground::new(world, own).map_err(fleet_error)?);
        }
    }
    match by_world.keys().next() {
        Some(name) => Err(CommandError::user(format!(
            "there are tasks of the world {name}, but no such world is given"
        ))
        .hint("name its folder, or the folder that holds all worlds of the run")),
        None => Ok(grounds),
    }
}

fn agent(arguments: &Arguments, model: &str) -> Result<ModelAgent> {
    let speech = Speech::parse(&arguments.speech).ok_or_else(|| {
        let known: Vec<&str> = Speech::ALL.iter().map(|speech| speech.name()).collect();
        CommandError::user(format!(
            "there is no way of speaking {:?}; there are: {}",
            arguments.speech,
            known.join(", ")
        ))
    })?;
    let extra = match &arguments.extra {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| CommandError::user(format!("--extra is no JSON object: {error}")))?,
        None => serde_json::Map::new(),
    };
    Ok(ModelAgent {
        model: model.to_string(),
        speech,
        sampling: Sampling {
            temperature: arguments.temperature,
            top_p: arguments.top_p,
            max_tokens: arguments.max_tokens,
            logprobs: arguments.logprobs.then_some(true),
            stop: if speech == Speech::React {
                vec!["\nObservation:".into()]
            } else {
                Vec::new()
            },
            extra,
        },
        seed: arguments.seed.unwrap_or(1),
    })
}

fn fleet_options(arguments: &Arguments) -> Result<FleetOptions> {
    let prices = match &arguments.prices {
        None => None,
        Some(text) => {
            let parts: Option<(f64, f64)> = text
                .split_once(',')
                .and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
            Some(parts.ok_or_else(|| {
                CommandError::user(format!("--prices {text:?} is not two numbers: 0.5,1.5"))
            })?)
        }
    };
    Ok(FleetOptions {
        attempts: arguments.attempts,
        concurrency: arguments.concurrency,
        connections: arguments.connections,
        limits: EpisodeLimits {
            turns: arguments.turns,
            calls: arguments.calls,
        },
        errors: arguments.errors,
        tokens: arguments.tokens,
        time: arguments.time.map(Duration::from_secs),
        prices,
        ..FleetOptions::default()
    })
}

fn client(
    arguments: &Arguments,
    endpoint: &str,
    agent: &ModelAgent,
    clock: Clock,
    recorder: Option<&Recorder>,
) -> Result<Client> {
    let patience = Duration::try_from_secs_f64(arguments.patience)
        .map_err(|error| CommandError::user(format!("--patience: {error}")))?;
    #[allow(clippy::disallowed_methods)] // only the binary reads the environment
    let key = std::env::var(&arguments.key_env).ok();
    let options = ClientOptions {
        key: key.filter(|key| !key.is_empty()),
        concurrency: arguments.concurrency,
        per_minute: arguments.per_minute,
        stream: arguments.stream,
        patience,
        tries: arguments.tries,
        budget: arguments.budget,
        seed: agent.seed,
        ..ClientOptions::new(endpoint)
    };
    let unusable = |error: &dyn std::fmt::Display| CommandError::user(error.to_string());
    let client = match &arguments.replay {
        None => Client::new(options, clock).map_err(|error| unusable(&error))?,
        Some(path) => {
            let file = fs::File::open(path).map_err(|error| io_error(path, &error))?;
            let cassette = Cassette::read(std::io::BufReader::new(file))
                .map_err(|error| unusable(&format!("{}: {error}", path.display())))?;
            Client::replay(options, cassette, clock)
        }
    };
    Ok(match recorder {
        None => client,
        Some(recorder) => client.recording(recorder.clone()),
    })
}

/// Where exchanges are recorded: the agent's and the voice's in one file.
fn recorder(arguments: &Arguments, agent: &ModelAgent) -> Result<Option<Recorder>> {
    let Some(path) = &arguments.record else {
        return Ok(None);
    };
    let file = fs::File::create(path).map_err(|error| io_error(path, &error))?;
    let about = json!({"model": agent.model, "sampling": agent.sampling, "voice": arguments.voice});
    let recorder =
        Recorder::new(file, about).map_err(|error| CommandError::user(error.to_string()))?;
    Ok(Some(recorder))
}

/// A runtime with as many threads as are wanted.
pub(crate) fn runtime(threads: Option<usize>) -> Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads.max(1));
    }
    builder
        .enable_all()
        .thread_stack_size(16 << 20)
        .build()
        .map_err(|error| CommandError::work(format!("threads cannot be started: {error}")))
}

#[allow(clippy::needless_pass_by_value)] // goes into `map_err`
fn fleet_error(error: FleetError) -> CommandError {
    let text = error.to_string();
    match error {
        FleetError::Stranger { .. }
        | FleetError::Changed { .. }
        | FleetError::Twice(_)
        | FleetError::OtherRun { .. } => CommandError::user(text),
        FleetError::Client(_) => CommandError::user(text)
            .hint("check --endpoint, --model and the key; what was finished is kept"),
        _ => {
            CommandError::work(text).hint("run the same command again: it goes on where it stopped")
        }
    }
}

/// Each request has a connection of its own, and each connection a file.
fn warn_of_few_files(concurrency: usize) {
    let Ok(limits) = fs::read_to_string("/proc/self/limits") else {
        return;
    };
    let most = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok());
    if let Some(most) = most
        && most < concurrency + 64
    {
        line(&format!(
            "note: this shell allows {most} open files, and {concurrency} episodes at one time want more: `ulimit -n {}`",
            concurrency + 1_000
        ));
    }
}

/// How far a run is, in one line.
fn describe(progress: &Progress) -> String {
    let failed = progress.done - progress.passed;
    let counted = progress.done - progress.set_aside().min(failed);
    let rate = |of: usize| {
        if of == 0 {
            "-".to_string()
        } else {
            format!("{:.1} %", 100.0 * progress.passed as f64 / of as f64)
        }
    };
    let mut text = format!(
        "{} of {} attempts, {} in flight; passed {}",
        progress.done,
        progress.total,
        progress.in_flight,
        rate(progress.done)
    );
    if counted != progress.done {
        text.push_str(&format!(
            " ({} without {} faults of user, world or verifier)",
            rate(counted),
            progress.done - counted
        ));
    }
    text.push_str(&format!(
        "; {} replies, {} failed tries, {} tokens; {:.1} episodes/s",
        progress.replies,
        progress.failed_tries,
        progress.usage.total(),
        progress.here as f64 / progress.seconds.max(0.001)
    ));
    let [all, template, refused] = progress.voiced;
    if all > 0 {
        text.push_str(&format!(
            "; of the user's {all} messages {} in the voice's words, {refused} wordings refused",
            all - template
        ));
    }
    // Above this, what is measured is no longer the agent alone.
    if progress.done >= 50 && progress.set_aside() * 50 > progress.done {
        text.push_str(
            "\nwarning: more than 2 % of the attempts failed by user, world or verifier; look at `evidence` in trajectories.jsonl",
        );
    }
    for (kind, count) in &progress.infrastructure {
        text.push_str(&format!("\n  {count} without a verdict: {kind}"));
    }
    text
}

fn status(arguments: &StatusArguments) -> Result<()> {
    let path = arguments.folder.join("status.json");
    if !path.exists() {
        return Err(CommandError::user(format!(
            "{} holds no run with a model",
            arguments.folder.display()
        ))
        .hint("name the folder that was given to `practicum rollout --out`"));
    }
    let mut progress: Progress = read_json(&path)?;
    // A run that was killed cannot say so; its lock is free.
    let lock = arguments.folder.join("lock");
    if !progress.over
        && let Ok(lock) = fs::File::open(&lock)
        && lock.try_lock().is_ok()
    {
        progress.over = true;
        progress.in_flight = 0;
    }
    if arguments.json {
        result(&serde_json::to_string(&progress).unwrap_or_default());
    } else {
        let state = match (progress.over, progress.done == progress.total) {
            (false, _) => "running",
            (true, true) => "finished",
            (true, false) => "stopped",
        };
        result(&format!("{state}: {}", describe(&progress)));
    }
    Ok(())
}
