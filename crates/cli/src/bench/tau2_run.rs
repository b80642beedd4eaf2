//! `practicum bench run tau2`

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use practicum_bench::run::{Folder, FolderError, at_one_time};
use practicum_bench::tau2::{
    Benchmark, Domain, Limits, Results, RunError, RunOptions, Runner, Side, Simulation, Trial,
    timestamp,
};
use practicum_client::{Clock, Sampling};

use super::models::{AgentModel, Other};
use super::tau2::{open, version};
use super::tau2_score::rates;
use crate::clock::{Stopwatch, unix_time};
use crate::error::{CommandError, Result};
use crate::progress::{Progress, line, result};
use crate::rollout::runtime;
use crate::run_folder::write_json;

/// Arguments of `practicum bench run tau2`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark's data: a checkout of tau2-bench. With data alone, tools and prompts are described in other words.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Domains: airline, retail, telecom, telecom-workflow.
    #[arg(long, num_args = 1.., default_values = ["airline", "retail", "telecom"])]
    domain: Vec<String>,
    /// The tasks' split; "all" for every task.
    #[arg(long, default_value = "base")]
    split: String,
    /// Tasks by their ids, instead of a split.
    #[arg(long, num_args = 1.., value_name = "ID")]
    task_ids: Vec<String>,
    /// Only so many tasks of each domain, the first.
    #[arg(long, value_name = "COUNT")]
    num_tasks: Option<usize>,
    /// Trials of each task.
    #[arg(long, default_value_t = 1)]
    trials: u32,
    /// Where everything goes: a folder for each domain. The same command goes on where it stopped.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    agent: AgentModel,
    /// The endpoint of the simulated user's model; the agent's unless given.
    #[arg(long, value_name = "URL", help_heading = "The user")]
    user_endpoint: Option<String>,
    /// The user's model; the agent's unless given.
    #[arg(long, help_heading = "The user")]
    user_model: Option<String>,
    /// Its temperature.
    #[arg(long, default_value_t = 0.0, help_heading = "The user")]
    user_temperature: f64,
    /// Prices of a million of its tokens, of prompts and of replies.
    #[arg(long, value_name = "IN,OUT", help_heading = "The user")]
    user_prices: Option<String>,
    /// Environment variable that holds its endpoint's key; the agent's unless given.
    #[arg(long, help_heading = "The user")]
    user_key_env: Option<String>,
    /// The model that decides the sentences of tasks that have some. Without one such trials have no reward, unless
    /// another part failed.
    #[arg(long, help_heading = "The judge")]
    judge_model: Option<String>,
    /// Its endpoint; the agent's unless given.
    #[arg(
        long,
        value_name = "URL",
        requires = "judge_model",
        help_heading = "The judge"
    )]
    judge_endpoint: Option<String>,
    /// Environment variable that holds its endpoint's key; the agent's unless given.
    #[arg(long, requires = "judge_model", help_heading = "The judge")]
    judge_key_env: Option<String>,
    /// Steps of a trial: a message of one party is one, the replies to its calls another.
    #[arg(long, default_value_t = Limits::default().steps, help_heading = "Limits")]
    max_steps: usize,
    /// Failed calls of a trial.
    #[arg(long, default_value_t = Limits::default().errors, help_heading = "Limits")]
    max_errors: usize,
    /// Seconds of a trial.
    #[arg(long, help_heading = "Limits")]
    timeout: Option<f64>,
    /// Threads; all of the machine's unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Print nothing but rates and errors.
    #[arg(long, short)]
    quiet: bool,
}

/// Plays the trials that have no record yet, domain by domain, writes each as it ends, and prints pass^k.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let benchmark = open(&arguments.data)?;
    let watch = Stopwatch::start();
    let clock: Clock = Arc::new(move || Duration::from_secs_f64(watch.seconds()));
    let runtime = runtime(arguments.threads)?;
    runtime.block_on(async {
        let usual = Sampling {
            temperature: Some(0.0),
            ..Sampling::default()
        };
        let agent = arguments.agent.side(&usual, &clock)?;
        let user = arguments.agent.other(
            &Other {
                endpoint: arguments.user_endpoint.as_deref(),
                model: arguments.user_model.as_deref(),
                temperature: arguments.user_temperature,
                key_env: arguments.user_key_env.as_deref(),
                prices: arguments.user_prices.as_deref(),
            },
            &clock,
        )?;
        let judge = match &arguments.judge_model {
            None => None,
            Some(model) => Some(arguments.agent.other(
                &Other {
                    endpoint: arguments.judge_endpoint.as_deref(),
                    model: Some(model),
                    temperature: 0.0,
                    key_env: arguments.judge_key_env.as_deref(),
                    prices: None,
                },
                &clock,
            )?),
        };
        let mut left = 0;
        for domain in &arguments.domain {
            let sides = [Some(agent.clone()), Some(user.clone()), judge.clone()];
            left += one_domain(arguments, &benchmark, domain, sides, &clock).await?;
        }
        if left == 0 {
            return Ok(());
        }
        Err(CommandError::work(format!(
            "{left} trials were not played to their end: the infrastructure ended them or the budget is spent, and they count for nothing"
        ))
        .hint("run the same command again: it goes on where it stopped"))
    })
}

