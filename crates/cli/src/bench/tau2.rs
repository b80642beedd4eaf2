//! `practicum bench replay tau2`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use practicum_bench::tau2::{
    Benchmark, Domain, EnvironmentInfo, Grader, Info, Party, ReplayLine, Replayed, Replayer,
    Results, Simulation, Termination, number, timestamp, trajectory,
};

use crate::clock::unix_time;
use crate::error::{CommandError, Result, io_error};
use crate::progress::line;
use crate::run_folder::write_json;

/// Arguments of `practicum bench replay tau2`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark's data: a checkout of tau2-bench, or a folder that holds `domains`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The calls: JSON lines {"domain", "task_id", "actions": [{"requestor", "name", "arguments"}]}.
    #[arg(long, value_name = "FILE")]
    actions: PathBuf,
    /// Where the verdicts go, one JSON line per line of calls; standard output unless given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the lists go as conversations, in the official program's own format of results. All of them must be of
    /// one domain.
    #[arg(long, value_name = "FILE")]
    results: Option<PathBuf>,
}

/// The benchmark's data in a folder that the user named.
pub(super) fn open(folder: &Path) -> Result<Benchmark> {
    Benchmark::open(folder).map_err(|error| {
        CommandError::user(error.to_string())
            .hint("get a checkout of github.com/sierra-research/tau2-bench")
    })
}

/// Replays lists of calls, in order. A line that cannot be replayed is reported, and the others still run.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let benchmark = open(&arguments.data)?;
    let lines = File::open(&arguments.actions)
        .map(BufReader::new)
        .map_err(|error| io_error(&arguments.actions, &error))?;
    let mut out: Box<dyn Write> = match &arguments.out {
        Some(path) => Box::new(BufWriter::new(
            File::create(path).map_err(|error| io_error(path, &error))?,
        )),
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    };
    let place = arguments
        .out
        .clone()
        .unwrap_or_else(|| "standard output".into());
    let mut replayer = Replayer::new(benchmark.clone());
    let mut played = Vec::new();
    let mut bad = 0_usize;
    for (at, calls) in lines.split(b'\n').enumerate() {
        let calls = calls.map_err(|error| io_error(&arguments.actions, &error))?;
        let replayed = match std::str::from_utf8(&calls) {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => replay(
                &mut replayer,
                text,
                arguments.results.is_some(),
                &mut played,
            ),
            Err(error) => Err(error.to_string()),
        };
        match replayed {
            Ok(replayed) => {
                let text = serde_json::to_string(&replayed)
                    .map_err(|error| CommandError::work(error.to_string()))?;
                writeln!(out, "{text}").map_err(|error| io_error(&place, &error))?;
            }
            Err(message) => {
                bad += 1;
                line(&format!(
                    "{}, line {}: {message}",
                    arguments.actions.display(),
                    at + 1
                ));
            }
        }
    }
    out.flush().map_err(|error| io_error(&place, &error))?;
    if let Some(path) = &arguments.results {
        write_json(path, &results(&benchmark, &played)?)?;
    }
    if bad > 0 {
        return Err(CommandError::user(format!(
            "{bad} line(s) of {} could not be replayed; the others were",
            arguments.actions.display()
        )));
    }
    Ok(())
}

type Played = (ReplayLine, Replayed);

fn replay(
    replayer: &mut Replayer,
    text: &str,
    keep: bool,
    played: &mut Vec<Played>,
) -> std::result::Result<Replayed, String> {
    let line: ReplayLine =
        serde_json::from_str(text).map_err(|error| format!("not a line of actions: {error}"))?;
    let replayed = replayer
        .replay(line.clone())
        .map_err(|error| error.to_string())?;
    if keep {
        played.push((line, replayed.clone()));
    }
    Ok(replayed)
}

/// The replayed lists as results: each is a trial of its task, which the user ends after the last call.
fn results(benchmark: &Benchmark, played: &[Played]) -> Result<Results> {
    let mut names: Vec<&str> = played
        .iter()
        .map(|(line, _)| line.domain.as_str())
        .collect();
    names.dedup();
    let domain = match names[..] {
        [name] => Domain::of_name(name),
        _ => None,
    }
    .ok_or_else(|| {
        CommandError::user("--results needs lists of one domain, and one that is ported")
            .hint("replay each domain by itself")
    })?;
    let now = timestamp(unix_time());
    let failed = |error: String| CommandError::user(error);
    let documents = benchmark
        .task_documents(domain)
        .map_err(|error| failed(error.to_string()))?;
    let grader =
        Grader::new(benchmark, domain, documents).map_err(|error| failed(error.to_string()))?;
    let mut results = Results {
        timestamp: Some(now.clone()),
        info: Info {
            git_commit: version(),
            num_trials: 1,
            max_steps: 0,
            max_errors: 0,
            user_info: party("replay", None),
            agent_info: party("replay", None),
            environment_info: EnvironmentInfo {
                domain_name: names[0].to_string(),
                policy: benchmark
                    .policy(domain)
                    .map_err(|error| failed(error.to_string()))?,
            },
            seed: None,
        },
        tasks: Vec::new(),
        simulations: Vec::new(),
    };
    let mut trials: BTreeMap<&str, u32> = BTreeMap::new();
    for (line, replayed) in played {
        let trial = trials.entry(&line.task_id).or_default();
        if *trial == 0 {
            results
                .tasks
                .extend(grader.document(&line.task_id).cloned());
        }
        let mut messages = trajectory(&line.actions, &replayed.outputs, "###STOP###");
        number(&mut messages, &now);
        let mut simulation = Simulation {
            id: format!("{}-{}-{trial}", domain.name(), line.task_id),
            task_id: line.task_id.clone(),
            timestamp: Some(now.clone()),
            start_time: now.clone(),
            end_time: now.clone(),
            duration: 0.0,
            termination_reason: Termination::UserStop,
            agent_cost: None,
            user_cost: None,
            reward_info: None,
            messages: Some(messages),
            trial: Some(*trial),
            seed: None,
            mode: "half_duplex".into(),
            info: None,
        };
        // Where the list cannot be graded its line of verdicts says why.
        simulation.reward_info = grader.grade(&simulation, None).ok().flatten();
        results.simulations.push(simulation);
        *trial += 1;
        results.info.num_trials = results.info.num_trials.max(*trial);
    }
    Ok(results)
}

/// This program, where results name the official one's commit.
pub(super) fn version() -> String {
    concat!("practicum ", env!("CARGO_PKG_VERSION")).into()
}

/// One side of a run.
pub(super) fn party(implementation: &str, model: Option<String>) -> Party {
    Party {
        implementation: implementation.into(),
        llm: model,
        llm_args: None,
        global_simulation_guidelines: None,
    }
}
