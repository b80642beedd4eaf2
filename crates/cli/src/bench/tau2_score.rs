//! `practicum bench score tau2`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use practicum_bench::tau2::{
    Benchmark, Domain, Grader, Judged, Results, Simulation, Termination, pass_hat_k,
    sentences_to_judge, with_older_basis,
};

use super::tau2::open;
use crate::error::{CommandError, Result, io_error};
use crate::progress::{line, result};
use crate::run_folder::write_json;

/// Arguments of `practicum bench score tau2`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The benchmark's data: a checkout of tau2-bench, or a folder that holds `domains`.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// A file of results in the official format.
    #[arg(long, value_name = "FILE")]
    results: PathBuf,
    /// Grade against the tasks of --data instead of those in the file.
    #[arg(long)]
    fresh_tasks: bool,
    /// Judge airline and retail by DB and COMMUNICATE, as in 2025, whatever the tasks name.
    #[arg(long)]
    older_basis: bool,
    /// Where the results go with their new rewards, in the same format.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Grades every trial again, prints pass^k, and tells what could not be graded.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let benchmark = open(&arguments.data)?;
    let mut results = read(&arguments.results)?;
    let domain = domain_of(&results)?;
    if arguments.fresh_tasks {
        let fresh = benchmark
            .task_documents(domain)
            .map_err(|error| CommandError::user(error.to_string()))?;
        for document in &mut results.tasks {
            if let Some(own) = fresh.iter().find(|own| own["id"] == document["id"]) {
                document.clone_from(own);
            }
        }
    }
    let before: Vec<Option<f64>> = results.simulations.iter().map(Simulation::reward).collect();
    let problems = grade_again(&benchmark, &mut results, arguments.older_basis)?;
    let after = results.simulations.iter().map(Simulation::reward);
    let changed = before
        .iter()
        .zip(after)
        .filter(|(before, after)| before.is_some() && **before != *after)
        .count();
    if let Some(path) = &arguments.out {
        write_json(path, &results)?;
    }
    result(rates(&results).trim_end());
    if changed > 0 {
        line(&format!("{changed} rewards are not those in the file"));
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(CommandError::user(format!(
        "{} trials could not be graded; all others are\n  {}",
        problems.len(),
        problems.join("\n  ")
    )))
}

/// The domain of results.
pub(super) fn domain_of(results: &Results) -> Result<Domain> {
    results.domain().ok_or_else(|| {
        let name = &results.info.environment_info.domain_name;
        CommandError::user(format!("the domain {name} is not ported"))
    })
}

/// Grades every trial from its messages; what could not be graded, in words.
pub(super) fn grade_again(
    benchmark: &Benchmark,
    results: &mut Results,
    older_basis: bool,
) -> Result<Vec<String>> {
    let domain = domain_of(results)?;
    if older_basis {
        for document in &mut results.tasks {
            *document = with_older_basis(document.take(), domain);
        }
    }
    let grader = Grader::new(benchmark, domain, results.tasks.clone())
        .map_err(|error| CommandError::user(error.to_string()))?;
    let mut problems = Vec::new();
    for simulation in &mut results.simulations {
        let judged = judged_before(&grader, simulation);
        simulation.reward_info = match grader.grade(simulation, judged.as_deref()) {
            Ok(reward) => reward,
            Err(error) => {
                problems.push(format!(
                    "task {}, trial {}: {error}",
                    simulation.task_id,
                    simulation.trial.unwrap_or_default()
                ));
                None
            }
        };
    }
    Ok(problems)
}

/// A judge's decisions that are in the file; none is asked here.
fn judged_before(grader: &Grader, simulation: &Simulation) -> Option<Vec<Judged>> {
    let sentences = sentences_to_judge(grader.task(&simulation.task_id)?);
    let judged = simulation.reward_info.as_ref()?.nl_assertions.clone()?;
    (!sentences.is_empty() && judged.len() == sentences.len()).then_some(judged)
}

/// Reads a file of results.
pub(super) fn read(path: &Path) -> Result<Results> {
    let text = std::fs::read_to_string(path).map_err(|error| io_error(path, &error))?;
    serde_json::from_str(&text).map_err(|error| {
        CommandError::user(format!("{}: {error}", path.display()))
            .hint("name a file of results as tau2-bench writes it, in one piece")
    })
}

/// pass^k for every k that all tasks have trials for, and what is not in it.
pub(super) fn rates(results: &Results) -> String {
    let counts = results.counts();
    let pairs: Vec<(u32, u32)> = counts
        .iter()
        .map(|(_, right, all)| (*right, *all))
        .collect();
    let mut text = String::new();
    let (right, all) = pairs
        .iter()
        .fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
    let _ = writeln!(
        text,
        "{}: {right} of {all} trials of {} tasks succeed",
        results.info.environment_info.domain_name,
        pairs.len()
    );
    let fewest = pairs.iter().map(|(_, trials)| *trials).min().unwrap_or(0);
    for k in 1..=fewest {
        if let Some(share) = pass_hat_k(&pairs, k) {
            let _ = writeln!(
                text,
                "pass^{k} {:.3}  {:.3} to {:.3}",
                share.value, share.low, share.high
            );
        }
    }
    let cut = |reason| {
        let of = |one: &&Simulation| one.termination_reason == reason;
        results.simulations.iter().filter(of).count()
    };
    let infrastructure = cut(Termination::InfrastructureError);
    if infrastructure > 0 {
        let _ = writeln!(
            text,
            "not counted: {infrastructure} trials that the infrastructure ended"
        );
    }
    let unknown = results.simulations.len() - all as usize - infrastructure;
    if unknown > 0 {
        let _ = writeln!(
            text,
            "not counted: {unknown} trials whose sentences no judge has decided, or that could not be graded"
        );
    }
    text
}