/// The ids of the tasks that are run.
fn tasks(arguments: &Arguments, benchmark: &Benchmark, domain: Domain) -> Result<Vec<String>> {
    let unusable = |error: &dyn std::fmt::Display| CommandError::user(error.to_string());
    let known: Vec<String> = benchmark
        .tasks(domain)
        .map_err(|error| unusable(&error))?
        .into_iter()
        .map(|task| task.id)
        .collect();
    let mut chosen = if !arguments.task_ids.is_empty() {
        if let Some(id) = arguments.task_ids.iter().find(|id| !known.contains(id)) {
            return Err(CommandError::user(format!(
                "{} has no task {id:?}",
                domain.name()
            )));
        }
        arguments.task_ids.clone()
    } else if arguments.split == "all" {
        known
    } else {
        let mut splits = benchmark.splits(domain).map_err(|error| unusable(&error))?;
        let names: Vec<String> = splits.keys().cloned().collect();
        let split = splits.remove(&arguments.split).ok_or_else(|| {
            CommandError::user(format!(
                "{} has no split {:?}; it has: {}",
                domain.name(),
                arguments.split,
                names.join(", ")
            ))
        })?;
        let split: BTreeSet<String> = split.into_iter().collect();
        known.into_iter().filter(|id| split.contains(id)).collect()
    };
    chosen.truncate(arguments.num_tasks.unwrap_or(usize::MAX));
    Ok(chosen)
}

/// Runs one domain; how many trials have no record at the end.
async fn one_domain(
    arguments: &Arguments,
    benchmark: &Benchmark,
    name: &str,
    [agent, user, judge]: [Option<Side>; 3],
    clock: &Clock,
) -> Result<usize> {
    let (Some(agent), Some(user)) = (agent, user) else {
        return Ok(0);
    };
    let options = RunOptions {
        domain: name.to_string(),
        limits: Limits {
            steps: arguments.max_steps,
            errors: arguments.max_errors,
        },
        time: match arguments.timeout {
            None => None,
            Some(seconds) => Some(
                Duration::try_from_secs_f64(seconds)
                    .map_err(|error| CommandError::user(format!("--timeout: {error}")))?,
            ),
        },
        tries: 3,
        seed: arguments.agent.seed,
        program: version(),
    };
    let unix: Clock = Arc::new(unix_time);
    let runner = Runner::new(
        benchmark,
        options,
        agent,
        user,
        judge,
        Arc::clone(clock),
        unix,
    )
    .map_err(run_error)?;
    let domain = Domain::of_name(name)
        .ok_or_else(|| CommandError::user(format!("the domain {name:?} is not ported")))?;
    let tasks = tasks(arguments, benchmark, domain)?;
    let (mut folder, mut played) = Folder::open::<Simulation>(
        &arguments.out.join(name),
        "simulations.jsonl",
        &runner.identity(),
    )
    .map_err(folder_error)?;
    if !runner.speaks_officially() {
        line(&format!(
            "note: {} holds data alone: {name}'s tools and prompts are described in this program's words, not the benchmark's",
            arguments.data.display()
        ));
    }
    let done: BTreeSet<(String, u32)> = played
        .iter()
        .map(|one| (one.task_id.clone(), one.trial.unwrap_or_default()))
        .collect();
    // Trials of one task follow each other: they share their prompt's beginning.
    let pending: Vec<(String, u32)> = tasks
        .iter()
        .flat_map(|task| (0..arguments.trials).map(|trial| (task.clone(), trial)))
        .filter(|key| !done.contains(key))
        .collect();
    let total = tasks.len() * arguments.trials as usize;
    let (mut ended, mut lost) = (total - pending.len(), Vec::new());
    let progress = Progress::new("tau2", arguments.quiet);
    let runner = Arc::new(runner);
    let work = |(task, trial): (String, u32)| {
        let runner = Arc::clone(&runner);
        async move { runner.trial(&task, trial).await }
    };
    at_one_time(pending, arguments.agent.concurrency, work, |trial| {
        match trial.map_err(run_error)? {
            Trial::Spent => return Ok(false),
            Trial::Lost(one) => lost.push(*one),
            Trial::Played(one) => {
                folder.append(&*one).map_err(folder_error)?;
                ended += 1;
                played.push(*one);
                progress.at(ended, total);
            }
        }
        Ok::<bool, CommandError>(true)
    })
    .await?;
    progress.done(&format!("{name}: {ended} of {total} trials"));

    // Records of tasks that this command leaves out stay in the log, and out of the results.
    let mut chosen: Vec<Simulation> = played
        .into_iter()
        .chain(lost)
        .filter(|one| one.trial < Some(arguments.trials) && tasks.contains(&one.task_id))
        .collect();
    let place = |one: &Simulation| tasks.iter().position(|task| *task == one.task_id);
    chosen.sort_by_cached_key(|one| (place(one), one.trial));
    let results = Results {
        timestamp: Some(timestamp(unix_time())),
        info: runner.info(arguments.trials),
        tasks: tasks
            .iter()
            .filter_map(|task| runner.grader().document(task).cloned())
            .collect(),
        simulations: chosen,
    };
    write_json(&folder.path().join("results.json"), &results)?;
    result(rates(&results).trim_end());
    Ok(total - ended)
}

#[allow(clippy::needless_pass_by_value)] // goes into `map_err`
fn run_error(error: RunError) -> CommandError {
    let text = error.to_string();
    match error {
        RunError::Endpoint { .. } => CommandError::user(text)
            .hint("check the endpoint, the model and the key; what was finished is kept"),
        _ => CommandError::user(text),
    }
}

/// The user's folder, or the disk.
#[allow(clippy::needless_pass_by_value)] // goes into `map_err`
pub(super) fn folder_error(error: FolderError) -> CommandError {
    let text = error.to_string();
    match error {
        FolderError::OtherRun { .. } | FolderError::Record { .. } => CommandError::user(text),
        FolderError::Busy(_) | FolderError::File { .. } => CommandError::work(text),
    }
}
