//! `practicum bench report`

use std::path::PathBuf;

use practicum_bench::report::{DomainCounts, Row, table};
use practicum_bench::tau2::Results;
use serde_json::Value;

use super::tau2::open;
use super::tau2_score::{domain_of, grade_again, read};
use crate::error::{CommandError, Result};
use crate::progress::result;
use crate::run_folder::{read_json, write_whole};

/// Arguments of `practicum bench report`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Results of tau2-bench in its own format, one file for each domain.
    #[arg(long, num_args = 1.., value_name = "FILE", requires = "data")]
    tau2: Vec<PathBuf>,
    /// The data of tau2-bench: trials are judged again, by today's basis and by that of 2025.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Scores of ACEBench: `summary.json` of a run, or what `bench score acebench --summary` wrote.
    #[arg(long, value_name = "FILE")]
    acebench: Option<PathBuf>,
    /// What the model is called in the table; its name in the results unless given.
    #[arg(long)]
    name: Option<String>,
    /// Where the report goes, as Markdown; standard output unless given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes a model's scores beside the paper's.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.tau2.is_empty() && arguments.acebench.is_none() {
        return Err(CommandError::user("there is nothing to report")
            .hint("name results with --tau2 or --acebench"));
    }
    let acebench: Option<Value> = match &arguments.acebench {
        None => None,
        Some(path) => Some(read_json(path)?),
    };
    let mut notes = Vec::new();
    let (mut today, mut older) = (Vec::new(), Vec::new());
    let mut name = arguments.name.clone();
    for path in &arguments.tau2 {
        let mut results = read(path)?;
        let domain = domain_of(&results)?;
        let known = |counts: &DomainCounts| counts.domain == domain;
        if today.iter().any(known) {
            return Err(CommandError::user(format!(
                "{}: {} is reported twice",
                path.display(),
                domain.name()
            )));
        }
        let info = &results.info;
        let agent = info.agent_info.llm.clone();
        notes.push(format!(
            "τ² {}: {} tasks, {} trials of each; agent {}, user {}; run by {}.",
            info.environment_info.domain_name,
            results.tasks.len(),
            info.num_trials,
            agent.as_deref().unwrap_or("unknown"),
            info.user_info.llm.as_deref().unwrap_or("unknown"),
            info.git_commit
        ));
        name = name.or(agent);
        let data = arguments
            .data
            .as_ref()
            .ok_or_else(|| CommandError::user("--tau2 needs --data beside it"))?;
        let benchmark = open(data)?;
        for (basis, rows, older) in [("today's", &mut today, false), ("2025's", &mut older, true)] {
            let problems = grade_again(&benchmark, &mut results, older)?;
            let left_out = results.simulations.len() - counted(&results);
            if left_out > 0 {
                notes.push(format!(
                    "τ² {}, {basis} basis: {left_out} of {} trials have no reward and are left out ({} could not be graded).",
                    domain.name(),
                    results.simulations.len(),
                    problems.len()
                ));
            }
            rows.push(DomainCounts {
                domain,
                tasks: results
                    .counts()
                    .into_iter()
                    .map(|(_, right, all)| (right, all))
                    .collect(),
            });
        }
    }
    let name = name.unwrap_or_else(|| "this model".into());
    let mut rows = vec![Row {
        name: name.clone(),
        tau2: today,
        acebench,
    }];
    if !older.is_empty() {
        rows.push(Row {
            name: format!("{name}, basis of 2025"),
            tau2: older,
            acebench: None,
        });
    }
    let text = table(&rows, &notes);
    match &arguments.out {
        Some(path) => write_whole(path, text.as_bytes()),
        None => {
            result(text.trim_end());
            Ok(())
        }
    }
}

fn counted(results: &Results) -> usize {
    results
        .counts()
        .iter()
        .map(|(_, _, all)| *all as usize)
        .sum()
}
